/**
 * 2-level Stream tables (3.3.1.2, 5.1, 6.3.25): Span and L2Ptr of level 1 descriptors, StreamIDs inside and outside of spans and of the table,
 * SPLIT and LOG2SIZE against each other, descriptors that change under the configuration caches.
 */
import type { L1stdFields } from '../../scenario/encode/l1std.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { strtabL2Address } from '../../scenario/layout.ts';
import type { Split } from '../../scenario/layout.ts';
import { STRTAB_BASE } from '../../scenario/memory-map.ts';
import { anyAccess, look, touch } from './accesses.ts';
import { outputOf } from './places.ts';
import { aboveBits, holeAddress } from './values.ts';
import { SMMUEN } from './world.ts';
import type { Mapping, World } from './world.ts';

export function twoLevelStreams(world: World): void {
  const { draw, target } = world;
  const split = draw.pick<Split>([6, 6, 8, 10]);
  const page = openTwoLevel(world, split);
  const one = 2 ** split;
  const known = [...world.streams.keys()];
  const log2Size = world.strtabLog2Size;
  for (let at = draw.between(3, 5); at > 0; at -= 1) {
    const end = 2 ** Math.min(log2Size, target.sidSize);
    const stream = draw.pick([
      ...known,
      ...known,
      1,
      one - 1,
      one,
      end - 1,
      end,
      end + 1,
      2 ** target.sidSize,
      0xffff_ffff,
    ]);
    if (target.anyStream) anyAccess(world, stream % 2 ** 32, page.va);
    else touch(world, draw.pick(known), page);
  }
  world.events();
  for (let round = draw.between(1, 3); round > 0; round -= 1) {
    const stream = draw.pick(known);
    if (draw.chance(20)) unreadable(world, stream, split, page);
    else {
      changeDescriptor(world, stream, split);
      if (draw.chance(20)) touch(world, stream, page);
      tell(world, stream, split);
    }
    if (draw.chance(85)) world.sync();
    touch(world, stream, page);
    const neighbour = draw.pick([(stream ^ 1) >>> 0, ...known]);
    if (target.anyStream) touch(world, neighbour, page);
    if (draw.chance(30)) world.events();
  }
  if (draw.chance(50)) moveTable(world, split);
  world.bareCommand('CMD_CFGI_ALL');
  world.sync();
  touch(world, draw.pick(known), page);
  look(world);
}

/** STEs that cannot be read, then can: what was not read is not remembered, though the descriptor may be (CACHE-010). */
function unreadable(world: World, stream: number, split: Split, page: Mapping): void {
  const { draw } = world;
  world.push({ do: 'l1std', stream, split, set: { L2Ptr: holeAddress(draw) } });
  world.bareCommand('CMD_CFGI_STE', { StreamID: BigInt(stream), Leaf: 0n });
  world.sync();
  touch(world, stream, page);
  world.push({ do: 'l1std', stream, split });
}

function openTwoLevel(world: World, split: Split): Mapping {
  const { draw, target } = world;
  world.cd(0);
  const page = world.map(0, world.place(0x1000n), outputOf(world, 3));
  const one = 2 ** split;
  const usual = target.anyStream ? [0, 1, 3, one - 1, one, one + 5, 3 * one, 7 * one + 1] : target.streams;
  const streams = draw.some(
    usual.filter((stream) => stream < 2 ** target.sidSize),
    draw.between(2, 3),
  );
  const CONT = draw.chance(15) ? { CONT: BigInt(draw.between(1, 8)) } : {};
  for (const stream of streams.length === 0 ? [0] : streams) steOf(world, stream, split, CONT);
  for (const stream of draw.some(streams, 1)) if (draw.chance(50)) writeDescriptor(world, stream, split);
  const strtabLog2Size = draw.weighted<number>([
    [5, split + draw.between(1, 3)],
    [2, draw.between(0, split)],
    [1, Math.min(target.sidSize + 1, split + 12)],
    [1, Math.min(target.sidSize, split + 12)],
  ]);
  world.boot({ split, strtabLog2Size, cr2: draw.chance(75) ? 2 : 0 });
  return page;
}

/** Stage 2 alone where there is no stage 1, as the world's shape has it. */
function steOf(world: World, stream: number, split: Split, set: SteFields): void {
  const { only, stage2 } = world.shape;
  const shaped = only && stage2 !== undefined ? { Config: 6n, ...stage2.set } : {};
  world.bareSte(stream, { split, vm: stage2?.vm ?? 0, set: { ...shaped, ...set } });
}

function writeDescriptor(world: World, stream: number, split: Split): void {
  const set = oddDescriptor(world, stream, split);
  world.push({ do: 'l1std', stream, split, ...(set === undefined ? {} : { set }) });
}

function oddDescriptor(world: World, stream: number, split: Split): L1stdFields | undefined {
  const { draw, target } = world;
  const within = stream % 2 ** split;
  const needed = within === 0 ? 1 : Math.floor(Math.log2(within)) + 2;
  const l2 = strtabL2Address(stream, split);
  return draw.weighted<() => L1stdFields | undefined>([
    [2, () => ({ Span: 0n })],
    [2, () => ({ Span: BigInt(needed) })],
    [2, () => ({ Span: BigInt(Math.max(0, needed - 1)) })],
    [1, () => ({ Span: 1n })],
    [2, () => ({ Span: BigInt(draw.between(1, split + 1)) })],
    [2, () => ({ Span: BigInt(draw.between(Math.min(split + 2, 11), 11)) })],
    [2, () => ({ Span: BigInt(draw.between(12, 31)) })],
    [2, () => ({ L2Ptr: l2 | (draw.bits(split) << 6n) })],
    [2, () => ({ L2Ptr: aboveBits(draw, target.oas) })],
    [2, () => ({ L2Ptr: holeAddress(draw) })],
    [1, () => ({ Span: 0n, L2Ptr: holeAddress(draw) })],
    [1, () => ({ or0: 0x20n })],
    [1, () => ({ or0: 1n << 57n })],
    [2, () => undefined],
  ])();
}

function changeDescriptor(world: World, stream: number, split: Split): void {
  const { draw } = world;
  if (draw.chance(70)) writeDescriptor(world, stream, split);
  else steOf(world, stream, split, draw.pick<SteFields>([{ V: 0n }, { Config: 0n }, { Config: 4n }, {}]));
}

/** With and without the level 1 descriptor, by any stream under it, by a range, by all; or too narrow. */
function tell(world: World, stream: number, split: Split): void {
  const { draw } = world;
  const StreamID = BigInt(stream);
  const neighbour = StreamID ^ 1n;
  draw.weighted<() => void>([
    [5, () => world.bareCommand('CMD_CFGI_STE', { StreamID, Leaf: 0n })],
    [3, () => world.bareCommand('CMD_CFGI_STE', { StreamID, Leaf: 1n })],
    [3, () => world.bareCommand('CMD_CFGI_STE', { StreamID: neighbour, Leaf: 0n })],
    [
      2,
      () => world.bareCommand('CMD_CFGI_STE_RANGE', { StreamID, Range: BigInt(draw.pick([0, split - 1, split, 30])) }),
    ],
    [1, () => world.bareCommand('CMD_CFGI_ALL')],
    [1, () => world.bareCommand('CMD_CFGI_STE', { StreamID: StreamID ^ (1n << BigInt(split)), Leaf: 0n })],
    [1, () => world.bareCommand('CMD_TLBI_NSNH_ALL')],
    [1, () => undefined],
  ])();
}

/** Format, SPLIT and LOG2SIZE written anew across a disable; Reserved values of SPLIT count as 6 (STRTAB-018). */
function moveTable(world: World, split: Split): void {
  const { draw, target } = world;
  const on = world.cr0;
  world.enable(on & ~SMMUEN);
  const other = draw.pick([6, 8, 10, 0, 5, 7, 9, 11, 31]);
  const log2Size = draw.pick([split, split + 1, split + 2, target.sidSize, target.sidSize + 3, 3]);
  const base = draw.weighted<bigint>([
    [4, STRTAB_BASE],
    [2, STRTAB_BASE | (1n << BigInt(draw.between(6, 9)))],
    [1, holeAddress(draw)],
    [1, STRTAB_BASE | (1n << BigInt(target.oas))],
  ]);
  world.write('STRTAB_BASE', base);
  world.write('STRTAB_BASE_CFG', 0x1_0000n | BigInt((other << 6) | Math.min(log2Size, 40)));
  if (draw.chance(40)) world.read('STRTAB_BASE_CFG');
  world.bareCommand('CMD_CFGI_ALL');
  world.sync();
  world.enable(on);
  const known = [...world.streams.keys()];
  for (const stream of draw.some(target.anyStream ? [...known, 1, 2 ** split, 65] : known, 3))
    world.dma(stream, world.place(0x1000n), { bytes: 4 });
  world.events();
  world.enable(on & ~SMMUEN);
  world.write('STRTAB_BASE', STRTAB_BASE);
  world.write('STRTAB_BASE_CFG', 0x1_0000n | BigInt((split << 6) | world.strtabLog2Size));
  world.enable(on);
}
