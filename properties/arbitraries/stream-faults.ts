/** Stream Table Entries that are invalid, ILLEGAL, disabled or bypass, and fields that must not matter (5.2, 5.2.2). */
import type { SteFields } from '../../scenario/encode/ste.ts';
import { access, accessAll, anyAccess, look } from './accesses.ts';
import { invalidateConfig } from './invalidate.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { outputOf } from './places.ts';
import { aboveBits, bypassAddress, holeAddress } from './values.ts';
import type { World } from './world.ts';

/** A stream that goes through good, odd and good STEs, each change properly invalidated. */
export function streamFaults(world: World): void {
  const { draw } = world;
  const [client, other] = openWorld(world);
  accessAll(world, client);
  const rounds = draw.between(2, 3);
  for (let round = 0; round < rounds; round += 1) {
    const set = oddSte(world);
    changeSte(world, client, set);
    use(world, client, set);
    if (other !== undefined && draw.chance(30)) accessAll(world, other);
    if (draw.chance(50)) world.events();
  }
  world.events();
  changeSte(world, client, undefined);
  accessAll(world, client);
  look(world);
}

export function changeSte(world: World, client: Client, set: SteFields | undefined): void {
  world.ste(client.stream, client.cd, set);
  invalidateConfig(world, client.stream, 'ste');
  // What a TLB holds of the old stage 2 would live on.
  if (world.shape.stage2 !== undefined && world.draw.chance(75)) {
    world.sync();
    world.bareCommand('CMD_TLBI_NSNH_ALL');
  }
  world.sync();
}

function use(world: World, client: Client, set: SteFields): void {
  const { draw, target } = world;
  const mode = set.Config ?? 5n;
  if (mode === 4n) {
    for (let count = draw.between(2, 3); count > 0; count -= 1)
      anyAccess(world, client.stream, bypassAddress(draw, target));
    if (draw.chance(15)) world.dma(client.stream, bypassAddress(draw, target), { substream: draw.between(0, 3) });
    return;
  }
  for (const page of client.pages) anyAccess(world, client.stream, page.va + 16n);
  if (draw.chance(40))
    world.dma(client.stream, client.pages[0]?.va ?? 0x1000n, { substream: draw.pick([0, 1, 0xfffff]) });
  if (draw.chance(25)) anyAccess(world, client.stream, 0x7000n);
}

/** An STE of any Config with odd fields. */
export function oddSte(world: World): SteFields {
  const { draw, target } = world;
  return draw.weighted<() => SteFields>([
    [1, () => ({ V: 0n, ...ignored(world) })],
    // What such an STE points at is not fetched (CACHE-013, CACHE-014).
    [
      1,
      () => ({ ...draw.pick<SteFields>([{ V: 0n }, { Config: 0n }, { Config: 4n }]), S1ContextPtr: holeAddress(draw) }),
    ],
    [
      3,
      () => ({
        Config: BigInt(draw.between(0, 3)),
        ...(draw.chance(60) ? { ...ignored(world), ...ignored(world) } : {}),
      }),
    ],
    [5, () => ({ Config: 4n, ...(draw.chance(60) ? { ...ignored(world), ...ignored(world) } : {}) })],
    [1, () => ({ Config: 6n })],
    [1, () => ({ Config: 7n })],
    [5, () => ignored(world)],
    [2, () => ({ ...ignored(world), ...ignored(world) })],
    [2, () => ({ S1STALLD: 1n })],
    [2, () => ({ S1ContextPtr: aboveBits(draw, target.oas) })],
    [2, () => ({ S1ContextPtr: holeAddress(draw) })],
    [2, () => ({ PRIVCFG: BigInt(draw.between(0, 3)), INSTCFG: BigInt(draw.between(0, 3)) })],
    [1, () => ({ MEV: 1n })],
    [1, () => ({ CONT: BigInt(draw.between(1, 15)) })],
    [2, () => reservedBits(world)],
  ])();
}

/** Fields that most implementations have no use for, at values that would be wrong if they had. */
function ignored(world: World): SteFields {
  const { draw } = world;
  return draw.pick<SteFields>([
    { S1CDMax: BigInt(draw.pick([1, 5, 20, 31])), S1Fmt: BigInt(draw.between(0, 3)) },
    { S1DSS: BigInt(draw.between(0, 3)) },
    { S1Fmt: BigInt(draw.between(1, 3)) },
    { STRW: BigInt(draw.between(1, 3)) },
    { EATS: BigInt(draw.between(1, 3)) },
    { S2VMID: draw.chance(50) ? 0xff00n : draw.bits(16) },
    { S2T0SZ: draw.bits(6), S2SL0: 3n, S2TG: 3n, S2PS: 7n },
    { S2AA64: 0n, S2ENDI: 1n, S2HA: 1n, S2HD: 1n },
    { S2TTB: draw.bits(52) },
    { S2S: 1n, S2R: 1n },
    { S2AFFD: 1n, S2PTW: 1n },
    { S2FWB: 1n },
    { SW_RESERVED: draw.bits(4) },
    { NSCFG: BigInt(draw.between(1, 3)) },
    { MTCFG: 1n, MemAttr: draw.bits(4), ALLOCCFG: draw.bits(4), SHCFG: draw.bits(2) },
    { S_S2TG: 3n, S_S2T0SZ: draw.bits(6), S_S2SL0: 3n, S_S2TTB: draw.bits(52) },
    { S1CIR: draw.bits(2), S1COR: draw.bits(2), S1CSH: draw.bits(2) },
    { S1STALLD: 1n },
    { PRIVCFG: draw.bits(2) },
    { INSTCFG: draw.bits(2) },
    { CONT: BigInt(draw.between(1, 5)) },
  ]);
}

/** Fields of absent features and bits without a name. */
function reservedBits(world: World): SteFields {
  const { draw } = world;
  return draw.pick<SteFields>([
    { or0: 1n << 56n },
    { or1: draw.bits(3) << 41n },
    { or1: 0xfn << 60n },
    { or4: draw.bits(16) },
    { S2HAFT: 1n },
    { S1PIE: 1n },
    { S2PIE: 1n, S2POE: 1n },
    { S1MPAM: 1n },
    { PARTID: draw.bits(16), PMG: draw.bits(8) },
    { VMSPtr: 0x4100_0000n },
    { AssuredOnly: 1n, TL0: 1n },
    { DRE: 1n, DCP: 1n },
    { S2HWU59: 1n },
    { PPAR: 1n },
    { or5: 1n << 60n },
  ]);
}

/** A whole CONT span of equal STEs (5.2 CONT): nothing shows of the hint, but for what a CFGI of one of them leaves. */
export function contiguousStes(world: World): void {
  const { draw, target } = world;
  const log2 = draw.between(1, 2);
  const span = 2 ** log2;
  const bases = [0, span, 2 * span].filter((base) => base + span <= 2 ** target.sidSize);
  const base = bases.length === 0 ? 0 : draw.pick(bases);
  const members = Array.from({ length: span }, (_, at) => base + at).filter((stream) => stream < 2 ** target.sidSize);
  const CONT = BigInt(draw.chance(80) ? log2 : draw.between(1, 5));
  const devices = target.anyStream ? members : members.filter((stream) => target.streams.includes(stream));
  world.cd(0);
  const page = world.map(0, world.place(0x1000n), outputOf(world, 3));
  for (const stream of members) world.ste(stream, 0, { CONT });
  world.boot(draw.chance(15) && world.shape.split === undefined ? { strtabLog2Size: draw.between(0, 2) } : {});
  if (devices.length === 0) return;
  for (const stream of devices) access(world, stream, page);
  const changed = draw.pick(devices);
  const set = draw.pick<SteFields>([{ V: 0n }, { Config: 0n }, { Config: 4n }, { CONT: 0n }, { MEV: 1n }]);
  for (const stream of draw.chance(50) ? members : [changed]) world.ste(stream, 0, { CONT, ...set });
  const told = draw.chance(60) ? members : [changed];
  for (const stream of told) world.command('CMD_CFGI_STE', { StreamID: BigInt(stream), Leaf: 1n });
  world.sync();
  for (const stream of draw.some(devices, 3)) access(world, stream, page);
  world.events();
  world.command('CMD_CFGI_ALL');
  world.command('CMD_TLBI_NSNH_ALL');
  world.sync();
  access(world, changed, page);
  look(world);
}

/** Neighbouring STEs under one CONT span, the same or not (5.2 CONT), and CD shared by several streams. */
export function sharedStructures(world: World): void {
  const { draw, target } = world;
  const streams = draw.some(target.streams, 3);
  const CONT = BigInt(draw.between(1, 5));
  const set = draw.chance(30) ? { CONT } : {};
  const [client] = openWorld(world, { streams: 1, steSet: set });
  for (const stream of streams) {
    if (stream === client.stream) continue;
    const differs = draw.chance(30)
      ? draw.pick<SteFields>([{ Config: 4n }, { S1STALLD: 1n }, { V: 0n }, { MEV: 1n }])
      : {};
    world.ste(stream, client.cd, { ...set, ...differs });
    invalidateConfig(world, stream, 'ste');
  }
  world.sync();
  const all = [client.stream, ...streams];
  for (const stream of all) for (const page of client.pages.slice(0, 2)) access(world, stream, page);
  world.events();
  // The CD changes; each stream may keep its own copy until its own invalidation (CFGI-041).
  world.cd(client.cd, draw.pick([{ V: 0n }, { R: 0n, A: 0n }, { WXN: 1n }]));
  const told = draw.pick(all);
  invalidateConfig(world, told, 'cd');
  world.sync();
  for (const page of client.pages.slice(0, 1)) access(world, told, page);
  if (draw.chance(50)) for (const page of client.pages.slice(0, 1)) access(world, draw.pick(all), page);
  world.command('CMD_CFGI_ALL');
  world.command('CMD_TLBI_NSNH_ALL');
  world.sync();
  for (const stream of draw.some(all, 2)) for (const page of client.pages.slice(0, 1)) access(world, stream, page);
  look(world);
}
