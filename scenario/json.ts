/**
 * The JSON form of scenarios: reading with exact errors, writing short and stable.
 *
 *     { "smmu-crosscheck": 1, "why": "stale after TLBI with the wrong ASID", "steps": [
 *       { "do": "map", "cd": 0, "va": "0x1000", "pa": "0x41000000" },
 *       { "do": "dma", "stream": 8, "read": "0x1000", "bytes": 8 }
 *     ] }
 *
 * Reading what was written gives the same scenario; writing it again gives the same text.
 */
import type { z } from 'zod';
import { CD_LAYOUT } from './encode/cd.ts';
import { COMMANDS, COMMAND_NAMES } from './encode/commands.ts';
import { DESCRIPTOR_LAYOUT } from './encode/descriptor.ts';
import { isAddress } from './encode/fields.ts';
import type { Layout } from './encode/fields.ts';
import { L1CD_LAYOUT } from './encode/l1cd.ts';
import { L1STD_LAYOUT } from './encode/l1std.ts';
import { STE_LAYOUT } from './encode/ste.ts';
import { FEATURE_NAMES } from './features.ts';
import { STEP_SCHEMAS, scenarioSchema } from './schema.ts';
import type { Scenario, Step } from './steps.ts';

/** A scenario file that cannot be read. The message is one line: what file, where in it, what is expected there. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  /** The file, or whatever the text came from. */
  readonly where: string;
  /** Path of the offending value, such as `steps[3].set.Config`; empty for the whole. */
  readonly path: string;

  constructor(where: string, path: string, problem: string) {
    super(`${where}: ${path === '' ? '' : `${path}: `}${problem}`);
    this.where = where;
    this.path = path;
  }
}

/**
 * The scenario in a JSON text. `where` names the text in errors, usually its file.
 * @throws ScenarioError
 */
export function parseScenario(text: string, where: string): Scenario {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    const reason = (thrown as Error).message.replace(/\s+/g, ' ');
    throw new ScenarioError(where, '', `expected one JSON object, got text that is not JSON (${reason})`);
  }
  return checkScenario(value, where);
}

/**
 * The scenario in a value that JSON.parse gave.
 * @throws ScenarioError
 */
export function checkScenario(value: unknown, where: string): Scenario {
  const result = scenarioSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw new Error('zod refused a scenario without saying why');
  const step = issue.path[0] === 'steps' ? valueAt(value, issue.path.slice(0, 2)) : undefined;
  throw new ScenarioError(where, pathText(issue.path), problemOf(issue, valueAt(value, issue.path), step));
}

/** `got`: the offending value; `step`: the step that it is in. */
function problemOf(issue: z.core.$ZodIssue, got: unknown, step: unknown): string {
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    return `no such key as ${JSON.stringify(key)} here${suggestion(key, keysAt(issue.path, step))}`;
  }
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'do') {
    return `expected the kind of a step, got ${shown(got)}${suggestion(got, Object.keys(STEP_SCHEMAS))}`;
  }
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'name') {
    return `expected the name of a command, got ${shown(got)}${suggestion(got, COMMAND_NAMES)}`;
  }
  const options = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const expectation = issue.code === 'invalid_type' && issue.expected === 'object' ? 'an object' : issue.message;
  return `expected ${expectation}, got ${shown(got)}${suggestion(got, options)}`;
}

/** The keys that the object at `path` may have. `step` is well-formed as far as its kind, and for a command its name. */
function keysAt(path: readonly PropertyKey[], step: unknown): readonly string[] {
  if (path.length === 0) return Object.keys(scenarioSchema.shape);
  if (path[0] === 'features') return FEATURE_NAMES;
  return path.at(-1) === 'set' ? Object.keys(layoutOf(step as Step)) : keyOrder((step as Step).do);
}

/** `; did you mean "..."?` when one of `options` differs by case or two letters. */
function suggestion(got: unknown, options: readonly string[]): string {
  if (typeof got !== 'string') return '';
  const near = options
    .map((option) => ({ option, distance: editDistance(got.toLowerCase(), option.toLowerCase()) }))
    .filter(({ option, distance }) => distance <= Math.min(2, option.length - 1) && option !== got)
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? '' : `; did you mean ${JSON.stringify(near.option)}?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const plain = /^[A-Za-z_]\w*$/.test(String(key));
    if (!plain) return `${text}[${JSON.stringify(String(key))}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

function shown(got: unknown): string {
  if (got === undefined) return 'nothing';
  const text = JSON.stringify(got);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

/** The text of a scenario, one step a line, keys in a fixed order; ends with a newline. */
export function formatScenario(scenario: Scenario): string {
  const features = FEATURE_NAMES.flatMap((name) => {
    const value = scenario.features?.[name];
    return value === undefined ? [] : [`"${name}": ${value}`];
  });
  const profile = features.length === 0 ? '' : ` "features": { ${features.join(', ')} },`;
  const head = `{ "smmu-crosscheck": 1, "why": ${JSON.stringify(scenario.why)},${profile} "steps": [`;
  if (scenario.steps.length === 0) return `${head}] }\n`;
  return `${head}\n${scenario.steps.map((step) => `  ${formatStep(step)}`).join(',\n')}\n] }\n`;
}

/** The text of one step, on one line. */
export function formatStep(step: Step): string {
  const parts: string[] = [];
  for (const key of keyOrder(step.do)) {
    const value = (step as Readonly<Record<string, unknown>>)[key];
    if (value !== undefined) parts.push(`${JSON.stringify(key)}: ${formatValue(key, value, step)}`);
  }
  return `{ ${parts.join(', ')} }`;
}

function keyOrder(kind: Step['do']): readonly string[] {
  const schema = STEP_SCHEMAS[kind];
  return Object.keys('shape' in schema ? schema.shape : schema.options[0].shape);
}

/** Numbers that people read in hexadecimal. */
const HEX_KEYS: ReadonlySet<string> = new Set(['cr0', 'cr2', 'irqCtrl', 'offset', 'fill']);

function formatValue(key: string, value: unknown, step: Step): string {
  if (typeof value === 'bigint') return hex(value);
  if (typeof value === 'number' && HEX_KEYS.has(key)) return hex(value);
  if (key === 'set') return formatSet(layoutOf(step), value as Readonly<Record<string, bigint | undefined>>);
  return JSON.stringify(value);
}

function layoutOf(step: Step): Layout {
  if (step.do === 'ste') return STE_LAYOUT;
  if (step.do === 'cd') return CD_LAYOUT;
  if (step.do === 'l1std') return L1STD_LAYOUT;
  if (step.do === 'l1cd') return L1CD_LAYOUT;
  return step.do === 'command' ? COMMANDS[step.name].fields : DESCRIPTOR_LAYOUT;
}

/** Fields in the order of the layout: narrow ones as numbers, wide ones and addresses in hexadecimal. */
function formatSet(layout: Layout, set: Readonly<Record<string, bigint | undefined>>): string {
  const names = [
    ...Object.keys(layout),
    ...Object.keys(set)
      .filter((name) => !(name in layout))
      .sort(),
  ];
  const parts: string[] = [];
  for (const name of names) {
    const value = set[name];
    if (value === undefined) continue;
    const place = layout[name];
    const plain = place !== undefined && !isAddress(place) && (place[2] <= 16 || value < 10n);
    parts.push(`${JSON.stringify(name)}: ${plain ? value.toString() : hex(value)}`);
  }
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

function hex(value: bigint | number): string {
  return `"0x${value.toString(16)}"`;
}
