/**
 * The configuration cache (3.21.3, 4.3, 16.2): STEs by StreamID, with each the CDs by index and the L1CDs that were reached through it; and L1STDs.
 *
 * Whatever was fetched stays, valid or not, until a CFGI command (or another StreamID that needs the slot) removes it: software sees
 * the staleness that the architecture permits. Failed fetches are not kept: the caller does not insert them.
 * An entry of another generation is gone; dropping everything is one addition.
 */
import type { Cd } from './cd.ts';
import type { Ste } from './ste.ts';
import type { Regime } from './walk.ts';

/** A Level 1 Stream table descriptor, as it was read. */
export interface L1std {
  readonly span: number;
  readonly pointer: number;
}

/** A Level 1 Context descriptor: the address of its CDs, or why there are none. */
export interface L1cd {
  readonly valid: boolean;
  readonly pointer: number;
}

/** A CD, and what it translates with. */
export interface Context extends Regime {
  readonly cd: Cd;
  /** Of the TLB, when the spaces were looked up. */
  epoch: number;
}

/** At most this many CDs or L1CDs of a stream, and L1STDs: then they are dropped and fetched again. */
const DESCRIPTORS_MAX = 4096;

export class ConfigEntry {
  streamId = -1;
  generation = -1;
  ste: Ste;
  /** TLB space of its IPAs, in this epoch of the TLB. */
  ipaSpace = -1;
  epoch = -1;
  /** The CD of index 0, once it has been fetched: most streams have no other. */
  #first: Context | undefined;
  #others: Map<number, Context> | undefined;
  #l1cds: Map<number, L1cd> | undefined;

  constructor(ste: Ste) {
    this.ste = ste;
  }

  /** The CD of an index, which is a SubstreamID. */
  context(index: number): Context | undefined {
    return index === 0 ? this.#first : this.#others?.get(index);
  }
  insertContext(index: number, context: Context): void {
    if (index === 0) this.#first = context;
    else keep((this.#others ??= new Map<number, Context>()), index, context);
  }
  l1cd(index: number): L1cd | undefined {
    return this.#l1cds?.get(index);
  }
  insertL1cd(index: number, l1cd: L1cd): void {
    keep((this.#l1cds ??= new Map<number, L1cd>()), index, l1cd);
  }

  dropContext(index: number): void {
    if (index === 0) this.#first = undefined;
    else this.#others?.delete(index);
  }
  dropL1cds(): void {
    this.#l1cds = undefined;
  }
  /** All CDs and L1CDs. */
  dropContexts(): void {
    this.#first = this.#others = this.#l1cds = undefined;
  }
}

/** Direct-mapped on the low StreamID bits: at most this many streams are cached. */
const SLOTS_MAX = 4096;
/** The split points of 2-level Stream tables: an L1STD stands for these numbers of StreamIDs, as log2. */
const SPLITS = [6, 8, 10];

export class ConfigCache {
  readonly #slots: (ConfigEntry | undefined)[];
  readonly #slotMask: number;
  #generation = 0;
  readonly #l1stds = new Map<number, L1std>();

  constructor(sidsize: number) {
    const slots = Math.min(2 ** sidsize, SLOTS_MAX);
    this.#slots = new Array<ConfigEntry | undefined>(slots);
    this.#slotMask = slots - 1;
  }

  /** The cached configuration of a stream. */
  lookup(streamId: number): ConfigEntry | undefined {
    const entry = this.#slots[streamId & this.#slotMask];
    if (entry !== undefined && entry.streamId === streamId && entry.generation === this.#generation) return entry;
    return undefined;
  }

  /** Caches an STE that was fetched; CDs follow when they are needed. */
  insert(streamId: number, ste: Ste): ConfigEntry {
    const slot = streamId & this.#slotMask;
    let entry = this.#slots[slot];
    if (entry === undefined) this.#slots[slot] = entry = new ConfigEntry(ste);
    entry.streamId = streamId;
    entry.generation = this.#generation;
    entry.ste = ste;
    entry.epoch = -1;
    entry.dropContexts();
    return entry;
  }

  /** An L1STD by its place in the first-level table; the split point tells what it stands for. */
  lookupL1std(index: number, split: number): L1std | undefined {
    return this.#l1stds.get(l1stdKey(index, split));
  }
  insertL1std(index: number, split: number, l1std: L1std): void {
    keep(this.#l1stds, l1stdKey(index, split), l1std);
  }

  /** CMD_CFGI_STE: the STE, and the CDs and L1CDs reached through it; without Leaf also the L1STD. */
  invalidateSte(streamId: number, leaf: boolean): void {
    const entry = this.lookup(streamId);
    if (entry !== undefined) entry.generation = -1;
    if (leaf || this.#l1stds.size === 0) return;
    for (const split of SPLITS) this.#l1stds.delete(l1stdKey(Math.floor(streamId / 2 ** split), split));
  }

  /** CMD_CFGI_STE_RANGE: 2^log2Count StreamIDs around `streamId`, aligned; and all L1STDs, which is more than has to go. */
  invalidateSteRange(streamId: number, log2Count: number): void {
    const count = 2 ** log2Count;
    const first = Math.floor(streamId / count) * count;
    this.#l1stds.clear();
    if (count >= this.#slots.length) {
      for (const entry of this.#slots) {
        if (entry !== undefined && entry.streamId >= first && entry.streamId < first + count) entry.generation = -1;
      }
      return;
    }
    for (let id = first; id < first + count; id++) this.invalidateSte(id, true);
  }

  /** CMD_CFGI_CD: one CD of a stream, not its STE; without Leaf also the L1CDs of the stream, which is more than has to go. */
  invalidateCd(streamId: number, index: number, leaf: boolean): void {
    const entry = this.lookup(streamId);
    if (entry === undefined) return;
    entry.dropContext(index);
    if (!leaf) entry.dropL1cds();
  }

  /** CMD_CFGI_CD_ALL: the CDs and L1CDs of a stream, not its STE. */
  invalidateCds(streamId: number): void {
    this.lookup(streamId)?.dropContexts();
  }

  /** CMD_CFGI_ALL, and reset. */
  invalidateAll(): void {
    this.#generation++;
    this.#l1stds.clear();
  }
}

function l1stdKey(index: number, split: number): number {
  return index * 16 + split;
}

function keep<T>(map: Map<number, T>, key: number, value: T): void {
  if (map.size >= DESCRIPTORS_MAX) map.clear();
  map.set(key, value);
}
