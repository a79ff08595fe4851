/** Programs as questions: what a side shows, or permits, of the last access of some steps. The same are put to both sides. */
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import type { Profile } from '../../scenario/features.ts';
import type { Step } from '../../scenario/steps.ts';
import type { Outcome } from '../../scenario/trace.ts';
import { patternAt } from '../../reference/testing.ts';
import type { Told } from '../../reference/testing.ts';

/** Whether `outcome` of the last step's access is what the side shows, or permits. Earlier accesses stand with theirs. */
export type Accepts = (steps: readonly Told[], last: Step, outcome: Outcome) => boolean;

/** Everything of tier 1, as large as it goes where sizes are free. */
export const PROFILE: Profile = {
  S2P: 1,
  VMID16: 1,
  OAS: 48,
  GRAN16K: 1,
  GRAN64K: 1,
  ST_LEVEL: 1,
  SIDSIZE: 16,
  CD2L: 1,
  SSIDSIZE: 20,
};

export const VA = 0x1000n;
export const DATA = patternAt(PATTERN_BASE);
export const DONE: Outcome = { kind: 'done' };

/** 1 where the access goes through. */
export function passes(
  accepts: Accepts,
  steps: readonly Told[],
  last: Step,
  outcome: Outcome = 'write' in last ? DONE : DATA,
): bigint {
  return accepts(steps, last, outcome) ? 1n : 0n;
}
