/** SMMUEN 0 (3.11, 6.3.9.6, 6.3.14): what GBPA does to devices, its Update protocol, and commands and events meanwhile. */
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import { REGISTERS } from '../../scenario/registers.ts';
import { accessAll, anyAccess, look } from './accesses.ts';
import { openWorld } from './opening.ts';
import { GBPA_ABORT, GBPA_UPDATE } from './raw-registers.ts';
import { bypassAddress } from './values.ts';
import { SMMUEN } from './world.ts';
import type { World } from './world.ts';

export function disabled(world: World): void {
  const { draw } = world;
  const before = draw.chance(40);
  if (before) useDisabled(world);
  const [client] = openWorld(world, { streams: 1, pages: 2, ...(draw.chance(25) ? { boot: { cr0: 0xc } } : {}) });
  const on = world.cr0 | SMMUEN;
  if ((world.cr0 & SMMUEN) !== 0n) {
    accessAll(world, client);
    world.enable(on & ~SMMUEN);
  }
  useDisabled(world);
  if (draw.chance(30)) {
    world.command('CMD_PREFETCH_ADDR', { StreamID: BigInt(client.stream), Address: client.pages[0]?.va ?? 0x1000n });
    world.sync();
    world.read('CMDQ_CONS');
  }
  world.enable(on);
  accessAll(world, client);
  if (draw.chance(40)) {
    changeGbpa(world);
    accessAll(world, client);
  }
  if (draw.chance(30)) {
    world.enable(on & ~SMMUEN);
    useDisabled(world);
  }
  look(world);
}

/** GBPA changed or not, and devices that go by it. */
function useDisabled(world: World): void {
  const { draw, target } = world;
  const rounds = draw.between(1, 2);
  for (let round = 0; round < rounds; round += 1) {
    if (draw.chance(75)) changeGbpa(world);
    const count = draw.between(1, 3);
    for (let at = 0; at < count; at += 1) {
      const stream =
        target.anyStream && draw.chance(30) ? draw.pick([63, 64, 1000, 0xffff]) : draw.pick(target.streams);
      const address = bypassAddress(draw, target);
      if (draw.chance(20)) world.dma(stream, address, { substream: draw.between(0, 5) });
      else anyAccess(world, stream, address);
    }
  }
  if (draw.chance(30)) world.events();
}

function changeGbpa(world: World): void {
  const { draw } = world;
  const abort = draw.chance(50) ? GBPA_ABORT : 0n;
  const others = draw.weighted<() => bigint>([
    [3, () => 0n],
    [1, () => draw.bits(4) << 16n],
    [1, () => 0x7fef_ffffn],
    [1, () => draw.bits(14)],
  ])();
  const value = abort | (others & ~GBPA_ABORT);
  draw.weighted<() => void>([
    [5, () => world.write('GBPA', value | GBPA_UPDATE)],
    [2, () => world.write('GBPA', value)],
    [2, () => twice(world, value)],
  ])();
  world.read('GBPA');
}

/** A second write while the first one's Update may still be pending. */
function twice(world: World, value: bigint): void {
  const { offset } = REGISTERS.GBPA;
  world.quietly(() => {
    world.push({ do: 'write-offset', offset, value: value | GBPA_UPDATE, bytes: 4 });
    if (world.draw.chance(50)) world.push({ do: 'read-offset', offset, bytes: 4 });
    // A device meanwhile goes by the one or by the other (ACK-054).
    if (world.draw.chance(40)) anyAccess(world, world.draw.pick(world.target.streams), PATTERN_BASE + 64n);
    world.push({ do: 'write-offset', offset, value: (value ^ GBPA_ABORT) | GBPA_UPDATE, bytes: 4 });
    if (world.draw.chance(30)) anyAccess(world, world.draw.pick(world.target.streams), PATTERN_BASE + 64n);
    world.settle();
  });
}

/** A world on whose table every STE is invalid: what gets through while disabled is not looked up in it (STRTAB-001). */
export function enableSteps(world: World): void {
  const { draw, target } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1, boot: { cr0: 0 } });
  const order = draw.pick([
    [8n, 0xcn, 0xdn],
    [4n, 5n, 0xdn],
    [1n, 9n, 0xdn],
    [0xdn, 0xcn, 0xdn],
    [5n, 4n, 0xcn, 0xdn],
  ]);
  for (const cr0 of order) {
    world.enable(cr0);
    if (draw.chance(70)) accessAll(world, client);
    if (draw.chance(40)) world.dma(draw.pick(target.streams), PATTERN_BASE + 8n * draw.bits(9));
    if (draw.chance(40)) world.dma(client.stream, 0x9000n, { bytes: 4 });
    if (draw.chance(30)) look(world);
  }
  world.events();
}
