import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatScenario, parseScenario } from '../../scenario/json.ts';
import type { Profile } from '../../scenario/features.ts';
import { lower } from '../../scenario/lower.ts';
import type { Step, StepKind } from '../../scenario/steps.ts';
import { openModel } from '../../subjects/model.ts';
import { misfit } from '../../subjects/fit.ts';
import type { Capabilities, Subject } from '../../subjects/subject.ts';
import { PROPERTIES } from '../suites.ts';
import { judged } from '../judged.ts';
import { scenarioRandom } from '../random.ts';
import { drawn, model } from '../testing.ts';
import { THEMES } from './themes.ts';

const COUNT = 1500;
const all = drawn(judged, COUNT);

/** Targets at an end of what there can be. */
const ODD_TARGETS: readonly Profile[] = [
  { S1P: 0, S2P: 1, OAS: 32, SIDSIZE: 0 },
  { S1P: 1, S2P: 1, GRAN4K: 0, GRAN64K: 1, OAS: 32, SSIDSIZE: 1, CD2L: 1 },
  { S1P: 1, S2P: 1, GRAN4K: 0, GRAN16K: 1, OAS: 48, STT: 1, ST_LEVEL: 1, SIDSIZE: 32, SSIDSIZE: 20, CD2L: 1 },
  { S1P: 1, S2P: 1, GRAN16K: 1, GRAN64K: 1, TTENDIAN: 3, ST_LEVEL: 1, SIDSIZE: 3, SSIDSIZE: 2, VMID16: 1 },
];

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
      'raw-command': 50,
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

  test('are of every shape of world', () => {
    const shapes = {
      nested: (step: Step) => step.do === 'ste' && step.set?.Config === 7n,
      'stage 2 alone': (step: Step) => step.do === 'ste' && step.set?.Config === 6n,
      'stage 1 of 16 KiB': (step: Step) => step.do === 'map' && step.cd !== undefined && step.granule === '16K',
      'stage 1 of 64 KiB': (step: Step) => step.do === 'map' && step.cd !== undefined && step.granule === '64K',
      'stage 2 of 16 KiB': (step: Step) => step.do === 'map' && step.vm !== undefined && step.granule === '16K',
      'stage 2 of 64 KiB': (step: Step) => step.do === 'map' && step.vm !== undefined && step.granule === '64K',
      '2-level Stream table': (step: Step) => step.do === 'boot' && step.split !== undefined,
      'linear CD table': (step: Step) =>
        step.do === 'ste' && (step.set?.S1CDMax ?? 0n) > 0n && step.set?.S1Fmt === undefined,
      '2-level CD table': (step: Step) => step.do === 'ste' && step.set?.S1Fmt === 1n,
      substreams: (step: Step) => step.do === 'dma' && step.substream !== undefined,
      'big-endian stage 2': (step: Step) => step.do === 'ste' && step.set?.S2ENDI === 1n,
    };
    for (const [shape, has] of Object.entries(shapes)) {
      expect(all.filter(({ steps }) => steps.some(has)).length, shape).toBeGreaterThan(5);
    }
  });

  test.each(ODD_TARGETS)('are drawn for a subject with %o', (profile) => {
    const subject = openModel({ features: profile });
    const scenarios = drawn(judged, 200, 3, subject);
    for (const scenario of scenarios) expect(() => lower(scenario)).not.toThrow();
    expect(new Set(scenarios.map(({ why }) => why)).size).toBeGreaterThan(20);
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
