/**
 * The SMMU reset in the middle of anything (3.11): registers as they come up, nothing left of queues, errors and interrupts; started again
 * with the invalidations that are due, and without.
 */
import { accessAll, look } from './accesses.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { LIVE_REGISTERS } from './registers.ts';
import { STRTAB_BASE, EVENTQ_BASE } from '../../scenario/memory-map.ts';
import { bypassAddress } from './values.ts';
import { CMDQEN, EVENTQEN } from './world.ts';
import type { World } from './world.ts';

export function resets(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world);
  accessAll(world, client);
  for (let round = draw.between(1, 2); round > 0; round -= 1) {
    before(world, client);
    const page = draw.pick(client.pages);
    if (draw.chance(50)) world.map(page.cd, page.va, world.freshPage());
    reset(world);
    after(world, client);
  }
  look(world);
}

/** Faults, commands that wait, a command in error, queues off. */
function before(world: World, client: Client): void {
  const { draw } = world;
  draw.weighted<() => void>([
    [2, () => undefined],
    [2, () => world.dma(client.stream, 0x9000n, { bytes: 4 })],
    [2, () => world.quietly(() => (world.rawCommand(0xffn, 0n), world.sync()))],
    [1, () => world.enable(world.cr0 & ~CMDQEN)],
    [1, () => world.enable(world.cr0 & ~EVENTQEN)],
    [1, () => world.command('CMD_TLBI_NSNH_ALL', undefined, { ring: false })],
    [1, () => world.write('GBPA', 0x8010_0000n)],
    [1, () => world.write('IRQ_CTRL', 7n)],
  ])();
}

/** What the generator remembers of queues and errors goes too. */
function reset(world: World): void {
  world.push({ do: 'reset' });
  world.cmdqRuns = false;
  world.errorSlot = undefined;
  world.gerror = 0n;
  world.backlog = Number.MAX_SAFE_INTEGER;
}

function after(world: World, client: Client): void {
  const { draw, target } = world;
  for (const register of draw.some(LIVE_REGISTERS, draw.between(2, 5))) world.read(register);
  if (draw.chance(60)) world.dma(draw.pick(target.streams), bypassAddress(draw, target), { bytes: 8, bare: true });
  if (draw.chance(35)) enableUntold(world, client);
  world.boot();
  accessAll(world, client);
  if (draw.chance(40)) world.events();
}

/** Nothing invalidated since the reset: caches may hold anything (RESET-029). */
function enableUntold(world: World, client: Client): void {
  world.write('CR1', 0xd75n);
  world.write('CR2', 2n);
  world.write('STRTAB_BASE', STRTAB_BASE);
  world.write('STRTAB_BASE_CFG', world.strtabConfig);
  world.write('EVENTQ_BASE', EVENTQ_BASE | 5n);
  world.write('CR0', 5n);
  world.read('CR0ACK');
  accessAll(world, client);
}
