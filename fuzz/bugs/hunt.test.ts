import { expect, test } from 'vitest';
import { bug } from './bug.ts';
import { CATALOGUE } from './catalogue.ts';
import { HuntingGrounds, huntBug } from './hunt.ts';
import type { Hunt } from './hunt.ts';

const SEED = 1;
/** Enough for nearly every bug; which ones, changes with every change of the generators. */
const SCENARIOS_USUAL = 1000;
/** Enough for each that is not marked rare. */
const SCENARIOS_MAX = 4000;
const MINUTES_MAX = 5;

const grounds = new HuntingGrounds(SEED);

test(
  'every seeded bug that is not rare is found, nearly all within 1,000 scenarios',
  async () => {
    const hunts: Hunt[] = [];
    for (const entry of CATALOGUE) {
      if (entry.rare !== undefined) continue;
      hunts.push(await huntBug(entry, { grounds, scenariosMax: SCENARIOS_MAX }));
    }
    expect(hunts.filter(({ caught }) => !caught).map(({ id }) => id)).toEqual([]);
    const slow = hunts.filter(({ scenarios }) => scenarios > SCENARIOS_USUAL).map(({ id }) => id);
    expect(slow.length / hunts.length, `slow: ${slow.join(' ')}`).toBeLessThan(0.05);
  },
  MINUTES_MAX * 60_000,
);

test(
  'the model as it is violates nothing in the same scenarios',
  async () => {
    for (let index = 0; index < SCENARIOS_MAX; index += 1) {
      const result = await grounds.judged(index);
      expect(result.kind === 'violation' && result.message).toBe(false);
    }
  },
  MINUTES_MAX * 60_000,
);

test('only bugs that crash end the program', async () => {
  const crashing = CATALOGUE.filter(({ severity }) => severity === 'crash');
  expect(crashing.length).toBeGreaterThan(0);
  for (const entry of crashing) {
    const hunt = await huntBug(entry, { grounds, scenariosMax: SCENARIOS_USUAL });
    expect(hunt.caught && hunt.violated.difference).toBe('died');
  }
});

test('a hunt that finds nothing says so, after all scenarios', async () => {
  const nothing = bug('BUG-0', { title: 'nothing', area: 'TLB', origin: 'none', severity: 'crash' });
  const hunt = await huntBug(nothing, { grounds, scenariosMax: 20 });
  expect(hunt).toEqual({ id: 'BUG-0', caught: false, scenarios: 20, seconds: expect.any(Number) as number });
});
