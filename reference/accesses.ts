/**
 * Register accesses of every size and alignment (6.2), taken apart into words.
 */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import type { Accepted, Comparison } from './comparison.ts';
import type { Features } from './features.ts';
import { type ReadOption, readWord } from './register-reads.ts';
import { type Context, idWindow, note, PAGE1 } from './register-words.ts';
import { writeWord } from './register-writes.ts';
import type { RuleId } from './rules/ids.ts';
import {
  STRTAB_BASE_CFG,
  GERRORN,
  CMDQ_BASE,
  CMDQ_CONS,
  CMDQ_PROD,
  CR0,
  CR0ACK,
  CR1,
  CR2,
  EVENTQ_BASE,
  EVENTQ_CONS,
  EVENTQ_PROD,
  GBPA,
  IRQ_CTRL,
  SMMUEN,
  type State,
  STRTAB_BASE,
} from './state.ts';
import type { Permitted } from './verdict.ts';

type RegisterAction = Extract<Action, { op: 'read-register' | 'write-register' }>;

/** Whether the word at `offset` begins a 64-bit register that the implementation has (6.2.1). */
function beginsDouble(offset: number, f: Features): boolean {
  switch (offset % 0x8000) {
    case STRTAB_BASE:
    case CMDQ_BASE:
    case EVENTQ_BASE:
      return true;
    case 0x30:
      return f.s2pi;
    case 0x68:
    case 0xb0:
      return f.msi;
    case 0xc0:
      return f.pri;
    case 0xd0:
      return f.pri && f.msi;
    case 0x108:
    case 0x110:
    case 0x118:
      return f.atos;
    case 0x200:
    case 0x210:
      return f.dpt;
    default:
      return false;
  }
}

interface Option {
  readonly value: bigint;
  readonly known: bigint;
  readonly rules: readonly RuleId[];
  /** Reserved bits that software wrote as 1, and the rules shown if they read as zero all the same. */
  readonly reserved: bigint;
  readonly reservedRules: readonly RuleId[];
}

/** An option with nothing to say of Reserved bits. */
function option(value: bigint, known: bigint, rules: readonly RuleId[]): Option {
  return { value, known, rules, reserved: 0n, reservedRules: [] };
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

type Shape = 'word' | 'double' | 'pair' | 'illegal' | 'beyond';

/** The SMMU occupies two pages when it has none of the optional ones (6.1); of what follows nothing is known. */
const END = 2 * PAGE1;

function shape(offset: number, bytes: number, f: Features): Shape {
  if (offset >= END) return 'beyond';
  if (offset % bytes !== 0) return 'illegal';
  if (bytes === 4) return 'word';
  if (bytes !== 8) return 'illegal';
  return offset < PAGE1 && beginsDouble(offset, f) ? 'double' : 'pair';
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
  const kind = shape(offset, bytes, context.features);
  const accepted: Accepted[] = [];
  const permitted = new Map<string, Permitted>();
  const { outcome } = observation;
  const abortRule: RuleId | undefined =
    kind === 'illegal' ? illegalRule(offset, bytes) : kind === 'pair' || kind === 'beyond' ? 'REG-010' : undefined;
  for (const state of states) {
    if (abortRule !== undefined) {
      permitted.set('abort', { outcome: 'abort', rules: [abortRule] });
      if (outcome.kind === 'abort') accepted.push({ state, rules: [abortRule] });
    }
    for (const option of readOptions(state, context, offset, bytes, kind)) {
      const text = `${hex(option.value & option.known)}${option.known === full(bytes) ? '' : ` (known bits ${hex(option.known)})`}`;
      permitted.set(text, { outcome: text, rules: option.rules });
      if (outcome.kind !== 'value' || ((outcome.value ^ option.value) & option.known) !== 0n) continue;
      const shown = (outcome.value & option.reserved) === 0n ? option.reservedRules : [];
      accepted.push({ state: learnt(state, action, outcome.value), rules: [...option.rules, ...shown] });
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
      return readWord(state, context, offset).map((word) => widen(word, wordRules(state, context, offset)));
    case 'double':
      return both(state, context, offset, ['REG-003', 'REG-006']);
    case 'pair':
      return [
        ...both(state, context, offset, ['REG-010']),
        option(0n, full(8), ['REG-010']),
        ...readWord(state, context, offset).map((low) => option(wide(low.value), wide(low.known) | HIGH, ['REG-010'])),
        ...readWord(state, context, offset + 4).map((high) =>
          option(wide(high.value) << 32n, (wide(high.known) << 32n) | LOW, ['REG-010']),
        ),
      ];
    case 'beyond':
      return [option(0n, 0n, [])];
    case 'illegal':
      // RAZ, or UNKNOWN; an implementation may also support the size.
      return [option(0n, full(bytes), [illegalRule(offset, bytes)]), option(0n, 0n, [illegalRule(offset, bytes)])];
  }
}

/** A word read alone: a register, or one half of one. */
function wordRules(state: State, context: Context, offset: number): RuleId[] {
  const half = beginsDouble(offset - (offset % 8), context.features);
  const disabled: RuleId[] = (state.cr0InForce & SMMUEN) === 0 ? ['INIT-046'] : [];
  return [half ? 'REG-002' : 'REG-001', 'REG-018', ...disabled];
}

const LOW = 0xffff_ffffn;
const HIGH = LOW << 32n;

function wide(word: number): bigint {
  return BigInt(word >>> 0);
}

function widen(word: ReadOption, rules: readonly RuleId[]): Option {
  return {
    value: wide(word.value),
    known: wide(word.known),
    rules: [...rules, ...word.rules],
    reserved: wide(word.reserved?.bits ?? 0),
    reservedRules: word.reserved?.rules ?? [],
  };
}

function both(state: State, context: Context, offset: number, rules: readonly RuleId[]): Option[] {
  const options: Option[] = [];
  for (const low of readWord(state, context, offset)) {
    for (const high of readWord(state, context, offset + 4)) {
      options.push({
        value: wide(low.value) | (wide(high.value) << 32n),
        known: wide(low.known) | (wide(high.known) << 32n),
        rules: [...rules, ...low.rules, ...high.rules],
        reserved: wide(low.reserved?.bits ?? 0) | (wide(high.reserved?.bits ?? 0) << 32n),
        reservedRules: [...(low.reserved?.rules ?? []), ...(high.reserved?.rules ?? [])],
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
  const kind = shape(offset, bytes, context.features);
  const aborted = observation.outcome.kind === 'abort';
  const accepted: Accepted[] = [];
  let chaos: string | undefined;
  const odd: RuleId | undefined =
    kind === 'illegal' ? illegalRule(offset, bytes) : kind === 'pair' ? 'REG-010' : undefined;
  if (aborted && odd === undefined && kind !== 'beyond') {
    return { comparison: comparison([], [{ outcome: 'the write completes', rules: ['REG-001'] }]) };
  }
  const low = Number(value & LOW);
  const high = Number((value >> 32n) & LOW);
  for (const state of states) {
    const next: State[] = kind === 'word' || kind === 'double' ? [] : [state];
    const attempt = (writes: readonly (readonly [number, number])[]): void => {
      let reached: State[] = [state];
      for (const [at, word] of writes) {
        reached = reached.flatMap((s) => {
          const result = writeWord(s, context, at, word);
          chaos ??= result.chaos;
          return result.states.map((after) => halves(after, s, context, at, kind));
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
      if (kind === 'illegal') chaos ??= spoilt(state, next, offset, bytes);
    }
    for (const s of next) accepted.push({ state: s, rules: odd === undefined ? [] : [odd] });
  }
  return { comparison: comparison(accepted, []), ...(chaos === undefined ? {} : { chaos }) };
}

/** Notes on a word of a 64-bit register that it was written whole, or half by half. */
function halves(after: State, before: State, context: Context, at: number, kind: Shape): State {
  const base = at - (at % 8);
  if (after === before || at >= PAGE1 || !beginsDouble(base, context.features)) return after;
  const ignored = after.word(at) === before.word(at) && after.why(at).some((rule) => GUARDED.has(rule));
  const rules: RuleId[] = kind === 'double' ? ['REG-003'] : ignored ? ['REG-005'] : ['REG-002', 'REG-004'];
  for (const rule of rules) note(after, at, rule);
  if (kind === 'word') note(after, at ^ 4, ignored ? 'REG-005' : 'REG-004');
  return after;
}

const GUARDED: ReadonlySet<RuleId> = new Set<RuleId>(['REG-265', 'REG-294', 'REG-332']);

/** Registers that only hold what is written to them while nothing uses them. */
const PASSIVE: ReadonlySet<number> = new Set([
  CR1,
  CR2,
  STRTAB_BASE,
  STRTAB_BASE + 4,
  STRTAB_BASE_CFG,
  CMDQ_BASE,
  CMDQ_BASE + 4,
  CMDQ_CONS,
  EVENTQ_BASE,
  EVENTQ_BASE + 4,
  EVENTQ_PROD,
]);
const ACTIVE: ReadonlySet<number> = new Set([CR0, GBPA, IRQ_CTRL, GERRORN, CMDQ_PROD, EVENTQ_CONS]);

/** An illegal write may leave any value in the registers it spans, and in no others (6.2). */
function spoilt(state: State, next: State[], offset: number, bytes: number): string | undefined {
  const unknown = state.copy();
  let touched = false;
  for (let word = offset - (offset % 4); word < offset + bytes; word += 4) {
    if (ACTIVE.has(word) || (PASSIVE.has(word) && state.cr0Ack !== 0)) {
      return 'a register access of an unsupported size or alignment';
    }
    if (!PASSIVE.has(word)) continue;
    unknown.change(word, { unknown: 0xffff_ffff });
    touched = true;
  }
  if (touched) next.push(unknown);
  return undefined;
}

function comparison(accepted: readonly Accepted[], permitted: readonly Permitted[]): Comparison {
  return { accepted, permitted, difference: 'access-abort', rule: 'REG-001', pass: 'unpred' };
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
