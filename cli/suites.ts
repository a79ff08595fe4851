/** Suites by name, and which index ranges of which suite a run is made of. */
import type { Property } from '../properties/property.ts';
import { DEFAULT_SUITE, PROPERTIES, SUITE_NAMES, propertyNamed } from '../properties/suites.ts';
import { UsageError } from '../subjects/errors.ts';

/** The suite that `--runs` counts. */
export const MAIN_SUITE = 'judged';

/** Each other suite gets one scenario for so many of the main one. */
export const OTHERS_SHARE = 20;

const RANGE = 200;

/** @throws UsageError with the names there are. */
export function suiteNamed(name: string): Property {
  const suite = propertyNamed(name);
  if (suite !== undefined) return suite;
  throw new UsageError(`unknown suite '${name}'; there are: ${SUITE_NAMES.join(', ')}`);
}

/** The suites of a run: the one named, or all. */
export function suitesToRun(name: string): readonly Property[] {
  return name === DEFAULT_SUITE ? PROPERTIES : [suiteNamed(name)];
}

export interface Range {
  readonly suite: string;
  readonly from: number;
  readonly to: number;
}

/** How many scenarios each suite of a run of `runs` gets: a lone suite all of them. */
export function runsOf(suite: string, suites: readonly Property[], runs: number): number {
  return suite === MAIN_SUITE || suites.length === 1 ? runs : Math.ceil(runs / OTHERS_SHARE);
}

/**
 * The ranges of a run, every suite's in proportion from the start, so that a run cut short by time has tried them all.
 * Without end when `runs` is infinite.
 */
export function* ranges(suites: readonly Property[], runs: number): Generator<Range> {
  for (let round = 0; round * RANGE < runs; round += 1) {
    for (const { name } of suites) {
      const size = runsOf(name, suites, RANGE);
      const from = round * size;
      const to = Math.min(from + size, runsOf(name, suites, runs));
      if (from < to) yield { suite: name, from, to };
    }
  }
}
