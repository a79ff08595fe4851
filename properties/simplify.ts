/**
 * Simpler forms of one step: optional keys left out, fields back at their defaults, numbers with fewer bits. Each form is
 * strictly simpler than the step, so simplifying ends.
 */
import type { Step } from '../scenario/steps.ts';

/** A field value as the encoders take it. */
type FieldValue = number | bigint | boolean | string | undefined;

/** Keys a step may lack, in the order they are tried. */
const OPTIONAL_KEYS = [
  'set',
  'substream',
  'privileged',
  'instruction',
  'fill',
  'level',
  'ring',
  'at',
  'cd',
  'vm',
  'granule',
  'split',
  'strtabLog2Size',
  'cmdqLog2Size',
  'eventqLog2Size',
  'cr0',
  'cr2',
  'irqCtrl',
] as const;

/** Simpler steps to try in place of `step`, the boldest first. */
export function* simplerSteps(step: Step): Generator<Step> {
  yield* withoutOptionalKeys(step);
  if ('set' in step) yield* withSimplerSet(step);
  switch (step.do) {
    case 'dma':
      yield* simplerDma(step);
      return;
    case 'boot':
      return;
    case 'raw-command':
      if (step.word1 !== 0n) yield { ...step, word1: 0n };
      for (const word0 of fewerBits(step.word0)) yield { ...step, word0: word0 };
      for (const word1 of fewerBits(step.word1)) yield { ...step, word1: word1 };
      return;
    case 'write':
      if (step.bytes !== undefined) yield omit(step, 'bytes');
      for (const value of fewerBits(step.value)) yield { ...step, value };
      return;
    case 'read':
      if (step.bytes !== undefined) yield omit(step, 'bytes');
      return;
    case 'write-offset':
      for (const value of fewerBits(step.value)) yield { ...step, value };
      return;
    case 'peek':
      if (step.bytes > 8) yield { ...step, bytes: 8 };
      return;
    case 'poke':
      if (step.data.length > 16) yield { ...step, data: step.data.slice(0, 16) };
      return;
    default:
  }
}

function* withoutOptionalKeys(step: Step): Generator<Step> {
  for (const key of OPTIONAL_KEYS) {
    // The owner of a `cd`, `map`, `table` or `unmap` step is not optional.
    if ((key === 'cd' || key === 'vm') && step.do !== 'ste') continue;
    if (key === 'split' && step.do === 'l1std') continue;
    if (key === 'level' && step.do === 'table') continue;
    if (key in step) yield omit(step, key);
  }
}

function* simplerDma(step: Extract<Step, { do: 'dma' }>): Generator<Step> {
  if (step.write !== undefined) {
    const address = step.write;
    yield { ...omit(omit(step, 'write'), 'fill'), read: address };
  }
  for (const bytes of [8, 4]) if (bytes < step.bytes) yield { ...step, bytes };
  for (const key of ['read', 'write'] as const) {
    const address = step[key];
    if (address === undefined) continue;
    if ((address & 0xfffn) !== 0n) yield { ...step, [key]: address & ~0xfffn };
    if ((address & 0xfffn) > 8n) yield { ...step, [key]: (address & ~0xfffn) | 8n };
  }
}

/** Leaves out half of the replaced fields, then each alone, then gives each one fewer bits. */
function* withSimplerSet(step: Extract<Step, { set?: object }>): Generator<Step> {
  const set = step.set as Readonly<Record<string, FieldValue>>;
  const keys = Object.keys(set);
  if (keys.length > 2) {
    const half = keys.length >> 1;
    yield withSet(step, keysOnly(set, keys.slice(half)));
    yield withSet(step, keysOnly(set, keys.slice(0, half)));
  }
  if (keys.length > 1) {
    for (const key of keys) {
      yield withSet(
        step,
        keysOnly(
          set,
          keys.filter((other) => other !== key),
        ),
      );
    }
  }
  for (const key of keys) {
    for (const value of simplerValues(set[key])) yield withSet(step, { ...set, [key]: value });
  }
}

function* simplerValues(value: FieldValue): Generator<FieldValue> {
  if (typeof value === 'bigint') yield* fewerBits(value);
  if (typeof value === 'number') for (const fewer of fewerBits(BigInt(value))) yield Number(fewer);
}

/** Smaller numbers made of a number's bits: none, the highest, all but the lowest. */
function* fewerBits(value: bigint): Generator<bigint> {
  if (value <= 0n) return;
  yield 0n;
  const highest = 1n << BigInt(value.toString(2).length - 1);
  if (highest === value) {
    if (value > 1n) yield 1n;
    return;
  }
  yield highest;
  const withoutLowest = value & (value - 1n);
  if (withoutLowest !== highest) yield withoutLowest;
}

function withSet(step: Step, set: Readonly<Record<string, FieldValue>>): Step {
  return { ...step, set } as Step;
}

function keysOnly(
  set: Readonly<Record<string, FieldValue>>,
  keys: readonly string[],
): Readonly<Record<string, FieldValue>> {
  return Object.fromEntries(keys.map((key) => [key, set[key]]));
}

function omit<T extends Step>(step: T, key: string): T {
  const rest: Record<string, unknown> = { ...step };
  delete rest[key];
  return rest as unknown as T;
}
