/**
 * A machine to test against: RAM, one SMMU in front of its devices, and the interrupt lines, in one Non-secure address space.
 * No CPU, no devices of its own: the caller is both.
 */
import { Memory } from './bus/memory.ts';
import type { InitialPage, RamRegion } from './bus/memory.ts';
import { resolveFeatures } from './smmu/features.ts';
import type { Features } from './smmu/features.ts';
import { Smmu } from './smmu/smmu.ts';
import type { RegisterValue } from './smmu/smmu.ts';
import { PASS, RAZ_WI } from './smmu/transaction.ts';
import type { Transaction } from './smmu/transaction.ts';

/** 'ok' also for an access that the SMMU completed without effect (RAZ/WI). */
export type DmaResult = 'ok' | 'abort';

export interface SystemOptions {
  /** Replaces defaults of `defaultFeatures`; throws when the combination is not possible. */
  readonly features?: Partial<Features>;
  /** Fills a zeroed 4 KiB page with what memory at physical `base` holds at the start. */
  readonly initialPage?: InitialPage;
  readonly ram: readonly RamRegion[];
}

export class System {
  readonly features: Features;
  readonly #memory: Memory;
  readonly #smmu: Smmu;

  constructor(options: SystemOptions) {
    this.features = resolveFeatures(options.features);
    this.#memory = new Memory(options.ram, options.initialPage);
    this.#smmu = new Smmu(this.features, this.#memory);
  }

  /** Everything to its reset state: registers, caches, interrupts, memory. */
  reset(): void {
    this.#memory.reset();
    this.#smmu.reset();
  }

  /** The SMMU alone to its reset state: registers, caches, interrupts. Memory keeps what it holds. */
  resetSmmu(): void {
    this.#smmu.reset();
  }

  /**
   * Reads `bytes` at `offset` from the SMMU's base. The halves are unsigned; `hi` is 0 for 4 bytes and fewer. The object
   * returned is reused by the next read. 'abort' outside Pages 0 and 1 (6.2).
   */
  readRegister(offset: number, bytes: number): RegisterValue | 'abort' {
    return this.#smmu.readRegister(offset, bytes);
  }

  /** Writes `bytes` at `offset` from the SMMU's base, with all that follows from it. False: the access aborted. */
  writeRegister(offset: number, bytes: number, hi: number, lo: number): boolean {
    return this.#smmu.writeRegister(offset, bytes, hi, lo);
  }

  /** The CPU reads physical memory; false when nothing is there. */
  readMemory(address: number, into: Uint8Array): boolean {
    return this.#memory.read(address, into);
  }

  /** The CPU writes physical memory; false when nothing is there. */
  writeMemory(address: number, data: Uint8Array): boolean {
    return this.#memory.write(address, data);
  }

  /** A device reads; `into` is filled when 'ok'. The access must not cross a 4 KiB page. */
  dmaRead(t: Transaction, into: Uint8Array): DmaResult {
    t.write = false;
    const end = this.#smmu.translate(t);
    if (end === PASS) return this.#memory.read(t.outputAddress, into) ? 'ok' : 'abort';
    if (end !== RAZ_WI) return 'abort';
    into.fill(0);
    return 'ok';
  }

  /** A device writes. The access must not cross a 4 KiB page. */
  dmaWrite(t: Transaction, data: Uint8Array): DmaResult {
    t.write = true;
    const end = this.#smmu.translate(t);
    if (end === PASS) return this.#memory.write(t.outputAddress, data) ? 'ok' : 'abort';
    return end === RAZ_WI ? 'ok' : 'abort';
  }

  /** Interrupt edges since they were last taken, in order. */
  takeInterrupts(): string[] {
    return this.#smmu.interrupts.take();
  }
}
