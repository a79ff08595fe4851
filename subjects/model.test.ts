import { expect, test } from 'vitest';
import { System } from '../model/system.ts';
import type { SystemOptions } from '../model/system.ts';
import { lower } from '../scenario/lower.ts';
import { HOLE_BASE, PATTERN_BASE } from '../scenario/memory-map.ts';
import type { Program, Step } from '../scenario/steps.ts';
import { openModel } from './model.ts';

function programOf(...steps: Step[]): Program {
  return lower({ 'smmu-crosscheck': 1, why: 'test', steps });
}

const TRANSLATES = programOf(
  { do: 'boot' },
  { do: 'ste', stream: 8 },
  { do: 'cd', cd: 0 },
  { do: 'map', cd: 0, va: 0x1000n, pa: PATTERN_BASE },
  { do: 'dma', stream: 8, read: 0x1010n, bytes: 8 },
  { do: 'dma', stream: 8, write: 0x1020n, bytes: 8, fill: 3 },
  { do: 'dma', stream: 8, read: 0x2000n, bytes: 8 },
  { do: 'peek', address: PATTERN_BASE + 0x20n, bytes: 8 },
  { do: 'peek', address: HOLE_BASE, bytes: 8 },
  { do: 'events' },
);

test('a DMA that is let through tells where to, one that is not does not', async () => {
  const { observations } = await openModel().run(TRANSLATES);
  const dmas = observations.filter((_, index) => TRANSLATES.actions[index]?.op.startsWith('dma'));
  expect(dmas.map(({ outcome, outputAddress }) => [outcome.kind, outputAddress])).toEqual([
    ['data', PATTERN_BASE + 0x10n],
    ['done', PATTERN_BASE + 0x20n],
    ['abort', undefined],
  ]);
  expect(dmas[2]?.interrupts).toEqual(['EVTQ']);
});

test('a program gives the same trace after others', async () => {
  const model = openModel();
  const first = await model.run(TRANSLATES);
  await model.run(programOf({ do: 'boot', cr0: 0 }, { do: 'poke', address: PATTERN_BASE + 0x10n, data: '00' }));
  expect(await model.run(TRANSLATES)).toEqual(first);
});

test('an exception inside the model is a death, and the next program runs', async () => {
  let left = 20;
  class Breaks extends System {
    constructor(options: SystemOptions) {
      super(options);
    }
    override writeRegister(offset: number, bytes: number, hi: number, lo: number): boolean {
      if (left-- === 0) throw new TypeError('broken');
      return super.writeRegister(offset, bytes, hi, lo);
    }
  }
  const model = openModel({ systemClass: Breaks, name: 'model with a fault' });
  const expected = await openModel().run(TRANSLATES);
  const observed = [];
  for (let time = 0; time < 3; time++) observed.push(await model.run(TRANSLATES));
  const dead = observed.filter(({ died }) => died !== undefined);
  expect(dead.map(({ died }) => died)).toEqual(['the model threw TypeError: broken']);
  expect(dead[0]?.observations.length).toBeLessThan(TRANSLATES.actions.length);
  expect(observed.at(-1)?.observations).toEqual(expected.observations);
  expect(observed.at(-1)?.subject).toBe('model with a fault');
});

test('features that do not go together are one line', () => {
  expect(() => openModel({ features: { OAS: 7 } })).toThrow(/^model does not start: /);
});
