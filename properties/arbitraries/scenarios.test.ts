import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatScenario, parseScenario } from '../../scenario/json.ts';
import { lower } from '../../scenario/lower.ts';
import type { StepKind } from '../../scenario/steps.ts';
import { misfit } from '../../subjects/fit.ts';
import type { Capabilities, Subject } from '../../subjects/subject.ts';
import { PROPERTIES } from '../suites.ts';
import { judged } from '../judged.ts';
import { scenarioRandom } from '../random.ts';
import { drawn, model } from '../testing.ts';
import { THEMES } from './themes.ts';

const COUNT = 1500;
const all = drawn(judged, COUNT);

/** What a machine with two PCI devices and nothing else can do. */
const NARROW: Capabilities = {
  streams: [8, 16],
  substreams: false,
  attributes: false,
  dmaBytesMax: 4,
  registerAccessBytes: [1, 2, 4, 8],
  memoryAborts: false,
};
const narrow: Subject = {
  ...model,
  capabilities: NARROW,
  idRegisters: model.idRegisters,
  run: () => never(),
  close: async () => undefined,
};

function never(): never {
  throw new Error('not to be run');
}

describe('generated scenarios', () => {
  test('are the same for the same seed and index, whatever was drawn before', () => {
    const arbitrary = judged.arbitrary(model);
    for (const index of [0, 17, 999]) {
      expect(arbitrary.draw(scenarioRandom(1, judged.name, index))).toEqual(all[index]);
    }
    const hash = (scenarios: typeof all): string =>
      createHash('sha256').update(scenarios.map(formatScenario).join('')).digest('hex');
    expect(hash(drawn(judged, 200))).toBe(hash(all.slice(0, 200)));
    expect(hash(drawn(judged, 200, 2))).not.toBe(hash(all.slice(0, 200)));
  });

  test('survive the JSON form', () => {
    for (const scenario of all.slice(0, 500)) {
      expect(parseScenario(formatScenario(scenario), 'test')).toEqual(scenario);
    }
  });

  test('are of every kind of step and every theme', () => {
    const kinds = new Map<StepKind, number>();
    for (const { steps } of all) for (const step of steps) kinds.set(step.do, (kinds.get(step.do) ?? 0) + 1);
    const floors: Record<StepKind, number> = {
      boot: 1000,
      ste: 1500,
      cd: 1500,
      map: 2000,
      table: 200,
      unmap: 100,
      command: 3000,
      'raw-command': 80,
      dma: 8000,
      write: 1500,
      'write-offset': 200,
      read: 2000,
      'read-offset': 200,
      poke: 100,
      peek: 300,
      events: 1000,
      l1std: 60,
      l1cd: 80,
      reset: 30,
      settle: 80,
    };
    for (const [kind, floor] of Object.entries(floors)) {
      expect(kinds.get(kind as StepKind) ?? 0, kind).toBeGreaterThan(floor);
    }
    const themes = new Set(all.map(({ why }) => why));
    for (const { name } of THEMES) expect(themes).toContain(`generated: ${name}`);
  });

  test('are short: 15 to 40 steps mostly, never more than 60', () => {
    const lengths = all.map(({ steps }) => steps.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(60);
    expect(lengths.filter((length) => length >= 12 && length <= 45).length / COUNT).toBeGreaterThan(0.85);
  });

  test.each(PROPERTIES)('of $name stay within what a subject can do', (property) => {
    for (const scenario of drawn(property, 300)) expect(misfit(lower(scenario), model)).toBeUndefined();
    for (const scenario of drawn(property, 300, 1, narrow))
      expect(misfit(lower(scenario), { capabilities: NARROW })).toBeUndefined();
  });
});
