/**
 * Stage 2 translation of one IPA (D8.2, D8.3; 3.4, 7.3.22 for the order of faults): TLB, walk cache, walk with concatenated start-level tables.
 * Serves the input of a stage 2-only stream, the output of stage 1, and the addresses of CDs and of stage 1 descriptors; what the access
 * needs of the permissions is its caller's. Descriptors are never written. Only what succeeded is cached.
 */
import type { Memory } from '../bus/memory.ts';
import { Descriptor, INVALID, LEAF } from './descriptor.ts';
import { F_ACCESS, F_ADDR_SIZE, F_TRANSLATION, F_WALK_EABT, NONE } from './events.ts';
import { OFFSET_MASK } from './granule.ts';
import { stage2PermissionsOf } from './permissions.ts';
import type { Stage2Config } from './stage2-config.ts';
import type { Tlb } from './tlb.ts';

export class Stage2Walker {
  readonly #tlb: Tlb;
  /** BBML 1: a block with nT set is not cached, so that it cannot conflict (3.21.1.2). */
  readonly #cachesNt: boolean;
  readonly #descriptor: Descriptor;

  // The result of the last translation.
  /** Output address of the leaf, aligned to its size. */
  outputBase = 0;
  /** Of the leaf: its size. */
  kind = 0;
  permissions = 0;
  /** Whether the result may be kept in a TLB. */
  cacheable = true;
  /** After F_WALK_EABT: physical address of the descriptor whose read aborted. */
  fetchAddress = 0;

  // The Table descriptors of the walk so far, by level.
  readonly #tableAddress = new Float64Array(3);

  constructor(memory: Memory, tlb: Tlb, bbml: number) {
    this.#tlb = tlb;
    this.#cachesNt = bbml !== 1;
    this.#descriptor = new Descriptor(memory);
  }

  /** Translates an IPA below 2^48: returns NONE with the result in the fields above, or the event. */
  translate(config: Stage2Config, ipaSpace: number, ipa: number): number {
    if (ipa >= config.ipaLimit) return F_TRANSLATION;
    const high = (ipa / 0x1_0000_0000) | 0;
    const low = ipa | 0;
    const slot = this.#tlb.lookupIpa(high, low, ipaSpace);
    if (slot < 0) return this.#walk(config, ipaSpace, ipa, high, low);
    this.outputBase = this.#tlb.addressOf(slot);
    this.kind = this.#tlb.kindOf(slot);
    this.permissions = this.#tlb.attributesOf(slot);
    this.cacheable = true;
    return NONE;
  }

  /** Of the last translation: the physical address of an IPA inside its leaf. */
  outputOf(ipa: number): number {
    return this.outputBase + (ipa & OFFSET_MASK[this.kind]!);
  }

  #walk(config: Stage2Config, ipaSpace: number, ipa: number, high: number, low: number): number {
    const { granule, startLevel, startIndexBits } = config.start;
    const descriptor = this.#descriptor;
    let level = startLevel;
    let table = config.start.tableBase;
    let indexBits = startIndexBits;
    for (let cached = 2; cached >= startLevel; cached--) {
      const slot = this.#tlb.lookupTable(high, low, granule.tableKind[cached]!, ipaSpace);
      if (slot < 0) continue;
      level = cached + 1;
      table = this.#tlb.addressOf(slot);
      indexBits = granule.stride;
      break;
    }
    const firstLevel = level;

    for (; ; level++) {
      const index = Math.floor(ipa / granule.size[level]!) & ((1 << indexBits) - 1);
      this.fetchAddress = table + 8 * index;
      if (!descriptor.fetch(this.fetchAddress, config.bigEndian)) return F_WALK_EABT;
      const kind = descriptor.kindAt(level, granule);
      if (kind === INVALID) return F_TRANSLATION;
      if (descriptor.addressHigh >= config.psHighLimit) return F_ADDR_SIZE;
      if (kind === LEAF) break;
      table = descriptor.address(granule.bits);
      indexBits = granule.stride;
      this.#tableAddress[level] = table;
    }

    if (!descriptor.accessed && !config.affd) return F_ACCESS;
    this.kind = granule.leafKind[level]!;
    this.outputBase = descriptor.address(granule.shift[level]!);
    this.permissions = stage2PermissionsOf(descriptor.low, descriptor.high, config.xnx, config.fwb);
    this.cacheable = level === 3 || this.#cachesNt || !descriptor.noTranslationCaching;
    for (let above = firstLevel; above < level; above++) {
      this.#tlb.insertTable(high, low, granule.tableKind[above]!, ipaSpace, this.#tableAddress[above]!, 0);
    }
    if (this.cacheable) {
      this.#tlb.insertLeaf(high, low, this.kind, this.kind, ipaSpace, this.outputBase, 0, this.permissions);
    }
    return NONE;
  }
}
