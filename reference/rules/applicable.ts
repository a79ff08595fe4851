/**
 * Whether a rule says anything about an implementation with given ID registers.
 *
 * The `needs` column of a rule is alternatives joined by `or`, each a list of conditions parted by commas, `and` or
 * spaces: `S2P`, `IDR0.S2P=1`, `S2P==0`, `S1P=S2P=1`, `TTF[0]=1`, `SSIDSIZE>0`, `OAS<52` (in bits), `v3.1+`, `v3.0`.
 * A field alone means that it is not zero.
 */
import type { IdRegisters } from '../../scenario/trace.ts';
import type { RuleRow } from './registry.ts';

type Register = 'IDR0' | 'IDR1' | 'IDR3' | 'IDR5' | 'AIDR';
type Field = readonly [register: Register, high: number, low: number];

/** 6.3.1, 6.3.2, 6.3.4, 6.3.6, 6.3.8. */
const FIELDS: Readonly<Record<string, Field>> = {
  S2P: ['IDR0', 0, 0],
  S1P: ['IDR0', 1, 1],
  TTF: ['IDR0', 3, 2],
  COHACC: ['IDR0', 4, 4],
  BTM: ['IDR0', 5, 5],
  HTTU: ['IDR0', 7, 6],
  DORMHINT: ['IDR0', 8, 8],
  Hyp: ['IDR0', 9, 9],
  ATS: ['IDR0', 10, 10],
  NS1ATS: ['IDR0', 11, 11],
  ASID16: ['IDR0', 12, 12],
  MSI: ['IDR0', 13, 13],
  SEV: ['IDR0', 14, 14],
  ATOS: ['IDR0', 15, 15],
  PRI: ['IDR0', 16, 16],
  VMW: ['IDR0', 17, 17],
  VMID16: ['IDR0', 18, 18],
  CD2L: ['IDR0', 19, 19],
  VATOS: ['IDR0', 20, 20],
  TTENDIAN: ['IDR0', 22, 21],
  ATSRECERR: ['IDR0', 23, 23],
  STALL_MODEL: ['IDR0', 25, 24],
  TERM_MODEL: ['IDR0', 26, 26],
  ST_LEVEL: ['IDR0', 28, 27],
  RME_IMPL: ['IDR0', 30, 30],
  SIDSIZE: ['IDR1', 5, 0],
  SSIDSIZE: ['IDR1', 10, 6],
  PRIQS: ['IDR1', 15, 11],
  EVENTQS: ['IDR1', 20, 16],
  CMDQS: ['IDR1', 25, 21],
  ATTR_PERMS_OVR: ['IDR1', 26, 26],
  ATTR_TYPES_OVR: ['IDR1', 27, 27],
  REL: ['IDR1', 28, 28],
  QUEUES_PRESET: ['IDR1', 29, 29],
  TABLES_PRESET: ['IDR1', 30, 30],
  ECMDQ: ['IDR1', 31, 31],
  HAD: ['IDR3', 2, 2],
  PBHA: ['IDR3', 3, 3],
  XNX: ['IDR3', 4, 4],
  PPS: ['IDR3', 5, 5],
  MPAM: ['IDR3', 7, 7],
  FWB: ['IDR3', 8, 8],
  STT: ['IDR3', 9, 9],
  RIL: ['IDR3', 10, 10],
  BBML: ['IDR3', 12, 11],
  E0PD: ['IDR3', 13, 13],
  PTWNNC: ['IDR3', 14, 14],
  DPT: ['IDR3', 15, 15],
  PASIDTT: ['IDR3', 16, 16],
  EPAN: ['IDR3', 17, 17],
  S1PI: ['IDR3', 18, 18],
  S2PI: ['IDR3', 19, 19],
  S2PO: ['IDR3', 20, 20],
  THE: ['IDR3', 21, 21],
  OAS: ['IDR5', 2, 0],
  GRAN4K: ['IDR5', 4, 4],
  GRAN16K: ['IDR5', 5, 5],
  GRAN64K: ['IDR5', 6, 6],
  DS: ['IDR5', 7, 7],
  D128: ['IDR5', 8, 8],
  VAX: ['IDR5', 11, 10],
  ArchMinorRev: ['AIDR', 3, 0],
};

/** The Secure ID registers read as zero from the Non-secure side, which is all that is known of a subject. */
const SECURE_FIELDS: ReadonlySet<string> = new Set(['SECURE_IMPL', 'SEL2']);

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

/** Needs that no ID register answers. */
const DECIDED: Readonly<Record<string, boolean>> = {
  // Which fields those are is worked out where the rule is applied; some feature is always absent.
  'feature absent': true,
  // Not discoverable: the reports of aborted writes are accepted and, where they come, held to the rule.
  'write aborts reported synchronously (IMPDEF)': true,
};

const OPERATORS: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '=': (left, right) => left === right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '>': (left, right) => left > right,
  '<': (left, right) => left < right,
  '>=': (left, right) => left >= right,
  '<=': (left, right) => left <= right,
};

type Condition = (id: IdRegisters) => boolean;

/**
 * @throws Error when the `needs` of the row is not understood; a test holds that every tier-1 row is.
 */
export function isApplicable(row: Pick<RuleRow, 'id' | 'needs'>, idRegisters: IdRegisters): boolean {
  const condition = parseNeeds(row.needs);
  if (condition === undefined) throw new Error(`rule ${row.id}: needs "${row.needs}" is not understood`);
  return condition(idRegisters);
}

/** The condition that a `needs` column states; undefined when it is not understood. */
export function parseNeeds(needs: string): Condition | undefined {
  if (needs === '-') return () => true;
  const decided = DECIDED[needs];
  if (decided !== undefined) return () => decided;
  const alternatives = needs.split(' or ').map(parseList);
  if (!alternatives.every((alternative) => alternative !== undefined)) return undefined;
  return (id) => alternatives.some((alternative) => alternative(id));
}

function parseList(text: string): Condition | undefined {
  const terms = text
    .split(/,| and | /)
    .map((term) => term.trim())
    .filter((term) => term !== '')
    .map(parseTerm);
  if (terms.length === 0 || !terms.every((term) => term !== undefined)) return undefined;
  return (id) => terms.every((term) => term(id));
}

function parseTerm(term: string): Condition | undefined {
  const version = /^v3\.(\d)(\+?)$/.exec(term);
  if (version !== null) {
    const minor = Number(version[1]);
    return version[2] === '+'
      ? (id) => fieldValue('ArchMinorRev', id) >= minor
      : (id) => fieldValue('ArchMinorRev', id) === minor;
  }
  const both = /^(\w+)=(\w+)=(\d+)$/.exec(term);
  if (both !== null) return parseList(`${both[1]}=${both[3]},${both[2]}=${both[3]}`);
  const match = /^(?:S_IDR\d\.|IDR\d\.|AIDR\.)?([A-Za-z]\w*)(?:\[(\d)\])?(?:(==|!=|>=|<=|=|>|<)(0b[01]+|\d+))?$/.exec(
    term,
  );
  const name = match?.[1];
  if (match === null || name === undefined || (FIELDS[name] === undefined && !SECURE_FIELDS.has(name)))
    return undefined;
  const bit = match[2];
  const compare = OPERATORS[match[3] ?? '!='];
  if (compare === undefined) return undefined;
  const right = Number(match[4] ?? '0');
  return (id) => {
    const value = fieldValue(name, id);
    return compare(bit === undefined ? value : (value >> Number(bit)) & 1, right);
  };
}

function fieldValue(name: string, id: IdRegisters): number {
  const field = FIELDS[name];
  if (field === undefined) return 0;
  const [register, high, low] = field;
  const value = (id[register] >>> low) & (2 ** (high - low + 1) - 1);
  return name === 'OAS' ? (OAS_BITS[value] ?? 0) : value;
}
