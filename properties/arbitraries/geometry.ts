/**
 * Where an input address lands (3.4, 5.4, D8.2): the two halves, their sizes, start levels, top byte, walks switched off, and leaves of
 * each level. CD fields are set before the SMMU is enabled, so every outcome is fixed.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { granuleLog2, levelShift, startLevel, tableBase } from '../../scenario/layout.ts';
import type { Granule, Level } from '../../scenario/layout.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import { access, anyAccess, look } from './accesses.ts';
import { TG, TG1 } from './stage2.ts';
import type { Mapping, World } from './world.ts';

/** Both ends of what each start level takes, and some between. */
const SIZES: Readonly<Record<Granule, readonly number[]>> = {
  '4K': [16, 17, 20, 24, 25, 26, 29, 32, 33, 34, 35, 38, 39],
  '16K': [16, 17, 20, 27, 28, 32, 38, 39],
  '64K': [16, 19, 21, 22, 25, 34, 35, 39],
};
/** With IDR3.STT, tables smaller than one page of the granule. */
const SMALL_SIZES: Readonly<Record<Granule, readonly number[]>> = {
  '4K': [40, 41, 42, 43, 45, 48],
  '16K': [40, 42, 44, 47, 48],
  '64K': [40, 43, 46, 47],
};

/** Pages by number: with any granule below 2^24 bytes for a half of any size but the smallest. */
const PAGE_NUMBERS = [1, 2, 3, 5, 9, 15];

/** Pages and blocks under halves of drawn sizes, then accesses inside, at the edges, beyond, and with tags. */
export function geometry(world: World): void {
  const { draw, target } = world;
  const g0 = draw.pick(target.granules);
  const g1 = draw.chance(60) ? g0 : draw.pick(target.granules);
  const t0sz = sizeOf(world, g0);
  const t1sz = sizeOf(world, g1);
  const stream = draw.pick(target.streams);
  const cd = draw.between(0, 3);
  world.cd(cd, halves(world, cd, [g0, t0sz], [g1, t1sz]));
  world.ste(stream, cd);
  const upper = upperBits(t1sz);
  const low = pagesOf(world, 2, g0, t0sz).map((va) => mapAt(world, cd, g0, va, 3, plainLeaf(world)));
  const high = pagesOf(world, 1, g1, t1sz).map((va) => mapAt(world, cd, g1, va | upper, 3));
  if (draw.chance(60)) {
    const inLow = draw.chance(50);
    const [granule, tsz] = inLow ? ([g0, t0sz] as const) : ([g1, t1sz] as const);
    const shift = BigInt(levelShift(2, granule));
    // Where the half has room beside what its pages use.
    if (64n - BigInt(tsz) > shift) {
      const va = (1n << shift) | (inLow ? 0n : upper);
      low.push(mapAt(world, cd, granule, va, 2, blockLeaf(world)));
    }
  }
  if (g0 === '4K' && t0sz <= 33 && draw.chance(40)) low.push(mapAt(world, cd, g0, 0x4000_0000n, 1, blockLeaf(world)));
  // A block where the granule has none (D8.2): F_TRANSLATION.
  const noBlock = draw.chance(g0 === '4K' ? 15 : 55) ? noBlockThere(world, cd, g0, t0sz) : undefined;
  world.boot();
  for (const mapping of [...low, ...high]) {
    access(world, stream, mapping);
    if (draw.chance(40)) access(world, stream, mapping);
  }
  if (noBlock !== undefined) anyAccess(world, stream, noBlock);
  for (const address of edges(world, t0sz, t1sz, [...low, ...high])) anyAccess(world, stream, address);
  world.events();
  access(world, stream, draw.pick([...low, ...high]));
  look(world);
}

function sizeOf(world: World, granule: Granule): number {
  const { draw, target } = world;
  return draw.pick(target.stt && draw.chance(40) ? SMALL_SIZES[granule] : SIZES[granule]);
}

/** Pages of a half, apart from each other where it has that many. */
function pagesOf(world: World, count: number, granule: Granule, tsz: number): bigint[] {
  const shift = granuleLog2(granule);
  const within = PAGE_NUMBERS.filter((page) => page < 2 ** (64 - tsz - shift));
  return world.draw.some(within.length === 0 ? [0] : within, count).map((page) => BigInt(page) << BigInt(shift));
}

function mapAt(world: World, cd: number, granule: Granule, va: bigint, level: Level, set?: DescriptorFields): Mapping {
  const shift = levelShift(level, granule);
  const align = (1n << BigInt(shift)) - 1n;
  const pa = level === 1 ? 0x4000_0000n : outputFor(world, shift) & ~align;
  world.mapIn({ cd, ...(granule === '4K' ? {} : { granule }) }, va, pa, level, set);
  const mapping: Mapping = { cd, va, pa, level, granule };
  world.mappings.push(mapping);
  return mapping;
}

/** An address in the pattern window, or of a leaf that holds all of it. */
function outputFor(world: World, shift: number): bigint {
  return PATTERN_BASE + BigInt(world.draw.between(64, 1000)) * (shift > 16 ? 0n : 0x1000n);
}

/** Returns an address that it maps. */
function noBlockThere(world: World, cd: number, granule: Granule, tsz: number): bigint | undefined {
  const level = granule === '64K' ? 1 : granule === '16K' && world.draw.chance(60) ? 1 : 0;
  if (startLevel(tsz, granule) > level) return undefined;
  const va = 0x7fn << BigInt(levelShift(level, granule));
  const at = va % (1n << BigInt(64 - tsz));
  world.mapIn({ cd, ...(granule === '4K' ? {} : { granule }) }, at, 0x4000_0000n, level);
  return at;
}

type Half = readonly [granule: Granule, tsz: number];

function halves(world: World, cd: number, [g0, t0sz]: Half, [g1, t1sz]: Half): CdFields {
  const { draw } = world;
  const set: Record<string, bigint> = { T0SZ: BigInt(t0sz), T1SZ: BigInt(t1sz) };
  if (g0 !== '4K') set['TG0'] = TG[g0];
  if (g1 !== '4K') set['TG1'] = TG1[g1];
  if (draw.chance(50)) set['TBI0'] = 1n;
  if (draw.chance(50)) set['TBI1'] = 1n;
  if (draw.chance(12)) set['EPD0'] = 1n;
  if (draw.chance(12)) set['EPD1'] = 1n;
  // Bits of TTB below the size of the first table are no part of its address (CD-103).
  if (draw.chance(15)) set['TTB0'] = tableBase(cd, 0, t0sz, g0) | ((draw.bits(8) << 4n) & tableAlign(t0sz, g0));
  if (draw.chance(10)) set['TTB1'] = tableBase(cd, 1, t1sz, g1) | ((draw.bits(8) << 4n) & tableAlign(t1sz, g1));
  if (draw.chance(20)) set['IPS'] = BigInt(draw.between(0, 7));
  return set;
}

/** Address bits below the size of the table a walk starts with. */
function tableAlign(tsz: number, granule: Granule): bigint {
  const entries = 64 - tsz - levelShift(startLevel(tsz, granule), granule);
  return 8n * (1n << BigInt(Math.max(1, entries))) - 1n;
}

/** The bits above a half of 2^(64-tsz) bytes. */
function upperBits(tsz: number): bigint {
  return ((1n << BigInt(tsz)) - 1n) << BigInt(64 - tsz);
}

/** Addresses at and beyond the edges of the two halves, and mapped ones with other top bytes or with VA[55] flipped. */
function edges(world: World, t0sz: number, t1sz: number, mappings: readonly Mapping[]): bigint[] {
  const { draw } = world;
  const size0 = 1n << BigInt(64 - t0sz);
  const base1 = upperBits(t1sz);
  const mapped = draw.pick(mappings).va;
  const tag = BigInt(draw.between(1, 254)) << 56n;
  return draw.some(
    [
      size0 - 0x1000n,
      size0,
      mapped | size0,
      base1,
      base1 - 0x1000n,
      mapped ^ tag,
      mapped ^ (0xffn << 56n),
      mapped ^ (1n << 55n),
      mapped ^ (1n << 55n) ^ tag,
      mapped ^ (1n << 54n) ^ tag,
      mapped ^ (1n << 63n),
      0xffff_ffff_ffff_fff8n,
      mapped + 0x1000n,
    ],
    draw.between(4, 7),
  );
}

/** Leaf bits that change nothing for a translation (D8.3, SEC-037). */
export function plainLeaf(world: World): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(40)) return undefined;
  return draw.pick<DescriptorFields>([
    { SW: BigInt(draw.between(1, 15)) },
    { GP: 1n },
    { NS: 1n },
    { PBHA: BigInt(draw.between(1, 15)) },
    { nG: 0n },
    { or0: 1n << 49n },
    { or0: 1n << 48n },
    { SH: BigInt(draw.between(0, 3)) },
    { AttrIndx: BigInt(draw.between(0, 7)) },
    { or0: 1n << 63n, DBM: 1n },
    { Contiguous: 1n },
  ]);
}

/** The same for blocks, whose address bits below their size are RES0 but for nT. */
function blockLeaf(world: World): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(50)) return plainLeaf(world);
  return draw.pick<DescriptorFields>([
    { Contiguous: 1n },
    { nT: 1n },
    { or0: 0xe000n },
    { or0: 0x1f_f000n },
    { or0: 0x1f_e000n, GP: 1n },
  ]);
}
