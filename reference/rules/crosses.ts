/**
 * Crosses: combinations whose parts each have rules, but which no rule names. The judge says which it saw hold (verdict.ts);
 * here is which there are for a subject, and why the others cannot be.
 *
 * A cell is the text of its parts, in the order of the cross's name.
 */
import { readFileSync } from 'node:fs';
import type { IdRegisters } from '../../scenario/trace.ts';

export const EVENTS = 'event x stage x granule x CLASS';
export const COMMANDS = 'command x error';
export const REGISTERS = 'register x access x size x enables';
export const CROSS_NAMES = [EVENTS, COMMANDS, REGISTERS] as const;
export type CrossName = (typeof CROSS_NAMES)[number];

/** One combination that was seen to be as the architecture says. */
export type CrossCell = readonly [cross: CrossName, cell: string];

export interface Cross {
  readonly name: CrossName;
  /** Every cell that a build of the subject can show. */
  readonly cells: readonly string[];
}

/** Why cells of a cross are left out of its denominator. */
export interface Impossible {
  readonly cross: CrossName;
  /** Cells that begin or end so, in words. */
  readonly cells: string;
  readonly reason: string;
  readonly section: string;
}

export const IMPOSSIBLE: readonly Impossible[] = [
  {
    cross: EVENTS,
    cells: 'C_BAD_*, F_*_FETCH, F_STREAM_DISABLED of any stage, granule or CLASS',
    reason: 'their records have no such fields',
    section: '7.3',
  },
  {
    cross: EVENTS,
    cells: 'stage 1 faults of CLASS CD or TT; F_WALK_EABT of stage 1 of CLASS IN or CD',
    reason: 'stage 1 translates the input alone, and reads nothing but its own tables',
    section: '7.3.12',
  },
  {
    cross: EVENTS,
    cells: 'F_TLB_CONFLICT, F_CFG_CONFLICT, F_UUT, IMPDEF_EVENTn',
    reason: 'the implementation chooses whether there are any',
    section: '7.3.17',
  },
  {
    cross: COMMANDS,
    cells: 'any command with CERROR_ABT',
    reason: 'the fetch of the command aborted, so there is none: it is one cell',
    section: '4.1.3',
  },
  {
    cross: COMMANDS,
    cells: 'commands of absent features and of other security states with CERROR_NONE',
    reason: 'they are always CERROR_ILL',
    section: '4.1.3',
  },
  {
    cross: COMMANDS,
    cells: 'CMD_TLBI_NSNH_ALL with CERROR_ILL',
    reason: 'every implementation has it, and it has no field to be wrong',
    section: '4.4',
  },
  {
    cross: REGISTERS,
    cells: 'accesses that are not aligned to their size',
    reason: 'what they write is UNPREDICTABLE, and nothing that follows shows more',
    section: '6.2',
  },
  { cross: COMMANDS, cells: 'CMD_SYNC with CERROR_ATC_INV_SYNC', reason: 'it needs ATS', section: '4.1.3' },
];

const GRANULES = ['4K', '16K', '64K'] as const;
type GranuleName = (typeof GRANULES)[number];
const GRANULE_BYTES: Readonly<Record<12 | 14 | 16, GranuleName>> = { 12: '4K', 14: '16K', 16: '64K' };
const CLASSES = ['CD', 'TT', 'IN'] as const;

/** Without stage, granule or CLASS. */
const PLAIN_EVENTS = [
  'C_BAD_STREAMID',
  'F_STE_FETCH',
  'C_BAD_STE',
  'F_STREAM_DISABLED',
  'C_BAD_SUBSTREAMID',
  'F_CD_FETCH',
  'C_BAD_CD',
];
const WALK_EVENTS = ['F_WALK_EABT', 'F_TRANSLATION', 'F_ADDR_SIZE', 'F_ACCESS', 'F_PERMISSION'];

/**
 * The cell of a record.
 * @param word1 bits [127:64], of which S2 and CLASS count
 * @param granule log2 of the bytes of that of the walk; undefined: nothing was walked
 */
export function eventCell(name: string, word1: bigint, granule: 12 | 14 | 16 | undefined): string {
  if (!WALK_EVENTS.includes(name)) return name;
  const stage = ((word1 >> 39n) & 1n) === 1n ? 2 : 1;
  const why = CLASSES[Number((word1 >> 40n) & 3n)] ?? 'Reserved';
  return `${name} stage ${stage} ${granule === undefined ? '-' : GRANULE_BYTES[granule]} ${why}`;
}

function eventCells(builds: readonly IdRegisters[]): string[] {
  const granules = GRANULES.filter((_, at) => builds.some(({ IDR5 }) => ((IDR5 >>> (4 + at)) & 1) === 1));
  const has = (bit: number): boolean => builds.some(({ IDR0 }) => ((IDR0 >>> bit) & 1) === 1);
  const substreams = builds.some(({ IDR1 }) => ((IDR1 >>> 6) & 0x1f) > 0);
  const both = builds.some(({ IDR0 }) => (IDR0 & 3) === 3);
  const cells = PLAIN_EVENTS.filter((name) => {
    if (name === 'F_STREAM_DISABLED') return substreams;
    return has(1) || !name.includes('CD');
  });
  // The size of the input of a stage 1 that is bypassed is checked without a walk (3.4).
  cells.push('F_ADDR_SIZE stage 1 - IN');
  // A half without walks may have a Reserved granule (5.4).
  if (has(1)) cells.push('F_TRANSLATION stage 1 - IN');
  for (const name of WALK_EVENTS) {
    for (const granule of granules) {
      if (has(1)) cells.push(`${name} stage 1 ${granule} ${name === 'F_WALK_EABT' ? 'TT' : 'IN'}`);
      if (has(0)) cells.push(`${name} stage 2 ${granule} IN`);
      if (both) cells.push(`${name} stage 2 ${granule} CD`, `${name} stage 2 ${granule} TT`);
    }
  }
  return cells;
}

/** By opcode (4.1.1). */
const COMMAND_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, 'CMD_PREFETCH_CONFIG'],
  [0x02, 'CMD_PREFETCH_ADDR'],
  [0x03, 'CMD_CFGI_STE'],
  [0x04, 'CMD_CFGI_STE_RANGE'],
  [0x05, 'CMD_CFGI_CD'],
  [0x06, 'CMD_CFGI_CD_ALL'],
  [0x07, 'CMD_CFGI_VMS_PIDM'],
  [0x10, 'CMD_TLBI_NH_ALL'],
  [0x11, 'CMD_TLBI_NH_ASID'],
  [0x12, 'CMD_TLBI_NH_VA'],
  [0x13, 'CMD_TLBI_NH_VAA'],
  [0x18, 'CMD_TLBI_EL3_ALL'],
  [0x1a, 'CMD_TLBI_EL3_VA'],
  [0x20, 'CMD_TLBI_EL2_ALL'],
  [0x21, 'CMD_TLBI_EL2_ASID'],
  [0x22, 'CMD_TLBI_EL2_VA'],
  [0x23, 'CMD_TLBI_EL2_VAA'],
  [0x28, 'CMD_TLBI_S12_VMALL'],
  [0x2a, 'CMD_TLBI_S2_IPA'],
  [0x30, 'CMD_TLBI_NSNH_ALL'],
  [0x40, 'CMD_ATC_INV'],
  [0x41, 'CMD_PRI_RESP'],
  [0x44, 'CMD_RESUME'],
  [0x45, 'CMD_STALL_TERM'],
  [0x46, 'CMD_SYNC'],
  [0x50, 'CMD_TLBI_S_EL2_ALL'],
  [0x51, 'CMD_TLBI_S_EL2_ASID'],
  [0x52, 'CMD_TLBI_S_EL2_VA'],
  [0x53, 'CMD_TLBI_S_EL2_VAA'],
  [0x58, 'CMD_TLBI_S_S12_VMALL'],
  [0x5a, 'CMD_TLBI_S_S2_IPA'],
  [0x60, 'CMD_TLBI_SNH_ALL'],
  [0x70, 'CMD_DPTI_ALL'],
  [0x73, 'CMD_DPTI_PA'],
]);

const RESERVED_OPCODE = 'a Reserved opcode';
const FETCH_ABORTED = 'no command, CERROR_ABT';

/** The cell of a command that was consumed (`legal`) or stopped the queue; without an opcode its fetch aborted. */
export function commandCell(opcode: number | undefined, legal: boolean): string {
  if (opcode === undefined) return FETCH_ABORTED;
  return `${COMMAND_NAMES.get(opcode) ?? RESERVED_OPCODE}, ${legal ? 'CERROR_NONE' : 'CERROR_ILL'}`;
}

/** Which IDR0 field an opcode needs to be ever consumed without error; the rest of those above 0x30 never are here. */
function isEverLegal(opcode: number, { IDR0 }: IdRegisters): boolean {
  const bit = (at: number): boolean => ((IDR0 >>> at) & 1) === 1;
  if (opcode <= 0x04 || opcode === 0x30 || opcode === 0x46) return true;
  if (opcode === 0x05 || opcode === 0x06 || (opcode >= 0x10 && opcode <= 0x13)) return bit(1);
  if (opcode === 0x28 || opcode === 0x2a) return bit(0);
  if (opcode >= 0x20 && opcode <= 0x23) return bit(9);
  return false;
}

function commandCells(builds: readonly IdRegisters[]): string[] {
  const cells = [FETCH_ABORTED, `${RESERVED_OPCODE}, CERROR_ILL`];
  for (const opcode of COMMAND_NAMES.keys()) {
    if (opcode !== 0x30) cells.push(commandCell(opcode, false));
    if (builds.some((build) => isEverLegal(opcode, build))) cells.push(commandCell(opcode, true));
  }
  return cells;
}

/** Of the tier-1 Non-secure registers of registers.tsv: each by its offset. */
const REGISTER_NAMES: ReadonlyMap<number, string> = new Map(
  readFileSync(new URL('registers.tsv', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .flatMap((line): [number, string][] => {
      const [offset = '', name = '', , , bank = '', , , tier = ''] = line.split('\t');
      const single = bank === 'NS' && tier === '1' && !offset.includes('-');
      return single ? [[Number(offset), name.replace('SMMU_', '')]] : [];
    }),
);

const SIZES = [1, 2, 4, 8];
const ENABLES: readonly (readonly [bit: number, name: string])[] = [
  [1, 'SMMUEN'],
  [4, 'EVENTQEN'],
  [8, 'CMDQEN'],
];

const known = new Map<number, string>();

/**
 * The cell of an aligned access to the start of a register; undefined for any other.
 * @param enables SMMUEN, EVENTQEN and CMDQEN as they are in force, at their places in CR0
 */
export function registerCell(offset: number, write: boolean, bytes: number, enables: number): string | undefined {
  const name = REGISTER_NAMES.get(offset);
  if (name === undefined || offset % bytes !== 0) return undefined;
  const key = ((offset * 16 + bytes) * 2 + Number(write)) * 16 + (enables & 0xd);
  const cell = known.get(key);
  if (cell !== undefined) return cell;
  const on = ENABLES.flatMap(([bit, enable]) => ((enables & bit) === 0 ? [] : [enable]));
  const text = `${name} ${write ? 'write' : 'read'} ${bytes} with ${on.length === 0 ? 'nothing enabled' : on.join(' ')}`;
  known.set(key, text);
  return text;
}

function registerCells(): string[] {
  const cells: string[] = [];
  for (const offset of REGISTER_NAMES.keys()) {
    for (const write of [false, true]) {
      for (const bytes of SIZES) {
        for (const enables of [0, 1, 4, 5, 8, 9, 12, 13]) {
          const cell = registerCell(offset, write, bytes, enables);
          if (cell !== undefined) cells.push(cell);
        }
      }
    }
  }
  return cells;
}

/** Every cross, with the cells that some build can show. */
export function crossesOf(builds: readonly IdRegisters[]): Cross[] {
  return [
    { name: EVENTS, cells: eventCells(builds) },
    { name: COMMANDS, cells: commandCells(builds) },
    { name: REGISTERS, cells: registerCells() },
  ];
}
