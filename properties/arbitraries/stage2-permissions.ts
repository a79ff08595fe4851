/**
 * Who may do what at stage 2 (D8.4, 5.2): S2AP, XN with and without IDR3.XNX, the access flag and S2AFFD, device memory and S2PTW; alone, or
 * after a stage 1 that permits or denies too.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import type { Tables } from '../../scenario/steps.ts';
import { look } from './accesses.ts';
import { outputOf } from './places.ts';
import type { DmaOptions, Mapping, World } from './world.ts';

const PAGES = [0x1000n, 0x20_1000n, 0x40_1000n, 0x60_1000n];
/** Input of stage 2 for pages that stage 1 maps: away from what the usual world has there. */
const IPA_BASE = 0x8000_0000n;

export function stage2Permissions(world: World): void {
  const { draw, target, shape } = world;
  const stream = draw.pick(target.streams);
  if (shape.stage2 === undefined) return;
  world.cd(0, cdControls(world));
  world.ste(stream, 0, steControls(world));
  const granule = shape.stage2.granule;
  const tables: Tables = { vm: shape.stage2.vm, ...(granule === '4K' ? {} : { granule }) };
  const mappings = draw
    .some(PAGES, draw.between(2, 3))
    .map((page, index) => (shape.only ? restricted(world, page) : nestedPage(world, tables, page, index)));
  if (draw.chance(40))
    world.tableIn(tables, shape.only ? (mappings[0]?.va ?? 0n) : IPA_BASE, 2, { or0: draw.bits(5) << 59n });
  world.boot();
  for (const mapping of mappings) attempts(world, stream, mapping, draw.between(3, 5));
  world.events();
  attempts(world, stream, draw.pick(mappings), 3);
  look(world);
}

function cdControls(world: World): CdFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  if (draw.chance(25)) set['AFFD'] = 1n;
  if (draw.chance(20)) set['A'] = 0n;
  if (draw.chance(20)) set['R'] = 0n;
  if (draw.chance(20)) set['WXN'] = 1n;
  return set;
}

function steControls(world: World): SteFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  if (draw.chance(30)) set['S2AFFD'] = BigInt(draw.between(0, 1));
  if (draw.chance(25)) set['S2PTW'] = 1n;
  if (draw.chance(25)) set['S2R'] = BigInt(draw.between(0, 1));
  if (draw.chance(20)) set['PRIVCFG'] = BigInt(draw.between(0, 3));
  if (draw.chance(20)) set['INSTCFG'] = BigInt(draw.between(0, 3));
  if (draw.chance(10)) set['S2FWB'] = 1n;
  return set;
}

/** A leaf of stage 2 with drawn permissions. */
export function stage2Leaf(world: World): DescriptorFields {
  const { draw } = world;
  const leaf: Record<string, bigint> = { S2AP: BigInt(draw.between(0, 3)) };
  if (draw.chance(60)) leaf['XN'] = BigInt(draw.between(0, 3));
  if (draw.chance(15)) leaf['AF'] = 0n;
  if (draw.chance(15)) leaf['DBM'] = 1n;
  // Device types and Normal ones; their other values depend on FWB, or are Reserved.
  if (draw.chance(25)) leaf['MemAttr'] = draw.pick([0n, 1n, 2n, 3n, 5n, 10n, 15n]);
  if (draw.chance(10)) leaf['SW'] = draw.bits(4);
  return leaf;
}

function restricted(world: World, page: bigint): Mapping {
  // Stage 2 names are written as they are.
  return world.map(0, world.place(page), outputOf(world, 3), 3, stage2Leaf(world));
}

/** A page that both stages may deny. */
function nestedPage(world: World, tables: Tables, page: bigint, index: number): Mapping {
  const { draw } = world;
  const ipa = IPA_BASE + BigInt(index) * 0x20_0000n;
  const pa = outputOf(world, 3) & ~0xffffn;
  const mapping = world.map(0, world.place(page), ipa, 3, draw.chance(50) ? stage1Leaf(world) : undefined);
  world.mapIn(tables, ipa, pa, 3, draw.chance(85) ? stage2Leaf(world) : { Valid: 0n });
  return { ...mapping, pa };
}

function stage1Leaf(world: World): DescriptorFields {
  const { draw } = world;
  const leaf: Record<string, bigint> = { AP: BigInt(draw.between(0, 3)) };
  if (draw.chance(40)) leaf['UXN'] = 1n;
  if (draw.chance(40)) leaf['PXN'] = 1n;
  if (draw.chance(25)) leaf['AF'] = 0n;
  return leaf;
}

const KINDS: readonly DmaOptions[] = [
  {},
  { write: true },
  { privileged: true },
  { privileged: true, write: true },
  { instruction: true },
  { instruction: true, privileged: true },
];

function attempts(world: World, stream: number, mapping: Mapping, count: number): void {
  const { draw } = world;
  const kinds = world.target.capabilities.attributes ? KINDS : KINDS.slice(0, 2);
  for (const kind of draw.some(kinds, count)) {
    world.dma(stream, mapping.va + BigInt(draw.between(0, 15)) * 8n, { bytes: 8, ...kind });
  }
}
