/** The judged property: everything observed is permitted by the reference. */
import { judge } from '../reference/judge.ts';
import { lower } from '../scenario/lower.ts';
import { scenarios } from './arbitraries/scenarios.ts';
import { judgedResult } from './property.ts';
import type { Property } from './property.ts';

export const judged: Property = {
  name: 'judged',
  title: 'every observation is one that the architecture permits',
  arbitrary: scenarios,
  async check(subject, scenario) {
    const program = lower(scenario);
    const trace = await subject.run(program);
    return judgedResult(scenario, { program, trace, verdict: judge(program, trace) });
  },
};
