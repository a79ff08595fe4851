/**
 * Consuming commands (3.5, 4.1, 4.7): the one at CMDQ_CONS takes effect, or stops the queue with an error.
 *
 * What a command means is in commands.ts; what an invalidation reaches in invalidations.ts.
 */
import { CERROR_ABT, CERROR_ILL, type CommandEffect, commandOptions, withError } from './commands.ts';
import type { Environment } from './environment.ts';
import type { EventName } from './events.ts';
import type { Features } from './features.ts';
import { raise } from './global-errors.ts';
import type { Invalidation } from './invalidations.ts';
import { commandQueue, needKnown, next, occupancy, slotAddress } from './queues.ts';
import { because, STOPS_COMMANDS } from './register-words.ts';
import { commandCell, COMMANDS } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import {
  CR2,
  CMDQ_CONS,
  CMDQ_PROD,
  CMDQEN,
  EVENTQ_PROD,
  EVENTQEN,
  GERROR_CMDQ_ERR,
  SMMUEN,
  type State,
} from './state.ts';
import { transactionOutcomes } from './transaction.ts';
import { Undetermined } from './undetermined.ts';

const COMMAND_BYTES = 16;

/** The states that consuming the next command may lead to. */
export function commandSteps(state: State, env: Environment): State[] {
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
): readonly EventName[] {
  const transaction = { ...read, write: false, privileged: false, instruction: false };
  // Nothing is remembered, so every order of what is under way asks the same question.
  const what = `report ${Object.values(read).join()} ${env.now} ${state.word(CR2)} ${state.unknown(CR2)}`;
  return env.memory.derive(state.tables, env.features, what, () => {
    try {
      const { outcomes } = transactionOutcomes(transaction, state, env.memory, env.features, env.now, true);
      return outcomes.flatMap((outcome) => (outcome.event === undefined ? [] : [outcome.event.name]));
    } catch (error) {
      if (error instanceof Undetermined) return [];
      throw error;
    }
  });
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
