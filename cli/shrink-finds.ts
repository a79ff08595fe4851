/** From a stored find to its essence: shrinks it, writing each better scenario into its file, within a time. */
import { replaceFind } from '../fuzz/finds.ts';
import type { CountedFind } from '../properties/campaign.ts';
import type { Property, Violated } from '../properties/property.ts';
import { minimize } from '../properties/shrink.ts';
import { parseScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import type { Scenario } from '../scenario/steps.ts';
import { misfit } from '../subjects/fit.ts';
import type { Subject } from '../subjects/subject.ts';
import { readScenario } from './kept.ts';

export interface Shrunk {
  /** The smallest scenario that fails in the same way; the one in the file. */
  readonly scenario: Scenario;
  /** Its failure; undefined when the find did not fail again at all. */
  readonly violated: Violated | undefined;
  /** Steps of the scenario as found. */
  readonly stepsBefore: number;
  /** False when time ran out first. */
  readonly complete: boolean;
}

/**
 * Shrinks a stored find. Starts from what its file holds, so a run that was stopped goes on where it was.
 * @throws SubjectDied, SubjectError, ScenarioError
 */
export async function shrinkFind(
  subject: Subject,
  property: Property,
  find: CountedFind,
  path: string,
  timeMs: number,
): Promise<Shrunk> {
  const found = parseScenario(find.scenario, path);
  const stored = readScenario(path);
  let latest: Violated | undefined;

  /** Whether the candidate fails with the same signature; remembers how. */
  const stillFails = async (candidate: Scenario): Promise<boolean> => {
    if (misfit(lower(candidate), subject) !== undefined) return false;
    const result = await property.check(subject, candidate);
    if (result.kind !== 'violation') return false;
    if (result.rule !== find.rule || result.difference !== find.difference) return false;
    latest = result;
    return true;
  };
  const keep = (best: Scenario): void => {
    if (latest === undefined) return;
    const { step, observed, permitted } = latest;
    replaceFind(path, { ...find, step, observed, permitted }, subject.name, best);
  };

  const stepsBefore = found.steps.length;
  const start = (await stillFails(stored)) ? stored : found;
  if (start === found && !(await stillFails(found))) {
    return { scenario: found, violated: undefined, stepsBefore, complete: false };
  }
  keep(start);
  let violated = latest;
  if (timeMs <= 0) return { scenario: start, violated, stepsBefore, complete: false };
  const { scenario, complete } = await minimize(start, stillFails, {
    timeMs,
    onBest: (best) => {
      violated = latest;
      keep(best);
    },
  });
  return { scenario, violated, stepsBefore, complete };
}
