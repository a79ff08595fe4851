/**
 * The stage 2 fields of an STE and their validity (5.2, 5.2.2; D8.2 for start levels), VMSAv8-64, Non-secure.
 * Ignored because absent or without effect here: S2IR0, S2OR0, S2SH0, S2HWUxx, S2HAFT, S2PIE, S2POE, S2POI, S2DS, S2SL0_2, S2SKL, AssuredOnly, TLx.
 */
import { ADDRESS_SIZES } from './features.ts';
import type { Features } from './features.ts';
import { GRANULE_OF_TG0 } from './granule.ts';
import type { Granule, WalkStart } from './granule.ts';
import { addressField, alignDown, bits, flag, get, getAddressHigh, getAddressLow, toAddress } from './layout.ts';

const S2VMID = bits(143, 128);
const S2T0SZ = bits(165, 160);
const S2SL0 = bits(167, 166);
const S2TG = bits(175, 174);
const S2PS = bits(178, 176);
const S2AA64 = bits(179);
const S2ENDI = bits(180);
const S2AFFD = bits(181);
const S2PTW = bits(182);
const S2HD = bits(183);
const S2HA = bits(184);
const S2S = bits(185);
const S2R = bits(186);
const S2FWB = bits(89);
/** Bits [247:244] are RES0 without 56-bit addresses. */
const S2TTB = addressField(243, 196);

/** Start level by granule (as `Granule.tg`) and S2SL0; -1 is Reserved. */
const START_LEVELS: Readonly<Record<number, readonly number[]>> = {
  1: [2, 1, 0, 3],
  2: [3, 2, 1, -1],
  3: [3, 2, 1, -1],
};

export interface Stage2Config {
  readonly start: WalkStart;
  /** An IPA that is not below this is outside the table: 2^(64 - S2T0SZ). */
  readonly ipaLimit: number;
  /** An output address is above MIN(S2PS, OAS) when its high half is at least this. */
  readonly psHighLimit: number;
  readonly bigEndian: boolean;
  readonly affd: boolean;
  readonly ptw: boolean;
  readonly fwb: boolean;
  readonly xnx: boolean;
  /** S2R (5.5). The termination of a stage 2 fault is always an abort, and S2S is ILLEGAL here. */
  readonly record: boolean;
}

/** S2VMID, or 0 where no VMID tags anything. */
export function vmidOf(words: Uint32Array, features: Features): number {
  return features.s2p ? get(words, S2VMID) : 0;
}

/** Whether the S2VMID of an STE that translates at any stage is too large. */
export function vmidIllegal(words: Uint32Array, features: Features): boolean {
  return !features.vmid16 && vmidOf(words, features) > 0xff;
}

/** Whether the fields of an STE with stage 2 enabled are ILLEGAL. */
export function stage2Illegal(words: Uint32Array, features: Features): boolean {
  // STALL_MODEL 0b01; VMSAv8-32 LPAE is not supported; HTTU is 0b00.
  if (flag(words, S2S) || !flag(words, S2AA64) || flag(words, S2HA) || flag(words, S2HD)) return true;
  const granule = supportedGranule(GRANULE_OF_TG0[get(words, S2TG)], features);
  if (granule === undefined) return true;
  if (features.ttendian === 0b10 && flag(words, S2ENDI)) return true;
  if (features.ttendian === 0b11 && !flag(words, S2ENDI)) return true;
  const t0sz = get(words, S2T0SZ);
  // IAS is OAS: there is no VMSAv8-32.
  if (t0sz < Math.max(16, 64 - features.oas) || t0sz > txszMax(granule, features)) return true;
  if (startLevelIllegal(granule, get(words, S2SL0), 64 - t0sz, features)) return true;
  return getAddressHigh(words, S2TTB) >= 2 ** (outputBits(words, features) - 32);
}

/** The granule if IDR5 says that it is supported. */
export function supportedGranule(granule: Granule | undefined, features: Features): Granule | undefined {
  if (granule === undefined) return undefined;
  const supported = [false, features.gran4k, features.gran16k, features.gran64k][granule.tg]!;
  return supported ? granule : undefined;
}

/** The largest TxSZ of either stage: small tables need STT. */
export function txszMax(granule: Granule, features: Features): number {
  if (!features.stt) return 39;
  return granule.bits === 16 ? 47 : 48;
}

/** Decodes the stage 2 fields of an STE that is not ILLEGAL. */
export function decodeStage2(words: Uint32Array, features: Features): Stage2Config {
  const granule = GRANULE_OF_TG0[get(words, S2TG)]!;
  const ipaBits = 64 - get(words, S2T0SZ);
  const startLevel = START_LEVELS[granule.tg]![get(words, S2SL0)]!;
  const startIndexBits = ipaBits - granule.shift[startLevel]!;
  const ttb = toAddress(getAddressHigh(words, S2TTB), getAddressLow(words, S2TTB));
  return {
    // Concatenated tables are aligned to their total size.
    start: { granule, startLevel, tableBase: alignDown(ttb, startIndexBits + 3), startIndexBits },
    ipaLimit: 2 ** ipaBits,
    psHighLimit: 2 ** (outputBits(words, features) - 32),
    bigEndian: flag(words, S2ENDI),
    affd: flag(words, S2AFFD),
    ptw: flag(words, S2PTW),
    fwb: features.fwb && flag(words, S2FWB),
    xnx: features.xnx,
    record: flag(words, S2R),
  };
}

/** MIN(S2PS, OAS) in bits. */
function outputBits(words: Uint32Array, features: Features): number {
  return Math.min(ADDRESS_SIZES[get(words, S2PS)]!, features.oas);
}

/** The first lookup resolves at least one bit, and at most four beyond the stride: 16 concatenated tables. */
function startLevelIllegal(granule: Granule, sl0: number, ipaBits: number, features: Features): boolean {
  const startLevel = START_LEVELS[granule.tg]![sl0]!;
  if (startLevel < 0 || (granule.bits === 12 && startLevel === 3 && !features.stt)) return true;
  // S2SL0 0b10 is Reserved where the physical addresses are too small to need it (D8.2).
  if (sl0 === 0b10 && features.oas < (granule.bits === 14 ? 42 : 44)) return true;
  const indexBits = ipaBits - granule.shift[startLevel]!;
  return indexBits < 1 || indexBits > granule.stride + 4;
}
