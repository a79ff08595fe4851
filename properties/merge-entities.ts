/**
 * Smaller scenarios in which two entities become one, or an entity gets a smaller handle, in every step at once: a change that no
 * single step can make alone.
 */
import type { Scenario, Step, Tables } from '../scenario/steps.ts';

/** Handles of the steps: which key names which kind of entity. */
const STREAM_KEYS = ['stream', 'StreamID', 'streamId'];
const ADDRESS_KEYS = ['va', 'read', 'write', 'Address', 'address'];

/** Pages small enough to be read at a glance. */
const PLAIN_PAGES = [0x1n, 0x2n, 0x3n];

/** Scenarios with one stream, CD or page fewer, or with a plainer page. */
export function* withMergedEntities(scenario: Scenario): Generator<Scenario> {
  const streams = [...new Set(scenario.steps.flatMap((step) => ('stream' in step ? [step.stream] : [])))];
  for (const [from, to] of smallerPairs(streams)) yield replaceStream(scenario, from, to);
  for (const key of ['cd', 'vm'] as const) {
    const owners = scenario.steps.map((step) => (step as Tables)[key] ?? 0);
    for (const [from, to] of smallerPairs([...new Set([0, ...owners])])) yield replaceOwner(scenario, key, from, to);
  }
  const pages = [...new Set(scenario.steps.flatMap(pagesOf))];
  for (const page of pages) {
    for (const plain of PLAIN_PAGES) if (plain < page) yield replacePage(scenario, page, plain);
  }
}

function* smallerPairs(handles: readonly number[]): Generator<readonly [from: number, to: number]> {
  for (const from of handles) {
    for (const to of handles) if (to < from) yield [from, to];
  }
}

function pagesOf(step: Step): bigint[] {
  switch (step.do) {
    case 'map':
    case 'table':
    case 'unmap':
      return [step.va >> 12n];
    case 'dma':
      return [(step.read ?? step.write ?? 0n) >> 12n];
    default:
      return [];
  }
}

function replaceStream(scenario: Scenario, from: number, to: number): Scenario {
  return mapKeys(scenario, STREAM_KEYS, (value) => {
    if (value === from) return to;
    return value === BigInt(from) ? BigInt(to) : value;
  });
}

function replaceOwner(scenario: Scenario, key: 'cd' | 'vm', from: number, to: number): Scenario {
  const steps = scenario.steps.map((step) => ((step as Tables)[key] === from ? { ...step, [key]: to } : step));
  return { ...scenario, steps };
}

function replacePage(scenario: Scenario, from: bigint, to: bigint): Scenario {
  return mapKeys(scenario, ADDRESS_KEYS, (value) =>
    typeof value === 'bigint' && value >> 12n === from ? (to << 12n) | (value & 0xfffn) : value,
  );
}

/** Replaces the values of `keys` in the steps and in the fields they set. Steps of plain memory are left alone. */
function mapKeys(scenario: Scenario, keys: readonly string[], replace: (value: unknown) => unknown): Scenario {
  const steps = scenario.steps.map((step) => {
    if (step.do === 'peek' || step.do === 'poke' || step.do === 'write' || step.do === 'write-offset') return step;
    const changed: Record<string, unknown> = { ...step };
    for (const key of keys) if (key in changed) changed[key] = replace(changed[key]);
    if ('set' in step && step.do === 'command') {
      const set: Record<string, unknown> = { ...step.set };
      for (const key of keys) if (key in set) set[key] = replace(set[key]);
      changed['set'] = set;
    }
    return changed as unknown as Step;
  });
  return { ...scenario, steps };
}
