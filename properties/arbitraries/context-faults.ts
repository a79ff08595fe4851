/**
 * Context Descriptors that are ILLEGAL, or look it (5.4, 5.4.2): each value is written, made visible by a covering
 * invalidation, used, and mended.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import { access, accessAll, anyAccess, look } from './accesses.ts';
import { invalidateConfig } from './invalidate.ts';
import { addClient, openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { aboveBits, holeAddress } from './values.ts';
import type { World } from './world.ts';

/** One field, or a few that together make or undo an ILLEGAL CD. */
export function oddCd(world: World): CdFields {
  const { draw, target } = world;
  return draw.weighted<() => CdFields>([
    [1, () => ({ V: 0n })],
    [1, () => ({ V: 0n, S: 1n, T0SZ: 5n })],
    [2, () => ({ S: 1n })],
    [2, () => ({ AA64: 0n })],
    [1, () => ({ HA: 1n })],
    [1, () => ({ HD: 1n })],
    [3, () => ({ T0SZ: BigInt(draw.pick([0, 11, 12, 15, 40, 41, 63])) })],
    [3, () => ({ T1SZ: BigInt(draw.pick([0, 11, 12, 15, 40, 41, 63])) })],
    [2, () => ({ TG0: BigInt(draw.between(1, 3)) })],
    [2, () => ({ TG1: BigInt(draw.pick([0, 1, 3])) })],
    [2, () => ({ TTB0: aboveBits(draw, target.oas) })],
    [2, () => ({ TTB1: aboveBits(draw, target.oas) })],
    [2, () => ({ IPS: 0n, TTB0: 1n << 32n })],
    [1, () => ({ IPS: 1n, TTB1: 1n << 36n })],
    [1, () => ({ TTB0: holeAddress(draw) })],
    [1, () => ({ TTB0: holeAddress(draw), TTB1: holeAddress(draw), EPD0: draw.bits(1) })],
    [1, () => ({ TTB0: holeAddress(draw), T0SZ: 25n, T1SZ: 40n })],
    [2, () => disabledHalf(world)],
    [target.ttendian >= 2 ? 3 : 1, () => ({ EPD0: 1n, EPD1: 1n, ENDI: target.ttendian === 3 ? 0n : 1n })],
    [target.ttendian >= 2 ? 4 : 1, () => ({ ENDI: target.ttendian === 3 ? 0n : 1n })],
    [2, () => ({ A: 0n, R: BigInt(draw.between(0, 1)) })],
    [2, () => ({ R: 0n })],
    [1, () => ({ ASET: 1n })],
    [1, () => ({ ASID: draw.bits(16) })],
    [1, () => ({ ASID: 0x100n })],
    [2, () => ({ IPS: BigInt(draw.between(0, 7)) })],
    [1, () => ({ UWXN: 1n, HWU059: 1n, HWU160: 1n })],
    [1, () => ({ NSCFG0: 1n, NSCFG1: 1n })],
    [2, () => reservedCdBits(world)],
    [1, () => ({ MAIR0: draw.bits(32), AMAIR0: draw.bits(32), IR0: 3n, OR0: 2n, SH0: 1n })],
    [1, () => ({ PARTID: draw.bits(16), PMG: draw.bits(8) })],
    [1, () => ({ DS: 1n })],
    [1, () => ({ PIE: 1n })],
  ])();
}

/** A half switched off whose other fields would be ILLEGAL. */
function disabledHalf(world: World): CdFields {
  const { draw, target } = world;
  return draw.pick<CdFields>([
    { EPD0: 1n, T0SZ: 60n },
    { EPD0: 1n, TG0: 3n },
    { EPD0: 1n, TTB0: aboveBits(draw, target.oas) },
    { EPD1: 1n, T1SZ: 5n },
    { EPD1: 1n, TG1: 0n },
    { EPD1: 1n, TTB1: aboveBits(draw, target.oas) },
    { EPD0: 1n },
    { EPD1: 1n },
    { EPD0: 1n, EPD1: 1n },
    { EPD0: 1n, T1SZ: 60n },
  ]);
}

function reservedCdBits(world: World): CdFields {
  const { draw } = world;
  return draw.pick<CdFields>([
    { or1: 3n << 56n },
    { or2: 3n << 56n },
    { or5: draw.bits(32) },
    { or5: 0xffn << 56n },
    { HAFT: 1n },
    { PnCH: 1n },
    { EPAN: 1n },
    { E0PD1: 1n },
    { AIE: 1n },
    { or6: draw.bits(64) },
  ]);
}

/** A good CD, then an odd one, then a good one; each change properly invalidated. */
export function contextFaults(world: World): void {
  const { draw } = world;
  const [client, other] = openWorld(world);
  accessAll(world, client);
  const rounds = draw.between(1, 3);
  for (let round = 0; round < rounds; round += 1) {
    changeCd(world, client, oddCd(world));
    for (const page of client.pages) anyAccess(world, client.stream, page.va + 8n);
    if (draw.chance(40)) anyAccess(world, client.stream, draw.pick([0x40_0000_0000n, 1n << 55n, 0x7000n]));
    if (other !== undefined && draw.chance(40)) accessAll(world, other);
    if (draw.chance(60)) world.events();
  }
  changeCd(world, client, undefined);
  accessAll(world, client);
  look(world);
}

/** Odd from the start, before anything can be cached: needs no invalidation. */
export function oddFromTheStart(world: World): void {
  const { draw, target } = world;
  const streams = draw.some(target.streams, 2);
  const clients = streams.map((stream, cd) =>
    addClient(world, stream, cd, {
      cdSet: draw.chance(80) ? oddCd(world) : {},
      steSet: draw.chance(25)
        ? { S1ContextPtr: draw.chance(60) ? holeAddress(draw) : aboveBits(draw, target.oas) }
        : {},
    }),
  );
  world.boot();
  for (const client of clients) {
    for (const page of client.pages) {
      anyAccess(world, client.stream, page.va);
      if (draw.chance(50)) anyAccess(world, client.stream, page.va ^ (1n << draw.pick([36n, 39n, 47n, 55n])));
    }
    world.events();
  }
  const client = draw.pick(clients);
  changeCd(world, client, undefined);
  world.ste(client.stream, client.cd);
  invalidateConfig(world, client.stream, 'ste');
  world.sync();
  accessAll(world, client);
  look(world);
}

/** Writes a CD and invalidates what may have been cached of the old one and through it. */
export function changeCd(world: World, client: Client, set: CdFields | undefined): void {
  const { draw } = world;
  world.cd(client.cd, set);
  for (const [stream, cd] of world.streams) if (cd === client.cd) invalidateConfig(world, stream, 'cd');
  // Until the CMD_SYNC a walk may still begin from the old CD, so an invalidation of the TLB that matters comes after one.
  if (draw.chance(75)) world.sync();
  if (draw.chance(50)) world.command('CMD_TLBI_NH_ASID', { ASID: BigInt(client.cd + 1) });
  else world.command(draw.chance(50) ? 'CMD_TLBI_NH_ALL' : 'CMD_TLBI_NSNH_ALL');
  world.sync();
}

/** Fault controls alone: they take effect with the CD, even for a translation that is cached (CACHE-045). */
export function faultControlsChange(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 2, leafSet: draw.chance(60) ? { AP: 3n } : {} });
  const pages = client.pages;
  const deny = (): void => {
    for (const page of pages) access(world, client.stream, page, { write: draw.chance(70) });
    world.dma(client.stream, 0x9000n, { bytes: 8 });
  };
  deny();
  for (const [A, R] of draw.some(
    [
      [0n, 0n],
      [0n, 1n],
      [1n, 0n],
      [1n, 1n],
    ] as const,
    2,
  )) {
    world.cd(client.cd, { A, R });
    invalidateConfig(world, client.stream, 'cd');
    world.sync();
    deny();
    world.events();
  }
}
