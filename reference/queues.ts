/**
 * Circular queues in memory (3.5): indexes with a wrap flag, effective base and size, full and empty.
 */
import { Undetermined } from './undetermined.ts';
import { alignDown, ones } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import { CMDQ_BASE, EVENTQ_BASE, type State } from './state.ts';

export interface QueueGeometry {
  /** log2 of the number of entries, capped as IDR1 says (6.3.26, 6.3.29). */
  readonly log2Size: number;
  /** Effective base: aligned to the queue's size, at least 32 bytes, truncated to OAS. */
  readonly base: bigint;
  /** Rules that made size or base other than what was written. */
  readonly rules: readonly RuleId[];
}

export function commandQueue(state: State, f: Features): QueueGeometry {
  const queue = geometry(state, f, CMDQ_BASE, f.cmdqs, 4, 'CMDQ-009', 'CMDQ-011');
  return queue.log2Size <= 1 ? { ...queue, rules: [...queue.rules, 'CMDQ-012'] } : queue;
}

export function eventQueue(state: State, f: Features): QueueGeometry {
  return geometry(state, f, EVENTQ_BASE, f.eventqs, 5, 'EVQ-012', 'EVQ-013');
}

function geometry(
  state: State,
  f: Features,
  register: number,
  cap: number,
  log2Entry: number,
  capped: RuleId,
  aligned: RuleId,
): QueueGeometry {
  const unknown = (BigInt(state.unknown(register + 4)) << 32n) | BigInt(state.unknown(register));
  if ((unknown & ones(f.oas)) !== 0n) throw new Undetermined('a queue was used before its base was set');
  const value = state.double(register);
  const literal = Number(value & 0x1fn);
  const log2Size = Math.min(literal, cap);
  const address = value & ones(56) & ~0x1fn;
  const truncated = address & ones(f.oas);
  const base = alignDown(truncated, Math.max(5, log2Size + log2Entry));
  const rules: RuleId[] = [];
  if (literal > cap) rules.push(capped);
  if (base !== truncated) rules.push(aligned);
  if (truncated !== address) rules.push(register === CMDQ_BASE ? 'REG-313' : 'EVQ-014');
  return { log2Size, base, rules };
}

/** The index bits and the wrap flag of a PROD or CONS value: bits [QS:0]. */
export function index(value: number, log2Size: number): number {
  return (value & (2 ** (log2Size + 1) - 1)) >>> 0;
}

/** Entries between the consumer and the producer, 0 .. 2^QS; more than that: the indexes are inconsistent. */
export function occupancy(prod: number, cons: number, log2Size: number): number {
  const modulus = 2 ** (log2Size + 1);
  return (index(prod, log2Size) - index(cons, log2Size) + modulus) % modulus;
}

/** Whether every slot holds an entry: indexes equal, wrap flags different. */
export function full(prod: number, cons: number, log2Size: number): boolean {
  return occupancy(prod, cons, log2Size) === 2 ** log2Size;
}

export function next(value: number, log2Size: number): number {
  return (index(value, log2Size) + 1) % 2 ** (log2Size + 1);
}

/** Byte address of the slot that an index names. */
export function slotAddress(queue: QueueGeometry, at: number, entryBytes: number): bigint {
  return queue.base + BigInt((at & (2 ** queue.log2Size - 1)) * entryBytes);
}

/** The indexes of a queue are used: until software sets them they are UNKNOWN. */
export function needKnown(state: State, ...offsets: readonly number[]): void {
  for (const offset of offsets) {
    if ((state.unknown(offset) & 0x800f_ffff) !== 0) {
      throw new Undetermined('a queue was used before its indexes were set');
    }
  }
}
