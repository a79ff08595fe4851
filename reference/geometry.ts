/**
 * The shape of VMSAv8-64 translation tables (DDI 0487 D8.2, D8.7.1): where a walk starts, how many bits each level resolves,
 * which levels may hold a Block, how many entries a Contiguous group has. Without 52-bit addresses and 128-bit descriptors.
 */
import type { RuleId } from './rules/ids.ts';

/** log2 of the translation granule's bytes. */
export type Granule = 12 | 14 | 16;

/** Where a walk starts. */
export interface Start {
  readonly level: number;
  /** Input address bits that the start level resolves; more than one table's at stage 2: concatenated tables. */
  readonly indexBits: number;
}

/** Input address bits that a full table resolves. */
export function stride(granule: Granule): number {
  return granule - 3;
}

/** The lowest input address bit that a level resolves: log2 of the bytes one of its entries maps. */
export function levelShift(granule: Granule, level: number): number {
  return granule + stride(granule) * (3 - level);
}

/** Stage 1 starts at the highest level that TxSZ needs. */
export function stage1Start(granule: Granule, txsz: number): Start {
  const levels = Math.max(1, Math.ceil((64 - txsz - granule) / stride(granule)));
  const level = 4 - levels;
  return { level, indexBits: 64 - txsz - levelShift(granule, level) };
}

/** Stage 2 starts where S2SL0 says. */
export function stage2Start(granule: Granule, level: number, t0sz: number): Start {
  return { level, indexBits: 64 - t0sz - levelShift(granule, level) };
}

const STARTS: Readonly<Record<Granule, readonly (RuleId | undefined)[]>> = {
  12: ['WALK-044', 'WALK-045', 'WALK-046', 'WALK-048'],
  14: ['WALK-050', 'WALK-051', 'WALK-052', 'WALK-053'],
  16: [undefined, 'WALK-056', 'WALK-057', 'WALK-058'],
};

/** The rule that gives the start level of a stage 1 walk. */
export function startRule(granule: Granule, txsz: number): RuleId {
  const { level } = stage1Start(granule, txsz);
  if (txsz > 39 && granule === 12 && level === 2) return 'WALK-047';
  if (txsz > 39 && granule === 14) return 'WALK-054';
  if (txsz > 39 && granule === 16) return 'WALK-059';
  return STARTS[granule][level] ?? 'WALK-061';
}

interface Leaves {
  readonly blocks: readonly number[];
  readonly rules: readonly (RuleId | undefined)[];
  readonly group: readonly (number | undefined)[];
}

const LEAVES: Readonly<Record<Granule, Leaves>> = {
  12: {
    blocks: [1, 2],
    rules: ['WALK-090', 'WALK-088', 'WALK-089', 'WALK-086'],
    group: [undefined, 16, 16, 16],
  },
  14: {
    blocks: [2],
    rules: ['WALK-096', 'WALK-094', 'WALK-093', 'WALK-086'],
    group: [undefined, undefined, 32, 128],
  },
  16: {
    blocks: [2],
    rules: [undefined, 'WALK-098', 'WALK-097', 'WALK-086'],
    group: [undefined, undefined, 32, 32],
  },
};

/** Whether a Block descriptor is legal at a level above the last. */
export function blockAllowed(granule: Granule, level: number): boolean {
  return LEAVES[granule].blocks.includes(level);
}

/** The rule about a leaf at a level: that it is a Block or Page of that size, or that it is not permitted. */
export function leafRule(granule: Granule, level: number): RuleId {
  return LEAVES[granule].rules[level] ?? 'WALK-086';
}

/** How many adjacent entries a Contiguous leaf may be cached as one with; undefined where the bit has no effect (D8-104). */
export function contiguousMembers(granule: Granule, level: number): number | undefined {
  return LEAVES[granule].group[level];
}
