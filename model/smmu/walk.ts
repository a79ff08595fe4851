/**
 * The stage 1 translation table walk (D8.2, D8.3; 7.3.22 for the order of faults): VMSAv8-64, 4 KiB granule, 48-bit addresses, either endianness.
 * The Contiguous bit is a hint that is not taken; NS, NSTable, GP, DBM and software bits have no effect; AttrIndx and SH
 * are not used, as output attributes are not modelled. Descriptors are never written.
 *
 * Starts from the deepest walk-cache entry. A walk inserts into the TLB only when it succeeds, so that nothing that faulted or
 * aborted is cached; a leaf whose permissions deny the access is.
 */
import type { Memory } from '../bus/memory.ts';
import type { Cd, VaRange } from './cd.ts';
import { F_ACCESS, F_ADDR_SIZE, F_TRANSLATION, F_WALK_EABT, NONE } from './events.ts';
import { bits, extract, toAddress } from './layout.ts';
import { hierarchyOf, permissionsOf } from './permissions.ts';
import type { Tlb } from './tlb.ts';
import { LEAF_L3, OFFSET_MASK } from './tlb.ts';

const VALID = 0b01;
/** At levels 0-2 a Table descriptor, at level 3 a page. */
const TABLE_OR_PAGE = 0b11;
const AF = bits(10);
const NG = bits(11);
/** Of Block descriptors. */
const NT = bits(16);

/** Descriptor[47:12], by word. */
const ADDRESS_HIGH = 0x0000_ffff;
const ADDRESS_LOW = 0xffff_f000;

export class Walker {
  readonly #memory: Memory;
  readonly #tlb: Tlb;
  /** BBML 1: a block with nT set is not cached, so that it cannot conflict (3.21.1.2). */
  readonly #cachesNt: boolean;
  readonly #descriptor = new Uint32Array(2);

  // The result of the last walk.
  /** Output address of the leaf, aligned to its size. */
  outputBase = 0;
  level = 0;
  permissions = 0;
  /** After F_WALK_EABT: physical address of the descriptor whose read aborted. */
  fetchAddress = 0;

  // The Table descriptors of the walk so far, by level.
  readonly #tableAddress = new Float64Array(3);
  readonly #tableHierarchy = new Uint8Array(3);

  constructor(memory: Memory, tlb: Tlb, bbml: number) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#cachesNt = bbml === 2;
  }

  /** Translates an input address inside `range`: returns NONE with the result in the fields above, or the event. */
  walk(cd: Cd, range: VaRange, high: number, low: number): number {
    const tlb = this.#tlb;
    let level = range.startLevel;
    let table = range.tableBase;
    let hierarchy = 0;
    let indexMask = range.startIndexMask;
    for (let cached = 2; cached >= range.startLevel; cached--) {
      const slot = tlb.lookupTable(high, low, cached, cd.asid);
      if (slot < 0) continue;
      level = cached + 1;
      table = tlb.addressOf(slot);
      hierarchy = tlb.attributesOf(slot);
      indexMask = 0x1ff;
      break;
    }
    const firstLevel = level;

    for (; ; level++) {
      this.fetchAddress = table + 8 * (indexAt(level, high, low) & indexMask);
      if (!this.#memory.readWords(this.fetchAddress, this.#descriptor, 2)) return F_WALK_EABT;
      let descriptorLow = this.#descriptor[0]!;
      let descriptorHigh = this.#descriptor[1]!;
      if (cd.bigEndian) {
        descriptorLow = swapBytes(this.#descriptor[1]!);
        descriptorHigh = swapBytes(this.#descriptor[0]!);
      }
      if ((descriptorLow & VALID) === 0) return F_TRANSLATION;
      const isLeaf = (descriptorLow & TABLE_OR_PAGE) !== TABLE_OR_PAGE || level === LEAF_L3;
      // No blocks at level 0; 0b01 is Reserved at level 3.
      if (isLeaf && (level === 0 || (level === LEAF_L3) !== ((descriptorLow & TABLE_OR_PAGE) === TABLE_OR_PAGE))) {
        return F_TRANSLATION;
      }
      if ((descriptorHigh & ADDRESS_HIGH) >= cd.ipsHighLimit) return F_ADDR_SIZE;
      if (isLeaf) {
        if (extract(descriptorLow, AF) === 0 && !cd.affd) return F_ACCESS;
        this.level = level;
        this.outputBase = toAddress(descriptorHigh & ADDRESS_HIGH, descriptorLow & ADDRESS_LOW & ~OFFSET_MASK[level]!);
        this.permissions = permissionsOf(descriptorLow, descriptorHigh, range.hierarchicalDisabled ? 0 : hierarchy);
        this.#insert(cd, high, low, firstLevel, descriptorLow);
        return NONE;
      }
      hierarchy |= hierarchyOf(descriptorHigh);
      table = toAddress(descriptorHigh & ADDRESS_HIGH, descriptorLow & ADDRESS_LOW);
      indexMask = 0x1ff;
      this.#tableAddress[level] = table;
      this.#tableHierarchy[level] = hierarchy;
    }
  }

  #insert(cd: Cd, high: number, low: number, firstLevel: number, descriptorLow: number): void {
    for (let level = firstLevel; level < this.level; level++) {
      this.#tlb.insertTable(high, low, level, cd.asid, this.#tableAddress[level]!, this.#tableHierarchy[level]!);
    }
    if (this.level < LEAF_L3 && extract(descriptorLow, NT) !== 0 && !this.#cachesNt) return;
    const global = extract(descriptorLow, NG) === 0;
    this.#tlb.insertLeaf(high, low, this.level, global, cd.asid, cd.aset, this.outputBase, this.permissions);
  }
}

/** Nine bits of the input address: the index into a table of `level`. */
function indexAt(level: number, high: number, low: number): number {
  switch (level) {
    case 0:
      return (high >>> 7) & 0x1ff;
    case 1:
      return ((high << 2) | (low >>> 30)) & 0x1ff;
    case 2:
      return (low >>> 21) & 0x1ff;
    default:
      return (low >>> 12) & 0x1ff;
  }
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
