/** A property: a law that holds of every scenario on every subject, with scenarios to try it on. */
import type { Arbitrary } from 'fast-check';
import { formatStep } from '../scenario/json.ts';
import type { Program, Scenario } from '../scenario/steps.ts';
import type { Trace } from '../scenario/trace.ts';
import type { Described, Subject } from '../subjects/subject.ts';
import type { Difference, Verdict } from '../reference/verdict.ts';

/** What was run to check a scenario. */
export interface Run {
  readonly program: Program;
  readonly trace: Trace;
  /** What the reference says of it, when the property asked. */
  readonly verdict?: Verdict;
}

/** The differences of the judge, and those of properties that compare two runs. */
export type ViolationKind = Difference | 'runs-differ' | 'not-determinate';

export type PropertyResult =
  /** `vacuous`: the law says nothing about such a scenario. */
  | { readonly kind: 'ok'; readonly run: Run; readonly vacuous?: true }
  | { readonly kind: 'undetermined'; readonly run: Run; readonly reason: string }
  | {
      readonly kind: 'violation';
      readonly run: Run;
      /** With `difference` the signature that shrinking holds. A rule id, or the law's name where it is no rule of the architecture. */
      readonly rule: string;
      readonly difference: ViolationKind;
      /** In `run.program`. */
      readonly action: number;
      /** In the scenario. */
      readonly step: number;
      readonly observed: string;
      /** Every permitted outcome, in words. */
      readonly permitted: readonly string[];
      /** One line. */
      readonly message: string;
    };

export type Violated = Extract<PropertyResult, { kind: 'violation' }>;

export interface Property {
  /** As given to `check --suite`, and the folder its finds are kept in. */
  readonly name: string;
  /** One sentence: what must hold. */
  readonly title: string;
  /** Scenarios that suit the subject. */
  arbitrary(subject: Described): DrawableArbitrary;
  /** @throws SubjectDied, SubjectError */
  check(subject: Subject, scenario: Scenario): Promise<PropertyResult>;
}

/** An arbitrary that can also be asked directly, without fast-check's wrapping. */
export type DrawableArbitrary = Arbitrary<Scenario> & { draw(random: RandomOf): Scenario };
type RandomOf = Parameters<Arbitrary<Scenario>['generate']>[0];

/** What the judge found wrong, as a property's result. */
export function judgedResult(
  scenario: Scenario,
  run: Run & { verdict: Verdict },
  stepOf: (step: number) => number = (step) => step,
): PropertyResult {
  const { program, verdict } = run;
  const { violation, undetermined } = verdict;
  if (violation === undefined) {
    if (undetermined === undefined) return { kind: 'ok', run };
    return { kind: 'undetermined', run, reason: undetermined.reason };
  }
  const { rule, difference, action, observed } = violation;
  const permitted = violation.permitted.map(({ outcome }) => outcome);
  const step = stepOf(program.stepOf[action] ?? scenario.steps.length - 1);
  return violated(scenario, { program, run, rule, difference, action, step, observed, permitted });
}

/** A violation at an action, with a message. `step`: where the program is not of `scenario` itself, the step of it to blame. */
export function violated(
  scenario: Scenario,
  what: Omit<Violated, 'kind' | 'step' | 'message'> & { readonly program: Program; readonly step?: number },
): Violated {
  const { program, ...rest } = what;
  const step = what.step ?? program.stepOf[what.action] ?? scenario.steps.length - 1;
  const at = scenario.steps[step];
  const permitted = what.permitted.length === 0 ? 'nothing' : what.permitted.join(' or ');
  const message = `${what.rule} ${what.difference} at step ${step}${at === undefined ? '' : ` ${formatStep(at)}`}: observed ${what.observed}, permitted ${permitted}`;
  return { kind: 'violation', ...rest, step, message };
}
