/**
 * The shape of VMSAv8-64 translation tables by granule (D8.2): bits of the input address that each level resolves, which levels may hold
 * blocks, and the kinds of TLB entries that follow. Addresses have at most 48 bits: no level -1, no 52-bit blocks.
 */

/** A translation granule. */
export interface Granule {
  /** As TLBI commands encode it (4.4.1.1): 1, 2, 3. */
  readonly tg: number;
  /** log2 of its size in bytes. */
  readonly bits: number;
  /** Input address bits that a whole table of it resolves. */
  readonly stride: number;
  /** The lowest level that may hold a block. */
  readonly firstBlockLevel: number;
  /** By level: log2 of the bytes that a descriptor there covers, and the bytes. */
  readonly shift: readonly number[];
  readonly size: readonly number[];
  /** By level: the kind of TLB entry that a leaf or a Table descriptor there makes; -1 where there is none. */
  readonly leafKind: readonly number[];
  readonly tableKind: readonly number[];
}

/** Kinds of TLB entries, numbered from the smallest leaf of each granule. Leaves come first, then Table descriptors. */
export const LEAF_KINDS = 7;
export const KINDS = 15;

/** By kind: log2 of the bytes covered, granule as in `Granule.tg`, level. */
export const KIND_SHIFT: readonly number[] = [12, 14, 16, 21, 25, 29, 30, 21, 30, 39, 25, 36, 47, 29, 42];
export const KIND_TG: readonly number[] = [1, 2, 3, 1, 2, 3, 1, 1, 1, 1, 2, 2, 2, 3, 3];
export const KIND_LEVEL: readonly number[] = [3, 3, 3, 2, 2, 2, 1, 2, 1, 0, 2, 1, 0, 2, 1];

/** By kind of leaf: which bits of an address lie inside it. `&` takes the low 32 bits of any address below 2^53, and is faster than `%`. */
export const OFFSET_MASK: readonly number[] = KIND_SHIFT.slice(0, LEAF_KINDS).map((shift) => 2 ** shift - 1);

const GRANULE_4KB: Granule = granule(1, 12, 1);
const GRANULE_16KB: Granule = granule(2, 14, 2);
const GRANULE_64KB: Granule = granule(3, 16, 2);

/** By the encoding of CD.TG0 and STE.S2TG, and by that of CD.TG1; undefined: Reserved (5.2, 5.4). */
export const GRANULE_OF_TG0: readonly (Granule | undefined)[] = [GRANULE_4KB, GRANULE_64KB, GRANULE_16KB, undefined];
export const GRANULE_OF_TG1: readonly (Granule | undefined)[] = [undefined, GRANULE_16KB, GRANULE_4KB, GRANULE_64KB];

function granule(tg: number, bits: number, firstBlockLevel: number): Granule {
  const stride = bits - 3;
  const kindAt = (from: number, to: number) => (_: unknown, level: number) => {
    for (let kind = from; kind < to; kind++) if (KIND_TG[kind] === tg && KIND_LEVEL[kind] === level) return kind;
    return -1;
  };
  const levels = [0, 1, 2, 3];
  return {
    tg,
    bits,
    stride,
    firstBlockLevel,
    shift: levels.map((level) => bits + stride * (3 - level)),
    size: levels.map((level) => 2 ** (bits + stride * (3 - level))),
    leafKind: levels.map(kindAt(0, LEAF_KINDS)),
    tableKind: levels.map(kindAt(LEAF_KINDS, KINDS)),
  };
}

/** Where a walk begins, and how large a table it finds there. */
export interface WalkStart {
  readonly granule: Granule;
  /** Level of the first lookup. */
  readonly startLevel: number;
  /** Address of its table, or of the first of concatenated ones. */
  readonly tableBase: number;
  /** Input address bits that the first lookup resolves: more than the stride for concatenated tables. */
  readonly startIndexBits: number;
}
