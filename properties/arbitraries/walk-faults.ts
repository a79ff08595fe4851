/**
 * Walks that end badly (7.3.11-7.3.16, 7.3.22): invalid and Reserved descriptors at each level, output addresses beyond IPS, tables and
 * pages at which nothing answers, no access flag; alone and several at once, under each CD.{A, R} and STE.MEV.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { halfOf } from '../../scenario/layout.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import type { Level } from '../../scenario/layout.ts';
import type { TableLevel } from '../../scenario/steps.ts';
import { access, anyAccess, look } from './accesses.ts';
import { addClient, openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { HIGH, LOW_PAGES, outputOf } from './places.ts';
import { aboveBits, holeAddress } from './values.ts';
import { invalidateTlb } from './invalidate.ts';
import type { Mapping, World } from './world.ts';

const IPS_BITS = [32, 36, 40, 42, 44, 48, 52, 52];

/** Level 2 entries of their own, so that a broken table hurts one page only. */
const PAGES = [0x1000n, 0x20_1000n, 0x40_1000n, 0x60_1000n];
const REGIONS: Readonly<Record<1 | 2, readonly bigint[]>> = { 1: [0x8000_0000n], 2: [0xa0_0000n, 0x4080_0000n] };

export function walkFaults(world: World): void {
  const { draw, target } = world;
  const ips = draw.chance(55) ? draw.between(0, 5) : 4;
  const size = world.shape.only ? Number(world.shape.stage2?.set.S2PS ?? 4n) : ips;
  const bits = Math.min(IPS_BITS[size] ?? 48, target.oas);
  const large = world.granule === '4K' && draw.chance(25);
  const cdSet = {
    ...faultControls(world),
    ...(ips === 4 ? {} : { IPS: BigInt(ips) }),
    ...(large ? lowStart(world) : {}),
  };
  const steSet = draw.chance(20) ? { MEV: 1n } : {};
  const client = addClient(world, draw.pick(target.streams), draw.between(0, 3), { pages: 0, cdSet, steSet });
  const good = world.map(client.cd, world.place(0xe0_2000n), outputOf(world, 3));
  const broken = draw.some(PAGES, draw.between(2, 3)).map((page) => brokenPage(world, client, page, bits));
  if (draw.chance(50)) broken.push(brokenBlock(world, client, bits));
  // After all mappings: each one writes the tables above it again.
  for (const mapping of broken) if (mapping.level === 3 && draw.chance(50)) breakTable(world, mapping, bits, large);
  world.boot({ ...(draw.chance(15) ? { eventqLog2Size: 3 } : {}) });
  access(world, client.stream, good);
  for (const mapping of broken) {
    anyAccess(world, client.stream, mapping.va + BigInt(draw.between(0, 255)) * 8n);
    if (draw.chance(40)) anyAccess(world, client.stream, mapping.va + 8n);
    if (draw.chance(25)) world.events();
  }
  if (draw.chance(50)) anyAccess(world, client.stream, draw.pick(LOW_PAGES) + 0x9000n);
  world.events();
  // What faulted was not cached: mended without any TLBI it must work (CACHE-058, CACHE-059, CACHE-063, CACHE-064).
  const mended = draw.pick(broken);
  world.map(client.cd, mended.va, mended.pa, mended.level);
  if (draw.chance(50)) {
    invalidateTlb(world, mended);
    world.sync();
  }
  access(world, client.stream, mended);
  access(world, client.stream, good);
  look(world);
}

/** CD.A and CD.R, and now and then no access flag faults. */
function faultControls(world: World): CdFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  if (draw.chance(25)) set['A'] = 0n;
  if (draw.chance(25)) set['R'] = 0n;
  if (draw.chance(15)) set['AFFD'] = 1n;
  return set;
}

/** A lower half so large that its walks start at level 0. */
function lowStart(world: World): CdFields {
  return { T0SZ: BigInt(world.draw.between(16, 24)) };
}

function brokenPage(world: World, client: Client, page: bigint, bits: number): Mapping {
  const { draw } = world;
  const va = world.place(draw.chance(25) ? page | HIGH : page);
  const mapping = world.map(
    client.cd,
    va,
    outputOf(world, 3),
    3,
    draw.chance(75) ? brokenLeaf(world, 3, bits) : undefined,
  );
  return mapping;
}

/** Breaks a table on the way to a mapping. */
function breakTable(world: World, { cd, va }: Mapping, bits: number, large: boolean): void {
  const { draw } = world;
  const level = draw.weighted<TableLevel>([
    [large && halfOf(va) === 0 ? 4 : 0, 0],
    [3, 1],
    [8, 2],
  ]);
  world.table(cd, va, level, level === 0 && draw.chance(40) ? { Type: 0n } : brokenTable(world, bits));
}

function brokenBlock(world: World, client: Client, bits: number): Mapping {
  const { draw } = world;
  const level = draw.chance(75) ? 2 : 1;
  const va = world.place(draw.pick(REGIONS[level]));
  return world.map(client.cd, va, outputOf(world, level), level, brokenLeaf(world, level, bits));
}

function brokenLeaf(world: World, level: Level, bits: number): DescriptorFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  const faults = draw.chance(65) ? 1 : 2;
  for (const fault of draw.some(['invalid', 'type', 'address', 'flag', 'permission', 'hole'] as const, faults)) {
    switch (fault) {
      case 'invalid':
        set['Valid'] = 0n;
        break;
      case 'type':
        set['Type'] = level === 3 ? 0n : 1n;
        break;
      case 'address':
        if (bits < 48) set['OA'] = aboveBits(draw, bits) & 0xffff_ffff_f000n;
        break;
      case 'flag':
        set['AF'] = 0n;
        break;
      case 'permission':
        set['AP'] = BigInt(draw.pick([0, 2, 3]));
        break;
      case 'hole':
        if (level === 3) set['OA'] = holeAddress(draw);
        break;
    }
  }
  return set;
}

function brokenTable(world: World, bits: number): DescriptorFields {
  const { draw } = world;
  return draw.weighted<() => DescriptorFields>([
    [2, () => ({ Valid: 0n })],
    [1, () => ({ raw: draw.bits(63) << 1n })],
    [2, () => ({ Type: 0n })],
    [4, () => ({ NextTable: holeAddress(draw) })],
    [bits < 48 ? 4 : 0, () => ({ NextTable: aboveBits(draw, bits) & 0xffff_ffff_f000n })],
    [1, () => ({ APTable: 2n, NextTable: holeAddress(draw) })],
    [2, () => ({ APTable: BigInt(draw.between(1, 3)) })],
    [1, () => ({ or0: (1n << 10n) | (draw.bits(8) << 51n) })],
  ])();
}

/** Tables stored big-endian under CD.ENDI (5.4); the CD itself stays little-endian. */
export function bigEndian(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, {
    pages: 2,
    streams: 1,
    cdSet: { ENDI: 1n, ...(draw.chance(30) ? { EPD0: 1n } : {}) },
  });
  for (const mapping of client.pages) {
    if (draw.chance(80)) world.swapTables(mapping);
    access(world, client.stream, mapping, { write: false });
  }
  world.events();
  const page = client.pages[0];
  if (page !== undefined && draw.chance(50)) {
    world.map(client.cd, page.va, PATTERN_BASE);
    world.command('CMD_TLBI_NSNH_ALL');
    world.sync();
    access(world, client.stream, page, { write: false });
    look(world);
  }
}
