/** What the judge compares an observation with, and which states agree. */
import type { CrossCell } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import type { Difference, PassKind, Permitted } from './verdict.ts';

/** A state that agrees with the observation, and why. */
export interface Accepted {
  readonly state: State;
  readonly rules: readonly RuleId[];
  /** Cells of crosses that the observation shows. */
  readonly cells?: readonly CrossCell[];
}

/** What one action's observation was compared with. */
export interface Comparison {
  readonly accepted: readonly Accepted[];
  readonly permitted: readonly Permitted[];
  readonly difference: Difference;
  readonly rule: RuleId;
  /** More than one outcome, for this kind of reason. */
  readonly pass: PassKind;
}

/** Every state stays: the action tells nothing that could be wrong. */
export function everyState(states: readonly State[], rules: readonly RuleId[]): Comparison {
  return {
    accepted: states.map((state) => ({ state, rules })),
    permitted: [],
    difference: 'memory',
    rule: 'HTTU-065',
    pass: 'forced',
  };
}
