/**
 * The wired interrupts of the Non-secure interface (3.18.2): edges, with no pending state to clear.
 * CMD_SYNC has no enable bit; the others are gated by IRQ_CTRL where they are raised. No MSIs, no PRI queue.
 */

export type InterruptName = 'EVTQ' | 'CMD_SYNC' | 'GERROR';

/** Edges beyond these, with nobody taking any, are coalesced into those before (3.18). */
const EDGES_MAX = 1024;

export class Interrupts {
  #edges: InterruptName[] = [];

  /** One edge on the named output. */
  raise(name: InterruptName): void {
    if (this.#edges.length < EDGES_MAX) this.#edges.push(name);
  }

  /** The edges since they were last taken, in order. */
  take(): InterruptName[] {
    if (this.#edges.length === 0) return [];
    const edges = this.#edges;
    this.#edges = [];
    return edges;
  }

  reset(): void {
    this.#edges = [];
  }
}
