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
import { CD_COUNT, CMDQ_LOG2SIZE_MAX, EVENTQ_LOG2SIZE_MAX } from './layout.ts';
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
const offset = small(0, OFFSET_MAX);
const access = z.literal([1, 2, 4, 8], { error: '1, 2, 4 or 8' });
const register = z.literal(REGISTER_NAMES, { error: 'the name of a register' });
const slot = small(0, 0xf_ffff);
const steSet = fields<SteFieldName | OrName>(STE_LAYOUT, orNames(8));
const cdSet = fields<CdFieldName | OrName>(CD_LAYOUT, orNames(8));
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
    cmdqLog2Size: optional(small(0, CMDQ_LOG2SIZE_MAX)),
    eventqLog2Size: optional(small(0, EVENTQ_LOG2SIZE_MAX)),
    cr0: optional(small(0, 0xffff_ffff)),
    cr2: optional(small(0, 0xffff_ffff)),
    irqCtrl: optional(small(0, 0xffff_ffff)),
  }),
  ste: z.strictObject({ do: z.literal('ste'), stream, cd: optional(cd), set: optional(steSet) }),
  cd: z.strictObject({ do: z.literal('cd'), cd, set: optional(cdSet) }),
  map: z.strictObject({
    do: z.literal('map'),
    cd,
    va: value64,
    pa: value64,
    level: optional(z.literal([1, 2, 3], { error: '1, 2 or 3' })),
    set: optional(descriptorSet),
  }),
  table: z.strictObject({
    do: z.literal('table'),
    cd,
    va: value64,
    level: z.literal([0, 1, 2], { error: '0, 1 or 2' }),
    set: optional(descriptorSet),
  }),
  unmap: z.strictObject({
    do: z.literal('unmap'),
    cd,
    va: value64,
    level: optional(z.literal([0, 1, 2, 3], { error: '0, 1, 2 or 3' })),
  }),
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
  settle: z.strictObject({ do: z.literal('settle') }),
} as const satisfies Record<StepKind, z.ZodType<Step>>;

const stepSchema = z.discriminatedUnion('do', [
  STEP_SCHEMAS.boot,
  STEP_SCHEMAS.ste,
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
  STEP_SCHEMAS.settle,
]);

export const scenarioSchema = z.strictObject({
  'smmu-crosscheck': z.literal(FORMAT_VERSION, { error: `${FORMAT_VERSION}, the version of the format` }),
  why: z.string({ error: 'a line of text' }).regex(/^[^\r\n]*$/, 'one line of text'),
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
