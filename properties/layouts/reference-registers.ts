/** The reference asked about registers: features by the ID registers, constants, what is stored, what addresses come to. */
import { withError } from '../../reference/commands.ts';
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
import type { State } from '../../reference/state.ts';
import type { TableWindow } from '../../reference/state-parts.ts';
import type { IdRegisters } from '../../scenario/trace.ts';
import { ones, place, readFacts } from './facts.ts';
import type { Fact } from './facts.ts';
import { FEATURES, ID } from './reference-structures.ts';
import { constant, effect, mask, unused, value, writes } from './side.ts';
import type { ProbeOf } from './side.ts';

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

export const REGISTER_PROBES: Record<string, ProbeOf> = {
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
  'CR2.RECINVSID': effect((s) => stored(state.CR2, s, { ...FEATURES, hyp: false }) !== 0),
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
