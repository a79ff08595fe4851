/** The model asked about events: the record that is written. */
import * as events from '../../model/smmu/events.ts';
import { ones, readFacts } from './facts.ts';
import { unused, writes } from './side.ts';
import type { ProbeOf } from './side.ts';

interface Source extends Partial<events.EventSource> {
  readonly privileged?: boolean;
  readonly instruction?: boolean;
  readonly fault?: Partial<events.FaultSource>;
}

function record(event: number, source: Source): bigint {
  const words = new Uint32Array(8);
  const whole = { streamId: 0, substreamId: -1, addressHi: 0, addressLo: 0, write: true, ...source };
  const { privileged = false, instruction = false } = source;
  const fault = { stage2: false, cause: events.CLASS_CD, ipa: 0, fetchAddress: 0, ...source.fault };
  events.encodeEvent(words, event, whole, privileged, instruction, fault);
  return words.reduceRight((all, word) => (all << 32n) | BigInt(word), 0n);
}

function eventProbes(name: string, event: number): Record<string, ProbeOf> {
  const put = (source: (value: bigint) => Source): ProbeOf => writes((v) => record(event, source(v)));
  return {
    [`${name}.number`]: (fact) => ({
      kind: 'writes',
      write: (v) => (v === 0n ? 0n : record(event, {}) & ones(32)),
      values: [BigInt(fact.at ?? 0)],
    }),
    [`${name}.StreamID`]: put((v) => ({ streamId: Number(v) })),
    [`${name}.SSV`]: put((v) => ({ substreamId: v === 0n ? -1 : 0 })),
    [`${name}.SubstreamID`]: put((v) => ({ substreamId: Number(v) })),
    [`${name}.PnU`]: put((v) => ({ privileged: v === 1n })),
    [`${name}.InD`]: put((v) => ({ instruction: v === 1n })),
    [`${name}.RnW`]: put((v) => ({ write: v === 0n })),
    [`${name}.CLASS`]: put((v) => ({ fault: { cause: Number(v) } })),
    [`${name}.S2`]: put((v) => ({ fault: { stage2: v === 1n } })),
    [`${name}.InputAddr`]: put((v) => ({ addressHi: Number(v >> 32n), addressLo: Number(v & ones(32)) })),
    [`${name}.FetchAddr`]: put((v) => ({ fault: { fetchAddress: Number(v << 3n) } })),
    [`${name}.IPA`]: put((v) => ({ fault: { stage2: true, ipa: Number(v << 12n) } })),
    // The read of a descriptor, told from the same with an event that has no such bit.
    [`${name}.TTRnW`]: writes((v) => {
      const read = { fault: { stage2: true, cause: events.CLASS_TT } };
      return (record(v === 1n ? event : events.F_ACCESS, read) >> 64n) << 64n;
    }),
    ...unused(name, 'IMPLEMENTATION DEFINED, and zero', 'Reason'),
    ...unused(name, 'for Realms', 'GPCF'),
    ...unused(name, 'stalls are not implemented', 'STAG Stall'),
    ...unused(name, 'for Secure streams', 'NSIPA'),
  };
}

const NEVER = (): ReturnType<ProbeOf> => ({ kind: 'unused', why: 'the model never records this event' });

export const EVENT_PROBES: Record<string, ProbeOf> = {
  ...eventProbes('C_BAD_STREAMID', events.C_BAD_STREAMID),
  ...eventProbes('F_STE_FETCH', events.F_STE_FETCH),
  ...eventProbes('C_BAD_STE', events.C_BAD_STE),
  ...eventProbes('F_STREAM_DISABLED', events.F_STREAM_DISABLED),
  ...eventProbes('C_BAD_SUBSTREAMID', events.C_BAD_SUBSTREAMID),
  ...eventProbes('F_CD_FETCH', events.F_CD_FETCH),
  ...eventProbes('C_BAD_CD', events.C_BAD_CD),
  ...eventProbes('F_WALK_EABT', events.F_WALK_EABT),
  ...eventProbes('F_TRANSLATION', events.F_TRANSLATION),
  ...eventProbes('F_ADDR_SIZE', events.F_ADDR_SIZE),
  ...eventProbes('F_ACCESS', events.F_ACCESS),
  ...eventProbes('F_PERMISSION', events.F_PERMISSION),
  ...Object.fromEntries(
    readFacts('events')
      .filter(({ structure }) => ['F_UUT', 'F_TLB_CONFLICT', 'F_CFG_CONFLICT'].includes(structure))
      .map(({ structure, field }) => [`${structure}.${field}`, NEVER]),
  ),
};
