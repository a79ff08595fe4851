/** Comparing what devices saw in a run of a scenario and in one of a changed scenario, with no reference to say what was open. */
import { lower } from '../scenario/lower.ts';
import type { Program, Scenario } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import { misfit } from '../subjects/fit.ts';
import type { Subject } from '../subjects/subject.ts';
import type { Changed } from './blocks.ts';
import { actionsByStep, dmaActions, dmaText } from './compare.ts';
import type { DmaStep } from './orderly.ts';
import { violated } from './property.ts';
import type { PropertyResult, Run, Violated } from './property.ts';

export async function run(subject: Subject, scenario: Scenario): Promise<Run> {
  const program = lower(scenario);
  return { program, trace: await subject.run(program) };
}

/** What a device sees at the DMA of a step, in words. `place`: where the step is in the changed scenario. */
export type SeenThere = (other: Run, place: number, step: DmaStep) => string;

export function seenAt({ program, trace }: Run, place: number): string {
  return texts(program, trace.observations, actionsByStep(program)[place]);
}

function texts(program: Program, observations: readonly Observation[], actions: readonly number[] | undefined): string {
  return dmaActions(program, actions)
    .map((action) => dmaText(observations[action]))
    .join(', ');
}

/** The scenario on the subject beside each of its other forms. Vacuous without any; those the subject cannot run are left out. */
export async function sameInAllForms(
  subject: Subject,
  scenario: Scenario,
  base: Run,
  forms: readonly Changed[],
  rule: string,
  seenThere: SeenThere = seenAt,
): Promise<PropertyResult> {
  const dead = diedIn(scenario, base, rule);
  if (dead !== undefined) return dead;
  let compared = false;
  for (const form of forms) {
    if (misfit(lower(form.scenario), subject) !== undefined) continue;
    compared = true;
    const other = await run(subject, form.scenario);
    const result =
      diedIn(scenario, other, rule) ?? sameForDevices(scenario, base, other, form.placeOf, rule, seenThere);
    if (result !== undefined) return result;
  }
  return compared ? { kind: 'ok', run: base } : { kind: 'ok', run: base, vacuous: true };
}

function diedIn(scenario: Scenario, { program, trace }: Run, rule: string): Violated | undefined {
  if (trace.died === undefined) return undefined;
  const action = trace.observations.length;
  const observed = trace.died;
  const step = Math.min(program.stepOf[action] ?? 0, scenario.steps.length - 1);
  return violated(scenario, {
    program,
    run: { program, trace },
    rule,
    difference: 'died',
    action,
    step,
    observed,
    permitted: [],
  });
}

/** The first DMA step of which the device saw something else in the other run. */
function sameForDevices(
  scenario: Scenario,
  base: Run,
  other: Run,
  placeOf: readonly number[],
  rule: string,
  seenThere: SeenThere,
): Violated | undefined {
  const { program, trace } = base;
  const here = actionsByStep(program);
  for (const [step, dma] of scenario.steps.entries()) {
    if (dma.do !== 'dma') continue;
    const permitted = texts(program, trace.observations, here[step]);
    const observed = seenThere(other, placeOf[step] ?? -1, dma);
    if (permitted === observed) continue;
    const action = here[step]?.[0] ?? 0;
    const difference = 'runs-differ';
    return violated(scenario, { program, run: base, rule, difference, action, step, observed, permitted: [permitted] });
  }
  return undefined;
}
