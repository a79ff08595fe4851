/** STEs and CDs that change under the configuration caches (3.21.3, 4.3): reached by the invalidation, nearly reached, or not at all. */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { access, accessAll, look, touch } from './accesses.ts';
import { invalidateConfig, missConfig } from './invalidate.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import { SMMUEN } from './world.ts';
import type { World } from './world.ts';

export function staleConfig(world: World): void {
  const { draw } = world;
  const [client, other] = openWorld(world, { pages: draw.between(1, 2), levels: [3, 3, 2] });
  if (draw.chance(85)) accessAll(world, client);
  if (other !== undefined && draw.chance(60)) accessAll(world, other);
  const rounds = draw.between(1, 3);
  for (let round = 0; round < rounds; round += 1) {
    if (draw.chance(55) || world.shape.only) steRound(world, client, other);
    else cdRound(world, client);
  }
  look(world);
}

function steRound(world: World, client: Client, other: Client | undefined): void {
  const { draw } = world;
  const set = draw.weighted<SteFields>([
    [2, { V: 0n }],
    [2, { Config: 0n }],
    [2, { Config: 4n }],
    [1, { S1STALLD: 1n }],
    [1, { PRIVCFG: 3n }],
    [1, { INSTCFG: 3n }],
    [2, {}],
  ]);
  const cd = other !== undefined && draw.chance(30) ? other.cd : client.cd;
  world.ste(client.stream, cd, set);
  settleConfig(world, client, 'ste', set.Config === 4n);
  if (draw.chance(60)) {
    world.ste(client.stream, client.cd);
    invalidateConfig(world, client.stream, 'ste');
    world.sync();
    accessAll(world, client);
  }
}

function cdRound(world: World, client: Client): void {
  const { draw } = world;
  world.cd(
    client.cd,
    draw.weighted<CdFields>([
      [2, { V: 0n }],
      [2, { R: 0n, A: 0n }],
      [1, { R: 0n }],
      [2, { EPD0: 1n }],
      [1, { EPD1: 1n }],
      [2, { WXN: 1n, PAN: 1n }],
      [2, { T0SZ: 39n }],
      [1, { TBI0: 1n }],
      [1, { IPS: 0n }],
      [1, { AFFD: 1n }],
      [1, { HAD0: 1n, HAD1: 1n }],
      [1, { MAIR0: 0n }],
      [2, { ASID: BigInt(draw.between(9, 300)) }],
      [1, { ASET: 1n }],
      [1, { TTB0: PATTERN_BASE }],
    ]),
  );
  const asidFlush = draw.chance(75);
  settleConfig(world, client, 'cd', false, asidFlush);
  if (draw.chance(70)) {
    world.cd(client.cd);
    invalidateConfig(world, client.stream, 'cd');
    if (draw.chance(75)) world.sync();
    world.command('CMD_TLBI_NH_ALL');
    world.sync();
    accessAll(world, client);
  }
}

/** Perhaps a use too early, then the invalidation that settles it, then a use. */
function settleConfig(world: World, client: Client, structure: 'ste' | 'cd', bypass: boolean, flush = true): void {
  const { draw } = world;
  const page = draw.pick(client.pages);
  const use = (): void =>
    touch(world, client.stream, bypass ? { ...page, va: PATTERN_BASE, pa: PATTERN_BASE, level: 3 } : page);
  draw.weighted<() => void>([
    [6, () => undefined],
    [1, use],
    [2, () => (missConfig(world, client.stream, structure), world.sync(), use())],
    [1, () => (invalidateConfig(world, client.stream, structure), use())],
  ])();
  invalidateConfig(world, client.stream, structure);
  if (structure === 'cd' && flush && draw.chance(75)) world.sync();
  if (structure === 'cd' && flush) world.command('CMD_TLBI_NH_ASID', { ASID: BigInt(client.cd + 1) });
  world.sync();
  use();
  if (draw.chance(40)) access(world, client.stream, page);
}

/** SMMUEN off and on again is no invalidation (CACHE-019, CACHE-068); commands work while it is off (CFGI-050, TLBI-032). */
export function acrossDisable(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { pages: 2 });
  accessAll(world, client);
  const on = world.cr0;
  if (draw.chance(70)) world.enable(on & ~SMMUEN);
  const page = draw.pick(client.pages);
  const config = draw.chance(50);
  if (config) world.ste(client.stream, client.cd, draw.pick<SteFields>([{ V: 0n }, { Config: 0n }, { Config: 4n }]));
  else if (draw.chance(50)) world.unmap(page.cd, page.va);
  else world.map(page.cd, page.va, world.freshPage());
  // What no walk can have seen, since none is made while it is off (CACHE-067).
  if (!config && draw.chance(40)) world.map(page.cd, page.va, world.freshPage());
  if (draw.chance(30)) world.dma(client.stream, PATTERN_BASE);
  const told = draw.chance(75);
  if (told) {
    invalidateConfig(world, client.stream, 'ste');
    world.command('CMD_TLBI_NSNH_ALL');
    world.sync();
  }
  if ((world.cr0 & SMMUEN) === 0n) world.enable(on);
  touch(world, client.stream, page);
  if (told) accessAll(world, client);
  invalidateConfig(world, client.stream, 'ste');
  world.sync();
  world.command('CMD_TLBI_NH_ALL');
  world.sync();
  accessAll(world, client);
  look(world);
}

/** Structures first made valid after they could have been cached as invalid, with CFGI_STE alone for a CD that nobody could reach. */
export function lateStructures(world: World): void {
  const { draw, target } = world;
  world.boot();
  const stream = draw.pick(target.streams);
  if (draw.chance(60)) world.dma(stream, 0x1000n, { bytes: 8 });
  world.cd(2);
  const page = world.map(2, 0x1000n, world.freshPage());
  world.ste(stream, 2);
  if (draw.chance(25)) touch(world, stream, page);
  invalidateConfig(world, stream, 'ste');
  world.sync();
  touch(world, stream, page);
  if (draw.chance(50)) {
    world.command('CMD_PREFETCH_CONFIG', { StreamID: BigInt(stream) });
    world.sync();
  }
  // Reachable, but invalid: a new CD behind it.
  world.cd(2, { V: 0n });
  if (draw.chance(40)) touch(world, stream, page);
  world.command('CMD_CFGI_CD', { StreamID: BigInt(stream), Leaf: 1n });
  world.sync();
  touch(world, stream, page);
  world.events();
  world.cd(2);
  if (draw.chance(30)) touch(world, stream, page);
  invalidateConfig(world, stream, 'cd');
  world.sync();
  touch(world, stream, page);
  look(world);
}
