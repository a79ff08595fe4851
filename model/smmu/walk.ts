/**
 * The stage 1 translation table walk (D8.2, D8.3; 7.3.22 for the order of faults), alone or nested: then the address of each descriptor is
 * an IPA that stage 2 translates first, and `combine` translates the output. Descriptors are never written. AttrIndx and SH are not
 * used, as output attributes are not modelled.
 *
 * Starts from the deepest walk-cache entry. A walk inserts into the TLB only when it succeeds, so that nothing that faulted or
 * aborted is cached; a leaf whose permissions deny the access is, when it is stage 1's alone.
 */
import type { Memory } from '../bus/memory.ts';
import type { Cd, VaRange } from './cd.ts';
import { Descriptor, INVALID, LEAF } from './descriptor.ts';
import { CLASS_IN, CLASS_TT, F_ACCESS, F_ADDR_SIZE, F_PERMISSION, F_TRANSLATION, F_WALK_EABT, NONE } from './events.ts';
import type { FaultSource } from './events.ts';
import { OFFSET_MASK } from './granule.ts';
import { toAddress } from './layout.ts';
import { hierarchyOf, NESTED, permissionsAtEl2, permissionsOf, walkPermittedAtStage2 } from './permissions.ts';
import type { Stage2Config } from './stage2-config.ts';
import type { Stage2Walker } from './stage2-walk.ts';
import type { Tlb } from './tlb.ts';

/** What a stage 1 translation is made with, beside its CD: the spaces of its TLB entries, and stage 2 when it is nested. */
export interface Regime {
  asidSpace: number;
  globalSpace: number;
  ipaSpace: number;
  stage2: Stage2Config | undefined;
}

export class Walker {
  readonly #memory: Memory;
  readonly #tlb: Tlb;
  readonly #stage2: Stage2Walker;
  readonly #fault: FaultSource;
  /** BBML 1: a block with nT set is not cached, so that it cannot conflict (3.21.1.2). */
  readonly #cachesNt: boolean;
  readonly #descriptor: Descriptor;

  // The result of the last walk.
  /** Output address of the leaf, aligned to its size. */
  outputBase = 0;
  /** Of the leaf: its size. */
  kind = 0;
  permissions = 0;
  #global = false;
  #cacheable = true;

  // The Table descriptors of the walk so far, by level.
  readonly #tableAddress = new Float64Array(3);
  readonly #tableHierarchy = new Uint8Array(3);

  constructor(memory: Memory, tlb: Tlb, stage2: Stage2Walker, fault: FaultSource, bbml: number) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#stage2 = stage2;
    this.#fault = fault;
    this.#cachesNt = bbml !== 1;
    this.#descriptor = new Descriptor(this.#memory);
  }

  /** Translates an input address inside `range` at stage 1: returns NONE with the result in the fields above, or the event. */
  walk(cd: Cd, range: VaRange, regime: Regime, high: number, low: number): number {
    const tlb = this.#tlb;
    const { granule, startLevel, startIndexBits } = range.start;
    const nested = regime.stage2 === undefined ? 0 : NESTED;
    const descriptor = this.#descriptor;
    let level = startLevel;
    let table = range.start.tableBase;
    let hierarchy = 0;
    let indexBits = startIndexBits;
    for (let cached = 2; cached >= startLevel; cached--) {
      const slot = tlb.lookupTable(high, low, granule.tableKind[cached]!, regime.asidSpace);
      // A table address of a stage 1-only stream with the same tags is physical, and no IPA.
      if (slot < 0 || (tlb.attributesOf(slot) & NESTED) !== nested) continue;
      level = cached + 1;
      table = tlb.addressOf(slot);
      hierarchy = tlb.attributesOf(slot) & ~NESTED;
      indexBits = granule.stride;
      break;
    }
    const firstLevel = level;
    // VA[47:0], the most that a table resolves.
    const va = toAddress(high & 0xffff, low);

    for (; ; level++) {
      const index = Math.floor(va / granule.size[level]!) & ((1 << indexBits) - 1);
      const event = this.#fetch(cd, regime, table + 8 * index);
      if (event !== NONE) return event;
      const kind = descriptor.kindAt(level, granule);
      if (kind === INVALID) return this.#stage1Fault(F_TRANSLATION);
      if (descriptor.addressHigh >= cd.ipsHighLimit) return this.#stage1Fault(F_ADDR_SIZE);
      if (kind === LEAF) break;
      hierarchy |= hierarchyOf(descriptor.high);
      table = descriptor.address(granule.bits);
      indexBits = granule.stride;
      this.#tableAddress[level] = table;
      this.#tableHierarchy[level] = hierarchy;
    }

    if (!descriptor.accessed && !cd.affd) return this.#stage1Fault(F_ACCESS);
    this.kind = granule.leafKind[level]!;
    this.outputBase = descriptor.address(granule.shift[level]!);
    if (range.hierarchicalDisabled) hierarchy = 0;
    this.permissions = cd.el2
      ? permissionsAtEl2(descriptor.low, descriptor.high, hierarchy)
      : permissionsOf(descriptor.low, descriptor.high, hierarchy);
    this.#global = descriptor.global;
    this.#cacheable = level === 3 || this.#cachesNt || !descriptor.noTranslationCaching;
    for (let above = firstLevel; above < level; above++) {
      const attributes = this.#tableHierarchy[above]! | nested;
      tlb.insertTable(high, low, granule.tableKind[above]!, regime.asidSpace, this.#tableAddress[above]!, attributes);
    }
    if (nested === 0 && this.#cacheable) {
      const space = this.#global ? regime.globalSpace : regime.asidSpace;
      tlb.insertLeaf(high, low, this.kind, this.kind, space, this.outputBase, 0, this.permissions);
    }
    return NONE;
  }

  /**
   * Nested: translates the output of the last walk at stage 2. Returns NONE with the fields above holding what both stages give, or the
   * event. `#fault.ipa` is the intermediate address either way.
   */
  combine(stage2: Stage2Config, regime: Regime, high: number, low: number): number {
    const leafKind = this.kind;
    const ipa = this.outputBase + (low & OFFSET_MASK[leafKind]!);
    this.#fault.ipa = ipa;
    const event = this.#stage2.translate(stage2, regime.ipaSpace, ipa);
    if (event !== NONE) return this.#stage2Fault(event, CLASS_IN);
    // Kinds are numbered by size.
    this.kind = Math.min(leafKind, this.#stage2.kind);
    const offset = ipa & OFFSET_MASK[this.kind]!;
    this.outputBase = this.#stage2.outputOf(ipa) - offset;
    this.permissions |= this.#stage2.permissions | NESTED;
    if (this.#cacheable && this.#stage2.cacheable) {
      const space = this.#global ? regime.globalSpace : regime.asidSpace;
      this.#tlb.insertLeaf(high, low, this.kind, leafKind, space, this.outputBase, ipa - offset, this.permissions);
    }
    return NONE;
  }

  /** Reads the descriptor at an address: physical, or with stage 2 intermediate. */
  #fetch(cd: Cd, regime: Regime, address: number): number {
    let physical = address;
    if (regime.stage2 !== undefined) {
      this.#fault.ipa = address;
      const event = this.#stage2.translate(regime.stage2, regime.ipaSpace, address);
      if (event !== NONE) return this.#stage2Fault(event, CLASS_TT);
      if (!walkPermittedAtStage2(this.#stage2.permissions, regime.stage2.ptw)) {
        return this.#stage2Fault(F_PERMISSION, CLASS_TT);
      }
      physical = this.#stage2.outputOf(address);
    }
    if (this.#descriptor.fetch(physical, cd.bigEndian)) return NONE;
    this.#fault.fetchAddress = physical;
    this.#fault.stage2 = false;
    this.#fault.cause = CLASS_TT;
    return F_WALK_EABT;
  }

  #stage1Fault(event: number): number {
    this.#fault.stage2 = false;
    this.#fault.cause = CLASS_IN;
    return event;
  }

  #stage2Fault(event: number, cause: number): number {
    this.#fault.stage2 = true;
    this.#fault.cause = cause;
    this.#fault.fetchAddress = this.#stage2.fetchAddress;
    return event;
  }
}
