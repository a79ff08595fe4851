/**
 * The Contiguous bit of VMSAv8-64 descriptors (DDI 0487 D8.7.1): adjacent entries that a TLB may hold as one, and what that
 * makes of an address whose own entry says something else. Which entries make a group is in geometry.ts.
 */
import { field, flag } from './bits.ts';
import type { Features } from './features.ts';
import { blockAllowed, contiguousMembers, type Granule, levelShift } from './geometry.ts';
import type { Held, Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import type { Leaf } from './walk-results.ts';

/** Without BBM level 1 a lookup may then give what no entry says (D8.7.1.1). */
const MIXED = 'a Contiguous bit that differs within its group';

/** A descriptor that was read, and how to read its neighbours. */
export interface Member {
  readonly granule: Granule;
  readonly level: number;
  /** Of the descriptor, physical. */
  readonly address: bigint;
  /** Neighbours count as they were from this action on. */
  readonly since: number;
  /** The descriptor that a 64-bit word in memory is, in the byte order of the tables. */
  readonly order: (value: bigint) => bigint;
  /** Whether a walk may have read what a word held. */
  readonly seen: (held: Held) => boolean;
}

/** What a neighbour's Contiguous bit makes of the address. */
export interface GroupLeaf {
  /** The neighbour's, moved to the address. */
  readonly descriptor: bigint;
  readonly held: Held;
  readonly group: Leaf['group'];
  readonly rules: readonly RuleId[];
}

/**
 * What Contiguous neighbours in the same group may make of an address, where it differs from its own entry.
 * @param history everything that its own entry held
 * @returns undefined where the bit has no effect; `unknown`: what the scenario leaves open
 */
export function groupLeaves(
  memory: Memory,
  f: Features,
  history: readonly Held[],
  of: Member,
): { leaves: readonly GroupLeaf[]; unknown: string | undefined } | undefined {
  const { granule, level, address } = of;
  const members = contiguousMembers(granule, level);
  if (members === undefined) return undefined;
  const own = history.at(-1);
  const current = own === undefined ? 0n : of.order(own.value);
  if (level < 3 && (current & 3n) === 3n) return undefined;
  const shift = BigInt(levelShift(granule, level));
  const index = Number((address >> 3n) % BigInt(members));
  const group = address - BigInt(index * 8);
  const valid = (descriptor: bigint): boolean =>
    (descriptor & 3n) === (level === 3 ? 3n : 1n) && (level === 3 || blockAllowed(granule, level));
  const unmarked = valid(current) && !flag(current, CONTIGUOUS);
  const leaves: GroupLeaf[] = [];
  let unknown: string | undefined;
  for (const member of memory.touched(group, members)) {
    const entry = group + BigInt(member * 8);
    for (const held of member === index ? history : memory.held(entry, of.since)) {
      const descriptor = of.order(held.value);
      if (!valid(descriptor) || !of.seen(held)) continue;
      if (!flag(descriptor, CONTIGUOUS)) {
        if (flag(current, CONTIGUOUS) && valid(current) && f.bbml === 0) unknown = MIXED;
        continue;
      }
      const same = descriptor + (BigInt(index - member) << shift);
      if (same === current && (member !== index || aligned(descriptor, member, members, shift))) continue;
      if (!aligned(descriptor, member, members, shift)) {
        unknown = 'a Contiguous group whose output is not aligned';
        continue;
      }
      if (member === index) continue;
      if (unmarked && f.bbml === 0) unknown = MIXED;
      leaves.push({
        descriptor: same,
        held,
        group: unmarked && f.bbml < 2 ? 'conflicting' : 'consistent',
        rules: [valid(current) ? 'WALK-120' : 'WALK-122', 'WALK-117', 'CACHE-079'],
      });
    }
  }
  return { leaves, unknown };
}

const CONTIGUOUS = 52;

/** Whether the group that a Contiguous member belongs to has an output range aligned to its size. */
function aligned(descriptor: bigint, member: number, members: number, shift: bigint): boolean {
  return Number(field(descriptor, 47, Number(shift)) % BigInt(members)) === member;
}
