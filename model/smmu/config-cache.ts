/**
 * The configuration cache (3.21.3, 4.3, 16.2): STEs by StreamID, and with each the CD that was reached through it.
 *
 * Whatever was fetched stays, valid or not, until a CFGI command (or another StreamID that needs the slot) removes it: software sees
 * the staleness that the architecture permits. Failed fetches are not kept: the caller does not insert them.
 * An entry of another generation is gone; dropping everything is one addition.
 */
import type { Cd } from './cd.ts';
import type { Ste } from './ste.ts';

export class ConfigEntry {
  streamId = -1;
  generation = -1;
  ste: Ste;
  /** The one CD of the stream, once it has been fetched. */
  cd: Cd | undefined;

  constructor(ste: Ste) {
    this.ste = ste;
  }
}

/** Direct-mapped on the low StreamID bits: at most this many streams are cached. */
const SLOTS_MAX = 4096;

export class ConfigCache {
  readonly #slots: (ConfigEntry | undefined)[];
  readonly #slotMask: number;
  #generation = 0;

  constructor(sidsize: number) {
    const slots = Math.min(2 ** sidsize, SLOTS_MAX);
    this.#slots = new Array<ConfigEntry | undefined>(slots).fill(undefined);
    this.#slotMask = slots - 1;
  }

  /** The cached configuration of a stream. */
  lookup(streamId: number): ConfigEntry | undefined {
    const entry = this.#slots[streamId & this.#slotMask];
    if (entry !== undefined && entry.streamId === streamId && entry.generation === this.#generation) return entry;
    return undefined;
  }

  /** Caches an STE that was fetched; the CD follows when it is needed. */
  insert(streamId: number, ste: Ste): ConfigEntry {
    const slot = streamId & this.#slotMask;
    let entry = this.#slots[slot];
    if (entry === undefined) this.#slots[slot] = entry = new ConfigEntry(ste);
    entry.streamId = streamId;
    entry.generation = this.#generation;
    entry.ste = ste;
    entry.cd = undefined;
    return entry;
  }

  /** CMD_CFGI_STE: the STE, and the CD reached through it. */
  invalidateSte(streamId: number): void {
    const entry = this.lookup(streamId);
    if (entry !== undefined) entry.generation = -1;
  }

  /** CMD_CFGI_STE_RANGE: 2^log2Count StreamIDs around `streamId`, aligned. */
  invalidateSteRange(streamId: number, log2Count: number): void {
    const count = 2 ** log2Count;
    const first = Math.floor(streamId / count) * count;
    if (count >= this.#slots.length) {
      for (const entry of this.#slots) {
        if (entry !== undefined && entry.streamId >= first && entry.streamId < first + count) entry.generation = -1;
      }
      return;
    }
    for (let id = first; id < first + count; id++) this.invalidateSte(id);
  }

  /** CMD_CFGI_CD of SubstreamID 0, and CMD_CFGI_CD_ALL: the CD of a stream, not its STE. */
  invalidateCd(streamId: number): void {
    const entry = this.lookup(streamId);
    if (entry !== undefined) entry.cd = undefined;
  }

  /** CMD_CFGI_ALL, and reset. */
  invalidateAll(): void {
    this.#generation++;
  }
}
