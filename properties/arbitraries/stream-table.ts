/** The Stream table (3.3, 6.3.24, 6.3.25): size, format, alignment, place, range of StreamIDs, RECINVSID, and a table that moves. */
import { encodeSte } from '../../scenario/encode/ste.ts';
import { defaultSte } from '../../scenario/defaults.ts';
import { bytesToHex } from '../../scenario/lower.ts';
import { STRTAB_ALT_BASE, STRTAB_BASE } from '../../scenario/memory-map.ts';
import { accessAll, anyAccess, look, touch } from './accesses.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { ALLOCATE_HINT } from './raw-registers.ts';
import { holeAddress } from './values.ts';
import { SMMUEN } from './world.ts';
import type { World } from './world.ts';

/** Small and large tables, StreamIDs at and beyond the end. */
export function streamRange(world: World): void {
  const { draw, target } = world;
  const strtabLog2Size = draw.weighted<number>([
    [2, 0],
    [1, 1],
    [2, draw.between(2, 4)],
    [2, 5],
    [2, target.sidSize],
    [1, target.sidSize + 1],
    // The base is aligned by the size written: still the same table up to 14, another place in RAM from 15 to 24.
    [1, draw.pick([8, 13, 14])],
    [1, draw.between(15, 24)],
  ]);
  const cr2 = draw.chance(65) ? 2 : 0;
  const [client] = openWorld(world, { boot: { strtabLog2Size, cr2 } });
  const count = draw.between(4, 7);
  for (let at = 0; at < count; at += 1) {
    const stream = target.anyStream ? draw.pick(edgeStreams(world, strtabLog2Size)) : draw.pick(target.streams);
    if (draw.chance(10)) world.dma(stream, 0x1000n, { substream: draw.between(0, 9) });
    else anyAccess(world, stream, client.pages[0]?.va ?? 0x1000n);
    if (draw.chance(30)) world.events();
  }
  accessAll(world, client);
  world.events();
}

function edgeStreams(world: World, log2Size: number): number[] {
  const { target } = world;
  const size = 2 ** Math.min(log2Size, target.sidSize);
  return [
    0,
    1,
    size - 1,
    size,
    size + 1,
    2 ** target.sidSize - 1,
    2 ** target.sidSize,
    0x8000_0000,
    0xffff_ffff,
  ].filter((stream) => stream < 2 ** 32);
}

/** The table somewhere else, or described otherwise, across a proper disable. */
export function streamTableMoves(world: World): void {
  const { draw, target } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1 });
  accessAll(world, client);
  const on = world.cr0;
  const page = client.pages[0];
  if (page === undefined) return;
  writeAltSte(world, client, draw.chance(30) ? 4n : 5n);
  if (draw.chance(80)) world.enable(on & ~SMMUEN);
  draw.weighted<() => void>([
    [3, () => place(world, STRTAB_ALT_BASE, 5n)],
    [2, () => place(world, STRTAB_ALT_BASE | 0x7c0n, 5n)],
    // Aligned by the LOG2SIZE that was written, not by the one that counts (STRTAB-004).
    [1, () => place(world, STRTAB_ALT_BASE, 10n)],
    [1, () => place(world, STRTAB_ALT_BASE | (1n << BigInt(target.oas)), 5n)],
    [2, () => place(world, holeAddress(draw), 5n)],
    [
      2,
      () =>
        place(world, STRTAB_ALT_BASE | ALLOCATE_HINT, 5n | (BigInt(draw.between(1, 3)) << 16n) | (draw.bits(5) << 6n)),
    ],
    [1, () => formats(world)],
    [1, () => place(world, STRTAB_BASE | 0x8000_0000_0000_003fn, 0xfffc_f800n | 5n)],
  ])();
  const told = draw.chance(85);
  if (told) {
    world.command('CMD_CFGI_ALL');
    if (draw.chance(40)) world.command('CMD_TLBI_NSNH_ALL');
    world.sync();
  }
  if ((world.cr0 & SMMUEN) === 0n) world.enable(on);
  touch(world, client.stream, page);
  world.events();
  if (target.anyStream) for (const stream of draw.some([0, 1, 16, 33, 40], 2)) world.dma(stream, page.va, { bytes: 4 });
  world.enable(on & ~SMMUEN);
  place(world, STRTAB_BASE, 5n);
  world.command('CMD_CFGI_ALL');
  world.sync();
  world.enable(on);
  accessAll(world, client);
  look(world);
}

/** The same stream's STE in the other table, and in the one a larger alignment would put it in. */
function writeAltSte(world: World, client: Client, Config: bigint): void {
  const ste = bytesToHex(encodeSte({ ...defaultSte(client.cd, 0, undefined), Config }));
  world.poke(STRTAB_ALT_BASE + 64n * BigInt(client.stream), ste);
}

function place(world: World, base: bigint, config: bigint): void {
  const { draw } = world;
  world.write('STRTAB_BASE', base);
  world.write('STRTAB_BASE_CFG', config);
  if (draw.chance(40)) world.read('STRTAB_BASE');
  if (draw.chance(40)) world.read('STRTAB_BASE_CFG');
}

/** 2-level, then linear again: nothing of the first remains (STRTAB-012). */
function formats(world: World): void {
  world.write('STRTAB_BASE_CFG', 5n | (1n << 16n) | (6n << 6n));
  world.read('STRTAB_BASE_CFG');
  if (world.draw.chance(50)) world.write('STRTAB_BASE_CFG', 5n);
}
