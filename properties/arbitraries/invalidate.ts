/**
 * Invalidations a driver may issue: those that reach what changed, and those that nearly do. None of them issues the CMD_SYNC that
 * completes it (4.7.3).
 */
import type { CommandFields } from '../../scenario/encode/commands.ts';
import { granuleLog2 } from '../../scenario/layout.ts';
import { SIGN } from './values.ts';
import type { Granule } from '../../scenario/layout.ts';
import type { Mapping, World } from './world.ts';

/** TG of a by-address invalidation (4.4.1.1). */
export const TLBI_TG: Readonly<Record<Granule, bigint>> = { '4K': 1n, '16K': 2n, '64K': 3n };

export type Structure = 'ste' | 'cd';

/** An invalidation of the configuration that reaches the STE or the CD of a stream. */
export function invalidateConfig(world: World, stream: number, structure: Structure): void {
  const id = BigInt(stream);
  const ways: (() => void)[] = [
    () => world.command('CMD_CFGI_STE', { StreamID: id, Leaf: BigInt(world.draw.between(0, 1)) }),
    () => world.command('CMD_CFGI_ALL', world.draw.chance(30) ? { StreamID: world.draw.bits(32) } : undefined),
    () => steRange(world, stream),
  ];
  if (structure === 'cd') {
    ways.push(
      () => world.command('CMD_CFGI_CD', { StreamID: id, SubstreamID: 0n, Leaf: BigInt(world.draw.between(0, 1)) }),
      () => world.command('CMD_CFGI_CD', { StreamID: id, SubstreamID: 0n, Leaf: 1n }),
      () => world.command('CMD_CFGI_CD_ALL', { StreamID: id }),
    );
  } else {
    ways.push(() => world.command('CMD_CFGI_STE', { StreamID: id, Leaf: 1n }));
  }
  world.draw.pick(ways)();
}

/** CMD_CFGI_STE_RANGE over an aligned span that holds the stream, named by any StreamID in it. */
function steRange(world: World, stream: number): void {
  const range = world.draw.pick([0, 0, 1, 2, 4, 5, 10, 30]);
  const within = BigInt(world.draw.between(0, 2 ** Math.min(range + 1, 4) - 1));
  const id = (BigInt(stream) ^ within) & 0xffff_ffffn;
  world.command('CMD_CFGI_STE_RANGE', { StreamID: range > 5 ? BigInt(stream) : id, Range: BigInt(range) });
}

/** An invalidation of the configuration that does not have to reach that structure of that stream. */
export function missConfig(world: World, stream: number, structure: Structure): void {
  const id = BigInt(stream);
  const other = BigInt(stream ^ world.draw.pick([1, 2, 16]));
  const ways: (() => void)[] = [
    () => world.command('CMD_CFGI_STE', { StreamID: other, Leaf: 1n }),
    () => world.command('CMD_CFGI_STE_RANGE', { StreamID: id ^ 4n, Range: 1n }),
    () => world.command('CMD_CFGI_STE_RANGE', { StreamID: id ^ 2n, Range: 0n }),
    () => world.command('CMD_TLBI_NSNH_ALL'),
    () => world.command('CMD_CFGI_CD', { StreamID: other }),
  ];
  if (structure === 'ste') {
    ways.push(
      () => world.command('CMD_CFGI_CD', { StreamID: id }),
      () => world.command('CMD_CFGI_CD_ALL', { StreamID: id }),
    );
  } else {
    ways.push(
      () => world.command('CMD_CFGI_CD_ALL', { StreamID: other }),
      () => world.command('CMD_CFGI_CD', { StreamID: id, SubstreamID: 3n }),
    );
  }
  world.draw.pick(ways)();
}

/** A TLB invalidation that reaches every entry that the mapping can have left, Table descriptors above it included. */
export function invalidateTlb(world: World, mapping: Mapping, asid = BigInt(mapping.cd + 1)): void {
  const { draw } = world;
  const hint = hints(world, mapping);
  // Any address of a block names it (4.4), but with a level hint only the first (TLBI-117 to TLBI-123).
  const inside = mapping.level === 3 || 'TTL' in hint ? 0n : BigInt(draw.between(0, 511)) * 0x1000n;
  const Address = mapping.va + inside;
  draw.weighted<() => void>([
    [3, () => world.command('CMD_TLBI_NH_VA', { ASID: asid, Address, ...hint })],
    [2, () => world.command('CMD_TLBI_NH_VAA', { Address, ...hint })],
    [2, () => world.command('CMD_TLBI_NH_ALL')],
    [2, () => world.command('CMD_TLBI_NSNH_ALL')],
    [world.target.ril ? 4 : 0, () => rangeTlbi(world, mapping, asid)],
  ])();
}

/** The level of the leaf; where there are no such fields, whatever is in their place (TLBI-104). */
export function hints({ draw, target }: World, { granule, level }: Pick<Mapping, 'granule' | 'level'>): CommandFields {
  if (!target.ril && draw.chance(50))
    return { TG: draw.bits(2), TTL: draw.bits(2), SCALE: draw.bits(2), NUM: draw.bits(2) };
  if (!target.ril || !draw.chance(50)) return {};
  return { TG: TLBI_TG[granule], TTL: BigInt(level) };
}

/** As `invalidateTlb` for non-global leaves only: by ASID. */
export function invalidateAsid(world: World, asid: bigint): void {
  world.command('CMD_TLBI_NH_ASID', { ASID: asid });
}

/** Only the entries of the last level have to go. */
export function invalidateLeaf(world: World, mapping: Mapping, asid = BigInt(mapping.cd + 1)): void {
  const ttl = hints(world, mapping);
  if (world.draw.chance(60)) world.command('CMD_TLBI_NH_VA', { ASID: asid, Address: mapping.va, Leaf: 1n, ...ttl });
  else world.command('CMD_TLBI_NH_VAA', { Address: mapping.va, Leaf: 1n, ...ttl });
}

/** Range invalidation (4.4.1.1): from at or below the mapping to beyond it. */
function rangeTlbi(world: World, mapping: Mapping, asid: bigint): void {
  const { draw } = world;
  const SCALE = BigInt(draw.pick([0, 0, 1, 2]));
  // NUM 0 with SCALE 0 and TTL 0 is Reserved.
  const NUM = BigInt(draw.between(1, 3));
  const below = draw.chance(50) ? 0n : ((NUM + 1n) << SCALE) - 1n;
  const from = mapping.va - (below << BigInt(granuleLog2(mapping.granule)));
  const Address = from >> 48n === mapping.va >> 48n && from >= 0n ? from : mapping.va;
  world.command('CMD_TLBI_NH_VA', { ASID: asid, Address, TG: TLBI_TG[mapping.granule], SCALE, NUM });
}

/** A TLB invalidation that does not have to reach the mapping. */
export function missTlb(world: World, mapping: Mapping, asid = BigInt(mapping.cd + 1)): void {
  const { draw } = world;
  const Address = mapping.va;
  const away = mapping.va ^ (0x1000n << BigInt(draw.pick([0, 1, 9, 18])));
  draw.pick<() => void>([
    () => world.command('CMD_TLBI_NH_VA', { ASID: asid + 1n, Address }),
    () => world.command('CMD_TLBI_NH_VA', { ASID: asid ^ 0x100n, Address }),
    () => world.command('CMD_TLBI_NH_VA', { ASID: asid, Address: away }),
    () => world.command('CMD_TLBI_NH_VAA', { Address: away }),
    () => world.command('CMD_TLBI_NH_VA', { ASID: asid, Address: Address ^ SIGN }),
    () => world.command('CMD_TLBI_NH_ASID', { ASID: asid + 1n }),
    () => world.command('CMD_TLBI_NH_ALL', { VMID: 5n }),
    () => world.command('CMD_CFGI_ALL'),
    () => world.command('CMD_TLBI_NH_VA', { ASID: asid, Address: Address + 0x10_0000n, TG: 1n, SCALE: 0n, NUM: 1n }),
  ])();
}

/** Everything a cache of the Non-secure interface may hold (3.11), and the CMD_SYNC that completes it. */
export function invalidateAll(world: World): void {
  world.command('CMD_CFGI_ALL');
  world.command('CMD_TLBI_NSNH_ALL');
  world.sync();
}
