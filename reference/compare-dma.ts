/**
 * Judging what a device saw of an access: every outcome that the architecture permits in any of the states, held against the
 * observation.
 */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import type { Accepted, Comparison } from './comparison.ts';
import type { Features } from './features.ts';
import { inWords } from './in-words.ts';
import type { Invalidation } from './invalidations.ts';
import { agrees, type Content, type Memory, wordsOf } from './memory.ts';
import type { Transaction, TransactionOutcome, TransactionOutcomes } from './outcomes.ts';
import type { Environment } from './environment.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import { transactionKey, transactionOutcomes } from './transaction.ts';
import { Undetermined } from './undetermined.ts';
import type { Difference } from './verdict.ts';

/** Rules by which a TLB invalidation leaves an entry alone, and by which a configuration one does. */
const SPARED_BY_TLBI: readonly RuleId[] = [
  ...(['TLBI-034', 'TLBI-035', 'TLBI-037', 'TLBI-042', 'TLBI-046', 'TLBI-047', 'TLBI-050'] as const),
  ...(['TLBI-063', 'TLBI-066', 'TLBI-069', 'TLBI-110', 'TLBI-111'] as const),
];
const SPARED_BY_CFGI: readonly RuleId[] = ['CFGI-023', 'CFGI-031', 'CFGI-041', 'CFGI-044'];

const ASKED_MAX = 3;
const NO_INVALIDATIONS: readonly never[] = [];

type DmaAction = Extract<Action, { op: 'dma-read' | 'dma-write' }>;

export interface DmaJudgement {
  readonly comparison: Comparison;
  /** Every outcome permitted in some state. */
  readonly members: readonly TransactionOutcome[];
  /** Why there may be others that the scenario does not determine. */
  readonly unknown: string | undefined;
}

export class DmaComparison {
  readonly #memory: Memory;
  readonly #f: Features;
  /** Streams, and pages of streams, that devices have accessed while translation was enabled. */
  readonly #used = new Set<string>();
  /** Streams that passed while translation was disabled. */
  readonly #bypassed = new Set<number>();

  /** Rules that need not be shown again. */
  readonly #shown: ReadonlySet<RuleId>;
  /** How often each rule of an invalidation was asked whether it mattered. */
  readonly #asked = new Map<RuleId, number>();

  /** @param shown rules that are known to have been decisive before, so that their showing again is of no account */
  constructor(memory: Memory, f: Features, shown: ReadonlySet<RuleId>) {
    this.#memory = memory;
    this.#f = f;
    this.#shown = shown;
  }

  /** Compares in each state; keeps those that agree, with what the access sets off. */
  compare(states: readonly State[], env: Environment, action: DmaAction, observation: Observation): DmaJudgement {
    const accepted: Accepted[] = [];
    const outcomes: TransactionOutcome[] = [];
    const forgotten: RuleId[] = [];
    let unknown: string | undefined;
    const write = action.op === 'dma-write';
    const transaction = transactionOf(action);
    const known = new Map<string, { result: TransactionOutcomes; mattered?: boolean }>();
    for (const state of states) {
      const key = transactionKey(state);
      const judged = known.get(key) ?? {
        result: transactionOutcomes(transaction, state, this.#memory, this.#f, env.now),
      };
      known.set(key, judged);
      const { result } = judged;
      if (this.#isNews(result.forgotten) && (judged.mattered ??= this.#mattered(state, env, action, result.outcomes)))
        forgotten.push(...result.forgotten);
      unknown ??= result.unknown;
      for (const outcome of result.outcomes) {
        outcomes.push(outcome);
        if (!this.#agrees(state, action, outcome, observation)) continue;
        const changes = outcome.event !== undefined || write;
        const next = changes ? state.copy() : state;
        if (outcome.event !== undefined) next.events = [...next.events, outcome.event];
        if (write && outcome.result.kind === 'access') this.#write(next, outcome, action.data);
        accepted.push({ state: next, rules: [...outcome.rules, ...forgotten] });
      }
    }
    const members = distinctOutcomes(outcomes);
    const history = this.#circumstances(states, action, members);
    for (const [at, a] of accepted.entries()) accepted[at] = { state: a.state, rules: [...a.rules, ...history] };
    const comparison: Comparison = {
      accepted,
      permitted: members.map((outcome) => ({ outcome: inWords(outcome), rules: outcome.rules })),
      difference: dmaDifference(members, observation),
      rule: accepted.length > 0 ? 'STRTAB-002' : this.#broken(states, env, action, observation, members),
      pass: members.some((m) => m.unpredictable) ? 'unpred' : members.some((m) => m.stale) ? 'stale' : 'impdef',
    };
    return { comparison, members, unknown };
  }

  /** The rule that an outcome which nothing permits breaks: that of an invalidation, if without it the outcome was permitted. */
  #broken(
    states: readonly State[],
    env: Environment,
    action: DmaAction,
    observation: Observation,
    members: readonly TransactionOutcome[],
  ): RuleId {
    const permitted = (state: State, remembered: readonly Invalidation[]): boolean =>
      this.#without(state, env, action, remembered).some((outcome) =>
        this.#agrees(state, action, outcome, observation),
      );
    for (const state of states) {
      for (const invalidation of [...state.invalidations].reverse()) {
        const others = state.invalidations.filter((other) => other !== invalidation);
        const rule = invalidation.scope.rules[0];
        if (rule !== undefined && permitted(state, others)) return rule;
      }
    }
    for (const cache of ['tlb', 'config'] as const) {
      for (const state of states) {
        const others = state.invalidations.filter((other) => other.scope.cache !== cache);
        const rule = state.invalidations.findLast((other) => other.scope.cache === cache)?.scope.rules[0];
        if (rule !== undefined && permitted(state, others)) return rule;
      }
    }
    return members[0]?.rules.at(0) ?? 'STRTAB-002';
  }

  /** Whether a rule among those of invalidations has not been shown, nor asked for in vain too often: asking is the dearest thing here. */
  #isNews(forgotten: readonly RuleId[]): boolean {
    const news = new Set(
      forgotten.filter((rule) => !this.#shown.has(rule) && (this.#asked.get(rule) ?? 0) < ASKED_MAX),
    );
    for (const rule of news) this.#asked.set(rule, (this.#asked.get(rule) ?? 0) + 1);
    return news.size > 0;
  }

  /** Whether without any invalidation there would have been another outcome: else they show nothing. */
  #mattered(state: State, env: Environment, action: DmaAction, outcomes: readonly TransactionOutcome[]): boolean {
    const all = this.#without(state, env, action, NO_INVALIDATIONS);
    return distinctOutcomes(all).length > distinctOutcomes(outcomes).length;
  }

  /**
   * The outcomes there would have been if only these invalidations had been made; none where the reference cannot say, which
   * is not to make the real ones undetermined.
   */
  #without(
    state: State,
    env: Environment,
    action: DmaAction,
    invalidations: readonly Invalidation[],
  ): readonly TransactionOutcome[] {
    const remembering = state.copy();
    remembering.invalidations = invalidations;
    try {
      return transactionOutcomes(transactionOf(action), remembering, this.#memory, this.#f, env.now).outcomes;
    } catch (error) {
      if (error instanceof Undetermined) return [];
      throw error;
    }
  }

  /** Rules that what happened before this access makes it show. */
  #circumstances(states: readonly State[], action: DmaAction, members: readonly TransactionOutcome[]): RuleId[] {
    const rules: RuleId[] = [];
    const page = `${action.streamId}:${action.address >> 12n}`;
    const disabled = states.every((state) => (state.cr0InForce & 1) === 0);
    const stale = members.filter((member) => member.stale);
    if (stale.length > 0 && !this.#used.has(page)) rules.push('CACHE-066');
    if (stale.length > 0 && !this.#used.has(`${action.streamId}`)) rules.push('CACHE-017');
    if (stale.length > 0 && stale.length < members.length) {
      const spared = new Set(stale.flatMap((member) => member.rules));
      rules.push('CACHE-001');
      if (SPARED_BY_TLBI.some((rule) => spared.has(rule))) rules.push('TLBI-060');
      if (SPARED_BY_CFGI.some((rule) => spared.has(rule))) rules.push('CFGI-048');
    }
    if (!disabled && this.#bypassed.has(action.streamId)) rules.push('INIT-069');
    if (new Set(states.map((state) => state.cr0InForce & 1)).size > 1) rules.push('ACK-013', 'ACK-029');
    if (new Set(states.map((state) => state.gbpaPending)).size > 1) rules.push('ACK-054');
    const ssv = (present: boolean): string => `${action.streamId}:${present ? 'with' : 'without'} a SubstreamID`;
    const present = action.substreamId !== undefined;
    if (!disabled && this.#used.has(ssv(!present))) rules.push('SUBS-039');
    if (disabled) this.#bypassed.add(action.streamId);
    else this.#used.add(page).add(`${action.streamId}`).add(ssv(present));
    return rules;
  }

  /** Whether the outcome and what the device saw may be the same thing. */
  #agrees(state: State, action: DmaAction, outcome: TransactionOutcome, observation: Observation): boolean {
    const seen = observation.outcome;
    const data = seen.kind === 'data' || seen.kind === 'unclear' ? seen.data : undefined;
    if (data !== undefined && (action.op === 'dma-write' || data.length !== action.bytes)) return false;
    const { result } = outcome;
    if (seen.kind === 'value') return false;
    if (result.kind === 'abort') return seen.kind === 'abort' || (seen.kind === 'unclear' && allZero(seen.data));
    if (result.kind === 'raz/wi') {
      if (seen.kind === 'abort') return false;
      return action.op === 'dma-write' ? seen.kind !== 'data' : seen.kind !== 'done' && allZero(seen.data);
    }
    const { address } = result;
    if (observation.outputAddress !== undefined && observation.outputAddress !== address) return false;
    const backing = this.#memory.backing(address);
    if (backing === 'elsewhere') return true;
    if (backing === 'hole') return seen.kind === 'abort' || (seen.kind === 'unclear' && allZero(seen.data));
    if (seen.kind === 'abort') return false;
    if (action.op === 'dma-write') return seen.kind !== 'data';
    if (seen.kind === 'done' || seen.data === undefined) return seen.kind === 'unclear';
    return this.#holds(state, address, seen.data);
  }

  #holds(state: State, address: bigint, data: Uint8Array): boolean {
    return wordsOf(address, data).every(({ word, value, mask }) =>
      state.content(this.#memory, word).some((content) => agrees(content, value, mask)),
    );
  }

  #write(state: State, outcome: TransactionOutcome, data: Uint8Array): void {
    if (outcome.result.kind !== 'access' || this.#memory.backing(outcome.result.address) !== 'ram') return;
    const { rules } = outcome;
    const merged = (old: Content, value: bigint, mask: bigint): Content => ({
      value: (old.value & ~mask) | value,
      known: old.known | mask,
      rules,
    });
    state.put(
      wordsOf(outcome.result.address, data).map(({ word, value, mask }) => [
        word,
        state.content(this.#memory, word).map((old) => merged(old, value, mask)),
      ]),
    );
  }
}

function distinctOutcomes(outcomes: readonly TransactionOutcome[]): TransactionOutcome[] {
  const byKey = new Map<string, TransactionOutcome>();
  for (const outcome of outcomes) {
    const key = `${inWords(outcome)}|${outcome.event?.words.join() ?? ''}`;
    const known = byKey.get(key);
    if (known === undefined || (known.stale && !outcome.stale)) byKey.set(key, outcome);
  }
  return [...byKey.values()];
}

function dmaDifference(members: readonly TransactionOutcome[], observation: Observation): Difference {
  if (observation.outcome.kind === 'abort') return 'dma-abort';
  if (members.every((member) => member.result.kind === 'abort')) return 'dma-not-aborted';
  return observation.outputAddress === undefined ? 'dma-data' : 'output-address';
}

function allZero(data: Uint8Array | undefined): boolean {
  return data === undefined || data.every((byte) => byte === 0);
}

export function transactionOf(action: DmaAction): Transaction {
  const { streamId, substreamId, address, privileged, instruction } = action;
  return { streamId, substreamId, address, write: action.op === 'dma-write', privileged, instruction };
}
