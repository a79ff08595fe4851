/**
 * The register file of the Non-secure interface (6.2, 6.3.1-6.3.29, 6.3.95, 6.3.96): storage, reserved bits, guards, acknowledgements.
 *
 * Choices among what is permitted: every Update completes at once, so the guards "enable and acknowledge both 0" are one
 * test; 8- and 16-bit and misaligned accesses are RAZ/WI (6.2); a 64-bit access is two 32-bit ones, low half first, also on two
 * 32-bit registers; Page 0 0xA8 and 0xAC are RAZ/WI; undefined places of Page 1 are RES0; index bits above [QS] read as zero.
 * What follows from a write (queues start, errors restart) is done by `effects`.
 */
import { aidr, idr0, idr1, idr3, idr5, ID_REGS, IIDR } from './features.ts';
import type { Features } from './features.ts';
import { extract, alignDown, maskIn, toAddress } from './layout.ts';
import { indexMask } from './queues.ts';
import type { Interrupts } from './interrupts.ts';
import * as map from './register-map.ts';

/** Called after the register has taken its new value. */
export interface RegisterEffects {
  /** Something that might let the Command queue run: CMDQ_PROD, CR0.CMDQEN or GERRORN was written. */
  considerCommandQueue(): void;
}

export class Registers {
  readonly #features: Features;
  readonly #interrupts: Interrupts;
  readonly #effects: RegisterEffects;
  /** What of the high half of an address register is stored: the hint and address bits below OAS. */
  readonly #baseHigh: number;

  /** CR0 and CR0ACK: equal whenever anyone can look. */
  cr0 = 0;
  cr1 = 0;
  cr2 = 0;
  gbpa = 0;
  irqCtrl = 0;
  gerror = 0;
  gerrorn = 0;
  #strtabLow = 0;
  #strtabHigh = 0;
  #strtabCfg = 0;
  #cmdqLow = 0;
  #cmdqHigh = 0;
  #cmdqProd = 0;
  #cmdqCons = 0;
  /** CMDQ_CONS.ERR. */
  #cmdqErr = 0;
  #eventqLow = 0;
  #eventqHigh = 0;
  #eventqProd = 0;
  #eventqCons = 0;
  #ovflg = 0;
  #ovackflg = 0;

  // Effective values, worked out when their registers change.
  strtabBase = 0;
  /** 2^MIN(LOG2SIZE, SIDSIZE). */
  strtabEntries = 1;
  /** StreamID bits that index the second level; 0: the Stream table is linear. */
  strtabSplit = 0;
  cmdqBase = 0;
  cmdqLog2Size = 0;
  eventqBase = 0;
  eventqLog2Size = 0;

  constructor(features: Features, interrupts: Interrupts, effects: RegisterEffects) {
    this.#features = features;
    this.#interrupts = interrupts;
    this.#effects = effects;
    this.#baseHigh = (map.BASE_HINT_HIGH | (2 ** (features.oas - 32) - 1)) >>> 0;
    this.reset();
  }

  /** Reset values (3.11). Fields whose reset value is UNKNOWN are zero. */
  reset(): void {
    this.cr0 = this.cr1 = this.cr2 = 0;
    this.gbpa = this.#features.gbpaAbort ? map.GBPA_ABORT : 0;
    this.irqCtrl = this.gerror = this.gerrorn = 0;
    this.#strtabLow = this.#strtabHigh = this.#strtabCfg = 0;
    this.#cmdqLow = this.#cmdqHigh = this.#cmdqProd = this.#cmdqCons = this.#cmdqErr = 0;
    this.#eventqLow = this.#eventqHigh = this.#eventqProd = this.#eventqCons = 0;
    this.#ovflg = this.#ovackflg = 0;
    this.#deriveStrtab();
    this.#deriveQueues();
  }

  get smmuEnabled(): boolean {
    return (this.cr0 & map.CR0_SMMUEN) !== 0;
  }
  get cmdqEnabled(): boolean {
    return (this.cr0 & map.CR0_CMDQEN) !== 0;
  }
  get eventqEnabled(): boolean {
    return (this.cr0 & map.CR0_EVENTQEN) !== 0;
  }
  get recordsInvalidStreamIds(): boolean {
    return (this.cr2 & map.CR2_RECINVSID) !== 0;
  }
  /** Streams of EL2 are NS-EL2-E2H rather than NS-EL2. */
  get e2h(): boolean {
    return (this.cr2 & map.CR2_E2H) !== 0;
  }

  get cmdqProd(): number {
    return this.#cmdqProd & indexMask(this.cmdqLog2Size);
  }
  get cmdqCons(): number {
    return this.#cmdqCons & indexMask(this.cmdqLog2Size);
  }
  set cmdqCons(index: number) {
    this.#cmdqCons = index;
  }
  get eventqProd(): number {
    return this.#eventqProd & indexMask(this.eventqLog2Size);
  }
  set eventqProd(index: number) {
    this.#eventqProd = index;
  }
  get eventqCons(): number {
    return this.#eventqCons & indexMask(this.eventqLog2Size);
  }

  /** Whether an error bit of GERROR is active: it differs from its acknowledgement (7.5). */
  errorActive(error: number): boolean {
    return ((this.gerror ^ this.gerrorn) & error) !== 0;
  }

  /** Activates an error that is not active, with its interrupt (7.5.1). One that is active stays as it is. */
  activateError(error: number): void {
    if (this.errorActive(error)) return;
    this.gerror ^= error;
    if ((this.irqCtrl & map.IRQ_GERROR_IRQEN) !== 0) this.#interrupts.raise('GERROR');
  }

  /** A Command queue error: the reason is visible before GERROR.CMDQ_ERR is (7.1). */
  commandError(reason: number): void {
    this.#cmdqErr = reason;
    this.activateError(map.GERROR_CMDQ_ERR);
  }

  /** An event was discarded because the queue is full (7.4): OVFLG toggles unless an overflow is outstanding. */
  eventOverflow(): void {
    if (this.#ovflg === this.#ovackflg) this.#ovflg ^= 1;
  }

  /** Reads a 32-bit register; anything that is not one reads as zero. `offset` is a multiple of 4 below 0x20000. */
  read32(offset: number): number {
    switch (offset) {
      case map.IDR0:
        return idr0(this.#features);
      case map.IDR1:
        return idr1(this.#features);
      case map.IDR3:
        return idr3(this.#features);
      case map.IDR5:
        return idr5(this.#features);
      case map.IIDR_OFFSET:
        return IIDR;
      case map.AIDR:
        return aidr(this.#features);
      case map.CR0:
      case map.CR0ACK:
        return this.cr0;
      case map.CR1:
        return this.cr1;
      case map.CR2:
        return this.cr2;
      case map.GBPA:
        return this.gbpa;
      case map.IRQ_CTRL:
      case map.IRQ_CTRLACK:
        return this.irqCtrl;
      case map.GERROR:
        return this.gerror;
      case map.GERRORN:
        return this.gerrorn;
      case map.STRTAB_BASE:
        return this.#strtabLow;
      case map.STRTAB_BASE + 4:
        return this.#strtabHigh;
      case map.STRTAB_BASE_CFG:
        return this.#strtabCfg;
      case map.CMDQ_BASE:
        return this.#cmdqLow;
      case map.CMDQ_BASE + 4:
        return this.#cmdqHigh;
      case map.CMDQ_PROD:
        return this.cmdqProd;
      case map.CMDQ_CONS:
        return this.cmdqCons + this.#cmdqErr * 2 ** map.CMDQ_CONS_ERR.shift;
      case map.EVENTQ_BASE:
        return this.#eventqLow;
      case map.EVENTQ_BASE + 4:
        return this.#eventqHigh;
      case map.EVENTQ_PROD:
        return this.eventqProd + this.#ovflg * map.OVERFLOW_FLAG;
      case map.EVENTQ_CONS:
        return this.eventqCons + this.#ovackflg * map.OVERFLOW_FLAG;
      default:
        // IDR2, IDR4, STATUSR, AGBPA, features that are absent, and every undefined place: zero.
        if (offset >= map.ID_REGS_FIRST && offset <= map.ID_REGS_LAST)
          return ID_REGS[(offset - map.ID_REGS_FIRST) / 4] ?? 0;
        return 0;
    }
  }

  /** Writes a 32-bit register; ignored where it is read-only, guarded or not there. `value` is unsigned. */
  write32(offset: number, value: number): void {
    switch (offset) {
      case map.CR0:
        this.cr0 = value & map.CR0_WRITABLE;
        this.#effects.considerCommandQueue();
        return;
      case map.CR1: {
        const writable =
          (this.smmuEnabled ? 0 : map.CR1_TABLE) | (this.cmdqEnabled || this.eventqEnabled ? 0 : map.CR1_QUEUE);
        this.cr1 = (this.cr1 & ~writable) | (value & writable);
        return;
      }
      case map.CR2:
        if (!this.smmuEnabled) this.cr2 = value & this.#cr2Writable();
        return;
      case map.GBPA:
        // Only a write with Update set counts; the update is done at once, so Update never reads as 1 (6.3.14.1).
        if ((value & map.GBPA_UPDATE) !== 0) this.gbpa = value & this.#gbpaWritable();
        return;
      case map.IRQ_CTRL:
        this.irqCtrl = value & map.IRQ_WRITABLE;
        return;
      case map.GERRORN:
        this.gerrorn = value & map.GERROR_BITS;
        this.#effects.considerCommandQueue();
        return;
      case map.STRTAB_BASE:
        if (this.smmuEnabled) return;
        this.#strtabLow = (value & map.STRTAB_BASE_LOW) >>> 0;
        this.#deriveStrtab();
        return;
      case map.STRTAB_BASE + 4:
        if (this.smmuEnabled) return;
        this.#strtabHigh = (value & this.#baseHigh) >>> 0;
        this.#deriveStrtab();
        return;
      case map.STRTAB_BASE_CFG:
        if (this.smmuEnabled) return;
        this.#strtabCfg = value & this.#strtabCfgWritable();
        this.#deriveStrtab();
        return;
      case map.CMDQ_BASE:
        if (this.cmdqEnabled) return;
        this.#cmdqLow = (value & (map.QUEUE_BASE_LOW | maskIn(map.QUEUE_LOG2SIZE))) >>> 0;
        this.#deriveQueues();
        return;
      case map.CMDQ_BASE + 4:
        if (this.cmdqEnabled) return;
        this.#cmdqHigh = (value & this.#baseHigh) >>> 0;
        this.#deriveQueues();
        return;
      case map.CMDQ_PROD:
        this.#cmdqProd = value & map.INDEX_BITS;
        this.#effects.considerCommandQueue();
        return;
      case map.CMDQ_CONS:
        // ERR may take the written value or not (6.3.28): it does not.
        if (!this.cmdqEnabled) this.#cmdqCons = value & map.INDEX_BITS;
        return;
      case map.EVENTQ_BASE:
        if (this.eventqEnabled) return;
        this.#eventqLow = (value & (map.QUEUE_BASE_LOW | maskIn(map.QUEUE_LOG2SIZE))) >>> 0;
        this.#deriveQueues();
        return;
      case map.EVENTQ_BASE + 4:
        if (this.eventqEnabled) return;
        this.#eventqHigh = (value & this.#baseHigh) >>> 0;
        this.#deriveQueues();
        return;
      case map.EVENTQ_PROD:
        if (this.eventqEnabled) return;
        this.#eventqProd = value & map.INDEX_BITS;
        this.#ovflg = value >>> 31;
        return;
      case map.EVENTQ_CONS:
        this.#eventqCons = value & map.INDEX_BITS;
        this.#ovackflg = value >>> 31;
        return;
    }
  }

  #cr2Writable(): number {
    return map.CR2_RECINVSID | (this.#features.hyp ? map.CR2_E2H : 0);
  }

  #gbpaWritable(): number {
    return map.GBPA_ABORT | (this.#features.attrPermsOvr ? maskIn(map.GBPA_INSTCFG, map.GBPA_PRIVCFG) : 0);
  }

  #strtabCfgWritable(): number {
    return maskIn(map.STRTAB_LOG2SIZE, ...(this.#features.stLevel === 0 ? [] : [map.STRTAB_SPLIT, map.STRTAB_FMT]));
  }

  /** Alignment uses the literal LOG2SIZE, range and index the one capped to SIDSIZE (6.3.24, 6.3.25). */
  #deriveStrtab(): void {
    const log2Size = extract(this.#strtabCfg, map.STRTAB_LOG2SIZE);
    const address = toAddress(this.#strtabHigh & ~map.BASE_HINT_HIGH, this.#strtabLow);
    this.strtabSplit = splitOf(this.#strtabCfg);
    // A first-level table has at least 64 bytes.
    this.strtabBase = alignDown(
      address,
      this.strtabSplit === 0 ? log2Size + 6 : Math.max(6, log2Size - this.strtabSplit + 3),
    );
    this.strtabEntries = 2 ** Math.min(log2Size, this.#features.sidsize);
  }

  /** Sizes are capped to CMDQS and EVENTQS except on readback; bases aligned to the queue, at least to 32 bytes (6.3.26, 6.3.29). */
  #deriveQueues(): void {
    this.cmdqLog2Size = Math.min(extract(this.#cmdqLow, map.QUEUE_LOG2SIZE), this.#features.cmdqs);
    this.cmdqBase = alignDown(
      toAddress(this.#cmdqHigh & ~map.BASE_HINT_HIGH, this.#cmdqLow & map.QUEUE_BASE_LOW),
      Math.max(5, this.cmdqLog2Size + 4),
    );
    this.eventqLog2Size = Math.min(extract(this.#eventqLow, map.QUEUE_LOG2SIZE), this.#features.eventqs);
    this.eventqBase = alignDown(
      toAddress(this.#eventqHigh & ~map.BASE_HINT_HIGH, this.#eventqLow & map.QUEUE_BASE_LOW),
      this.eventqLog2Size + 5,
    );
  }
}

/** The effective SPLIT of a 2-level table: Reserved values behave as 6. 0: FMT selects a linear one, as its Reserved values do. */
function splitOf(strtabCfg: number): number {
  if (extract(strtabCfg, map.STRTAB_FMT) !== map.STRTAB_FMT_2LEVEL) return 0;
  const split = extract(strtabCfg, map.STRTAB_SPLIT);
  return split === 8 || split === 10 ? split : 6;
}
