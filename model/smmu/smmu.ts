/**
 * An SMMUv3 with its Non-secure programming interface: puts the parts together and gives them the bus's view. Everything happens at
 * once: a register write has had all its effects, commands included, when it returns.
 */
import type { Memory } from '../bus/memory.ts';
import { CommandQueue } from './command-queue.ts';
import { Commands } from './commands.ts';
import { ConfigCache } from './config-cache.ts';
import { EventQueue } from './event-queue.ts';
import type { Features } from './features.ts';
import { Interrupts } from './interrupts.ts';
import { REGISTER_BYTES } from './register-map.ts';
import { Registers } from './registers.ts';
import { Tlb } from './tlb.ts';
import { Translator } from './translate.ts';
import type { Transaction } from './transaction.ts';

/** The value of a register read, as unsigned 32-bit halves. */
export interface RegisterValue {
  hi: number;
  lo: number;
}

export class Smmu {
  readonly interrupts = new Interrupts();
  readonly #registers: Registers;
  readonly #configCache: ConfigCache;
  readonly #tlb = new Tlb();
  readonly #translator: Translator;
  readonly #commandQueue: CommandQueue;
  readonly #value: RegisterValue = { hi: 0, lo: 0 };

  constructor(features: Features, memory: Memory) {
    const registers = new Registers(features, this.interrupts, {
      considerCommandQueue: () => this.#commandQueue.run(),
    });
    const configCache = new ConfigCache(features.sidsize);
    const eventQueue = new EventQueue(memory, registers, this.interrupts);
    const tlb = this.#tlb;
    const translator = new Translator({ features, memory, registers, eventQueue, configCache, tlb });
    const commands = new Commands({ features, registers, interrupts: this.interrupts, configCache, tlb, translator });
    this.#registers = registers;
    this.#configCache = configCache;
    this.#translator = translator;
    this.#commandQueue = new CommandQueue(memory, registers, commands);
  }

  /** Registers to their reset values, caches empty, no interrupt waiting. */
  reset(): void {
    this.#registers.reset();
    this.#configCache.invalidateAll();
    this.#tlb.reset();
    this.interrupts.reset();
  }

  /** See System.readRegister. */
  readRegister(offset: number, bytes: number): RegisterValue | 'abort' {
    if (!insidePages(offset, bytes)) return 'abort';
    const legal = isLegal(offset, bytes);
    this.#value.lo = legal ? this.#registers.read32(offset) >>> 0 : 0;
    this.#value.hi = legal && bytes === 8 ? this.#registers.read32(offset + 4) >>> 0 : 0;
    return this.#value;
  }

  /** See System.writeRegister. */
  writeRegister(offset: number, bytes: number, hi: number, lo: number): boolean {
    if (!insidePages(offset, bytes)) return false;
    if (!isLegal(offset, bytes)) return true;
    this.#registers.write32(offset, lo >>> 0);
    if (bytes === 8) this.#registers.write32(offset + 4, hi >>> 0);
    return true;
  }

  /** PASS, ABORT or RAZ_WI; see Translator.translate. */
  translate(transaction: Transaction): number {
    return this.#translator.translate(transaction);
  }
}

function insidePages(offset: number, bytes: number): boolean {
  return offset >= 0 && offset + bytes <= REGISTER_BYTES;
}

/** 32- and 64-bit accesses, aligned; others are RAZ/WI (6.2). */
function isLegal(offset: number, bytes: number): boolean {
  return (bytes === 4 || bytes === 8) && offset % bytes === 0;
}
