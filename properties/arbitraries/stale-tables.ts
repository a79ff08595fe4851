/**
 * Translation tables that change under a TLB (3.21.1, 4.4, D8.16): with the invalidation that reaches the change, one that does not, one whose
 * CMD_SYNC is missing, or none; then with the right one, after which a single outcome is left.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { Level } from '../../scenario/layout.ts';
import { access, accessAll, look, touch } from './accesses.ts';
import { invalidateAll, invalidateAsid, invalidateLeaf, invalidateTlb, missTlb } from './invalidate.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { outputOf } from './places.ts';
import type { Mapping, World } from './world.ts';

const LEVELS: readonly Level[] = [3, 3, 3, 2, 1];

export function staleTables(world: World): void {
  const { draw } = world;
  const nG = draw.chance(25) ? { nG: 0n } : {};
  const deep = deepHalves(world);
  const [client, other] = openWorld(world, { pages: draw.between(2, 3), levels: LEVELS, leafSet: nG, cdSet: deep });
  accessAll(world, client);
  const rounds = draw.between(1, 3);
  for (let round = 0; round < rounds; round += 1) {
    const mapping = draw.pick(client.pages);
    const global = 'nG' in nG;
    const leafOnly = change(world, mapping, firstLevel(world, deep));
    afterChange(world, client, mapping, leafOnly, global);
    if (other !== undefined && draw.chance(30)) accessAll(world, other);
  }
  accessAll(world, client);
  look(world);
}

/** Now and then halves so large that walks start at level 0. */
function deepHalves({ draw, shape }: World): CdFields {
  if (shape.only || shape.granules.includes('64K') || !draw.chance(60)) return {};
  return { T0SZ: 16n, T1SZ: 16n };
}

function firstLevel({ shape }: World, cdSet: CdFields): Level {
  if (shape.only) return shape.stage2?.startLevel ?? 1;
  return cdSet.T0SZ === undefined ? 1 : 0;
}

/** Changes a leaf or a table at or below the level where walks start. Returns whether only the leaf changed. */
function change(world: World, mapping: Mapping, first: Level): boolean {
  const { draw } = world;
  const { cd, va, level } = mapping;
  const tables = ([0, 1, 2] as const).filter((above) => above >= first && above < level);
  const above = tables.length === 0 ? undefined : draw.chance(35) ? tables[tables.length - 1] : draw.pick(tables);
  return draw.weighted<() => boolean>([
    [4, () => (world.unmap(cd, va, level), true)],
    [3, () => (world.map(cd, va, outputOf(world, level), level), true)],
    [3, () => (world.map(cd, va, mapping.pa, level, leafChange(world)), true)],
    [above !== undefined ? 5 : 0, () => (world.unmap(cd, va, above), false)],
    [
      above !== undefined ? 2 : 0,
      () => (world.table(cd, va, above ?? 2, { APTable: BigInt(draw.between(1, 3)) }), false),
    ],
    [
      level > 1 ? 2 : 0,
      () => (world.table(cd, va, level === 3 ? 2 : 1, { NextTable: otherNode(world, mapping) }), false),
    ],
    [
      level === 3 ? 1 : 0,
      () => (world.table(cd, va, 2, { Type: 0n, OA: outputOf(world, 2), AF: 1n, AP: 1n, nG: 1n }), false),
    ],
    [1, () => (world.map(cd, va, mapping.pa, level), true)],
    // The same output by pages in place of a block (3.21.1.1).
    [level === 2 ? 3 : 0, () => (world.map(cd, va, mapping.pa, 3), false)],
  ])();
}

function leafChange(world: World): DescriptorFields {
  return world.draw.pick<DescriptorFields>([
    { AP: 3n },
    { AP: 0n },
    { AF: 0n },
    { nG: 0n },
    { UXN: 1n, PXN: 1n },
    { Type: 0n },
  ]);
}

/** The node of another CD, or of another address: tables that hold something else. */
function otherNode(world: World, mapping: Mapping): bigint {
  const { draw } = world;
  if (draw.chance(50)) return world.nodeOf((mapping.cd + 1) % 8, mapping.va, mapping.level);
  return world.nodeOf(mapping.cd, mapping.va ^ world.place(0x80_0000n), mapping.level);
}

function afterChange(world: World, client: Client, mapping: Mapping, leafOnly: boolean, global: boolean): void {
  const { draw } = world;
  const use = (): void => touch(world, client.stream, mapping, { write: false });
  const enough = (): void => {
    // A global leaf goes with any ASID; Table descriptors are of one (3.17).
    const asid = BigInt(client.cd + 1) ^ (global && leafOnly && draw.chance(60) ? draw.pick([1n, 2n, 0x80n]) : 0n);
    if (!global && draw.chance(30)) invalidateAsid(world, asid);
    else if (leafOnly && draw.chance(global ? 80 : 40)) invalidateLeaf(world, mapping, asid);
    else invalidateTlb(world, mapping);
  };
  draw.weighted<() => void>([
    [6, () => undefined],
    [1, use],
    [2, () => (missTlb(world, mapping), world.sync(), use())],
    [1, () => (enough(), use())],
    [1, () => (invalidateLeaf(world, mapping), world.sync(), use())],
    [1, () => (world.sync(), use())],
  ])();
  enough();
  if (draw.chance(10)) use();
  world.sync();
  access(world, client.stream, mapping);
  if (draw.chance(50)) access(world, client.stream, mapping);
}

/** Two CDs over the same addresses: ASIDs apart or shared, global leaves, ASET (3.17). */
export function addressSpaces(world: World): void {
  const { draw, target } = world;
  const streams = draw.some(target.streams, 2);
  const [one, two] = streams.length > 1 ? streams : [streams[0], streams[0]];
  if (one === undefined || two === undefined) return;
  const asid = draw.pick([1n, 2n, 0x1ffn, 0xffffn]);
  const apart = draw.chance(70);
  const asids = [asid, apart ? asid ^ draw.pick([3n, 0x100n, 0x8000n]) : asid] as const;
  const sets = [draw.chance(25) ? 1n : 0n, draw.chance(25) ? 1n : 0n] as const;
  const nG = draw.chance(50) ? 0n : 1n;
  const va = draw.pick([0x1000n, 0x20_6000n, 0xffff_ffff_ffff_f000n]);
  const maps = [0, 1].map((cd) => {
    world.cd(cd, { ASID: asids[cd] ?? asid, ...(sets[cd] === 1n ? { ASET: 1n } : {}) });
    return world.map(cd, va, outputOf(world, 3), 3, cd === 0 || draw.chance(80) ? { nG } : { nG: 1n });
  });
  world.ste(one, 0);
  if (two !== one) world.ste(two, 1);
  world.boot();
  const [first, second] = maps;
  if (first === undefined || second === undefined) return;
  touch(world, one, first);
  if (two !== one) touch(world, two, second);
  if (two === one || draw.chance(40)) switchAsid(world, one, asids[1]);
  if (draw.chance(60)) touch(world, one, first);
  const changed = draw.pick([first, second]);
  world.map(changed.cd, va, outputOf(world, 3), 3, { nG });
  asidInvalidation(world, va, asids, changed.cd);
  world.sync();
  touch(world, one, first);
  touch(world, two, second);
  invalidateAll(world);
  touch(world, one, first);
  touch(world, two, second);
  look(world);
}

function asidInvalidation(world: World, Address: bigint, asids: readonly [bigint, bigint], changed: number): void {
  const { draw } = world;
  const own = asids[changed] ?? asids[0];
  const other = asids[1 - changed] ?? asids[1];
  draw.weighted<() => void>([
    [3, () => world.command('CMD_TLBI_NH_VA', { ASID: own, Address })],
    [2, () => world.command('CMD_TLBI_NH_VA', { ASID: other, Address })],
    [2, () => world.command('CMD_TLBI_NH_ASID', { ASID: own })],
    [1, () => world.command('CMD_TLBI_NH_ASID', { ASID: other })],
    [3, () => world.command('CMD_TLBI_NH_VAA', { Address })],
    [2, () => world.command('CMD_TLBI_NH_ALL')],
    [2, () => world.command('CMD_TLBI_NSNH_ALL')],
  ])();
}

/** The CD gets another ASID: old entries of the old one no longer match (CACHE-046). */
function switchAsid(world: World, stream: number, asid: bigint): void {
  world.cd(0, { ASID: asid, ...(world.draw.chance(30) ? { ASET: 1n } : {}) });
  world.command('CMD_CFGI_CD', { StreamID: BigInt(stream), Leaf: 1n });
  world.sync();
}
