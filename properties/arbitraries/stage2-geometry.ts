/**
 * Where an IPA lands (5.2, D8.2): S2T0SZ, S2SL0 and S2TG in all their pairings, concatenated first tables, S2PS, leaves of each level,
 * addresses beyond the input size, and sizes that do not go together.
 */
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { granuleLog2, levelShift, stage2TableBase } from '../../scenario/layout.ts';
import type { Granule, Level } from '../../scenario/layout.ts';
import { PATTERN_BASE, RAM_BASE } from '../../scenario/memory-map.ts';
import { access, anyAccess, look } from './accesses.ts';
import { invalidateConfig } from './invalidate.ts';
import { TG, edgeSizes, reservedStarts, sizeFields, stage2Starts } from './stage2.ts';
import { aboveBits, holeAddress } from './values.ts';
import type { Mapping, World } from './world.ts';

const PS_BITS = [32, 36, 40, 42, 44, 48, 48, 48];

interface Sized {
  readonly granule: Granule;
  readonly startLevel: Level;
  readonly bits: number;
  /** Output size. */
  readonly outBits: number;
  readonly set: Record<string, bigint>;
}

export function stage2Geometry(world: World): void {
  const { draw, target } = world;
  const stream = draw.pick(target.streams);
  const vm = draw.between(0, 3);
  const sized = drawSize(world, vm);
  const mappings = mapAll(world, vm, sized);
  world.bareSte(stream, { vm, set: sized.set });
  world.boot();
  for (const mapping of mappings) {
    access(world, stream, mapping);
    if (draw.chance(25)) access(world, stream, mapping);
  }
  for (const address of edges(world, sized)) anyAccess(world, stream, address);
  if (draw.chance(30)) world.dma(stream, mappings[0]?.va ?? 0n, { substream: draw.between(0, 3) });
  world.events();
  for (let round = draw.between(1, 2); round > 0; round -= 1) {
    world.bareSte(stream, { vm, set: { ...sized.set, ...mismatch(world, sized, vm) } });
    forget(world, stream, vm);
    const mapping = draw.pick(mappings);
    anyAccess(world, stream, mapping.va + 16n);
    if (draw.chance(50)) anyAccess(world, stream, draw.pick(edges(world, sized)));
  }
  world.events();
  world.bareSte(stream, { vm, set: sized.set });
  forget(world, stream, vm);
  access(world, stream, draw.pick(mappings));
  look(world);
}

/** Everything of the old STE. */
function forget(world: World, stream: number, vm: number): void {
  invalidateConfig(world, stream, 'ste');
  world.sync();
  if (world.draw.chance(70)) world.bareCommand('CMD_TLBI_S12_VMALL', { VMID: BigInt(vm + 1) });
  else world.bareCommand('CMD_TLBI_NSNH_ALL');
  world.sync();
}

function drawSize(world: World, vm: number): Sized {
  const { draw, target } = world;
  const granule = draw.pick(target.granules);
  const starts = stage2Starts(target, granule);
  const { S2SL0, level, least, most } = draw.pick(starts);
  const S2T0SZ = draw.pick([least, most, draw.between(least, most), draw.between(least, most)]);
  const S2PS = draw.weighted([
    [4, 4],
    [4, draw.between(0, 5)],
    [1, 7],
  ]);
  const set: Record<string, bigint> = {
    Config: 6n,
    S2T0SZ: BigInt(S2T0SZ),
    S2SL0: BigInt(S2SL0),
    S2TG: TG[granule],
    S2PS: BigInt(S2PS),
  };
  if (draw.chance(15)) set['S2R'] = 0n;
  if (draw.chance(15)) set['STRW'] = BigInt(draw.between(1, 3));
  if (draw.chance(15)) set['S2SL0_2'] = 1n;
  // None of this is looked at without stage 1 (STE-032).
  if (draw.chance(15)) Object.assign(set, { S1CDMax: 31n, S1Fmt: BigInt(draw.between(0, 3)), S1STALLD: 1n });
  if (draw.chance(15)) set['S1ContextPtr'] = aboveBits(draw, target.oas);
  const bits = 64 - S2T0SZ;
  const sized = { granule, startLevel: level, bits, outBits: Math.min(PS_BITS[S2PS] ?? 48, target.oas), set };
  if (draw.chance(20))
    set['S2TTB'] = stage2TableBase(vm, S2SL0, granule) | ((draw.bits(10) << 4n) & (firstBytes(sized) - 1n));
  return sized;
}

/** Bytes of the first table, or tables. */
function firstBytes({ granule, startLevel, bits }: Sized): bigint {
  return 8n << BigInt(Math.max(1, bits - levelShift(startLevel, granule)));
}

/** Leaves in the first and the last of the first tables, and in between; each level that has leaves, and some that have none. */
function mapAll(world: World, vm: number, sized: Sized): Mapping[] {
  const { draw } = world;
  const { granule, startLevel, bits } = sized;
  const page = 1n << BigInt(granuleLog2(granule));
  const all = 1n << BigInt(bits);
  const spread = (all / 16n) & ~(page - 1n);
  const pages = draw.some([0n, page, page * 3n, all - page, all / 2n, spread, spread * 7n, spread * 13n], 3);
  const mappings = [...new Set(pages.map((va) => (va & ~(page - 1n)) % all))].map((va) =>
    mapOne(world, vm, granule, va, 3, leafSet(world, sized, 3)),
  );
  const shift = BigInt(levelShift(2, granule));
  if (startLevel <= 2 && draw.chance(50)) {
    const va = ((1n << shift) * BigInt(draw.between(2, 15))) % all;
    mappings.push(mapOne(world, vm, granule, va, 2, leafSet(world, sized, 2)));
  }
  if (startLevel <= 1 && draw.chance(60)) {
    const va = ((1n << BigInt(levelShift(1, granule))) * 3n) % all;
    mappings.push(mapOne(world, vm, granule, va, granule !== '4K' && startLevel === 0 ? 0 : 1));
  }
  if (startLevel === 0 && draw.chance(25)) mappings.push(mapOne(world, vm, granule, ((1n << 39n) * 5n) % all, 0));
  if (startLevel <= 2 && draw.chance(30)) breakTable(world, vm, sized, draw.pick(mappings));
  return mappings;
}

function mapOne(world: World, vm: number, granule: Granule, va: bigint, level: Level, set?: DescriptorFields): Mapping {
  const size = 1n << BigInt(levelShift(level, granule));
  const within = PATTERN_BASE + BigInt(world.draw.between(16, 1000)) * 0x1000n;
  const pa = level === 3 ? within & ~(size - 1n) : level === 2 && granule === '4K' ? PATTERN_BASE : RAM_BASE;
  world.mapIn({ vm, ...(granule === '4K' ? {} : { granule }) }, va, pa, level, set);
  const mapping: Mapping = { cd: 0, va, pa, level, granule };
  world.mappings.push(mapping);
  return mapping;
}

/** Mostly nothing; else bits that do not matter, or what ends the walk. */
function leafSet(world: World, { granule, outBits }: Sized, level: Level): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(55)) return undefined;
  return draw.pick<DescriptorFields>([
    // Beyond what the STE lets out is checked before the Access flag (7.3.22).
    ...(outBits < 48 ? [{ OA: aboveBits(draw, outBits) & 0xffff_ffff_f000n, AF: draw.bits(1) }] : []),
    { AF: 0n },
    { Valid: 0n },
    { Type: level === 3 ? 0n : 1n },
    { or0: draw.bits(4) << 60n },
    { SW: draw.bits(4) },
    { Contiguous: 1n },
    { SH: draw.bits(2) },
    { DBM: 1n },
    ...(granule === '16K' && level === 3 ? [{ or0: 0x3000n }] : []),
    { OA: holeAddress(draw) },
  ]);
}

function breakTable(world: World, vm: number, sized: Sized, { va }: Mapping): void {
  const { draw } = world;
  const { granule, startLevel, outBits } = sized;
  const level = draw.between(Math.max(startLevel, granule === '64K' ? 1 : 0), 2) as 0 | 1 | 2;
  world.tableIn(
    { vm, ...(granule === '4K' ? {} : { granule }) },
    va,
    level,
    draw.pick<DescriptorFields>([
      { Valid: 0n },
      { Type: 0n },
      { NextTable: holeAddress(draw) },
      ...(outBits < 48 ? [{ NextTable: aboveBits(draw, outBits) & 0xffff_ffff_f000n }] : []),
      { or0: draw.bits(5) << 59n },
    ]),
  );
}

/** Inside and outside of the input size, and of what any stage 2 could have. */
function edges(world: World, { bits, granule }: Sized): bigint[] {
  const { draw, target } = world;
  const all = 1n << BigInt(bits);
  const ias = 1n << BigInt(target.ias);
  const page = 1n << BigInt(granuleLog2(granule));
  return draw.some(
    [
      all - 8n,
      all,
      all | page,
      all << 1n,
      ias - 8n,
      ias,
      ias | page,
      1n << 63n,
      (0xa5n << 56n) | page,
      1n << 55n,
      page * 9n,
    ],
    draw.between(2, 4),
  );
}

/** Sizes that do not go together, or nearly do not. */
function mismatch(world: World, { granule, set }: Sized, vm: number): SteFields {
  const { draw, target } = world;
  const S2SL0 = draw.between(0, 3);
  const usual = stage2Starts(target, granule);
  const reserved = reservedStarts(target);
  return draw.weighted<() => SteFields>([
    [3, () => ({ S2T0SZ: BigInt(draw.between(0, 63)), S2SL0: BigInt(S2SL0) })],
    [3, () => edgeSize(world, draw.pick(target.granules))],
    [8, () => sizeFields(draw.pick(edgeSizes(draw.pick(target.granules))))],
    [reserved.length > 0 ? 4 : 0, () => sizeFields(draw.pick(reserved))],
    [2, () => ({ S2SL0: BigInt(S2SL0), S2TTB: stage2TableBase(vm, S2SL0, granule) })],
    [1, () => ({ S2T0SZ: BigInt(Math.max(0, 64 - target.ias - 1)) })],
    [1, () => ({ S2T0SZ: draw.pick([39n, 40n, 48n, 49n, 16n, 15n, 12n]) })],
    [1, () => ({ S2TG: 3n })],
    [1, () => ({ S2SL0: 3n, S2TG: TG[draw.pick(target.granules)] })],
    [1, () => ({ S2TG: BigInt(draw.between(0, 2)) })],
    [1, () => ({ S2PS: 0n, S2TTB: 1n << 32n })],
    [usual.length > 0 ? 1 : 0, () => ({ S2PS: BigInt(draw.between(0, 7)) })],
    [1, () => ({ Config: draw.pick([4n, 0n]), S2T0SZ: 63n, S2TG: set['S2TG'] ?? 0n })],
  ])();
}

/** Just inside and just outside of what a start level takes. */
function edgeSize(world: World, granule: Granule): SteFields {
  const { draw, target } = world;
  const { S2SL0, least, most } = draw.pick(stage2Starts(target, granule));
  const S2T0SZ = draw.pick([least - 1, least, most, most + 1, most + 1]);
  return { S2TG: TG[granule], S2SL0: BigInt(S2SL0), S2T0SZ: BigInt(Math.min(63, Math.max(0, S2T0SZ))) };
}

/** A first table of two entries, whose place is told by bits [5:4] of S2TTB (STE-269). */
export function smallFirstTable(world: World): void {
  const { draw, target } = world;
  const stream = draw.pick(target.streams);
  const granule = draw.pick(target.granules);
  const starts = stage2Starts(target, granule).filter(({ level, most }) => 64 - most - levelShift(level, granule) <= 2);
  const start = starts.length === 0 ? undefined : draw.pick(starts);
  if (start === undefined) {
    stage2Geometry(world);
    return;
  }
  const { S2SL0, level, most } = start;
  const entries = 2 ** Math.max(1, 64 - most - levelShift(level, granule));
  const first = draw.between(0, 8 / entries - 1) * entries;
  // The usual place of entry `first` is where entry 0 of this table is.
  const shift = BigInt(levelShift(level, granule));
  const page = 1n << BigInt(granuleLog2(granule));
  const low = level === 3 ? 0n : page * BigInt(draw.between(1, 15));
  const mappings = [0, 1].map((at) => mapOne(world, 0, granule, (BigInt(first + at) << shift) | low, 3));
  const S2TTB = stage2TableBase(0, S2SL0, granule) | (8n * BigInt(first)) | (draw.chance(30) ? 8n : 0n);
  const set = { Config: 6n, S2T0SZ: BigInt(most), S2SL0: BigInt(S2SL0), S2TG: TG[granule], S2TTB };
  world.bareSte(stream, { set });
  world.boot();
  for (const [at, mapping] of mappings.entries()) {
    access(world, stream, { ...mapping, va: (BigInt(at) << shift) | low });
    anyAccess(world, stream, mapping.va);
  }
  world.events();
  look(world);
}
