/**
 * The Event queue (3.5, 7.2, 7.4): small ones that wrap and overflow, acknowledgement, consumption, interrupts, and queues that are off, hold
 * initial indices, or lie where memory aborts. The stories count the events they cause, one for each DMA that faults.
 */
import { EVENTQ_BASE } from '../../scenario/memory-map.ts';
import { REGISTERS } from '../../scenario/registers.ts';
import { access, accessAll, look } from './accesses.ts';
import { invalidateConfig } from './invalidate.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { ALLOCATE_HINT, OVERFLOW_FLAG } from './raw-registers.ts';
import { holeAddress } from './values.ts';
import { EVENTQEN } from './world.ts';
import type { World } from './world.ts';

/** The driver's view of an Event queue: what PROD must read and what CONS was last written. */
class Events {
  readonly world: World;
  readonly client: Client;
  readonly #size: number;
  prod = 0;
  cons = 0;
  overflow = false;
  acknowledged = false;

  constructor(world: World, client: Client, log2Size: number) {
    this.world = world;
    this.client = client;
    this.#size = 2 ** log2Size;
  }

  get full(): boolean {
    return this.prod - this.cons >= this.#size;
  }

  /** A DMA that faults: one event, or one lost. */
  fault(): void {
    const { world, client } = this;
    world.quietly(() => {
      const address = 0x9000n + BigInt(world.draw.between(0, 3)) * 0x1000n;
      world.dma(client.stream, address + 8n * BigInt(world.draw.between(0, 7)), {
        bytes: 4,
        write: world.draw.chance(30),
      });
    });
    if (!this.full) this.prod += 1;
    else if (this.overflow === this.acknowledged) this.overflow = !this.overflow;
  }

  /** Writes EVENTQ_CONS: `count` more events consumed, overflow acknowledged or not. */
  consume(count: number, acknowledge: boolean): void {
    this.cons = Math.min(this.prod, this.cons + count);
    if (acknowledge) this.acknowledged = this.overflow;
    const index = BigInt(this.cons % (2 * this.#size));
    this.world.write('EVENTQ_CONS', index | (this.acknowledged ? OVERFLOW_FLAG : 0n));
  }
}

export function eventOverflow(world: World): void {
  const { draw } = world;
  const log2Size = draw.weighted<number>([
    [3, 0],
    [3, 1],
    [2, 2],
    [1, 3],
  ]);
  const irqCtrl = draw.pick([5, 5, 4, 1, 0]);
  const [client] = openWorld(world, { streams: 1, pages: 1, boot: { eventqLog2Size: log2Size, irqCtrl } });
  const events = new Events(world, client, world.eventqLog2Size);
  const rounds = draw.between(2, 4);
  for (let round = 0; round < rounds; round += 1) {
    const burst = draw.between(1, 2 ** log2Size + 2);
    for (let at = 0; at < burst; at += 1) events.fault();
    world.events();
    if (draw.chance(25)) world.sync();
    if (draw.chance(20)) accessAll(world, client);
    if (draw.chance(20)) world.read('GERROR');
    consumeSome(events);
  }
  events.fault();
  world.events();
}

function consumeSome(events: Events): void {
  const { draw } = events.world;
  draw.weighted<() => void>([
    [4, () => events.consume(events.prod - events.cons, true)],
    [2, () => events.consume(1, draw.chance(50))],
    [2, () => events.consume(0, true)],
    [1, () => events.consume(events.prod - events.cons, false)],
  ])();
}

/** Records of many kinds, then the queue switched off and on: what was discarded never appears (EVQ-001, EVQ-048). */
export function eventQueueOff(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1, boot: { irqCtrl: draw.pick([5, 4, 0]) } });
  const events = new Events(world, client, world.eventqLog2Size);
  if (draw.chance(60)) events.fault();
  if (draw.chance(50)) world.events();
  const on = world.cr0;
  world.enable(on & ~EVENTQEN);
  const lost = draw.between(0, 2);
  for (let at = 0; at < lost; at += 1) world.dma(client.stream, 0x9000n, { bytes: 4 });
  if (draw.chance(60)) world.sync();
  world.events();
  if (draw.chance(40)) rewriteIndices(world);
  world.enable(on);
  world.events();
  world.dma(client.stream, 0xa000n, { bytes: 4, write: true });
  accessAll(world, client);
  world.events();
}

/** PROD and CONS set by hand: empty elsewhere, full, with the overflow flags apart or not (REG-334, REG-362). */
function rewriteIndices(world: World): void {
  const { draw } = world;
  const index = draw.bits(5);
  const flag = draw.chance(40) ? OVERFLOW_FLAG : 0n;
  world.write('EVENTQ_PROD', index | flag);
  const full = draw.chance(40) ? 32n : 0n;
  // Bits above the queue's own count for nothing (REG-357).
  const above = draw.chance(40) ? 1n << BigInt(draw.between(6, 19)) : 0n;
  world.write('EVENTQ_CONS', (index ^ full) | above | (draw.chance(80) ? flag : flag ^ OVERFLOW_FLAG));
  if (above !== 0n) world.read('EVENTQ_CONS');
  world.read('EVENTQ_PROD');
}

/** A queue somewhere else: misaligned, above the output size, larger than can be, or where writes abort (7.2.2). */
export function eventQueueElsewhere(world: World): void {
  const { draw, target } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1 });
  if (draw.chance(30)) accessAll(world, client);
  const on = world.cr0;
  world.enable(on & ~EVENTQEN);
  const log2Size = BigInt(draw.pick([0, 1, 2, 3, target.eventqs, target.eventqs + 1, 31]));
  const abort = draw.chance(50);
  const place = abort
    ? holeAddress(draw)
    : draw.pick([EVENTQ_BASE, EVENTQ_BASE | 0x60n, EVENTQ_BASE | (1n << BigInt(target.oas + 1))]);
  world.write('EVENTQ_BASE', place | log2Size | (draw.chance(30) ? ALLOCATE_HINT : 0n));
  world.read('EVENTQ_BASE');
  world.write('EVENTQ_PROD', 0n);
  world.write('EVENTQ_CONS', 0n);
  world.enable(on);
  world.dma(client.stream, 0x9000n, { bytes: 4 });
  world.read('GERROR');
  world.read('EVENTQ_PROD');
  world.dma(client.stream, 0xa000n, { bytes: 4 });
  if (draw.chance(40)) world.sync();
  if (abort) {
    world.gerror ^= 4n;
    world.acknowledgeErrors();
    world.read('GERROR');
    if (draw.chance(60)) moveBack(world, on);
    world.dma(client.stream, 0x9000n, { bytes: 4 });
    world.read('GERROR');
  }
  accessAll(world, client);
  world.events();
}

function moveBack(world: World, on: bigint): void {
  world.enable(on & ~EVENTQEN);
  world.write('EVENTQ_BASE', EVENTQ_BASE | 5n);
  world.write('EVENTQ_PROD', 0n);
  world.write('EVENTQ_CONS', 0n);
  world.enable(on);
}

/** The same fault again and again, under each STE.MEV and before there is an STE (7.3.1). */
export function repeatedFaults(world: World): void {
  const { draw, target } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1, steSet: draw.chance(50) ? { MEV: 1n } : {} });
  const address = draw.pick([0x9000n, 0x10_9008n, client.pages[0]?.va ?? 0n]);
  const count = draw.between(2, 4);
  const write = draw.chance(30);
  for (let at = 0; at < count; at += 1) {
    world.dma(client.stream, draw.chance(60) ? address : address + 8n * BigInt(at), { bytes: 4, write });
    if (draw.chance(20)) world.events();
  }
  world.events();
  world.ste(client.stream, client.cd, draw.pick([{ V: 0n }, { S1STALLD: 1n }, { Config: 0n }]));
  invalidateConfig(world, client.stream, 'ste');
  world.sync();
  for (let at = 0; at < 2; at += 1) world.dma(client.stream, address, { bytes: 4, write });
  if (target.anyStream) for (let at = 0; at < 2; at += 1) world.dma(40, address, { bytes: 4 });
  world.events();
}

/** Interrupts (3.18): enables toggled around events, errors and CMD_SYNC. */
export function interrupts(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1, boot: { irqCtrl: draw.between(0, 7) } });
  const events = new Events(world, client, world.eventqLog2Size);
  const rounds = draw.between(4, 6);
  for (let round = 0; round < rounds; round += 1) {
    draw.weighted<() => void>([
      [4, () => events.fault()],
      [3, () => (world.write('IRQ_CTRL', draw.bits(3)), world.read('IRQ_CTRLACK'))],
      [2, () => unacknowledged(world)],
      [2, () => syncsAtOnce(world)],
      [3, () => events.consume(draw.chance(60) ? events.prod - events.cons : 1, true)],
      [2, () => world.command('CMD_SYNC', { CS: 1n })],
      [1, () => world.command('CMD_SYNC', { CS: 2n })],
      [2, () => refusedCommand(world)],
      [1, () => world.write('IRQ_CTRL', draw.chance(50) ? 0xffff_fff8n : 2n)],
      [1, () => access(world, client.stream, client.pages[0] ?? world.map(client.cd, 0x1000n, world.freshPage()))],
    ])();
  }
  world.read('IRQ_CTRL');
  world.read('IRQ_CTRLACK');
  look(world);
}

/** IRQ_CTRL read before it need be acknowledged (ACK-061). */
function unacknowledged(world: World): void {
  const { draw } = world;
  const { IRQ_CTRL, IRQ_CTRLACK } = REGISTERS;
  world.quietly(() => {
    world.push({ do: 'write-offset', offset: IRQ_CTRL.offset, value: draw.bits(3), bytes: 4 });
    if (draw.chance(25)) world.push({ do: 'write-offset', offset: IRQ_CTRL.offset, value: draw.bits(3), bytes: 4 });
    world.push({ do: 'read-offset', offset: (draw.chance(70) ? IRQ_CTRL : IRQ_CTRLACK).offset, bytes: 4 });
    world.settle();
  });
}

/** Two of one source before anything settles: one interrupt may stand for both (MSI-012). */
function syncsAtOnce(world: World): void {
  if (world.cmdqSize < 2) return;
  world.quietly(() => {
    world.command('CMD_SYNC', { CS: 1n }, { ring: false });
    world.command('CMD_SYNC', { CS: 1n });
  });
}

/** A command in error, mended and acknowledged at once. */
function refusedCommand(world: World): void {
  const slot = world.slots;
  world.quietly(() => {
    world.rawCommand(0xffn, 0n);
    world.noteCommandError(slot);
    if (world.draw.chance(40)) world.read('GERROR');
    world.command('CMD_SYNC', undefined, { at: slot });
    world.acknowledgeErrors();
  });
}
