/** Input addresses that stories use: apart from each other in every table node that scenario/layout.ts gives them. */
import type { Level } from '../../scenario/layout.ts';
import { PATTERN_BASE, RAM_BASE } from '../../scenario/memory-map.ts';
import type { Draw } from './draw.ts';

/** VA[63:39]: the upper half of a CD whose T1SZ is 25, as it usually is, and in range for every smaller one. */
export const HIGH = 0xffff_ff80_0000_0000n;

/** Pages of the lower half below 16 MiB: in range for every legal T0SZ. */
export const LOW_PAGES: readonly bigint[] = [
  0x1000n,
  0x2000n,
  0x3000n,
  0x4000n,
  0x10_5000n,
  0x1f_f000n,
  0x20_0000n,
  0x20_6000n,
  0x5f_f000n,
];

/** Pages that need other level 1 and level 2 entries, and the last page of a 39-bit half. */
export const FAR_PAGES: readonly bigint[] = [0x4000_7000n, 0x20_0000_8000n, 0x7f_4000_9000n, 0x7f_ffff_f000n];

/** 2 MiB regions that no page above lies in. */
export const BLOCK_2M: readonly bigint[] = [0x60_0000n, 0x80_0000n, 0xc0_0000n, 0x4080_0000n];

/** 1 GiB regions that none of the above lies in. */
export const BLOCK_1G: readonly bigint[] = [0x8000_0000n, 0xc000_0000n];

/** A page, 2 MiB or 1 GiB region of either half. Upper ones are the lower ones with VA[63:48] set. */
export function placeOf(draw: Draw, level: Level, upper: boolean): bigint {
  const low =
    level === 3 ? draw.pick(draw.chance(75) ? LOW_PAGES : FAR_PAGES) : draw.pick(level === 2 ? BLOCK_2M : BLOCK_1G);
  return upper ? low | HIGH : low;
}

/** Where a leaf of a level may point so that the pattern window lies inside what it maps. */
export function outputOf(draw: Draw, level: Level): bigint {
  if (level === 3) return PATTERN_BASE + BigInt(draw.between(64, 1000)) * 0x1000n;
  if (level === 2) return PATTERN_BASE + BigInt(draw.between(0, 1)) * 0x20_0000n;
  return RAM_BASE;
}

/** Bytes from the start of a leaf to where its output address is in the pattern window. */
export function patternOffset(draw: Draw, level: Level): bigint {
  const within = BigInt(draw.between(0, 511)) * 8n;
  if (level === 3) return within;
  const page = BigInt(draw.between(0, 511)) * 0x1000n;
  return level === 2 ? page + within : PATTERN_BASE - RAM_BASE + page + within;
}
