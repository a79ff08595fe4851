/** The Level 1 Context Descriptor: 8 bytes (5.3), which points at an array of CDs. */
import { bytesToWords, decodeWords, encodeWords, wordsToBytes } from './fields.ts';
import type { FieldPlace, FieldValues } from './fields.ts';

export const L1CD_BYTES = 8;

export const L1CD_LAYOUT = {
  V: [0, 0, 1],
  L2Ptr: [0, 12, 44, 'address'],
} as const satisfies Record<string, FieldPlace>;

export type L1cdFieldName = keyof typeof L1CD_LAYOUT;
export type L1cdFields = FieldValues<L1cdFieldName | 'or0'>;

export function encodeL1cd(fields: L1cdFields): Uint8Array {
  return wordsToBytes(encodeWords(L1CD_LAYOUT, 1, fields));
}

/** For printing; `encodeL1cd` of it gives the same bytes. */
export function decodeL1cd(bytes: Uint8Array): L1cdFields {
  return decodeWords(L1CD_LAYOUT, bytesToWords(bytes, 1));
}
