/**
 * The Stream Table Entry (5.2) and its validity (5.2.2), as far as a Non-secure STE without stage 2 goes.
 * Ignored because their feature is absent: S1Fmt, S1CDMax, S1DSS (SSIDSIZE 0), STRW (Hyp 0), EATS (ATS 0), S2VMID and all S2 fields
 * (S2P 0), MTCFG, MemAttr, ALLOCCFG, SHCFG (ATTR_TYPES_OVR 0). CONT is a hint that is not taken, MEV is not used. Bits
 * that are not specified are ignored, not checked.
 */
import type { Features } from './features.ts';
import { addressField, bits, flag, get, getAddressHigh, getAddressLow, toAddress } from './layout.ts';

export const STE_BYTES = 64;
export const STE_WORDS = 16;

const V = bits(0);
const CONFIG = bits(3, 1);
const S1_CONTEXT_PTR = addressField(55, 6);
const S1STALLD = bits(91);
const PRIVCFG = bits(113, 112);
const INSTCFG = bits(115, 114);

/** What a stream does, from Config and validity. Numbers: they are switched on at each transaction. */
export const STE_ILLEGAL = 0;
export const STE_ABORT = 1;
export const STE_BYPASS = 2;
export const STE_STAGE1 = 3;

export interface Ste {
  /** STE_ILLEGAL also when V == 0. */
  readonly kind: number;
  /** Physical address of the one CD; only with STE_STAGE1. */
  readonly s1ContextPtr: number;
  /** PRIVCFG, INSTCFG as stored; effective 0b00 without ATTR_PERMS_OVR. */
  readonly privcfg: number;
  readonly instcfg: number;
}

/** Decodes the 16 words of an STE. */
export function decodeSte(words: Uint32Array, features: Features): Ste {
  return {
    kind: kindOf(words, features),
    s1ContextPtr: toAddress(getAddressHigh(words, S1_CONTEXT_PTR), getAddressLow(words, S1_CONTEXT_PTR)),
    privcfg: features.attrPermsOvr ? get(words, PRIVCFG) : 0,
    instcfg: features.attrPermsOvr ? get(words, INSTCFG) : 0,
  };
}

function kindOf(words: Uint32Array, features: Features): number {
  if (!flag(words, V)) return STE_ILLEGAL;
  const config = get(words, CONFIG);
  // A stream that is disabled is never ILLEGAL: nothing else is looked at.
  if ((config & 0b100) === 0) return STE_ABORT;
  const stage1 = (config & 0b001) !== 0;
  const stage2 = (config & 0b010) !== 0;
  if (stage1 && !features.s1p) return STE_ILLEGAL;
  if (stage2 && !features.s2p) return STE_ILLEGAL;
  if (!stage1) return STE_BYPASS;
  if (flag(words, S1STALLD) && features.stallModel !== 0b00) return STE_ILLEGAL;
  // From SMMUv3.1 a context pointer above OAS is ILLEGAL (3.4.3). OAS is at least 32 bits.
  if (getAddressHigh(words, S1_CONTEXT_PTR) >= 2 ** (features.oas - 32)) return STE_ILLEGAL;
  return STE_STAGE1;
}
