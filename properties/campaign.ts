/**
 * Running a range of scenarios: draw, run, check, count. The statistics of [0, n) are the same however the range is split, since each is a sum, a
 * union or a least index; they are plain data, so that workers can post them.
 */
import { formatScenario } from '../scenario/json.ts';
import type { Action, Program, Scenario } from '../scenario/steps.ts';
import type { Observation, Trace } from '../scenario/trace.ts';
import type { RuleId } from '../reference/rules/ids.ts';
import type { Lint, PassKind, Verdict } from '../reference/verdict.ts';
import type { Subject } from '../subjects/subject.ts';
import type { DrawableArbitrary, Property, PropertyResult, Violated, ViolationKind } from './property.ts';
import { addDigests, NO_DIGEST, traceDigest } from './digest.ts';
import { randomAt, stemOf } from './random.ts';
import type { Seed } from './random.ts';

/** A scenario that violates a property, first seen at `index`. */
export interface Find {
  readonly property: string;
  readonly rule: string;
  readonly difference: ViolationKind;
  readonly seed: Seed;
  readonly index: number;
  readonly action: number;
  readonly step: number;
  readonly observed: string;
  readonly permitted: readonly string[];
  readonly message: string;
  /** The scenario in its JSON form. */
  readonly scenario: string;
}

/** A find and how many scenarios of the range have the same signature. */
export interface CountedFind extends Find {
  readonly count: number;
}

export interface UndeterminedNote {
  readonly reason: string;
  readonly property: string;
  readonly index: number;
  readonly count: number;
}

export interface LintNote {
  /** The message without addresses. */
  readonly kind: string;
  readonly property: string;
  readonly seed: Seed;
  readonly index: number;
  readonly count: number;
}

export interface Statistics {
  readonly scenarios: number;
  readonly steps: number;
  readonly actions: number;
  readonly dmas: number;
  readonly determinateDmas: number;
  /** DMA actions by what became of them; `bypassed` only from a subject that tells output addresses. */
  readonly outcomes: {
    readonly translated: number;
    readonly bypassed: number;
    readonly faulted: number;
    readonly unclear: number;
  };
  readonly passes: Readonly<Record<PassKind, number>>;
  /** Scenarios that the reference could not judge to the end. */
  readonly undetermined: number;
  /** Their reasons, in the order of the first index of each. */
  readonly undeterminedReasons: readonly UndeterminedNote[];
  /** Scenarios of which a property says nothing. */
  readonly vacuous: number;
  /** Scenarios in which each rule was decisive. */
  readonly decisive: Readonly<Partial<Record<RuleId, number>>>;
  /** Scenarios in which each rule was applied without being decisive. */
  readonly consulted: Readonly<Partial<Record<RuleId, number>>>;
  readonly lints: number;
  /** How often the subject chose what under which rule: the rule, `|`, the choice in words. */
  readonly choices: Readonly<Record<string, number>>;
  /** The first scenario of each suite with each kind of lint. */
  readonly lintNotes: readonly LintNote[];
  /** Scenarios that showed each cell of each cross (reference/rules/crosses.ts): the cross, `|`, the cell. */
  readonly cells: Readonly<Record<string, number>>;
  /** Fingerprint of all traces (digest.ts): the same for the same seed on every supported Node. */
  readonly traces: string;
  /** One a signature, in the order of their first index. */
  readonly finds: readonly CountedFind[];
}

export interface RangeOptions {
  readonly subject: Subject;
  /** Scenario `index` belongs to property `index modulo length`: list one more often to run it more often. */
  readonly properties: readonly Property[];
  readonly seed: Seed;
  /** First index, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Called at the first find of each signature in this range, before anything else is run. */
  readonly onFind?: (find: Find, scenario: Scenario) => void | Promise<void>;
  /** Asked before each scenario; true ends the range early. */
  readonly stop?: () => boolean;
}

/** Runs scenarios `from` to `to` - 1. @throws SubjectDied, SubjectError */
export async function runRange(options: RangeOptions): Promise<Statistics> {
  const { subject, properties, seed, from, to } = options;
  const sources = new Map<Property, Source>();
  const tally = new Tally();
  for (let index = from; index < to; index += 1) {
    if (options.stop?.() === true) break;
    const property = properties[index % properties.length];
    if (property === undefined) throw new RangeError('no properties to check');
    const scenario = scenarioOf(sources, property, subject, seed, index);
    const result = await property.check(subject, scenario);
    const find = tally.add(property.name, seed, index, scenario, result);
    if (find !== undefined) await options.onFind?.(find, scenario);
  }
  return tally.statistics();
}

/** Scenario `index` of a property, as `runRange` draws it. */
export function scenarioAt(property: Property, subject: Subject, seed: Seed, index: number): Scenario {
  return property.arbitrary(subject).draw(randomAt(stemOf(seed, property.name), index));
}

interface Source {
  readonly arbitrary: DrawableArbitrary;
  readonly stem: ReturnType<typeof stemOf>;
}

function scenarioOf(
  sources: Map<Property, Source>,
  property: Property,
  subject: Subject,
  seed: Seed,
  index: number,
): Scenario {
  let source = sources.get(property);
  if (source === undefined) {
    source = { arbitrary: property.arbitrary(subject), stem: stemOf(seed, property.name) };
    sources.set(property, source);
  }
  return source.arbitrary.draw(randomAt(source.stem, index));
}

/** The statistics of two ranges as of one. */
export function mergeStatistics(one: Statistics, two: Statistics): Statistics {
  return {
    scenarios: one.scenarios + two.scenarios,
    steps: one.steps + two.steps,
    actions: one.actions + two.actions,
    dmas: one.dmas + two.dmas,
    determinateDmas: one.determinateDmas + two.determinateDmas,
    outcomes: sum(one.outcomes, two.outcomes),
    passes: sum(one.passes, two.passes),
    undetermined: one.undetermined + two.undetermined,
    undeterminedReasons: mergeCounted(one.undeterminedReasons, two.undeterminedReasons, (note) => note.reason),
    vacuous: one.vacuous + two.vacuous,
    decisive: sum(one.decisive, two.decisive),
    consulted: sum(one.consulted, two.consulted),
    lints: one.lints + two.lints,
    choices: sum(one.choices, two.choices),
    lintNotes: mergeCounted(one.lintNotes, two.lintNotes, lintKey),
    cells: sum(one.cells, two.cells),
    traces: addDigests(one.traces, two.traces),
    finds: mergeCounted(one.finds, two.finds, signatureOf),
  };
}

/** The statistics of no scenario at all. */
export function noStatistics(): Statistics {
  return new Tally().statistics();
}

function lintKey({ property, kind }: LintNote): string {
  return `${property} ${kind}`;
}

/** The message of a lint without addresses. */
export function lintKind(message: string): string {
  return message.replace(/ to 0x[0-9a-f]+/g, '');
}

/** Property, rule and difference: finds with the same signature count as one. */
export function signatureOf(find: Pick<Find, 'property' | 'rule' | 'difference'>): string {
  return `${find.property} ${find.rule} ${find.difference}`;
}

type Counts = Readonly<Record<string, number>>;

function sum<T extends object>(one: T, two: T): T {
  const total: Record<string, number> = { ...(one as Counts) };
  for (const [key, count] of Object.entries(two as Counts)) total[key] = (total[key] ?? 0) + count;
  return Object.fromEntries(Object.entries(total).sort(([a], [b]) => (a < b ? -1 : 1))) as T;
}

/** Keeps of each key the one with the least index, and adds the counts. */
function mergeCounted<T extends { readonly index: number; readonly count: number }>(
  one: readonly T[],
  two: readonly T[],
  keyOf: (value: T) => string,
): T[] {
  const kept = new Map<string, T>();
  for (const value of [...one, ...two]) {
    const other = kept.get(keyOf(value));
    if (other === undefined) kept.set(keyOf(value), value);
    else {
      const first = other.index <= value.index ? other : value;
      kept.set(keyOf(value), { ...first, count: other.count + value.count });
    }
  }
  return [...kept.values()].sort((a, b) => a.index - b.index || (keyOf(a) < keyOf(b) ? -1 : 1));
}

class Tally {
  #scenarios = 0;
  #steps = 0;
  #actions = 0;
  #dmas = 0;
  #determinateDmas = 0;
  #undetermined = 0;
  #vacuous = 0;
  #lints = 0;
  #traces = NO_DIGEST;
  readonly #outcomes = { translated: 0, bypassed: 0, faulted: 0, unclear: 0 };
  readonly #passes: Record<PassKind, number> = { forced: 0, stale: 0, unpred: 0, impdef: 0 };
  readonly #decisive = new Map<RuleId, number>();
  readonly #consulted = new Map<RuleId, number>();
  readonly #cells = new Map<string, number>();
  readonly #choices = new Map<string, number>();
  readonly #lintNotes = new Map<string, LintNote>();
  readonly #reasons = new Map<string, UndeterminedNote>();
  readonly #finds = new Map<string, CountedFind>();

  /** Counts one result; returns a find whose signature is new. */
  add(property: string, seed: Seed, index: number, scenario: Scenario, result: PropertyResult): Find | undefined {
    const { program, trace, verdict } = result.run;
    this.#scenarios += 1;
    this.#steps += scenario.steps.length;
    this.#actions += program.actions.length;
    this.#traces = addDigests(this.#traces, traceDigest(index, trace));
    this.#countOutcomes(program, trace);
    if (verdict !== undefined) {
      this.#countVerdict(verdict);
      this.#noteLints(property, seed, index, verdict.lints);
    }
    switch (result.kind) {
      case 'ok':
        if (result.vacuous === true) this.#vacuous += 1;
        return undefined;
      case 'undetermined': {
        this.#undetermined += 1;
        const note = this.#reasons.get(result.reason);
        const first = note ?? { reason: result.reason, property, index, count: 0 };
        this.#reasons.set(result.reason, { ...first, count: first.count + 1 });
        return undefined;
      }
      case 'violation':
        return this.#countViolation(property, seed, index, scenario, result);
    }
  }

  statistics(): Statistics {
    return {
      scenarios: this.#scenarios,
      steps: this.#steps,
      actions: this.#actions,
      dmas: this.#dmas,
      determinateDmas: this.#determinateDmas,
      outcomes: { ...this.#outcomes },
      passes: { ...this.#passes },
      undetermined: this.#undetermined,
      undeterminedReasons: mergeCounted([...this.#reasons.values()], [], (note) => note.reason),
      vacuous: this.#vacuous,
      decisive: sum(Object.fromEntries(this.#decisive), {}),
      consulted: sum(Object.fromEntries(this.#consulted), {}),
      lints: this.#lints,
      choices: sum(Object.fromEntries(this.#choices), {}),
      lintNotes: mergeCounted([...this.#lintNotes.values()], [], lintKey),
      cells: sum(Object.fromEntries(this.#cells), {}),
      traces: this.#traces,
      finds: mergeCounted([...this.#finds.values()], [], signatureOf),
    };
  }

  #noteLints(property: string, seed: Seed, index: number, lints: readonly Lint[]): void {
    for (const { message } of lints) {
      const kind = lintKind(message);
      const note = this.#lintNotes.get(`${property} ${kind}`) ?? { kind, property, seed, index, count: 0 };
      this.#lintNotes.set(lintKey(note), { ...note, count: note.count + 1 });
    }
  }

  #countVerdict(verdict: Verdict): void {
    this.#dmas += verdict.dmas;
    this.#determinateDmas += verdict.determinateDmas;
    const lints: readonly Lint[] = verdict.lints;
    this.#lints += lints.length;
    for (const kind of Object.keys(this.#passes) as PassKind[]) this.#passes[kind] += verdict.passes[kind];
    for (const { rule, chosen } of verdict.choices) {
      const key = `${rule}|${chosen}`;
      this.#choices.set(key, (this.#choices.get(key) ?? 0) + 1);
    }
    for (const [cross, cells] of verdict.cells) {
      for (const cell of cells) {
        const key = `${cross}|${cell}`;
        this.#cells.set(key, (this.#cells.get(key) ?? 0) + 1);
      }
    }
    for (const rule of verdict.decisive) this.#decisive.set(rule, (this.#decisive.get(rule) ?? 0) + 1);
    for (const rule of verdict.consulted) {
      if (!verdict.decisive.has(rule)) this.#consulted.set(rule, (this.#consulted.get(rule) ?? 0) + 1);
    }
  }

  #countOutcomes(program: Program, trace: Trace): void {
    const { actions } = program;
    for (let at = 0; at < trace.observations.length; at += 1) {
      const action = actions[at];
      if (action === undefined || (action.op !== 'dma-read' && action.op !== 'dma-write')) continue;
      this.#outcomes[outcomeOf(action, trace.observations[at] as Observation)] += 1;
    }
  }

  #countViolation(property: string, seed: Seed, index: number, scenario: Scenario, result: Violated): Find | undefined {
    const { rule, difference, action, step, observed, permitted, message } = result;
    const signature = signatureOf({ property, rule, difference });
    const known = this.#finds.get(signature);
    if (known !== undefined) {
      this.#finds.set(signature, { ...known, count: known.count + 1 });
      return undefined;
    }
    const text = formatScenario(scenario);
    const find: Find = {
      property,
      rule,
      difference,
      seed,
      index,
      action,
      step,
      observed,
      permitted,
      message,
      scenario: text,
    };
    this.#finds.set(signature, { ...find, count: 1 });
    return find;
  }
}

function outcomeOf(
  action: Extract<Action, { op: 'dma-read' | 'dma-write' }>,
  { outcome, outputAddress }: Observation,
): keyof Statistics['outcomes'] {
  if (outcome.kind === 'unclear') return 'unclear';
  if (outcome.kind === 'abort') return 'faulted';
  return outputAddress === action.address ? 'bypassed' : 'translated';
}
