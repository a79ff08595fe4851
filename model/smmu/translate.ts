/**
 * What happens to a transaction, in the architecture's order (3.3, 3.4, 6.3.9.6, 7.3.22): disabled bypass, StreamID, STE, SubstreamID, CD,
 * input range, TLB or walk, permissions. Records at most one event. Also the same steps without events, for prefetch (4.2).
 */
import type { Memory } from '../bus/memory.ts';
import { CD_WORDS, decodeCd } from './cd.ts';
import type { Cd } from './cd.ts';
import type { ConfigCache, ConfigEntry } from './config-cache.ts';
import type { EventQueue } from './event-queue.ts';
import * as events from './events.ts';
import type { Features } from './features.ts';
import { toAddress } from './layout.ts';
import { permitted } from './permissions.ts';
import { GBPA_ABORT } from './register-map.ts';
import type { Registers } from './registers.ts';
import { decodeSte, STE_ABORT, STE_BYPASS, STE_ILLEGAL, STE_STAGE1, STE_WORDS } from './ste.ts';
import { fetchSte, steAddress, streamIdInRange } from './stream-table.ts';
import { OFFSET_MASK } from './tlb.ts';
import type { Tlb } from './tlb.ts';
import { ABORT, PASS, RAZ_WI } from './transaction.ts';
import type { Transaction } from './transaction.ts';
import { Walker } from './walk.ts';

/** VA[55], in the high word of an input address: which half of the VA space. */
const VA_55 = 1 << 23;
/** PRIVCFG and INSTCFG (5.2): 0b10 forces 0, 0b11 forces 1, else the incoming attribute. */
const FORCE_0 = 0b10;
const FORCE_1 = 0b11;

export interface TranslatorParts {
  readonly features: Features;
  readonly memory: Memory;
  readonly registers: Registers;
  readonly eventQueue: EventQueue;
  readonly configCache: ConfigCache;
  readonly tlb: Tlb;
}

export class Translator {
  readonly #features: Features;
  readonly #memory: Memory;
  readonly #registers: Registers;
  readonly #eventQueue: EventQueue;
  readonly #configCache: ConfigCache;
  readonly #tlb: Tlb;
  readonly #walker: Walker;
  /** A physical address is above OAS when its high half is at least this. */
  readonly #oasHighLimit: number;

  readonly #words = new Uint32Array(STE_WORDS);
  readonly #record = new Uint32Array(8);
  // Of the transaction in hand: attributes after the overrides, and the address of a structure whose read aborted.
  #privileged = false;
  #instruction = false;
  #fetchAddress = 0;

  constructor(parts: TranslatorParts) {
    this.#features = parts.features;
    this.#memory = parts.memory;
    this.#registers = parts.registers;
    this.#eventQueue = parts.eventQueue;
    this.#configCache = parts.configCache;
    this.#tlb = parts.tlb;
    this.#walker = new Walker(parts.memory, parts.tlb, parts.features.bbml);
    this.#oasHighLimit = 2 ** (parts.features.oas - 32);
  }

  /** Returns PASS with `t.outputAddress` filled in, ABORT or RAZ_WI. Records the event, if any. */
  translate(t: Transaction): number {
    t.outputAddress = -1;
    const registers = this.#registers;
    if (!registers.smmuEnabled) return this.#disabled(t);

    if (!streamIdInRange(registers, t.streamId)) {
      return registers.recordsInvalidStreamIds ? this.#reject(t, events.C_BAD_STREAMID) : ABORT;
    }
    const entry = this.#configuration(t.streamId);
    if (entry === undefined) return this.#reject(t, events.F_STE_FETCH);
    const ste = entry.ste;
    if (ste.kind === STE_ILLEGAL) return this.#reject(t, events.C_BAD_STE);
    if (ste.kind === STE_ABORT) return ABORT;
    this.#privileged = override(ste.privcfg, t.privileged);
    // A write is Data whatever the device or INSTCFG says (13.1.2).
    this.#instruction = !t.write && override(ste.instcfg, t.instruction);

    // No substreams: none is enabled in any STE (5.2).
    if (t.substreamId >= 0) return this.#reject(t, events.C_BAD_SUBSTREAMID);
    if (ste.kind === STE_BYPASS) {
      if (t.addressHi >>> 0 >= this.#oasHighLimit) return this.#reject(t, events.F_ADDR_SIZE);
      t.outputAddress = toAddress(t.addressHi, t.addressLo);
      return PASS;
    }

    const cd = this.#context(entry);
    if (cd === undefined) return this.#reject(t, events.F_CD_FETCH);
    if (cd.illegal) return this.#reject(t, events.C_BAD_CD);
    return this.#stage1(t, cd);
  }

  /** CMD_PREFETCH_CONFIG: caches the STE and CD of a stream as a transaction would, silently. */
  prefetchConfiguration(streamId: number): Cd | undefined {
    if (!this.#registers.smmuEnabled || !streamIdInRange(this.#registers, streamId)) return undefined;
    const entry = this.#configuration(streamId);
    if (entry === undefined || entry.ste.kind !== STE_STAGE1) return undefined;
    return this.#context(entry);
  }

  /** CMD_PREFETCH_ADDR, one address: caches its translation, silently. */
  prefetchAddress(cd: Cd, high: number, low: number): void {
    if (cd.illegal) return;
    const range = (high & VA_55) !== 0 ? cd.high : cd.low;
    if (!inRange(high, low, range.signMaskHigh, range.signMaskLow) || range.disabled) return;
    if (this.#tlb.lookupLeaf(high, low, cd.asid, cd.aset) < 0) this.#walker.walk(cd, range, high, low);
  }

  /** SMMUEN == 0: GBPA alone decides, and nothing is recorded (6.3.14). Its attribute overrides do not affect permissions. */
  #disabled(t: Transaction): number {
    if ((this.#registers.gbpa & GBPA_ABORT) !== 0) return ABORT;
    if (t.addressHi >>> 0 >= this.#oasHighLimit) return ABORT;
    t.outputAddress = toAddress(t.addressHi, t.addressLo);
    return PASS;
  }

  /** The cached configuration of a stream, fetched when there is none; undefined when the fetch aborted. */
  #configuration(streamId: number): ConfigEntry | undefined {
    const cached = this.#configCache.lookup(streamId);
    if (cached !== undefined) return cached;
    this.#fetchAddress = steAddress(this.#registers, streamId);
    if (!fetchSte(this.#memory, this.#fetchAddress, this.#words)) return undefined;
    return this.#configCache.insert(streamId, decodeSte(this.#words, this.#features));
  }

  /** The CD of a stream whose STE enables stage 1, fetched when there is none; undefined when the fetch aborted. */
  #context(entry: ConfigEntry): Cd | undefined {
    if (entry.cd !== undefined) return entry.cd;
    this.#fetchAddress = entry.ste.s1ContextPtr;
    if (!this.#memory.readWords(this.#fetchAddress, this.#words, CD_WORDS)) return undefined;
    return (entry.cd = decodeCd(this.#words, this.#features));
  }

  #stage1(t: Transaction, cd: Cd): number {
    const high = t.addressHi;
    const low = t.addressLo;
    const range = (high & VA_55) !== 0 ? cd.high : cd.low;
    if (!inRange(high, low, range.signMaskHigh, range.signMaskLow) || range.disabled) {
      return this.#fault(t, cd, events.F_TRANSLATION);
    }
    const tlb = this.#tlb;
    const slot = tlb.lookupLeaf(high, low, cd.asid, cd.aset);
    let base: number;
    let level: number;
    let permissions: number;
    if (slot >= 0) {
      base = tlb.addressOf(slot);
      level = tlb.levelOf(slot);
      permissions = tlb.attributesOf(slot);
    } else {
      const event = this.#walker.walk(cd, range, high, low);
      if (event === events.F_WALK_EABT) {
        this.#fetchAddress = this.#walker.fetchAddress;
        return this.#reject(t, event);
      }
      if (event !== events.NONE) return this.#fault(t, cd, event);
      base = this.#walker.outputBase;
      level = this.#walker.level;
      permissions = this.#walker.permissions;
    }
    if (!permitted(permissions, this.#privileged, this.#instruction, t.write, cd.wxn, cd.pan)) {
      return this.#fault(t, cd, events.F_PERMISSION);
    }
    t.outputAddress = base + (low & OFFSET_MASK[level]!);
    return PASS;
  }

  /** A configuration error or an aborted fetch: always recorded, always an abort (5.5). */
  #reject(t: Transaction, event: number): number {
    events.encodeEvent(this.#record, event, t, this.#privileged, this.#instruction, this.#fetchAddress);
    this.#eventQueue.record(this.#record);
    return ABORT;
  }

  /** One of the four Translation-related faults of stage 1: CD.R and CD.A decide (5.5). */
  #fault(t: Transaction, cd: Cd, event: number): number {
    if (cd.record) this.#reject(t, event);
    return cd.abort ? ABORT : RAZ_WI;
  }
}

function override(configuration: number, incoming: boolean): boolean {
  if (configuration === FORCE_1) return true;
  return configuration === FORCE_0 ? false : incoming;
}

/** Whether the address bits above the range's size all equal VA[55] (3.4.1). */
function inRange(high: number, low: number, maskHigh: number, maskLow: number): boolean {
  if ((high & VA_55) === 0) return (high & maskHigh) === 0 && (low & maskLow) === 0;
  return (~high & maskHigh) === 0 && (~low & maskLow) === 0;
}
