/**
 * The Context Descriptor (5.4) and its validity (5.4.2), reached from a Non-secure stream, VMSAv8-64: two VA ranges, at NS-EL2 one, for which
 * the ASID, EPDx and all of the upper half are IGNORED (5.4.1).
 * Ignored because absent or without effect here: IRx, ORx, SHx, UWXN (VMSAv8-64), NSCFGx, E0PDx, HAFT, PnCH, EPAN, HWUxxx, AIE, PIE, DS, MAIR,
 * AMAIR, PARTID, PMG. Bits that are not specified are ignored, not checked.
 */
import { ADDRESS_SIZES } from './features.ts';
import type { Features } from './features.ts';
import { GRANULE_OF_TG0, GRANULE_OF_TG1 } from './granule.ts';
import type { Granule, WalkStart } from './granule.ts';
import { addressField, alignDown, bits, flag, get, getAddressHigh, getAddressLow, toAddress } from './layout.ts';
import type { AddressField, Field } from './layout.ts';
import { supportedGranule, txszMax } from './stage2-config.ts';

export const CD_WORDS = 16;

const V = bits(31);
const ENDI = bits(15);
const IPS = bits(34, 32);
const AFFD = bits(35);
const WXN = bits(36);
const PAN = bits(40);
const AA64 = bits(41);
const HD = bits(42);
const HA = bits(43);
const S = bits(44);
const R = bits(45);
const A = bits(46);
const ASET = bits(47);
const ASID = bits(63, 48);

interface HalfFields {
  readonly txsz: Field;
  readonly tg: Field;
  /** What TGx selects: the encoding differs between the halves. */
  readonly granules: readonly (Granule | undefined)[];
  readonly epd: Field;
  readonly tbi: Field;
  readonly had: Field;
  readonly ttb: AddressField;
}
const HALF0: HalfFields = {
  txsz: bits(5, 0),
  tg: bits(7, 6),
  granules: GRANULE_OF_TG0,
  epd: bits(14),
  tbi: bits(38),
  had: bits(65),
  ttb: addressField(115, 68),
};
const HALF1: HalfFields = {
  txsz: bits(21, 16),
  tg: bits(23, 22),
  granules: GRANULE_OF_TG1,
  epd: bits(30),
  tbi: bits(39),
  had: bits(129),
  ttb: addressField(179, 132),
};

/** One of the VA ranges: what TTBx, TxSZ, TGx, EPDx, TBIx and HADx come to. */
export interface VaRange {
  /** EPDx, or no such range: no walk through this half; the rest is then meaningless. */
  readonly disabled: boolean;
  /** Input address bits [63:64-TxSZ], or [55:64-TxSZ] with TBIx: all must equal VA[55]. */
  readonly signMaskHigh: number;
  readonly signMaskLow: number;
  readonly start: WalkStart;
  /** HADx. */
  readonly hierarchicalDisabled: boolean;
}

export interface Cd {
  /** V == 0 or ILLEGAL; the rest is then meaningless. */
  readonly illegal: boolean;
  /** For NS-EL2: one VA range, one privilege level, no ASIDs. EL1 and EL2-E2H have two ranges and two levels. */
  readonly el2: boolean;
  /** 0 where there are no ASIDs. */
  readonly asid: number;
  readonly aset: number;
  /** CD.A and CD.R (5.5). CD.S is ILLEGAL here. */
  readonly abort: boolean;
  readonly record: boolean;
  readonly affd: boolean;
  readonly wxn: boolean;
  readonly pan: boolean;
  readonly bigEndian: boolean;
  /** An address A is above MIN(IPS, OAS) when its high half is at least this. */
  readonly ipsHighLimit: number;
  readonly low: VaRange;
  readonly high: VaRange;
}

/** Decodes the 16 words of a CD. `el2`: it is reached from an STE of NS-EL2, not of NS-EL2-E2H. */
export function decodeCd(words: Uint32Array, features: Features, el2: boolean): Cd {
  const ips = effectiveIps(words, features);
  return {
    illegal: cdIllegal(words, features, el2),
    el2,
    asid: el2 ? 0 : get(words, ASID),
    aset: get(words, ASET),
    abort: flag(words, A),
    record: flag(words, R),
    affd: flag(words, AFFD),
    wxn: flag(words, WXN),
    pan: flag(words, PAN),
    bigEndian: flag(words, ENDI),
    ipsHighLimit: 2 ** (ips - 32),
    low: decodeRange(words, HALF0, features, walks(words, HALF0, el2)),
    high: decodeRange(words, HALF1, features, walks(words, HALF1, el2)),
  };
}

/** MIN(IPS, OAS) in bits. */
function effectiveIps(words: Uint32Array, features: Features): number {
  return Math.min(ADDRESS_SIZES[get(words, IPS)]!, features.oas);
}

/**
 * Whether a half is walked. At NS-EL2 the lower one always is, and the upper one never: an address with VA[55] set is not inside the only
 * range, which has 48 bits at most.
 */
function walks(words: Uint32Array, half: HalfFields, el2: boolean): boolean {
  return el2 ? half === HALF0 : !flag(words, half.epd);
}

function cdIllegal(words: Uint32Array, features: Features, el2: boolean): boolean {
  if (!flag(words, V)) return true;
  if (features.termModel && !flag(words, A)) return true;
  // STALL_MODEL 0b01. (An STE with S1STALLD is itself ILLEGAL then.)
  if (flag(words, S)) return true;
  const walks0 = walks(words, HALF0, el2);
  const walks1 = walks(words, HALF1, el2);
  if ((walks0 || walks1) && features.ttendian === 0b10 && flag(words, ENDI)) return true;
  if ((walks0 || walks1) && features.ttendian === 0b11 && !flag(words, ENDI)) return true;
  // VMSAv8-32 LPAE is not supported (TTF[0] is 0), nor is VMSAv9-128.
  if (!flag(words, AA64)) return true;
  // HTTU is 0b00.
  if (flag(words, HA) || flag(words, HD)) return true;
  if (!features.asid16 && !el2 && get(words, ASID) > 0xff) return true;
  // Nothing is checked of a half that is not walked (5.4.1, 5.4.1.1).
  return (walks0 && rangeIllegal(words, HALF0, features)) || (walks1 && rangeIllegal(words, HALF1, features));
}

function rangeIllegal(words: Uint32Array, half: HalfFields, features: Features): boolean {
  const granule = supportedGranule(half.granules[get(words, half.tg)], features);
  if (granule === undefined) return true;
  const txsz = get(words, half.txsz);
  if (txsz < 16 || txsz > txszMax(granule, features)) return true;
  // TTBx above the effective IPS. OAS is at most 48 bits.
  return getAddressHigh(words, half.ttb) >= 2 ** (effectiveIps(words, features) - 32);
}

function decodeRange(words: Uint32Array, half: HalfFields, features: Features, walked: boolean): VaRange {
  const inputBits = 64 - get(words, half.txsz);
  const topHigh = flag(words, half.tbi) ? 0x00ff_ffff : 0xffff_ffff;
  return {
    disabled: !walked,
    signMaskHigh: (inputBits > 32 ? topHigh & ~(2 ** (inputBits - 32) - 1) : topHigh) >>> 0,
    signMaskLow: inputBits >= 32 ? 0 : ~(2 ** inputBits - 1) >>> 0,
    start: startOf(words, half, inputBits),
    hierarchicalDisabled: features.had && flag(words, half.had),
  };
}

function startOf(words: Uint32Array, half: HalfFields, inputBits: number): WalkStart {
  // A half that is disabled may say anything; it is never walked.
  const granule = half.granules[get(words, half.tg)] ?? GRANULE_OF_TG0[0]!;
  const startLevel = Math.min(3, Math.max(0, 3 - Math.floor((inputBits - 1 - granule.bits) / granule.stride)));
  const startIndexBits = inputBits - granule.shift[startLevel]!;
  const ttb = toAddress(getAddressHigh(words, half.ttb), getAddressLow(words, half.ttb));
  // Aligned to the size of the table, which may be smaller than a granule.
  return { granule, startLevel, tableBase: alignDown(ttb, startIndexBits + 3), startIndexBits };
}
