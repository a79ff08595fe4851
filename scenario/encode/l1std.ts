/** The Level 1 Stream Table Descriptor: 8 bytes (5.1), which points at an array of STEs. */
import { bytesToWords, decodeWords, encodeWords, wordsToBytes } from './fields.ts';
import type { FieldPlace, FieldValues } from './fields.ts';

export const L1STD_BYTES = 8;

export const L1STD_LAYOUT = {
  Span: [0, 0, 5],
  L2Ptr: [0, 6, 50, 'address'],
} as const satisfies Record<string, FieldPlace>;

export type L1stdFieldName = keyof typeof L1STD_LAYOUT;
export type L1stdFields = FieldValues<L1stdFieldName | 'or0'>;

export function encodeL1std(fields: L1stdFields): Uint8Array {
  return wordsToBytes(encodeWords(L1STD_LAYOUT, 1, fields));
}

/** For printing; `encodeL1std` of it gives the same bytes. */
export function decodeL1std(bytes: Uint8Array): L1stdFields {
  return decodeWords(L1STD_LAYOUT, bytesToWords(bytes, 1));
}
