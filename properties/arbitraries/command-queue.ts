/**
 * The Command queue set up by hand (3.5, 6.3.26-6.3.28): initial indices, full before it is enabled, odd base and size, where reads abort,
 * PROD moved while it is off or in error. Commands are placed by memory writes, since no `command` step knows of this queue.
 */
import type { CommandName } from '../../scenario/encode/commands.ts';
import { CMDQ_BASE } from '../../scenario/memory-map.ts';
import { REGISTERS } from '../../scenario/registers.ts';
import { accessAll, look, touch } from './accesses.ts';
import { openWorld } from './opening.ts';
import { ALLOCATE_HINT, pokeCommand } from './raw-registers.ts';
import { holeAddress } from './values.ts';
import { CMDQEN, EVENTQEN } from './world.ts';
import type { World } from './world.ts';

/** A part of RAM that nothing else uses, for queues that are not at their usual place. */
const ELSEWHERE = 0x4012_8000n;

export function commandQueueByHand(world: World): void {
  const { draw, target } = world;
  const [client] = openWorld(world, { streams: 1, pages: 2 });
  accessAll(world, client);
  const page = draw.pick(client.pages);
  const log2Size = draw.weighted<number>([
    [2, 0],
    [2, 1],
    [3, 2],
    [2, 3],
    [1, target.cmdqs],
    [2, target.cmdqs + 1],
    [1, 31],
  ]);
  const size = 2 ** Math.min(log2Size, target.cmdqs);
  world.enable(world.cr0 & ~CMDQEN);
  world.unmap(page.cd, page.va);
  const base = draw.chance(40) ? CMDQ_BASE : ELSEWHERE;
  const low = draw.chance(40) ? 0x20n << BigInt(draw.between(0, 3)) : 0n;
  // Bits below the queue's size are no part of the base (CMDQ-011, CMDQ-012).
  const effective = (base | low) & ~BigInt(Math.max(32, 16 * size) - 1);
  const hint = draw.chance(30) ? ALLOCATE_HINT : 0n;
  const high = draw.chance(15) ? 1n << BigInt(target.oas) : 0n;
  world.write('CMDQ_BASE', base | low | hint | high | BigInt(log2Size), 8);
  if (draw.chance(50)) world.read('CMDQ_BASE');
  // Before they are written again: cut to the new size, or UNKNOWN above the old one (REG-324, REG-325).
  if (draw.chance(25)) world.read(draw.chance(50) ? 'CMDQ_PROD' : 'CMDQ_CONS');
  const first = draw.between(0, Math.min(2 * size, 64) - 1);
  const count = draw.chance(35) && size <= 8 ? size : draw.between(1, Math.min(size, 3));
  for (let at = 0; at < count; at += 1) {
    const last = at === count - 1;
    pokeCommand(
      world,
      effective,
      (first + at) % size,
      last ? 'CMD_SYNC' : 'CMD_TLBI_NH_ALL',
      last && draw.chance(40) ? { CS: 1n } : {},
    );
  }
  indices(world, first, (first + count) % (2 * size));
  if (draw.chance(25)) world.read('CMDQ_CONS');
  world.enable(world.cr0 | CMDQEN);
  // What this queue holds is no business of later `command` steps.
  world.cmdqRuns = false;
  world.backlog = Number.MAX_SAFE_INTEGER;
  world.read('CMDQ_CONS');
  if (draw.chance(40)) world.read('CMDQ_PROD');
  touch(world, client.stream, page);
  if (draw.chance(40)) oneMore(world, effective, first + count, size);
  accessAll(world, client);
  look(world);
}

function indices(world: World, cons: number, prod: number): void {
  const { draw } = world;
  const junk = draw.chance(10) ? 0xfn << 20n : 0n;
  world.write('CMDQ_PROD', BigInt(prod) | junk);
  world.write('CMDQ_CONS', BigInt(cons) | (draw.chance(10) ? 1n << 24n : 0n));
}

/** A command in the next slot, rung by hand; its slot may have held another one before (CMDQ-025). */
function oneMore(world: World, base: bigint, index: number, size: number): void {
  pokeCommand(world, base, index % size, 'CMD_SYNC', { CS: 1n });
  world.write('CMDQ_PROD', BigInt((index + 1) % (2 * size)));
  world.read('CMDQ_CONS');
}

/** CMDQ_BASE where nothing answers: CERROR_ABT, then the queue put back (7.1). */
export function commandFetchAborts(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 2, boot: { irqCtrl: draw.pick([5, 1, 0]) } });
  accessAll(world, client);
  world.enable(world.cr0 & ~CMDQEN);
  world.write('CMDQ_BASE', holeAddress(draw) | BigInt(draw.between(0, 6)));
  world.write('CMDQ_PROD', 1n);
  world.write('CMDQ_CONS', 0n);
  world.read('GERROR');
  world.enable(world.cr0 | CMDQEN);
  world.cmdqRuns = false;
  world.backlog = Number.MAX_SAFE_INTEGER;
  world.read('CMDQ_CONS');
  world.read('GERROR');
  accessAll(world, client);
  if (draw.chance(40)) {
    world.write('GERRORN', 1n);
    world.read('CMDQ_CONS');
    world.read('GERROR');
    world.gerror = 0n;
  } else {
    world.gerror = 1n;
  }
  const on = world.cr0;
  world.enable(on & ~CMDQEN);
  world.write('CMDQ_BASE', CMDQ_BASE | 3n);
  world.write('CMDQ_CONS', 0n);
  world.write('CMDQ_PROD', 2n);
  pokeCommand(world, CMDQ_BASE, 0, 'CMD_TLBI_NSNH_ALL');
  pokeCommand(world, CMDQ_BASE, 1, 'CMD_SYNC', { CS: 1n });
  world.write('GERRORN', world.gerror);
  world.read('CMDQ_CONS');
  world.enable(on | CMDQEN);
  world.cmdqRuns = false;
  world.backlog = Number.MAX_SAFE_INTEGER;
  world.read('CMDQ_CONS');
  world.read('GERROR');
  accessAll(world, client);
}

/** A command altered between its submission and its consumption (3.21.2): either may be what is carried out. */
export function commandAltered(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 2, boot: { cmdqLog2Size: 4 } });
  accessAll(world, client);
  const page = draw.pick(client.pages);
  world.unmap(page.cd, page.va, page.level);
  world.quietly(() => {
    const slot = world.slots;
    world.command(draw.chance(50) ? 'CMD_TLBI_NH_ALL' : 'CMD_CFGI_ALL', undefined, { ring: false });
    world.command('CMD_SYNC', draw.chance(50) ? { CS: 1n } : undefined, { ring: false });
    if (draw.chance(50)) world.command('CMD_SYNC', { CS: 1n }, { ring: false });
    const value = BigInt(world.slots % (2 * world.cmdqSize));
    world.push({ do: 'write-offset', offset: REGISTERS.CMDQ_PROD.offset, value, bytes: 4 });
    if (draw.chance(80)) {
      const other = draw.pick<CommandName>(['CMD_TLBI_NSNH_ALL', 'CMD_CFGI_ALL', 'CMD_SYNC']);
      world.command(other, undefined, { at: draw.chance(50) ? slot : slot + 1 });
    }
    if (draw.chance(40)) touch(world, client.stream, page);
    world.settle();
  });
  world.read('CMDQ_CONS');
  touch(world, client.stream, page);
  world.command('CMD_TLBI_NSNH_ALL');
  world.sync();
  accessAll(world, client);
  look(world);
}

/** PROD while the queue is off or in error: stored, and nothing runs; moved back during an error (CMDQ-035, CMDQ-059). */
export function producerMoves(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1, boot: { cmdqLog2Size: 4 } });
  accessAll(world, client);
  const slot = world.slots;
  const page = client.pages[0];
  if (page === undefined) return;
  if (draw.chance(20)) {
    // The last command before the queue stops is no CMD_SYNC (ACK-021, SYNC-054).
    world.unmap(page.cd, page.va);
    world.command('CMD_TLBI_NH_ALL');
    if (draw.chance(50)) world.sync();
    world.enable(world.cr0 & ~CMDQEN);
    touch(world, client.stream, page);
    world.enable(world.cr0 | CMDQEN);
    world.sync();
    touch(world, client.stream, page);
  } else if (draw.chance(50)) {
    world.enable(world.cr0 & ~CMDQEN);
    const gone = draw.chance(50);
    if (gone) world.unmap(page.cd, page.va);
    world.command('CMD_TLBI_NH_ALL');
    world.sync();
    world.read('CMDQ_CONS');
    if (draw.chance(40)) world.command('CMD_CFGI_ALL', undefined, { at: slot });
    if (draw.chance(40)) touch(world, client.stream, page);
    world.enable(world.cr0 | CMDQEN);
    world.read('CMDQ_CONS');
    touch(world, client.stream, page);
  } else {
    world.quietly(() => {
      world.rawCommand(0x0fn, 0n);
      world.command('CMD_SYNC', { CS: 1n });
      world.command('CMD_SYNC', { CS: 3n });
    });
    world.read('CMDQ_CONS');
    world.cmdqRuns = false;
    world.backlog = Number.MAX_SAFE_INTEGER;
    world.write('CMDQ_PROD', BigInt(slot + draw.between(1, 2)));
    world.command('CMD_TLBI_NH_ALL', undefined, { at: slot });
    world.write('GERRORN', 1n);
    world.read('CMDQ_CONS');
    world.read('GERROR');
    world.read('CMDQ_PROD');
    accessAll(world, client);
  }
}

/** Two errors at once, acknowledged one by one (REG-201). */
export function twoErrors(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1, boot: { irqCtrl: draw.pick([5, 1, 4]) } });
  accessAll(world, client);
  const on = world.cr0;
  world.enable(on & ~EVENTQEN);
  world.write('EVENTQ_BASE', holeAddress(draw) | 3n);
  world.write('EVENTQ_PROD', 0n);
  world.write('EVENTQ_CONS', 0n);
  world.enable(on);
  const together = draw.chance(50);
  if (!together) world.dma(client.stream, 0x9000n, { bytes: 4 });
  const slot = world.slots;
  world.quietly(() => {
    if (!together) {
      world.rawCommand(0x0an, 0n);
      return;
    }
    // Both before anything has settled: one interrupt may stand for the two (GERR-039).
    world.rawCommand(0x0an, 0n, { ring: false });
    const value = BigInt(world.slots % (2 * world.cmdqSize));
    world.push({ do: 'write-offset', offset: REGISTERS.CMDQ_PROD.offset, value, bytes: 4 });
    world.dma(client.stream, 0xb000n, { bytes: 4 });
  });
  world.noteCommandError(slot);
  world.read('GERROR');
  if (draw.chance(50)) world.dma(client.stream, 0xa000n, { bytes: 4 });
  const first = draw.chance(50) ? 1n : 4n;
  if (first === 1n || draw.chance(50)) world.command('CMD_SYNC', undefined, { at: slot });
  world.write('GERRORN', first);
  world.read('GERRORN');
  world.read('GERROR');
  world.read('CMDQ_CONS');
  world.dma(client.stream, 0xa000n, { bytes: 4 });
  world.command('CMD_SYNC', undefined, { at: slot });
  world.write('GERRORN', 5n);
  world.read('GERROR');
  world.write('IRQ_CTRL', 5n);
  accessAll(world, client);
  world.settle();
}

/** Indices and GERRORN written as no driver should (CMDQ-019, CMDQ-021, CMDQ-064): many outcomes are permitted, and containment is looked at. */
export function queueMisuse(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, {
    streams: 1,
    pages: 1,
    boot: { cmdqLog2Size: draw.between(1, 3), eventqLog2Size: 2 },
  });
  accessAll(world, client);
  draw.pick<() => void>([
    () => world.rawCommand(BigInt(draw.between(0x80, 0x8f)), draw.bits(64)),
    () => (world.write('CMDQ_PROD', draw.bits(4)), world.read('CMDQ_PROD')),
    () => (
      world.write('EVENTQ_CONS', draw.bits(3)),
      world.dma(client.stream, 0xa000n, { bytes: 4 }),
      world.read('EVENTQ_PROD')
    ),
    () => {
      world.enable(world.cr0 & ~CMDQEN);
      world.write('CMDQ_CONS', draw.bits(4));
      world.enable(world.cr0 | CMDQEN);
    },
    () => (world.write('GERRORN', BigInt(draw.pick([1, 4, 5]))), world.read('GERRORN')),
  ])();
  world.cmdqRuns = false;
  world.backlog = Number.MAX_SAFE_INTEGER;
  world.read('CMDQ_CONS');
  world.read('GERROR');
  world.dma(client.stream, 0x9000n, { bytes: 4 });
  accessAll(world, client);
  look(world);
}
