/** The Stream Table Entry: 64 bytes (5.2), every field of the text under its own name. */
import { bytesToWords, decodeWords, encodeWords, wordsToBytes } from './fields.ts';
import type { FieldPlace, FieldValues, OrName } from './fields.ts';

export const STE_WORDS = 8;
export const STE_BYTES = 64;

export const STE_LAYOUT = {
  // [63:0]
  V: [0, 0, 1],
  Config: [0, 1, 3],
  S1Fmt: [0, 4, 2],
  S1ContextPtr: [0, 6, 50, 'address'],
  S1CDMax: [0, 59, 5],
  // [127:64]
  S1DSS: [1, 0, 2],
  S1CIR: [1, 2, 2],
  S1COR: [1, 4, 2],
  S1CSH: [1, 6, 2],
  S2HWU59: [1, 8, 1],
  S2HWU60: [1, 9, 1],
  S2HWU61: [1, 10, 1],
  S2HWU62: [1, 11, 1],
  DRE: [1, 12, 1],
  CONT: [1, 13, 4],
  DCP: [1, 17, 1],
  PPAR: [1, 18, 1],
  MEV: [1, 19, 1],
  SW_RESERVED: [1, 20, 4],
  S1PIE: [1, 24, 1],
  S2FWB: [1, 25, 1],
  S1MPAM: [1, 26, 1],
  S1STALLD: [1, 27, 1],
  EATS: [1, 28, 2],
  STRW: [1, 30, 2],
  MemAttr: [1, 32, 4],
  MTCFG: [1, 36, 1],
  ALLOCCFG: [1, 37, 4],
  SHCFG: [1, 44, 2],
  NSCFG: [1, 46, 2],
  PRIVCFG: [1, 48, 2],
  INSTCFG: [1, 50, 2],
  // [191:128]
  S2VMID: [2, 0, 16],
  S2T0SZ: [2, 32, 6],
  S2SL0: [2, 38, 2],
  S2IR0: [2, 40, 2],
  S2OR0: [2, 42, 2],
  S2SH0: [2, 44, 2],
  S2TG: [2, 46, 2],
  S2PS: [2, 48, 3],
  S2AA64: [2, 51, 1],
  S2ENDI: [2, 52, 1],
  S2AFFD: [2, 53, 1],
  S2PTW: [2, 54, 1],
  S2HD: [2, 55, 1],
  S2HA: [2, 56, 1],
  S2S: [2, 57, 1],
  S2R: [2, 58, 1],
  S2HAFT: [2, 59, 1],
  S2PIE: [2, 60, 1],
  S2POE: [2, 61, 1],
  DPT_VMATCH: [2, 62, 2],
  // [255:192]
  S2NSW: [3, 0, 1],
  S2NSA: [3, 1, 1],
  S2SL0_2: [3, 2, 1],
  S2DS: [3, 3, 1],
  S2TTB: [3, 4, 52, 'address'],
  S2SKL: [3, 61, 2],
  // [319:256]
  PARTID: [4, 16, 16],
  S_S2T0SZ: [4, 32, 6],
  S_S2SL0: [4, 38, 2],
  S_S2TG: [4, 46, 2],
  MECID: [4, 48, 16],
  // [383:320]
  PMG: [5, 0, 8],
  MPAM_NS: [5, 8, 1],
  AssuredOnly: [5, 9, 1],
  TL0: [5, 10, 1],
  TL1: [5, 11, 1],
  VMSPtr: [5, 12, 44, 'address'],
  // [447:384]
  S2SW: [6, 0, 1],
  S2SA: [6, 1, 1],
  S_S2SL0_2: [6, 2, 1],
  S_S2TTB: [6, 4, 52, 'address'],
  S_S2SKL: [6, 61, 2],
  // [511:448]
  S2POI0: [7, 0, 4],
  S2POI1: [7, 4, 4],
  S2POI2: [7, 8, 4],
  S2POI3: [7, 12, 4],
  S2POI4: [7, 16, 4],
  S2POI5: [7, 20, 4],
  S2POI6: [7, 24, 4],
  S2POI7: [7, 28, 4],
  S2POI8: [7, 32, 4],
  S2POI9: [7, 36, 4],
  S2POI10: [7, 40, 4],
  S2POI11: [7, 44, 4],
  S2POI12: [7, 48, 4],
  S2POI13: [7, 52, 4],
  S2POI14: [7, 56, 4],
  S2POI15: [7, 60, 4],
} as const satisfies Record<string, FieldPlace>;

export type SteFieldName = keyof typeof STE_LAYOUT;

/** Fields of an STE by name, and `or0`..`or7` for the bits that have none (fields.ts). */
export type SteFields = FieldValues<SteFieldName | OrName>;

/** The 64 bytes of an STE; fields not given are zero. */
export function encodeSte(fields: SteFields): Uint8Array {
  return wordsToBytes(encodeWords(STE_LAYOUT, STE_WORDS, fields));
}

/** Every field of the STE in `bytes`, for printing; `encodeSte` of it gives the same bytes. */
export function decodeSte(bytes: Uint8Array): SteFields {
  return decodeWords(STE_LAYOUT, bytesToWords(bytes, STE_WORDS));
}
