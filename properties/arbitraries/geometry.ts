/**
 * Where an input address lands (3.4, 5.4, D8.2): the two halves, their sizes, start levels, top byte, walks switched off, and leaves of
 * each level. CD fields are set before the SMMU is enabled, so every outcome is fixed.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { levelShift, startLevel, tableBase } from '../../scenario/layout.ts';
import type { Level } from '../../scenario/layout.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import { access, anyAccess, look } from './accesses.ts';
import { addClient } from './opening.ts';
import { BLOCK_2M, LOW_PAGES, outputOf } from './places.ts';
import type { Mapping, World } from './world.ts';

const SIZES = [16, 17, 20, 24, 25, 26, 29, 32, 33, 34, 35, 38, 39];

/** Pages and blocks under halves of drawn sizes, then accesses inside, at the edges, beyond, and with tags. */
export function geometry(world: World): void {
  const { draw, target } = world;
  const t0sz = draw.pick(SIZES);
  const t1sz = draw.pick(SIZES);
  const stream = draw.pick(target.streams);
  const cd = draw.between(0, 3);
  const client = addClient(world, stream, cd, { pages: 0, cdSet: halves(world, cd, t0sz, t1sz) });
  const low = draw.some(LOW_PAGES, 2).map((va) => world.map(client.cd, va, outputOf(draw, 3), 3, plainLeaf(world)));
  const high = draw.some(LOW_PAGES, 1).map((va) => world.map(client.cd, va | upperBits(t1sz), outputOf(draw, 3)));
  if (draw.chance(60)) {
    const va = draw.pick(BLOCK_2M.slice(0, 3)) | (draw.chance(50) ? upperBits(t1sz) : 0n);
    low.push(world.map(client.cd, va, outputOf(draw, 2), 2, blockLeaf(world)));
  }
  if (t0sz <= 33 && draw.chance(40)) low.push(world.map(client.cd, 0x4000_0000n, 0x4000_0000n, 1, blockLeaf(world)));
  world.boot();
  for (const mapping of [...low, ...high]) {
    access(world, stream, mapping);
    if (draw.chance(40)) access(world, stream, mapping);
  }
  for (const address of edges(world, t0sz, t1sz, [...low, ...high])) anyAccess(world, stream, address);
  world.events();
  access(world, stream, draw.pick([...low, ...high]));
  look(world);
}

function halves(world: World, cd: number, t0sz: number, t1sz: number): CdFields {
  const { draw } = world;
  const set: Record<string, bigint> = { T0SZ: BigInt(t0sz), T1SZ: BigInt(t1sz) };
  if (draw.chance(50)) set['TBI0'] = 1n;
  if (draw.chance(50)) set['TBI1'] = 1n;
  if (draw.chance(12)) set['EPD0'] = 1n;
  if (draw.chance(12)) set['EPD1'] = 1n;
  // Bits of TTB below the size of the first table are no part of its address (CD-103).
  if (draw.chance(15)) set['TTB0'] = tableBase(cd, 0, t0sz) | ((draw.bits(8) << 4n) & tableAlign(t0sz));
  if (draw.chance(10)) set['TTB1'] = tableBase(cd, 1, t1sz) | ((draw.bits(8) << 4n) & tableAlign(t1sz));
  if (draw.chance(20)) set['IPS'] = BigInt(draw.between(0, 7));
  return set;
}

/** Address bits below the size of the table a walk starts with. */
function tableAlign(tsz: number): bigint {
  const entries = 64 - tsz - levelShift(startLevel(tsz));
  return 8n * (1n << BigInt(Math.max(1, entries))) - 1n;
}

/** The bits above a half of 2^(64-tsz) bytes. */
function upperBits(tsz: number): bigint {
  return ((1n << BigInt(tsz)) - 1n) << BigInt(64 - tsz);
}

/** Addresses at and beyond the edges of the two halves, and mapped ones with other top bytes or with VA[55] flipped. */
function edges(world: World, t0sz: number, t1sz: number, mappings: readonly Mapping[]): bigint[] {
  const { draw } = world;
  const size0 = 1n << BigInt(64 - t0sz);
  const base1 = upperBits(t1sz);
  const mapped = draw.pick(mappings).va;
  const tag = BigInt(draw.between(1, 254)) << 56n;
  return draw.some(
    [
      size0 - 0x1000n,
      size0,
      mapped | size0,
      base1,
      base1 - 0x1000n,
      mapped ^ tag,
      mapped ^ (0xffn << 56n),
      mapped ^ (1n << 55n),
      mapped ^ (1n << 55n) ^ tag,
      mapped ^ (1n << 54n) ^ tag,
      mapped ^ (1n << 63n),
      0xffff_ffff_ffff_fff8n,
      mapped + 0x1000n,
    ],
    draw.between(4, 7),
  );
}

/** Leaf bits that change nothing for a translation (D8.3, SEC-037). */
export function plainLeaf(world: World): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(40)) return undefined;
  return draw.pick<DescriptorFields>([
    { SW: BigInt(draw.between(1, 15)) },
    { GP: 1n },
    { NS: 1n },
    { PBHA: BigInt(draw.between(1, 15)) },
    { nG: 0n },
    { or0: 1n << 49n },
    { or0: 1n << 48n },
    { SH: BigInt(draw.between(0, 3)) },
    { AttrIndx: BigInt(draw.between(0, 7)) },
    { or0: 1n << 63n, DBM: 1n },
    { Contiguous: 1n },
  ]);
}

/** The same for blocks, whose address bits below their size are RES0 but for nT. */
function blockLeaf(world: World): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(50)) return plainLeaf(world);
  return draw.pick<DescriptorFields>([{ nT: 1n }, { or0: 0xe000n }, { or0: 0x1f_f000n }, { or0: 0x1f_e000n, GP: 1n }]);
}

/** A full group of sixteen leaves with the Contiguous bit, all consistent; now and then one differs (D8.7). */
export function contiguous(world: World): void {
  const { draw, target } = world;
  const level: Level = draw.chance(70) ? 3 : 2;
  const stream = draw.pick(target.streams);
  const client = addClient(world, stream, 0, { pages: 0, cdSet: draw.chance(25) ? { IPS: 0n } : {} });
  const step = level === 3 ? 0x1000n : 0x20_0000n;
  const base = level === 3 ? 0x1_0000n : 0x4200_0000n;
  const count = level === 3 ? 16 : 2;
  const odd = draw.chance(25) ? draw.between(0, count - 1) : -1;
  const mappings: Mapping[] = [];
  for (let at = 0; at < count; at += 1) {
    const pa = PATTERN_BASE + BigInt(at) * step;
    const set =
      at === odd
        ? draw.pick<DescriptorFields>([{}, { Valid: 0n, Contiguous: 1n }, { AP: 3n, Contiguous: 1n }])
        : { Contiguous: 1n };
    mappings.push(world.map(client.cd, base + BigInt(at) * step, pa, level, set));
  }
  world.boot();
  for (const mapping of draw.some(mappings, 4)) access(world, stream, mapping, { write: false });
  if (draw.chance(50)) staleMember(world, stream, client.cd, draw.pick(mappings));
  world.events();
}

/** One member changes; the by-address invalidation of another need not reach it. */
function staleMember(world: World, stream: number, cd: number, member: Mapping): void {
  const { draw } = world;
  world.unmap(cd, member.va, member.level);
  const other = draw.chance(50) ? member.va : member.va ^ (1n << (member.level === 3 ? 13n : 21n));
  world.command('CMD_TLBI_NH_VA', { ASID: BigInt(cd + 1), Address: other });
  world.sync();
  access(world, stream, member, { write: false });
  world.command('CMD_TLBI_NH_ALL');
  world.sync();
  access(world, stream, member, { write: false });
}
