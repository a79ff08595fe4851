/**
 * The TLB (3.17, 3.21.1, 4.4): stage 1 leaf entries and walk-cache entries (Table descriptors) of the NS-EL1 world, tagged by ASID, or
 * global and tagged by ASET. It never expires anything by itself while it can grow, so stale translations last until a TLBI.
 *
 * How it is fast:
 * - Open addressing in typed arrays with a probe window of 8.
 * - Every entry knows its birth, the number of invalidations before it. Invalidating everything, or an ASID, records "now":
 *   entries born earlier no longer match. Nothing is visited.
 * - A slot born before the last invalidate-all ends a probe: whatever was inserted since would have taken it. A single entry
 *   that is removed keeps its birth and loses its tag.
 * - Entries of one address and class, whatever their ASID, are linked in buckets, so that invalidation by VA for all ASIDs
 *   visits candidates only.
 * - Classes that have had no entry since the last invalidate-all are not probed.
 *
 * A slot number is valid until the next insertion. The VMID, stage 2 and other worlds are not here.
 */

/** Class of an entry: a leaf at level 1, 2, 3, or a Table descriptor at level 0, 1, 2. */
export const LEAF_L1 = 1;
export const LEAF_L3 = 3;
const TABLE_L0 = 4;
const CLASS_COUNT = 7;

const WINDOW = 8;
const SLOTS_INITIAL = 1024;
const SLOTS_MAX = 2 ** 20;

/** Tag bits: ASID or ASET in [15:0], global at 16, class at [19:17]. */
const GLOBAL = 0x1_0000;
const CLASS_SHIFT = 17;

/** The tag of a removed entry: no class has it. */
const REMOVED = -1;
const NOT_LINKED = -2;
const END = -1;

/** Which bits of the input address tell entries of a level apart, in its high and low 32-bit halves; VA[63:56] never do. */
const KEY_HIGH = [0x00ff_ff80, 0x00ff_ffff, 0x00ff_ffff, 0x00ff_ffff];
const KEY_LOW = [0x0000_0000, 0xc000_0000 | 0, 0xffe0_0000 | 0, 0xffff_f000 | 0];
/** Input address bits that pass through a leaf of a level. */
export const OFFSET_MASK: readonly number[] = [0, 0x3fff_ffff, 0x001f_ffff, 0x0000_0fff];

const ASID_PAGE = 256;
const NO_FLUSHES = new Float64Array(ASID_PAGE);

/** What an invalidation by address covers. */
export interface AddressScope {
  /** First address, 4 KiB aligned: VA[55:32] and VA[31:0]. */
  readonly high: number;
  readonly low: number;
  /** Length in 4 KiB pages, at least 1. */
  readonly pages: number;
  /** Only leaf entries, no Table descriptors. */
  readonly leafOnly: boolean;
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
  #attributes = new Uint8Array(0);
  #bucket = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);

  /** The number of invalidations so far, plus 1. */
  #now = 1;
  #allFlushed = 0;
  /** By ASID: pages of 256, shared while nothing in them was flushed. */
  readonly #asidFlushed: Float64Array[] = new Array<Float64Array>(0x1_0000 / ASID_PAGE).fill(NO_FLUSHES);
  /** By class, then global: whether an entry was inserted since the last invalidate-all. */
  readonly #mayHold = new Uint8Array(2 * CLASS_COUNT);
  #victim = 0;

  constructor() {
    this.#allocate(SLOTS_INITIAL);
  }

  /** As new. */
  reset(): void {
    if (this.#slotMask !== SLOTS_INITIAL - 1) this.#allocate(SLOTS_INITIAL);
    this.invalidateAll();
    this.#victim = 0;
  }

  /** The leaf entry for an input address, or -1: of any size, of this ASID or global in this ASET. */
  lookupLeaf(high: number, low: number, asid: number, aset: number): number {
    for (let level = LEAF_L3; level >= LEAF_L1; level--) {
      if (this.#mayHold[2 * level] !== 0) {
        const slot = this.#find(high, low, level, asid);
        if (slot >= 0) return slot;
      }
      if (this.#mayHold[2 * level + 1] !== 0) {
        const slot = this.#find(high, low, level, GLOBAL | aset);
        if (slot >= 0) return slot;
      }
    }
    return -1;
  }

  /** The walk-cache entry for the Table descriptor at `level` on the path of an input address, or -1. */
  lookupTable(high: number, low: number, level: number, asid: number): number {
    const entryClass = TABLE_L0 + level;
    return this.#mayHold[2 * entryClass] !== 0 ? this.#find(high, low, entryClass, asid) : -1;
  }

  /** Level of the leaf in a slot. */
  levelOf(slot: number): number {
    return this.#tag[slot]! >>> CLASS_SHIFT;
  }
  /** Output address of a leaf, aligned to its size; next-level table of a Table descriptor. */
  addressOf(slot: number): number {
    return this.#address[slot]!;
  }
  attributesOf(slot: number): number {
    return this.#attributes[slot]!;
  }

  /** Keeps a leaf. `global`: nG == 0. */
  insertLeaf(
    high: number,
    low: number,
    level: number,
    global: boolean,
    asid: number,
    aset: number,
    address: number,
    attributes: number,
  ): void {
    this.#insert(high, low, level, global ? GLOBAL | aset : asid, address, attributes);
  }

  /** Keeps a Table descriptor. These are always tagged by ASID. */
  insertTable(high: number, low: number, level: number, asid: number, address: number, attributes: number): void {
    this.#insert(high, low, TABLE_L0 + level, asid, address, attributes);
  }

  /** Everything. */
  invalidateAll(): void {
    this.#allFlushed = this.#now++;
    this.#mayHold.fill(0);
  }

  /** Every non-global entry of an ASID, leaf or table. */
  invalidateAsid(asid: number): void {
    const index = Math.floor(asid / ASID_PAGE);
    let page = this.#asidFlushed[index]!;
    if (page === NO_FLUSHES) this.#asidFlushed[index] = page = new Float64Array(ASID_PAGE);
    page[asid % ASID_PAGE] = this.#now++;
  }

  /**
   * Entries that cover any address of the scope: non-global ones of `asid` (-1: of every ASID) and global ones of either ASET.
   * With a level, leaves of that level and tables above it.
   */
  invalidateAddress(scope: AddressScope, asid: number): void {
    for (let level = LEAF_L1; level <= LEAF_L3; level++) {
      if (scope.level === 0 || scope.level === level) this.#invalidateClass(scope, level, level, asid);
    }
    if (scope.leafOnly) return;
    const lastTable = scope.level === 0 ? 2 : scope.level - 1;
    for (let level = 0; level <= lastTable; level++) this.#invalidateClass(scope, level, TABLE_L0 + level, asid);
  }

  #invalidateClass(scope: AddressScope, level: number, entryClass: number, asid: number): void {
    if (this.#mayHold[2 * entryClass] === 0 && this.#mayHold[2 * entryClass + 1] === 0) return;
    const pagesEach = 2 ** (9 * (3 - level));
    // 44 bits of page number: exact in a double.
    const first = (scope.high & 0x00ff_ffff) * 2 ** 20 + (scope.low >>> 12);
    const last = Math.min(first + scope.pages, 2 ** 44) - 1;
    const firstUnit = Math.floor(first / pagesEach);
    const lastUnit = Math.floor(last / pagesEach);
    if (lastUnit - firstUnit > this.#slotMask / 8) {
      this.#sweep(entryClass, firstUnit * pagesEach, lastUnit * pagesEach, asid);
      return;
    }
    for (let unit = firstUnit; unit <= lastUnit; unit++) {
      const page = unit * pagesEach;
      const high = Math.floor(page / 2 ** 20) | 0;
      const low = ((page % 2 ** 20) << 12) | 0;
      if (asid >= 0) {
        this.#remove(this.#find(high, low, entryClass, asid));
        this.#remove(this.#find(high, low, entryClass, GLOBAL | 0));
        this.#remove(this.#find(high, low, entryClass, GLOBAL | 1));
      } else {
        this.#removeBucket(high & KEY_HIGH[level]!, low & KEY_LOW[level]!, entryClass);
      }
    }
  }

  /** A range so long that visiting every slot is cheaper than visiting every address of it. */
  #sweep(entryClass: number, firstPage: number, lastPage: number, asid: number): void {
    for (let slot = 0; slot <= this.#slotMask; slot++) {
      const tag = this.#tag[slot]!;
      if (tag >> CLASS_SHIFT !== entryClass || this.#birth[slot]! <= this.#allFlushed) continue;
      if (asid >= 0 && (tag & GLOBAL) === 0 && (tag & 0xffff) !== asid) continue;
      const page = this.#keyHigh[slot]! * 2 ** 20 + (this.#keyLow[slot]! >>> 12);
      if (page >= firstPage && page <= lastPage) this.#remove(slot);
    }
  }

  #remove(slot: number): void {
    if (slot < 0) return;
    this.#unlink(slot);
    this.#tag[slot] = REMOVED;
  }

  #removeBucket(keyHigh: number, keyLow: number, entryClass: number): void {
    let slot = this.#bucket[this.#bucketOf(keyHigh, keyLow, entryClass)]!;
    while (slot !== END) {
      const next = this.#next[slot]!;
      if (
        this.#keyLow[slot] === keyLow &&
        this.#keyHigh[slot] === keyHigh &&
        this.#tag[slot]! >>> CLASS_SHIFT === entryClass
      ) {
        this.#remove(slot);
      }
      slot = next;
    }
  }

  #find(high: number, low: number, entryClass: number, owner: number): number {
    const level = entryClass & 3;
    const keyHigh = high & KEY_HIGH[level]!;
    const keyLow = low & KEY_LOW[level]!;
    const tag = (entryClass << CLASS_SHIFT) | owner;
    let slot = hash(keyHigh, keyLow, tag) & this.#slotMask;
    for (let i = 0; i < WINDOW; i++) {
      const birth = this.#birth[slot]!;
      if (birth <= this.#allFlushed) return -1;
      if (
        this.#keyLow[slot] === keyLow &&
        this.#tag[slot] === tag &&
        this.#keyHigh[slot] === keyHigh &&
        this.#asidAlive(birth, tag)
      ) {
        return slot;
      }
      slot = (slot + 1) & this.#slotMask;
    }
    return -1;
  }

  /** Whether a slot holds an entry that can match. */
  #alive(birth: number, tag: number): boolean {
    return birth > this.#allFlushed && tag !== REMOVED && this.#asidAlive(birth, tag);
  }

  #asidAlive(birth: number, tag: number): boolean {
    if ((tag & GLOBAL) !== 0) return true;
    const asid = tag & 0xffff;
    return birth > this.#asidFlushed[asid >>> 8]![asid & 0xff]!;
  }

  #insert(high: number, low: number, entryClass: number, owner: number, address: number, attributes: number): void {
    const level = entryClass & 3;
    const keyHigh = high & KEY_HIGH[level]!;
    const keyLow = low & KEY_LOW[level]!;
    const tag = (entryClass << CLASS_SHIFT) | owner;
    this.#mayHold[2 * entryClass + ((owner & GLOBAL) !== 0 ? 1 : 0)] = 1;
    let slot = this.#find(high, low, entryClass, owner);
    if (slot < 0) slot = this.#freeSlot(hash(keyHigh, keyLow, tag));
    this.#put(slot, keyHigh, keyLow, tag, this.#now, address, attributes);
  }

  #put(
    slot: number,
    keyHigh: number,
    keyLow: number,
    tag: number,
    birth: number,
    address: number,
    attributes: number,
  ): void {
    this.#unlink(slot);
    this.#keyHigh[slot] = keyHigh;
    this.#keyLow[slot] = keyLow;
    this.#tag[slot] = tag;
    this.#birth[slot] = birth;
    this.#address[slot] = address;
    this.#attributes[slot] = attributes;
    const bucket = this.#bucketOf(keyHigh, keyLow, tag >>> CLASS_SHIFT);
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
    const attributes = this.#attributes;
    this.#allocate(2 * (this.#slotMask + 1));
    for (let old = 0; old < birth.length; old++) {
      if (!this.#alive(birth[old]!, tag[old]!)) continue;
      const slot = this.#emptySlot(hash(keyHigh[old]!, keyLow[old]!, tag[old]!));
      if (slot >= 0)
        this.#put(slot, keyHigh[old]!, keyLow[old]!, tag[old]!, birth[old]!, address[old]!, attributes[old]!);
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
    this.#attributes = new Uint8Array(slots);
    this.#bucket = new Int32Array(slots).fill(END);
    this.#next = new Int32Array(slots).fill(NOT_LINKED);
    this.#previous = new Int32Array(slots);
  }

  #bucketOf(keyHigh: number, keyLow: number, entryClass: number): number {
    return hash(keyHigh, keyLow, entryClass) & this.#slotMask;
  }

  #unlink(slot: number): void {
    const next = this.#next[slot]!;
    if (next === NOT_LINKED) return;
    const previous = this.#previous[slot]!;
    if (previous !== END) this.#next[previous] = next;
    else
      this.#bucket[this.#bucketOf(this.#keyHigh[slot]!, this.#keyLow[slot]!, this.#tag[slot]! >>> CLASS_SHIFT)] = next;
    if (next !== END) this.#previous[next] = previous;
    this.#next[slot] = NOT_LINKED;
  }
}

function hash(keyHigh: number, keyLow: number, tag: number): number {
  let x = Math.imul((keyLow >>> 12) ^ Math.imul(keyHigh, 0x85eb_ca77) ^ Math.imul(tag, 0xc2b2_ae3d), 0x9e37_79b1);
  x ^= x >>> 15;
  return (x ^ (x >>> 7)) >>> 0;
}
