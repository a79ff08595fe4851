/**
 * How much of the inventory the judging reached: the numbers behind `smmu-crosscheck coverage`.
 *
 * The denominator is the tier-1 rules in scope (scope.tsv) that apply to the subject's ID registers: to those of any
 * of its builds, for a subject that is built to a profile. A rule is reached
 * when it was decisive (verdict.ts), applied when it was decisive or consulted.
 */
import type { IdRegisters } from '../../scenario/trace.ts';
import { isApplicable } from './applicable.ts';
import { crossesOf } from './crosses.ts';
import type { RuleId } from './ids.ts';
import {
  RULE_ROWS,
  ruleArea,
  ruleRow,
  ruleScope,
  type RuleBank,
  type RuleRow,
  type RuleTier,
  type ScopeStatus,
} from './registry.ts';

/** Rules hit while judging, accumulated over verdicts. */
export interface RuleHits {
  readonly decisive: ReadonlySet<RuleId>;
  readonly consulted: ReadonlySet<RuleId>;
}

/** The cells seen of each cross, by its name. */
export type CrossHits = ReadonlyMap<string, ReadonlySet<string>>;

export interface CrossCoverage {
  readonly name: string;
  readonly cells: number;
  readonly reached: number;
  /** The cells not reached. */
  readonly holes: readonly string[];
}

export interface TierCoverage {
  readonly tier: RuleTier;
  readonly bank: RuleBank;
  /** Rows of the inventory. */
  readonly rules: number;
  /** Of those, in scope and applicable to the subject: the denominator. */
  readonly inScope: number;
  /** Of inScope, decisive or consulted. */
  readonly applied: number;
  /** Rows that apply to the subject but that nothing observable could contradict. */
  readonly unobservable: number;
  /** Of inScope, decisive. */
  readonly reached: number;
}

export interface AreaCoverage {
  /** The letters of the rules' ids. */
  readonly area: string;
  readonly inScope: number;
  readonly reached: number;
}

export interface UnreachedRule {
  readonly id: RuleId;
  readonly section: string;
  readonly title: string;
}

export interface Coverage {
  readonly tiers: readonly TierCoverage[];
  readonly areas: readonly AreaCoverage[];
  /** In scope, not decisive; in the order of the inventory. */
  readonly unreached: readonly UnreachedRule[];
  /** Tier-1 rules that were decisive though not counted: scope.tsv or `needs` is wrong about them. */
  readonly outside: readonly RuleId[];
  readonly crosses: readonly CrossCoverage[];
  /** Cells that were seen though the cross does not have them: crosses.ts is wrong about them. */
  readonly strange: readonly string[];
}

/** Whether the rule counts in the denominator for a subject of these builds. */
export function isInScope(row: RuleRow, builds: readonly IdRegisters[]): boolean {
  return hasStatus(row, 'in', builds);
}

export function coverage(hits: RuleHits, builds: readonly IdRegisters[], crossHits: CrossHits = new Map()): Coverage {
  const inScope = RULE_ROWS.filter((row) => isInScope(row, builds));
  const counted: ReadonlySet<RuleId> = new Set(inScope.map(({ id }) => id));
  const crosses = crossesOf(builds);
  const isReached = ({ id }: RuleRow): boolean => hits.decisive.has(id);
  return {
    tiers: [...groups(RULE_ROWS, ({ tier, bank }) => `${tier} ${bank}`).values()].map((rows) =>
      tierCoverage(rows, counted, hits, builds),
    ),
    areas: [...groups(inScope, ({ id }) => ruleArea(id))].map(([area, rows]) => ({
      area,
      inScope: rows.length,
      reached: rows.filter(isReached).length,
    })),
    unreached: inScope.filter((row) => !isReached(row)).map(({ id, section, title }) => ({ id, section, title })),
    outside: [...hits.decisive].filter((id) => ruleRow(id).tier === 1 && !counted.has(id)).sort(),
    crosses: crosses.map(({ name, cells }) => {
      const holes = cells.filter((cell) => crossHits.get(name)?.has(cell) !== true);
      return { name, cells: cells.length, reached: cells.length - holes.length, holes };
    }),
    strange: crosses.flatMap(({ name, cells }) =>
      [...(crossHits.get(name) ?? [])].filter((cell) => !cells.includes(cell)).sort(),
    ),
  };
}

function tierCoverage(
  rows: readonly RuleRow[],
  counted: ReadonlySet<RuleId>,
  { decisive, consulted }: RuleHits,
  builds: readonly IdRegisters[],
): TierCoverage {
  const [first] = rows;
  if (first === undefined) throw new Error('a group of rules is never empty');
  const inScope = rows.filter(({ id }) => counted.has(id));
  return {
    tier: first.tier,
    bank: first.bank,
    rules: rows.length,
    inScope: inScope.length,
    applied: inScope.filter(({ id }) => decisive.has(id) || consulted.has(id)).length,
    unobservable: rows.filter((row) => hasStatus(row, 'unobservable', builds)).length,
    reached: inScope.filter(({ id }) => decisive.has(id)).length,
  };
}

/** Only tier-1 rows have a status of their own, and only their `needs` are understood. */
function hasStatus(row: RuleRow, status: ScopeStatus, builds: readonly IdRegisters[]): boolean {
  return row.tier === 1 && ruleScope(row.id).status === status && builds.some((build) => isApplicable(row, build));
}

/** By key; keys in order, rows in the order given. */
function groups(rows: readonly RuleRow[], key: (row: RuleRow) => string): Map<string, RuleRow[]> {
  const byKey = new Map<string, RuleRow[]>();
  for (const row of rows) {
    const group = byKey.get(key(row));
    if (group === undefined) byKey.set(key(row), [row]);
    else group.push(row);
  }
  return new Map([...byKey].sort(([left], [right]) => (left < right ? -1 : 1)));
}
