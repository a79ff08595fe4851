/** Shared by the tests of this room: the model as subject, and a property run under fast-check. */
import fc from 'fast-check';
import { lower } from '../scenario/lower.ts';
import { misfit } from '../subjects/fit.ts';
import { openModel } from '../subjects/model.ts';
import type { Subject } from '../subjects/subject.ts';
import type { Scenario } from '../scenario/steps.ts';
import type { Property } from './property.ts';
import { randomAt, stemOf } from './random.ts';

export const model: Subject = openModel();

/** Runs a property on the model; a violation is thrown with its message, after shrinking. */
export async function holds(property: Property, numRuns: number, seed = 1): Promise<void> {
  await fc.assert(
    fc.asyncProperty(property.arbitrary(model), async (scenario) => {
      // Shrinking may leave a profile that nothing can be built to.
      fc.pre(misfit(lower(scenario), model) === undefined);
      const result = await property.check(model, scenario);
      if (result.kind === 'violation') throw new Error(result.message);
    }),
    { seed, numRuns },
  );
}

/** Scenarios 0 to `count` - 1 of a property for the model. */
export function drawn(property: Property, count: number, seed = 1, subject: Subject = model): Scenario[] {
  const arbitrary = property.arbitrary(subject);
  const stem = stemOf(seed, property.name);
  return Array.from({ length: count }, (_, index) => arbitrary.draw(randomAt(stem, index)));
}
