/** Any scenario that the format allows, evenly over steps and fields: for testing this room, not for finding bugs in an SMMU. */
import fc from 'fast-check';
import { CD_LAYOUT } from './encode/cd.ts';
import { COMMANDS, COMMAND_NAMES } from './encode/commands.ts';
import { DESCRIPTOR_LAYOUT } from './encode/descriptor.ts';
import { fieldMax, orNames } from './encode/fields.ts';
import type { Layout } from './encode/fields.ts';
import { L1CD_LAYOUT } from './encode/l1cd.ts';
import { L1STD_LAYOUT } from './encode/l1std.ts';
import { STE_LAYOUT } from './encode/ste.ts';
import { FEATURE_MAX } from './features.ts';
import { CMDQ_LOG2SIZE_MAX, EVENTQ_LOG2SIZE_MAX } from './layout.ts';
import { REGISTER_NAMES } from './registers.ts';
import { DMA_BYTES_MAX, OFFSET_MAX } from './schema.ts';
import type { Scenario, Step } from './steps.ts';

const value64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const value32 = fc.nat(0xffff_ffff);
const cd = fc.nat(7);
const vm = fc.nat(3);
const split = fc.constantFrom(6, 8, 10);
const level = fc.constantFrom(0, 1, 2, 3);
const access = fc.constantFrom(1, 2, 4, 8);
const register = fc.constantFrom(...REGISTER_NAMES);

function fields(layout: Layout, extra: readonly string[]): fc.Arbitrary<unknown> {
  const shape: Record<string, fc.Arbitrary<bigint>> = {};
  for (const [name, place] of Object.entries(layout)) shape[name] = fc.bigInt({ min: 0n, max: fieldMax(place) });
  for (const name of extra) shape[name] = value64;
  return fc.record(shape, { requiredKeys: [] });
}

/** A record of which only the keys in `required` are always there. */
function step(shape: Record<string, fc.Arbitrary<unknown>>, ...required: string[]): fc.Arbitrary<Step> {
  return fc.record(shape, { requiredKeys: ['do', ...required] }) as fc.Arbitrary<unknown> as fc.Arbitrary<Step>;
}

/** A step of either a CD's or a VM's tables. */
function tableStep(shape: Record<string, fc.Arbitrary<unknown>>, ...required: string[]): fc.Arbitrary<Step> {
  const common = { granule: fc.constantFrom('4K', '16K', '64K'), ...shape };
  return fc.oneof(step({ cd, ...common }, 'cd', ...required), step({ vm, ...common }, 'vm', ...required));
}

const kind = (name: Step['do']) => fc.constant(name);
const descriptor = fields(DESCRIPTOR_LAYOUT, ['or0', 'raw']);
const slots = { at: fc.nat(0xf_ffff), ring: fc.boolean() };
const dma = {
  do: kind('dma'),
  stream: value32,
  bytes: fc.integer({ min: 1, max: DMA_BYTES_MAX }),
  fill: value32,
  substream: fc.nat(0xf_ffff),
  privileged: fc.boolean(),
  instruction: fc.boolean(),
};

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  step({
    do: kind('boot'),
    strtabLog2Size: fc.nat(63),
    split,
    cmdqLog2Size: fc.nat(CMDQ_LOG2SIZE_MAX),
    eventqLog2Size: fc.nat(EVENTQ_LOG2SIZE_MAX),
    cr0: value32,
    cr2: value32,
    irqCtrl: value32,
  }),
  step({ do: kind('ste'), stream: value32, split, cd, vm, set: fields(STE_LAYOUT, orNames(8)) }, 'stream'),
  step({ do: kind('cd'), cd, set: fields(CD_LAYOUT, orNames(8)) }, 'cd'),
  step({ do: kind('l1std'), stream: value32, split, set: fields(L1STD_LAYOUT, ['or0']) }, 'stream', 'split'),
  step({ do: kind('l1cd'), index: fc.nat(0x3fff), set: fields(L1CD_LAYOUT, ['or0']) }, 'index'),
  tableStep({ do: kind('map'), va: value64, pa: value64, level, set: descriptor }, 'va', 'pa'),
  tableStep({ do: kind('table'), va: value64, level: fc.constantFrom(0, 1, 2), set: descriptor }, 'va', 'level'),
  tableStep({ do: kind('unmap'), va: value64, level }, 'va'),
  fc.constantFrom(...COMMAND_NAMES).chain((name) => {
    const set = fields(COMMANDS[name].fields, orNames(2));
    return step({ do: kind('command'), name: fc.constant(name), set, ...slots }, 'name');
  }),
  step({ do: kind('raw-command'), word0: value64, word1: value64, ...slots }, 'word0', 'word1'),
  step({ ...dma, read: value64 }, 'stream', 'read', 'bytes'),
  step({ ...dma, write: value64 }, 'stream', 'write', 'bytes'),
  step({ do: kind('write'), register, value: value64, bytes: access }, 'register', 'value'),
  step(
    { do: kind('write-offset'), offset: fc.nat(OFFSET_MAX), value: value64, bytes: access },
    ...['offset', 'value', 'bytes'],
  ),
  step({ do: kind('read'), register, bytes: access }, 'register'),
  step({ do: kind('read-offset'), offset: fc.nat(OFFSET_MAX), bytes: access }, 'offset', 'bytes'),
  step(
    {
      do: kind('poke'),
      address: value64,
      data: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    },
    ...['address', 'data'],
  ),
  step({ do: kind('peek'), address: value64, bytes: fc.integer({ min: 1, max: 4096 }) }, 'address', 'bytes'),
  step({ do: kind('events') }),
  step({ do: kind('reset') }),
  step({ do: kind('settle') }),
);

const profile = fc.record(Object.fromEntries(Object.entries(FEATURE_MAX).map(([name, max]) => [name, fc.nat(max)])), {
  requiredKeys: [],
});

export const anyScenario: fc.Arbitrary<Scenario> = fc.record(
  {
    'smmu-crosscheck': fc.constant(1 as const),
    why: fc.string().map((text) => text.replace(/[\r\n]/g, ' ')),
    features: profile.filter((features) => Object.keys(features).length > 0),
    steps: fc.array(anyStep, { maxLength: 12 }),
  },
  { requiredKeys: ['smmu-crosscheck', 'why', 'steps'] },
);
