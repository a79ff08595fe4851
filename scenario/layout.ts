/**
 * Fixed handles to physical addresses: STE of a stream, CD by number, translation table nodes, queue slots.
 *
 * A set of stage 1 tables belongs to a CD number, a half of the address space (0: TTB0, 1: TTB1) and a granule; a set of
 * stage 2 tables to a VM number and a granule. A set is an array of nodes, each of the size of the granule; a node of a
 * level is chosen by the address bits just above the level's own index:
 *
 *   granule  level 0   level 1    level 2    level 3
 *   4 KiB    node 0    1..2       3..6       7..14       (stage 1)
 *   16 KiB   node 0    1          2..3       4..7        (stage 1)
 *   64 KiB   node 0    1          2..3       4..7        (stage 1; there is no level 0)
 *   any      node 0    16..31     32..47     48..63      (stage 2: up to 16 nodes concatenated)
 *
 * Addresses that differ only in the bits above those share nodes. That is deterministic, and legal: it is what any operating
 * system with shared tables does.
 */
import {
  CD_BASE,
  CMDQ_BASE,
  L1CD_BASE,
  STAGE2_TABLES_16K_BASE,
  STAGE2_TABLES_64K_BASE,
  STAGE2_TABLES_BASE,
  STRTAB_BASE,
  STRTAB_L2_BASE,
  TABLES_16K_BASE,
  TABLES_64K_BASE,
  TABLES_BASE,
} from './memory-map.ts';

export type Half = 0 | 1;
export type Level = 0 | 1 | 2 | 3;
export type Granule = '4K' | '16K' | '64K';

/** The owner of a set of tables. */
export type TableOwner = { readonly cd: number } | { readonly vm: number };

export const CD_COUNT = 8;
export const VM_COUNT = 4;
export const COMMAND_SLOT_BYTES = 16n;
export const EVENT_SLOT_BYTES = 32;

/** Largest queues that fit their place in memory (memory-map.ts). */
export const CMDQ_LOG2SIZE_MAX = 12;
export const EVENTQ_LOG2SIZE_MAX = 11;

/** Second-level Stream tables there is room for; level 1 descriptors beyond share them. */
export const STRTAB_L2_COUNT = 8;
/** Room for the largest, of SPLIT 10. */
const STRTAB_L2_BYTES = 0x1_0000n;

/** Bits of StreamID that index a second-level Stream table (STRTAB_BASE_CFG.SPLIT). */
export type Split = 6 | 8 | 10;

/** Address of the STE of a stream: in a linear table, or in the second-level table of its level 1 descriptor. */
export function steAddress(stream: number, split?: Split, strtabBase: bigint = STRTAB_BASE): bigint {
  if (split === undefined) return strtabBase + 64n * BigInt(stream);
  return strtabL2Address(stream, split) + 64n * BigInt(stream % 2 ** split);
}

/** Address of the level 1 descriptor that a stream is found by. */
export function l1stdAddress(stream: number, split: Split): bigint {
  return STRTAB_BASE + 8n * BigInt(Math.floor(stream / 2 ** split));
}

/** The second-level Stream table of a stream. */
export function strtabL2Address(stream: number, split: Split): bigint {
  return STRTAB_L2_BASE + STRTAB_L2_BYTES * BigInt(Math.floor(stream / 2 ** split) % STRTAB_L2_COUNT);
}

export function cdAddress(cd: number): bigint {
  return CD_BASE + 64n * BigInt(cd);
}

/** Address of entry `index` of the level 1 CD table. */
export function l1cdAddress(index: number): bigint {
  return L1CD_BASE + 8n * BigInt(index);
}

/** Address of entry `index` of the Command queue, for a queue of 2^log2Size entries. */
export function commandSlotAddress(index: number, log2Size: number): bigint {
  return CMDQ_BASE + COMMAND_SLOT_BYTES * BigInt(index % 2 ** log2Size);
}

/** Which half an input address belongs to: VA[55] (D8.2). */
export function halfOf(va: bigint): Half {
  return (va >> 55n) & 1n ? 1 : 0;
}

/** log2 of the bytes of a granule, which is the size of a page and of a table. */
export function granuleLog2(granule: Granule): 12 | 14 | 16 {
  return GRANULE_LOG2[granule];
}

const GRANULE_LOG2 = { '4K': 12, '16K': 14, '64K': 16 } as const;

/** The lowest bit of the address that indexes the table of a level (D8.2.7): also log2 of what a leaf there maps. */
export function levelShift(level: number, granule: Granule = '4K'): number {
  const page = GRANULE_LOG2[granule];
  return page + (page - 3) * (3 - level);
}

interface Region {
  readonly base: bigint;
  /** Nodes of one set. */
  readonly nodes: number;
  /** First node of each level, and how many (a power of two). */
  readonly levels: readonly { readonly first: number; readonly count: number }[];
}

const SMALL_LEVELS = [
  { first: 0, count: 1 },
  { first: 1, count: 1 },
  { first: 2, count: 2 },
  { first: 4, count: 4 },
];
const STAGE2_LEVELS = [
  { first: 0, count: 1 },
  { first: 16, count: 16 },
  { first: 32, count: 16 },
  { first: 48, count: 16 },
];

const STAGE1: Readonly<Record<Granule, Region>> = {
  '4K': {
    base: TABLES_BASE,
    nodes: 16,
    levels: [
      { first: 0, count: 1 },
      { first: 1, count: 2 },
      { first: 3, count: 4 },
      { first: 7, count: 8 },
    ],
  },
  '16K': { base: TABLES_16K_BASE, nodes: 8, levels: SMALL_LEVELS },
  '64K': { base: TABLES_64K_BASE, nodes: 8, levels: SMALL_LEVELS },
};
const STAGE2: Readonly<Record<Granule, Region>> = {
  '4K': { base: STAGE2_TABLES_BASE, nodes: 64, levels: STAGE2_LEVELS },
  '16K': { base: STAGE2_TABLES_16K_BASE, nodes: 64, levels: STAGE2_LEVELS },
  '64K': { base: STAGE2_TABLES_64K_BASE, nodes: 64, levels: STAGE2_LEVELS },
};

/** Physical address of the table node at `level` on the path of an address; for stage 1 in the half that VA[55] chooses. */
export function nodeAddress(owner: TableOwner, address: bigint, level: number, granule: Granule = '4K'): bigint {
  const stage1 = 'cd' in owner;
  const region = (stage1 ? STAGE1 : STAGE2)[granule];
  const { first, count } = region.levels[level] ?? { first: 0, count: 1 };
  const above = BigInt(levelShift(level, granule) + GRANULE_LOG2[granule] - 3);
  const node = first + Number((address >> above) & BigInt(count - 1));
  const set = stage1 ? owner.cd * 2 + halfOf(address) : owner.vm;
  return region.base + BigInt(set * region.nodes + node) * BigInt(1 << GRANULE_LOG2[granule]);
}

/** Physical address of the descriptor of an address at `level`. */
export function descriptorAddress(owner: TableOwner, address: bigint, level: number, granule: Granule = '4K'): bigint {
  const entries = BigInt(1 << (GRANULE_LOG2[granule] - 3));
  const index = (address >> BigInt(levelShift(level, granule))) & (entries - 1n);
  return nodeAddress(owner, address, level, granule) + 8n * index;
}

/** The level at which a stage 1 walk starts for a region of 2^(64-tsz) bytes (D8.2.8). Out of range TxSZ: the nearest level. */
export function startLevel(tsz: number, granule: Granule = '4K'): number {
  const page = GRANULE_LOG2[granule];
  const level = 4 - Math.ceil((64 - tsz - page) / (page - 3));
  return Math.min(3, Math.max(granule === '64K' ? 1 : 0, level));
}

/**
 * The TTB of a half of a CD: the node at the start level on the path of VA 0, or of the all-ones VA for half 1.
 * A start level that resolves fewer bits than a whole table has fewer entries; in half 1 that table is the end of the node,
 * for there are the entries that `descriptorAddress` puts the half's addresses in.
 */
export function tableBase(cd: number, half: Half, tsz: number, granule: Granule = '4K'): bigint {
  const level = startLevel(tsz, granule);
  const va = half === 1 ? (1n << 64n) - 1n : 0n;
  const node = nodeAddress({ cd }, va, level, granule);
  if (half === 0) return node;
  const wholeBits = GRANULE_LOG2[granule] - 3;
  const indexBits = Math.min(wholeBits, Math.max(1, 64 - tsz - levelShift(level, granule)));
  return node + 8n * ((1n << BigInt(wholeBits)) - (1n << BigInt(indexBits)));
}

/** The level at which a stage 2 walk starts, by STE.S2SL0 (5.2); where an encoding is Reserved, some level. */
export function stage2StartLevel(sl0: number, granule: Granule): Level {
  if (granule === '4K') return sl0 === 3 ? 3 : ((2 - sl0) as Level);
  return (3 - sl0) as Level;
}

/** The S2TTB of a VM: the first of the nodes at the start level, which lie together and so are concatenated. */
export function stage2TableBase(vm: number, sl0: number, granule: Granule): bigint {
  return nodeAddress({ vm }, 0n, stage2StartLevel(sl0, granule), granule);
}

/** What belongs at a physical address, by the handles above. */
export type Place =
  | { readonly kind: 'ste'; readonly stream: number }
  | { readonly kind: 'cd'; readonly cd: number }
  | { readonly kind: 'l1cd'; readonly index: number }
  | { readonly kind: 'command'; readonly slot: number }
  | {
      readonly kind: 'descriptor';
      readonly owner: { readonly cd: number; readonly half: Half } | { readonly vm: number };
      readonly granule: Granule;
      readonly level: Level;
    };

const STE_PLACES = 1024;
const L1CD_PLACES = 2 ** 14;

/**
 * The inverse of the handles: the structure that starts at a physical address, where one does. Which form the Stream table has is not
 * known here: it is taken for a linear one.
 */
export function whatIsAt(address: bigint): Place | undefined {
  const stream = indexIn(address, STRTAB_BASE, 64n, STE_PLACES);
  if (stream !== undefined) return { kind: 'ste', stream };
  const cd = indexIn(address, CD_BASE, 64n, CD_COUNT);
  if (cd !== undefined) return { kind: 'cd', cd };
  const index = indexIn(address, L1CD_BASE, 8n, L1CD_PLACES);
  if (index !== undefined) return { kind: 'l1cd', index };
  const slot = indexIn(address, CMDQ_BASE, COMMAND_SLOT_BYTES, 2 ** CMDQ_LOG2SIZE_MAX);
  if (slot !== undefined) return { kind: 'command', slot };
  for (const granule of ['4K', '16K', '64K'] as const) {
    const one = descriptorIn(address, STAGE1[granule], CD_COUNT * 2, granule);
    if (one !== undefined) {
      return {
        kind: 'descriptor',
        owner: { cd: one.set >> 1, half: (one.set & 1) as Half },
        granule,
        level: one.level,
      };
    }
    const two = descriptorIn(address, STAGE2[granule], VM_COUNT, granule);
    if (two !== undefined) return { kind: 'descriptor', owner: { vm: two.set }, granule, level: two.level };
  }
  return undefined;
}

function descriptorIn(
  address: bigint,
  region: Region,
  sets: number,
  granule: Granule,
): { set: number; level: Level } | undefined {
  const entries = 1 << (GRANULE_LOG2[granule] - 3);
  const entry = indexIn(address, region.base, 8n, sets * region.nodes * entries);
  if (entry === undefined) return undefined;
  const node = Math.floor(entry / entries);
  const level = region.levels.findLastIndex(({ first }) => node % region.nodes >= first);
  return { set: Math.floor(node / region.nodes), level: level as Level };
}

function indexIn(address: bigint, base: bigint, stride: bigint, count: number): number | undefined {
  const at = address - base;
  if (at < 0n || at % stride !== 0n || at >= stride * BigInt(count)) return undefined;
  return Number(at / stride);
}
