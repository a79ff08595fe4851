/**
 * Tables of facts about bit positions, and what they are good for: the bits a field takes in a structure.
 *
 * `facts-*.tsv`, one row a field, its bits counted over the whole structure as the architecture counts them. `at` is the offset of a
 * register, the opcode of a command, the number of an event, `-` elsewhere. The rows `offset`, `opcode` and `number` stand
 * for those. `section` is of IHI 0070 G.b where no other document is named.
 *
 * `sources`: who says so. `text` is the architecture; `text(7.3.2)` its diagram of a like event, where the event's own is lost. Others are
 * public headers: Linux arm-smmu-v3.h and io-pgtable-arm.c, QEMU smmuv3-common.h and smmuv3-internal.h, FreeBSD smmu_reg.h, Hafnium
 * arm_smmuv3.h, Arm's BSA-ACS smmu_reg.h, Renode ARM_SMMUv3, OpenVMM smmu/spec. `(low)`: agrees on the lowest bit, but
 * says nothing of the highest, or another one. `differs`: who says otherwise, what, and what settles it.
 * Xen and Jailhouse copy Linux and do not count apart. Not here: ATS, PRI, MPAM, DPT and Secure-only structures.
 */
import { readFileSync } from 'node:fs';

export interface Fact {
  readonly structure: string;
  /** Offset, opcode or number; undefined where a structure has none. */
  readonly at: number | undefined;
  readonly field: string;
  readonly high: number;
  readonly low: number;
  readonly section: string;
  readonly sources: readonly string[];
  readonly differs: readonly string[];
}

/** The tables by name; the structures of one table are of one size. */
export const TABLES = ['ste', 'cd', 'commands', 'events', 'registers', 'descriptors'] as const;
export type Table = (typeof TABLES)[number];

const COLUMNS = ['structure', 'at', 'field', 'high', 'low', 'section', 'sources', 'differs'];

/** Throws, with the line, when a table is not in the form above. */
export function readFacts(table: Table): Fact[] {
  const file = `facts-${table}.tsv`;
  const [header = '', ...lines] = readFileSync(new URL(file, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  if (header !== COLUMNS.join('\t')) throw new Error(`${file}: the columns are not ${COLUMNS.join(', ')}`);
  return lines.map((line, index) => {
    const cells = line.split('\t');
    const [structure = '', at = '', field = '', high = '', low = '', section = '', sources = '', differs = ''] = cells;
    const fact: Fact = {
      structure,
      at: at === '-' ? undefined : Number(at),
      field,
      high: Number(high),
      low: Number(low),
      section,
      sources: sources.split(' '),
      differs: differs === '-' ? [] : differs.split('; '),
    };
    const sound = cells.length === COLUMNS.length && fact.low >= 0 && fact.high >= fact.low && fact.at !== Number.NaN;
    if (!sound) throw new Error(`${file}:${index + 2}: not a fact: ${line}`);
    return fact;
  });
}

/** How many bits a field has. */
export function widthOf(fact: Fact): number {
  return fact.high - fact.low + 1;
}

/** The bits of the structure that a field takes. */
export function maskOf(fact: Fact): bigint {
  return ones(widthOf(fact)) << BigInt(fact.low);
}

/** A structure, bit n as bit n of the number, in which the field holds `value` and everything else is 0. */
export function place(fact: Fact, value: bigint): bigint {
  return (value << BigInt(fact.low)) & maskOf(fact);
}

export function ones(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}

/** A structure from its fields by name, all positions from the facts. */
export function structureOf(facts: readonly Fact[], fields: Readonly<Record<string, bigint>>): bigint {
  return Object.entries(fields).reduce((whole, [name, value]) => {
    const fact = facts.find(({ field }) => field === name);
    if (fact === undefined) throw new Error(`no fact about ${name}`);
    return whole | place(fact, value);
  }, 0n);
}

/** The little-endian words of `bits` bits that a structure of `size` bits has. */
export function wordsOf(structure: bigint, size: number, bits: 32 | 64): bigint[] {
  return Array.from({ length: size / bits }, (_, n) => (structure >> BigInt(n * bits)) & ones(bits));
}

/** The structure that little-endian bytes are. */
export function fromBytes(bytes: Uint8Array): bigint {
  return bytes.reduceRight((whole, byte) => (whole << 8n) | BigInt(byte), 0n);
}

/** The `length` little-endian bytes of a structure. */
export function toBytes(structure: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, n) => Number((structure >> BigInt(8 * n)) & 0xffn));
}
