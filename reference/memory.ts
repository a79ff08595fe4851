/**
 * Memory that remembers: for each 64-bit word, the values it held and when (3.21).
 *
 * There is no cache anywhere in the reference. A lookup that a cache might have answered asks for every value that the
 * word held during some time; an ordinary access asks for the value held now. Times are action numbers.
 */
import {
  fillInitial,
  HOLE_BASE,
  HOLE_BYTES,
  PATTERN_BASE,
  PATTERN_BYTES,
  RAM_BASE,
  RAM_BYTES,
} from '../scenario/memory-map.ts';
import { ALL_ONES } from './bits.ts';
import type { CrossCell } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';

/** A value that a word may hold: bits of `known` are certain, the others UNKNOWN. */
export interface Content {
  readonly value: bigint;
  readonly known: bigint;
  /** Rules this content rests on, when the SMMU or a device wrote it. */
  readonly rules: readonly RuleId[];
  /** What software sees when it reads this, for coverage. */
  readonly cell?: CrossCell;
}

/** A value and the time it was held: from the write at `from` until just before the write at `to`. */
export interface Held {
  readonly value: bigint;
  readonly from: number;
  readonly to: number;
}

/** What answers at a physical address: RAM, nothing (the access aborts), or something the scenario says nothing about. */
export type Backing = 'ram' | 'hole' | 'elsewhere';

interface Entry {
  readonly time: number;
  readonly contents: readonly Content[];
}

export const FOREVER = Number.POSITIVE_INFINITY;

const RAM_FIRST = Number(RAM_BASE >> 3n);
const RAM_WORDS = Number(RAM_BYTES >> 3n);
const HOLE_FIRST = Number(HOLE_BASE >> 3n);
const HOLE_WORDS = Number(HOLE_BYTES >> 3n);

export class Memory {
  readonly #words = new Map<number, Entry[]>();
  readonly #walked = new Set<number>();
  /** See `derive`; emptied by every write. */
  #derived = new WeakMap<object, WeakMap<object, Map<string, unknown>>>();

  backing(address: bigint): Backing {
    const word = Number(address >> 3n);
    if (word >= RAM_FIRST && word < RAM_FIRST + RAM_WORDS) return 'ram';
    if (word >= HOLE_FIRST && word < HOLE_FIRST + HOLE_WORDS) return 'hole';
    return 'elsewhere';
  }

  /** Addresses of the words that were ever written in the `bytes` from `address` on. */
  written(address: bigint, bytes: bigint): bigint[] {
    const first = Number(address >> 3n);
    const last = Number((address + bytes) >> 3n);
    const result: bigint[] = [];
    for (const [word, entries] of this.#words) {
      if (word >= first && word < last && entries.length > 1) result.push(BigInt(word) << 3n);
    }
    return result;
  }

  /**
   * What follows from the history of memory and the two objects alone, worked out once until something is written: a transaction is
   * judged in many states, which share what they have in common. `what` names the work and its other inputs.
   */
  derive<T>(one: object, two: object, what: string, work: () => T): T {
    let byTwo = this.#derived.get(one);
    if (byTwo === undefined) this.#derived.set(one, (byTwo = new WeakMap()));
    let results = byTwo.get(two);
    if (results === undefined) byTwo.set(two, (results = new Map<string, unknown>()));
    if (results.has(what)) return results.get(what) as T;
    const result = work();
    results.set(what, result);
    return result;
  }

  /** Everything the 8-byte aligned word at `address` held at some time after `since`, oldest first. */
  held(address: bigint, since: number): Held[] {
    const entries = this.#entries(address);
    const result: Held[] = [];
    for (let i = 0; i < entries.length; i++) {
      const to = entries[i + 1]?.time ?? FOREVER;
      if (to < since) continue;
      const entry = entries[i];
      if (entry === undefined) continue;
      for (const content of entry.contents) result.push({ value: content.value, from: entry.time, to });
    }
    return result;
  }

  /** Which of `count` words from `address` on may ever have held anything but zero, by their place among them. */
  touched(address: bigint, count: number): number[] {
    const pattern = address >= PATTERN_BASE && address < PATTERN_BASE + PATTERN_BYTES;
    const first = Number(address >> 3n);
    const result: number[] = [];
    for (let at = 0; at < count; at++) if (pattern || this.#words.has(first + at)) result.push(at);
    return result;
  }

  /** A walk has read the word as a descriptor. */
  noteWalk(address: bigint): void {
    this.#walked.add(Number(address >> 3n));
  }

  /** Whether a walk ever read the word as a descriptor. */
  walked(address: bigint): boolean {
    return this.#walked.has(Number(address >> 3n));
  }

  /** Words that took their present value at some action, the latest first. */
  changes(): { readonly address: bigint; readonly at: number }[] {
    const changes: { address: bigint; at: number }[] = [];
    for (const [word, entries] of this.#words) {
      const last = entries.at(-1);
      if (entries.length > 1 && last !== undefined) changes.push({ address: BigInt(word) << 3n, at: last.time });
    }
    return changes.sort((a, b) => b.at - a.at);
  }

  /** The same memory, in which a word never held anything but what it holds now. */
  asIfAlways(address: bigint): Memory {
    const other = new Memory();
    for (const [word, entries] of this.#words) other.#words.set(word, entries);
    other.#words.set(Number(address >> 3n), [{ time: -1, contents: this.now(address) }]);
    return other;
  }

  /** What the word may hold now; one member unless an earlier outcome was not observed exactly. */
  now(address: bigint): readonly Content[] {
    return this.#entries(address).at(-1)?.contents ?? [];
  }

  /** The CPU, the SMMU or a device writes: from `time` on the word holds one of `contents`. */
  write(address: bigint, time: number, contents: readonly Content[]): void {
    const entries = this.#entries(address);
    const last = entries.at(-1);
    if (last !== undefined && sameContents(last.contents, contents)) return;
    this.#derived = new WeakMap();
    if (last !== undefined && last.time === time) entries.pop();
    entries.push({ time, contents });
  }

  /** An observation showed what the word holds: forget the contents that disagree. `seen` counts under `mask`. */
  narrow(address: bigint, seen: bigint, mask: bigint): void {
    const entries = this.#entries(address);
    const last = entries.at(-1);
    if (last === undefined || last.contents.length === 1) return;
    const contents = last.contents.filter((content) => agrees(content, seen, mask));
    if (contents.length > 0) entries[entries.length - 1] = { time: last.time, contents };
    this.#derived = new WeakMap();
  }

  #entries(address: bigint): Entry[] {
    const word = Number(address >> 3n);
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const initial = new Uint8Array(8);
    fillInitial(BigInt(word) * 8n, initial);
    const value = new DataView(initial.buffer).getBigUint64(0, true);
    const entries: Entry[] = [{ time: -1, contents: [{ value, known: ALL_ONES, rules: [] }] }];
    this.#words.set(word, entries);
    return entries;
  }
}

/** Whether `seen` may be what a word with this content shows, as far as `mask` was looked at. */
export function agrees(content: Content, seen: bigint, mask: bigint): boolean {
  return ((content.value ^ seen) & content.known & mask) === 0n;
}

/** Splits bytes at an address into aligned 64-bit words: where, which value under which mask (little-endian). */
export function wordsOf(address: bigint, data: Uint8Array): { word: bigint; value: bigint; mask: bigint }[] {
  const result: { word: bigint; value: bigint; mask: bigint }[] = [];
  let at = 0;
  while (at < data.length) {
    const first = address + BigInt(at);
    const word = (first >> 3n) << 3n;
    let value = 0n;
    let mask = 0n;
    for (let lane = Number(first & 7n); lane < 8 && at < data.length; lane++, at++) {
      value |= BigInt(data[at] ?? 0) << BigInt(lane * 8);
      mask |= 0xffn << BigInt(lane * 8);
    }
    result.push({ word, value, mask });
  }
  return result;
}

/** Whether a word holds the same in two places. */
export function sameContents(a: readonly Content[], b: readonly Content[]): boolean {
  return (
    a.length === b.length && a.every((content, i) => content.value === b[i]?.value && content.known === b[i].known)
  );
}
