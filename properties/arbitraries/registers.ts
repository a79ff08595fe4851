/**
 * Register accesses (6.2, 6.3): every register with every access size, halves of 64-bit ones, misaligned and spanning accesses, offsets without
 * a register, Reserved bits, read-only ones. Each write is read back.
 */
import { REGISTERS, REGISTER_NAMES } from '../../scenario/registers.ts';
import type { RegisterName } from '../../scenario/registers.ts';
import type { AccessBytes } from '../../scenario/steps.ts';
import { accessAll } from './accesses.ts';
import { openWorld } from './opening.ts';
import { doubleValue, wordValue } from './values.ts';
import type { World } from './world.ts';

/** Whose writes would end the story, or have meaning only with queues set up for it. */
const RESERVED_FOR_STORIES: ReadonlySet<RegisterName> = new Set<RegisterName>([
  'CMDQ_PROD',
  'CR0',
  'GERRORN',
  'EVENTQ_CONS',
  'EVENTQ_CONS_ALIAS',
]);

const ID_REGISTERS: readonly RegisterName[] = ['IDR0', 'IDR1', 'IDR2', 'IDR3', 'IDR4', 'IDR5', 'IIDR', 'AIDR', 'IDR6'];

/** Non-secure registers that hold something in every implementation. */
export const LIVE_REGISTERS: readonly RegisterName[] = [
  'CR0',
  'CR0ACK',
  'CR1',
  'CR2',
  'GBPA',
  'IRQ_CTRL',
  'IRQ_CTRLACK',
  'GERROR',
  'GERRORN',
  'STRTAB_BASE',
  'STRTAB_BASE_CFG',
  'CMDQ_BASE',
  'CMDQ_PROD',
  'CMDQ_CONS',
  'EVENTQ_BASE',
  'EVENTQ_PROD',
  'EVENTQ_CONS',
];

/** Registers of a running SMMU: reads of all kinds, writes that must be ignored or do no harm. */
export function registersRunning(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1 });
  accessAll(world, client);
  const count = draw.between(8, 14);
  for (let at = 0; at < count; at += 1) registerAccess(world);
  accessAll(world, client);
  world.read('CR0ACK');
  world.events();
}

/** The same with everything off, where most writes are accepted. */
export function registersIdle(world: World): void {
  const { draw } = world;
  if (draw.chance(50)) world.boot({ cr0: draw.pick([0, 1, 4, 8]) });
  const count = draw.between(10, 18);
  for (let at = 0; at < count; at += 1) registerAccess(world);
}

export function registerAccess(world: World): void {
  const { draw } = world;
  draw.weighted<() => void>([
    [4, () => liveAccess(world)],
    [2, () => idAccess(world)],
    [3, () => anyRegister(world)],
    [2, () => oddOffset(world)],
    [2, () => oddSize(world)],
    [2, () => halves(world)],
  ])();
}

function liveAccess(world: World): void {
  const { draw } = world;
  const name = draw.pick(LIVE_REGISTERS);
  if (!RESERVED_FOR_STORIES.has(name) && draw.chance(60)) world.write(name, valueFor(world, name));
  world.read(name);
}

function valueFor(world: World, name: RegisterName): bigint {
  return REGISTERS[name].bytes === 8 ? doubleValue(world.draw) : wordValue(world.draw);
}

function idAccess(world: World): void {
  const name = world.draw.pick(ID_REGISTERS);
  if (world.draw.chance(40)) world.write(name, wordValue(world.draw));
  world.read(name);
}

/** Any register at all, those of absent features and of the Secure bank too. */
function anyRegister(world: World): void {
  const { draw } = world;
  const name = draw.pick(REGISTER_NAMES);
  if (!RESERVED_FOR_STORIES.has(name) && draw.chance(60)) world.write(name, valueFor(world, name));
  world.read(name);
}

/** Offsets without a register, IMPLEMENTATION DEFINED windows, the CoreSight window. */
function oddOffset(world: World): void {
  const { draw } = world;
  const offset = draw.weighted<() => number>([
    [
      3,
      () =>
        draw.pick([
          0x38, 0x3c, 0x4c, 0x58, 0x5c, 0x78, 0x7c, 0x8c, 0xe0, 0xf8, 0x120, 0x13c, 0x188, 0x194, 0x300, 0x800, 0xdfc,
          0xfc0,
        ]),
    ],
    [1, () => 0xe00 + 4 * draw.between(0, 63)],
    [2, () => 0xfd0 + 4 * draw.between(0, 11)],
    [1, () => 0x1000 + 4 * draw.between(0, 0xbff)],
    [2, () => 0x10000 + 4 * draw.between(0, 0x3ff)],
    [1, () => 4 * draw.between(0x80, 0x37f)],
  ])();
  // Page 1 indices are written by stories that know them.
  if (offset === 0x100a8 || offset === 0x100ac) return;
  const bytes: AccessBytes = draw.chance(80) ? 4 : 8;
  if (draw.chance(60)) world.push({ do: 'write-offset', offset: offset & ~(bytes - 1), value: wordValue(draw), bytes });
  world.push({ do: 'read-offset', offset: offset & ~(bytes - 1), bytes });
}

/** Byte, halfword, misaligned and spanning accesses: several outcomes are permitted (REG-007, REG-009, REG-010). Reads, but for ID registers. */
function oddSize(world: World): void {
  const { draw, target } = world;
  const sizes = target.capabilities.registerAccessBytes;
  const bytes = draw.pick(sizes);
  const near = REGISTERS[draw.pick(draw.chance(50) ? ID_REGISTERS : LIVE_REGISTERS)].offset;
  const misaligned = bytes > 1 && sizes.includes(1) && draw.chance(30);
  const offset = misaligned ? near + draw.between(1, bytes - 1) : near & ~(bytes - 1);
  if (offset < 0x20 && draw.chance(40)) world.push({ do: 'write-offset', offset, value: draw.bits(8 * bytes), bytes });
  world.push({ do: 'read-offset', offset, bytes });
}

const DOUBLES: readonly RegisterName[] = ['STRTAB_BASE', 'CMDQ_BASE', 'EVENTQ_BASE'];

/** One half of a 64-bit register, then the whole, then the other half. */
function halves(world: World): void {
  const { draw } = world;
  const { offset } = REGISTERS[draw.pick(DOUBLES)];
  const upper = draw.chance(50) ? 4 : 0;
  world.push({ do: 'write-offset', offset: offset + upper, value: wordValue(draw), bytes: 4 });
  if (draw.chance(60)) world.push({ do: 'read-offset', offset, bytes: 8 });
  world.push({ do: 'read-offset', offset: offset + (draw.chance(50) ? upper : 4 - upper), bytes: 4 });
}

/** Before anything is written: reset values, and devices that come too early (3.11). */
export function afterReset(world: World): void {
  const { draw, target } = world;
  const count = draw.between(5, 9);
  for (let at = 0; at < count; at += 1) {
    draw.weighted<() => void>([
      [4, () => world.read(draw.pick(LIVE_REGISTERS))],
      [2, () => world.read(draw.pick(REGISTER_NAMES))],
      [3, () => world.dma(draw.pick(target.streams), 0x4100_0000n + 8n * draw.bits(12), { write: draw.chance(40) })],
    ])();
  }
  // Structures in memory, and no invalidation before SMMUEN (RESET-029) now and then.
  if (draw.chance(30)) enableUntold(world);
  else {
    const [client] = openWorld(world);
    accessAll(world, client);
  }
  world.events();
}

/** A driver that programs the SMMU step by step, and forgets to invalidate. */
function enableUntold(world: World): void {
  const { draw, target } = world;
  const stream = draw.pick(target.streams);
  world.cd(0);
  world.ste(stream);
  const page = world.map(0, 0x1000n, world.freshPage());
  world.write('CR1', 0xd75n);
  world.write('CR2', 2n);
  world.write('STRTAB_BASE', 0x4010_0000n);
  world.write('STRTAB_BASE_CFG', 5n);
  world.write('EVENTQ_BASE', 0x4013_0005n);
  world.write('EVENTQ_PROD', 0n);
  world.write('EVENTQ_CONS', 0n);
  world.write('CR0', 5n);
  world.read('CR0ACK');
  world.dma(stream, page.va);
  world.dma(stream, 0x9000n);
}
