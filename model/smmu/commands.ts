/**
 * Commands (chapter 4): decoding and effect of one Command queue entry, on a Non-secure queue without stage 2, ATS, stalls or MSIs.
 * An opcode that is Reserved, IMPLEMENTATION DEFINED or of an absent feature is CERROR_ILL. Reserved fields are ignored as a whole
 * (4.1.5); a VMID, which is RES0 here, too. A StreamID beyond SIDSIZE or a SubstreamID other than 0 has no effect (4.1.7).
 * Everything is done before the next command, so CMD_SYNC has nothing to wait for.
 */
import type { ConfigCache } from './config-cache.ts';
import type { Features } from './features.ts';
import type { Interrupts } from './interrupts.ts';
import { addressField, bits, flag, get, getAddressHigh, getAddressLow } from './layout.ts';
import type { Tlb } from './tlb.ts';
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
const ASID = bits(63, 48);
const TTL = bits(73, 72);
const TG = bits(75, 74);
const CS = bits(13, 12);

/** CMD_CFGI_STE_RANGE with this range is CMD_CFGI_ALL (4.3.6). */
const RANGE_ALL = 31;
const CS_SIG_IRQ = 0b01;
const CS_RESERVED = 0b11;
const TG_4KB = 0b01;
const TG_16KB = 0b10;

/** A prefetch stops after this many translations (4.2.2). */
const PREFETCHES_MAX = 256;

export interface CommandParts {
  readonly features: Features;
  readonly interrupts: Interrupts;
  readonly configCache: ConfigCache;
  readonly tlb: Tlb;
  readonly translator: Translator;
}

export class Commands {
  readonly #asidMask: number;
  readonly #interrupts: Interrupts;
  readonly #configCache: ConfigCache;
  readonly #tlb: Tlb;
  readonly #translator: Translator;
  readonly #scope = { high: 0, low: 0, pages: 1, leafOnly: false, level: 0 };

  constructor(parts: CommandParts) {
    this.#asidMask = parts.features.asid16 ? 0xffff : 0xff;
    this.#interrupts = parts.interrupts;
    this.#configCache = parts.configCache;
    this.#tlb = parts.tlb;
    this.#translator = parts.translator;
  }

  /** Executes the 4 words of a command: CERROR_NONE, or CERROR_ILL and then it had no effect. */
  execute(words: Uint32Array): number {
    switch (get(words, OPCODE)) {
      case CMD_PREFETCH_CONFIG:
        if (flag(words, SSEC)) return CERROR_ILL;
        if (!flag(words, SSV)) this.#translator.prefetchConfiguration(get(words, STREAM_ID));
        return CERROR_NONE;
      case CMD_PREFETCH_ADDR:
        if (flag(words, SSEC)) return CERROR_ILL;
        if (!flag(words, SSV)) this.#prefetchAddresses(words);
        return CERROR_NONE;
      case CMD_CFGI_STE:
        if (flag(words, SSEC)) return CERROR_ILL;
        this.#configCache.invalidateSte(get(words, STREAM_ID));
        return CERROR_NONE;
      case CMD_CFGI_STE_RANGE:
        if (flag(words, SSEC)) return CERROR_ILL;
        if (get(words, RANGE) === RANGE_ALL) this.#configCache.invalidateAll();
        else this.#configCache.invalidateSteRange(get(words, STREAM_ID), get(words, RANGE) + 1);
        return CERROR_NONE;
      case CMD_CFGI_CD:
        if (flag(words, SSEC)) return CERROR_ILL;
        if (get(words, SUBSTREAM_ID) === 0) this.#configCache.invalidateCd(get(words, STREAM_ID));
        return CERROR_NONE;
      case CMD_CFGI_CD_ALL:
        if (flag(words, SSEC)) return CERROR_ILL;
        this.#configCache.invalidateCd(get(words, STREAM_ID));
        return CERROR_NONE;
      case CMD_TLBI_NH_ALL:
      case CMD_TLBI_NSNH_ALL:
        // The only world here is NS-EL1, and without stage 2 no VMID tags its entries.
        this.#tlb.invalidateAll();
        return CERROR_NONE;
      case CMD_TLBI_NH_ASID:
        if (this.#asidInRange(words)) this.#tlb.invalidateAsid(get(words, ASID));
        return CERROR_NONE;
      case CMD_TLBI_NH_VA:
        return this.#invalidateAddress(words, get(words, ASID));
      case CMD_TLBI_NH_VAA:
        return this.#invalidateAddress(words, -1);
      case CMD_SYNC:
        if (get(words, CS) === CS_RESERVED) return CERROR_ILL;
        // No enable bit gates this interrupt. SIG_SEV without IDR0.SEV is SIG_NONE.
        if (get(words, CS) === CS_SIG_IRQ) this.#interrupts.raise('CMD_SYNC');
        return CERROR_NONE;
      default:
        return CERROR_ILL;
    }
  }

  /** ASID[15:8] is RES0 without ASID16: such a command need not affect anything, and does not. */
  #asidInRange(words: Uint32Array): boolean {
    return get(words, ASID) <= this.#asidMask;
  }

  /** By VA, one address or a range (4.4.1.1). `asid` -1: for all ASIDs. */
  #invalidateAddress(words: Uint32Array, asid: number): number {
    const scope = this.#scope;
    scope.high = getAddressHigh(words, ADDRESS);
    scope.low = getAddressLow(words, ADDRESS);
    scope.leafOnly = flag(words, LEAF);
    scope.pages = 1;
    scope.level = 0;
    const granule = get(words, TG);
    if (granule !== 0) {
      const num = get(words, NUM);
      const scale = get(words, SCALE);
      // Level 1 has no blocks with 16KB granules (IDR5.DS == 0): that hint is Reserved and taken as none.
      const ttl = granule === TG_16KB && get(words, TTL) === 1 ? 0 : get(words, TTL);
      if (num === 0 && scale === 0 && ttl === 0) return CERROR_ILL;
      // Only entries of the granule named have to go, and all of ours are 4KB ones.
      if (granule !== TG_4KB) return CERROR_NONE;
      scope.pages = (num + 1) * 2 ** scale;
      scope.level = ttl;
    }
    if (asid <= this.#asidMask) this.#tlb.invalidateAddress(scope, asid);
    return CERROR_NONE;
  }

  #prefetchAddresses(words: Uint32Array): void {
    const cd = this.#translator.prefetchConfiguration(get(words, STREAM_ID));
    if (cd === undefined) return;
    const count = Math.min(2 ** get(words, SIZE), PREFETCHES_MAX);
    const stride = 2 ** (12 + get(words, STRIDE));
    const strideHigh = Math.floor(stride / 2 ** 32);
    const strideLow = stride % 2 ** 32;
    let high = getAddressHigh(words, ADDRESS);
    let low = getAddressLow(words, ADDRESS);
    for (let i = 0; i < count; i++) {
      this.#translator.prefetchAddress(cd, high, low);
      const sum = low + strideLow;
      low = sum >>> 0;
      high = (high + strideHigh + (sum >= 2 ** 32 ? 1 : 0)) >>> 0;
    }
  }
}
