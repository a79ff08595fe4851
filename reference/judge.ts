/**
 * The judge: replays a program beside what a subject did and says, action by action, whether the architecture permits it.
 *
 * It is an acceptor. It holds the set of states the programming interface may be in, lets each do what it may, and keeps
 * those that agree with the observation. None left is a violation.
 */
import type { Action, Program } from '../scenario/steps.ts';
import type { Observation, Trace } from '../scenario/trace.ts';
import { features, type Features } from './features.ts';
import { agrees, type Content, Memory, wordsOf } from './memory.ts';
import { type Environment, successors, Undetermined } from './progress.ts';
import { judgeRegisterAccess } from './accesses.ts';
import { checkIdRegister } from './id-registers.ts';
import { gbpaCases, resetState } from './reset.ts';
import type { RuleId } from './rules/ids.ts';
import { ruleRow } from './rules/registry.ts';
import { EVENTQ_CONS, EVENTQ_PROD, EVENTQEN, GBPA, type MemoryWrite, SMMUEN, type State } from './state.ts';
import { eventQueue, occupancy } from './queues.ts';
import type { TransactionOutcome } from './outcomes.ts';
import { transactionOutcomes } from './transaction.ts';
import type { ActionVerdict, Difference, Lint, PassKind, Permitted, Verdict, Violation } from './verdict.ts';

/** More possible states than this: the reference stops following them all. */
const STATES_MAX = 96;

/** Rules by which a TLB invalidation leaves an entry alone, and by which a configuration one does. */
const SPARED_BY_TLBI: readonly RuleId[] = ['TLBI-037', 'TLBI-042', 'TLBI-046', 'TLBI-047', 'TLBI-050', 'TLBI-111'];
const SPARED_BY_CFGI: readonly RuleId[] = ['CFGI-023', 'CFGI-031', 'CFGI-041', 'CFGI-044'];

export interface JudgeOptions {
  /** Keep the verdict of every action, with its derivation. */
  readonly explain?: boolean;
}

/** A state that agrees with the observation, and why. */
export interface Accepted {
  readonly state: State;
  readonly rules: readonly RuleId[];
}

/** What one action's observation was compared with. */
export interface Comparison {
  readonly accepted: readonly Accepted[];
  readonly permitted: readonly Permitted[];
  readonly difference: Difference;
  readonly rule: RuleId;
  /** More than one outcome, for this kind of reason. */
  readonly pass: PassKind;
}

/** Judges what a subject did with a program. Never throws on any program or trace. */
export function judge(program: Program, trace: Trace, options: JudgeOptions = {}): Verdict {
  return new Judge(program, trace, options.explain ?? false).run();
}

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
  readonly #actions: ActionVerdict[] = [];
  /** Streams, and pages of streams, that devices have accessed while translation was enabled. */
  readonly #used = new Set<string>();
  /** Streams that passed while translation was disabled. */
  readonly #bypassed = new Set<number>();
  #states: State[];
  #dmas = 0;
  #determinateDmas = 0;
  /** Why anything is permitted that the states do not show. */
  #chaos: string | undefined;

  constructor(program: Program, trace: Trace, explain: boolean) {
    this.#program = program;
    this.#trace = trace;
    this.#explain = explain;
    this.#features = features(trace.idRegisters);
    this.#states = [resetState()];
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
    this.#commit(at, this.#advance(env, settled));
    const comparison = this.#compare(env, action, observation);
    if (comparison.accepted.length === 0) return this.#violation(at, observation, comparison);
    this.#commit(at, distinct(comparison.accepted.map((a) => a.state)));
    // What the action set off may already have raised the interrupts seen with it.
    if (observation.interrupts.length > 0 && !settled) this.#commit(at, this.#advance(env, false));
    const interrupts = this.#interrupts(observation, settled);
    if (!('states' in interrupts)) return { ...interrupts, action: at };
    const states = distinct(interrupts.states);
    if (states.length > STATES_MAX) throw new Undetermined(`more than ${STATES_MAX} possible states`);
    this.#commit(at, states);
    this.#credit(at, observation, comparison, interrupts.rules);
    return undefined;
  }

  /** Everything that may have happened by now without software's doing; when settled, only what leaves nothing to do. */
  #advance(env: Environment, settled: boolean): readonly State[] {
    if (settled) return this.#settle(env);
    const reached = new Map<string, State>();
    let frontier: readonly State[] = this.#states;
    while (frontier.length > 0) {
      const next = frontier.flatMap((state) => successors(state, env)).filter((state) => isNew(reached, state));
      if (reached.size > STATES_MAX * 8) throw new Undetermined('too many orders of events');
      frontier = next;
    }
    return reached.size === 0 ? this.#states : distinct([...this.#states, ...reached.values()]);
  }

  /** Every state lets happen what is under way until nothing is. */
  #settle(env: Environment): readonly State[] {
    const idle: State[] = [];
    const reached = new Map<string, State>();
    let frontier: readonly State[] = this.#states;
    while (frontier.length > 0) {
      const next: State[] = [];
      for (const state of frontier) {
        const after = successors(state, env);
        if (after.length === 0) idle.push(state);
        // On the way to rest only the outcome matters, so one thing at a time is enough unless it has several outcomes.
        const explored = inOneOrder(after, state);
        const branching = explored.length > 1 || frontier.length > 1;
        next.push(...(branching ? explored.filter((other) => isNew(reached, other)) : explored));
      }
      if (reached.size > STATES_MAX * 8) throw new Undetermined('too many orders of events');
      frontier = next;
    }
    return distinct(idle);
  }

  /** What the SMMU wrote to memory in each possible state becomes what memory may hold. */
  #commit(at: number, states: readonly State[]): void {
    this.#states = [...states];
    if (states.every((state) => state.writes.length === 0)) return;
    const byWord = new Map<bigint, Content[]>();
    for (const state of states) {
      for (const write of state.writes) if (!byWord.has(write.address)) byWord.set(write.address, []);
    }
    for (const [address, contents] of byWord) {
      for (const state of states) {
        const mine = lastWrite(state.writes, address);
        const candidates = mine === undefined ? this.#memory.now(address) : [mine];
        for (const content of candidates) if (!contents.some((c) => same(c, content))) contents.push(content);
      }
      this.#memory.write(address, at, contents);
    }
    for (const state of states) state.writes = [];
    this.#states = distinct(states);
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
      const broken = takeInterrupts(next, observation, settled, rules);
      if (broken === undefined) states.push(next);
      else problem ??= broken;
    }
    if (states.length === 0 && problem !== undefined) return problem;
    return { states, rules: [...rules] };
  }

  #compare(env: Environment, action: Action, observation: Observation): Comparison {
    switch (action.op) {
      case 'settle':
        return everyState(this.#states, []);
      case 'write-memory':
        this.#memory.writeBytes(action.address, env.now, action.data);
        return everyState(this.#states, []);
      case 'read-memory':
        return this.#readMemory(action.address, action.bytes, observation);
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
        return this.#dma(env, action, observation);
    }
  }

  #readMemory(address: bigint, bytes: number, observation: Observation): Comparison {
    const { outcome } = observation;
    if (this.#memory.backing(address) !== 'ram') return everyState(this.#states, []);
    if (outcome.kind !== 'data') {
      return { ...everyState([], []), permitted: [{ outcome: 'data', rules: [] }], difference: 'access-abort' };
    }
    const rules: RuleId[] = [];
    for (const { word, value, mask } of wordsOf(address, outcome.data.subarray(0, bytes))) {
      if (this.#states.every((state) => freeEventSlot(state, this.#features, word))) {
        rules.push('CMDQ-029');
        continue;
      }
      const contents = this.#memory.now(word);
      const matching = contents.filter((content) => agrees(content, value, mask));
      if (matching.length === 0) {
        const smmu = contents.find((content) => content.rules.length > 0);
        const event = smmu?.rules.some((rule) => rule.startsWith('EVT-')) ?? false;
        return {
          ...everyState([], []),
          permitted: contents.map((c) => ({
            outcome: `${hex(c.value)} at ${hex(word)}${unknownBits(c)}`,
            rules: c.rules,
          })),
          difference: event ? 'event-record' : 'memory',
          rule: smmu?.rules.at(-1) ?? 'HTTU-065',
        };
      }
      this.#memory.narrow(word, value, mask);
      for (const content of matching) rules.push(...content.rules);
    }
    return everyState(this.#states, [...rules, 'CMDQ-088', 'HTTU-065']);
  }

  #dma(
    env: Environment,
    action: Extract<Action, { op: 'dma-read' | 'dma-write' }>,
    observation: Observation,
  ): Comparison {
    const accepted: Accepted[] = [];
    const outcomes: TransactionOutcome[] = [];
    const forgotten: RuleId[] = [];
    const write = action.op === 'dma-write';
    const transaction = {
      streamId: action.streamId,
      substreamId: action.substreamId,
      address: action.address,
      write,
      privileged: action.privileged,
      instruction: action.instruction,
    };
    this.#states = this.#states.flatMap((state) => (state.cr0InForce & SMMUEN ? [state] : gbpaCases(state)));
    for (const state of this.#states) {
      const result = transactionOutcomes(transaction, state, this.#memory, this.#features, env.now);
      forgotten.push(...result.forgotten);
      this.#chaos ??= result.unknown;
      for (const outcome of result.outcomes) {
        outcomes.push(outcome);
        if (!this.#agrees(action, outcome, observation)) continue;
        const next = state.copy();
        if (outcome.event !== undefined) next.events = [...next.events, outcome.event];
        if (write && outcome.result.kind === 'access') {
          next.writes = this.#dmaWrites(outcome, action.data);
        }
        accepted.push({ state: next, rules: [...outcome.rules, ...forgotten] });
      }
    }
    const members = distinctOutcomes(outcomes);
    const history = this.#circumstances(action, members);
    for (const [at, a] of accepted.entries()) accepted[at] = { state: a.state, rules: [...a.rules, ...history] };
    this.#dmas++;
    if (members.length === 1) this.#determinateDmas++;
    else this.#lint(env.now, members);
    return {
      accepted,
      permitted: members.map((outcome) => ({ outcome: describe(outcome), rules: outcome.rules })),
      difference: dmaDifference(members, observation),
      rule: members[0]?.event?.rules.at(0) ?? members[0]?.rules.at(0) ?? 'STRTAB-002',
      pass: members.some((m) => m.unpredictable) ? 'unpred' : members.some((m) => m.stale) ? 'stale' : 'impdef',
    };
  }

  /** Rules that what happened before this access makes it show. */
  #circumstances(
    action: Extract<Action, { op: 'dma-read' | 'dma-write' }>,
    members: readonly TransactionOutcome[],
  ): RuleId[] {
    const rules: RuleId[] = [];
    const page = `${action.streamId}:${action.address >> 12n}`;
    const disabled = this.#states.every((state) => (state.cr0InForce & 1) === 0);
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
    if (new Set(this.#states.map((state) => state.cr0InForce & 1)).size > 1) rules.push('ACK-013', 'ACK-029');
    if (new Set(this.#states.map((state) => state.gbpaPending)).size > 1) rules.push('ACK-054');
    if (disabled) this.#bypassed.add(action.streamId);
    else this.#used.add(page).add(`${action.streamId}`);
    return rules;
  }

  /** Whether the outcome and what the device saw may be the same thing. */
  #agrees(
    action: Extract<Action, { op: 'dma-read' | 'dma-write' }>,
    outcome: TransactionOutcome,
    observation: Observation,
  ): boolean {
    const seen = observation.outcome;
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
    return this.#holds(address, seen.data);
  }

  #holds(address: bigint, data: Uint8Array): boolean {
    return wordsOf(address, data).every(({ word, value, mask }) =>
      this.#memory.now(word).some((content) => agrees(content, value, mask)),
    );
  }

  #dmaWrites(outcome: TransactionOutcome, data: Uint8Array): MemoryWrite[] {
    if (outcome.result.kind !== 'access' || this.#memory.backing(outcome.result.address) !== 'ram') return [];
    return wordsOf(outcome.result.address, data).flatMap(({ word, value, mask }) =>
      this.#memory.now(word).map((old) => ({
        address: word,
        content: { value: (old.value & ~mask) | value, known: old.known | mask, rules: outcome.rules },
      })),
    );
  }

  #lint(action: number, members: readonly TransactionOutcome[]): void {
    if (!members.some((member) => member.stale)) return;
    this.#lints.push({
      action,
      message: `the outcome depends on what the caches hold: ${members.map(describe).join(', or ')}`,
    });
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

  #credit(at: number, observation: Observation, comparison: Comparison, interruptRules: readonly RuleId[]): void {
    const pass: PassKind = comparison.permitted.length <= 1 ? 'forced' : comparison.pass;
    this.#passes[pass]++;
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

/** Every state stays: the action tells nothing that could be wrong. */
function everyState(states: readonly State[], rules: readonly RuleId[]): Comparison {
  return {
    accepted: states.map((state) => ({ state, rules })),
    permitted: [],
    difference: 'memory',
    rule: 'HTTU-065',
    pass: 'forced',
  };
}

/** Whether a word lies in a slot of the enabled Event queue that holds no record: the SMMU may have written there already. */
function freeEventSlot(state: State, f: Features, word: bigint): boolean {
  if (((state.cr0InForce | state.cr0Ack) & EVENTQEN) === 0) return false;
  const queue = eventQueue(state, f);
  const slot = Number((word - queue.base) >> 5n);
  if (word < queue.base || slot >= 2 ** queue.log2Size) return false;
  const cons = state.word(EVENTQ_CONS);
  const ahead = (slot - cons) & (2 ** queue.log2Size - 1);
  return ahead >= occupancy(state.word(EVENTQ_PROD), cons, queue.log2Size);
}

function takeInterrupts(
  state: State,
  observation: Observation,
  settled: boolean,
  rules: Set<RuleId>,
): Omit<Violation, 'action'> | undefined {
  for (const line of observation.interrupts) {
    const due = state.interrupts[line];
    if (due === undefined || due.seen >= due.max) {
      return {
        rule:
          line === 'EVTQ' ? 'EVQ-038' : line === 'GERROR' ? 'GERR-003' : line === 'CMD_SYNC' ? 'SYNC-003' : 'REG-262',
        difference: 'interrupt-unexpected',
        observed: `an edge on ${line}`,
        permitted: [{ outcome: `no edge on ${line}`, rules: ['REG-262', 'ACK-041', 'GERR-038'] }],
      };
    }
    state.interrupts = { ...state.interrupts, [line]: { ...due, seen: due.seen + 1 } };
    for (const rule of due.rules) rules.add(rule);
  }
  if (!settled) return undefined;
  for (const [line, due] of Object.entries(state.interrupts)) {
    if (due.must && due.seen === 0) {
      return {
        rule: due.rules[0] ?? 'MSI-006',
        difference: 'interrupt-missing',
        observed: `no edge on ${line}`,
        permitted: [{ outcome: `an edge on ${line}`, rules: due.rules }],
      };
    }
    if (due.max > 1) rules.add('MSI-012');
    if (due.max > 1 && line === 'GERROR') rules.add('GERR-039');
  }
  state.interrupts = {};
  return undefined;
}

function isNew(reached: Map<string, State>, state: State): boolean {
  const key = `${state.key()}|${writesKey(state)}`;
  if (reached.has(key)) return false;
  reached.set(key, state);
  return true;
}

/** Of the things that may happen next, those of one kind: the kinds do not disturb each other once all have happened. */
function inOneOrder(after: readonly State[], from: State): readonly State[] {
  if (after.length <= 1) return after;
  const commandsLeft = after.some((s) => s.word(0x9c) !== from.word(0x9c) || s.word(0x60) !== from.word(0x60));
  const enableLeft = after.some((s) => s.cr0InForce !== from.cr0InForce);
  if (commandsLeft && enableLeft) return after;
  const first = after[0];
  if (first === undefined) return after;
  if (first.cr0InForce !== from.cr0InForce || first.cr0Ack !== from.cr0Ack) return [first];
  if (first.irqCtrlAck !== from.irqCtrlAck || first.gbpaPending !== from.gbpaPending) return [first];
  return after;
}

function writesKey(state: State): string {
  return state.writes.map((write) => `${write.address}=${write.content.value}`).join();
}

function lastWrite(writes: readonly MemoryWrite[], address: bigint): Content | undefined {
  return writes.findLast((write) => write.address === address)?.content;
}

function same(a: Content, b: Content): boolean {
  return a.value === b.value && a.known === b.known;
}

function distinct(states: readonly State[]): State[] {
  if (states.length <= 1) return [...states];
  const byKey = new Map<string, State>();
  for (const state of states) {
    const key = `${state.key()}|${writesKey(state)}`;
    if (!byKey.has(key)) byKey.set(key, state);
  }
  return [...byKey.values()];
}

function distinctOutcomes(outcomes: readonly TransactionOutcome[]): TransactionOutcome[] {
  const byKey = new Map<string, TransactionOutcome>();
  for (const outcome of outcomes) {
    const key = `${describe(outcome)}|${outcome.event?.words.join() ?? ''}`;
    const known = byKey.get(key);
    if (known === undefined || (known.stale && !outcome.stale)) byKey.set(key, outcome);
  }
  return [...byKey.values()];
}

function describe(outcome: TransactionOutcome): string {
  const event = outcome.event === undefined ? '' : ` with ${outcome.event.name}`;
  switch (outcome.result.kind) {
    case 'access':
      return `access to ${hex(outcome.result.address)}`;
    case 'abort':
      return `abort${event}`;
    case 'raz/wi':
      return `RAZ/WI${event}`;
  }
}

function dmaDifference(members: readonly TransactionOutcome[], observation: Observation): Difference {
  if (observation.outcome.kind === 'abort') return 'dma-abort';
  if (members.every((member) => member.result.kind === 'abort')) return 'dma-not-aborted';
  return observation.outputAddress === undefined ? 'dma-data' : 'output-address';
}

function observed(observation: Observation): string {
  const { outcome, interrupts } = observation;
  const lines = interrupts.length === 0 ? '' : `, interrupts ${interrupts.join(' ')}`;
  const address = observation.outputAddress === undefined ? '' : ` from ${hex(observation.outputAddress)}`;
  switch (outcome.kind) {
    case 'value':
      return `${hex(outcome.value)}${lines}`;
    case 'data':
      return `data ${bytes(outcome.data)}${address}${lines}`;
    case 'unclear':
      return `unclear${outcome.data === undefined ? '' : ` ${bytes(outcome.data)}`}${lines}`;
    case 'done':
    case 'abort':
      return `${outcome.kind}${address}${lines}`;
  }
}

function unknownBits(content: Content): string {
  return content.known === (1n << 64n) - 1n ? '' : ` (known bits ${hex(content.known)})`;
}

function bytes(data: Uint8Array): string {
  const text = Buffer.from(data.subarray(0, 64)).toString('hex');
  return data.length > 64 ? `${text}... (${data.length} bytes)` : text;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function allZero(data: Uint8Array | undefined): boolean {
  return data === undefined || data.every((byte) => byte === 0);
}
