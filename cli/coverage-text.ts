/** Coverage for people: the holes first, then where they are, then the totals. */
import type { Coverage, CrossCoverage, UnreachedRule } from '../reference/rules/coverage.ts';
import { count, ink, percent, plural, table, wrap } from './text.ts';

const HOLES_SHOWN = 12;
const CELLS_SHOWN = 8;
const COLUMNS = 116;

/** The whole report. */
export function coverageText(coverage: Coverage): string {
  const { inScope, reached } = totals(coverage);
  const holes = coverage.unreached;
  const shown = holes.slice(0, HOLES_SHOWN);
  const parts = [
    holes.length === 0
      ? ink('green', `Every one of the ${count(inScope)} rules in scope was reached.`)
      : `${ink('bold', `Not reached: ${plural(holes.length, 'rule')} of the ${count(inScope)} in scope`)}\n${holesTable(shown)}`,
  ];
  if (shown.length < holes.length) {
    parts.push(ink('dim', `... and ${count(holes.length - shown.length)} more: --uncovered lists them all.`));
  }
  parts.push(`${ink('bold', 'Areas, the least reached first')}\n${areasTable(coverage)}`);
  parts.push(`${ink('bold', 'Tiers')}\n${tiersTable(coverage)}`);
  if (coverage.crosses.length > 0)
    parts.push(`${ink('bold', 'Crosses')}\n${crossesTable(coverage)}`, ...coverage.crosses.flatMap(crossHoles));
  if (coverage.strange.length > 0) {
    parts.push(ink('yellow', `Seen though no cross has it: ${coverage.strange.join('; ')}`));
  }
  if (coverage.outside.length > 0) {
    parts.push(ink('yellow', `Reached though not counted as in scope: ${coverage.outside.join(', ')}`));
  }
  parts.push(
    `${ink('bold', 'Total')}: ${count(reached)} of ${plural(inScope, 'rule')} in scope reached (${percent(reached, inScope)}).`,
  );
  return parts.join('\n\n');
}

/** Only the rules not reached, one a line: id, section, title. */
export function uncoveredText(coverage: Coverage): string {
  const { inScope } = totals(coverage);
  if (coverage.unreached.length === 0) return `Every one of the ${count(inScope)} rules in scope was reached.`;
  return `${holesTable(coverage.unreached)}\n\n${count(coverage.unreached.length)} of ${plural(inScope, 'rule')} in scope not reached.`;
}

/** Rules in scope that apply to the subject, and how many of them were decisive. */
export function totals(coverage: Coverage): { readonly inScope: number; readonly reached: number } {
  let inScope = 0;
  let reached = 0;
  for (const tier of coverage.tiers) {
    inScope += tier.inScope;
    reached += tier.reached;
  }
  return { inScope, reached };
}

/** The cells of a cross that were not reached, the first of them; --json has all. */
function crossHoles({ name, holes }: CrossCoverage): string[] {
  if (holes.length === 0) return [];
  const shown = holes.slice(0, CELLS_SHOWN);
  const more = holes.length - shown.length;
  if (more > 0) shown.push(`and ${count(more)} more (--json has all)`);
  return [`${ink('bold', `Holes of ${name}`)}\n${shown.flatMap((hole) => wrap(hole, COLUMNS, '  ')).join('\n')}`];
}

function holesTable(holes: readonly UnreachedRule[]): string {
  return table(
    [{ title: 'rule' }, { title: 'section' }, { title: 'title' }],
    holes.map(({ id, section, title }) => [id, section, title]),
  );
}

function areasTable(coverage: Coverage): string {
  const areas = [...coverage.areas].sort((a, b) => a.reached / a.inScope - b.reached / b.inScope);
  return table(
    [
      { title: 'area' },
      { title: 'in scope', align: 'right' },
      { title: 'reached', align: 'right' },
      { title: 'share', align: 'right' },
    ],
    areas.map(({ area, inScope, reached }) => [area, count(inScope), count(reached), percent(reached, inScope)]),
  );
}

function tiersTable(coverage: Coverage): string {
  return table(
    [
      { title: 'tier' },
      { title: 'bank' },
      { title: 'rules', align: 'right' },
      { title: 'unobservable', align: 'right' },
      { title: 'in scope', align: 'right' },
      { title: 'applied', align: 'right' },
      { title: 'reached', align: 'right' },
      { title: 'share', align: 'right' },
    ],
    coverage.tiers.map((row) => [
      String(row.tier),
      row.bank,
      count(row.rules),
      count(row.unobservable),
      count(row.inScope),
      count(row.applied),
      count(row.reached),
      percent(row.reached, row.inScope),
    ]),
  );
}

function crossesTable(coverage: Coverage): string {
  return table(
    [
      { title: 'cross' },
      { title: 'cells', align: 'right' },
      { title: 'reached', align: 'right' },
      { title: 'share', align: 'right' },
    ],
    coverage.crosses.map(({ name, cells, reached }) => [name, count(cells), count(reached), percent(reached, cells)]),
  );
}
