/** The model asked about commands, events and registers; structures are in model-structures.ts. */
import { isDeepStrictEqual } from 'node:util';
import { CERROR_ILL, Commands } from '../../model/smmu/commands.ts';
import type { CommandParts } from '../../model/smmu/commands.ts';
import * as events from '../../model/smmu/events.ts';
import { ADDRESS_SIZES, aidr, idr0, idr1, idr3, idr5 } from '../../model/smmu/features.ts';
import type { Features } from '../../model/smmu/features.ts';
import { Interrupts } from '../../model/smmu/interrupts.ts';
import { maskIn } from '../../model/smmu/layout.ts';
import * as map from '../../model/smmu/register-map.ts';
import type { AddressScope } from '../../model/smmu/tlb.ts';
import { Registers } from '../../model/smmu/registers.ts';
import { lower } from '../../scenario/lower.ts';
import { openModel } from '../../subjects/model.ts';
import { ones, readFacts, structureOf, wordsOf } from './facts.ts';
import { cachedBlock, descriptorProbes } from './descriptor-walks.ts';
import { PROFILE } from './programs.ts';
import type { Accepts } from './programs.ts';
import { l1cdProbes, l1stdProbes } from './table-walks.ts';
import { CD_PROBES, FEATURES, STE_PROBES, STRUCTURE_VIEWS } from './model-structures.ts';
import { constant, effect, mask, unused, value, writes } from './side.ts';
import type { ProbeOf, Side } from './side.ts';

// Commands: what one makes the caches, the translator and the interrupts do.

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
  const parts = { features: FEATURES, interrupts: noting, configCache: noting, tlb: noting, translator: noting };
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
    [`${name}.VMID`]: effect((s) => argument(s, 1), { given: given(name) }),
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

const COMMAND_PROBES: Record<string, ProbeOf> = {
  ...refused('no EL2 and EL3', 'CMD_TLBI_EL2', 'CMD_TLBI_EL3'),
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
  ...opcode('CMD_TLBI_S12_VMALL', 'invalidateVmid'),
  ...opcode('CMD_TLBI_NSNH_ALL', 'invalidateAll'),
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
  'CMD_TLBI_NH_VA.ASID': effect((s) => argument(s, 2), { given: given('CMD_TLBI_NH_VA') }),
  ...byAddress('CMD_TLBI_NH_VAA', 'invalidateVa'),
  ...byAddress('CMD_TLBI_S2_IPA', 'invalidateIpa'),
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

// Events: the record that is written.

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

const EVENT_PROBES: Record<string, ProbeOf> = {
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

// Registers: what the ID registers say of features, constants of the register map, what addresses come to.

/** ID register fields, by the feature that each shows. */
const ID_FIELDS: Readonly<Record<string, readonly [(f: Features) => number, keyof Features]>> = {
  'IDR0.S2P': [idr0, 's2p'],
  'IDR0.S1P': [idr0, 's1p'],
  'IDR0.TTF': [idr0, 'ttf'],
  'IDR0.COHACC': [idr0, 'cohacc'],
  'IDR0.BTM': [idr0, 'btm'],
  'IDR0.HTTU': [idr0, 'httu'],
  'IDR0.DORMHINT': [idr0, 'dormhint'],
  'IDR0.Hyp': [idr0, 'hyp'],
  'IDR0.ATS': [idr0, 'ats'],
  'IDR0.ASID16': [idr0, 'asid16'],
  'IDR0.MSI': [idr0, 'msi'],
  'IDR0.SEV': [idr0, 'sev'],
  'IDR0.ATOS': [idr0, 'atos'],
  'IDR0.PRI': [idr0, 'pri'],
  'IDR0.VMID16': [idr0, 'vmid16'],
  'IDR0.CD2L': [idr0, 'cd2l'],
  'IDR0.TTENDIAN': [idr0, 'ttendian'],
  'IDR0.STALL_MODEL': [idr0, 'stallModel'],
  'IDR0.TERM_MODEL': [idr0, 'termModel'],
  'IDR0.ST_LEVEL': [idr0, 'stLevel'],
  'IDR1.SIDSIZE': [idr1, 'sidsize'],
  'IDR1.SSIDSIZE': [idr1, 'ssidsize'],
  'IDR1.EVENTQS': [idr1, 'eventqs'],
  'IDR1.CMDQS': [idr1, 'cmdqs'],
  'IDR1.ATTR_PERMS_OVR': [idr1, 'attrPermsOvr'],
  'IDR1.ATTR_TYPES_OVR': [idr1, 'attrTypesOvr'],
  'IDR3.HAD': [idr3, 'had'],
  'IDR3.XNX': [idr3, 'xnx'],
  'IDR3.FWB': [idr3, 'fwb'],
  'IDR3.STT': [idr3, 'stt'],
  'IDR3.RIL': [idr3, 'ril'],
  'IDR3.BBML': [idr3, 'bbml'],
  'IDR5.GRAN4K': [idr5, 'gran4k'],
  'IDR5.GRAN16K': [idr5, 'gran16k'],
  'IDR5.GRAN64K': [idr5, 'gran64k'],
  'AIDR.ArchMinorRev': [aidr, 'archMinorRev'],
};

const ID_PROBES: Record<string, ProbeOf> = Object.fromEntries(
  Object.entries(ID_FIELDS).map(([key, [register, name]]) => [
    key,
    writes((v) => {
      const is = typeof FEATURES[name] === 'boolean' ? v !== 0n : Number(v);
      return BigInt(register({ ...FEATURES, [name]: is }) >>> 0);
    }),
  ]),
);

/** The register file after a write of a 64-bit register. */
function after(offset: number, structure: bigint): Registers {
  const registers = new Registers(FEATURES, new Interrupts(), { considerCommandQueue: () => undefined });
  registers.write32(offset, Number(structure & ones(32)));
  registers.write32(offset + 4, Number((structure >> 32n) & ones(32)));
  return registers;
}

const ABOVE_OAS = 'address bits above IDR5.OAS are RES0';
const hint = mask(BigInt(map.BASE_HINT_HIGH) << 32n);
const NOT_STORED = 'RES0 without its feature, or fixed';

const REGISTER_PROBES: Record<string, ProbeOf> = {
  ...ID_PROBES,
  'IDR5.OAS': writes((v) => BigInt(idr5({ ...FEATURES, oas: ADDRESS_SIZES[Number(v)] ?? 0 })), [1n, 2n, 3n, 4n, 5n]),
  'CR0.SMMUEN': mask(map.CR0_SMMUEN),
  'CR0.EVENTQEN': mask(map.CR0_EVENTQEN),
  'CR0.CMDQEN': mask(map.CR0_CMDQEN),
  'CR2.RECINVSID': mask(map.CR2_RECINVSID),
  'GBPA.Update': mask(map.GBPA_UPDATE),
  'GBPA.ABORT': mask(map.GBPA_ABORT),
  'GBPA.INSTCFG': mask(maskIn(map.GBPA_INSTCFG)),
  'GBPA.PRIVCFG': mask(maskIn(map.GBPA_PRIVCFG)),
  'IRQ_CTRL.GERROR_IRQEN': mask(map.IRQ_GERROR_IRQEN),
  'IRQ_CTRL.EVENTQ_IRQEN': mask(map.IRQ_EVENTQ_IRQEN),
  '*.CMDQ_ERR': mask(map.GERROR_CMDQ_ERR),
  '*.EVENTQ_ABT_ERR': mask(map.GERROR_EVENTQ_ABT_ERR),
  '*.SFM_ERR': mask(map.GERROR_SFM_ERR),
  'STRTAB_BASE.RA': hint,
  'STRTAB_BASE.ADDR': value((s) => BigInt(after(map.STRTAB_BASE, s).strtabBase) >> 6n, {
    only: { bits: 42, why: ABOVE_OAS },
  }),
  'STRTAB_BASE_CFG.LOG2SIZE': mask(maskIn(map.STRTAB_LOG2SIZE)),
  'STRTAB_BASE_CFG.SPLIT': mask(maskIn(map.STRTAB_SPLIT)),
  'STRTAB_BASE_CFG.FMT': mask(maskIn(map.STRTAB_FMT)),
  'CMDQ_BASE.RA': hint,
  'CMDQ_BASE.ADDR': effect((s) => BigInt(after(map.CMDQ_BASE, s).cmdqBase) >> 5n, {
    only: { bits: 43, why: ABOVE_OAS },
  }),
  'CMDQ_BASE.LOG2SIZE': mask(maskIn(map.QUEUE_LOG2SIZE)),
  'CMDQ_PROD.WR': mask(map.INDEX_BITS),
  'CMDQ_CONS.RD': mask(map.INDEX_BITS),
  'CMDQ_CONS.ERR': mask(maskIn(map.CMDQ_CONS_ERR)),
  'EVENTQ_BASE.WA': hint,
  'EVENTQ_BASE.ADDR': effect((s) => BigInt(after(map.EVENTQ_BASE, s).eventqBase) >> 5n, {
    only: { bits: 43, why: ABOVE_OAS },
  }),
  'EVENTQ_BASE.LOG2SIZE': mask(maskIn(map.QUEUE_LOG2SIZE)),
  'EVENTQ_PROD.WR': mask(map.INDEX_BITS),
  'EVENTQ_PROD.OVFLG': mask(map.OVERFLOW_FLAG),
  'EVENTQ_CONS.RD': mask(map.INDEX_BITS),
  'EVENTQ_CONS.OVACKFLG': mask(map.OVERFLOW_FLAG),
  'IDR0.offset': constant(map.IDR0),
  'IDR1.offset': constant(map.IDR1),
  'IDR2.offset': constant(map.IDR2),
  'IDR3.offset': constant(map.IDR3),
  'IDR5.offset': constant(map.IDR5),
  'IIDR.offset': constant(map.IIDR_OFFSET),
  'AIDR.offset': constant(map.AIDR),
  'CR0.offset': constant(map.CR0),
  'CR0ACK.offset': constant(map.CR0ACK),
  'CR1.offset': constant(map.CR1),
  'CR2.offset': constant(map.CR2),
  'STATUSR.offset': constant(map.STATUSR),
  'GBPA.offset': constant(map.GBPA),
  'IRQ_CTRL.offset': constant(map.IRQ_CTRL),
  'IRQ_CTRLACK.offset': constant(map.IRQ_CTRLACK),
  'GERROR.offset': constant(map.GERROR),
  'GERRORN.offset': constant(map.GERRORN),
  'STRTAB_BASE.offset': constant(map.STRTAB_BASE),
  'STRTAB_BASE_CFG.offset': constant(map.STRTAB_BASE_CFG),
  'CMDQ_BASE.offset': constant(map.CMDQ_BASE),
  'CMDQ_PROD.offset': constant(map.CMDQ_PROD),
  'CMDQ_CONS.offset': constant(map.CMDQ_CONS),
  'EVENTQ_BASE.offset': constant(map.EVENTQ_BASE),
  'EVENTQ_PROD.offset': constant(map.EVENTQ_PROD),
  'EVENTQ_CONS.offset': constant(map.EVENTQ_CONS),
  ...unused('IDR0', 'always 0 here', 'RME_IMPL ATSRECERR VATOS VMW NS1ATS'),
  ...unused('IDR1', 'always 0 here', 'ECMDQ TABLES_PRESET QUEUES_PRESET REL PRIQS'),
  ...unused('IDR2', 'always 0 here', 'BA_VATOS'),
  ...unused('IDR3', 'always 0 here', 'AIE MTEPERM THE S2PO S2PI S1PI EPAN PASIDTT DPT PTWNNC E0PD MPAM PPS PBHA'),
  ...unused('IDR5', 'always 0 here', 'STALL_MAX VAX D128 DS'),
  ...unused('IIDR', 'one constant for the whole register', 'ProductID Variant Revision Implementer'),
  ...unused('AIDR', 'always 0 here', 'ArchMajorRev'),
  ...unused('CR0', NOT_STORED, 'DPT_WALK_EN VMW ATSCHK PRIQEN'),
  ...unused('CR0ACK', 'reads as CR0', 'DPT_WALK_EN VMW ATSCHK CMDQEN EVENTQEN PRIQEN SMMUEN'),
  ...unused('CR1', 'stored; attributes are not modelled', 'TABLE_SH TABLE_OC TABLE_IC QUEUE_SH QUEUE_OC QUEUE_IC'),
  ...unused('CR2', NOT_STORED, 'REC_CFG_ATS PTM E2H'),
  ...unused('STATUSR', 'no Dormant state', 'DORMANT'),
  ...unused('GBPA', NOT_STORED, 'SHCFG ALLOCCFG MTCFG MemAttr'),
  ...unused('IRQ_CTRL', NOT_STORED, 'PRIQ_IRQEN'),
  ...unused('IRQ_CTRLACK', 'reads as IRQ_CTRL', 'EVENTQ_IRQEN PRIQ_IRQEN GERROR_IRQEN'),
  ...Object.fromEntries(
    ['GERROR', 'GERRORN'].flatMap((name) =>
      Object.entries(
        unused(name, NOT_STORED, 'DPT_ERR CMDQP_ERR MSI_GERROR_ABT_ERR MSI_PRIQ_ABT_ERR MSI_EVENTQ_ABT_ERR'),
      ),
    ),
  ),
  ...unused('GERROR', NOT_STORED, 'MSI_CMDQ_ABT_ERR PRIQ_ABT_ERR'),
  ...unused('GERRORN', NOT_STORED, 'MSI_CMDQ_ABT_ERR PRIQ_ABT_ERR'),
  ...Object.fromEntries(
    ['GERROR_IRQ_CFG', 'EVENTQ_IRQ_CFG'].flatMap((name) => [
      ...Object.entries(unused(`${name}0`, 'MSIs are not implemented', 'offset ADDR')),
      ...Object.entries(unused(`${name}1`, 'MSIs are not implemented', 'offset DATA')),
      ...Object.entries(unused(`${name}2`, 'MSIs are not implemented', 'offset SH MemAttr')),
    ]),
  ),
};

/** What a register of the model holds after all ones are written to it; queues and translation are off. */
export function storedByModel(offset: number): number {
  const registers = new Registers(FEATURES, new Interrupts(), { considerCommandQueue: () => undefined });
  registers.write32(offset, 0xffff_ffff);
  return registers.read32(offset) >>> 0;
}

// Descriptors: whole programs on the model.

const SUBJECT = openModel({ features: PROFILE });

const accepts: Accepts = (steps, last, outcome) => {
  const plain = [...steps.map((step) => ('do' in step ? step : step[0])), last];
  const program = lower({ 'smmu-crosscheck': 1, why: 'a descriptor', steps: plain });
  const trace = SUBJECT.run(program);
  if (trace instanceof Promise) throw new Error('the built-in model answers at once');
  const access = program.actions.findLastIndex(({ op }) => op.startsWith('dma'));
  return isDeepStrictEqual(trace.observations[access]?.outcome, outcome);
};

export const MODEL: Side = {
  name: 'model',
  probes: {
    ste: { ...STE_PROBES, ...l1stdProbes(accepts) },
    cd: { ...CD_PROBES, ...l1cdProbes(accepts) },
    commands: COMMAND_PROBES,
    events: EVENT_PROBES,
    registers: REGISTER_PROBES,
    descriptors: { ...descriptorProbes(accepts), 'descriptor.nT': cachedBlock(accepts) },
  },
  views: STRUCTURE_VIEWS,
};
