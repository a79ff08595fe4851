/** What was observed: one observation an action. Pure data; stored, compared, judged. */

/** The wired interrupts of the Non-secure interface (3.18.2). */
export type Interrupt = 'EVTQ' | 'CMD_SYNC' | 'GERROR' | 'PRIQ';

export type Outcome =
  /** A write that completed, or a settle. */
  | { readonly kind: 'done' }
  /** A register read. */
  | { readonly kind: 'value'; readonly value: bigint }
  /** A memory read, or a DMA read that completed. */
  | { readonly kind: 'data'; readonly data: Uint8Array }
  /** The access was answered with an abort. */
  | { readonly kind: 'abort' }
  /**
   * The device cannot tell an abort from a completion. `data`: what its buffer holds after a read (zeros: an abort,
   * RAZ, or zeros in memory).
   */
  | { readonly kind: 'unclear'; readonly data?: Uint8Array };

export interface Observation {
  readonly outcome: Outcome;
  /** Interrupt edges seen since the previous observation, in order. */
  readonly interrupts: readonly Interrupt[];
  /** Output address of a DMA, from a subject that can tell (a white box). */
  readonly outputAddress?: bigint;
}

/** The ID registers that say what the implementation has (6.3.1-6.3.8), as read from it. */
export interface IdRegisters {
  readonly IDR0: number;
  readonly IDR1: number;
  readonly IDR2: number;
  readonly IDR3: number;
  readonly IDR4: number;
  readonly IDR5: number;
  readonly IIDR: number;
  readonly AIDR: number;
}

export interface Trace {
  readonly subject: string;
  readonly idRegisters: IdRegisters;
  /** As long as the program's actions, unless `died` says why it ended. */
  readonly observations: readonly Observation[];
  /** The subject crashed or hung during the action after the last observation. */
  readonly died?: string;
}
