/**
 * Hunting a seeded bug: scenarios are run on the model that has it until the first violation.
 *
 * Most scenarios show nothing of a bug: the faulty model does in them what the model as it is does, which was judged before.
 * Only a trace that differs is judged.
 */
import { judge } from '../../reference/judge.ts';
import { scenarioAt } from '../../properties/campaign.ts';
import { firstDifference } from '../../properties/compare.ts';
import { judged } from '../../properties/judged.ts';
import { judgedResult } from '../../properties/property.ts';
import type { PropertyResult, Violated } from '../../properties/property.ts';
import type { Seed } from '../../properties/random.ts';
import { lower } from '../../scenario/lower.ts';
import type { Program, Scenario } from '../../scenario/steps.ts';
import type { Trace } from '../../scenario/trace.ts';
import { openModel } from '../../subjects/model.ts';
import type { Subject } from '../../subjects/subject.ts';
import type { Bug } from './bug.ts';
import { loadPatchedModel } from './load.ts';

interface Ground {
  readonly scenario: Scenario;
  readonly program: Program;
  /** Of the model as it is. */
  readonly trace: Trace;
}

/** Where bugs are hunted: the judged scenarios of a seed, and what the model as it is does in them. */
export class HuntingGrounds {
  readonly #seed: Seed;
  readonly #model: Subject = openModel();
  readonly #grounds: Ground[] = [];

  constructor(seed: Seed) {
    this.#seed = seed;
  }

  /** Scenario `index`; indexes are asked for from 0 on. */
  async at(index: number): Promise<Ground> {
    const known = this.#grounds[index];
    if (known !== undefined) return known;
    const scenario = scenarioAt(judged, this.#model, this.#seed, index);
    const program = lower(scenario);
    const trace = await this.#model.run(program);
    const ground = { scenario, program, trace };
    this.#grounds[index] = ground;
    return ground;
  }

  /** What the reference says of the model as it is. */
  async judged(index: number): Promise<PropertyResult> {
    const { scenario, program, trace } = await this.at(index);
    return judgedResult(scenario, { program, trace, verdict: judge(program, trace) });
  }
}

export interface HuntOptions {
  readonly grounds: HuntingGrounds;
  /** Give up after this many scenarios. */
  readonly scenariosMax: number;
}

interface HuntCounts {
  readonly id: Bug['id'];
  /** How many were run, the violating one included. */
  readonly scenarios: number;
  readonly seconds: number;
}

export type Hunt =
  | (HuntCounts & {
      readonly caught: true;
      /** The first violation, and its scenario. */
      readonly violated: Violated;
      readonly scenario: Scenario;
    })
  | (HuntCounts & { readonly caught: false });

/** Hunts one bug. @throws PatchError when it does not apply */
export async function huntBug(bug: Bug, { grounds, scenariosMax }: HuntOptions): Promise<Hunt> {
  const started = performance.now();
  const subject = openModel({ systemClass: await loadPatchedModel(bug), name: `model with ${bug.id}` });
  const counts = (scenarios: number): HuntCounts => {
    return { id: bug.id, scenarios, seconds: (performance.now() - started) / 1000 };
  };
  for (let index = 0; index < scenariosMax; index += 1) {
    const { scenario, program, trace: usual } = await grounds.at(index);
    const trace = await subject.run(program);
    if (trace.died === undefined && sameIds(trace, usual) && firstDifference(trace, usual) === undefined) continue;
    const result = judgedResult(scenario, { program, trace, verdict: judge(program, trace) });
    if (result.kind === 'violation') return { ...counts(index + 1), caught: true, violated: result, scenario };
  }
  return { ...counts(scenariosMax), caught: false };
}

function sameIds(one: Trace, two: Trace): boolean {
  return Object.entries(one.idRegisters).every(([name, value]) => two.idRegisters[name as 'IDR0'] === value);
}
