/** The Contiguous hint (D8.7): groups of leaves of either stage and each granule, whole or with a member that differs, fresh or stale. */
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { levelShift } from '../../scenario/layout.ts';
import type { Granule } from '../../scenario/layout.ts';
import { PATTERN_BASE, PATTERN_BYTES, RAM_BASE } from '../../scenario/memory-map.ts';
import { access } from './accesses.ts';
import { invalidateAll } from './invalidate.ts';
import type { Mapping, World } from './world.ts';

/** Leaves of a group. */
const GROUP: Readonly<Record<Granule, Readonly<Record<2 | 3, number>>>> = {
  '4K': { 2: 16, 3: 16 },
  '16K': { 2: 32, 3: 128 },
  '64K': { 2: 32, 3: 32 },
};

/** Some members of an aligned group; the rest, where there is a rest, are invalid. Sixteen pages at most are written. */
export function contiguous(world: World): void {
  const { draw, target } = world;
  const granule = world.granule;
  const level: 2 | 3 = draw.chance(75) ? 3 : 2;
  const stream = draw.pick(target.streams);
  world.cd(0, draw.chance(35) ? { IPS: 0n } : {});
  // Beyond what the CD lets out: every member is (WALK-119).
  const beyond = draw.chance(20) ? 1n << 32n : 0n;
  world.ste(stream, 0);
  const step = 1n << BigInt(levelShift(level, granule));
  const group = BigInt(GROUP[granule][level]);
  const base = world.reachable(group * step);
  const count = Math.min(level === 3 ? draw.pick([4, 8, 16]) : 2, Number(group));
  const members = draw.some(
    Array.from({ length: Number(group) }, (_, at) => at),
    count,
  );
  const odd = draw.chance(25) ? draw.pick(members) : -1;
  const mappings = members.map((at) => {
    // All of the group at one offset from its input addresses: consistent.
    const pa = (outputs(level, granule) | beyond) + BigInt(at) * step;
    return world.map(0, base + BigInt(at) * step, pa, level, at === odd ? oddMember(world) : { Contiguous: 1n });
  });
  world.boot();
  const first = draw.pick(mappings);
  if (draw.chance(70)) access(world, stream, first, { write: false });
  if (draw.chance(50)) staleMember(world, stream, draw.pick(mappings), mappings);
  for (const mapping of draw.some(mappings, 4)) readOf(world, stream, mapping);
  if (draw.chance(40)) world.dma(stream, base + BigInt(draw.between(0, Number(group) - 1)) * step, { bytes: 4 });
  world.events();
}

/** Where the group leads: inside the pattern window while it fits there. */
function outputs(level: 2 | 3, granule: Granule): bigint {
  return level === 3 && granule !== '64K' ? PATTERN_BASE : RAM_BASE;
}

/** Of the pattern window where the member leads there, else of whatever memory there is. */
function readOf(world: World, stream: number, mapping: Mapping): void {
  const inWindow = mapping.pa >= PATTERN_BASE && mapping.pa < PATTERN_BASE + PATTERN_BYTES;
  if (inWindow) access(world, stream, mapping, { write: false });
  else world.dma(stream, mapping.va + 8n, { bytes: 8 });
}

function oddMember(world: World): DescriptorFields {
  return world.draw.pick<DescriptorFields>([
    {},
    { Valid: 0n, Contiguous: 1n },
    { AP: 3n, Contiguous: 1n },
    { AF: 0n, Contiguous: 1n },
  ]);
}

/** One member changes; the by-address invalidation of another need not reach it. */
function staleMember(world: World, stream: number, member: Mapping, all: readonly Mapping[]): void {
  const { draw } = world;
  const { cd, va, level } = member;
  world.unmap(cd, va, level);
  const Address = draw.chance(50) ? va : draw.pick(all).va;
  world.command('CMD_TLBI_NH_VA', { ASID: BigInt(cd + 1), Address });
  world.sync();
  readOf(world, stream, member);
  if (draw.chance(60)) {
    const group = 1n << BigInt(levelShift(level, member.granule));
    world.command('CMD_TLBI_NH_VA', { ASID: BigInt(cd + 1), Address: va ^ group });
    world.sync();
  }
  invalidateAll(world);
  readOf(world, stream, member);
}
