import { expect, test } from 'vitest';
import type { Scenario } from '../scenario/steps.ts';
import { mergeStatistics, noStatistics, runRange, scenarioAt } from './campaign.ts';
import { judged } from './judged.ts';
import type { Property } from './property.ts';
import { propertiesOf, propertyNamed, SUITE_NAMES } from './suites.ts';
import { model } from './testing.ts';

/** Finds fault with every scenario that has a `poke`. */
const picky: Property = {
  ...judged,
  name: 'picky',
  async check(subject, scenario) {
    const result = await judged.check(subject, scenario);
    const step = scenario.steps.findIndex((one) => one.do === 'poke');
    if (step < 0) return result;
    const { run } = result;
    const what = {
      rule: 'REG-001',
      difference: 'memory',
      action: 0,
      observed: 'a poke',
      permitted: [],
      message: 'no',
    } as const;
    return { kind: 'violation', run, step, ...what };
  },
};

test('statistics do not depend on how a range is split', async () => {
  const properties = [picky, judged];
  const range = (from: number, to: number): ReturnType<typeof runRange> =>
    runRange({ subject: model, properties, seed: 5, from, to });
  const whole = await range(0, 90);
  const parts = [await range(0, 13), await range(13, 14), await range(14, 90)];
  const merged = parts.reverse().reduce(mergeStatistics, noStatistics());
  expect(merged).toEqual(whole);
  expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  expect(whole.scenarios).toBe(90);
});

test('a find is told when it is met, with what leads back to it', async () => {
  const told: [number, Scenario][] = [];
  const statistics = await runRange({
    subject: model,
    properties: [picky],
    seed: 5,
    from: 0,
    to: 80,
    onFind: (find, scenario) => void told.push([find.index, scenario]),
  });
  expect(told.length).toBe(1);
  const [find] = statistics.finds;
  expect(find?.count).toBeGreaterThan(1);
  expect(find?.index).toBe(told[0]?.[0]);
  expect(scenarioAt(picky, model, 5, find?.index ?? -1)).toEqual(told[0]?.[1]);
});

test('every suite has properties, and every property is found by its name', () => {
  for (const name of SUITE_NAMES) {
    const properties = propertiesOf(name);
    expect(properties?.length, name).toBeGreaterThan(0);
    for (const property of properties ?? []) expect(propertyNamed(property.name)).toBe(property);
  }
  expect(propertiesOf('nonesuch')).toBeUndefined();
});
