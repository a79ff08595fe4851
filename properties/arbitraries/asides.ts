/** Harmless things that may happen between any two steps of a story; a scenario draws a few kinds of them. */
import { CD_BASE, CMDQ_BASE, PATTERN_BASE, STRTAB_BASE } from '../../scenario/memory-map.ts';
import { LIVE_REGISTERS } from './registers.ts';
import type { Aside, World } from './world.ts';

const readRegister: Aside = (world) => world.read(world.draw.pick(LIVE_REGISTERS));

const readEvents: Aside = (world) => world.events();

const settle: Aside = (world) => world.settle();

const readMemory: Aside = (world) => {
  const { draw } = world;
  world.peek(
    draw.pick([PATTERN_BASE, CD_BASE, STRTAB_BASE, CMDQ_BASE]) + 64n * BigInt(draw.between(0, 7)),
    draw.pick([8, 64]),
  );
};

const extraSync: Aside = (world) => {
  if (world.commandsRun) world.command('CMD_SYNC', world.draw.chance(30) ? { CS: 1n } : undefined);
};

const extraInvalidation: Aside = (world) => {
  if (!world.commandsRun) return;
  const { draw } = world;
  draw.pick<() => void>([
    () => world.command('CMD_CFGI_ALL'),
    () => world.command('CMD_TLBI_NSNH_ALL'),
    () => world.command('CMD_TLBI_NH_ASID', { ASID: BigInt(draw.between(1, 9)) }),
    () => world.command('CMD_CFGI_STE', { StreamID: BigInt(draw.pick(world.target.streams)), Leaf: 1n }),
  ])();
};

const prefetch: Aside = (world) => {
  if (!world.commandsRun) return;
  const { draw } = world;
  const StreamID = BigInt(draw.pick(world.target.streams));
  if (draw.chance(40)) world.command('CMD_PREFETCH_CONFIG', { StreamID });
  else world.command('CMD_PREFETCH_ADDR', { StreamID, Address: knownAddress(world) });
};

/** A device of the story, or one that was never set up, at an address that may or may not be mapped. */
const otherAccess: Aside = (world) => {
  const { draw, target } = world;
  const known = [...world.streams.keys()];
  const stream = known.length > 0 && draw.chance(75) ? draw.pick(known) : draw.pick(target.streams);
  world.dma(stream, knownAddress(world), { write: draw.chance(20), bytes: 4 });
};

function knownAddress(world: World): bigint {
  const { draw } = world;
  return world.mappings.length > 0 && draw.chance(80) ? draw.pick(world.mappings).va : 0x9000n;
}

export const ASIDES: readonly Aside[] = [
  readRegister,
  readEvents,
  settle,
  readMemory,
  extraSync,
  extraInvalidation,
  prefetch,
  otherAccess,
];

/** Those that leave queues and events alone. */
export const QUIET_ASIDES: readonly Aside[] = [readRegister, readMemory, settle];
