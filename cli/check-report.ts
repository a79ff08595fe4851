/** What `check` says at its end: for people, and as the JSON document. */
import type { CountedFind, Statistics } from '../properties/campaign.ts';
import { coverage, isInScope } from '../reference/rules/coverage.ts';
import type { Coverage, CrossHits, RuleHits } from '../reference/rules/coverage.ts';
import { CROSS_NAMES } from '../reference/rules/crosses.ts';
import { RULE_IDS } from '../reference/rules/ids.ts';
import { isRuleId, ruleRow } from '../reference/rules/registry.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import { totals } from './coverage-text.ts';
import { seedText } from '../fuzz/finds.ts';
import type { KeptResult } from './kept.ts';
import { VERSION } from './package-info.ts';
import { MAIN_SUITE, OTHERS_SHARE } from './suites.ts';
import { choiceProfile, profileText } from './profile.ts';
import { alarm, count, duration, ink, percent, plural, shellWord, table } from './text.ts';

/** Longer observations are cut; replaying shows the whole. */
const OBSERVED_MAX = 120;

export interface ReportedViolation extends CountedFind {
  readonly file: string;
  /** The step that fails, in words, after a comma; empty where there is none. */
  readonly where: string;
  /** Steps of the scenario in the file. */
  readonly steps: number;
  /** Shown by a scenario that was kept before this run. */
  readonly kept: boolean;
  /** Steps of it as it was found, when it was shrunk. */
  readonly stepsBefore?: number;
  /** The command line that shows it. */
  readonly replay: string;
}

export interface ReportedLint {
  /** What may come of such a DMA. */
  readonly kind: string;
  readonly count: number;
  /** The example: where it is, what changed, what is missing. */
  readonly lines: readonly string[];
  readonly replay: string;
}

export interface SuiteLine {
  readonly name: string;
  readonly title: string;
  readonly scenarios: number;
  readonly vacuous: number;
  readonly undetermined: number;
  readonly violations: number;
}

export interface CheckReport {
  readonly options: {
    readonly seed: number;
    readonly subject: string;
    readonly corpus: string;
    readonly finds: string;
  };
  readonly subjectVersion: string;
  readonly builds: readonly IdRegisters[];
  readonly kept: KeptResult;
  readonly suites: readonly SuiteLine[];
  /** Of everything that was run. */
  readonly statistics: Statistics;
  readonly lostRanges: number;
  readonly interrupted: boolean;
  readonly violations: readonly ReportedViolation[];
  /** An example of each of the most frequent kinds of lint. */
  readonly lints: readonly ReportedLint[];
  readonly tookMs: number;
}

/** The rules that statistics say were decisive, and those applied at all. */
export function ruleHits({ decisive, consulted }: Statistics): RuleHits {
  return {
    decisive: new Set(RULE_IDS.filter((id) => decisive[id] !== undefined)),
    consulted: new Set(RULE_IDS.filter((id) => consulted[id] !== undefined)),
  };
}

/** The cells of each cross that statistics say were seen. */
export function crossHits({ cells }: Statistics): CrossHits {
  const hits = new Map<string, Set<string>>(CROSS_NAMES.map((name) => [name, new Set()]));
  for (const key of Object.keys(cells)) {
    const at = key.indexOf('|');
    hits.get(key.slice(0, at))?.add(key.slice(at + 1));
  }
  return hits;
}

/** How many of the rules in scope for a subject the statistics reached: what progress shows. */
export function rulesReached(statistics: Statistics, builds: readonly IdRegisters[]): number {
  let reached = 0;
  for (const id of Object.keys(statistics.decisive)) {
    if (isRuleId(id) && isInScope(ruleRow(id), builds)) reached += 1;
  }
  return reached;
}

/** The document that `--json` prints. */
export function checkDocument(report: CheckReport): unknown {
  const { options, statistics, violations, tookMs } = report;
  const { scenarios, steps, dmas, determinateDmas, undetermined, passes, lints } = statistics;
  const { inScope, reached } = totals(coverageOf(report));
  return {
    version: VERSION,
    seed: options.seed,
    subject: options.subject,
    scenarios,
    steps,
    dmas,
    determinacy: dmas === 0 ? 1 : determinateDmas / dmas,
    undetermined,
    passes,
    profile: choiceProfile(statistics),
    rules: { reached, observable: inScope },
    lints,
    traces: statistics.traces,
    violations: violations.map((violation) => ({
      property: violation.property,
      rule: violation.rule,
      section: isRuleId(violation.rule) ? ruleRow(violation.rule).section : null,
      step: violation.step,
      steps: violation.steps,
      file: violation.file,
      replay: violation.replay,
    })),
    tookMs,
  };
}

/** The report for people; each violation ends it with its seed, file and replay command. */
export function checkText(report: CheckReport): string {
  const parts = [
    suitesText(report),
    totalsText(report),
    profileText(choiceProfile(report.statistics)),
    lintsText(report.lints),
    ...report.violations.map(violationText),
  ].filter((part) => part !== '');
  return parts.join('\n\n');
}

function coverageOf({ statistics, builds }: CheckReport): Coverage {
  return coverage(ruleHits(statistics), builds);
}

function suitesText({ options, subjectVersion, kept, suites }: CheckReport): string {
  const rows = [
    [
      'kept scenarios',
      count(kept.replayed),
      count(kept.statistics.vacuous),
      count(kept.statistics.undetermined),
      violationCount(kept.violations.length),
      `of ${shellWord(options.corpus)} and ${shellWord(options.finds)}`,
    ],
    ...suites.map((suite) => [
      suite.name,
      count(suite.scenarios),
      count(suite.vacuous),
      count(suite.undetermined),
      violationCount(suite.violations),
      suite.title,
    ]),
  ];
  const lines = [
    `smmu-crosscheck ${VERSION}: ${options.subject} (${subjectVersion}), seed ${options.seed}`,
    '',
    table(
      [
        { title: 'suite' },
        { title: 'scenarios', align: 'right' },
        { title: 'vacuous', align: 'right' },
        { title: 'undetermined', align: 'right' },
        { title: 'violations', align: 'right' },
        { title: 'what must hold' },
      ],
      rows,
    ),
  ];
  if (suites.length > 1) {
    lines.push(
      ink('dim', `--runs counts the ${MAIN_SUITE} suite; each other suite gets 1 scenario for ${OTHERS_SHARE} of it.`),
    );
  }
  if (kept.skipped > 0) lines.push(`${plural(kept.skipped, 'kept scenario')} left out: this subject cannot run them.`);
  if (kept.errors.length > 0)
    lines.push(ink('red', `${plural(kept.errors.length, 'kept file')} not readable: see above.`));
  return lines.join('\n');
}

function violationCount(violations: number): string {
  return violations === 0 ? '0' : ink('red', count(violations));
}

function totalsText(report: CheckReport): string {
  const { statistics, violations, tookMs } = report;
  const { scenarios, steps, dmas, determinateDmas, outcomes, passes, undetermined, lints } = statistics;
  const { inScope, reached } = totals(coverageOf(report));
  const { translated, bypassed, faulted, unclear } = outcomes;
  const made = translated + bypassed + faulted + unclear;
  const share = (part: number, what: string): string => `${percent(part, made)} ${what}`;
  const rows = [
    [
      'scenarios',
      count(scenarios),
      `in ${duration(tookMs)}, ${count(Math.round(scenarios / Math.max(tookMs / 1000, 0.001)))}/s`,
    ],
    ['steps', count(steps), ''],
    ['DMAs', count(dmas), outcomesText(share, { translated, bypassed, faulted, unclear })],
    ['determinacy', percent(determinateDmas, dmas), 'of judged DMAs had exactly one permitted outcome'],
    ['accepted', count(passes.forced), 'observations that were the only one permitted'],
    ['', count(passes.stale), 'where a cache may or may not hold an old value'],
    ['', count(passes.unpred), 'CONSTRAINED UNPREDICTABLE or UNKNOWN'],
    ['', count(passes.impdef), 'IMPLEMENTATION DEFINED'],
    ['undetermined', count(undetermined), 'scenarios that the reference could not judge to the end'],
    ['lints', count(lints), 'DMAs whose outcome hung on what the software failed to invalidate'],
    [
      'rules',
      count(reached),
      `reached of the ${count(inScope)} in scope (${percent(reached, inScope)}); coverage --uncovered lists the rest`,
    ],
    [
      'traces',
      '',
      `fingerprint ${statistics.traces.slice(0, 16)}: the same for the same seed, runs, kept scenarios and subject`,
    ],
    ['violations', violationCount(violations.length), violations.length === 0 ? '' : 'distinct ones, below'],
  ];
  const lines = [table([{ title: '' }, { title: '', align: 'right' }, { title: '' }], rows)];
  for (const { reason, count: times } of statistics.undeterminedReasons.slice(0, 3)) {
    lines.push(ink('dim', `undetermined (${plural(times, 'scenario')}): ${reason}`));
  }
  if (report.lostRanges > 0)
    lines.push(ink('red', `${plural(report.lostRanges, 'range')} of scenarios lost: see above.`));
  if (report.interrupted) lines.push(ink('yellow', 'Interrupted: this is what was done until then.'));
  return lines.join('\n');
}

function lintsText(lints: readonly ReportedLint[]): string {
  return lints
    .map(({ kind, count: times, lines, replay }) =>
      [ink('yellow', `LINT (${plural(times, 'DMA')}): ${cut(kind)}`), ...lines, `  replay  ${replay}`].join('\n'),
    )
    .join('\n\n');
}

function outcomesText(share: (part: number, what: string) => string, outcomes: Statistics['outcomes']): string {
  const entries = Object.entries(outcomes).filter(([, part]) => part > 0);
  return entries.map(([what, part]) => share(part, what)).join(', ');
}

function violationText(violation: ReportedViolation): string {
  const {
    property,
    rule,
    difference,
    count: times,
    step,
    where,
    observed,
    permitted,
    file,
    steps,
    stepsBefore,
    replay,
  } = violation;
  const row = isRuleId(rule) ? ruleRow(rule) : undefined;
  const named = row === undefined ? rule : `${rule}, ${row.title} (${row.section})`;
  const what = difference === 'died' ? 'THE SUBJECT DIED' : `VIOLATION of ${named}`;
  const shrunk = stepsBefore === undefined ? '' : `, shrunk from ${count(stepsBefore)}`;
  return [
    `${alarm(what)}: ${difference}, suite ${property}, ${plural(times, 'scenario')}`,
    `  step ${step}${where}: observed ${cut(observed)}, permitted ${cut(permitted.join(' or ') || 'nothing')}`,
    `  seed    ${violation.kept ? 'a kept scenario' : seedText(violation)}`,
    `  file    ${file} (${plural(steps, 'step')}${shrunk})`,
    `  replay  ${replay}`,
  ].join('\n');
}

function cut(text: string): string {
  return text.length <= OBSERVED_MAX ? text : `${text.slice(0, OBSERVED_MAX - 3)}...`;
}
