import { describe, expect, test } from 'vitest';
import { runRange } from './campaign.ts';
import { judged } from './judged.ts';
import { holds, model } from './testing.ts';

describe(judged.title, () => {
  test('on the model', () => holds(judged, 1000));
});

describe('what the judged scenarios reach on the model', () => {
  test('translations, faults and bypasses, mostly with one permitted outcome, and most rules', async () => {
    const statistics = await runRange({ subject: model, properties: [judged], seed: 3, from: 0, to: 600 });
    const { outcomes, dmas, determinateDmas } = statistics;
    expect(statistics.finds).toEqual([]);
    expect(determinateDmas / dmas).toBeGreaterThan(0.8);
    expect(outcomes.translated / dmas).toBeGreaterThan(0.4);
    expect(outcomes.faulted / dmas).toBeGreaterThan(0.2);
    expect(outcomes.bypassed).toBeGreaterThan(20);
    expect(statistics.undetermined / statistics.scenarios).toBeLessThan(0.03);
    expect(Object.keys(statistics.decisive).length).toBeGreaterThan(500);
  });
});
