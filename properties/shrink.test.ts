import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatScenario, parseScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import type { Scenario, Step } from '../scenario/steps.ts';
import { judged } from './judged.ts';
import { minimize, shrinkScenario } from './shrink.ts';
import { drawn, model } from './testing.ts';

/** A stored scenario of thirty steps in which two matter: a page without the access flag, and a write to it. */
const STORED = parseScenario(
  formatScenario({
    'smmu-crosscheck': 1,
    why: 'shrinks',
    steps: [
      { do: 'cd', cd: 3, set: { WXN: 1n, A: 1n, R: 1n } },
      { do: 'ste', stream: 16, cd: 3, set: { MEV: 1n } },
      ...filler(0),
      { do: 'map', cd: 3, va: 0x7f_4000_9000n, pa: 0x4110_3000n, set: { AF: 0n, AP: 3n, UXN: 1n } },
      ...filler(9),
      { do: 'dma', stream: 16, write: 0x7f_4000_9a38n, bytes: 64, fill: 9, privileged: true },
      ...filler(18).slice(0, 8),
    ],
  }),
  'stored.json',
);

function filler(from: number): Step[] {
  return Array.from({ length: 9 }, (_, at): Step => {
    const kind = (from + at) % 3;
    if (kind === 0) return { do: 'dma', stream: 8, read: BigInt(at) << 12n, bytes: 8 };
    if (kind === 1) return { do: 'command', name: 'CMD_SYNC' };
    return { do: 'read', register: 'GERROR' };
  });
}

/** A write to the page that lacks the access flag. */
function fails({ steps }: Scenario): boolean {
  return steps.some(
    (map, at) =>
      map.do === 'map' &&
      map.set?.AF === 0n &&
      steps.slice(at).some((dma) => dma.do === 'dma' && dma.write !== undefined && dma.write >> 12n === map.va >> 12n),
  );
}

describe('shrinking', () => {
  test('takes a stored scenario of thirty steps to the two that matter, in their plainest form', async () => {
    const best: number[] = [];
    const { scenario, complete, executions } = await minimize(STORED, fails, {
      timeMs: 10_000,
      onBest: ({ steps }) => void best.push(steps.length),
    });
    expect(complete).toBe(true);
    expect(executions).toBeLessThan(200);
    expect(scenario.steps).toEqual([
      { do: 'map', cd: 0, va: 0x1000n, pa: 0x4110_3000n, set: { AF: 0n } },
      { do: 'dma', stream: 16, write: 0x1000n, bytes: 4 },
    ]);
    expect([...best].sort((a, b) => b - a)).toEqual(best);
  });

  test('works as well through fast-check, from an example', () => {
    const result = fc.check(
      fc.property(judged.arbitrary(model), (scenario) => !fails(scenario)),
      { examples: [[STORED]], numRuns: 1 },
    );
    expect(result.counterexample?.[0]?.steps.length).toBe(2);
  });

  test('moves the slots that later steps name when a command before them goes', async () => {
    const scenario: Scenario = {
      'smmu-crosscheck': 1,
      why: 'slots',
      steps: [
        { do: 'boot' },
        { do: 'command', name: 'CMD_SYNC' },
        { do: 'raw-command', word0: 0xffn, word1: 5n },
        { do: 'command', name: 'CMD_SYNC', at: 4 },
      ],
    };
    // The slot that is mended must be the one of the raw command: 3 is the first after boot.
    const mends = ({ steps }: Scenario): boolean => {
      const boot = steps.findIndex((step) => step.do === 'boot');
      const commands = steps.slice(boot + 1).filter((step) => step.do === 'command' || step.do === 'raw-command');
      const raw = commands.findIndex((step) => step.do === 'raw-command');
      return boot >= 0 && raw >= 0 && commands.some((step) => step.do === 'command' && step.at === raw + 3);
    };
    const { scenario: smallest } = await minimize(scenario, mends, { timeMs: 5000 });
    expect(smallest.steps.map((step) => step.do)).toEqual(['boot', 'raw-command', 'command']);
    expect(smallest.steps[2]).toMatchObject({ at: 3 });
  });

  test('stops when time is up and keeps the best so far', async () => {
    let clock = 0;
    const { scenario, complete } = await minimize(STORED, fails, { timeMs: 10, now: () => (clock += 1) });
    expect(complete).toBe(false);
    expect(fails(scenario)).toBe(true);
    expect(scenario.steps.length).toBeLessThan(STORED.steps.length);
  });

  test('leaves one step of many when a single register read matters', async () => {
    const long = drawn(judged, 50).flatMap(({ steps }) => steps);
    const needle: Step = { do: 'write', register: 'CR2', value: 0xdead_beefn, bytes: 4 };
    const steps = [...long.slice(0, 60), needle, ...long.slice(60, 120)];
    const matters = (scenario: Scenario): boolean =>
      scenario.steps.some(
        (step) => step.do === 'write' && step.register === 'CR2' && (step.value & 0x8000_0000n) !== 0n,
      );
    const { scenario } = await minimize({ 'smmu-crosscheck': 1, why: '', steps }, matters, { timeMs: 10_000 });
    expect(scenario.steps).toEqual([{ do: 'write', register: 'CR2', value: 0x8000_0000n }]);
  });

  test('offers only scenarios that differ, are legal input, and are smaller', () => {
    for (const scenario of drawn(judged, 30)) {
      let count = 0;
      for (const smaller of shrinkScenario(scenario)) {
        count += 1;
        expect(smaller.steps.length).toBeLessThanOrEqual(scenario.steps.length);
        if (count % 20 === 0) {
          expect(parseScenario(formatScenario(smaller), 'smaller')).toEqual(smaller);
          lower(smaller);
        }
      }
      expect(count).toBeGreaterThan(20);
    }
  });
});
