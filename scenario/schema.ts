/**
 * The shape of a scenario file, as a zod schema: what json.ts reads and writes, and what schema.json publishes.
 *
 * Every number may be written as a JSON number or as a "0x.." string. 64-bit values are bigint in memory, others number.
 */
import { z } from 'zod';
import { CD_LAYOUT } from './encode/cd.ts';
import type { CdFieldName } from './encode/cd.ts';
import { COMMANDS, COMMAND_NAMES } from './encode/commands.ts';
import type { CommandFieldName, CommandName } from './encode/commands.ts';
import { DESCRIPTOR_LAYOUT } from './encode/descriptor.ts';
import type { DescriptorFieldName } from './encode/descriptor.ts';
import { fieldFits, fieldMax, orNames } from './encode/fields.ts';
import type { FieldPlace, Layout, OrName } from './encode/fields.ts';
import { STE_LAYOUT } from './encode/ste.ts';
import type { SteFieldName } from './encode/ste.ts';
import { L1CD_LAYOUT } from './encode/l1cd.ts';
import type { L1cdFieldName } from './encode/l1cd.ts';
import { L1STD_LAYOUT } from './encode/l1std.ts';
import type { L1stdFieldName } from './encode/l1std.ts';
import { FEATURE_MAX } from './features.ts';
import type { Profile } from './features.ts';
import { CD_COUNT, CMDQ_LOG2SIZE_MAX, EVENTQ_LOG2SIZE_MAX, VM_COUNT } from './layout.ts';
import { REGISTER_NAMES } from './registers.ts';
import type { Scenario, Step, StepKind } from './steps.ts';

export const FORMAT_VERSION = 1;

/** Most bytes that one `poke` or `peek` moves. */
export const MEMORY_STEP_BYTES_MAX = 4096;
export const DMA_BYTES_MAX = 64;
/** One past the register space: two 64 KiB pages (6.1), and room to miss them. */
export const OFFSET_MAX = 0xf_ffff;
export const STEPS_MAX = 10_000;

const HEX = '^0[xX][0-9a-fA-F]{1,16}$';

/** What every number in the file may look like; `expectation` is what the error says when it looks otherwise. */
function written(expectation: string) {
  return z.union([z.number(), z.string().regex(new RegExp(HEX), expectation)], { error: expectation });
}

/** A number as written to its exact value; undefined when it is none (negative, a fraction, beyond 2^53, not hexadecimal). */
export function exactValue(input: unknown): bigint | undefined {
  if (typeof input === 'string') return new RegExp(HEX).test(input) ? BigInt(input) : undefined;
  if (typeof input === 'number') return Number.isSafeInteger(input) && input >= 0 ? BigInt(input) : undefined;
  return undefined;
}

/** A value of up to 64 bits, in memory a bigint. */
function wide(expectation: string, fits: (value: bigint) => boolean = () => true) {
  return written(expectation).transform((input, context): bigint => {
    const value = exactValue(input);
    if (value !== undefined && fits(value)) return value;
    context.addIssue({ code: 'custom', message: expectation, input });
    return z.NEVER;
  });
}

/** A whole number, in memory a number. */
function small(min: number, max: number) {
  const expectation = `a whole number from ${min} to ${max > 0xffff ? `0x${max.toString(16)}` : max}`;
  return written(expectation).transform((input, context): number => {
    const value = exactValue(input);
    if (value !== undefined && value >= BigInt(min) && value <= BigInt(max)) return Number(value);
    context.addIssue({ code: 'custom', message: expectation, input });
    return z.NEVER;
  });
}

const value64 = wide('a whole number below 2^64, as "0x.." when above 2^53');

function field(place: FieldPlace) {
  const expectation = `a value that fits the field, at most 0x${fieldMax(place).toString(16)}`;
  return z.exactOptional(wide(expectation, (value) => fieldFits(place, value)));
}

type Fields<Name extends string> = z.ZodType<Readonly<Partial<Record<Name, bigint>>>>;

/** An object of the fields of a layout, and of 64-bit values by the `extra` names. */
function fields<Name extends string>(layout: Layout, extra: readonly string[]): Fields<Name> {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, place] of Object.entries(layout)) shape[name] = field(place);
  for (const name of extra) shape[name] = z.exactOptional(value64);
  return z.strictObject(shape) as unknown as Fields<Name>;
}

const optional = z.exactOptional;
const flag = z.boolean({ error: 'true or false' });
const stream = small(0, 0xffff_ffff);
const cd = small(0, CD_COUNT - 1);
const vm = small(0, VM_COUNT - 1);
const split = z.literal([6, 8, 10], { error: '6, 8 or 10' });
const granule = z.literal(['4K', '16K', '64K'], { error: '"4K", "16K" or "64K"' });
const level = z.literal([0, 1, 2, 3], { error: '0, 1, 2 or 3' });
const tables = { cd: optional(cd), vm: optional(vm), granule: optional(granule) };
const oneOwner = (step: { cd?: number; vm?: number }) => (step.cd === undefined) !== (step.vm === undefined);
const ONE_OWNER = { error: 'exactly one of "cd" and "vm"' };
const offset = small(0, OFFSET_MAX);
const access = z.literal([1, 2, 4, 8], { error: '1, 2, 4 or 8' });
const register = z.literal(REGISTER_NAMES, { error: 'the name of a register' });
const slot = small(0, 0xf_ffff);
const steSet = fields<SteFieldName | OrName>(STE_LAYOUT, orNames(8));
const cdSet = fields<CdFieldName | OrName>(CD_LAYOUT, orNames(8));
const l1stdSet = fields<L1stdFieldName | 'or0'>(L1STD_LAYOUT, orNames(1));
const l1cdSet = fields<L1cdFieldName | 'or0'>(L1CD_LAYOUT, orNames(1));
const descriptorSet = fields<DescriptorFieldName | 'or0' | 'raw'>(DESCRIPTOR_LAYOUT, ['or0', 'raw']);

function command<Name extends CommandName>(name: Name) {
  return z.strictObject({
    do: z.literal('command'),
    name: z.literal(name),
    set: optional(fields<CommandFieldName | 'or0' | 'or1'>(COMMANDS[name].fields, orNames(2))),
    at: optional(slot),
    ring: optional(flag),
  });
}
const [firstCommand, ...otherCommands] = COMMAND_NAMES.map((name) => command(name));
if (firstCommand === undefined) throw new Error('no commands');

/** A step by its kind; the keys stand in the order in which they are written. */
export const STEP_SCHEMAS = {
  boot: z.strictObject({
    do: z.literal('boot'),
    strtabLog2Size: optional(small(0, 63)),
    split: optional(split),
    cmdqLog2Size: optional(small(0, CMDQ_LOG2SIZE_MAX)),
    eventqLog2Size: optional(small(0, EVENTQ_LOG2SIZE_MAX)),
    cr0: optional(small(0, 0xffff_ffff)),
    cr2: optional(small(0, 0xffff_ffff)),
    irqCtrl: optional(small(0, 0xffff_ffff)),
  }),
  ste: z.strictObject({
    do: z.literal('ste'),
    stream,
    split: optional(split),
    cd: optional(cd),
    vm: optional(vm),
    set: optional(steSet),
  }),
  l1std: z.strictObject({ do: z.literal('l1std'), stream, split, set: optional(l1stdSet) }),
  l1cd: z.strictObject({ do: z.literal('l1cd'), index: small(0, 0x3fff), set: optional(l1cdSet) }),
  cd: z.strictObject({ do: z.literal('cd'), cd, set: optional(cdSet) }),
  map: z
    .strictObject({
      do: z.literal('map'),
      ...tables,
      va: value64,
      pa: value64,
      level: optional(level),
      set: optional(descriptorSet),
    })
    .refine(oneOwner, ONE_OWNER),
  table: z
    .strictObject({
      do: z.literal('table'),
      ...tables,
      va: value64,
      level: z.literal([0, 1, 2], { error: '0, 1 or 2' }),
      set: optional(descriptorSet),
    })
    .refine(oneOwner, ONE_OWNER),
  unmap: z
    .strictObject({ do: z.literal('unmap'), ...tables, va: value64, level: optional(level) })
    .refine(oneOwner, ONE_OWNER),
  command: z.discriminatedUnion('name', [firstCommand, ...otherCommands]),
  'raw-command': z.strictObject({
    do: z.literal('raw-command'),
    word0: value64,
    word1: value64,
    at: optional(slot),
    ring: optional(flag),
  }),
  dma: z
    .strictObject({
      do: z.literal('dma'),
      stream,
      read: optional(value64),
      write: optional(value64),
      bytes: small(1, DMA_BYTES_MAX),
      fill: optional(small(0, 0xffff_ffff)),
      substream: optional(small(0, 0xf_ffff)),
      privileged: optional(flag),
      instruction: optional(flag),
    })
    .refine((step) => (step.read === undefined) !== (step.write === undefined), {
      error: 'exactly one of "read" and "write"',
    }),
  write: z.strictObject({ do: z.literal('write'), register, value: value64, bytes: optional(access) }),
  'write-offset': z.strictObject({ do: z.literal('write-offset'), offset, value: value64, bytes: access }),
  read: z.strictObject({ do: z.literal('read'), register, bytes: optional(access) }),
  'read-offset': z.strictObject({ do: z.literal('read-offset'), offset, bytes: access }),
  poke: z.strictObject({
    do: z.literal('poke'),
    address: value64,
    data: z
      .string({ error: 'pairs of hexadecimal digits' })
      .regex(/^([0-9a-fA-F]{2})+$/, 'pairs of hexadecimal digits')
      .max(2 * MEMORY_STEP_BYTES_MAX, `at most ${MEMORY_STEP_BYTES_MAX} bytes`),
  }),
  peek: z.strictObject({ do: z.literal('peek'), address: value64, bytes: small(1, MEMORY_STEP_BYTES_MAX) }),
  events: z.strictObject({ do: z.literal('events') }),
  reset: z.strictObject({ do: z.literal('reset') }),
  settle: z.strictObject({ do: z.literal('settle') }),
} as const satisfies Record<StepKind, z.ZodType<Step>>;

const stepSchema = z.discriminatedUnion('do', [
  STEP_SCHEMAS.boot,
  STEP_SCHEMAS.ste,
  STEP_SCHEMAS.l1std,
  STEP_SCHEMAS.l1cd,
  STEP_SCHEMAS.cd,
  STEP_SCHEMAS.map,
  STEP_SCHEMAS.table,
  STEP_SCHEMAS.unmap,
  STEP_SCHEMAS.command,
  STEP_SCHEMAS['raw-command'],
  STEP_SCHEMAS.dma,
  STEP_SCHEMAS.write,
  STEP_SCHEMAS['write-offset'],
  STEP_SCHEMAS.read,
  STEP_SCHEMAS['read-offset'],
  STEP_SCHEMAS.poke,
  STEP_SCHEMAS.peek,
  STEP_SCHEMAS.events,
  STEP_SCHEMAS.reset,
  STEP_SCHEMAS.settle,
]);

/** Which of them go together is known to the subject that is built from them. */
const profileSchema = z.strictObject(
  Object.fromEntries(Object.entries(FEATURE_MAX).map(([name, max]) => [name, optional(small(0, max))])),
) as unknown as z.ZodType<Profile>;

export const scenarioSchema = z.strictObject({
  'smmu-crosscheck': z.literal(FORMAT_VERSION, { error: `${FORMAT_VERSION}, the version of the format` }),
  why: z.string({ error: 'a line of text' }).regex(/^[^\r\n]*$/, 'one line of text'),
  features: optional(profileSchema),
  steps: z.array(stepSchema, { error: 'a list of steps' }).max(STEPS_MAX, `at most ${STEPS_MAX} steps`),
}) satisfies z.ZodType<Scenario>;

/** The published JSON schema (schema.json). What it cannot say, such as the widths of fields, is checked by parseScenario. */
export function jsonSchema(): unknown {
  const schema = z.toJSONSchema(scenarioSchema, {
    io: 'input',
    override: ({ jsonSchema: part }) => {
      if (part.anyOf?.[1]?.pattern !== HEX) return;
      delete part.anyOf;
      part.$ref = '#/$defs/number';
    },
  });
  const number = {
    description: 'A whole number, or a string of one in hexadecimal',
    anyOf: [
      { type: 'integer', minimum: 0 },
      { type: 'string', pattern: HEX },
    ],
  };
  return { ...schema, title: 'A scenario of smmu-crosscheck', $defs: { ...schema.$defs, number } };
}
