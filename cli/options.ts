/** Parsers of option values, the same for every command. Each throws commander's InvalidArgumentError with what is expected. */
import { InvalidArgumentError, Option } from 'commander';
import { availableParallelism } from 'node:os';
import { FEATURE_MAX, FEATURE_NAMES } from '../scenario/features.ts';
import type { FeatureName, Profile } from '../scenario/features.ts';

/** A whole number of 0 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('A whole number is expected.');
  return value;
}

/** A whole number of 1 or more. */
export function countingNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError('A whole number of 1 or more is expected.');
  return value;
}

/** A 32-bit seed. */
export function seedNumber(text: string): number {
  const value = wholeNumber(text);
  if (value > 0xffff_ffff) throw new InvalidArgumentError('A seed is a whole number below 4294967296.');
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration such as `500ms`, `60s`, `10m`, `1.5h`, in milliseconds. */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unit = match?.[2] === undefined ? undefined : UNIT_MS[match[2]];
  if (match?.[1] === undefined || unit === undefined) {
    throw new InvalidArgumentError('A duration is expected, such as 500ms, 60s or 10m.');
  }
  return Math.round(Number(match[1]) * unit);
}

export function subjectOption(): Option {
  return new Option('--subject <subject>', 'model, qemu:PATH[,key=value...] or module:FILE').default('model');
}

/** `OAS=40,GRAN64K=1` */
export function profileOf(text: string): Profile {
  const profile: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^([A-Za-z0-9_]+)=(\d+)$/.exec(part) ?? [];
    if (!isFeatureName(name)) {
      throw new InvalidArgumentError(`'${part}' is not NAME=NUMBER; names are ${FEATURE_NAMES.join(', ')}.`);
    }
    if (Number(value) > FEATURE_MAX[name]) throw new InvalidArgumentError(`${name} is at most ${FEATURE_MAX[name]}.`);
    profile[name] = Number(value);
  }
  return profile;
}

function isFeatureName(name: string): name is FeatureName {
  return Object.hasOwn(FEATURE_MAX, name);
}

export function featuresOption(): Option {
  return new Option('--features <list>', 'pin features of the model, as in OAS=40,GRAN64K=1').argParser(profileOf);
}

export function seedOption(): Option {
  return new Option('--seed <number>', 'seed of the generator').argParser(seedNumber).default(1);
}

export function workersOption(): Option {
  return new Option('--workers <number>', 'worker threads; 0 and 1 run in this process')
    .argParser(wholeNumber)
    .default(availableParallelism(), 'the number of cores');
}

export function corpusOption(): Option {
  return new Option('--corpus <dir>', 'scenarios to replay first').default(undefined, "the package's own");
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document on standard output and nothing else');
}
