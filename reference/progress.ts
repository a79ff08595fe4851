/**
 * What the SMMU does on its own: acknowledging enables, consuming commands, delivering events (3.5, 6.3.9, 7.1, 7.2).
 *
 * Each step may happen at any time after software or a device gave cause for it, so the judge follows every order until
 * something that forces completion (a settle, a CMD_SYNC) is observed. Here stand the Updates of registers; commands and
 * events have files of their own.
 */
import { commandSteps } from './command-steps.ts';
import type { Environment } from './environment.ts';
import { eventSteps } from './event-delivery.ts';
import { raise } from './global-errors.ts';
import { FOREVER } from './memory.ts';
import { commandQueue, eventQueue, index, occupancy } from './queues.ts';
import { because, STOPS_COMMANDS } from './register-words.ts';
import { completeGbpa } from './register-writes.ts';
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
