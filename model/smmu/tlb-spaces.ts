/**
 * The address spaces that TLB entries belong to (3.17): the VAs of an ASID in a VMID, the global VAs of an ASET in a VMID, the IPAs of a VMID.
 * Each that is ever configured gets a small number, which is all the tag that an entry needs, and knows when it was last flushed.
 */

/** What owns an entry, beside the VMID: an ASID below 0x10000, or one of these. */
export const GLOBAL = 0x1_0000;
export const IPA = 0x2_0000;
const OWNERS = 0x4_0000;

/** Space numbers have this many bits at most. */
export const SPACE_BITS = 20;

export class Spaces {
  readonly #numbers = new Map<number, number>();
  readonly #ofVmid = new Map<number, number[]>();
  /** By number. */
  readonly #keys: number[] = [];
  readonly #flushed: number[] = [];

  get full(): boolean {
    return this.#keys.length >= 2 ** SPACE_BITS;
  }

  clear(): void {
    this.#numbers.clear();
    this.#ofVmid.clear();
    this.#keys.length = this.#flushed.length = 0;
  }

  /** The number of a space; a new one if it has none yet. */
  of(vmid: number, owner: number): number {
    const key = vmid * OWNERS + owner;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const space = this.#keys.length;
    this.#numbers.set(key, space);
    this.#keys.push(key);
    this.#flushed.push(0);
    const siblings = this.#ofVmid.get(vmid);
    if (siblings === undefined) this.#ofVmid.set(vmid, [space]);
    else siblings.push(space);
    return space;
  }

  /** The number of a space, or -1: then nothing belongs to it. */
  find(vmid: number, owner: number): number {
    return this.#numbers.get(vmid * OWNERS + owner) ?? -1;
  }

  vmidOf(space: number): number {
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
  /** Every space of a VMID: of VAs, and with `ipas` that of its IPAs. */
  flushVmid(vmid: number, ipas: boolean, now: number): void {
    for (const space of this.#ofVmid.get(vmid) ?? []) {
      if (ipas || this.ownerOf(space) !== IPA) this.#flushed[space] = now;
    }
  }
}
