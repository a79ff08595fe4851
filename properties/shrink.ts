/**
 * Making a scenario smaller. Needs no memory of how the scenario was made, so a stored or hand-written one shrinks as well
 * as a generated one. Every candidate is smaller by a well-founded order (steps, then keys, then values), so
 * following candidates always ends.
 */
import type { FeatureName } from '../scenario/features.ts';
import type { Scenario, Step } from '../scenario/steps.ts';
import { simplerSteps } from './simplify.ts';
import { withMergedEntities } from './merge-entities.ts';

/** Smaller scenarios to try, the boldest first. */
export function* shrinkScenario(scenario: Scenario): Generator<Scenario> {
  yield* withoutChunks(scenario);
  yield* withSmallerProfile(scenario);
  yield* withMergedEntities(scenario);
  for (let at = 0; at < scenario.steps.length; at += 1) {
    for (const step of simplerSteps(stepAt(scenario, at))) yield withStep(scenario, at, step);
  }
}

export interface MinimizeOptions {
  /** No execution starts later than this many milliseconds after the call. */
  readonly timeMs: number;
  /** Called with each better scenario, so that it can be written to disk. */
  readonly onBest?: (best: Scenario) => void | Promise<void>;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

export interface Minimized {
  readonly scenario: Scenario;
  /** How often `stillFails` was asked. */
  readonly executions: number;
  /** False when time ran out before nothing more could be removed or simplified. */
  readonly complete: boolean;
}

/**
 * The smallest scenario found that still fails. Greedy passes to a fixed point; the last pass has tried to remove every step
 * alone and every pair of a short scenario. `stillFails` must hold the signature of the failure (rule and kind of difference), so
 * that one bug does not turn into another on the way. It is never asked about the same scenario twice.
 */
export async function minimize(
  scenario: Scenario,
  stillFails: (candidate: Scenario) => boolean | Promise<boolean>,
  options: MinimizeOptions,
): Promise<Minimized> {
  const search = new Search(scenario, stillFails, options);
  try {
    let before: Scenario;
    do {
      before = search.best;
      await removeChunks(search);
      await acceptAll(search, withSmallerProfile);
      await acceptAll(search, withMergedEntities);
      await simplifySteps(search);
      if (search.best === before) await removePairs(search);
    } while (search.best !== before);
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error;
    return { scenario: search.best, executions: search.executions, complete: false };
  }
  return { scenario: search.best, executions: search.executions, complete: true };
}

class OutOfTime extends Error {}

/** The best scenario so far, and the ones already tried. */
class Search {
  best: Scenario;
  executions = 0;
  readonly #stillFails: (candidate: Scenario) => boolean | Promise<boolean>;
  readonly #onBest: (best: Scenario) => void | Promise<void>;
  readonly #now: () => number;
  readonly #deadline: number;
  readonly #tried = new Set<string>();

  constructor(
    scenario: Scenario,
    stillFails: (candidate: Scenario) => boolean | Promise<boolean>,
    options: MinimizeOptions,
  ) {
    this.best = scenario;
    this.#stillFails = stillFails;
    this.#onBest = options.onBest ?? (() => undefined);
    this.#now = options.now ?? (() => performance.now());
    this.#deadline = this.#now() + options.timeMs;
  }

  /** Takes the candidate as the best one if it still fails. */
  async accepts(candidate: Scenario): Promise<boolean> {
    const key = keyOf(candidate);
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    if (this.#now() > this.#deadline) throw new OutOfTime();
    this.executions += 1;
    if (!(await this.#stillFails(candidate))) return false;
    this.best = candidate;
    await this.#onBest(candidate);
    return true;
  }
}

/** Removes stretches of steps, long ones first, from the end: what comes late seldom carries what comes early. */
async function removeChunks(search: Search): Promise<void> {
  for (let size = search.best.steps.length; size >= 1; size = Math.floor(size / 2)) {
    let end = search.best.steps.length;
    while (end > 0) {
      const start = Math.max(0, end - size);
      for (const candidate of withoutStretch(search.best, start, end)) {
        if (await search.accepts(candidate)) break;
      }
      end = Math.min(start, search.best.steps.length);
    }
  }
}

async function removePairs(search: Search): Promise<void> {
  if (search.best.steps.length > 16) return;
  for (let late = search.best.steps.length - 1; late > 0; late -= 1) {
    for (let early = late - 1; early >= 0; early -= 1) {
      const steps = search.best.steps.filter((_, at) => at !== early && at !== late);
      if (await search.accepts({ ...search.best, steps })) return;
    }
  }
}

async function simplifySteps(search: Search): Promise<void> {
  for (let at = 0; at < search.best.steps.length; at += 1) {
    await acceptAll(search, (scenario) => variantsAt(scenario, at));
  }
}

/** Takes the first accepted candidate, and again from there, until none is accepted. */
async function acceptAll(search: Search, candidatesOf: (scenario: Scenario) => Iterable<Scenario>): Promise<void> {
  let progress = true;
  while (progress) {
    progress = false;
    for (const candidate of candidatesOf(search.best)) {
      if (await search.accepts(candidate)) {
        progress = true;
        break;
      }
    }
  }
}

/** Without any of the features it names, then without each: the implementation's own defaults are simpler. */
function* withSmallerProfile(scenario: Scenario): Generator<Scenario> {
  const { features, ...rest } = scenario;
  if (features === undefined) return;
  yield rest;
  for (const name of Object.keys(features) as FeatureName[]) {
    const { [name]: _, ...fewer } = features;
    yield { ...rest, features: fewer };
  }
}

function* variantsAt(scenario: Scenario, at: number): Generator<Scenario> {
  for (const step of simplerSteps(stepAt(scenario, at))) yield withStep(scenario, at, step);
}

function* withoutChunks(scenario: Scenario): Generator<Scenario> {
  const count = scenario.steps.length;
  for (let size = count; size >= 1; size = Math.floor(size / 2)) {
    for (let end = count; end > 0; end -= size) yield* withoutStretch(scenario, Math.max(0, end - size), end);
  }
}

/**
 * Without the steps from `start` to `end`; and, when commands go, also with the slots that later steps name moved up by
 * as many, because a slot is counted from the first command.
 */
function* withoutStretch(scenario: Scenario, start: number, end: number): Generator<Scenario> {
  const removed = scenario.steps.slice(start, end);
  const kept = [...scenario.steps.slice(0, start), ...scenario.steps.slice(end)];
  yield { ...scenario, steps: kept };
  const commands = removed.filter((step) => isCommand(step) && step.at === undefined).length;
  if (commands === 0 || !kept.some((step, at) => at >= start && isCommand(step) && step.at !== undefined)) return;
  const moved = kept.map((step, at) =>
    at >= start && isCommand(step) && step.at !== undefined && step.at >= commands
      ? { ...step, at: step.at - commands }
      : step,
  );
  yield { ...scenario, steps: moved };
}

function isCommand(step: Step): step is Extract<Step, { do: 'command' | 'raw-command' }> {
  return step.do === 'command' || step.do === 'raw-command';
}

function withStep(scenario: Scenario, at: number, step: Step): Scenario {
  return { ...scenario, steps: scenario.steps.map((old, index) => (index === at ? step : old)) };
}

function stepAt(scenario: Scenario, at: number): Step {
  const step = scenario.steps[at];
  if (step === undefined) throw new RangeError(`no step ${at}`);
  return step;
}

function keyOf(scenario: Scenario): string {
  return JSON.stringify([scenario.features, scenario.steps], (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
