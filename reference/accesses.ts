/**
 * Register accesses of every size and alignment (6.2), taken apart into words.
 */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import type { Accepted, Comparison } from './comparison.ts';
import { readWord, type ReadOption } from './register-reads.ts';
import { type Context, idWindow } from './register-words.ts';
import { writeWord } from './register-writes.ts';
import type { RuleId } from './rules/ids.ts';
import { CMDQ_BASE, CMDQ_CONS, CR0ACK, EVENTQ_BASE, EVENTQ_PROD, SMMUEN, type State, STRTAB_BASE } from './state.ts';
import type { Permitted } from './verdict.ts';

type RegisterAction = Extract<Action, { op: 'read-register' | 'write-register' }>;

/** 64-bit registers (6.2.1): the lower word's offset. */
const DOUBLE = new Set([
  STRTAB_BASE,
  CMDQ_BASE,
  EVENTQ_BASE,
  0x30,
  0x68,
  0xb0,
  0xc0,
  0xd0,
  0x108,
  0x110,
  0x118,
  0x200,
  0x210,
]);

interface Option {
  readonly value: bigint;
  readonly known: bigint;
  readonly rules: readonly RuleId[];
}

export function judgeRegisterAccess(
  states: readonly State[],
  context: Context,
  action: RegisterAction,
  observation: Observation,
): { comparison: Comparison; chaos?: string } {
  return action.op === 'read-register'
    ? { comparison: judgeRead(states, context, action, observation) }
    : judgeWrite(states, context, action, observation);
}

type Shape = 'word' | 'double' | 'pair' | 'illegal';

function shape(offset: number, bytes: number): Shape {
  if (offset % bytes !== 0) return 'illegal';
  if (bytes === 4) return 'word';
  if (bytes !== 8) return 'illegal';
  return DOUBLE.has(offset % 0x8000) && offset < 0x10000 ? 'double' : 'pair';
}

function illegalRule(offset: number, bytes: number): RuleId {
  return offset % bytes !== 0 ? 'REG-009' : 'REG-007';
}

function judgeRead(
  states: readonly State[],
  context: Context,
  action: Extract<Action, { op: 'read-register' }>,
  observation: Observation,
): Comparison {
  const { offset, bytes } = action;
  const kind = shape(offset, bytes);
  const accepted: Accepted[] = [];
  const permitted = new Map<string, Permitted>();
  const { outcome } = observation;
  const abortRule: RuleId | undefined =
    kind === 'illegal' ? illegalRule(offset, bytes) : kind === 'pair' ? 'REG-010' : undefined;
  for (const state of states) {
    if (abortRule !== undefined) {
      permitted.set('abort', { outcome: 'abort', rules: [abortRule] });
      if (outcome.kind === 'abort') accepted.push({ state, rules: [abortRule] });
    }
    for (const option of readOptions(state, context, offset, bytes, kind)) {
      const text = `${hex(option.value & option.known)}${option.known === full(bytes) ? '' : ` (known bits ${hex(option.known)})`}`;
      permitted.set(text, { outcome: text, rules: option.rules });
      if (outcome.kind !== 'value' || ((outcome.value ^ option.value) & option.known) !== 0n) continue;
      accepted.push({ state: learnt(state, action, outcome.value), rules: option.rules });
    }
  }
  const members = [...permitted.values()];
  if (members.length > 1 && abortRule === undefined)
    accepted.forEach((a, at) => (accepted[at] = { ...a, rules: [...a.rules, ...lagging(offset)] }));
  return {
    accepted: unique(accepted),
    permitted: members,
    difference: outcome.kind === 'value' ? 'register-value' : 'access-abort',
    rule: members[0]?.rules.at(-1) ?? 'REG-001',
    pass: 'unpred',
  };
}

/** An ID register outside the architecture shows its constant the first time it is read. */
function learnt(state: State, action: Extract<Action, { op: 'read-register' }>, value: bigint): State {
  if (action.bytes !== 4 || !idWindow(action.offset) || state.has(action.offset)) return state;
  const next = state.copy();
  next.set(action.offset, Number(value), ['REG-094']);
  return next;
}

/** Rules that let an index be behind while work is under way. */
function lagging(offset: number): RuleId[] {
  if (offset === CMDQ_CONS) return ['CMDQ-031'];
  if (offset === EVENTQ_PROD) return ['EVQ-055'];
  if (offset === CR0ACK) return ['ACK-013'];
  return [];
}

function full(bytes: number): bigint {
  return (1n << BigInt(bytes * 8)) - 1n;
}

/** A state that agrees in several ways is kept once, for the reasons of the first. */
function unique(accepted: readonly Accepted[]): Accepted[] {
  const seen = new Set<State>();
  return accepted.filter(({ state }) => {
    const first = !seen.has(state);
    seen.add(state);
    return first;
  });
}

function readOptions(state: State, context: Context, offset: number, bytes: number, kind: Shape): Option[] {
  switch (kind) {
    case 'word':
      return readWord(state, context, offset).map((option) =>
        widen(option, (state.cr0InForce & SMMUEN) === 0 ? ['REG-001', 'REG-018', 'INIT-046'] : ['REG-001', 'REG-018']),
      );
    case 'double':
      return both(state, context, offset, ['REG-003', 'REG-006']);
    case 'pair':
      return [
        ...both(state, context, offset, ['REG-010']),
        { value: 0n, known: full(8), rules: ['REG-010'] },
        ...readWord(state, context, offset).map((option) => ({
          ...widen(option, ['REG-010']),
          known: wide(option.known) | HIGH,
        })),
        ...readWord(state, context, offset + 4).map((option) => ({
          value: BigInt(option.value >>> 0) << 32n,
          known: (wide(option.known) << 32n) | LOW,
          rules: ['REG-010' as const],
        })),
      ];
    case 'illegal':
      // RAZ, or UNKNOWN; an implementation may also support the size.
      return [
        { value: 0n, known: full(bytes), rules: [illegalRule(offset, bytes)] },
        { value: 0n, known: 0n, rules: [illegalRule(offset, bytes)] },
      ];
  }
}

const LOW = 0xffff_ffffn;
const HIGH = LOW << 32n;

function wide(word: number): bigint {
  return BigInt(word >>> 0);
}

function widen(option: ReadOption, rules: readonly RuleId[]): Option {
  return { value: wide(option.value), known: wide(option.known), rules: [...rules, ...option.rules] };
}

function both(state: State, context: Context, offset: number, rules: readonly RuleId[]): Option[] {
  const options: Option[] = [];
  for (const low of readWord(state, context, offset)) {
    for (const high of readWord(state, context, offset + 4)) {
      options.push({
        value: wide(low.value) | (wide(high.value) << 32n),
        known: wide(low.known) | (wide(high.known) << 32n),
        rules: [...rules, ...low.rules, ...high.rules],
      });
    }
  }
  return options;
}

function judgeWrite(
  states: readonly State[],
  context: Context,
  action: Extract<Action, { op: 'write-register' }>,
  observation: Observation,
): { comparison: Comparison; chaos?: string } {
  const { offset, bytes, value } = action;
  const kind = shape(offset, bytes);
  const aborted = observation.outcome.kind === 'abort';
  const accepted: Accepted[] = [];
  let chaos: string | undefined;
  const rules: RuleId[] = kind === 'illegal' ? [illegalRule(offset, bytes)] : kind === 'pair' ? ['REG-010'] : [];
  if (aborted && rules.length === 0) {
    return { comparison: comparison([], [{ outcome: 'the write completes', rules: ['REG-001'] }]) };
  }
  const low = Number(value & LOW);
  const high = Number((value >> 32n) & LOW);
  for (const state of states) {
    const next: State[] = aborted || kind === 'pair' || kind === 'illegal' ? [state] : [];
    const attempt = (writes: readonly (readonly [number, number])[]): void => {
      let reached: State[] = [state];
      for (const [at, word] of writes) {
        reached = reached.flatMap((s) => {
          const result = writeWord(s, context, at, word);
          chaos ??= result.chaos;
          return result.states;
        });
      }
      next.push(...reached);
    };
    if (!aborted) {
      if (kind === 'word') attempt([[offset, low]]);
      if (kind === 'double')
        attempt([
          [offset, low],
          [offset + 4, high],
        ]);
      if (kind === 'pair') {
        attempt([
          [offset, low],
          [offset + 4, high],
        ]);
        attempt([[offset, low]]);
        attempt([[offset + 4, high]]);
      }
      if (kind === 'illegal') chaos ??= 'a register access of an unsupported size or alignment';
    }
    for (const s of next) accepted.push({ state: s, rules });
  }
  return { comparison: comparison(accepted, []), ...(chaos === undefined ? {} : { chaos }) };
}

function comparison(accepted: readonly Accepted[], permitted: readonly Permitted[]): Comparison {
  return { accepted, permitted, difference: 'access-abort', rule: 'REG-001', pass: 'unpred' };
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
