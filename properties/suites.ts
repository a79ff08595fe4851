/** The property suites by name, as `check --suite NAME` takes them. */
import { noninterference } from './isolation.ts';
import { judged } from './judged.ts';
import { blocksLikePages, extraInvalidations, invalidatedIsDeterminate, twiceTheSame } from './metamorphic.ts';
import type { Property } from './property.ts';
import { registers } from './registers-exhaustive.ts';
import { anyOrder, linearAndTwoLevel, oneCdAndTables, stage1AndNested, wholeAndSplit } from './same-result.ts';

export const PROPERTIES: readonly Property[] = [
  judged,
  extraInvalidations,
  invalidatedIsDeterminate,
  twiceTheSame,
  blocksLikePages,
  noninterference,
  linearAndTwoLevel,
  stage1AndNested,
  oneCdAndTables,
  wholeAndSplit,
  anyOrder,
  registers,
];

/** The suite that is run when none is named. */
export const DEFAULT_SUITE = 'all';

/** Of every 32 scenarios of the suite `all`, so many belong to each property, in this order. */
const SHARES: readonly (readonly [count: number, property: Property])[] = [
  [21, judged],
  [1, extraInvalidations],
  [1, invalidatedIsDeterminate],
  [1, twiceTheSame],
  [1, blocksLikePages],
  [1, noninterference],
  [1, linearAndTwoLevel],
  [1, stage1AndNested],
  [1, oneCdAndTables],
  [1, wholeAndSplit],
  [1, anyOrder],
  [1, registers],
];

/** Names that `propertiesOf` knows: every property's, and `all`. */
export const SUITE_NAMES: readonly string[] = [DEFAULT_SUITE, ...PROPERTIES.map(({ name }) => name)];

/** The properties of a suite, for `runRange`; undefined when there is none of that name. */
export function propertiesOf(suite: string): readonly Property[] | undefined {
  if (suite === DEFAULT_SUITE) return SHARES.flatMap(([count, property]) => new Array<Property>(count).fill(property));
  const property = PROPERTIES.find(({ name }) => name === suite);
  return property === undefined ? undefined : [property];
}

/** The property of a name, for replaying its finds. */
export function propertyNamed(name: string): Property | undefined {
  return PROPERTIES.find((property) => property.name === name);
}
