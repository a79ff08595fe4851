/**
 * From a SubstreamID to its CD (5.2 S1Fmt, 5.3): one CD, linear and 2-level tables, by physical address or, with stage 2, by IPA.
 * Bits of S1ContextPtr below the alignment of the table are taken as zero; reserved bits of an L1CD are ignored.
 */
import type { Memory } from '../bus/memory.ts';
import { CD_WORDS } from './cd.ts';
import type { ConfigEntry, L1cd } from './config-cache.ts';
import { C_BAD_SUBSTREAMID, CLASS_CD, F_CD_FETCH, F_PERMISSION, NONE } from './events.ts';
import type { FaultSource } from './events.ts';
import type { Features } from './features.ts';
import { addressField, alignDown, bits, flag, getAddressHigh, getAddressLow, toAddress } from './layout.ts';
import { walkPermittedAtStage2 } from './permissions.ts';
import type { Stage2Config } from './stage2-config.ts';
import type { Stage2Walker } from './stage2-walk.ts';
import { S1_FMT_4KB, S1_FMT_64KB } from './ste.ts';

const CD_BYTES = 64;
const L1CD_BYTES = 8;
const L1CD_WORDS = 2;
const V = bits(0);
const L2_PTR = addressField(55, 12);

/** log2 of the CDs in a leaf table, by its size. */
const SPLIT_4KB = 6;
const SPLIT_64KB = 10;

export class CdTable {
  readonly #memory: Memory;
  readonly #stage2: Stage2Walker;
  readonly #fault: FaultSource;
  readonly #oasHighLimit: number;
  readonly #descriptor = new Uint32Array(L1CD_WORDS);
  #address = 0;

  constructor(memory: Memory, stage2: Stage2Walker, fault: FaultSource, features: Features) {
    this.#memory = memory;
    this.#stage2 = stage2;
    this.#fault = fault;
    this.#oasHighLimit = 2 ** (features.oas - 32);
  }

  /** Reads the CD of an index below 2^S1CDMax into `words`: NONE, or the event. */
  fetch(entry: ConfigEntry, index: number, ipaSpace: number, words: Uint32Array): number {
    const located = this.#locate(entry, index, ipaSpace);
    if (located !== NONE) return located;
    return this.#read(this.#address, entry.ste.stage2, ipaSpace, words, CD_WORDS);
  }

  #locate(entry: ConfigEntry, index: number, ipaSpace: number): number {
    const { s1ContextPtr, s1CdMax, s1Fmt } = entry.ste;
    if (s1CdMax === 0) {
      this.#address = s1ContextPtr;
      return NONE;
    }
    if (s1Fmt !== S1_FMT_4KB && s1Fmt !== S1_FMT_64KB) {
      this.#address = alignDown(s1ContextPtr, s1CdMax + 6) + index * CD_BYTES;
      return NONE;
    }
    const split = s1Fmt === S1_FMT_4KB ? SPLIT_4KB : SPLIT_64KB;
    const index1 = index >>> split;
    let l1cd = entry.l1cd(index1);
    if (l1cd === undefined) {
      // Aligned to its size, at least 64 bytes.
      const table = alignDown(s1ContextPtr, Math.max(6, s1CdMax - split + 3));
      const event = this.#read(table + index1 * L1CD_BYTES, entry.ste.stage2, ipaSpace, this.#descriptor, L1CD_WORDS);
      if (event !== NONE) return event;
      entry.insertL1cd(index1, (l1cd = this.#decodeL1cd()));
    }
    if (!l1cd.valid) return C_BAD_SUBSTREAMID;
    this.#address = alignDown(l1cd.pointer, split + 6) + (index & (2 ** split - 1)) * CD_BYTES;
    return NONE;
  }

  /** An L2Ptr above OAS is as bad as none; as an IPA above IAS, which is OAS here, it may be (3.4.3). */
  #decodeL1cd(): L1cd {
    const high = getAddressHigh(this.#descriptor, L2_PTR);
    return {
      valid: flag(this.#descriptor, V) && high < this.#oasHighLimit,
      pointer: toAddress(high, getAddressLow(this.#descriptor, L2_PTR)),
    };
  }

  /** Reads a structure at an address: physical, or with stage 2 intermediate. NONE, or the event. */
  #read(
    address: number,
    stage2: Stage2Config | undefined,
    ipaSpace: number,
    words: Uint32Array,
    count: number,
  ): number {
    const fault = this.#fault;
    let physical = address;
    if (stage2 !== undefined) {
      fault.stage2 = true;
      fault.cause = CLASS_CD;
      fault.ipa = address;
      const event = this.#stage2.translate(stage2, ipaSpace, address);
      fault.fetchAddress = this.#stage2.fetchAddress;
      if (event !== NONE) return event;
      if (!walkPermittedAtStage2(this.#stage2.permissions, stage2.ptw)) return F_PERMISSION;
      physical = this.#stage2.outputOf(address);
    }
    fault.fetchAddress = physical;
    return this.#memory.readWords(physical, words, count) ? NONE : F_CD_FETCH;
  }
}
