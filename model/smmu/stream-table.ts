/**
 * From a StreamID to its STE (3.3.1, 5.1, 6.3.24, 6.3.25): linear and 2-level Stream tables. L1STDs are cached (3.21.3), valid or not.
 * Reserved bits of an L1STD are ignored. An L2Ptr above OAS is truncated (3.4.3).
 */
import type { Memory } from '../bus/memory.ts';
import type { ConfigCache } from './config-cache.ts';
import type { Features } from './features.ts';
import { addressField, alignDown, bits, get, getAddressHigh, getAddressLow, toAddress } from './layout.ts';
import type { Registers } from './registers.ts';
import { STE_BYTES, STE_WORDS } from './ste.ts';

const L1STD_BYTES = 8;
const L1STD_WORDS = 2;
const SPAN = bits(4, 0);
const L2_PTR = addressField(55, 6);

/** Where a lookup ended. */
export const FOUND = 0;
/** No STE belongs to the StreamID: C_BAD_STREAMID. */
export const OUT_OF_RANGE = 1;
/** A read aborted: F_STE_FETCH. */
export const FETCH_ABORTED = 2;

export class StreamTable {
  readonly #memory: Memory;
  readonly #registers: Registers;
  readonly #configCache: ConfigCache;
  /** 2^(OAS - 32). */
  readonly #oasHighLimit: number;
  readonly #descriptor = new Uint32Array(L1STD_WORDS);

  /** Physical address of the STE, or of the structure whose read aborted. */
  address = 0;

  constructor(memory: Memory, registers: Registers, configCache: ConfigCache, features: Features) {
    this.#memory = memory;
    this.#registers = registers;
    this.#configCache = configCache;
    this.#oasHighLimit = 2 ** (features.oas - 32);
  }

  /** Whether a StreamID lies inside the Stream table; nothing is fetched for one that does not. */
  inRange(streamId: number): boolean {
    return streamId < this.#registers.strtabEntries;
  }

  /** Reads the STE of a StreamID that is in range into `words`: FOUND, or why not. */
  fetch(streamId: number, words: Uint32Array): number {
    const registers = this.#registers;
    if (registers.strtabSplit === 0) {
      this.address = registers.strtabBase + streamId * STE_BYTES;
    } else {
      const located = this.#locate(streamId, registers.strtabSplit);
      if (located !== FOUND) return located;
    }
    return this.#memory.readWords(this.address, words, STE_WORDS) ? FOUND : FETCH_ABORTED;
  }

  /** Through the L1STD of a StreamID, cached or fetched. */
  #locate(streamId: number, split: number): number {
    const index = Math.floor(streamId / 2 ** split);
    let l1std = this.#configCache.lookupL1std(index, split);
    if (l1std === undefined) {
      this.address = this.#registers.strtabBase + index * L1STD_BYTES;
      if (!this.#memory.readWords(this.address, this.#descriptor, L1STD_WORDS)) return FETCH_ABORTED;
      const high = getAddressHigh(this.#descriptor, L2_PTR) % this.#oasHighLimit;
      l1std = { span: get(this.#descriptor, SPAN), pointer: toAddress(high, getAddressLow(this.#descriptor, L2_PTR)) };
      this.#configCache.insertL1std(index, split, l1std);
    }
    const { span, pointer } = l1std;
    // 0 and 12 to 31 are invalid; so is more than the split point leaves.
    if (span === 0 || span > split + 1) return OUT_OF_RANGE;
    const index2 = streamId % 2 ** split;
    if (index2 >= 2 ** (span - 1)) return OUT_OF_RANGE;
    this.address = alignDown(pointer, span + 5) + index2 * STE_BYTES;
    return FOUND;
  }
}
