/**
 * One translation table descriptor of either stage (D8.3): VMSAv8-64, any granule, 48-bit addresses, either endianness. What it is and the
 * address in it; permissions are in permissions.ts. Contiguous is a hint that is not taken; NS, NSTable, GP, DBM and software bits have
 * no effect; bits [15:12] with the 64 KiB granule and [49:48] with the others are no address bits, as there are no 52-bit addresses.
 */
import type { Memory } from '../bus/memory.ts';
import type { Granule } from './granule.ts';
import { bits, extract, toAddress } from './layout.ts';

const VALID = 0b01;
/** At levels 0-2 a Table descriptor, at level 3 a page. */
const TABLE_OR_PAGE = 0b11;
const AF = bits(10);
const NG = bits(11);
/** Of Block descriptors. */
const NT = bits(16);

/** Descriptor[47:32] in its high word. */
const ADDRESS_HIGH = 0x0000_ffff;

export const INVALID = 0;
export const TABLE = 1;
export const LEAF = 2;

export class Descriptor {
  readonly #memory: Memory;
  readonly #words = new Uint32Array(2);
  low = 0;
  high = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Reads the descriptor at a physical address; false when the read aborted. */
  fetch(address: number, bigEndian: boolean): boolean {
    if (!this.#memory.readWords(address, this.#words, 2)) return false;
    this.low = bigEndian ? swapBytes(this.#words[1]!) : this.#words[0]!;
    this.high = bigEndian ? swapBytes(this.#words[0]!) : this.#words[1]!;
    return true;
  }

  /** INVALID, TABLE or LEAF at a level. */
  kindAt(level: number, granule: Granule): number {
    if ((this.low & VALID) === 0) return INVALID;
    const tableOrPage = (this.low & TABLE_OR_PAGE) === TABLE_OR_PAGE;
    // At level 3 a block encoding is Reserved.
    if (level === 3) return tableOrPage ? LEAF : INVALID;
    if (tableOrPage) return TABLE;
    return level >= granule.firstBlockLevel ? LEAF : INVALID;
  }

  /** Address[47:32]: it is above a size when this is at least 2^(size - 32). */
  get addressHigh(): number {
    return this.high & ADDRESS_HIGH;
  }
  /** The address with the bits below `log2` taken as zero: of a table the granule, of a leaf its size. At most 2^32 apart. */
  address(log2: number): number {
    return toAddress(this.high & ADDRESS_HIGH, this.low & ~(2 ** log2 - 1));
  }

  get accessed(): boolean {
    return extract(this.low, AF) !== 0;
  }
  get global(): boolean {
    return extract(this.low, NG) === 0;
  }
  get noTranslationCaching(): boolean {
    return extract(this.low, NT) !== 0;
  }
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
