/** Input addresses that stories use: apart from each other in every table node that scenario/layout.ts gives them. */
import { levelShift } from '../../scenario/layout.ts';
import type { Level } from '../../scenario/layout.ts';
import { PATTERN_BASE, PATTERN_BYTES, RAM_BASE } from '../../scenario/memory-map.ts';
import type { Draw } from './draw.ts';
import type { Mapping, World } from './world.ts';

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

/** A page, 2 MiB or 1 GiB region of either half, or what has its indices under another granule. Upper ones are the lower ones with VA[63:48] set. */
export function placeOf(world: World, level: Level, upper: boolean): bigint {
  const { draw } = world;
  const low =
    level === 3 ? draw.pick(draw.chance(75) ? LOW_PAGES : FAR_PAGES) : draw.pick(level === 2 ? BLOCK_2M : BLOCK_1G);
  return world.place(upper ? low | HIGH : low);
}

/** Where a leaf of a level may point so that the pattern window lies inside what it maps. */
export function outputOf(world: World, level: Level): bigint {
  const { draw } = world;
  if (level === 3) return PATTERN_BASE + BigInt(draw.between(64, 1000)) * 0x1000n;
  if (level === 2 && world.granule === '4K') return PATTERN_BASE + BigInt(draw.between(0, 1)) * 0x20_0000n;
  return RAM_BASE;
}

/** Bytes from the input address of a mapping to one whose output address is in the pattern window, where it maps some of that. */
export function patternOffset(draw: Draw, mapping: Mapping): bigint {
  const within = BigInt(draw.between(0, 511)) * 8n;
  const start = patternStart(mapping);
  const end = leafEnd(mapping);
  const windowEnd = PATTERN_BASE + PATTERN_BYTES;
  const pages = ((end < windowEnd ? end : windowEnd) - (mapping.pa + start)) >> 12n;
  if (pages <= 1n) return within;
  return start + BigInt(draw.between(0, Number(pages) - 1)) * 0x1000n + within;
}

/** Bytes from the input address of a mapping to what maps the first byte of the pattern window: 0 when that lies below it or not in the leaf. */
export function patternStart(mapping: Mapping): bigint {
  const { pa } = mapping;
  return pa < PATTERN_BASE && leafEnd(mapping) > PATTERN_BASE ? PATTERN_BASE - pa : 0n;
}

function leafEnd({ pa, level, granule }: Mapping): bigint {
  const shift = BigInt(levelShift(level, granule));
  return ((pa >> shift) + 1n) << shift;
}
