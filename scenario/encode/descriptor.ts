/**
 * VMSAv8-64 translation table descriptors, 48-bit addresses (Arm ARM D8.3.1, tables D8-50 to D8-53).
 *
 * One set of field names serves Table, Block and Page descriptors of both stages, since the bits do not know which they are
 * until a walk reads them: a "leaf" whose Type is flipped becomes a table.
 */
import { decodeWords, encodeWords, wordsToBytes } from './fields.ts';
import type { FieldPlace, FieldValues } from './fields.ts';

export const DESCRIPTOR_LAYOUT = {
  /** Bit [0]. */
  Valid: [0, 0, 1],
  /** Bit [1]: 1 is Table (levels 0 to 2) or Page (level 3), 0 is Block. */
  Type: [0, 1, 1],
  AttrIndx: [0, 2, 3],
  NS: [0, 5, 1],
  /** AP[2:1]. */
  AP: [0, 6, 2],
  SH: [0, 8, 2],
  AF: [0, 10, 1],
  nG: [0, 11, 1],
  /** Output address [47:12]; a Block's bits below its size are dropped by `encodeLeaf`. */
  OA: [0, 12, 36, 'address'],
  nT: [0, 16, 1, 'alias'],
  GP: [0, 50, 1],
  DBM: [0, 51, 1],
  Contiguous: [0, 52, 1],
  PXN: [0, 53, 1],
  UXN: [0, 54, 1],
  /** Bits [58:55], for software. */
  SW: [0, 55, 4],
  PBHA: [0, 59, 4],
  // Stage 2 leaf
  MemAttr: [0, 2, 4, 'alias'],
  S2AP: [0, 6, 2, 'alias'],
  /** XN[1:0]; XN[1] is bit [54]. */
  XN: [0, 53, 2, 'alias'],
  // Table
  /** Next-level table address [47:12]. */
  NextTable: [0, 12, 36, 'address-alias'],
  PXNTable: [0, 59, 1, 'alias'],
  UXNTable: [0, 60, 1, 'alias'],
  APTable: [0, 61, 2, 'alias'],
  NSTable: [0, 63, 1, 'alias'],
} as const satisfies Record<string, FieldPlace>;

export type DescriptorFieldName = keyof typeof DESCRIPTOR_LAYOUT;

/**
 * Fields of a descriptor by name. `or0`: ORed in after them. `raw`: the whole 64 bits, instead of everything else
 * (`raw: 0n` is an invalid descriptor, `raw` with bits in [63:1] an invalid one with contents).
 */
export type DescriptorFields = FieldValues<DescriptorFieldName | 'or0' | 'raw'>;

/**
 * A leaf (Page at level 3, else Block): Valid, its Type, and the fields given; nothing else is set.
 * @param log2Bytes of what it maps: address bits below are dropped
 */
export function encodeLeaf(level: number, log2Bytes: number, fields: DescriptorFields): bigint {
  const { OA, ...rest } = fields;
  const leaf: DescriptorFields = { Valid: 1n, Type: level === 3 ? 1n : 0n, ...rest };
  if (OA === undefined) return encodeDescriptor(leaf);
  const log2Size = BigInt(log2Bytes);
  return encodeDescriptor({ ...leaf, OA: (OA >> log2Size) << log2Size });
}

/** A Table descriptor: Valid, Type, and the fields given. */
export function encodeTable(fields: DescriptorFields): bigint {
  return encodeDescriptor({ Valid: 1n, Type: 1n, ...fields });
}

function encodeDescriptor(fields: DescriptorFields): bigint {
  if (fields.raw !== undefined) return BigInt.asUintN(64, fields.raw);
  const [word = 0n] = encodeWords(DESCRIPTOR_LAYOUT, 1, fields);
  return word;
}

/** The fields of a 64-bit descriptor, named as a walk at `level` reads them: a Table's or a leaf's (stage 1 names). */
export function decodeDescriptor(level: number, word: bigint): DescriptorFields {
  const isTable = level < 3 && (word & 3n) === 3n;
  return decodeWords(isTable ? TABLE_LAYOUT : LEAF_LAYOUT, [word]);
}

const { Valid, Type, AttrIndx, NS, AP, SH, AF, nG, OA, GP, DBM, Contiguous, PXN, UXN, SW, PBHA } = DESCRIPTOR_LAYOUT;
const LEAF_LAYOUT = { Valid, Type, AttrIndx, NS, AP, SH, AF, nG, OA, GP, DBM, Contiguous, PXN, UXN, SW, PBHA };
const TABLE_LAYOUT = {
  Valid,
  Type,
  AF,
  NextTable: [0, 12, 36, 'address'],
  PXNTable: [0, 59, 1],
  UXNTable: [0, 60, 1],
  APTable: [0, 61, 2],
  NSTable: [0, 63, 1],
} as const satisfies Record<string, FieldPlace>;

/** The 8 bytes of a descriptor, little-endian (CD.ENDI = 0). */
export function descriptorBytes(word: bigint): Uint8Array {
  return wordsToBytes([word]);
}
