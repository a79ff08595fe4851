/**
 * The judge: replays a program beside what a subject did and says, action by action, whether the architecture permits it.
 *
 * It is an acceptor. It holds the set of states the programming interface may be in, lets each do what it may, and keeps
 * those that agree with the observation. None left is a violation.
 */
import { Undetermined } from './undetermined.ts';
import type { Action, Program } from '../scenario/steps.ts';
import type { Observation, Trace } from '../scenario/trace.ts';
import { judgeRegisterAccess } from './accesses.ts';
import { DmaComparison, transactionOf } from './compare-dma.ts';
import { compareMemory } from './compare-memory.ts';
import { type Comparison, everyState } from './comparison.ts';
import { features, type Features } from './features.ts';
import { checkIdRegister } from './id-registers.ts';
import { inWords, kindOf, observed } from './in-words.ts';
import { takeInterrupts } from './interrupts.ts';
import { changesBehind, missingInvalidation } from './lint.ts';
import { Memory } from './memory.ts';
import type { Environment } from './environment.ts';
import type { Transaction, TransactionOutcome } from './outcomes.ts';
import { gbpaCases, reset, resetState } from './reset.ts';
import { type CrossCell, type CrossName, registerCell, REGISTERS } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import { ruleRow } from './rules/registry.ts';
import { advance, commit, cpuWrites, distinct, settle, STATES_MAX } from './state-set.ts';
import { GBPA, SMMUEN, type State } from './state.ts';
import type { ActionVerdict, Choice, Lint, PassKind, Verdict, Violation } from './verdict.ts';

export interface JudgeOptions {
  /** Keep the verdict of every action, with its derivation. */
  readonly explain?: boolean;
}

/** Judges what a subject did with a program. Throws only when the reference itself is at fault. */
export function judge(program: Program, trace: Trace, options: JudgeOptions = {}): Verdict {
  return new Judge(program, trace, options.explain ?? false).run();
}

/** A settle or a reset that is not simply done. */
const NOTHING_SEEN: Comparison = {
  ...everyState([], []),
  permitted: [{ outcome: 'done', rules: [] }],
  difference: 'access-abort',
};

class Judge {
  readonly #program: Program;
  readonly #trace: Trace;
  readonly #explain: boolean;
  readonly #features: Features;
  readonly #memory = new Memory();
  readonly #decisive = new Set<RuleId>();
  readonly #consulted = new Set<RuleId>();
  readonly #passes: Record<PassKind, number> = { forced: 0, stale: 0, unpred: 0, impdef: 0 };
  readonly #lints: Lint[] = [];
  readonly #choices: Choice[] = [];
  readonly #actions: ActionVerdict[] = [];
  readonly #cells = new Map<CrossName, Set<string>>();
  readonly #dma: DmaComparison;
  #states: readonly State[];
  #dmas = 0;
  #determinateDmas = 0;
  /** Why anything is permitted that the states do not show. */
  #chaos: string | undefined;

  constructor(program: Program, trace: Trace, explain: boolean) {
    this.#program = program;
    this.#trace = trace;
    this.#explain = explain;
    this.#features = features(trace.idRegisters);
    this.#dma = new DmaComparison(this.#memory, this.#features, explain ? new Set() : this.#decisive);
    this.#states = [resetState(this.#features)];
  }

  run(): Verdict {
    const { actions } = this.#program;
    for (const [at, action] of actions.entries()) {
      const observation = this.#trace.observations[at];
      if (observation === undefined) return this.#ended(at);
      let violation: Violation | undefined;
      try {
        violation = this.#action(at, action, observation);
      } catch (error) {
        if (!(error instanceof Undetermined)) throw error;
        return this.#verdict('undetermined', { undetermined: { action: at, reason: error.message } });
      }
      if (violation === undefined) continue;
      if (this.#chaos !== undefined) {
        return this.#verdict('undetermined', { undetermined: { action: at, reason: this.#chaos } });
      }
      return this.#verdict('violation', { violation });
    }
    return this.#verdict('ok', {});
  }

  /** The subject stopped answering before the program ended. */
  #ended(at: number): Verdict {
    const observed = this.#trace.died ?? 'the trace ends here';
    const violation: Violation = { action: at, rule: 'REG-176', difference: 'died', observed, permitted: [] };
    return this.#verdict('violation', { violation });
  }

  #verdict(kind: Verdict['kind'], rest: Pick<Verdict, 'violation' | 'undetermined'>): Verdict {
    return {
      kind,
      ...rest,
      passes: this.#passes,
      dmas: this.#dmas,
      determinateDmas: this.#determinateDmas,
      decisive: this.#decisive,
      consulted: this.#consulted,
      lints: this.#lints,
      choices: this.#choices,
      cells: this.#cells,
      ...(this.#explain ? { actions: this.#actions } : {}),
    };
  }

  #action(at: number, action: Action, observation: Observation): Violation | undefined {
    const env: Environment = {
      features: this.#features,
      id: this.#trace.idRegisters,
      now: at,
      memory: this.#memory,
      chaos: (reason) => (this.#chaos ??= reason),
    };
    const settled = action.op === 'settle';
    this.#states = commit(settled ? settle(this.#states, env) : advance(this.#states, env), this.#memory, at);
    const comparison = this.#compare(env, action, observation);
    if (comparison.accepted.length === 0) return this.#violation(at, observation, comparison);
    this.#states = commit(distinct(comparison.accepted.map((a) => a.state)), this.#memory, at);
    // What the action set off may already have raised the interrupts seen with it.
    if (observation.interrupts.length > 0 && !settled) {
      this.#states = commit(advance(this.#states, env), this.#memory, at);
    }
    const interrupts = this.#interrupts(observation, settled);
    if (!('states' in interrupts)) return { ...interrupts, action: at };
    const states = distinct(interrupts.states);
    if (states.length > STATES_MAX) throw new Undetermined(`more than ${STATES_MAX} possible states`);
    this.#states = states;
    this.#credit(at, action, observation, comparison, interrupts.rules);
    this.#cross(action, comparison);
    return undefined;
  }

  #interrupts(
    observation: Observation,
    settled: boolean,
  ): { states: readonly State[]; rules: readonly RuleId[] } | Omit<Violation, 'action'> {
    if (observation.interrupts.length === 0 && !settled) return { states: this.#states, rules: [] };
    const states: State[] = [];
    const rules = new Set<RuleId>();
    let problem: Omit<Violation, 'action'> | undefined;
    for (const state of this.#states) {
      const next = state.copy();
      const shown = new Set<RuleId>();
      const broken = takeInterrupts(next, observation, settled, shown);
      if (broken === undefined) {
        states.push(next);
        shown.forEach((rule) => rules.add(rule));
      } else problem = broken; // the last state is the one that has come furthest
    }
    if (states.length === 0 && problem !== undefined) return problem;
    return { states, rules: [...rules] };
  }

  #compare(env: Environment, action: Action, observation: Observation): Comparison {
    switch (action.op) {
      case 'reset':
        if (observation.outcome.kind !== 'done') return NOTHING_SEEN;
        return everyState(
          this.#states.map((state) => reset(state, this.#features, env.now)),
          [],
        );
      case 'settle':
        return observation.outcome.kind === 'done' ? everyState(this.#states, []) : NOTHING_SEEN;
      case 'write-memory':
        return this.#compareWrite(action, observation, env.now);
      case 'read-memory':
        return compareMemory(this.#states, this.#memory, this.#features, action, observation);
      case 'read-register':
      case 'write-register': {
        const idProblem =
          action.op === 'read-register' ? checkIdRegister(action, observation, this.#features, env.id) : undefined;
        if (idProblem !== undefined) return idProblem;
        if (action.offset === GBPA) this.#states = this.#states.flatMap(gbpaCases);
        const result = judgeRegisterAccess(this.#states, env, action, observation);
        this.#chaos ??= result.chaos;
        return result.comparison;
      }
      case 'dma-read':
      case 'dma-write':
        return this.#compareDma(env, action, observation);
    }
  }

  #compareWrite(action: Extract<Action, { op: 'write-memory' }>, observation: Observation, now: number): Comparison {
    const { address, data } = action;
    const inRam =
      this.#memory.backing(address) === 'ram' && this.#memory.backing(address + BigInt(data.length - 1)) === 'ram';
    if (inRam && observation.outcome.kind === 'abort') {
      return {
        ...everyState([], []),
        permitted: [{ outcome: 'the write completes', rules: [] }],
        difference: 'access-abort',
      };
    }
    if (inRam) cpuWrites(this.#states, this.#memory, now, address, data);
    return everyState(this.#states, []);
  }

  #compareDma(
    env: Environment,
    action: Extract<Action, { op: 'dma-read' | 'dma-write' }>,
    observation: Observation,
  ): Comparison {
    this.#states = this.#states.flatMap((state) => (state.cr0InForce & SMMUEN ? [state] : gbpaCases(state)));
    const { comparison, members, unknown } = this.#dma.compare(this.#states, env, action, observation);
    // An outcome that the scenario does not determine matters only where it may have been this one.
    if (comparison.accepted.length === 0 || observation.outcome.kind !== 'data') this.#chaos ??= unknown;
    this.#dmas++;
    if (members.length === 1 && this.#chaos === undefined) this.#determinateDmas++;
    else if (members.length > 1) this.#lint(env.now, transactionOf(action), members);
    return comparison;
  }

  #lint(action: number, transaction: Transaction, members: readonly TransactionOutcome[]): void {
    if (!members.some((member) => member.stale)) return;
    const message = `the outcome depends on what the caches hold: ${members.map(inWords).join(', or ')}`;
    if (!this.#explain) {
      this.#lints.push({ action, message });
      return;
    }
    const { states, memory, features } = { states: this.#states, memory: this.#memory, features: this.#features };
    const question = { states, memory, features, transaction, now: action };
    const changes = changesBehind(question);
    this.#lints.push({ action, message, changes, missing: missingInvalidation(question) });
  }

  /** Cells that every state which agrees with the observation shows. */
  #cross(action: Action, { accepted }: Comparison): void {
    if (this.#chaos !== undefined) return;
    const [first, ...others] = accepted;
    for (const cell of first?.cells ?? []) if (others.every(({ cells }) => includes(cells, cell))) this.#show(cell);
    const [state, ...rest] = this.#states;
    for (const cell of state?.shown ?? []) {
      if (!rest.every(({ shown }) => includes(shown, cell))) continue;
      this.#show(cell);
      for (const each of this.#states) each.shown = each.shown.filter((other) => !same(cell, other));
    }
    if (state === undefined || (action.op !== 'read-register' && action.op !== 'write-register')) return;
    if (rest.some(({ cr0InForce }) => cr0InForce !== state.cr0InForce)) return;
    const write = action.op === 'write-register';
    const cell = registerCell(action.offset, write, action.bytes, state.cr0InForce);
    if (cell !== undefined) this.#show([REGISTERS, cell]);
  }

  #show([cross, cell]: CrossCell): void {
    const cells = this.#cells.get(cross);
    if (cells === undefined) this.#cells.set(cross, new Set([cell]));
    else cells.add(cell);
  }

  #violation(at: number, observation: Observation, comparison: Comparison): Violation {
    if (this.#explain) {
      this.#actions.push({
        action: at,
        observed: observed(observation),
        permitted: comparison.permitted,
        pass: 'violation',
        rules: [comparison.rule],
      });
    }
    return {
      action: at,
      rule: comparison.rule,
      difference: comparison.difference,
      observed: observed(observation),
      permitted: comparison.permitted,
    };
  }

  /** What was chosen, under each rule that left a choice. */
  #choose(action: Action, observation: Observation, { permitted }: Comparison): void {
    const chosen = kindOf(action, observation);
    const rules = new Set(permitted.flatMap((outcome) => outcome.rules));
    for (const rule of rules) {
      if (ruleRow(rule).kind !== 'MUST') this.#choices.push({ rule, chosen });
    }
  }

  #credit(
    at: number,
    action: Action,
    observation: Observation,
    comparison: Comparison,
    interruptRules: readonly RuleId[],
  ): void {
    const pass: PassKind = comparison.permitted.length <= 1 ? 'forced' : comparison.pass;
    this.#passes[pass]++;
    if (pass === 'unpred' || pass === 'impdef') this.#choose(action, observation, comparison);
    // Where anything is permitted nothing is shown.
    if (this.#chaos !== undefined && !this.#explain) return;
    const rules = new Set<RuleId>(interruptRules);
    for (const accepted of comparison.accepted) for (const rule of accepted.rules) rules.add(rule);
    for (const rule of rules) this.#decisive.add(rule);
    for (const permitted of comparison.permitted) {
      for (const rule of permitted.rules) {
        if (rules.has(rule)) continue;
        // A rule that permits several outcomes is settled by any of them.
        (ruleRow(rule).kind === 'MUST' ? this.#consulted : this.#decisive).add(rule);
      }
    }
    if (!this.#explain) return;
    this.#actions.push({
      action: at,
      observed: observed(observation),
      permitted: comparison.permitted,
      pass,
      rules: [...rules],
    });
  }
}

function includes(cells: readonly CrossCell[] | undefined, cell: CrossCell): boolean {
  return cells?.some((other) => same(cell, other)) ?? false;
}

function same(one: CrossCell, two: CrossCell): boolean {
  return one[0] === two[0] && one[1] === two[1];
}
