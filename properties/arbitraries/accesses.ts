/** Device accesses, and looking at what came of them. */
import { CMDQ_BASE } from '../../scenario/memory-map.ts';
import type { Client } from './opening.ts';
import { patternOffset, patternStart } from './places.ts';
import type { DmaOptions, Mapping, World } from './world.ts';

/** A read or write somewhere in a mapping; a write is looked for in memory now and then. */
export function access(world: World, stream: number, mapping: Mapping, options: DmaOptions = {}): void {
  const { draw } = world;
  const offset = patternOffset(draw, mapping) + (draw.chance(10) ? BigInt(draw.between(1, 7)) : 0n);
  const write = options.write ?? draw.chance(35);
  world.dma(stream, mapping.va + offset, { ...options, write });
  if (write && draw.chance(40)) world.peek((mapping.pa + offset) & ~7n, 16);
}

/** A read of the first bytes of a mapping's usual place: cheap to repeat and to compare. */
export function touch(world: World, stream: number, mapping: Mapping, options: DmaOptions = {}): void {
  world.dma(stream, mapping.va + patternStart(mapping), { bytes: 8, ...options });
}

/** An access with any attributes the device can give. */
export function anyAccess(world: World, stream: number, address: bigint): void {
  const { draw } = world;
  world.dma(stream, address, {
    write: draw.chance(40),
    privileged: draw.chance(40),
    instruction: draw.chance(25),
    bytes: draw.pick([1, 4, 8, 8, 8, 16, 64]),
  });
}

/** Descriptors that were walked and commands that were consumed stay as they were written. */
function lookAtStructures(world: World): void {
  const { draw } = world;
  if (world.mappings.length === 0 || draw.chance(30)) {
    world.peek(CMDQ_BASE, 64);
    return;
  }
  const { cd, va, level } = draw.pick(world.mappings);
  world.peek(world.descriptorOf(cd, va, level));
}

/** An access to each page of a client. */
export function accessAll(world: World, client: Client): void {
  for (const mapping of client.pages) access(world, client.stream, mapping);
}

/** Looks at a queue, an error register or an acknowledge: what a fault, an error or a lost update would show in. */
export function look(world: World): void {
  const { draw } = world;
  draw.weighted<() => void>([
    [4, () => world.events()],
    [1, () => world.read('GERROR')],
    [1, () => world.read('CMDQ_CONS')],
    [1, () => world.read('CMDQ_PROD')],
    [1, () => world.read('EVENTQ_PROD')],
    [1, () => world.read('CR0ACK')],
    [1, () => lookAtStructures(world)],
  ])();
}
