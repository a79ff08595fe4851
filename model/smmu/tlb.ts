/**
 * The TLB (3.17, 3.21.1, 4.4) of NS-EL1, NS-EL2 and NS-EL2-E2H. Entries of one store, told apart by their space (tlb-spaces.ts) and kind (granule.ts):
 * - by VA: leaves of stage 1, or of both stages combined; Table descriptors of stage 1;
 * - by IPA: leaves and Table descriptors of stage 2, also those that a nested walk used on its way.
 * It never expires anything by itself while it can grow, so stale translations last until a TLBI.
 *
 * How it is fast:
 * - Open addressing in typed arrays with a probe window of 8.
 * - Every entry knows its birth, the number of invalidations before it. Invalidating everything, or a space, records "now":
 *   entries born earlier no longer match. Nothing is visited.
 * - A slot born before the last invalidate-all ends a probe: whatever was inserted since would have taken it. A single entry
 *   that is removed keeps its birth and loses its tag.
 * - Entries of one address and kind, whatever their space, are linked in buckets, so that invalidation by VA for all ASIDs
 *   visits candidates only.
 * - Kinds that have had no entry since the last invalidate-all are not probed.
 *
 * A combined entry is as large as the smaller of its two leaves, and knows which leaf of stage 1 it came from: an invalidation by VA drops
 * all pieces of that leaf (D8.17). A slot number is valid until the next insertion.
 */
import { KIND_LEVEL, KIND_SHIFT, KIND_TG, KINDS, LEAF_KINDS } from './granule.ts';
import { GLOBAL, IPA, NS_EL2, NS_EL2_E2H, SPACE_BITS, Spaces } from './tlb-spaces.ts';

const WINDOW = 8;
const SLOTS_INITIAL = 64;
const SLOTS_MAX = 2 ** 20;

/** Tag bits: space number, kind above it. */
const KIND_AT = SPACE_BITS;
const SPACE_MASK = 2 ** SPACE_BITS - 1;
const LEAVES = 2 ** LEAF_KINDS - 1;

/** The tag of a removed entry: no kind has it. */
const REMOVED = -1;
const NOT_LINKED = -2;
const END = -1;

/** Which bits of the input address tell entries of a kind apart, in its high and low 32-bit halves; bits [63:56] never do. */
const KEY_HIGH = KIND_SHIFT.map((shift) => 0x00ff_ffff & ~(2 ** Math.max(0, shift - 32) - 1));
const KEY_LOW = KIND_SHIFT.map((shift) => (shift >= 32 ? 0 : ~(2 ** shift - 1)));

/** What an invalidation by address covers. */
export interface AddressScope {
  /** First address, 4 KiB aligned: its bits [55:32] and [31:0]. */
  readonly high: number;
  readonly low: number;
  /** Length in 4 KiB pages, at least 1. */
  readonly pages: number;
  /** Only leaf entries, no Table descriptors. */
  readonly leafOnly: boolean;
  /** Granule of the tables, as `Granule.tg`, or 0: any. */
  readonly tg: number;
  /** Level of the leaf, or 0: any. */
  readonly level: number;
}

export class Tlb {
  #slotMask = 0;
  #keyHigh = new Int32Array(0);
  #keyLow = new Int32Array(0);
  #tag = new Int32Array(0);
  #birth = new Float64Array(0);
  #address = new Float64Array(0);
  #ipa = new Float64Array(0);
  #attributes = new Uint16Array(0);
  #leaf = new Uint8Array(0);
  #bucket = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);

  readonly #spaces = new Spaces();
  /** Space numbers from before it changed mean nothing any more. */
  epoch = 0;
  /** The number of invalidations so far, plus 1. */
  #now = 1;
  #allFlushed = 0;
  // Kinds of which an entry was inserted since the last invalidate-all, one bit each, by owner.
  #heldByAsid = 0;
  #heldGlobal = 0;
  #heldByIpa = 0;
  /** Kinds of stage 1 leaves that combined entries smaller than the leaf came from. */
  #splintered = 0;
  #victim = 0;

  constructor() {
    this.#allocate(SLOTS_INITIAL);
  }

  /** As new. */
  reset(): void {
    if (this.#slotMask !== SLOTS_INITIAL - 1) this.#allocate(SLOTS_INITIAL);
    this.#forgetSpaces();
    this.#victim = 0;
  }

  /** The number of a space: VAs of an ASID, global VAs (`GLOBAL | aset`) or IPAs (`IPA`) of a world. Valid in this `epoch`. */
  space(world: number, owner: number): number {
    if (this.#spaces.full) this.#forgetSpaces();
    return this.#spaces.of(world, owner);
  }

  /** The leaf entry for a VA, or -1: of any size, of the ASID or global in the ASET. */
  lookupLeaf(high: number, low: number, asidSpace: number, globalSpace: number): number {
    const slot = this.#lookup(this.#heldByAsid & LEAVES, high, low, asidSpace);
    return slot >= 0 ? slot : this.#lookup(this.#heldGlobal & LEAVES, high, low, globalSpace);
  }

  /** The stage 2 leaf entry for an IPA, or -1. */
  lookupIpa(high: number, low: number, ipaSpace: number): number {
    return this.#lookup(this.#heldByIpa & LEAVES, high, low, ipaSpace);
  }

  /** The walk-cache entry of a kind for an input address, or -1. */
  lookupTable(high: number, low: number, kind: number, space: number): number {
    const held = this.#heldByAsid | this.#heldByIpa;
    return (held & (1 << kind)) !== 0 ? this.#find(high, low, kind, space) : -1;
  }

  /** Kind of the leaf in a slot: its size. */
  kindOf(slot: number): number {
    return this.#tag[slot]! >>> KIND_AT;
  }
  /** Output address of a leaf, aligned to its size; next-level table of a Table descriptor. */
  addressOf(slot: number): number {
    return this.#address[slot]!;
  }
  /** Of a combined leaf: its intermediate address, aligned to its size. */
  ipaOf(slot: number): number {
    return this.#ipa[slot]!;
  }
  attributesOf(slot: number): number {
    return this.#attributes[slot]!;
  }

  /** Keeps a leaf of one stage, or combined: then `leafKind` is that of its stage 1 leaf, which may be larger than `kind`. */
  insertLeaf(
    high: number,
    low: number,
    kind: number,
    leafKind: number,
    space: number,
    address: number,
    ipa: number,
    attributes: number,
  ): void {
    if (leafKind !== kind) this.#splintered |= 1 << leafKind;
    this.#insert(high, low, kind, leafKind, space, address, ipa, attributes);
  }

  /** Keeps a Table descriptor. Those of stage 1 are always tagged by ASID. */
  insertTable(high: number, low: number, kind: number, space: number, address: number, attributes: number): void {
    this.#insert(high, low, kind, kind, space, address, 0, attributes);
  }

  /** Everything. */
  invalidateAll(): void {
    this.#allFlushed = this.#now++;
    this.#heldByAsid = this.#heldGlobal = this.#heldByIpa = this.#splintered = 0;
  }

  /** Every entry of NS-EL1, whatever its VMID. */
  invalidateEl1(): void {
    if (this.#spaces.hasEl2) this.#spaces.flushEl1(this.#now++);
    else this.invalidateAll();
  }

  /** Every entry of NS-EL2 and NS-EL2-E2H. */
  invalidateEl2(): void {
    this.#spaces.flushWorld(NS_EL2, true, this.#now);
    this.#spaces.flushWorld(NS_EL2_E2H, true, this.#now++);
  }

  /** Every entry of a VMID by VA, and with `ipas` those by IPA. */
  invalidateVmid(vmid: number, ipas: boolean): void {
    this.#spaces.flushWorld(vmid, ipas, this.#now++);
  }

  /** Every non-global entry of an ASID, leaf or table. */
  invalidateAsid(world: number, asid: number): void {
    this.#spaces.flush(this.#spaces.find(world, asid), this.#now++);
  }

  /**
   * Entries by VA that cover any address of the scope: non-global ones of `asid` (-1: of every ASID) and global ones of either ASET.
   * With a level, leaves of that level and tables above it.
   */
  invalidateVa(scope: AddressScope, world: number, asid: number): void {
    const owners = asid < 0 ? [] : [asid, GLOBAL, GLOBAL | 1];
    const spaces = owners.map((owner) => this.#spaces.find(world, owner)).filter((space) => space >= 0);
    const matches = (space: number): boolean => {
      const owner = this.#spaces.ownerOf(space);
      if (owner === IPA || this.#spaces.worldOf(space) !== world) return false;
      return asid < 0 || owner === asid || (owner & GLOBAL) !== 0;
    };
    const held = this.#heldByAsid | this.#heldGlobal;
    for (let kind = 0; kind < KINDS; kind++) {
      if ((held & (1 << kind)) !== 0 && inScope(scope, kind)) this.#invalidateKind(scope, kind, spaces, matches);
      if ((this.#splintered & (1 << kind)) !== 0 && inScope(scope, kind)) this.#sweepPieces(scope, kind, matches);
    }
  }

  /** Stage 2 entries by IPA that cover any address of the scope; combined entries are not touched. */
  invalidateIpa(scope: AddressScope, vmid: number): void {
    const space = this.#spaces.find(vmid, IPA);
    if (space < 0) return;
    for (let kind = 0; kind < KINDS; kind++) {
      if ((this.#heldByIpa & (1 << kind)) === 0 || !inScope(scope, kind)) continue;
      this.#invalidateKind(scope, kind, [space], (other) => other === space);
    }
  }

  /** Entries of a kind in the scope: of these spaces, or when there are none, of all that match. */
  #invalidateKind(
    scope: AddressScope,
    kind: number,
    spaces: readonly number[],
    matches: (space: number) => boolean,
  ): void {
    const pagesEach = 2 ** (KIND_SHIFT[kind]! - 12);
    const { first, last } = pagesOf(scope);
    const firstUnit = Math.floor(first / pagesEach);
    const lastUnit = Math.floor(last / pagesEach);
    if (lastUnit - firstUnit > this.#slotMask / 8) {
      this.#sweep(firstUnit * pagesEach, (lastUnit + 1) * pagesEach - 1, (slot) => this.kindOf(slot) === kind, matches);
      return;
    }
    for (let unit = firstUnit; unit <= lastUnit; unit++) {
      const page = unit * pagesEach;
      const high = Math.floor(page / 2 ** 20) | 0;
      const low = ((page % 2 ** 20) << 12) | 0;
      if (spaces.length > 0) {
        for (const space of spaces) this.#remove(this.#find(high, low, kind, space));
      } else {
        this.#removeBucket(high & KEY_HIGH[kind]!, low & KEY_LOW[kind]!, kind, matches);
      }
    }
  }

  /** The pieces of stage 1 leaves of a kind that reach into the scope. */
  #sweepPieces(scope: AddressScope, leafKind: number, matches: (space: number) => boolean): void {
    const pagesEach = 2 ** (KIND_SHIFT[leafKind]! - 12);
    const { first, last } = pagesOf(scope);
    const from = Math.floor(first / pagesEach) * pagesEach;
    const to = (Math.floor(last / pagesEach) + 1) * pagesEach - 1;
    this.#sweep(from, to, (slot) => this.#leaf[slot] === leafKind && this.kindOf(slot) < LEAF_KINDS, matches);
  }

  /** Visits every slot: for a range so long that this is cheaper than visiting every address of it. */
  #sweep(
    firstPage: number,
    lastPage: number,
    wanted: (slot: number) => boolean,
    matches: (space: number) => boolean,
  ): void {
    for (let slot = 0; slot <= this.#slotMask; slot++) {
      const tag = this.#tag[slot]!;
      if (!this.#alive(this.#birth[slot]!, tag) || !wanted(slot) || !matches(tag & SPACE_MASK)) continue;
      const page = this.#keyHigh[slot]! * 2 ** 20 + (this.#keyLow[slot]! >>> 12);
      if (page >= firstPage && page <= lastPage) this.#remove(slot);
    }
  }

  #remove(slot: number): void {
    if (slot < 0) return;
    this.#unlink(slot);
    this.#tag[slot] = REMOVED;
  }

  #removeBucket(keyHigh: number, keyLow: number, kind: number, matches: (space: number) => boolean): void {
    let slot = this.#bucket[this.#bucketOf(keyHigh, keyLow, kind)]!;
    while (slot !== END) {
      const next = this.#next[slot]!;
      const tag = this.#tag[slot]!;
      if (
        this.#keyLow[slot] === keyLow &&
        this.#keyHigh[slot] === keyHigh &&
        tag >>> KIND_AT === kind &&
        this.#birth[slot]! > this.#allFlushed &&
        matches(tag & SPACE_MASK)
      ) {
        this.#remove(slot);
      }
      slot = next;
    }
  }

  #forgetSpaces(): void {
    this.invalidateAll();
    this.#spaces.clear();
    this.epoch++;
  }

  /** The smallest leaf among the kinds held. */
  #lookup(held: number, high: number, low: number, space: number): number {
    for (let left = held; left !== 0; left &= left - 1) {
      const slot = this.#find(high, low, 31 - Math.clz32(left & -left), space);
      if (slot >= 0) return slot;
    }
    return -1;
  }

  #find(high: number, low: number, kind: number, space: number): number {
    const keyHigh = high & KEY_HIGH[kind]!;
    const keyLow = low & KEY_LOW[kind]!;
    const tag = (kind << KIND_AT) | space;
    let slot = hash(keyHigh, keyLow, tag) & this.#slotMask;
    for (let i = 0; i < WINDOW; i++) {
      const birth = this.#birth[slot]!;
      if (birth <= this.#allFlushed) return -1;
      if (
        this.#keyLow[slot] === keyLow &&
        this.#tag[slot] === tag &&
        this.#keyHigh[slot] === keyHigh &&
        birth > this.#spaces.flushedAt(space)
      ) {
        return slot;
      }
      slot = (slot + 1) & this.#slotMask;
    }
    return -1;
  }

  /** Whether a slot holds an entry that can match. */
  #alive(birth: number, tag: number): boolean {
    return birth > this.#allFlushed && tag !== REMOVED && birth > this.#spaces.flushedAt(tag & SPACE_MASK);
  }

  #insert(
    high: number,
    low: number,
    kind: number,
    leafKind: number,
    space: number,
    address: number,
    ipa: number,
    attributes: number,
  ): void {
    const keyHigh = high & KEY_HIGH[kind]!;
    const keyLow = low & KEY_LOW[kind]!;
    const tag = (kind << KIND_AT) | space;
    const owner = this.#spaces.ownerOf(space);
    if (owner === IPA) this.#heldByIpa |= 1 << kind;
    else if ((owner & GLOBAL) !== 0) this.#heldGlobal |= 1 << kind;
    else this.#heldByAsid |= 1 << kind;
    let slot = this.#find(high, low, kind, space);
    if (slot < 0) slot = this.#freeSlot(hash(keyHigh, keyLow, tag));
    this.#put(slot, keyHigh, keyLow, tag, this.#now);
    this.#address[slot] = address;
    this.#ipa[slot] = ipa;
    this.#attributes[slot] = attributes;
    this.#leaf[slot] = leafKind;
  }

  /** Key and tag of an entry into a slot, and the slot into its bucket. */
  #put(slot: number, keyHigh: number, keyLow: number, tag: number, birth: number): void {
    this.#unlink(slot);
    this.#keyHigh[slot] = keyHigh;
    this.#keyLow[slot] = keyLow;
    this.#tag[slot] = tag;
    this.#birth[slot] = birth;
    const bucket = this.#bucketOf(keyHigh, keyLow, tag >>> KIND_AT);
    const first = this.#bucket[bucket]!;
    this.#next[slot] = first;
    this.#previous[slot] = END;
    if (first !== END) this.#previous[first] = slot;
    this.#bucket[bucket] = slot;
  }

  /** A slot in the window of `hashed` that holds nothing alive: by growing, or at the limit by dropping an entry. */
  #freeSlot(hashed: number): number {
    for (;;) {
      for (let i = 0; i < WINDOW; i++) {
        const slot = (hashed + i) & this.#slotMask;
        if (!this.#alive(this.#birth[slot]!, this.#tag[slot]!)) return slot;
      }
      if (this.#slotMask + 1 >= SLOTS_MAX) {
        this.#victim = (this.#victim + 1) % WINDOW;
        return (hashed + this.#victim) & this.#slotMask;
      }
      this.#grow();
    }
  }

  #grow(): void {
    const keyHigh = this.#keyHigh;
    const keyLow = this.#keyLow;
    const tag = this.#tag;
    const birth = this.#birth;
    const address = this.#address;
    const ipa = this.#ipa;
    const attributes = this.#attributes;
    const leaf = this.#leaf;
    this.#allocate(2 * (this.#slotMask + 1));
    for (let old = 0; old < birth.length; old++) {
      if (!this.#alive(birth[old]!, tag[old]!)) continue;
      const slot = this.#emptySlot(hash(keyHigh[old]!, keyLow[old]!, tag[old]!));
      if (slot < 0) continue;
      this.#put(slot, keyHigh[old]!, keyLow[old]!, tag[old]!, birth[old]!);
      this.#address[slot] = address[old]!;
      this.#ipa[slot] = ipa[old]!;
      this.#attributes[slot] = attributes[old]!;
      this.#leaf[slot] = leaf[old]!;
    }
  }

  /** Where an entry goes while the table is rebuilt, or -1: its window is full and the entry is dropped, as a TLB may. */
  #emptySlot(hashed: number): number {
    for (let i = 0; i < WINDOW; i++) {
      const slot = (hashed + i) & this.#slotMask;
      if (this.#birth[slot]! <= this.#allFlushed) return slot;
    }
    return -1;
  }

  #allocate(slots: number): void {
    this.#slotMask = slots - 1;
    this.#keyHigh = new Int32Array(slots);
    this.#keyLow = new Int32Array(slots);
    this.#tag = new Int32Array(slots);
    this.#birth = new Float64Array(slots);
    this.#address = new Float64Array(slots);
    this.#ipa = new Float64Array(slots);
    this.#attributes = new Uint16Array(slots);
    this.#leaf = new Uint8Array(slots);
    this.#bucket = new Int32Array(slots).fill(END);
    this.#next = new Int32Array(slots).fill(NOT_LINKED);
    this.#previous = new Int32Array(slots);
  }

  #bucketOf(keyHigh: number, keyLow: number, kind: number): number {
    return hash(keyHigh, keyLow, kind) & this.#slotMask;
  }

  #unlink(slot: number): void {
    const next = this.#next[slot]!;
    if (next === NOT_LINKED) return;
    const previous = this.#previous[slot]!;
    if (previous !== END) this.#next[previous] = next;
    else this.#bucket[this.#bucketOf(this.#keyHigh[slot]!, this.#keyLow[slot]!, this.#tag[slot]! >>> KIND_AT)] = next;
    if (next !== END) this.#previous[next] = previous;
    this.#next[slot] = NOT_LINKED;
  }
}

/** Whether an invalidation has to drop entries of a kind: with a granule those of it, with a level that leaf and the tables above. */
function inScope(scope: AddressScope, kind: number): boolean {
  if (scope.tg !== 0 && scope.tg !== KIND_TG[kind]) return false;
  if (kind < LEAF_KINDS) return scope.level === 0 || scope.level === KIND_LEVEL[kind];
  return !scope.leafOnly && (scope.level === 0 || KIND_LEVEL[kind]! < scope.level);
}

/** First and last page number of a scope. 44 bits: exact in a double. */
function pagesOf(scope: AddressScope): { first: number; last: number } {
  const first = (scope.high & 0x00ff_ffff) * 2 ** 20 + (scope.low >>> 12);
  return { first, last: Math.min(first + scope.pages, 2 ** 44) - 1 };
}

function hash(keyHigh: number, keyLow: number, tag: number): number {
  let x = Math.imul((keyLow >>> 12) ^ Math.imul(keyHigh, 0x85eb_ca77) ^ Math.imul(tag, 0xc2b2_ae3d), 0x9e37_79b1);
  x ^= x >>> 15;
  return (x ^ (x >>> 7)) >>> 0;
}
