/**
 * Fixed handles to physical addresses: STE of a stream, CD by number, translation table nodes, queue slots.
 *
 * Each CD number has, for each half of the address space (0: TTB0, 1: TTB1), a slot of 16 pages under TABLES_BASE, a page a node:
 *
 *   page   0       the level 0 node
 *   pages  1..2    level 1 nodes, by VA[39]
 *   pages  3..6    level 2 nodes, by VA[31:30]
 *   pages  7..14   level 3 nodes, by VA[23:21]
 *
 * Addresses that differ only in the VA bits above those share nodes. That is deterministic, and legal: it is what any operating
 * system with shared tables does. 4 KiB granule throughout.
 */
import { CD_BASE, CMDQ_BASE, STRTAB_BASE, TABLES_BASE } from './memory-map.ts';

export type Half = 0 | 1;

export const CD_COUNT = 8;
export const NODE_BYTES = 4096n;
export const SLOT_PAGES = 16n;
export const COMMAND_SLOT_BYTES = 16n;
export const EVENT_SLOT_BYTES = 32;

/** Largest queues that fit their place in memory (memory-map.ts). */
export const CMDQ_LOG2SIZE_MAX = 12;
export const EVENTQ_LOG2SIZE_MAX = 11;

export function steAddress(stream: number, strtabBase: bigint = STRTAB_BASE): bigint {
  return strtabBase + 64n * BigInt(stream);
}

export function cdAddress(cd: number): bigint {
  return CD_BASE + 64n * BigInt(cd);
}

/** Address of entry `index` of the Command queue, for a queue of 2^log2Size entries. */
export function commandSlotAddress(index: number, log2Size: number): bigint {
  return CMDQ_BASE + COMMAND_SLOT_BYTES * BigInt(index % 2 ** log2Size);
}

/** Which half an input address belongs to: VA[55] (D8.2). */
export function halfOf(va: bigint): Half {
  return (va >> 55n) & 1n ? 1 : 0;
}

/** The lowest bit of the VA index that a walk uses at a level. */
export function levelShift(level: number): number {
  return 39 - 9 * level;
}

/** First page of the nodes of each level in a slot, and how many (a power of two). */
const NODES = [
  { page: 0n, count: 1n },
  { page: 1n, count: 2n },
  { page: 3n, count: 4n },
  { page: 7n, count: 8n },
] as const;

/** Physical address of the table node at `level` (0..3) on the path of `va`, in the half that VA[55] chooses. */
export function nodeAddress(cd: number, va: bigint, level: number): bigint {
  const slot = BigInt(cd * 2 + halfOf(va));
  const { page, count } = NODES[level as 0 | 1 | 2 | 3];
  // What selects a node at this level are the VA bits just above its own index.
  const node = (va >> BigInt(levelShift(level) + 9)) & (count - 1n);
  return TABLES_BASE + NODE_BYTES * (slot * SLOT_PAGES + page + node);
}

/** Physical address of the descriptor of `va` at `level`. */
export function descriptorAddress(cd: number, va: bigint, level: number): bigint {
  return nodeAddress(cd, va, level) + 8n * ((va >> BigInt(levelShift(level))) & 511n);
}

/** The level at which a walk starts for a region of 2^(64-tsz) bytes, 4 KiB granule (D8.2.8). Out of range TxSZ: the nearest level. */
export function startLevel(tsz: number): number {
  const level = 4 - Math.ceil((64 - tsz - 12) / 9);
  return Math.min(3, Math.max(0, level));
}

/**
 * The TTB of a half of a CD: the node at the start level on the path of VA 0, or of the all-ones VA for half 1.
 * A start level that resolves fewer than 9 bits has a table of fewer than 512 entries; in half 1 that table is the
 * end of the node, for there are the entries that `descriptorAddress` puts the half's addresses in.
 */
export function tableBase(cd: number, half: Half, tsz: number): bigint {
  const level = startLevel(tsz);
  const va = half === 1 ? (1n << 64n) - 1n : 0n;
  const node = nodeAddress(cd, va, level);
  if (half === 0) return node;
  const indexBits = Math.min(9, Math.max(1, 64 - tsz - levelShift(level)));
  return node + 8n * (512n - (1n << BigInt(indexBits)));
}

/** What belongs at a physical address, by the handles above. */
export type Place =
  | { readonly kind: 'ste'; readonly stream: number }
  | { readonly kind: 'cd'; readonly cd: number }
  | { readonly kind: 'command'; readonly slot: number }
  | { readonly kind: 'descriptor'; readonly cd: number; readonly half: Half; readonly level: 0 | 1 | 2 | 3 };

const STE_PLACES = 1024;

/** The inverse of the handles: the structure that starts at a physical address, where one does. */
export function whatIsAt(address: bigint): Place | undefined {
  const stream = indexIn(address, STRTAB_BASE, 64n, STE_PLACES);
  if (stream !== undefined) return { kind: 'ste', stream };
  const cd = indexIn(address, CD_BASE, 64n, CD_COUNT);
  if (cd !== undefined) return { kind: 'cd', cd };
  const slot = indexIn(address, CMDQ_BASE, COMMAND_SLOT_BYTES, 2 ** CMDQ_LOG2SIZE_MAX);
  if (slot !== undefined) return { kind: 'command', slot };
  const entry = indexIn(address, TABLES_BASE, 8n, CD_COUNT * 2 * Number(SLOT_PAGES) * 512);
  if (entry === undefined) return undefined;
  const page = Math.floor(entry / 512) % Number(SLOT_PAGES);
  const level = NODES.findLastIndex((nodes) => page >= nodes.page);
  const pair = Math.floor(entry / 512 / Number(SLOT_PAGES));
  return { kind: 'descriptor', cd: pair >> 1, half: (pair & 1) as Half, level: level as 0 | 1 | 2 | 3 };
}

function indexIn(address: bigint, base: bigint, stride: bigint, count: number): number | undefined {
  const at = address - base;
  if (at < 0n || at % stride !== 0n || at >= stride * BigInt(count)) return undefined;
  return Number(at / stride);
}
