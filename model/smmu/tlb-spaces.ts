/**
 * The address spaces that TLB entries belong to (3.17): the VAs of an ASID in a world, the global VAs of an ASET in a world, the IPAs of a VMID.
 * A world is a StreamWorld, NS-EL1 once for each VMID.
 * Each that is ever configured gets a small number, which is all the tag that an entry needs, and knows when it was last flushed.
 */

/** The worlds beside NS-EL1, whose VMIDs are below 0x10000. Neither has VMIDs, and NS-EL2 has no ASIDs. */
export const NS_EL2 = 0x1_0000;
export const NS_EL2_E2H = 0x1_0001;

/** What owns an entry in its world: an ASID below 0x10000, or one of these. */
export const GLOBAL = 0x1_0000;
export const IPA = 0x2_0000;
const OWNERS = 0x4_0000;

/** Space numbers have this many bits at most. */
export const SPACE_BITS = 20;

export class Spaces {
  readonly #numbers = new Map<number, number>();
  readonly #ofWorld = new Map<number, number[]>();
  /** By number. */
  readonly #keys: number[] = [];
  readonly #flushed: number[] = [];

  get full(): boolean {
    return this.#keys.length >= 2 ** SPACE_BITS;
  }

  clear(): void {
    this.#numbers.clear();
    this.#ofWorld.clear();
    this.#keys.length = this.#flushed.length = 0;
  }

  /** The number of a space; a new one if it has none yet. */
  of(world: number, owner: number): number {
    const key = world * OWNERS + owner;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const space = this.#keys.length;
    this.#numbers.set(key, space);
    this.#keys.push(key);
    this.#flushed.push(0);
    const siblings = this.#ofWorld.get(world);
    if (siblings === undefined) this.#ofWorld.set(world, [space]);
    else siblings.push(space);
    return space;
  }

  /** The number of a space, or -1: then nothing belongs to it. */
  find(world: number, owner: number): number {
    return this.#numbers.get(world * OWNERS + owner) ?? -1;
  }

  worldOf(space: number): number {
    return Math.floor(this.#keys[space]! / OWNERS);
  }
  ownerOf(space: number): number {
    return this.#keys[space]! % OWNERS;
  }

  /** The time of the last flush of the whole space. */
  flushedAt(space: number): number {
    return this.#flushed[space]!;
  }
  flush(space: number, now: number): void {
    if (space >= 0) this.#flushed[space] = now;
  }
  /** Every space of a world: of VAs, and with `ipas` that of its IPAs. */
  flushWorld(world: number, ipas: boolean, now: number): void {
    for (const space of this.#ofWorld.get(world) ?? []) {
      if (ipas || this.ownerOf(space) !== IPA) this.#flushed[space] = now;
    }
  }

  /** Whether an entry may belong to an EL2 world. */
  get hasEl2(): boolean {
    return this.#ofWorld.has(NS_EL2) || this.#ofWorld.has(NS_EL2_E2H);
  }
  /** Every space of NS-EL1. */
  flushEl1(now: number): void {
    for (let space = 0; space < this.#keys.length; space++) {
      if (this.worldOf(space) < NS_EL2) this.#flushed[space] = now;
    }
  }
}
