/**
 * Commands (chapter 4): decoding and effect of one Command queue entry, on a Non-secure queue without ATS, stalls or MSIs.
 * An opcode that is Reserved, IMPLEMENTATION DEFINED or of an absent feature is CERROR_ILL. Reserved fields are ignored as a whole
 * (4.1.5): so a VMID without stage 2, and the range fields without RIL. A StreamID or SubstreamID that is too large, an ASID or VMID
 * beyond its 8 bits have no effect (4.1.7). Everything is done before the next command, so CMD_SYNC has nothing to wait for.
 */
import type { ConfigCache } from './config-cache.ts';
import type { Features } from './features.ts';
import type { Interrupts } from './interrupts.ts';
import { addressField, bits, flag, get, getAddressHigh, getAddressLow } from './layout.ts';
import type { Registers } from './registers.ts';
import { NS_EL2, NS_EL2_E2H } from './tlb-spaces.ts';
import type { AddressScope, Tlb } from './tlb.ts';
import type { Translator } from './translate.ts';

export const COMMAND_BYTES = 16;
export const COMMAND_WORDS = 4;

/** CMDQ_CONS.ERR (7.1). */
export const CERROR_NONE = 0;
export const CERROR_ILL = 1;
export const CERROR_ABT = 2;

const CMD_PREFETCH_CONFIG = 0x01;
const CMD_PREFETCH_ADDR = 0x02;
const CMD_CFGI_STE = 0x03;
const CMD_CFGI_STE_RANGE = 0x04;
const CMD_CFGI_CD = 0x05;
const CMD_CFGI_CD_ALL = 0x06;
const CMD_TLBI_NH_ALL = 0x10;
const CMD_TLBI_NH_ASID = 0x11;
const CMD_TLBI_NH_VA = 0x12;
const CMD_TLBI_NH_VAA = 0x13;
const CMD_TLBI_EL2_ALL = 0x20;
const CMD_TLBI_EL2_ASID = 0x21;
const CMD_TLBI_EL2_VA = 0x22;
const CMD_TLBI_EL2_VAA = 0x23;
const CMD_TLBI_S12_VMALL = 0x28;
const CMD_TLBI_S2_IPA = 0x2a;
const CMD_TLBI_NSNH_ALL = 0x30;
const CMD_SYNC = 0x46;

const OPCODE = bits(7, 0);
const SSEC = bits(10);
const SSV = bits(11);
const SUBSTREAM_ID = bits(31, 12);
const STREAM_ID = bits(63, 32);
const LEAF = bits(64);
const RANGE = bits(68, 64);
const SIZE = bits(68, 64);
const STRIDE = bits(73, 69);
const ADDRESS = addressField(127, 76);
const NUM = bits(16, 12);
const SCALE = bits(24, 20);
const VMID = bits(47, 32);
const ASID = bits(63, 48);
const TTL = bits(73, 72);
const TG = bits(75, 74);
const CS = bits(13, 12);

/** CMD_CFGI_STE_RANGE with this range is CMD_CFGI_ALL (4.3.6). */
const RANGE_ALL = 31;
const CS_SIG_IRQ = 0b01;
const CS_RESERVED = 0b11;
const TG_16KB = 0b10;

/** A prefetch stops after this many translations (4.2.2). */
const PREFETCHES_MAX = 256;

export interface CommandParts {
  readonly features: Features;
  readonly registers: Pick<Registers, 'e2h'>;
  readonly interrupts: Interrupts;
  readonly configCache: ConfigCache;
  readonly tlb: Tlb;
  readonly translator: Translator;
}

export class Commands {
  readonly #features: Features;
  readonly #asidMask: number;
  readonly #vmidMask: number;
  readonly #registers: CommandParts['registers'];
  readonly #interrupts: Interrupts;
  readonly #configCache: ConfigCache;
  readonly #tlb: Tlb;
  readonly #translator: Translator;
  readonly #scope = { high: 0, low: 0, pages: 1, leafOnly: false, tg: 0, level: 0 };

  constructor(parts: CommandParts) {
    this.#features = parts.features;
    this.#asidMask = parts.features.asid16 ? 0xffff : 0xff;
    this.#vmidMask = parts.features.vmid16 ? 0xffff : 0xff;
    this.#registers = parts.registers;
    this.#interrupts = parts.interrupts;
    this.#configCache = parts.configCache;
    this.#tlb = parts.tlb;
    this.#translator = parts.translator;
  }

  /** Executes the 4 words of a command: CERROR_NONE, or CERROR_ILL and then it had no effect. */
  execute(words: Uint32Array): number {
    const { s1p, s2p, hyp } = this.#features;
    switch (get(words, OPCODE)) {
      case CMD_PREFETCH_CONFIG:
        if (flag(words, SSEC)) return CERROR_ILL;
        this.#translator.prefetchConfiguration(get(words, STREAM_ID), substreamIdOf(words));
        return CERROR_NONE;
      case CMD_PREFETCH_ADDR:
        if (flag(words, SSEC)) return CERROR_ILL;
        this.#prefetchAddresses(words);
        return CERROR_NONE;
      case CMD_CFGI_STE:
        if (flag(words, SSEC)) return CERROR_ILL;
        this.#configCache.invalidateSte(get(words, STREAM_ID), flag(words, LEAF));
        return CERROR_NONE;
      case CMD_CFGI_STE_RANGE:
        if (flag(words, SSEC)) return CERROR_ILL;
        if (get(words, RANGE) === RANGE_ALL) this.#configCache.invalidateAll();
        else this.#configCache.invalidateSteRange(get(words, STREAM_ID), get(words, RANGE) + 1);
        return CERROR_NONE;
      case CMD_CFGI_CD:
        if (flag(words, SSEC) || !s1p) return CERROR_ILL;
        this.#configCache.invalidateCd(get(words, STREAM_ID), get(words, SUBSTREAM_ID), flag(words, LEAF));
        return CERROR_NONE;
      case CMD_CFGI_CD_ALL:
        if (flag(words, SSEC) || !s1p) return CERROR_ILL;
        this.#configCache.invalidateCds(get(words, STREAM_ID));
        return CERROR_NONE;
      case CMD_TLBI_NH_ALL:
        if (!s1p) return CERROR_ILL;
        if (this.#vmidInRange(words)) this.#tlb.invalidateVmid(this.#vmidOf(words), false);
        return CERROR_NONE;
      case CMD_TLBI_NH_ASID:
        if (!s1p) return CERROR_ILL;
        if (this.#inRange(words)) this.#tlb.invalidateAsid(this.#vmidOf(words), get(words, ASID));
        return CERROR_NONE;
      case CMD_TLBI_NH_VA:
        if (!s1p || this.#scopeIllegal(words)) return CERROR_ILL;
        if (this.#inRange(words)) this.#tlb.invalidateVa(this.#scope, this.#vmidOf(words), get(words, ASID));
        return CERROR_NONE;
      case CMD_TLBI_NH_VAA:
        if (!s1p || this.#scopeIllegal(words)) return CERROR_ILL;
        if (this.#vmidInRange(words)) this.#tlb.invalidateVa(this.#scope, this.#vmidOf(words), -1);
        return CERROR_NONE;
      case CMD_TLBI_EL2_ALL:
        if (!hyp) return CERROR_ILL;
        this.#tlb.invalidateEl2();
        return CERROR_NONE;
      case CMD_TLBI_EL2_ASID:
        if (!hyp) return CERROR_ILL;
        if (this.#asidInRange(words)) this.#tlb.invalidateAsid(NS_EL2_E2H, get(words, ASID));
        return CERROR_NONE;
      case CMD_TLBI_EL2_VA:
        if (!hyp || this.#scopeIllegal(words)) return CERROR_ILL;
        this.#invalidateEl2Va(words);
        return CERROR_NONE;
      case CMD_TLBI_EL2_VAA:
        if (!hyp || this.#scopeIllegal(words)) return CERROR_ILL;
        this.#tlb.invalidateVa(this.#scope, this.#registers.e2h ? NS_EL2_E2H : NS_EL2, -1);
        return CERROR_NONE;
      case CMD_TLBI_S12_VMALL:
        if (!s2p) return CERROR_ILL;
        if (this.#vmidInRange(words)) this.#tlb.invalidateVmid(this.#vmidOf(words), true);
        return CERROR_NONE;
      case CMD_TLBI_S2_IPA:
        if (!s2p || this.#scopeIllegal(words)) return CERROR_ILL;
        if (this.#vmidInRange(words)) this.#tlb.invalidateIpa(this.#scope, this.#vmidOf(words));
        return CERROR_NONE;
      case CMD_TLBI_NSNH_ALL:
        this.#tlb.invalidateEl1();
        return CERROR_NONE;
      case CMD_SYNC:
        if (get(words, CS) === CS_RESERVED) return CERROR_ILL;
        // No enable bit gates this interrupt. SIG_SEV without IDR0.SEV is SIG_NONE.
        if (get(words, CS) === CS_SIG_IRQ) this.#interrupts.raise('CMD_SYNC');
        return CERROR_NONE;
      default:
        return CERROR_ILL;
    }
  }

  /** RES0 without stage 2: then nothing is tagged by VMID. */
  #vmidOf(words: Uint32Array): number {
    return this.#features.s2p ? get(words, VMID) : 0;
  }
  /** Without VMID16 or ASID16 bits [15:8] are RES0: such a command need not affect anything, and does not. */
  #vmidInRange(words: Uint32Array): boolean {
    return this.#vmidOf(words) <= this.#vmidMask;
  }
  #asidInRange(words: Uint32Array): boolean {
    return get(words, ASID) <= this.#asidMask;
  }
  #inRange(words: Uint32Array): boolean {
    return this.#vmidInRange(words) && this.#asidInRange(words);
  }

  /** CR2.E2H tells which EL2 world is meant; NS-EL2 has no ASIDs, so that the parameter is ignored (4.4.2.8). */
  #invalidateEl2Va(words: Uint32Array): void {
    if (!this.#registers.e2h) this.#tlb.invalidateVa(this.#scope, NS_EL2, -1);
    else if (this.#asidInRange(words)) this.#tlb.invalidateVa(this.#scope, NS_EL2_E2H, get(words, ASID));
  }

  /** By address, one or a range (4.4.1.1): into #scope. True: a Reserved combination. */
  #scopeIllegal(words: Uint32Array): boolean {
    const scope: { -readonly [K in keyof AddressScope]: AddressScope[K] } = this.#scope;
    scope.high = getAddressHigh(words, ADDRESS);
    scope.low = getAddressLow(words, ADDRESS);
    scope.leafOnly = flag(words, LEAF);
    scope.pages = 1;
    scope.tg = 0;
    scope.level = 0;
    const granule = this.#features.ril ? get(words, TG) : 0;
    if (granule === 0) return false;
    const num = get(words, NUM);
    const scale = get(words, SCALE);
    // Level 1 has no blocks with 16KB granules (IDR5.DS == 0): that hint is Reserved and taken as none.
    const ttl = granule === TG_16KB && get(words, TTL) === 1 ? 0 : get(words, TTL);
    if (num === 0 && scale === 0 && ttl === 0) return true;
    // In 4KB pages: the granules are 4, 16 and 64 of them large.
    scope.pages = (num + 1) * 2 ** scale * 4 ** (granule - 1);
    scope.tg = granule;
    scope.level = ttl;
    return false;
  }

  #prefetchAddresses(words: Uint32Array): void {
    const count = Math.min(2 ** get(words, SIZE), PREFETCHES_MAX);
    const stride = 2 ** (12 + get(words, STRIDE));
    const strideHigh = Math.floor(stride / 2 ** 32);
    const strideLow = stride % 2 ** 32;
    let high = getAddressHigh(words, ADDRESS);
    let low = getAddressLow(words, ADDRESS);
    for (let i = 0; i < count; i++) {
      this.#translator.prefetchAddress(get(words, STREAM_ID), substreamIdOf(words), high, low);
      const sum = low + strideLow;
      low = sum >>> 0;
      high = (high + strideHigh + (sum >= 2 ** 32 ? 1 : 0)) >>> 0;
    }
  }
}

/** -1 when SSV is 0. Where there are no substreams, one that is given fits no stream, and nothing is prefetched (4.2). */
function substreamIdOf(words: Uint32Array): number {
  return flag(words, SSV) ? get(words, SUBSTREAM_ID) : -1;
}
