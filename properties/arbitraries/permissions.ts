/**
 * Who may do what (D8.4, 5.4): AP, PXN, UXN, their Table forms, WXN, PAN, HAD, STE.PRIVCFG and INSTCFG, the access flag. Each page has its
 * own mix, all set before the SMMU is enabled, then is tried with many kinds of access.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import type { TableLevel } from '../../scenario/steps.ts';
import { look } from './accesses.ts';
import { addClient } from './opening.ts';
import { BLOCK_2M, HIGH, outputOf } from './places.ts';
import type { DmaOptions, Mapping, World } from './world.ts';

/** One page under each of several level 3 nodes, so that Table fields at level 2 are each page's own. */
const PAGES = [0x1000n, 0x20_1000n, 0x40_1000n, 0xe0_1000n];

export function permissions(world: World): void {
  const { draw, target } = world;
  const stream = draw.pick(target.streams);
  const cdSet = cdControls(world);
  const client = addClient(world, stream, draw.between(0, 3), { pages: 0, cdSet, steSet: overrides(world) });
  const mappings: Mapping[] = [];
  for (const page of draw.some(PAGES, draw.between(2, 3))) mappings.push(restricted(world, client.cd, page));
  if (draw.chance(35)) mappings.push(restricted(world, client.cd, draw.pick(BLOCK_2M.slice(0, 2)), 2));
  // After all mappings: each one writes the tables above it again.
  for (const mapping of mappings) restrictTables(world, mapping);
  world.boot();
  for (const mapping of mappings) attempts(world, stream, mapping);
  world.events();
  // Once more, now that translations may be cached: permissions are checked on each access (CACHE-082).
  attempts(world, stream, draw.pick(mappings));
  look(world);
}

function cdControls(world: World): CdFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  if (draw.chance(35)) set['WXN'] = 1n;
  if (draw.chance(35)) set['PAN'] = 1n;
  if (draw.chance(20)) set['UWXN'] = 1n;
  if (draw.chance(25)) set['HAD0'] = 1n;
  if (draw.chance(25)) set['HAD1'] = 1n;
  if (draw.chance(15)) set['AFFD'] = 1n;
  if (draw.chance(8)) set['EPAN'] = 1n;
  if (draw.chance(8)) set['E0PD0'] = 1n;
  if (draw.chance(25)) set['R'] = BigInt(draw.between(0, 1));
  if (draw.chance(25)) set['A'] = BigInt(draw.between(0, 1));
  return set;
}

function overrides(world: World): SteFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  if (draw.chance(30)) set['PRIVCFG'] = BigInt(draw.between(0, 3));
  if (draw.chance(30)) set['INSTCFG'] = BigInt(draw.between(0, 3));
  if (draw.chance(15)) set['MEV'] = 1n;
  return set;
}

/** A leaf with drawn permissions, under tables with drawn ones. */
function restricted(world: World, cd: number, page: bigint, level: 2 | 3 = 3): Mapping {
  const { draw } = world;
  const va = world.place(draw.chance(30) ? page | HIGH : page);
  const leaf: Record<string, bigint> = { AP: BigInt(draw.between(0, 3)) };
  if (draw.chance(40)) leaf['UXN'] = 1n;
  if (draw.chance(40)) leaf['PXN'] = 1n;
  if (draw.chance(10)) leaf['AF'] = 0n;
  if (draw.chance(15)) leaf['DBM'] = 1n;
  const mapping = world.map(cd, va, outputOf(world, level), level, leaf);
  if (draw.chance(60)) world.table(cd, va, level === 3 ? draw.pick<TableLevel>([1, 2]) : 1, tableControls(world));
  if (level === 3 && draw.chance(25)) world.table(cd, va, 2, tableControls(world));
  return mapping;
}

function restrictTables(world: World, { cd, va, level }: Mapping): void {
  const { draw } = world;
  if (draw.chance(60)) world.table(cd, va, level === 3 ? draw.pick<TableLevel>([1, 2]) : 1, tableControls(world));
  if (level === 3 && draw.chance(25)) world.table(cd, va, 2, tableControls(world));
}

/** Hierarchical permissions, and bits of Table descriptors that do nothing. */
export function tableControls(world: World): DescriptorFields {
  const { draw } = world;
  const set: Record<string, bigint> = {};
  if (draw.chance(60)) set['APTable'] = BigInt(draw.between(1, 3));
  if (draw.chance(35)) set['UXNTable'] = 1n;
  if (draw.chance(35)) set['PXNTable'] = 1n;
  if (draw.chance(10)) set['NSTable'] = 1n;
  if (draw.chance(15)) set['or0'] = (draw.bits(8) << 51n) | (draw.bits(10) << 2n);
  return set;
}

/** Kinds of access in the order of what they need: data reads and writes, instruction fetches, at both privileges. */
const KINDS: readonly DmaOptions[] = [
  {},
  { write: true },
  { privileged: true },
  { privileged: true, write: true },
  { instruction: true },
  { instruction: true, privileged: true },
  { instruction: true, write: true },
];

function attempts(world: World, stream: number, mapping: Mapping): void {
  const { draw } = world;
  const count = world.target.capabilities.attributes ? draw.between(3, 5) : 2;
  for (const kind of draw.some(world.target.capabilities.attributes ? KINDS : KINDS.slice(0, 2), count)) {
    world.dma(stream, mapping.va + BigInt(draw.between(0, 15)) * 8n, { bytes: 8, ...kind });
  }
}
