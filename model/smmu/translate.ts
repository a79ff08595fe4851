/**
 * What happens to a transaction, in the architecture's order (3.3, 3.4, 6.3.9.6, 7.3.22): disabled bypass, StreamID, STE, SubstreamID, CD,
 * input range, TLB or walk, permissions, of stage 1 and then of stage 2. Records at most one event. Also the same steps without
 * events, for prefetch (4.2).
 */
import type { Memory } from '../bus/memory.ts';
import { decodeCd } from './cd.ts';
import type { Cd } from './cd.ts';
import { CdTable } from './cd-table.ts';
import type { ConfigCache, ConfigEntry, Context } from './config-cache.ts';
import type { EventQueue } from './event-queue.ts';
import * as events from './events.ts';
import type { Features } from './features.ts';
import { OFFSET_MASK } from './granule.ts';
import { toAddress } from './layout.ts';
import { NESTED, permitted, permittedAtStage2 } from './permissions.ts';
import { GBPA_ABORT } from './register-map.ts';
import type { Registers } from './registers.ts';
import type { Stage2Config } from './stage2-config.ts';
import { Stage2Walker } from './stage2-walk.ts';
import { decodeSte, S1DSS_BYPASS, S1DSS_SUBSTREAM_0, STE_ABORT, STE_ILLEGAL, STE_WORDS } from './ste.ts';
import type { Ste } from './ste.ts';
import { FOUND, OUT_OF_RANGE, StreamTable } from './stream-table.ts';
import { GLOBAL, IPA, NS_EL2 } from './tlb-spaces.ts';
import type { Tlb } from './tlb.ts';
import { ABORT, PASS, RAZ_WI } from './transaction.ts';
import type { Transaction } from './transaction.ts';
import { Walker } from './walk.ts';

/** VA[55], in the high word of an input address: which half of the VA space. */
const VA_55 = 1 << 23;
/** PRIVCFG and INSTCFG (5.2): 0b10 forces 0, 0b11 forces 1, else the incoming attribute. */
const FORCE_0 = 0b10;
const FORCE_1 = 0b11;

/** The index of no CD: stage 1 is bypassed. */
const NO_CD = -1;

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
  readonly #registers: Registers;
  readonly #eventQueue: EventQueue;
  readonly #configCache: ConfigCache;
  readonly #tlb: Tlb;
  readonly #streamTable: StreamTable;
  readonly #cdTable: CdTable;
  readonly #stage2: Stage2Walker;
  readonly #walker: Walker;
  /** A physical or intermediate address is above OAS, which is IAS, too, when its high half is at least this. */
  readonly #oasHighLimit: number;

  readonly #words = new Uint32Array(STE_WORDS);
  readonly #record = new Uint32Array(8);
  /** A prefetch records nothing. */
  #silent = false;
  readonly #prefetched: Transaction = {
    ...{ streamId: 0, substreamId: -1, addressHi: 0, addressLo: 0, outputAddress: -1 },
    ...{ write: false, privileged: false, instruction: false },
  };
  // Of the transaction in hand: attributes after the overrides, the index of its CD, and where it faulted.
  #privileged = false;
  #instruction = false;
  #cdIndex = NO_CD;
  readonly #fault: events.FaultSource = { stage2: false, cause: events.CLASS_IN, ipa: 0, fetchAddress: 0 };

  constructor(parts: TranslatorParts) {
    const { features, memory, registers, configCache, tlb } = parts;
    this.#features = features;
    this.#registers = registers;
    this.#eventQueue = parts.eventQueue;
    this.#configCache = configCache;
    this.#tlb = tlb;
    this.#streamTable = new StreamTable(memory, registers, configCache, features);
    this.#stage2 = new Stage2Walker(memory, tlb, features.bbml);
    this.#cdTable = new CdTable(memory, this.#stage2, this.#fault, features);
    this.#walker = new Walker(memory, tlb, this.#stage2, this.#fault, features.bbml);
    this.#oasHighLimit = 2 ** (features.oas - 32);
  }

  /** Returns PASS with `t.outputAddress` filled in, ABORT or RAZ_WI. Records the event, if any. */
  translate(t: Transaction): number {
    t.outputAddress = -1;
    if (!this.#registers.smmuEnabled) return this.#disabled(t);
    const entry = this.#configuration(t);
    if (entry === undefined) return ABORT;
    const ste = entry.ste;
    this.#privileged = override(ste.privcfg, t.privileged);
    // A write is Data whatever the device or INSTCFG says (13.1.2).
    this.#instruction = !t.write && override(ste.instcfg, t.instruction);

    const event = this.#selectCd(t, ste);
    if (event !== events.NONE) return this.#reject(t, event);
    if (this.#cdIndex === NO_CD) return this.#bypassStage1(t, entry);
    const context = this.#context(t, entry);
    if (context === undefined) return ABORT;
    if (context.cd.illegal) return this.#reject(t, events.C_BAD_CD);
    return this.#stage1(t, context);
  }

  /** CMD_PREFETCH_CONFIG: caches the STE and the CD that a transaction would use, silently. `substreamId` -1: none. */
  prefetchConfiguration(streamId: number, substreamId: number): void {
    if (!this.#registers.smmuEnabled) return;
    const t = this.#prefetched;
    t.streamId = streamId;
    t.substreamId = substreamId;
    this.#silent = true;
    const entry = this.#configuration(t);
    if (entry !== undefined && this.#selectCd(t, entry.ste) === events.NONE && this.#cdIndex !== NO_CD) {
      this.#context(t, entry);
    }
    this.#silent = false;
  }

  /** CMD_PREFETCH_ADDR, one address: caches its translation as that of a data read, silently. */
  prefetchAddress(streamId: number, substreamId: number, high: number, low: number): void {
    if (!this.#registers.smmuEnabled) return;
    const t = this.#prefetched;
    t.streamId = streamId;
    t.substreamId = substreamId;
    t.addressHi = high;
    t.addressLo = low;
    this.#silent = true;
    this.translate(t);
    this.#silent = false;
  }

  /** SMMUEN == 0: GBPA alone decides, and nothing is recorded (6.3.14). Its attribute overrides do not affect permissions. */
  #disabled(t: Transaction): number {
    if ((this.#registers.gbpa & GBPA_ABORT) !== 0) return ABORT;
    if (t.addressHi >>> 0 >= this.#oasHighLimit) return ABORT;
    t.outputAddress = toAddress(t.addressHi, t.addressLo);
    return PASS;
  }

  /** The cached configuration of a stream whose traffic may pass, fetched when there is none; undefined when it ends here. */
  #configuration(t: Transaction): ConfigEntry | undefined {
    if (!this.#streamTable.inRange(t.streamId)) return this.#badStreamId(t);
    let entry = this.#configCache.lookup(t.streamId);
    if (entry === undefined) {
      const found = this.#streamTable.fetch(t.streamId, this.#words);
      if (found === OUT_OF_RANGE) return this.#badStreamId(t);
      if (found !== FOUND) {
        this.#fault.fetchAddress = this.#streamTable.address;
        this.#reject(t, events.F_STE_FETCH);
        return undefined;
      }
      entry = this.#configCache.insert(t.streamId, decodeSte(this.#words, this.#features, this.#registers.e2h));
    }
    if (entry.ste.kind === STE_ILLEGAL) {
      this.#reject(t, events.C_BAD_STE);
      return undefined;
    }
    return entry.ste.kind === STE_ABORT ? undefined : entry;
  }

  #badStreamId(t: Transaction): undefined {
    if (this.#registers.recordsInvalidStreamIds) this.#reject(t, events.C_BAD_STREAMID);
    return undefined;
  }

  /** Which CD a transaction uses, by SubstreamID and S1DSS (5.2): into #cdIndex. NONE, or the event. */
  #selectCd(t: Transaction, ste: Ste): number {
    this.#cdIndex = NO_CD;
    if (t.substreamId >= 0) {
      if (!ste.stage1 || ste.s1CdMax === 0) return events.C_BAD_SUBSTREAMID;
      if (t.substreamId >= 2 ** ste.s1CdMax) return events.C_BAD_SUBSTREAMID;
      if (t.substreamId === 0 && ste.s1Dss === S1DSS_SUBSTREAM_0) return events.F_STREAM_DISABLED;
      this.#cdIndex = t.substreamId;
      return events.NONE;
    }
    if (!ste.stage1) return events.NONE;
    if (ste.s1CdMax !== 0) {
      if (ste.s1Dss === S1DSS_BYPASS) return events.NONE;
      if (ste.s1Dss !== S1DSS_SUBSTREAM_0) return events.F_STREAM_DISABLED;
    }
    this.#cdIndex = 0;
    return events.NONE;
  }

  /** The CD in #cdIndex, fetched when it is not cached; undefined when the transaction ends here. */
  #context(t: Transaction, entry: ConfigEntry): Context | undefined {
    const cached = entry.context(this.#cdIndex);
    if (cached !== undefined) {
      if (cached.epoch !== this.#tlb.epoch) this.#tag(cached, entry.ste);
      return cached;
    }
    const ste = entry.ste;
    const ipaSpace = this.#ipaSpaceOf(entry);
    const event = this.#cdTable.fetch(entry, this.#cdIndex, ipaSpace, this.#words);
    if (event !== events.NONE) {
      if (event >= events.F_TRANSLATION) this.#stage2Fault(t, ste.stage2!, event);
      else this.#reject(t, event);
      return undefined;
    }
    const cd = decodeCd(this.#words, this.#features, ste.world === NS_EL2);
    const context = { cd, epoch: -1, asidSpace: -1, globalSpace: -1, ipaSpace, stage2: ste.stage2 };
    this.#tag(context, ste);
    entry.insertContext(this.#cdIndex, context);
    return context;
  }

  /** The TLB spaces of a CD reached through an STE. */
  #tag(context: Context, ste: Ste): void {
    do {
      context.epoch = this.#tlb.epoch;
      context.asidSpace = this.#tlb.space(ste.world, context.cd.asid);
      // Where there are no ASIDs nG is without effect (3.17.1).
      if (context.cd.el2) context.globalSpace = context.asidSpace;
      else context.globalSpace = this.#tlb.space(ste.world, GLOBAL | context.cd.aset);
      context.ipaSpace = this.#tlb.space(ste.world, IPA);
    } while (context.epoch !== this.#tlb.epoch);
  }

  /** The TLB space of the IPAs of a stream. */
  #ipaSpaceOf(entry: ConfigEntry): number {
    if (entry.epoch !== this.#tlb.epoch) {
      entry.ipaSpace = this.#tlb.space(entry.ste.world, IPA);
      entry.epoch = this.#tlb.epoch;
    }
    return entry.ipaSpace;
  }

  /** No stage 1: the input address is an IPA, or without stage 2 the output. */
  #bypassStage1(t: Transaction, entry: ConfigEntry): number {
    this.#fault.stage2 = false;
    this.#fault.cause = events.CLASS_IN;
    if (t.addressHi >>> 0 >= this.#oasHighLimit) return this.#reject(t, events.F_ADDR_SIZE);
    const address = toAddress(t.addressHi, t.addressLo);
    const stage2 = entry.ste.stage2;
    if (stage2 === undefined) {
      t.outputAddress = address;
      return PASS;
    }
    this.#fault.stage2 = true;
    this.#fault.ipa = address;
    const event = this.#stage2.translate(stage2, this.#ipaSpaceOf(entry), address);
    this.#fault.fetchAddress = this.#stage2.fetchAddress;
    if (event !== events.NONE) return this.#stage2Fault(t, stage2, event);
    if (!permittedAtStage2(this.#stage2.permissions, this.#privileged, this.#instruction, t.write)) {
      return this.#stage2Fault(t, stage2, events.F_PERMISSION);
    }
    t.outputAddress = this.#stage2.outputOf(address);
    return PASS;
  }

  #stage1(t: Transaction, context: Context): number {
    const high = t.addressHi;
    const low = t.addressLo;
    const { cd, stage2 } = context;
    const fault = this.#fault;
    fault.stage2 = false;
    fault.cause = events.CLASS_IN;
    const range = (high & VA_55) !== 0 ? cd.high : cd.low;
    if (!inRange(high, low, range.signMaskHigh, range.signMaskLow) || range.disabled) {
      return this.#fault1(t, cd, events.F_TRANSLATION);
    }
    const tlb = this.#tlb;
    const walker = this.#walker;
    const slot = tlb.lookupLeaf(high, low, context.asidSpace, context.globalSpace);
    // An entry of a stream with the same tags and another number of stages is not for this one.
    const hit = slot >= 0 && ((tlb.attributesOf(slot) & NESTED) !== 0) === (stage2 !== undefined);
    let permissions: number;
    if (hit) {
      permissions = tlb.attributesOf(slot);
    } else {
      const event = walker.walk(cd, range, context, high, low);
      if (event !== events.NONE) return this.#walkFault(t, context, event);
      permissions = walker.permissions;
    }
    // At NS-EL2 privilege is not checked; events show it all the same.
    if (!permitted(permissions, this.#privileged || cd.el2, this.#instruction, t.write, cd.wxn, cd.pan)) {
      fault.stage2 = false;
      fault.cause = events.CLASS_IN;
      return this.#fault1(t, cd, events.F_PERMISSION);
    }
    if (!hit && stage2 !== undefined) {
      const event = walker.combine(stage2, context, high, low);
      if (event !== events.NONE) return this.#stage2Fault(t, stage2, event);
      permissions = walker.permissions;
    }
    const offset = low & OFFSET_MASK[hit ? tlb.kindOf(slot) : walker.kind]!;
    if (stage2 !== undefined && !permittedAtStage2(permissions, this.#privileged, this.#instruction, t.write)) {
      fault.stage2 = true;
      fault.cause = events.CLASS_IN;
      if (hit) fault.ipa = tlb.ipaOf(slot) + offset;
      return this.#stage2Fault(t, stage2, events.F_PERMISSION);
    }
    t.outputAddress = (hit ? tlb.addressOf(slot) : walker.outputBase) + offset;
    return PASS;
  }

  /** What a walk ended with: of stage 1, or of stage 2 on its way. */
  #walkFault(t: Transaction, context: Context, event: number): number {
    if (event === events.F_WALK_EABT) return this.#reject(t, event);
    if (this.#fault.stage2) return this.#stage2Fault(t, context.stage2!, event);
    return this.#fault1(t, context.cd, event);
  }

  /** A configuration error or an aborted fetch: always recorded, always an abort (5.5). */
  #reject(t: Transaction, event: number): number {
    if (this.#silent) return ABORT;
    events.encodeEvent(this.#record, event, t, this.#privileged, this.#instruction, this.#fault);
    this.#eventQueue.record(this.#record);
    return ABORT;
  }

  /** One of the four Translation-related faults of stage 1: CD.R and CD.A decide (5.5). */
  #fault1(t: Transaction, cd: Cd, event: number): number {
    if (cd.record) this.#reject(t, event);
    return cd.abort ? ABORT : RAZ_WI;
  }

  /** A fault of stage 2: always an abort; STE.S2R decides over the record of the four Translation-related ones (5.5). */
  #stage2Fault(t: Transaction, stage2: Stage2Config, event: number): number {
    if (stage2.record || event === events.F_WALK_EABT) this.#reject(t, event);
    return ABORT;
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
