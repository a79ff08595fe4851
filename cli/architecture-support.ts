/**
 * docs/architecture-support.md: how much of the architecture the reference judges, by area, from the inventory of rules and from one fixed
 * run on the model. Written by `npm run docs:support`; a test says when it is out of date.
 */
import { join } from 'node:path';
import { buildsOf } from '../properties/arbitraries/profile.ts';
import { mergeStatistics, runRange } from '../properties/campaign.ts';
import { judged } from '../properties/judged.ts';
import { isInScope } from '../reference/rules/coverage.ts';
import { RULE_ROWS, ruleArea, ruleScope } from '../reference/rules/registry.ts';
import type { RuleRow } from '../reference/rules/registry.ts';
import { openModel } from '../subjects/model.ts';
import { ruleHits } from './check-report.ts';
import { replayKept } from './kept.ts';
import { PACKAGE_ROOT } from './package-info.ts';
import { count } from './text.ts';

export const SUPPORT_FILE = join(PACKAGE_ROOT, 'docs/architecture-support.md');

/** What is run for the last two columns, beside the corpus. */
const SEED = 1;
const SCENARIOS = 300;

/** By the letters of rule ids. */
const AREAS: Readonly<Record<string, string>> = {
  ACK: 'Updates and their acknowledge (6.3.9-6.3.18)',
  ATTR: 'Memory attributes (13)',
  BANK: 'Programming interfaces (6.2)',
  CACHE: 'What may be cached, and for how long (3.17, 3.21, 16.2)',
  CD: 'Context descriptors (5.3, 5.4)',
  CFGI: 'Configuration invalidation (4.3)',
  CMD: 'Commands (4.1, 4.2, 4.5, 4.6)',
  CMDQ: 'The Command queue (3.5, 4.1)',
  EVQ: 'The Event queue (3.5, 7.2)',
  EVT: 'Event records (7.3)',
  GERR: 'Global errors (7.5)',
  HTTU: 'Access flag and Dirty state (3.13)',
  INIT: 'Initialization and bypass (3.11, 6.3.9)',
  MSI: 'Interrupts (3.18)',
  PERM: 'Permissions (D8.4, 13)',
  REG: 'Registers (6.2, 6.3)',
  RESET: 'Reset (3.11)',
  SEC: 'Security states (3.10)',
  STALL: 'Stall and terminate (3.12, 5.5)',
  STE: 'Stream table entries (5.2)',
  STRTAB: 'Stream tables (3.3.1, 5.1)',
  SUBS: 'Substreams (3.3.2)',
  SYNC: 'CMD_SYNC (4.7)',
  TLBI: 'TLB invalidation (4.4)',
  WALK: 'Translation table walks (3.4, D8)',
};

/** The text of the file. */
export async function architectureSupport(): Promise<string> {
  const model = openModel();
  const kept = await replayKept(model, [join(PACKAGE_ROOT, 'corpus')], SEED);
  const drawn = await runRange({ subject: model, properties: [judged], seed: SEED, from: 0, to: SCENARIOS });
  const { decisive, consulted } = ruleHits(mergeStatistics(kept.statistics, drawn));
  const builds = buildsOf(model);
  const tier1 = RULE_ROWS.filter(({ tier }) => tier === 1);
  const inScope = (row: RuleRow): boolean => isInScope(row, builds);
  const cellsOf = (rows: readonly RuleRow[]): string[] =>
    [
      rows.length,
      rows.filter(({ id }) => ruleScope(id).status === 'later').length,
      rows.filter(({ id }) => ruleScope(id).status === 'unobservable').length,
      rows.filter(inScope).length,
      rows.filter((row) => inScope(row) && (decisive.has(row.id) || consulted.has(row.id))).length,
      rows.filter((row) => inScope(row) && decisive.has(row.id)).length,
    ].map(count);
  const areas = [...new Set(tier1.map(({ id }) => ruleArea(id)))].sort();
  const table = markdownTable(
    ['area', 'rules', 'later', 'unobservable', 'in scope', 'applied', 'reached'],
    [
      ...areas.map((area) => [
        `${area}: ${AREAS[area] ?? ''}`,
        ...cellsOf(tier1.filter(({ id }) => ruleArea(id) === area)),
      ]),
      ['all', ...cellsOf(tier1)],
    ],
  );
  return `${HEAD}\n${table}\n\n## What comes later, and why\n\n${reasons('later')}\n\n## What nothing can observe\n\n${reasons('unobservable')}\n`;
}

const HEAD = `# Which of the architecture is judged

Written by \`npm run docs:support\` from the inventory of rules (\`reference/rules/\`); do not edit by hand.

Every rule of tier 1 (what each implementation has) is one row of the inventory. Of an area:

- _later_: the reference does not judge it yet; a scenario that depends on it is _undetermined_, not a pass.
- _unobservable_: no register, memory content, interrupt or DMA outcome could contradict it.
- _in scope_: judged, and it applies to some build of the model. Rules of features that no build has are in no column but the first.
- _applied_ and _reached_: what the kept scenarios and the first ${count(SCENARIOS)} generated ones (seed ${SEED}) use of that on the model; a rule
  is reached when it settled what was permitted. \`npx smmu-crosscheck coverage\` runs more, and lists what is not reached.
`;

function reasons(status: 'later' | 'unobservable'): string {
  const byReason = new Map<string, number>();
  for (const { id, tier } of RULE_ROWS) {
    const scope = ruleScope(id);
    if (tier !== 1 || scope.status !== status) continue;
    byReason.set(scope.reason, (byReason.get(scope.reason) ?? 0) + 1);
  }
  const rows = [...byReason].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
  return markdownTable(
    ['rules', 'reason'],
    rows.map(([reason, rules]) => [count(rules), reason.replaceAll('|', '\\|')]),
  );
}

/** As Prettier lays tables out, so that the file passes its check. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(3, title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}
