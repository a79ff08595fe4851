/** The model asked about commands: what one makes the caches, the translator and the interrupts do. */
import { CERROR_ILL, Commands } from '../../model/smmu/commands.ts';
import type { CommandParts } from '../../model/smmu/commands.ts';
import type { Interrupts } from '../../model/smmu/interrupts.ts';
import type { AddressScope } from '../../model/smmu/tlb.ts';
import { readFacts, structureOf, wordsOf } from './facts.ts';
import { FEATURES } from './model-structures.ts';
import { effect, unused } from './side.ts';
import type { ProbeOf } from './side.ts';

const COMMAND_FACTS = readFacts('commands');

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Executes a command on parts that only take note of what they are asked; 'illegal' when it is refused. */
function execute(structure: bigint): readonly Call[] | 'illegal' {
  const calls: Call[] = [];
  const noting = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...args: readonly unknown[]) => {
          // What is passed may be reused by the next call.
          calls.push({ name: String(name), args: args.map((arg) => structuredClone(arg)) });
          return {};
        },
    },
  ) as CommandParts['tlb'] & CommandParts['configCache'] & CommandParts['translator'] & Interrupts;
  const registers = { e2h: true };
  const parts = {
    features: FEATURES,
    registers,
    interrupts: noting,
    configCache: noting,
    tlb: noting,
    translator: noting,
  };
  const words = Uint32Array.from(wordsOf(structure, 128, 32).map(Number));
  return new Commands(parts).execute(words) === CERROR_ILL ? 'illegal' : calls;
}

function names(structure: bigint): string {
  const calls = execute(structure);
  return calls === 'illegal' ? calls : [...new Set(calls.map(({ name }) => name))].join(' ');
}

/** Argument `at` of the first call. */
function argument(structure: bigint, at: number): unknown {
  const calls = execute(structure);
  return calls === 'illegal' ? calls : calls[0]?.args[at];
}

/** What an invalidation by address is for; undefined when the command does none. */
function scope(structure: bigint): AddressScope | undefined {
  return argument(structure, 0) as AddressScope | undefined;
}

function given(name: string, fields: Readonly<Record<string, bigint>> = {}): bigint {
  const facts = COMMAND_FACTS.filter(({ structure }) => structure === name);
  return structureOf(facts, { opcode: BigInt(facts[0]?.at ?? 0), ...fields });
}

/** The opcode does what the command does, and it alone. */
function opcode(name: string, does: string, fields: Readonly<Record<string, bigint>> = {}): Record<string, ProbeOf> {
  return {
    [`${name}.opcode`]: (fact) => ({
      kind: 'reads',
      read: names,
      given: given(name, fields),
      values: [BigInt(fact.at ?? 0)],
      expected: () => does,
    }),
  };
}

const refusedWith = (name: string): ProbeOf => effect((s) => names(s) === 'illegal', { given: given(name) });
const stream = (name: string): ProbeOf => effect((s) => argument(s, 0), { given: given(name) });

/** A SubstreamID counts with SSV alone. */
function substream(name: string): Record<string, ProbeOf> {
  return {
    [`${name}.SSV`]: effect((s) => (argument(s, 1) === -1 ? 0n : argument(s, 1)), {
      given: given(name, { SubstreamID: 1n }),
    }),
    [`${name}.SubstreamID`]: effect((s) => argument(s, 1), { given: given(name, { SSV: 1n }) }),
  };
}

const NO_128 = 'no 128-bit descriptors';

function byAddress(name: string, does: string): Record<string, ProbeOf> {
  const ranged = { TG: 1n, TTL: 3n };
  return {
    ...opcode(name, does),
    [`${name}.Leaf`]: effect((s) => scope(s)?.leafOnly, { given: given(name) }),
    [`${name}.Address`]: effect((s) => ((BigInt(scope(s)?.high ?? 0) << 32n) | BigInt(scope(s)?.low ?? 0)) >> 12n, {
      given: given(name),
    }),
    [`${name}.NUM`]: effect((s) => (scope(s)?.pages ?? 0) - 1, { given: given(name, ranged) }),
    [`${name}.SCALE`]: effect((s) => Math.log2(scope(s)?.pages ?? 0), {
      given: given(name, ranged),
      only: { bits: 5, why: 'bit 25 is RES0 without IDR5.DS' },
    }),
    [`${name}.TTL`]: effect((s) => scope(s)?.level, { given: given(name, { TG: 1n, NUM: 1n }) }),
    [`${name}.TG`]: effect((s) => scope(s)?.tg, { given: given(name, { NUM: 1n }) }),
    ...unused(name, NO_128, 'TTL128'),
  };
}

function refused(why: string, ...commands: readonly string[]): Record<string, ProbeOf> {
  return Object.fromEntries(
    COMMAND_FACTS.filter(({ structure }) => commands.some((name) => structure.startsWith(name))).map((fact) => [
      `${fact.structure}.${fact.field}`,
      (): ReturnType<ProbeOf> => ({ kind: 'unused', why: `${why}: refused as any Reserved opcode is` }),
    ]),
  );
}

export const COMMAND_PROBES: Record<string, ProbeOf> = {
  ...refused('no EL3', 'CMD_TLBI_EL3'),
  ...refused(
    'no ATS, PRI, stalls, MPAM and DPT',
    'CMD_ATC',
    'CMD_PRI',
    'CMD_RESUME',
    'CMD_STALL',
    'CMD_CFGI_VMS',
    'CMD_DPTI',
  ),
  ...opcode('CMD_PREFETCH_CONFIG', 'prefetchConfiguration'),
  ...opcode('CMD_PREFETCH_ADDR', 'prefetchAddress'),
  ...opcode('CMD_CFGI_STE', 'invalidateSte'),
  ...opcode('CMD_CFGI_STE_RANGE', 'invalidateSteRange'),
  ...opcode('CMD_CFGI_ALL', 'invalidateAll', { Range: 31n }),
  ...opcode('CMD_CFGI_CD', 'invalidateCd'),
  ...opcode('CMD_CFGI_CD_ALL', 'invalidateCds'),
  ...opcode('CMD_TLBI_NH_ALL', 'invalidateVmid'),
  ...opcode('CMD_TLBI_NH_ASID', 'invalidateAsid'),
  ...opcode('CMD_TLBI_EL2_ALL', 'invalidateEl2'),
  ...opcode('CMD_TLBI_EL2_ASID', 'invalidateAsid'),
  ...opcode('CMD_TLBI_S12_VMALL', 'invalidateVmid'),
  ...opcode('CMD_TLBI_NSNH_ALL', 'invalidateEl1'),
  ...opcode('CMD_SYNC', 'raise', { CS: 1n }),
  'CMD_PREFETCH_CONFIG.StreamID': stream('CMD_PREFETCH_CONFIG'),
  'CMD_PREFETCH_ADDR.StreamID': stream('CMD_PREFETCH_ADDR'),
  'CMD_CFGI_STE.StreamID': stream('CMD_CFGI_STE'),
  'CMD_CFGI_STE_RANGE.StreamID': stream('CMD_CFGI_STE_RANGE'),
  'CMD_CFGI_CD.StreamID': stream('CMD_CFGI_CD'),
  'CMD_CFGI_CD_ALL.StreamID': stream('CMD_CFGI_CD_ALL'),
  'CMD_PREFETCH_CONFIG.SSec': refusedWith('CMD_PREFETCH_CONFIG'),
  'CMD_PREFETCH_ADDR.SSec': refusedWith('CMD_PREFETCH_ADDR'),
  'CMD_CFGI_STE.SSec': refusedWith('CMD_CFGI_STE'),
  'CMD_CFGI_STE_RANGE.SSec': refusedWith('CMD_CFGI_STE_RANGE'),
  'CMD_CFGI_ALL.SSec': refusedWith('CMD_CFGI_ALL'),
  'CMD_CFGI_CD.SSec': refusedWith('CMD_CFGI_CD'),
  'CMD_CFGI_CD_ALL.SSec': refusedWith('CMD_CFGI_CD_ALL'),
  ...substream('CMD_PREFETCH_CONFIG'),
  ...substream('CMD_PREFETCH_ADDR'),
  'CMD_CFGI_STE.Leaf': effect((s) => argument(s, 1), { given: given('CMD_CFGI_STE') }),
  'CMD_CFGI_CD.SubstreamID': effect((s) => argument(s, 1), { given: given('CMD_CFGI_CD') }),
  'CMD_CFGI_CD.Leaf': effect((s) => argument(s, 2), { given: given('CMD_CFGI_CD') }),
  'CMD_CFGI_STE_RANGE.Range': effect((s) => (names(s) === 'invalidateAll' ? 31 : Number(argument(s, 1)) - 1), {
    given: given('CMD_CFGI_STE_RANGE'),
  }),
  'CMD_CFGI_ALL.Range': effect((s) => (names(s) === 'invalidateAll' ? 31 : Number(argument(s, 1)) - 1), {
    given: given('CMD_CFGI_ALL'),
  }),
  'CMD_TLBI_NH_ALL.VMID': effect((s) => argument(s, 0), { given: given('CMD_TLBI_NH_ALL') }),
  'CMD_TLBI_NH_ASID.VMID': effect((s) => argument(s, 0), { given: given('CMD_TLBI_NH_ASID') }),
  'CMD_TLBI_NH_ASID.ASID': effect((s) => argument(s, 1), { given: given('CMD_TLBI_NH_ASID') }),
  'CMD_TLBI_S12_VMALL.VMID': effect((s) => argument(s, 0), { given: given('CMD_TLBI_S12_VMALL') }),
  ...byAddress('CMD_TLBI_NH_VA', 'invalidateVa'),
  'CMD_TLBI_NH_VA.VMID': effect((s) => argument(s, 1), { given: given('CMD_TLBI_NH_VA') }),
  'CMD_TLBI_NH_VA.ASID': effect((s) => argument(s, 2), { given: given('CMD_TLBI_NH_VA') }),
  ...byAddress('CMD_TLBI_NH_VAA', 'invalidateVa'),
  'CMD_TLBI_NH_VAA.VMID': effect((s) => argument(s, 1), { given: given('CMD_TLBI_NH_VAA') }),
  ...byAddress('CMD_TLBI_S2_IPA', 'invalidateIpa'),
  'CMD_TLBI_S2_IPA.VMID': effect((s) => argument(s, 1), { given: given('CMD_TLBI_S2_IPA') }),
  // CR2.E2H is 1 here, so that the ASID counts.
  ...byAddress('CMD_TLBI_EL2_VA', 'invalidateVa'),
  'CMD_TLBI_EL2_VA.ASID': effect((s) => argument(s, 2), { given: given('CMD_TLBI_EL2_VA') }),
  ...byAddress('CMD_TLBI_EL2_VAA', 'invalidateVa'),
  'CMD_TLBI_EL2_ASID.ASID': effect((s) => argument(s, 1), { given: given('CMD_TLBI_EL2_ASID') }),
  'CMD_PREFETCH_ADDR.Address': effect((s) => prefetched(s, 0) >> 12n, { given: given('CMD_PREFETCH_ADDR') }),
  'CMD_PREFETCH_ADDR.Size': effect((s) => Math.min(32, prefetches(s).length), {
    given: given('CMD_PREFETCH_ADDR'),
    expected: (v) => BigInt(Math.min(32, 2 ** Number(v))),
  }),
  'CMD_PREFETCH_ADDR.Stride': effect((s) => prefetched(s, 1) - prefetched(s, 0), {
    given: given('CMD_PREFETCH_ADDR', { Size: 1n }),
    expected: (v) => 1n << (12n + v),
  }),
  'CMD_SYNC.CS': effect((s) => names(s), {
    given: given('CMD_SYNC'),
    values: [0n, 1n, 2n, 3n],
    expected: (v) => ['', 'raise', '', 'illegal'][Number(v)],
  }),
  ...unused('CMD_PREFETCH_ADDR', 'for Secure streams', 'NS'),
  ...unused('CMD_CFGI_ALL', 'without meaning with Range 31', 'StreamID'),
  ...unused('CMD_SYNC', 'MSIs are not implemented', 'MSH MSIAttr MSIData MSIAddress MSI_NS'),
};

function prefetches(structure: bigint): readonly Call[] {
  const calls = execute(structure);
  return calls === 'illegal' ? [] : calls.filter(({ name }) => name === 'prefetchAddress');
}

function prefetched(structure: bigint, at: number): bigint {
  const [, , high, low] = (prefetches(structure)[at]?.args ?? [0, 0, 0, 0]) as [unknown, unknown, number, number];
  return (BigInt(high) << 32n) | BigInt(low);
}
