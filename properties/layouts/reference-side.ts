/** The reference asked about commands, events and registers; structures are in reference-structures.ts. */
import { commandOptions, withError } from '../../reference/commands.ts';
import type { CommandEffect } from '../../reference/commands.ts';
import { eventRecord } from '../../reference/events.ts';
import type { EventName, EventSource, Stage2Cause } from '../../reference/events.ts';
import { features } from '../../reference/features.ts';
import type { Features } from '../../reference/features.ts';
import { tableWindow } from '../../reference/stream-table.ts';
import { commandQueue, eventQueue } from '../../reference/queues.ts';
import { readWord } from '../../reference/register-reads.ts';
import {
  GBPA_ABORT,
  GBPA_PERMISSIONS,
  GBPA_TYPES,
  GBPA_UPDATE,
  INDEX_BITS,
  OVERFLOW_FLAG,
} from '../../reference/register-words.ts';
import { writeWord } from '../../reference/register-writes.ts';
import { resetState } from '../../reference/reset.ts';
import * as state from '../../reference/state.ts';
import type { State, TableWindow } from '../../reference/state.ts';
import { told } from '../../reference/testing.ts';
import type { IdRegisters } from '../../scenario/trace.ts';
import { descriptorProbes } from './descriptor-walks.ts';
import type { Accepts } from './programs.ts';
import { l1cdProbes, l1stdProbes } from './table-walks.ts';
import { ones, place, readFacts, structureOf, wordsOf } from './facts.ts';
import type { Fact } from './facts.ts';
import { CD_PROBES, FEATURES, ID, STE_PROBES, STRUCTURE_VIEWS } from './reference-structures.ts';
import { constant, effect, mask, unused, value, writes } from './side.ts';
import type { ProbeOf, Side } from './side.ts';

// Commands: the first thing that consuming one may do; the others are for Reserved fields that are not zero.

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

const COMMAND_PROBES: Record<string, ProbeOf> = {
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

// Events: the record that the reference expects.

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

const EVENT_PROBES: Record<string, ProbeOf> = {
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

// Registers: features from the ID registers, constants, what is stored with which feature, what addresses come to.

const NO_ID: IdRegisters = { IDR0: 0, IDR1: 0, IDR2: 0, IDR3: 0, IDR4: 0, IDR5: 0, IIDR: 0, AIDR: 0 };

const ID_FIELDS: Readonly<Partial<Record<keyof IdRegisters, Readonly<Record<string, keyof Features>>>>> = {
  IDR0: {
    S2P: 's2p',
    S1P: 's1p',
    TTF: 'ttf',
    BTM: 'btm',
    HTTU: 'httu',
    DORMHINT: 'dormhint',
    Hyp: 'hyp',
    ATS: 'ats',
    ASID16: 'asid16',
    MSI: 'msi',
    SEV: 'sev',
    ATOS: 'atos',
    PRI: 'pri',
    VMW: 'vmw',
    VMID16: 'vmid16',
    CD2L: 'cd2l',
    VATOS: 'vatos',
    TTENDIAN: 'ttendian',
    ATSRECERR: 'atsRecErr',
    STALL_MODEL: 'stallModel',
    TERM_MODEL: 'termModel',
    ST_LEVEL: 'stLevel',
    RME_IMPL: 'rme',
  },
  IDR1: {
    SIDSIZE: 'sidSize',
    SSIDSIZE: 'ssidSize',
    EVENTQS: 'eventqs',
    CMDQS: 'cmdqs',
    ATTR_PERMS_OVR: 'attrPermsOvr',
    ATTR_TYPES_OVR: 'attrTypesOvr',
    QUEUES_PRESET: 'queuesPreset',
    TABLES_PRESET: 'tablesPreset',
    ECMDQ: 'ecmdq',
  },
  IDR3: {
    HAD: 'had',
    PBHA: 'pbha',
    XNX: 'xnx',
    FWB: 'fwb',
    PTWNNC: 'ptwnnc',
    S2PO: 's2po',
    THE: 'the',
    STT: 'stt',
    MPAM: 'mpam',
    RIL: 'ril',
    BBML: 'bbml',
    E0PD: 'e0pd',
    DPT: 'dpt',
    EPAN: 'epan',
    S1PI: 's1pi',
    S2PI: 's2pi',
  },
  IDR5: { GRAN4K: 'gran4k', GRAN16K: 'gran16k', GRAN64K: 'gran64k', DS: 'ds', D128: 'd128', VAX: 'vax' },
  AIDR: { ArchMinorRev: 'minor' },
};

const ID_PROBES: Record<string, ProbeOf> = Object.fromEntries(
  Object.entries(ID_FIELDS).flatMap(([register, fields]) =>
    Object.entries(fields).map(([field, name]) => [
      `${register}.${field}`,
      value((s) => features({ ...NO_ID, [register]: Number(s & ones(32)) })[name]),
    ]),
  ),
);

const OAS_BITS = [32n, 36n, 40n, 42n, 44n, 48n, 52n, 56n];

/** What a register certainly holds after a write while everything is disabled. */
function stored(offset: number, written: bigint, f: Features): number {
  const context = { features: f, id: ID, now: 0 };
  const [after = resetState(f)] = writeWord(resetState(f), context, offset, Number(written & ones(32))).states;
  const [option] = readWord(after, context, offset);
  return option === undefined ? 0 : (option.value & option.known) >>> 0;
}

export function storedByReference(offset: number): number {
  return stored(offset, ones(32), FEATURES);
}

/** A field that a register has with a feature and not without. */
const storedWith = (offset: number, feature: keyof Features): ProbeOf =>
  effect(
    (s) =>
      stored(offset, s, { ...FEATURES, [feature]: true }) !== 0 &&
      stored(offset, s, { ...FEATURES, [feature]: false }) === 0,
    { expected: (v) => (v === 0n ? 0n : 1n) },
  );

/** A state in which a 64-bit register holds `structure`, and nothing of it is UNKNOWN. */
function holding(offset: number, structure: bigint): State {
  const next = resetState(FEATURES);
  next.set(offset, Number(structure & ones(32)), []);
  next.set(offset + 4, Number((structure >> 32n) & ones(32)), []);
  return next;
}

const ALL_ADDRESSES: Features = { ...FEATURES, oas: 56, stLevel: 1, sidSize: 32 };

/** The Stream table that the registers describe. */
function table(base: bigint, config: bigint): TableWindow {
  const before = holding(state.STRTAB_BASE, base);
  before.set(state.STRTAB_BASE_CFG, Number(config), []);
  return tableWindow(before, ALL_ADDRESSES, 0);
}

function factOf(structure: string, field: string): Fact {
  const fact = readFacts('registers').find((each) => each.structure === structure && each.field === field);
  if (fact === undefined) throw new Error(`no fact about ${structure}.${field}`);
  return fact;
}

const NO_MSI = 'MSIs are outside';
const UNION = 'kept with its neighbours; attributes are not judged';

const REGISTER_PROBES: Record<string, ProbeOf> = {
  ...ID_PROBES,
  'IDR5.OAS': value((s) => features({ ...NO_ID, IDR5: Number(s & ones(32)) }).oas, {
    values: [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n],
    expected: (v) => OAS_BITS[Number(v)],
  }),
  'CR0.SMMUEN': mask(state.SMMUEN),
  'CR0.EVENTQEN': mask(state.EVENTQEN),
  'CR0.CMDQEN': mask(state.CMDQEN),
  'CR0.PRIQEN': storedWith(state.CR0, 'pri'),
  'CR0.ATSCHK': storedWith(state.CR0, 'ats'),
  'CR0.VMW': storedWith(state.CR0, 'vmw'),
  'CR0.DPT_WALK_EN': storedWith(state.CR0, 'dpt'),
  'CR2.RECINVSID': effect((s) => stored(state.CR2, s, FEATURES) !== 0),
  'CR2.E2H': storedWith(state.CR2, 'hyp'),
  'CR2.PTM': storedWith(state.CR2, 'btm'),
  'CR2.REC_CFG_ATS': storedWith(state.CR2, 'atsRecErr'),
  'GBPA.Update': mask(GBPA_UPDATE),
  'GBPA.ABORT': mask(GBPA_ABORT),
  'IRQ_CTRL.GERROR_IRQEN': mask(state.IRQEN_GERROR),
  'IRQ_CTRL.PRIQ_IRQEN': mask(state.IRQEN_PRIQ),
  'IRQ_CTRL.EVENTQ_IRQEN': mask(state.IRQEN_EVENTQ),
  '*.CMDQ_ERR': mask(state.GERROR_CMDQ_ERR),
  '*.EVENTQ_ABT_ERR': mask(state.GERROR_EVENTQ_ABT_ERR),
  'GERRORN.PRIQ_ABT_ERR': storedWith(state.GERRORN, 'pri'),
  'STRTAB_BASE.ADDR': value((s) => table(s, 0n).base >> 6n),
  'STRTAB_BASE_CFG.LOG2SIZE': effect((s) => table(0n, s).log2Size, {
    expected: (v) => (v > 32n ? 32n : v),
  }),
  'STRTAB_BASE_CFG.FMT': effect((s) => table(0n, s).linear, {
    values: [0n, 1n, 2n, 3n],
    expected: (v) => (v === 1n ? 0n : 1n),
  }),
  'STRTAB_BASE_CFG.SPLIT': effect((s) => table(0n, s).split, {
    given: place(factOf('STRTAB_BASE_CFG', 'FMT'), 1n),
    values: [0n, 1n, 6n, 8n, 10n, 16n],
    // Others are Reserved and mean 6.
    expected: (split) => (split === 8n || split === 10n ? split : 6n),
  }),
  'CMDQ_BASE.ADDR': effect((s) => commandQueue(holding(state.CMDQ_BASE, s), ALL_ADDRESSES).base >> 5n),
  'CMDQ_BASE.LOG2SIZE': effect((s) => commandQueue(holding(state.CMDQ_BASE, s), { ...FEATURES, cmdqs: 31 }).log2Size),
  'CMDQ_PROD.WR': mask(INDEX_BITS),
  'CMDQ_CONS.RD': mask(INDEX_BITS),
  'CMDQ_CONS.ERR': writes((v) => BigInt(withError(0, Number(v)))),
  'EVENTQ_BASE.ADDR': effect((s) => eventQueue(holding(state.EVENTQ_BASE, s), ALL_ADDRESSES).base >> 5n),
  'EVENTQ_BASE.LOG2SIZE': effect(
    (s) => eventQueue(holding(state.EVENTQ_BASE, s), { ...FEATURES, eventqs: 31 }).log2Size,
  ),
  'EVENTQ_PROD.WR': mask(INDEX_BITS),
  'EVENTQ_PROD.OVFLG': mask(OVERFLOW_FLAG),
  'EVENTQ_CONS.RD': mask(INDEX_BITS),
  'EVENTQ_CONS.OVACKFLG': mask(OVERFLOW_FLAG),
  ...Object.fromEntries(
    (['IDR0', 'IDR1', 'IDR2', 'IDR3', 'IDR5', 'IIDR', 'AIDR'] as const).map((name) => [
      `${name}.offset`,
      offsetOfId(name),
    ]),
  ),
  'CR0.offset': constant(state.CR0),
  'CR0ACK.offset': constant(state.CR0ACK),
  'CR1.offset': constant(state.CR1),
  'CR2.offset': constant(state.CR2),
  'GBPA.offset': constant(state.GBPA),
  'IRQ_CTRL.offset': constant(state.IRQ_CTRL),
  'IRQ_CTRLACK.offset': constant(state.IRQ_CTRLACK),
  'GERROR.offset': constant(state.GERROR),
  'GERRORN.offset': constant(state.GERRORN),
  'STRTAB_BASE.offset': constant(state.STRTAB_BASE),
  'STRTAB_BASE_CFG.offset': constant(state.STRTAB_BASE_CFG),
  'CMDQ_BASE.offset': constant(state.CMDQ_BASE),
  'CMDQ_PROD.offset': constant(state.CMDQ_PROD),
  'CMDQ_CONS.offset': constant(state.CMDQ_CONS),
  'EVENTQ_BASE.offset': constant(state.EVENTQ_BASE),
  'EVENTQ_PROD.offset': constant(state.EVENTQ_PROD),
  'EVENTQ_CONS.offset': constant(state.EVENTQ_CONS),
  ...unused('STATUSR', 'absent without DORMHINT, whose state is not judged', 'offset DORMANT'),
  ...unused('IDR0', 'nothing judged depends on it', 'COHACC NS1ATS'),
  ...unused('IDR1', 'nothing judged depends on it', 'REL PRIQS'),
  ...unused('IDR2', 'VATOS is outside', 'BA_VATOS'),
  ...unused('IDR3', 'nothing judged depends on it', 'AIE MTEPERM PASIDTT PPS'),
  ...unused('IDR5', 'stalls are outside', 'STALL_MAX'),
  ...unused('IIDR', 'any implementer', 'ProductID Variant Revision Implementer'),
  ...unused('AIDR', 'always 0, as a rule of the whole register says', 'ArchMajorRev'),
  ...unused('CR0ACK', 'acknowledges the fields of CR0', 'DPT_WALK_EN VMW ATSCHK CMDQEN EVENTQEN PRIQEN SMMUEN'),
  ...unused('CR1', UNION, 'TABLE_SH TABLE_OC TABLE_IC QUEUE_SH QUEUE_OC QUEUE_IC'),
  ...unused('GBPA', UNION, 'INSTCFG PRIVCFG SHCFG ALLOCCFG MTCFG MemAttr'),
  ...unused('IRQ_CTRLACK', 'acknowledges the fields of IRQ_CTRL', 'EVENTQ_IRQEN PRIQ_IRQEN GERROR_IRQEN'),
  ...Object.fromEntries(
    ['GERROR', 'GERRORN'].flatMap((name) => [
      ...Object.entries(unused(name, 'may be there or not', 'DPT_ERR CMDQP_ERR SFM_ERR')),
      ...Object.entries(
        unused(name, NO_MSI, 'MSI_GERROR_ABT_ERR MSI_PRIQ_ABT_ERR MSI_EVENTQ_ABT_ERR MSI_CMDQ_ABT_ERR'),
      ),
    ]),
  ),
  ...unused('GERROR', 'PRI is outside', 'PRIQ_ABT_ERR'),
  ...unused('STRTAB_BASE', 'a hint, stored with the address', 'RA'),
  ...unused('CMDQ_BASE', 'a hint, stored with the address', 'RA'),
  ...unused('EVENTQ_BASE', 'a hint, stored with the address', 'WA'),
  ...Object.fromEntries(
    ['GERROR_IRQ_CFG', 'EVENTQ_IRQ_CFG'].flatMap((name) => [
      ...Object.entries(unused(`${name}0`, NO_MSI, 'offset ADDR')),
      ...Object.entries(unused(`${name}1`, NO_MSI, 'offset DATA')),
      ...Object.entries(unused(`${name}2`, NO_MSI, 'offset SH MemAttr')),
    ]),
  ),
};

/** Each ID register reads as itself at its offset. */
function offsetOfId(name: keyof IdRegisters): ProbeOf {
  return (fact) => ({
    kind: 'reads',
    read: () => {
      const id = { ...ID, [name]: 0x5a5a_5a5a };
      return readWord(resetState(FEATURES), { features: FEATURES, id, now: 0 }, fact.at ?? 0)[0]?.value;
    },
    values: [0n],
    expected: () => 0x5a5a_5a5a,
  });
}

/** Fields that the reference knows only together. */
export const TOGETHER: readonly (readonly [register: string, fields: string, mask: number])[] = [
  ['GBPA', 'INSTCFG PRIVCFG', GBPA_PERMISSIONS],
  ['GBPA', 'SHCFG ALLOCCFG MTCFG MemAttr', GBPA_TYPES],
];

const accepts: Accepts = (steps, last, outcome) => told([...steps, [last, { outcomes: [outcome] }]], ID).kind === 'ok';

export const REFERENCE: Side = {
  name: 'reference',
  probes: {
    ste: { ...STE_PROBES, ...l1stdProbes(accepts) },
    cd: { ...CD_PROBES, ...l1cdProbes(accepts) },
    commands: COMMAND_PROBES,
    events: EVENT_PROBES,
    registers: REGISTER_PROBES,
    descriptors: {
      ...descriptorProbes(accepts),
      ...unused('descriptor', 'only named by a rule', 'nT'),
    },
  },
  views: STRUCTURE_VIEWS,
};
