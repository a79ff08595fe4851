/** Legal commands with all kinds of parameters (chapter 4): consumed without error, and they change nothing they should not. */
import { invalidateConfig, invalidateLeaf, invalidateTlb } from './invalidate.ts';
import { access, accessAll, look } from './accesses.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { placeOf } from './places.ts';
import type { World } from './world.ts';

export function commands(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, {
    boot: { cmdqLog2Size: draw.pick([1, 2, 3, 6, 8]), ...(draw.chance(15) ? { cr0: 0xc } : {}) },
  });
  if (draw.chance(70)) accessAll(world, client);
  const count = draw.between(4, 9);
  for (let at = 0; at < count; at += 1) {
    legalCommand(world, client);
    if (draw.chance(30)) world.sync();
    if (draw.chance(25)) look(world);
    if (draw.chance(25)) accessAll(world, client);
  }
  world.sync();
  world.read('CMDQ_CONS');
  accessAll(world, client);
  world.events();
}

/** A command that must be consumed without error. */
export function legalCommand(world: World, client: Client): void {
  const { draw, target } = world;
  const anyStream = draw.pick([0n, 1n, 7n, 31n, 32n, 63n, 64n, 0x1_0000n, 0xffff_ffffn, BigInt(client.stream)]);
  const page = draw.pick(client.pages);
  draw.weighted<() => void>([
    [2, () => world.command('CMD_PREFETCH_CONFIG', { StreamID: anyStream, ...substream(world) })],
    [2, () => prefetchAddress(world, anyStream)],
    [1, () => prefetchAddress(world, BigInt(client.stream))],
    [2, () => world.command('CMD_CFGI_STE', { StreamID: anyStream, Leaf: draw.bits(1) })],
    [2, () => world.command('CMD_CFGI_STE_RANGE', { StreamID: anyStream, Range: draw.bits(5) })],
    [2, () => world.command('CMD_CFGI_ALL', { StreamID: anyStream })],
    [
      2,
      () =>
        world.command('CMD_CFGI_CD', {
          StreamID: anyStream,
          Leaf: draw.bits(1),
          ...(draw.chance(30) ? { SubstreamID: draw.bits(20) } : {}),
        }),
    ],
    [1, () => world.command('CMD_CFGI_CD_ALL', { StreamID: anyStream })],
    [1, () => world.command('CMD_TLBI_NH_ALL', draw.chance(30) ? { VMID: draw.bits(16) } : undefined)],
    [
      2,
      () =>
        world.command('CMD_TLBI_NH_ASID', {
          ASID: draw.bits(draw.pick([2, 8, 16])),
          ...(draw.chance(20) ? { VMID: draw.bits(16) } : {}),
        }),
    ],
    [2, () => invalidateTlb(world, page)],
    [1, () => invalidateLeaf(world, page)],
    [2, () => anyTlbi(world)],
    [1, () => world.command('CMD_TLBI_NSNH_ALL')],
    [3, () => sync(world)],
    [1, () => invalidateConfig(world, draw.pick(target.streams), 'cd')],
    [
      1,
      () =>
        world.rawCommand(BigInt(draw.between(0x11, 0x12)) | (draw.bits(16) << 48n), draw.chance(50) ? 0xf00n : 0x1n),
    ],
  ])();
}

function substream(world: World): { SSV?: bigint; SubstreamID?: bigint } {
  const { draw } = world;
  if (draw.chance(60)) return {};
  return { SSV: draw.bits(1), SubstreamID: draw.bits(20) };
}

function prefetchAddress(world: World, StreamID: bigint): void {
  const { draw } = world;
  const Address = draw.weighted<() => bigint>([
    [3, () => placeOf(world, 3, draw.chance(30))],
    [1, () => draw.bits(64) & ~0xfffn],
    [1, () => 0x9000n],
  ])();
  world.command('CMD_PREFETCH_ADDR', {
    StreamID,
    Address,
    ...(draw.chance(40) ? { Size: draw.bits(3), Stride: draw.bits(2) } : {}),
    ...(draw.chance(10) ? { NS: 1n } : {}),
    ...substream(world),
  });
}

/** By-address invalidations with range, level hints and addresses out of range (4.4.1.1). */
function anyTlbi(world: World): void {
  const { draw } = world;
  const Address = draw.chance(70) ? placeOf(world, 3, draw.chance(30)) : draw.bits(64) & ~0xfffn;
  const range = draw.chance(50) ? { TG: 1n, NUM: draw.bits(5), SCALE: draw.bits(3), TTL: draw.bits(2) } : {};
  const Leaf = draw.bits(1);
  if (draw.chance(50)) world.command('CMD_TLBI_NH_VA', { ASID: draw.bits(2), Address, Leaf, ...range });
  else world.command('CMD_TLBI_NH_VAA', { Address, Leaf, ...range });
}

/** CMD_SYNC with each completion signal but the Reserved one, and fields that only an MSI would use. */
export function sync(world: World): void {
  const { draw } = world;
  const CS = draw.between(0, 2);
  world.command('CMD_SYNC', {
    ...(CS === 0 ? {} : { CS: BigInt(CS) }),
    ...(draw.chance(25)
      ? { MSIAddress: 0x4100_0000n, MSIData: draw.bits(32), MSH: draw.bits(2), MSIAttr: draw.bits(4) }
      : {}),
    ...(draw.chance(5) ? { MSI_NS: 1n } : {}),
  });
}

/** Many commands with one ring, filling the queue to the last entry and wrapping (3.5.1). */
export function batches(world: World): void {
  const { draw } = world;
  const cmdqLog2Size = draw.between(0, 3);
  const [client] = openWorld(world, { boot: { cmdqLog2Size }, pages: 2 });
  accessAll(world, client);
  const rounds = draw.between(2, 4);
  for (let round = 0; round < rounds; round += 1) {
    const room = world.cmdqSize;
    const count = draw.chance(60) ? room : draw.between(1, room);
    const page = draw.pick(client.pages);
    if (draw.chance(60)) world.map(page.cd, page.va, world.freshPage());
    for (let at = 1; at < count; at += 1) {
      if (at === 1) world.command('CMD_TLBI_NH_ALL', undefined, { ring: false });
      else if (draw.chance(30)) world.command('CMD_SYNC', { CS: 1n }, { ring: false });
      else world.command('CMD_CFGI_CD', { StreamID: BigInt(client.stream) }, { ring: false });
    }
    if (count === 1) world.command('CMD_TLBI_NSNH_ALL');
    else world.sync();
    if (draw.chance(60)) world.read('CMDQ_CONS');
    if (count === 1) world.sync();
    access(world, client.stream, page);
  }
  world.read('CMDQ_PROD');
  look(world);
}
