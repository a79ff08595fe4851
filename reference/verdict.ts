/** What the judge says of a trace. */
import type { CrossName } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';

/** How far the architecture fixed an observation that was accepted. */
export type PassKind =
  /** One outcome was permitted. */
  | 'forced'
  /** Several, because a cache may or may not have held an old value. */
  | 'stale'
  /** Several, by a CONSTRAINED UNPREDICTABLE or UNKNOWN rule. */
  | 'unpred'
  /** Several, by an IMPLEMENTATION DEFINED choice. */
  | 'impdef';

/** What kind of difference a violation is; with the rule it is the signature that shrinking holds. */
export type Difference =
  | 'register-value'
  | 'memory'
  | 'event-record'
  | 'dma-data'
  | 'dma-abort'
  | 'dma-not-aborted'
  | 'output-address'
  | 'interrupt-missing'
  | 'interrupt-unexpected'
  | 'access-abort'
  | 'died';

/** One permitted outcome at an action, and the rules that led to it, in the order they were applied. */
export interface Permitted {
  /** In words: `data from PA 0x41000000`, `abort with F_TRANSLATION`, `0x00000001`. */
  readonly outcome: string;
  readonly rules: readonly RuleId[];
}

export interface ActionVerdict {
  readonly action: number;
  readonly observed: string;
  readonly permitted: readonly Permitted[];
  readonly pass: PassKind | 'violation' | 'undetermined';
  /** Rules that the outcome observed rests on. */
  readonly rules: readonly RuleId[];
}

export interface Violation {
  readonly action: number;
  readonly rule: RuleId;
  readonly difference: Difference;
  readonly observed: string;
  readonly permitted: readonly Permitted[];
}

/** A finding about the software in the scenario: an outcome that depends on what the caches held. */
export interface Lint {
  readonly action: number;
  readonly message: string;
  /** Only when asked to explain: what changed while a cache may have held it, the latest first. */
  readonly changes?: readonly Change[];
  /** Only when asked to explain: the invalidation that would have left one outcome; undefined when none would. */
  readonly missing?: string | undefined;
}

/** How a subject used the freedom of an UNPREDICTABLE or IMPLEMENTATION DEFINED rule. */
export interface Choice {
  readonly rule: RuleId;
  /** In words, without addresses and values, so that choices can be counted: `abort`, `reads as zero`, `access`. */
  readonly chosen: string;
}

/** A 64-bit word of memory and the action at which it took the value it has. */
export interface Change {
  readonly address: bigint;
  readonly at: number;
}

export interface Verdict {
  readonly kind: 'ok' | 'violation' | 'undetermined';
  readonly violation?: Violation;
  /** Why the reference could not say: what is outside it, at which action. */
  readonly undetermined?: { readonly action: number; readonly reason: string };
  /** Accepted observations, by kind. */
  readonly passes: Readonly<Record<PassKind, number>>;
  /** DMA actions judged, and how many of them had exactly one permitted outcome. */
  readonly dmas: number;
  readonly determinateDmas: number;
  /** Rules that settled what was permitted, where the observation agreed. */
  readonly decisive: ReadonlySet<RuleId>;
  /** Rules applied on the way to an outcome that was permitted but not the one observed. */
  readonly consulted: ReadonlySet<RuleId>;
  readonly lints: readonly Lint[];
  /** What the subject chose where rules leave a choice. */
  readonly choices: readonly Choice[];
  /** Cells of each cross that the trace showed to be as the architecture says. */
  readonly cells: ReadonlyMap<CrossName, ReadonlySet<string>>;
  /** Only when asked to explain. */
  readonly actions?: readonly ActionVerdict[];
}
