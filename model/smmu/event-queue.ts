/**
 * Delivery of event records into the Event queue (7.2.1, 7.2.2, 7.4): when it is writable, overflow, aborted writes, interrupt.
 * Write aborts are synchronous. With inconsistent indexes (3.5.1) nothing is written. Records are never merged.
 */
import type { Memory } from '../bus/memory.ts';
import type { Interrupts } from './interrupts.ts';
import { entriesBetween, nextIndex, slotOf } from './queues.ts';
import type { Registers } from './registers.ts';
import { GERROR_EVENTQ_ABT_ERR, IRQ_EVENTQ_IRQEN } from './register-map.ts';

const RECORD_BYTES = 32;
const RECORD_WORDS = 8;

export class EventQueue {
  readonly #memory: Memory;
  readonly #registers: Registers;
  readonly #interrupts: Interrupts;

  constructor(memory: Memory, registers: Registers, interrupts: Interrupts) {
    this.#memory = memory;
    this.#registers = registers;
    this.#interrupts = interrupts;
  }

  /** Records `record` (8 words), or discards it silently when the queue is not writable. */
  record(record: Uint32Array): void {
    const registers = this.#registers;
    if (!registers.eventqEnabled || registers.errorActive(GERROR_EVENTQ_ABT_ERR)) return;
    const log2Size = registers.eventqLog2Size;
    const prod = registers.eventqProd;
    const waiting = entriesBetween(prod, registers.eventqCons, log2Size);
    if (waiting >= 2 ** log2Size) {
      if (waiting === 2 ** log2Size) registers.eventOverflow();
      return;
    }
    const address = registers.eventqBase + slotOf(prod, log2Size) * RECORD_BYTES;
    if (!this.#memory.writeWords(address, record, RECORD_WORDS)) {
      registers.activateError(GERROR_EVENTQ_ABT_ERR);
      return;
    }
    registers.eventqProd = nextIndex(prod, log2Size);
    // Only the transition from empty to non-empty interrupts (3.18.2).
    if (waiting === 0 && (registers.irqCtrl & IRQ_EVENTQ_IRQEN) !== 0) this.#interrupts.raise('EVTQ');
  }
}
