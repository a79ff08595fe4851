/**
 * What the SMMU does on its own: acknowledging enables, consuming commands, delivering events (3.5, 6.3.9, 7.1, 7.2).
 *
 * Each step here may happen at any time after software or a device gave cause for it, so the judge follows every
 * order until something that forces completion (a settle, a CMD_SYNC) is observed.
 */
import { CERROR_ABT, CERROR_ILL, type CommandEffect, commandOptions, withError } from './commands.ts';
import type { EventName, EventRecord } from './events.ts';
import type { Features } from './features.ts';
import type { Invalidation } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import { commandQueue, eventQueue, full, index, next, occupancy, type QueueGeometry, slotAddress } from './queues.ts';
import { type Context, STOPS_COMMANDS, STOPS_EVENTS } from './register-words.ts';
import { completeGbpa } from './register-writes.ts';
import { commandCell, COMMANDS, EVENTS, eventCell } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import {
  CMDQ_CONS,
  CMDQ_PROD,
  CMDQEN,
  CR0,
  CR0ACK,
  EVENTQ_BASE,
  EVENTQ_CONS,
  EVENTQ_PROD,
  EVENTQEN,
  GERROR,
  GERROR_CMDQ_ERR,
  GERROR_EVENTQ_ABT_ERR,
  IRQ_CTRL,
  IRQ_CTRLACK,
  IRQEN_EVENTQ,
  IRQEN_GERROR,
  IRQEN_PRIQ,
  SMMUEN,
  type State,
} from './state.ts';
import { tableWindow } from './stream-table.ts';
import { transactionOutcomes } from './transaction.ts';
import { Undetermined } from './undetermined.ts';

export interface Environment extends Context {
  readonly memory: Memory;
  /** Told why anything at all is permitted from here on besides what the states show. */
  readonly chaos: (reason: string) => void;
}

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
const COMMAND_BYTES = 16;
const EVENT_BYTES = 32;
const ENABLES = [SMMUEN, EVENTQEN, CMDQEN];
/** PRIQEN, ATSCHK, VMW, DPT_WALK_EN. */
const OTHER_FIELDS = [1 << 1, 1 << 4, 0b111 << 6, 1 << 10];

/** The states that one thing happening may lead to; none when nothing is under way. */
export function successors(state: State, env: Environment): State[] {
  return [
    ...enableSteps(state, env),
    ...otherUpdates(state, env),
    ...eventSteps(state, env),
    ...commandSteps(state, env),
  ];
}

function enableSteps(state: State, env: Environment): State[] {
  const result: State[] = [];
  const requested = state.word(CR0);
  for (const field of OTHER_FIELDS) {
    if (((requested ^ state.cr0Ack) & field) === 0) continue;
    const other = state.copy();
    other.cr0InForce = ((state.cr0InForce & ~field) | (requested & field)) >>> 0;
    other.cr0Ack = ((state.cr0Ack & ~field) | (requested & field)) >>> 0;
    result.push(other);
  }
  for (const enable of ENABLES) {
    if (((requested ^ state.cr0InForce) & enable) !== 0) {
      const other = state.copy();
      takeForce(other, env, enable);
      result.push(other, ...queueReads(other, env, enable));
    } else if (((state.cr0InForce ^ state.cr0Ack) & enable) !== 0 && mayAcknowledge(state, enable)) {
      const other = state.copy();
      acknowledge(other, enable);
      result.push(other);
    }
  }
  return result;
}

/** The new value of an enable starts to govern what the SMMU does. */
function takeForce(state: State, env: Environment, enable: number): void {
  state.cr0InForce = (state.cr0InForce ^ enable) >>> 0;
  const on = (state.cr0InForce & enable) !== 0;
  if (enable === SMMUEN) {
    state.tables = on
      ? [...state.tables, tableWindow(state, env.features, env.now)]
      : state.tables.map((table) => (table.to === FOREVER ? { ...table, to: env.now } : table));
  }
  if (enable === CMDQEN) takeForceOfCommands(state, env, on);
  if (enable === EVENTQEN) {
    state.recorded = [];
    if (!on && state.events.length > 0) because(state, EVENTQ_PROD, ['ACK-024']);
    if (on && state.why(EVENTQ_PROD).includes('EVQ-001')) because(state, EVENTQ_PROD, ['EVQ-048']);
  }
}

function takeForceOfCommands(state: State, env: Environment, on: boolean): void {
  if (!on) {
    state.cmdqStuck = false;
    state.cmdqDisabledAt = env.now;
    state.invalidations = state.invalidations.map((i) => (i.complete ? i : { ...i, interrupted: 'ACK-021' }));
    return;
  }
  state.cmdqPublishedAt = env.now;
  const queue = commandQueue(state, env.features);
  const waiting = occupancy(state.word(CMDQ_PROD), state.word(CMDQ_CONS), queue.log2Size);
  const why: RuleId[] = ['CMDQ-033'];
  if (waiting > 0) why.push('CMDQ-090');
  if (waiting === 2 ** queue.log2Size) why.push('REG-327', 'CMDQ-002');
  if (waiting > 2 ** queue.log2Size) {
    why.push('CMDQ-019');
    env.chaos('the Command queue was enabled with inconsistent indexes');
  }
  if (index(state.word(CMDQ_CONS), queue.log2Size) !== 0) why.push('INIT-051');
  if ((state.activeErrors() & STOPS_COMMANDS) !== 0) why.push('CMDQ-061', 'ACK-022');
  because(state, CMDQ_CONS, why);
}

/** The SMMU may read the Event queue once it is enabled, and such a read may abort (7.2.2). */
function queueReads(state: State, env: Environment, enable: number): State[] {
  if (enable !== EVENTQEN || (state.cr0InForce & EVENTQEN) === 0) return [];
  if ((state.unknown(EVENTQ_BASE) | state.unknown(EVENTQ_BASE + 4)) !== 0) return [];
  const queue = eventQueue(state, env.features);
  if (env.memory.backing(queue.base) !== 'hole') return [];
  return [raise(state.copy(), GERROR_EVENTQ_ABT_ERR, ['EVQ-045', 'GERR-011'])];
}

/** EVENTQEN is acknowledged as 0 only when no committed event is outstanding; uncommitted ones are discarded (6.3.9.4). */
function mayAcknowledge(state: State, enable: number): boolean {
  return enable !== EVENTQEN || state.events.length === 0;
}

const ACK_RULES: Readonly<Record<number, readonly [on: RuleId, off: RuleId]>> = {
  [SMMUEN]: ['ACK-001', 'ACK-001'],
  [EVENTQEN]: ['ACK-005', 'ACK-005'],
  [CMDQEN]: ['ACK-003', 'ACK-003'],
};

function acknowledge(state: State, enable: number): void {
  state.cr0Ack = (state.cr0Ack ^ enable) >>> 0;
  const on = (state.cr0Ack & enable) !== 0;
  const why = state.why(CR0);
  if (enable === EVENTQEN && !on) because(state, EVENTQ_PROD, ['ACK-023']);
  if (enable === CMDQEN && !on) because(state, CMDQ_CONS, ['ACK-020']);
  const rule = ACK_RULES[enable]?.[on ? 0 : 1];
  state.change(CR0ACK, { why: rule === undefined ? why : [...why, rule] });
}

function otherUpdates(state: State, env: Environment): State[] {
  const result: State[] = [];
  for (const bit of [IRQEN_GERROR, IRQEN_PRIQ, IRQEN_EVENTQ]) {
    if (((state.word(IRQ_CTRL) ^ state.irqCtrlAck) & bit) !== 0) result.push(acknowledgeInterrupts(state, bit));
  }
  if (state.gbpaPending !== undefined) {
    const other = state.copy();
    completeGbpa(other, env.features);
    result.push(other);
  }
  return result;
}

/** One enable of IRQ_CTRL is acknowledged (6.3.16). */
function acknowledgeInterrupts(state: State, bit: number): State {
  const other = state.copy();
  other.irqCtrlAck = (state.irqCtrlAck ^ bit) >>> 0;
  const on = (other.irqCtrlAck & bit) !== 0;
  const line = bit === IRQEN_GERROR ? 'GERROR' : bit === IRQEN_EVENTQ ? 'EVTQ' : 'PRIQ';
  const why: RuleId[] = [...state.why(IRQ_CTRL)];
  if (bit === IRQEN_EVENTQ) why.push('ACK-034');
  if (bit === IRQEN_GERROR) why.push('ACK-036');
  other.change(IRQ_CTRLACK, { why });
  if (!on) {
    // No edge of the source becomes visible after the acknowledge.
    const { [line]: _, ...rest } = other.interrupts;
    other.interrupts = rest;
  } else if (line === 'EVTQ' && state.word(EVENTQ_PROD) !== state.word(EVENTQ_CONS)) {
    because(other, EVENTQ_PROD, ['ACK-041']);
  } else if (line === 'GERROR' && state.activeErrors() !== 0) {
    because(other, GERROR, ['GERR-038', 'ACK-041']);
  }
  return other;
}

function eventSteps(state: State, env: Environment): State[] {
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
  event.words.forEach((value, i) => {
    const known = event.known[i] ?? 0n;
    state.put(address + BigInt(i * 8), [{ value: value & known, known, rules, ...(i === 0 ? { cell } : {}) }]);
  });
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

/** An error is detected: its GERROR bit toggles unless the error is active already (7.5). */
function raise(state: State, error: number, rules: readonly RuleId[]): State {
  if ((state.activeErrors() & error) !== 0) return because(state, GERROR, ['GERR-003']);
  const before = state.word(GERROR);
  state.change(GERROR, { value: (before ^ error) >>> 0 });
  state.ghostErrors &= ~error;
  because(state, GERROR, [...rules, 'GERR-002', ...((before & error) !== 0 ? (['REG-197'] as const) : [])]);
  if ((state.irqCtrlAck & IRQEN_GERROR) !== 0) {
    state.due('GERROR', true, [...rules.slice(0, 1), 'GERR-036', 'MSI-003', 'MSI-006', 'SYNC-040', 'MSI-011']);
  } else {
    because(state, GERROR, ['GERR-037']);
  }
  return state;
}

function commandSteps(state: State, env: Environment): State[] {
  if ((state.cr0InForce & CMDQEN) === 0 || state.cmdqStuck) return [];
  if ((state.activeErrors() & STOPS_COMMANDS) !== 0) return [];
  const queue = commandQueue(state, env.features);
  const waiting = occupancy(state.word(CMDQ_PROD), state.word(CMDQ_CONS), queue.log2Size);
  if (waiting === 0 || waiting > 2 ** queue.log2Size) return [];
  needKnown(state, CMDQ_PROD, CMDQ_CONS);
  const address = slotAddress(queue, state.word(CMDQ_CONS), COMMAND_BYTES);
  const backing = env.memory.backing(address);
  if (backing === 'elsewhere') throw new Undetermined('the Command queue is outside RAM');
  if (backing === 'hole') {
    const other = state.copy();
    other.shown = [...state.shown, [COMMANDS, commandCell(undefined, false)]];
    return [commandError(other, env, CERROR_ABT, ['CMDQ-049', 'GERR-010'])];
  }
  const result: State[] = [];
  const [lows, highs] = [submitted(state, env, address), submitted(state, env, address + 8n)];
  const rewritten: RuleId[] = lows.length > 1 || highs.length > 1 ? ['CMDQ-026'] : [];
  for (const low of lows) {
    for (const high of highs) {
      const options = commandOptions(low, high, env.features);
      if (options === undefined) throw new Undetermined(`command 0x${(low & 0xffn).toString(16)}`);
      for (const plain of options) {
        const option = { ...plain, rules: [...plain.rules, ...rewritten] };
        // A CMD_SYNC completes only when the events of terminated transactions have become visible or are lost (4.7.3).
        if (option.effect.kind === 'sync' && state.events.length > 0) continue;
        const other = state.copy();
        const cell = commandCell(Number(low & 0xffn), option.effect.kind !== 'illegal');
        other.shown = [...state.shown, [COMMANDS, cell]];
        if (option.effect.kind === 'illegal') result.push(commandError(other, env, CERROR_ILL, option.rules));
        else
          result.push(
            consume(
              other,
              env,
              option.effect,
              [...option.rules, ...slotRules(state, env, address), ...queue.rules],
              queue.log2Size,
            ),
          );
      }
    }
  }
  return result;
}

/** What a word of a submitted command may be: software that alters it while the SMMU may read it leaves old and new (3.21.2). */
function submitted(state: State, env: Environment, address: bigint): readonly bigint[] {
  const now = state.content(env.memory, address).map(({ value }) => value);
  if (state.overlay.has(address)) return now;
  const since = env.memory.held(address, state.cmdqPublishedAt).filter((held) => held.to > state.cmdqPublishedAt);
  return [...new Set([...now, ...since.map((held) => held.value)])];
}

/** What the history of the slot shows: it was used before, or rewritten while the queue was disabled. */
function slotRules(state: State, env: Environment, address: bigint): RuleId[] {
  const history = env.memory.held(address, -2);
  const rules: RuleId[] = [];
  if (history.length > 2) rules.push('CMDQ-025');
  if (state.cmdqErrorAt >= 0 && (history.at(-1)?.from ?? -1) > state.cmdqErrorAt) rules.push('CMDQ-058');
  if (state.cmdqDisabledAt >= 0 && (history.at(-1)?.from ?? -1) > state.cmdqDisabledAt && history.length > 2)
    rules.push('CMDQ-063');
  return rules;
}

function commandError(state: State, env: Environment, code: number, rules: readonly RuleId[]): State {
  state.change(CMDQ_CONS, { value: withError(state.word(CMDQ_CONS), code) });
  state.change(CMDQ_CONS, { unknown: 0 });
  const why: RuleId[] = [...rules, 'CMDQ-047', 'CMDQ-051', 'CMDQ-053'];
  const before = state.why(CMDQ_CONS);
  if (before.includes('CMDQ-057') && !before.includes('CMD-013')) why.push('CMDQ-060');
  state.cmdqErrorAt = env.now;
  state.change(CMDQ_CONS, { why: why });
  state.invalidations = state.invalidations.map((i) => (i.complete ? i : { ...i, interrupted: 'CMDQ-092' }));
  const queued: RuleId[] = before.includes('CMDQ-090') ? ['GERR-035'] : [];
  return raise(state, GERROR_CMDQ_ERR, [...rules, ...queued, 'GERR-010', 'CMDQ-054', 'CMDQ-055']);
}

function consume(
  state: State,
  env: Environment,
  effect: CommandEffect,
  rules: readonly RuleId[],
  log2Size: number,
): State {
  const cons = state.word(CMDQ_CONS);
  const advanced = next(cons, log2Size);
  const why: RuleId[] = [...rules, 'CMDQ-024', 'CMD-013', 'CMD-001', 'CMDQ-027'];
  if ((advanced & (2 ** log2Size - 1)) === 0) why.push('CMDQ-004', 'CMDQ-005');
  if (log2Size === 0) why.push('CMDQ-008');
  const disabled = (state.cr0InForce & SMMUEN) === 0;
  if (disabled) why.push('CMDQ-043');
  state.change(CMDQ_CONS, { value: withError(advanced, (cons >>> 24) & 0x7f) });
  because(state, CMDQ_CONS, why);
  switch (effect.kind) {
    case 'invalidate':
      state.invalidations = [
        ...state.invalidations,
        { time: env.now, complete: false, scope: placed(effect.scope, env.features, disabled) },
      ];
      if (!disabled && effect.scope.cache === 'config' && effect.scope.first === effect.scope.last)
        because(state, EVENTQ_PROD, untouched(state, env, effect.scope.first));
      break;
    case 'sync':
      if (state.recorded.length > 0) because(state, EVENTQ_PROD, ['EVQ-050']);
      if ((state.cr0InForce & EVENTQEN) === 0 || state.why(EVENTQ_PROD).includes('EVQ-005'))
        because(state, CMDQ_CONS, ['SYNC-036']);
      state.recorded = [];
      if (state.why(EVENTQ_PROD).some((rule) => rule === 'EVQ-001' || rule === 'EVQ-003'))
        because(state, EVENTQ_PROD, ['EVQ-051']);
      state.invalidations = prune(
        state.invalidations.map((i) => (i.complete ? i : { ...i, complete: true, completedAt: env.now })),
      );
      if (effect.interrupt) state.due('CMD_SYNC', true, [...rules, 'SYNC-016', 'MSI-011']);
      break;
    case 'none':
      if (disabled && (rules.includes('CMD-023') || rules.includes('CMD-024'))) because(state, CMDQ_CONS, ['CMD-029']);
      break;
    case 'prefetch':
      if (disabled) because(state, CMDQ_CONS, ['CMD-029']);
      else because(state, EVENTQ_PROD, silently(state, env, effect));
      break;
    case 'illegal':
      break;
  }
  return state;
}

/** A bad structure that was made known, and that no transaction has used, is not reported (7.2). */
function untouched(state: State, env: Environment, streamId: number): RuleId[] {
  const events = wouldReport(state, env, { streamId, substreamId: undefined, address: 0n });
  return events.some((name) => name === 'C_BAD_STE' || name === 'C_BAD_CD') ? ['EVT-038'] : [];
}

/** What a prefetch comes across that a transaction would have reported, and it does not (4.2). */
function silently(state: State, env: Environment, effect: Extract<CommandEffect, { kind: 'prefetch' }>): RuleId[] {
  const { streamId, substreamId, address } = effect;
  if (streamId >= 2 ** env.features.sidSize) return [];
  const events = wouldReport(state, env, { streamId, substreamId, address: address ?? 0n });
  if (events.some((name) => name.startsWith('C_') || name.endsWith('_FETCH'))) return ['CMD-027', 'EVT-040'];
  return events.length > 0 && address !== undefined ? ['CMD-028', 'EVT-040'] : [];
}

/** Events that a read would cause with empty caches; none where the reference cannot say. */
function wouldReport(
  state: State,
  env: Environment,
  read: { streamId: number; substreamId: number | undefined; address: bigint },
): EventName[] {
  const transaction = { ...read, write: false, privileged: false, instruction: false };
  try {
    const { outcomes } = transactionOutcomes(transaction, state, env.memory, env.features, env.now, true);
    return outcomes.flatMap((outcome) => (outcome.event === undefined ? [] : [outcome.event.name]));
  } catch (error) {
    if (error instanceof Undetermined) return [];
    throw error;
  }
}

/** An invalidation with the rules that its circumstances add: translation disabled, everything at once. */
function placed<T extends Invalidation['scope']>(scope: T, f: Features, disabled: boolean): T {
  const rules: RuleId[] = [...scope.rules];
  if (disabled) rules.push(scope.cache === 'tlb' ? 'TLBI-032' : 'CFGI-050');
  if (rules.includes('CFGI-033') || rules.includes('TLBI-070')) rules.push(f.hyp ? 'INIT-068' : 'INIT-072');
  return { ...scope, rules };
}

/** Forgets invalidations that a later one of everything makes irrelevant. */
function prune(invalidations: readonly Invalidation[]): readonly Invalidation[] {
  const everything = (i: Invalidation): boolean =>
    i.complete &&
    (i.scope.cache === 'tlb'
      ? i.scope.asid === undefined && i.scope.range === undefined && i.scope.vmid === undefined
      : i.scope.ste && i.scope.first === 0 && i.scope.last === 0xffff_ffff);
  return invalidations.filter(
    (i, at) => !invalidations.slice(at + 1).some((later) => later.scope.cache === i.scope.cache && everything(later)),
  );
}

function because(state: State, offset: number, rules: readonly RuleId[]): State {
  const before = state.why(offset);
  state.change(offset, { why: [...before.filter((rule) => !rules.includes(rule)).slice(-24), ...rules] });
  return state;
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

function needKnown(state: State, ...offsets: readonly number[]): void {
  for (const offset of offsets) {
    if ((state.unknown(offset) & 0x800f_ffff) !== 0) {
      throw new Undetermined('a queue was used before its indexes were set');
    }
  }
}
