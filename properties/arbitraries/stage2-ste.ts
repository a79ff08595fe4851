/** STEs that ask for stage 2 and are ILLEGAL, or look it (5.2, 5.2.2): one or two fields of a good one replaced, visible, used, mended. */
import type { SteFields } from '../../scenario/encode/ste.ts';
import { access, accessAll, anyAccess, look } from './accesses.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { invalidateConfig } from './invalidate.ts';
import { TG, edgeSizes, reservedStarts, sizeFields } from './stage2.ts';
import { aboveBits, bypassAddress, holeAddress } from './values.ts';
import type { World } from './world.ts';

export function stage2Ste(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 2 });
  accessAll(world, client);
  for (let round = draw.between(2, 4); round > 0; round -= 1) {
    changeTo(world, client, { ...oddFields(world), ...(draw.chance(15) ? oddFields(world) : {}) });
    for (const page of client.pages) anyAccess(world, client.stream, page.va + 16n);
    if (draw.chance(30)) anyAccess(world, client.stream, bypassAddress(draw, world.target));
    if (draw.chance(15)) world.dma(client.stream, client.pages[0]?.va ?? 0n, { substream: draw.between(0, 3) });
    if (draw.chance(40)) world.events();
  }
  world.events();
  changeTo(world, client, undefined);
  accessAll(world, client);
  look(world);
}

/** With its TLB entries: what differs may be of those (5.2.1). */
function changeTo(world: World, client: Client, set: SteFields | undefined): void {
  const { draw } = world;
  world.ste(client.stream, client.cd, set);
  invalidateConfig(world, client.stream, 'ste');
  if (draw.chance(75)) {
    world.sync();
    world.bareCommand('CMD_TLBI_NSNH_ALL');
  }
  world.sync();
}

function oddFields(world: World): SteFields {
  const { draw, target } = world;
  const usual = world.shape.only ? 6n : 7n;
  const absent = (['4K', '16K', '64K'] as const).filter((granule) => !target.granules.includes(granule));
  const reserved = reservedStarts(target);
  return draw.weighted<() => SteFields>([
    [2, () => ({ S2TTB: aboveBits(draw, target.oas) })],
    [2, () => ({ S2PS: 0n, S2TTB: 1n << 32n })],
    [1, () => ({ S2PS: 1n, S2TTB: 1n << 36n })],
    [1, () => ({ S2TTB: holeAddress(draw) })],
    [1, () => ({ S2TTB: 1n << BigInt(Math.max(0, target.oas - 1)) })],
    [absent.length > 0 ? 3 : 0, () => ({ S2TG: TG[draw.pick(absent)] })],
    [1, () => ({ S2TG: 3n })],
    [2, () => ({ S2AA64: 0n })],
    [1, () => ({ S2AA64: 0n, S2T0SZ: draw.bits(6), S2SL0: draw.bits(2), S2TTB: draw.bits(40) })],
    [1, () => ({ S2HA: 1n })],
    [1, () => ({ S2HD: 1n })],
    [1, () => ({ S2HA: 1n, S2HD: 1n })],
    [2, () => ({ S2S: 1n })],
    [1, () => ({ S2S: 1n, S2R: 0n })],
    [2, () => ({ S2R: 0n })],
    [3, () => ({ S2VMID: draw.pick([0x100n, 0xff00n, 0xffffn, 0xffn, 0n]) })],
    [target.ttendian >= 2 ? 9 : 3, () => ({ S2ENDI: world.shape.bigEndian ? 0n : 1n })],
    [2, () => ({ Config: draw.pick([5n, 6n, 7n]) })],
    // Stage 2 is off: nothing of its fields counts (STE-212, STE-262).
    [
      3,
      () => ({ Config: draw.pick([4n, 5n]), S2S: 1n, S2T0SZ: 63n, S2TG: 3n, S2HA: 1n, S2HD: 1n, S2TTB: draw.bits(52) }),
    ],
    [2, () => ({ Config: 4n, STRW: BigInt(draw.between(1, 3)), S1STALLD: 1n })],
    [2, () => ({ Config: 5n, S2VMID: draw.pick([0x100n, 0xffffn, 7n]) })],
    [2, () => ({ S2PS: BigInt(draw.pick([0, 1, 2, 3, 5, 6, 7])) })],
    [2, () => ({ S2AFFD: 1n, S2PTW: 1n })],
    [2, () => ({ S2FWB: 1n, S2PTW: draw.bits(1) })],
    [1, () => ({ S2HAFT: 1n })],
    [1, () => ({ S2HWU59: 1n, S2HWU62: 1n })],
    [1, () => ({ S2IR0: draw.bits(2), S2OR0: draw.bits(2), S2SH0: draw.bits(2) })],
    [1, () => ({ S2DS: 1n })],
    [1, () => ({ S2SL0_2: 1n })],
    [1, () => ({ S2NSW: 1n, S2NSA: 1n, S2SW: 1n, S2SA: 1n })],
    [1, () => ({ S_S2T0SZ: draw.bits(6), S_S2SL0: 3n, S_S2TG: 3n, S_S2TTB: draw.bits(52) })],
    [1, () => ({ STRW: BigInt(draw.between(1, 3)) })],
    [1, () => ({ S1STALLD: 1n })],
    [1, () => ({ S1CDMax: BigInt(target.ssidSize + 1), ...(usual === 6n ? { S1Fmt: 1n } : {}) })],
    [1, () => ({ S1ContextPtr: aboveBits(draw, target.oas) })],
    [1, () => ({ EATS: draw.bits(2) })],
    [1, () => ({ S2PIE: 1n })],
    [1, () => ({ S2POE: 1n })],
    [reserved.length > 0 ? 4 : 0, () => sizeFields(draw.pick(reserved))],
    [3, () => sizeFields(draw.pick(edgeSizes(draw.pick(target.granules))))],
    [1, () => ({ S2TTB: (1n << BigInt(draw.between(4, 15))) | 0x4400_0000n })],
    [1, () => ({ or2: draw.pick([1n << 16n, 0xffffn << 16n]) })],
    [1, () => ({ or3: 1n << 56n })],
  ])();
}

/** Stage 1, stage 2 or both absent or present, and every Config, with nothing cached before (STE-021, STE-022). */
export function everyConfig(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1 });
  const page = client.pages[0];
  if (page === undefined) return;
  for (const Config of draw.some([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n], 4)) {
    world.bareSte(client.stream, {
      cd: client.cd,
      vm: world.shape.stage2?.vm ?? 0,
      set: { ...world.shape.stage2?.set, Config },
    });
    invalidateConfig(world, client.stream, 'ste');
    world.sync();
    access(world, client.stream, page);
    anyAccess(world, client.stream, bypassAddress(draw, world.target));
  }
  world.events();
  changeTo(world, client, undefined);
  accessAll(world, client);
}
