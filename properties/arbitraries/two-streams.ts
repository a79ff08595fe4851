/** Two streams with their own CDs and ASIDs, one of which misbehaves, for the law of noninterference. */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { access } from './accesses.ts';
import { addClient } from './opening.ts';
import type { Client } from './opening.ts';
import { outputOf } from './places.ts';
import type { Theme } from './themes.ts';
import type { World } from './world.ts';

function story(world: World): void {
  const { draw, target } = world;
  const [first, second] = draw.some(target.streams, 2);
  if (first === undefined) return;
  const own = addClient(world, first, draw.between(0, 1), { pages: 2 });
  const other = addClient(world, second ?? first, draw.between(2, 3), { pages: 2 });
  world.boot();
  const rounds = draw.between(4, 7);
  for (let round = 0; round < rounds; round += 1) {
    if (draw.chance(50)) ownTurn(world, own);
    else otherTurn(world, other, own);
  }
  for (const page of own.pages) access(world, own.stream, page, { write: false });
  world.events();
}

/** Orderly: every change is invalidated before it is used. */
function ownTurn(world: World, own: Client): void {
  const { draw } = world;
  const page = draw.pick(own.pages);
  if (draw.chance(30)) {
    world.map(own.cd, page.va, outputOf(world, 3));
    world.command('CMD_TLBI_NH_ASID', { ASID: BigInt(own.cd + 1) });
    world.sync();
  }
  world.dma(own.stream, page.va + 8n * BigInt(draw.between(0, 60)), { write: false });
  if (draw.chance(30)) world.dma(own.stream, 0x9000n, { bytes: 4 });
  if (draw.chance(25)) world.events();
}

/** Disorderly: broken structures, stale tables, faults; but no writes, and nothing shared. */
function otherTurn(world: World, other: Client, own: Client): void {
  const { draw } = world;
  const page = draw.pick(other.pages);
  draw.pick<() => void>([
    () =>
      world.cd(other.cd, draw.pick<CdFields>([{ V: 0n }, { S: 1n }, { T0SZ: 39n }, { R: 0n, A: 0n }, { WXN: 1n }, {}])),
    () =>
      world.ste(
        other.stream,
        other.cd,
        draw.pick<SteFields>([{ V: 0n }, { Config: 0n }, { Config: 4n }, { S1STALLD: 1n }, {}]),
      ),
    () => world.unmap(other.cd, page.va),
    () => world.map(other.cd, page.va, outputOf(world, 3), 3, { AP: BigInt(draw.between(0, 3)) }),
    () => world.command('CMD_TLBI_NH_VA', { ASID: BigInt(other.cd + 1), Address: page.va }),
    () => world.command('CMD_CFGI_STE', { StreamID: BigInt(other.stream), Leaf: 1n }),
    () => world.command('CMD_CFGI_CD', { StreamID: BigInt(other.stream) }),
    // The same addresses that the first stream uses.
    () => world.map(other.cd, draw.pick(own.pages).va, outputOf(world, 3)),
  ])();
  if (draw.chance(50)) world.sync();
  world.dma(other.stream, draw.pick([page.va, draw.pick(own.pages).va, 0x9000n]), { write: false });
  if (draw.chance(30)) anyRead(world, other.stream);
}

function anyRead(world: World, stream: number): void {
  world.dma(stream, world.draw.bits(24), { write: false, privileged: world.draw.chance(50) });
}

export const twoStreams: readonly Theme[] = [
  { name: 'two-streams', weight: 1, story, asides: 'none', suits: { only: false } },
];
