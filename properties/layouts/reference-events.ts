/** The reference asked about events: the record that it expects. */
import { eventRecord } from '../../reference/events.ts';
import type { EventName, EventSource, Stage2Cause } from '../../reference/events.ts';
import { ones } from './facts.ts';
import { unused, writes } from './side.ts';
import type { ProbeOf } from './side.ts';

const ADDRESSES = { oas: 56, minor: 4, s2p: true };

interface Fault {
  readonly fetchAddress?: bigint;
  readonly stage2?: Stage2Cause | undefined;
}

function record(name: EventName, source: Partial<EventSource>, fault: Fault = {}): bigint {
  const whole: EventSource = {
    streamId: 0,
    substreamId: undefined,
    inputAddress: 0n,
    write: true,
    privileged: false,
    instruction: false,
    ...source,
  };
  return eventRecord(name, whole, ADDRESSES, { cause: 'EVT-001', ...fault }).words.reduceRight(
    (all, word) => (all << 64n) | word,
    0n,
  );
}

/** Bits of a record that the reference does not expect anything of. */
function unknownIn(name: EventName): bigint {
  const known = eventRecord(
    name,
    { streamId: 0, substreamId: 0, inputAddress: 0n, write: true, privileged: false, instruction: false },
    ADDRESSES,
    { cause: 'EVT-001' },
  ).known.reduceRight((all, word) => (all << 64n) | word, 0n);
  return known ^ ones(256);
}

const CLASSES = ['CD', 'TT', 'IN'] as const;

function eventProbes(name: EventName): Record<string, ProbeOf> {
  const put = (source: (v: bigint) => Partial<EventSource>): ProbeOf => writes((v) => record(name, source(v)));
  // Where in the TLB a conflict was found may be anywhere.
  const conflict = name === 'F_TLB_CONFLICT';
  // What the class of a stage 1 fault is.
  const ownCause = name === 'F_WALK_EABT' ? 'TT' : 'IN';
  return {
    [`${name}.number`]: (fact) => ({
      kind: 'writes',
      write: (v) => (v === 0n ? 0n : record(name, {}) & ones(32)),
      values: [BigInt(fact.at ?? 0)],
    }),
    [`${name}.StreamID`]: put((v) => ({ streamId: Number(v) })),
    [`${name}.SSV`]: put((v) => ({ substreamId: v === 0n ? undefined : 0 })),
    [`${name}.SubstreamID`]: put((v) => ({ substreamId: Number(v) })),
    [`${name}.PnU`]: put((v) => ({ privileged: v === 1n })),
    [`${name}.InD`]: writes((v) => record(name, { write: false, instruction: v === 1n })),
    [`${name}.RnW`]: put((v) => ({ write: v === 0n })),
    // A Permission fault of a table access says more than its class: left out.
    [`${name}.CLASS`]: writes(
      (v) => record(name, {}, { stage2: { cause: CLASSES[Number(v)] ?? 'IN', ipa: 0n } }),
      name === 'F_PERMISSION' ? [2n] : [1n, 2n],
    ),
    [`${name}.S2`]: conflict
      ? () => ({ kind: 'mask', mask: unknownIn(name) & (ones(32) << 96n) })
      : writes((v) => record(name, {}, { stage2: v === 0n ? undefined : { cause: ownCause, ipa: 0n } })),
    [`${name}.InputAddr`]: put((v) => ({ inputAddress: v })),
    [`${name}.FetchAddr`]: writes((v) => record(name, {}, { fetchAddress: v << 3n })),
    // What is IMPLEMENTATION DEFINED or UNKNOWN in the record is what the reference lets be anything.
    [`${name}.Reason`]: () => ({ kind: 'mask', mask: unknownIn(name) & (ones(32) << 64n) }),
    [`${name}.STAG`]: () => ({ kind: 'mask', mask: unknownIn(name) & (ones(32) << 64n) }),
    [`${name}.IPA`]: conflict
      ? () => ({ kind: 'mask', mask: unknownIn(name) & (ones(64) << 192n) })
      : writes((v) => record(name, {}, { stage2: { cause: 'IN', ipa: v << 12n } })),
    [`${name}.TTRnW`]: () => ({ kind: 'mask', mask: unknownIn(name) & (ones(32) << 96n) }),
    ...unused(name, 'for Realms', 'GPCF'),
    ...unused(name, 'stalls are outside', 'Stall'),
    ...unused(name, 'for Secure streams', 'NSIPA'),
  };
}

export const EVENT_PROBES: Record<string, ProbeOf> = {
  ...eventProbes('C_BAD_STREAMID'),
  ...eventProbes('F_STE_FETCH'),
  ...eventProbes('C_BAD_STE'),
  ...eventProbes('F_STREAM_DISABLED'),
  ...eventProbes('C_BAD_SUBSTREAMID'),
  ...eventProbes('F_CD_FETCH'),
  ...eventProbes('C_BAD_CD'),
  ...eventProbes('F_WALK_EABT'),
  ...eventProbes('F_TRANSLATION'),
  ...eventProbes('F_ADDR_SIZE'),
  ...eventProbes('F_ACCESS'),
  ...eventProbes('F_PERMISSION'),
  ...eventProbes('F_TLB_CONFLICT'),
  ...eventProbes('F_CFG_CONFLICT'),
  ...unused('F_UUT', 'never expected', 'number StreamID SSV SubstreamID Reason PnU InD RnW InputAddr'),
};
