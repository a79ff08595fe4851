/**
 * The Stream Table Entry (5.2) and its validity (5.2.2), of a Non-secure stream. The stage 2 fields are in stage2-config.ts.
 * Ignored because their feature is absent: EATS (ATS 0), MTCFG, MemAttr, ALLOCCFG, SHCFG (ATTR_TYPES_OVR 0), S1PIE, S1MPAM,
 * PARTID, PMG, VMSPtr, NSCFG. CONT is a hint that is not taken; MEV permits merging, which is not done. Bits that are not specified are
 * ignored, not checked.
 */
import type { Features } from './features.ts';
import { addressField, bits, flag, get, getAddressHigh, getAddressLow, toAddress } from './layout.ts';
import { decodeStage2, stage2Illegal, vmidIllegal, vmidOf } from './stage2-config.ts';
import type { Stage2Config } from './stage2-config.ts';
import { NS_EL2, NS_EL2_E2H } from './tlb-spaces.ts';

export const STE_BYTES = 64;
export const STE_WORDS = 16;

const V = bits(0);
const CONFIG = bits(3, 1);
const S1_FMT = bits(5, 4);
const S1_CONTEXT_PTR = addressField(55, 6);
const S1_CDMAX = bits(63, 59);
const S1DSS = bits(65, 64);
const S1STALLD = bits(91);
const STRW = bits(95, 94);
const PRIVCFG = bits(113, 112);
const INSTCFG = bits(115, 114);

/** What a stream does, from Config and validity. Numbers: they are switched on at each transaction. */
export const STE_ILLEGAL = 0;
export const STE_ABORT = 1;
/** Traffic passes, through no stage, one or two. */
export const STE_PASS = 2;

/** S1Fmt: 2-level CD tables by the size of their leaves. The other values are linear tables. */
export const S1_FMT_4KB = 0b01;
export const S1_FMT_64KB = 0b10;

/** S1DSS: what a transaction without SubstreamID does where substreams are enabled. The other values terminate it. */
export const S1DSS_BYPASS = 0b01;
export const S1DSS_SUBSTREAM_0 = 0b10;

/** STRW: the StreamWorld of a stage 1-only stream. 0b01 and 0b11 are ILLEGAL. */
const STRW_EL1 = 0b00;
const STRW_EL2 = 0b10;

export interface Ste {
  /** STE_ILLEGAL also when V == 0; the rest counts for STE_PASS only. */
  readonly kind: number;
  /** Stage 1 translates; then the next four count. */
  readonly stage1: boolean;
  readonly s1Fmt: number;
  /** Address of the CD or of the table of CDs or L1CDs: physical, or an IPA with stage 2. */
  readonly s1ContextPtr: number;
  /** log2 of the number of CDs; 0: substreams are disabled. */
  readonly s1CdMax: number;
  readonly s1Dss: number;
  /** Undefined: stage 2 does not translate. */
  readonly stage2: Stage2Config | undefined;
  /** StreamWorld: NS_EL2, NS_EL2_E2H, or for NS-EL1 the VMID. */
  readonly world: number;
  /** PRIVCFG, INSTCFG as stored; effective 0b00 without ATTR_PERMS_OVR. */
  readonly privcfg: number;
  readonly instcfg: number;
}

/** Decodes the 16 words of an STE. `e2h`: CR2.E2H, which so stays cached with it, as it may (6.3.12). */
export function decodeSte(words: Uint32Array, features: Features, e2h: boolean): Ste {
  const kind = kindOf(words, features);
  const config = get(words, CONFIG);
  return {
    kind,
    stage1: (config & 0b001) !== 0,
    s1Fmt: get(words, S1_FMT),
    s1ContextPtr: toAddress(getAddressHigh(words, S1_CONTEXT_PTR), getAddressLow(words, S1_CONTEXT_PTR)),
    s1CdMax: features.ssidsize === 0 ? 0 : get(words, S1_CDMAX),
    s1Dss: get(words, S1DSS),
    stage2: kind === STE_PASS && (config & 0b010) !== 0 ? decodeStage2(words, features) : undefined,
    world: worldOf(words, features, e2h),
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
  if (stage1 && stage1Illegal(words, features)) return STE_ILLEGAL;
  if (stage2 && stage2Illegal(words, features)) return STE_ILLEGAL;
  const strw = strwOf(words, features);
  if (strw !== STRW_EL1 && strw !== STRW_EL2) return STE_ILLEGAL;
  // Stage 1-only streams of NS-EL1 are tagged by VMID, too; at EL2 there are none.
  if (strw === STRW_EL1 && (stage1 || stage2) && vmidIllegal(words, features)) return STE_ILLEGAL;
  return STE_PASS;
}

/** STRW, or where it is IGNORED or RES0 what it then behaves as: it counts for stage 1 alone. */
function strwOf(words: Uint32Array, features: Features): number {
  return features.hyp && get(words, CONFIG) === 0b101 ? get(words, STRW) : STRW_EL1;
}

function worldOf(words: Uint32Array, features: Features, e2h: boolean): number {
  if (strwOf(words, features) !== STRW_EL2) return vmidOf(words, features);
  return e2h ? NS_EL2_E2H : NS_EL2;
}

function stage1Illegal(words: Uint32Array, features: Features): boolean {
  if (flag(words, S1STALLD) && features.stallModel !== 0b00) return true;
  if (features.ssidsize !== 0) {
    const cdMax = get(words, S1_CDMAX);
    if (cdMax > features.ssidsize) return true;
    const format = get(words, S1_FMT);
    if (cdMax !== 0 && !features.cd2l && (format === S1_FMT_4KB || format === S1_FMT_64KB)) return true;
  }
  // From SMMUv3.1 a context pointer above OAS is ILLEGAL; an IPA above IAS, which is OAS here, may be (3.4.3). OAS is at least 32 bits.
  return getAddressHigh(words, S1_CONTEXT_PTR) >= 2 ** (features.oas - 32);
}
