/** The reference asked about commands: the first thing that consuming one may do; the others are for Reserved fields that are not zero. */
import { commandOptions } from '../../reference/commands.ts';
import type { CommandEffect } from '../../reference/commands.ts';
import type { Features } from '../../reference/features.ts';
import { readFacts, structureOf, wordsOf } from './facts.ts';
import { FEATURES } from './reference-structures.ts';
import { effect, unused } from './side.ts';
import type { ProbeOf } from './side.ts';

const COMMAND_FACTS = readFacts('commands');

function consumed(structure: bigint, f: Features = FEATURES): CommandEffect | undefined {
  const [word0 = 0n, word1 = 0n] = wordsOf(structure, 128, 64);
  return commandOptions(word0, word1, f)?.[0]?.effect;
}

function given(name: string, fields: Readonly<Record<string, bigint>> = {}): bigint {
  const facts = COMMAND_FACTS.filter(({ structure }) => structure === name);
  return structureOf(facts, { opcode: BigInt(facts[0]?.at ?? 0), ...fields });
}

/** An effect as far as it tells commands apart. */
function inWords(effectOf: CommandEffect | undefined): string {
  if (effectOf === undefined) return 'outside';
  if (effectOf.kind !== 'invalidate') return effectOf.kind;
  const { scope } = effectOf;
  if (scope.cache === 'tlb') {
    return `${scope.stage}: ${scope.range === undefined ? 'all' : 'range'} of ${scope.asid === undefined ? 'every ASID' : 'one ASID'}`;
  }
  return `${scope.ste ? 'STE' : 'CD'} ${scope.first === scope.last ? 'one' : 'many'}`;
}

function opcode(name: string, does: string, fields: Readonly<Record<string, bigint>> = {}): Record<string, ProbeOf> {
  return {
    [`${name}.opcode`]: (fact) => ({
      kind: 'reads',
      read: (s) => inWords(consumed(s)),
      given: given(name, fields),
      values: [BigInt(fact.at ?? 0)],
      expected: () => does,
    }),
  };
}

/** All StreamIDs and SubstreamIDs in range, so that each bit of one shows. */
const ALL_STREAMS: Features = { ...FEATURES, sidSize: 32, ssidSize: 20 };

const refusedWith = (name: string): ProbeOf => effect((s) => consumed(s)?.kind === 'illegal', { given: given(name) });

const stream = (name: string): ProbeOf =>
  effect(
    (s) => {
      const does = consumed(s, ALL_STREAMS);
      if (does?.kind === 'prefetch') return does.streamId;
      return does?.kind === 'invalidate' && does.scope.cache === 'config' ? does.scope.first : does?.kind;
    },
    { given: given(name) },
  );

/** The TLB scope of a command; undefined when it is no such command. */
function scope(s: bigint) {
  const does = consumed(s);
  return does?.kind === 'invalidate' && does.scope.cache === 'tlb' ? does.scope : undefined;
}

function configScope(s: bigint) {
  const does = consumed(s, ALL_STREAMS);
  return does?.kind === 'invalidate' && does.scope.cache === 'config' ? does.scope : undefined;
}

function pagesOf(s: bigint): bigint {
  const range = scope(s)?.range;
  return range === undefined ? 0n : (range.last - range.first + 1n) >> 12n;
}

function byAddress(name: string, does: string): Record<string, ProbeOf> {
  const ranged = { TG: 1n, TTL: 3n };
  return {
    ...opcode(name, does),
    [`${name}.Leaf`]: effect((s) => scope(s)?.leaf, { given: given(name) }),
    [`${name}.Address`]: effect((s) => (scope(s)?.range?.first ?? 0n) >> 12n, {
      given: given(name),
      only: { bits: 36, why: 'what is above the input size must be a sign, else the command may do nothing' },
    }),
    [`${name}.NUM`]: effect((s) => pagesOf(s) - 1n, { given: given(name, ranged) }),
    [`${name}.SCALE`]: effect((s) => pagesOf(s).toString(2).length - 1, {
      given: given(name, ranged),
      only: { bits: 5, why: 'bit 25 is RES0 without IDR5.DS' },
    }),
    [`${name}.TTL`]: effect((s) => scope(s)?.ttl, { given: given(name, { TG: 1n, NUM: 1n }) }),
    [`${name}.TG`]: effect((s) => scope(s)?.granule ?? 0n, {
      given: given(name, { NUM: 3n }),
      values: [0n, 1n, 2n, 3n],
      expected: (tg) => [0n, 12n, 14n, 16n][Number(tg)],
    }),
    [`${name}.VMID`]: effect((s) => scope(s)?.vmid, { given: given(name) }),
    ...unused(name, 'no 128-bit descriptors', 'TTL128'),
  };
}

function outside(why: string, ...commands: readonly string[]): Record<string, ProbeOf> {
  return Object.fromEntries(
    COMMAND_FACTS.filter(({ structure }) => commands.some((name) => structure.startsWith(name))).map((fact) => [
      `${fact.structure}.${fact.field}`,
      (): ReturnType<ProbeOf> => ({ kind: 'unused', why: `${why}: outside, or refused as a Reserved opcode is` }),
    ]),
  );
}

const range: ReturnType<ProbeOf> = {
  kind: 'reads',
  read: (s) => {
    const does = consumed(s, ALL_STREAMS);
    if (does?.kind !== 'invalidate' || does.scope.cache !== 'config') return does?.kind;
    return BigInt(Math.log2(does.scope.last - does.scope.first + 1) - 1);
  },
  // 31 is all StreamIDs, which are no more than with 31 in any other meaning.
  given: given('CMD_CFGI_STE_RANGE'),
};

export const COMMAND_PROBES: Record<string, ProbeOf> = {
  ...outside('no EL2 and EL3', 'CMD_TLBI_EL2', 'CMD_TLBI_EL3'),
  ...outside(
    'no ATS, PRI, stalls, MPAM and DPT',
    'CMD_ATC',
    'CMD_PRI',
    'CMD_RESUME',
    'CMD_STALL',
    'CMD_CFGI_VMS',
    'CMD_DPTI',
  ),
  ...opcode('CMD_PREFETCH_CONFIG', 'prefetch'),
  ...opcode('CMD_PREFETCH_ADDR', 'prefetch'),
  ...opcode('CMD_CFGI_STE', 'STE one'),
  ...opcode('CMD_CFGI_STE_RANGE', 'STE many'),
  ...opcode('CMD_CFGI_ALL', 'STE many', { Range: 31n }),
  ...opcode('CMD_CFGI_CD', 'CD one'),
  ...opcode('CMD_CFGI_CD_ALL', 'CD one'),
  ...opcode('CMD_TLBI_NH_ALL', 'VA: all of every ASID'),
  ...opcode('CMD_TLBI_NH_ASID', 'VA: all of one ASID'),
  ...opcode('CMD_TLBI_S12_VMALL', 'both: all of every ASID'),
  ...opcode('CMD_TLBI_NSNH_ALL', 'both: all of every ASID'),
  ...opcode('CMD_SYNC', 'sync'),
  'CMD_PREFETCH_CONFIG.StreamID': stream('CMD_PREFETCH_CONFIG'),
  'CMD_PREFETCH_ADDR.StreamID': stream('CMD_PREFETCH_ADDR'),
  'CMD_CFGI_STE.StreamID': stream('CMD_CFGI_STE'),
  // A range starts at a multiple of its size, which is at least 2.
  'CMD_CFGI_STE_RANGE.StreamID': (fact) => ({
    ...stream('CMD_CFGI_STE_RANGE')(fact),
    expected: (v: bigint) => v & ~1n,
  }),
  'CMD_CFGI_CD.StreamID': stream('CMD_CFGI_CD'),
  'CMD_CFGI_CD_ALL.StreamID': stream('CMD_CFGI_CD_ALL'),
  'CMD_PREFETCH_CONFIG.SSec': refusedWith('CMD_PREFETCH_CONFIG'),
  'CMD_PREFETCH_ADDR.SSec': refusedWith('CMD_PREFETCH_ADDR'),
  'CMD_CFGI_STE.SSec': refusedWith('CMD_CFGI_STE'),
  'CMD_CFGI_STE_RANGE.SSec': refusedWith('CMD_CFGI_STE_RANGE'),
  'CMD_CFGI_ALL.SSec': refusedWith('CMD_CFGI_ALL'),
  'CMD_CFGI_CD.SSec': refusedWith('CMD_CFGI_CD'),
  'CMD_CFGI_CD_ALL.SSec': refusedWith('CMD_CFGI_CD_ALL'),
  'CMD_CFGI_STE.Leaf': effect((s) => configScope(s)?.leaf, { given: given('CMD_CFGI_STE') }),
  'CMD_CFGI_CD.SubstreamID': effect((s) => configScope(s)?.substreamId, { given: given('CMD_CFGI_CD') }),
  'CMD_CFGI_CD.Leaf': effect((s) => configScope(s)?.leaf, { given: given('CMD_CFGI_CD') }),
  'CMD_CFGI_STE_RANGE.Range': () => range,
  'CMD_CFGI_ALL.Range': () => range,
  'CMD_TLBI_NH_ALL.VMID': effect((s) => scope(s)?.vmid, { given: given('CMD_TLBI_NH_ALL') }),
  'CMD_TLBI_NH_ASID.VMID': effect((s) => scope(s)?.vmid, { given: given('CMD_TLBI_NH_ASID') }),
  'CMD_TLBI_S12_VMALL.VMID': effect((s) => scope(s)?.vmid, { given: given('CMD_TLBI_S12_VMALL') }),
  ...byAddress('CMD_TLBI_S2_IPA', 'IPA: range of every ASID'),
  'CMD_TLBI_NH_ASID.ASID': effect((s) => scope(s)?.asid, { given: given('CMD_TLBI_NH_ASID') }),
  ...byAddress('CMD_TLBI_NH_VA', 'VA: range of one ASID'),
  'CMD_TLBI_NH_VA.ASID': effect((s) => scope(s)?.asid, { given: given('CMD_TLBI_NH_VA') }),
  ...byAddress('CMD_TLBI_NH_VAA', 'VA: range of every ASID'),
  'CMD_PREFETCH_ADDR.Address': effect(
    (s) => {
      const does = consumed(s);
      return does?.kind === 'prefetch' ? (does.address ?? 0n) >> 12n : does?.kind;
    },
    { given: given('CMD_PREFETCH_ADDR') },
  ),
  'CMD_SYNC.CS': effect(
    (s) => {
      const does = consumed(s);
      return does?.kind === 'sync' ? does.interrupt : does?.kind;
    },
    { given: given('CMD_SYNC'), values: [0n, 1n, 2n, 3n], expected: (v) => [0n, 1n, 0n, 'illegal'][Number(v)] },
  ),
  ...unused('CMD_PREFETCH_CONFIG', 'only named by a rule', 'SSV SubstreamID'),
  ...unused('CMD_PREFETCH_ADDR', 'only named by a rule', 'SSV SubstreamID'),
  ...unused('CMD_PREFETCH_ADDR', 'how much is prefetched is the implementation’s choice', 'Size Stride'),
  ...unused('CMD_PREFETCH_ADDR', 'for Secure streams', 'NS'),
  ...unused('CMD_CFGI_ALL', 'without meaning with Range 31', 'StreamID'),
  ...unused('CMD_SYNC', 'MSIs are outside', 'MSH MSIAttr MSIData MSIAddress MSI_NS'),
};

/** Whether more bits of a command may make it malformed; undefined for a command that the reference leaves out. */
export function reservedInCommand(name: string, extra: bigint): boolean | undefined {
  const options = (structure: bigint) => {
    const [word0 = 0n, word1 = 0n] = wordsOf(structure, 128, 64);
    return commandOptions(word0, word1, FEATURES);
  };
  const ranged = COMMAND_FACTS.some(({ structure, field }) => structure === name && field === 'TG');
  const base = given(name, ranged ? { TG: 1n, TTL: 3n } : {});
  const without = options(base);
  if (without === undefined || without[0]?.effect.kind === 'illegal') return undefined;
  return (options(base | extra)?.length ?? 0) > without.length;
}
