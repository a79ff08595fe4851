/**
 * Delivering events (7.2, 7.4): the oldest outstanding event reaches the Event queue, is merged into an earlier one, or is lost.
 */
import type { Environment } from './environment.ts';
import type { EventRecord } from './events.ts';
import { raise } from './global-errors.ts';
import { eventQueue, full, index, needKnown, next, occupancy, type QueueGeometry, slotAddress } from './queues.ts';
import { because, STOPS_EVENTS } from './register-words.ts';
import { EVENTS, eventCell } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import {
  EVENTQ_CONS,
  EVENTQ_PROD,
  EVENTQEN,
  GERROR,
  GERROR_EVENTQ_ABT_ERR,
  IRQ_CTRLACK,
  IRQEN_EVENTQ,
  SMMUEN,
  type State,
} from './state.ts';
import { Undetermined } from './undetermined.ts';

/** Rules that show when a transaction breaks several at once (7.3.22). */
const PRIORITY: ReadonlySet<RuleId> = new Set<RuleId>([
  'EVT-186',
  'EVT-191',
  'EVT-192',
  'EVT-194',
  'EVT-196',
  'EVT-197',
  'WALK-127',
]);
const EVENT_BYTES = 32;

/** What may become of the events that are on their way. */
export function eventSteps(state: State, env: Environment): State[] {
  const event = state.events[0];
  return event === undefined ? [] : deliver(state, env, event);
}

/** The oldest outstanding event reaches the queue, or is discarded (7.2.1). */
function deliver(state: State, env: Environment, event: EventRecord): State[] {
  const base = state.copy();
  base.events = state.events.slice(1);
  if ((state.cr0InForce & EVENTQEN) === 0) return [because(base, EVENTQ_PROD, ['EVQ-001', 'CMDQ-066', 'EVQ-046'])];
  if ((state.activeErrors() & STOPS_EVENTS) !== 0) return [because(base, EVENTQ_PROD, ['EVQ-003', 'CMDQ-066'])];
  needKnown(state, EVENTQ_PROD, EVENTQ_CONS);
  const queue = eventQueue(state, env.features);
  const prod = state.word(EVENTQ_PROD);
  const cons = state.word(EVENTQ_CONS);
  const result: State[] = [];
  const twice = state.recorded.some((other) => identical(other, event));
  if (twice && event.mergeable !== undefined) {
    // The wording of 7.3.1 sets no limit to how much later a merged event may come.
    result.push(because(base.copy(), EVENTQ_PROD, [event.mergeable]));
  } else if (twice) because(base, EVENTQ_PROD, ['EVT-203']);
  else if (event.mergeable !== undefined && state.recorded.some((other) => other.name === event.name))
    because(base, EVENTQ_PROD, ['EVT-206']);
  const held = occupancy(prod, cons, queue.log2Size);
  if (held > 2 ** queue.log2Size) {
    env.chaos('the Event queue has inconsistent indexes');
    result.push(because(base.copy(), EVENTQ_PROD, ['EVQ-024']));
  }
  if (held >= 2 ** queue.log2Size) {
    const initially = state.why(EVENTQ_PROD).includes('REG-334') && state.recorded.length === 0;
    if (initially) because(base, EVENTQ_PROD, ['REG-362']);
    result.push(overflow(base, prod, cons));
    return result;
  }
  const address = slotAddress(queue, prod, EVENT_BYTES);
  if (env.memory.backing(address) === 'elsewhere') throw new Undetermined('the Event queue is outside RAM');
  if (env.memory.backing(address) === 'hole') return [...result, ...eventAbort(base, queue.log2Size)];
  result.push(record(base, event, address, queue));
  return result;
}

function overflow(state: State, prod: number, cons: number): State {
  const present = ((prod ^ cons) & 0x8000_0000) !== 0;
  if (present) return because(because(state, EVENTQ_PROD, ['EVQ-005', 'EVQ-026']), GERROR, ['EVQ-034']);
  state.change(EVENTQ_PROD, { value: (prod ^ 0x8000_0000) >>> 0 });
  const rearmed = state.why(EVENTQ_CONS).filter((rule) => rule === 'EVQ-027' || rule === 'EVQ-028');
  because(state, GERROR, ['EVQ-034']);
  return because(state, EVENTQ_PROD, ['EVQ-005', 'EVQ-025', 'EVQ-033', 'EVQ-035', 'CMDQ-002', ...rearmed]);
}

/** Whether anything was recorded before: the queue is empty again, not still. */
function prodMoved(prod: number, log2Size: number): boolean {
  return index(prod, log2Size) !== 0;
}

function record(state: State, event: EventRecord, address: bigint, queue: QueueGeometry): State {
  const { log2Size } = queue;
  const prod = state.word(EVENTQ_PROD);
  const cons = state.word(EVENTQ_CONS);
  const wasEmpty = occupancy(prod, cons, log2Size) === 0;
  const advanced = next(prod, log2Size);
  const rules: RuleId[] = [event.cause, 'EVQ-007', 'EVQ-036', 'EVQ-049', 'EVT-050', ...queue.rules, ...event.rules];
  const cell = [EVENTS, eventCell(event.name, event.words[1] ?? 0n, event.granule)] as const;
  state.put(
    event.words.map((value, i) => {
      const known = event.known[i] ?? 0n;
      return [address + BigInt(i * 8), [{ value: value & known, known, rules, ...(i === 0 ? { cell } : {}) }]];
    }),
  );
  state.change(EVENTQ_PROD, { value: (((prod & 0x8000_0000) >>> 0) + advanced) >>> 0 });
  if (!state.recorded.some((other) => identical(other, event))) state.recorded = [...state.recorded.slice(-15), event];
  const why: RuleId[] = ['EVQ-007', 'EVQ-037', 'CMDQ-066', event.cause];
  if (event.rules.some((rule) => PRIORITY.has(rule))) why.push('EVT-037');
  if ((advanced & (2 ** log2Size - 1)) === 0) why.push('EVQ-008', 'CMDQ-004');
  if (log2Size === 0) why.push('EVQ-010');
  if (((prod ^ cons) & 0x8000_0000) !== 0) why.push('EVQ-029');
  if (full(advanced, cons, log2Size)) why.push('EVQ-030', 'EVQ-006');
  if ((state.cr0InForce & SMMUEN) === 0) why.push('EVQ-056');
  const abortsBefore = (state.word(GERROR) & GERROR_EVENTQ_ABT_ERR) !== 0 || state.why(GERROR).includes('GERR-011');
  if (abortsBefore) why.push('EVQ-004');
  if (wasEmpty && (state.irqCtrlAck & IRQEN_EVENTQ) === 0) {
    why.push('REG-262');
    if (state.why(IRQ_CTRLACK).includes('ACK-034')) why.push('ACK-044');
  }
  if (!wasEmpty && (state.irqCtrlAck & IRQEN_EVENTQ) !== 0) why.push('EVQ-038');
  because(state, EVENTQ_PROD, why);
  state.drained = wasEmpty && (state.drained || prodMoved(prod, log2Size));
  if (wasEmpty && (state.irqCtrlAck & IRQEN_EVENTQ) !== 0) {
    const again: RuleId[] = state.drained ? ['EVQ-040'] : [];
    state.due('EVTQ', true, ['EVQ-039', 'MSI-002', 'MSI-006', 'MSI-011', 'EVQ-037', ...again]);
  }
  return state;
}

/** A record could not be written: what each kind of interconnect lets software see (7.2.2). */
function eventAbort(state: State, log2Size: number): State[] {
  const synchronous = raise(state.copy(), GERROR_EVENTQ_ABT_ERR, [
    'EVQ-042',
    'EVQ-066',
    'GERR-011',
    'EVQ-044',
    'GERR-041',
  ]);
  const lost = state.copy();
  const prod = state.word(EVENTQ_PROD);
  lost.change(EVENTQ_PROD, { value: (((prod & 0x8000_0000) >>> 0) + next(prod, log2Size)) >>> 0 });
  if (occupancy(prod, state.word(EVENTQ_CONS), log2Size) === 0 && (state.irqCtrlAck & IRQEN_EVENTQ) !== 0) {
    lost.due('EVTQ', false, ['EVQ-043']);
  }
  const asynchronous = raise(lost.copy(), GERROR_EVENTQ_ABT_ERR, ['EVQ-043', 'GERR-011']);
  return [synchronous, asynchronous, because(lost, EVENTQ_PROD, ['EVQ-044', 'GERR-041'])];
}

function identical(a: EventRecord, b: EventRecord): boolean {
  return (
    a.name === b.name &&
    a.words.every((word, i) => {
      // Merging ignores InputAddr[11:0] (7.3.13).
      const ignored = i === 2 ? 0xfffn : 0n;
      return ((word ^ (b.words[i] ?? 0n)) & (a.known[i] ?? 0n) & (b.known[i] ?? 0n) & ~ignored) === 0n;
    })
  );
}
