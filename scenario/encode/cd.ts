/** The Context Descriptor: 64 bytes (5.4), every field of the text under its own name. */
import { bytesToWords, decodeWords, encodeWords, wordsToBytes } from './fields.ts';
import type { FieldPlace, FieldValues, OrName } from './fields.ts';

export const CD_WORDS = 8;

export const CD_LAYOUT = {
  // [63:0]
  T0SZ: [0, 0, 6],
  TG0: [0, 6, 2],
  IR0: [0, 8, 2],
  OR0: [0, 10, 2],
  SH0: [0, 12, 2],
  EPD0: [0, 14, 1],
  ENDI: [0, 15, 1],
  T1SZ: [0, 16, 6],
  TG1: [0, 22, 2],
  IR1: [0, 24, 2],
  OR1: [0, 26, 2],
  SH1: [0, 28, 2],
  EPD1: [0, 30, 1],
  V: [0, 31, 1],
  IPS: [0, 32, 3],
  AFFD: [0, 35, 1],
  WXN: [0, 36, 1],
  UWXN: [0, 37, 1],
  TBI0: [0, 38, 1],
  TBI1: [0, 39, 1],
  PAN: [0, 40, 1],
  AA64: [0, 41, 1],
  HD: [0, 42, 1],
  HA: [0, 43, 1],
  S: [0, 44, 1],
  R: [0, 45, 1],
  A: [0, 46, 1],
  ASET: [0, 47, 1],
  ASID: [0, 48, 16],
  // [127:64]
  NSCFG0: [1, 0, 1],
  HAD0: [1, 1, 1],
  E0PD0: [1, 2, 1],
  HAFT: [1, 3, 1],
  TTB0: [1, 4, 52, 'address'],
  PnCH: [1, 58, 1],
  EPAN: [1, 59, 1],
  HWU059: [1, 60, 1],
  HWU060: [1, 61, 1],
  HWU061: [1, 62, 1],
  HWU062: [1, 63, 1],
  // VMSAv9-128 only
  DisCH0: [1, 1, 1, 'alias'],
  SKL0: [1, 62, 2, 'alias'],
  // [191:128]
  NSCFG1: [2, 0, 1],
  HAD1: [2, 1, 1],
  E0PD1: [2, 2, 1],
  AIE: [2, 3, 1],
  TTB1: [2, 4, 52, 'address'],
  DS: [2, 58, 1],
  PIE: [2, 59, 1],
  HWU159: [2, 60, 1],
  HWU160: [2, 61, 1],
  HWU161: [2, 62, 1],
  HWU162: [2, 63, 1],
  // VMSAv9-128 only
  DisCH1: [2, 1, 1, 'alias'],
  SKL1: [2, 62, 2, 'alias'],
  // [255:192]
  MAIR0: [3, 0, 32],
  MAIR1: [3, 32, 32],
  // [319:256]
  AMAIR0: [4, 0, 32],
  AMAIR1: [4, 32, 32],
  // [383:320]
  PARTID: [5, 32, 16],
  PMG: [5, 48, 8],
  // [447:384]
  PIIU0: [6, 0, 3],
  PIIU1: [6, 3, 3],
  PIIU2: [6, 6, 3],
  PIIU3: [6, 9, 3],
  PIIU4: [6, 12, 3],
  PIIU5: [6, 15, 3],
  PIIU6: [6, 18, 3],
  PIIU7: [6, 21, 3],
  PIIU8: [6, 24, 3],
  PIIU9: [6, 27, 3],
  PIIU10: [6, 30, 3],
  PIIU11: [6, 33, 3],
  PIIU12: [6, 36, 3],
  PIIU13: [6, 39, 3],
  PIIU14: [6, 42, 3],
  PIIU15: [6, 45, 3],
  // [511:448]
  PIIP0: [7, 0, 3],
  PIIP1: [7, 3, 3],
  PIIP2: [7, 6, 3],
  PIIP3: [7, 9, 3],
  PIIP4: [7, 12, 3],
  PIIP5: [7, 15, 3],
  PIIP6: [7, 18, 3],
  PIIP7: [7, 21, 3],
  PIIP8: [7, 24, 3],
  PIIP9: [7, 27, 3],
  PIIP10: [7, 30, 3],
  PIIP11: [7, 33, 3],
  PIIP12: [7, 36, 3],
  PIIP13: [7, 39, 3],
  PIIP14: [7, 42, 3],
  PIIP15: [7, 45, 3],
} as const satisfies Record<string, FieldPlace>;

export type CdFieldName = keyof typeof CD_LAYOUT;

/** Fields of a CD by name, and `or0`..`or7` for the bits that have none (fields.ts). */
export type CdFields = FieldValues<CdFieldName | OrName>;

/** The 64 bytes of a CD; fields not given are zero. */
export function encodeCd(fields: CdFields): Uint8Array {
  return wordsToBytes(encodeWords(CD_LAYOUT, CD_WORDS, fields));
}

/** Every field of the CD in `bytes`, for printing; `encodeCd` of it gives the same bytes. */
export function decodeCd(bytes: Uint8Array): CdFields {
  return decodeWords(CD_LAYOUT, bytesToWords(bytes, CD_WORDS));
}
