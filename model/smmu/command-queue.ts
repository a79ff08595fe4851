/**
 * The Command queue (3.5, 4.1.2, 7.1): consumes entries in order while it is enabled, not empty and without an active error. Entries are
 * read one at a time when they are executed, so none is ever stale. With inconsistent indexes (3.5.1) nothing is consumed.
 */
import type { Memory } from '../bus/memory.ts';
import { CERROR_ABT, CERROR_NONE, COMMAND_BYTES, COMMAND_WORDS } from './commands.ts';
import type { Commands } from './commands.ts';
import { entriesBetween, nextIndex, slotOf } from './queues.ts';
import { GERROR_CMDQ_ERR } from './register-map.ts';
import type { Registers } from './registers.ts';

export class CommandQueue {
  readonly #memory: Memory;
  readonly #registers: Registers;
  readonly #commands: Commands;
  readonly #words = new Uint32Array(COMMAND_WORDS);

  constructor(memory: Memory, registers: Registers, commands: Commands) {
    this.#memory = memory;
    this.#registers = registers;
    this.#commands = commands;
  }

  /** Consumes what can be consumed. Ends: each turn moves CONS one entry towards PROD, which is at most 2^LOG2SIZE away. */
  run(): void {
    const registers = this.#registers;
    const log2Size = registers.cmdqLog2Size;
    while (registers.cmdqEnabled && !registers.errorActive(GERROR_CMDQ_ERR)) {
      const cons = registers.cmdqCons;
      const waiting = entriesBetween(registers.cmdqProd, cons, log2Size);
      if (waiting === 0 || waiting > 2 ** log2Size) return;
      const address = registers.cmdqBase + slotOf(cons, log2Size) * COMMAND_BYTES;
      const error = this.#memory.readWords(address, this.#words, COMMAND_WORDS)
        ? this.#commands.execute(this.#words)
        : CERROR_ABT;
      if (error !== CERROR_NONE) {
        registers.commandError(error);
        return;
      }
      registers.cmdqCons = nextIndex(cons, log2Size);
    }
  }
}
