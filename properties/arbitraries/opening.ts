/** The usual beginning of a story: a valid world, from which acts depart. */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import type { Level } from '../../scenario/layout.ts';
import { invalidateConfig } from './invalidate.ts';
import { outputOf, placeOf } from './places.ts';
import type { BootOptions, Mapping, World } from './world.ts';

/** A stream with its CD and what that maps. */
export interface Client {
  readonly stream: number;
  readonly cd: number;
  readonly pages: readonly Mapping[];
}

export interface OpeningOptions {
  readonly streams?: number;
  readonly pages?: number;
  readonly cdSet?: CdFields;
  readonly steSet?: SteFields;
  readonly leafSet?: DescriptorFields;
  readonly boot?: BootOptions;
  /** Leaf levels to draw from; pages when not given. */
  readonly levels?: readonly Level[];
}

/** Structures, tables, boot; usually in this order, so that nothing can be cached before it is valid. At least one client. */
export function openWorld(world: World, options: OpeningOptions = {}): readonly [Client, ...Client[]] {
  const { draw, target } = world;
  const early = draw.chance(25);
  if (early) world.boot(options.boot);
  const streams = draw.some(target.streams, options.streams ?? (draw.chance(35) ? 2 : 1));
  const clients = streams.map((stream, index) => addClient(world, stream, index, options));
  const first = clients[0];
  if (first === undefined) throw new RangeError('a target has at least one StreamID');
  if (early) {
    for (const { stream } of clients) invalidateConfig(world, stream, 'ste');
    world.sync();
  } else {
    world.boot(options.boot);
  }
  return [first, ...clients.slice(1)];
}

/** STE, CD and some mappings of one stream. */
export function addClient(world: World, stream: number, cd: number, options: OpeningOptions = {}): Client {
  const { draw } = world;
  world.cd(cd, options.cdSet);
  world.ste(stream, cd, options.steSet);
  const pages: Mapping[] = [];
  const count = options.pages ?? draw.between(1, 3);
  for (let at = 0; at < count; at += 1) {
    const level = draw.pick<Level>(options.levels ?? [3]);
    const va = placeOf(world, level, draw.chance(30));
    if (pages.some((page) => page.va === va)) continue;
    pages.push(world.map(cd, va, outputOf(world, level), level, options.leafSet));
  }
  return { stream, cd, pages };
}
