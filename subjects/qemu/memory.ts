/**
 * Memory between programs: which parts of RAM a program may have changed, and putting back what they hold at the start.
 *
 * Restoring all 128 MiB costs more than the program, so the set is computed, generously:
 *  - what the CPU wrote;
 *  - Event queue records, from each base and PROD value that software wrote, as many as the DMAs can have caused;
 *  - where a DMA write can have gone: its own address (bypass), or the same offset in any page or block that a word the program
 *    wrote describes as a leaf (any granule). Little-endian, as all QEMU has; blocks of a second stage are not followed.
 * Only RAM counts: the board's devices are put back by the reset.
 */
import { PATTERN_BASE, PATTERN_BYTES, RAM_BASE, RAM_BYTES, fillInitial } from '../../scenario/memory-map.ts';
import type { Action, Program } from '../../scenario/steps.ts';
import type { QtestLink } from './qtest.ts';

const CHUNK_BYTES = 64 * 1024;
/** Two dirty places this close are restored in one go. */
const MERGE_GAP_BYTES = 256;

/** Offset bits of a page and of the blocks, for each granule: 4 KiB, 16 KiB, 64 KiB. */
const PAGE_BITS = [12, 14, 16];
const BLOCK_BITS = [21, 25, 29, 30, 36, 42];

const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0xa8;
const EVENT_BYTES = 32;
const EVENTQ_LOG2SIZE_MAX = 19;

const RAM_END = RAM_BASE + RAM_BYTES;

/** Byte offsets from RAM_BASE, end exclusive. */
export interface DirtyRange {
  readonly from: number;
  readonly to: number;
}

class DirtySet {
  readonly #ranges: { from: number; to: number }[] = [];

  add(address: bigint, bytes: number): void {
    const end = address + BigInt(bytes);
    if (bytes <= 0 || end <= RAM_BASE || address >= RAM_END) return;
    const from = address < RAM_BASE ? RAM_BASE : address;
    const to = end > RAM_END ? RAM_END : end;
    this.#ranges.push({ from: Number(from - RAM_BASE), to: Number(to - RAM_BASE) });
  }

  merged(): DirtyRange[] {
    const sorted = this.#ranges.sort((a, b) => a.from - b.from);
    const merged: { from: number; to: number }[] = [];
    for (const range of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && range.from <= last.to + MERGE_GAP_BYTES) last.to = Math.max(last.to, range.to);
      else merged.push({ ...range });
    }
    return merged;
  }
}

/** The parts of RAM that running `program` may have changed, in order, apart. */
export function dirtyRanges(program: Program): readonly DirtyRange[] {
  const dirty = new DirtySet();
  const leaves = new LeafWords();
  let dmaBytes = 0;
  for (const action of program.actions) {
    if (action.op === 'write-memory') {
      dirty.add(action.address, action.data.length);
      leaves.addFrom(action.address, action.data);
    } else if (action.op === 'dma-write') {
      leaves.addFrom(action.address, action.data);
      dmaBytes += action.data.length;
    } else if (action.op === 'dma-read') {
      dmaBytes += action.bytes;
    }
  }
  for (const action of program.actions) {
    if (action.op === 'dma-write') addDmaTargets(dirty, leaves, action.address, action.data.length);
  }
  if (dmaBytes > 0) addEventRecords(dirty, program.actions, dmaBytes);
  return dirty.merged();
}

/** The distinct aligned 64-bit words of a program that have bit 0 set: those that may be valid descriptors. */
class LeafWords {
  readonly pages = new Set<bigint>();
  readonly blocks = new Set<bigint>();

  addFrom(address: bigint, data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = Number(-address & 7n); at + 8 <= data.length; at += 8) {
      const low = view.getUint32(at, true);
      if ((low & 1) === 0) continue;
      const output = ((BigInt(view.getUint32(at + 4, true) & 0xffff) << 32n) | BigInt(low)) & ~0xfffn;
      if (output >= RAM_END) continue;
      if ((low & 2) === 0) this.blocks.add(output);
      else this.pages.add(output);
    }
  }
}

function addDmaTargets(dirty: DirtySet, leaves: LeafWords, address: bigint, bytes: number): void {
  dirty.add(address, bytes);
  for (const output of leaves.pages) addOffsets(dirty, output, PAGE_BITS, address, bytes);
  for (const output of leaves.blocks) addOffsets(dirty, output, BLOCK_BITS, address, bytes);
}

function addOffsets(dirty: DirtySet, output: bigint, widths: readonly number[], address: bigint, bytes: number): void {
  for (const width of widths) {
    const mask = (1n << BigInt(width)) - 1n;
    dirty.add((output & ~mask) | (address & mask), bytes);
  }
}

function addEventRecords(dirty: DirtySet, actions: readonly Action[], events: number): void {
  const bases = new Set<bigint>();
  const prods = new Set<number>([0]);
  let base = 0n;
  for (const action of actions) {
    if (action.op !== 'write-register') continue;
    const offset = action.offset & 0xffff; // QEMU answers page 1 as page 0
    if (offset === EVENTQ_BASE && action.bytes === 8) base = action.value;
    else if (offset === EVENTQ_BASE) base = (base & ~0xffff_ffffn) | BigInt.asUintN(32, action.value);
    else if (offset === EVENTQ_BASE + 4) base = BigInt.asUintN(32, base) | (BigInt.asUintN(32, action.value) << 32n);
    else {
      if (offset === EVENTQ_PROD) prods.add(Number(BigInt.asUintN(31, action.value)));
      continue;
    }
    bases.add(base);
  }
  for (const value of bases) {
    const entries = 2 ** Math.min(Number(value & 31n), EVENTQ_LOG2SIZE_MAX);
    const address = value & 0xf_ffff_ffff_ffe0n;
    const aligned = address & ~(BigInt(entries * EVENT_BYTES) - 1n);
    for (const start of new Set([address, aligned])) {
      for (const prod of prods) addRecords(dirty, start, prod % entries, Math.min(events, entries), entries);
    }
  }
}

function addRecords(dirty: DirtySet, queue: bigint, first: number, count: number, entries: number): void {
  const straight = Math.min(count, entries - first);
  dirty.add(queue + BigInt(first * EVENT_BYTES), straight * EVENT_BYTES);
  dirty.add(queue, (count - straight) * EVENT_BYTES);
}

let patternCache: Uint8Array | undefined;

/** The pattern window as it is at the start. */
function pattern(): Uint8Array {
  if (patternCache === undefined) {
    patternCache = new Uint8Array(Number(PATTERN_BYTES));
    fillInitial(PATTERN_BASE, patternCache);
  }
  return patternCache;
}

/** Queues what puts back the initial contents of a range of RAM. */
export function restore(link: QtestLink, range: DirtyRange): void {
  const windowFrom = Number(PATTERN_BASE - RAM_BASE);
  const windowTo = windowFrom + Number(PATTERN_BYTES);
  fillZero(link, range.from, Math.min(range.to, windowFrom));
  fillZero(link, Math.max(range.from, windowTo), range.to);
  for (let at = Math.max(range.from, windowFrom), end = Math.min(range.to, windowTo); at < end; at += CHUNK_BYTES) {
    const piece = pattern().subarray(at - windowFrom, Math.min(end, at + CHUNK_BYTES) - windowFrom);
    link.writeMemory(RAM_BASE + BigInt(at), piece);
  }
}

function fillZero(link: QtestLink, from: number, to: number): void {
  if (from < to) link.fillMemory(RAM_BASE + BigInt(from), to - from, 0);
}

/** Queues the pattern window, for a new machine (whose RAM is zero). */
export function writePattern(link: QtestLink): void {
  const from = Number(PATTERN_BASE - RAM_BASE);
  restore(link, { from, to: from + Number(PATTERN_BYTES) });
}
