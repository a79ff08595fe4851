/**
 * `check`: replays what is kept, then runs the property suites, stores and shrinks what they find, and says what was
 * reached. The first thing a user runs and what continuous integration runs.
 */
import { Command, Option } from 'commander';
import { dropFind, seedText, storeFind } from '../fuzz/finds.ts';
import { judge } from '../reference/judge.ts';
import { lintKind, mergeStatistics, noStatistics, scenarioAt, signatureOf } from '../properties/campaign.ts';
import type { CountedFind, Statistics } from '../properties/campaign.ts';
import { buildsOf } from '../properties/arbitraries/profile.ts';
import type { Property } from '../properties/property.ts';
import { DEFAULT_SUITE, SUITE_NAMES } from '../properties/suites.ts';
import { formatScenario, parseScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import { printStep } from '../scenario/print.ts';
import type { Profile } from '../scenario/features.ts';
import type { Scenario } from '../scenario/steps.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import { SubjectError } from '../subjects/errors.ts';
import { openSubject } from '../subjects/open.ts';
import type { Subject } from '../subjects/subject.ts';
import { checkDocument, checkText, rulesReached } from './check-report.ts';
import type { CheckReport, ReportedLint, ReportedViolation, SuiteLine } from './check-report.ts';
import { EXIT, nowDoing, oneLine, worse } from './exit.ts';
import type { ExitStatus } from './exit.ts';
import { readScenario, replayKept } from './kept.ts';
import type { KeptResult } from './kept.ts';
import {
  corpusOption,
  countingNumber,
  durationMs,
  featuresOption,
  jsonOption,
  seedOption,
  subjectOption,
  workersOption,
} from './options.ts';
import { corpusFolder } from './package-info.ts';
import { runTasks, statisticsOf } from './pool.ts';
import type { Deadly, RangeResult } from './pool.ts';
import { Progress } from './progress.ts';
import { replayLine } from './replay.ts';
import { shrinkFind } from './shrink-finds.ts';
import type { Shrunk } from './shrink-finds.ts';
import { MAIN_SUITE, runsOf, ranges, suiteNamed, suitesToRun } from './suites.ts';
import { plural } from './text.ts';
import { lintLines } from './verdict-text.ts';
import type { KeptFind, RangeTask } from './worker.ts';

const RUNS_DEFAULT = 20_000;
/** Kinds of lint of which an example is shown. */
const LINTS_SHOWN = 2;
const LINTS_TRIED = 8;
/** A subject that stays at one scenario longer hangs. */
const HANG_MS = 60_000;
/** So many ranges lost twice: the subject is not worth more. */
const LOST_MAX = 3;

interface CheckOptions {
  readonly subject: string;
  readonly suite: string;
  readonly runs?: number;
  readonly time?: number;
  readonly seed: number;
  readonly workers: number;
  readonly json?: true;
  readonly shrinkTime: number;
  readonly finds: string;
  readonly corpus?: string;
  readonly features?: Profile;
}

export function checkCommand(end: (status: ExitStatus) => void): Command {
  return new Command('check')
    .description('replay the kept scenarios, then run the property suites')
    .addOption(subjectOption())
    .option('--suite <name>', `run this suite only: ${SUITE_NAMES.join(', ')}`, DEFAULT_SUITE)
    .addOption(
      new Option('--runs <number>', 'scenarios of the judged suite; each other suite gets a share')
        .argParser(countingNumber)
        .default(undefined, RUNS_DEFAULT.toString()),
    )
    .addOption(
      new Option('--time <duration>', 'run for so long (60s, 10m) instead').argParser(durationMs).conflicts('runs'),
    )
    .addOption(seedOption())
    .addOption(featuresOption())
    .addOption(workersOption())
    .addOption(
      new Option('--shrink-time <duration>', 'time for shrinking, shared among the finds')
        .argParser(durationMs)
        .default(30_000, '30s'),
    )
    .option('--finds <dir>', 'where finds are stored, and replayed from', 'finds')
    .addOption(corpusOption())
    .addOption(jsonOption())
    .action(async (options: CheckOptions) => end(await check(options)));
}

async function check(options: CheckOptions): Promise<ExitStatus> {
  const suites = suitesToRun(options.suite);
  const subject = await openSubject(options.subject, options.features);
  try {
    const run = new CheckRun(options, suites, subject);
    const report = await run.report();
    process.stdout.write(
      options.json ? `${JSON.stringify(checkDocument(report), null, 2)}\n` : `${checkText(report)}\n`,
    );
    return run.status;
  } finally {
    await subject.close();
  }
}

/** One run of the command, and what it has come to so far. */
class CheckRun {
  status: ExitStatus = EXIT.clean;
  readonly #options: CheckOptions;
  readonly #suites: readonly Property[];
  readonly #subject: Subject;
  readonly #builds: readonly IdRegisters[];
  readonly #progress = new Progress();
  readonly #bySuite = new Map<string, Statistics>();
  /** The file of each find, by signature and index. */
  readonly #files = new Map<string, KeptFind>();
  readonly #deadly: ReportedViolation[] = [];
  #lost = 0;
  #interrupted = false;

  constructor(options: CheckOptions, suites: readonly Property[], subject: Subject) {
    this.#options = options;
    this.#suites = suites;
    this.#subject = subject;
    this.#builds = buildsOf(subject);
  }

  async report(): Promise<CheckReport> {
    const options = this.#options;
    const corpus = options.corpus ?? corpusFolder();
    const kept = await replayKept(this.#subject, [corpus, options.finds], options.seed);
    for (const error of kept.errors) {
      this.#progress.say(`smmu-crosscheck: ${error}; mend the file or take it away`);
      this.status = worse(this.status, EXIT.usage);
    }
    nowDoing('running the suites; mend it, or use --workers 2 to find the scenario');
    await this.#campaign();
    nowDoing('shrinking');
    const generated = [...this.#bySuite.values()].reduce(mergeStatistics, noStatistics());
    const violations = [
      ...this.#keptViolations(kept),
      ...(await this.#newViolations(generated, kept)),
      ...this.#deadly,
    ];
    for (const violation of violations) {
      this.status = worse(this.status, violation.difference === 'died' ? EXIT.subject : EXIT.violation);
    }
    this.#progress.clear();
    return {
      options: { seed: options.seed, subject: options.subject, corpus, finds: options.finds },
      subjectVersion: this.#subject.version,
      builds: this.#builds,
      kept,
      suites: this.#suites.map((suite) => this.#suiteLine(suite)),
      statistics: mergeStatistics(kept.statistics, generated),
      lostRanges: this.#lost,
      interrupted: this.#interrupted,
      violations,
      lints: await this.#lintExamples(generated),
      tookMs: Math.round(this.#progress.elapsedMs),
    };
  }

  /** Runs the suites over the workers; the statistics of each are merged in the order of their ranges. */
  async #campaign(): Promise<void> {
    const options = this.#options;
    const runs = options.time === undefined ? (options.runs ?? RUNS_DEFAULT) : Infinity;
    const expected = this.#suites.reduce((sum, { name }) => sum + runsOf(name, this.#suites, runs), 0);
    const until = options.time === undefined ? { scenarios: expected } : { ms: options.time };
    let sofar = noStatistics();
    const interrupt = (): void => void (this.#interrupted = true);
    process.once('SIGINT', interrupt);
    try {
      await runTasks(this.#tasks(runs), {
        workers: options.workers,
        hangMs: HANG_MS,
        stop: () =>
          this.#interrupted ||
          this.#lost >= LOST_MAX ||
          (options.time !== undefined && this.#progress.elapsedMs >= options.time),
        onEnd: (result) => {
          sofar = mergeStatistics(sofar, statisticsOf(result) ?? noStatistics());
          const rules = rulesReached(sofar, this.#builds);
          this.#progress.show({ scenarios: sofar.scenarios, rules, violations: sofar.finds.length, until });
        },
        onRetry: (task, reason) => this.#progress.say(`${rangeText(task)}: ${reason}; running the range again`),
        onResult: (task, result) => this.#take(task, result),
      });
    } finally {
      process.off('SIGINT', interrupt);
    }
    if (this.#interrupted) this.status = EXIT.interrupted;
  }

  *#tasks(runs: number): Generator<RangeTask> {
    const { subject, seed, finds: findsDir, features } = this.#options;
    const pinned = features === undefined ? {} : { features };
    for (const range of ranges(this.#suites, runs)) yield { subject, seed, findsDir, ...pinned, ...range };
  }

  #take(task: RangeTask, result: RangeResult): void {
    const before = this.#bySuite.get(task.suite) ?? noStatistics();
    this.#bySuite.set(task.suite, mergeStatistics(before, statisticsOf(result) ?? noStatistics()));
    for (const { stored } of result.done) for (const file of stored) this.#takeFile(task.suite, file);
    for (const deadly of result.deadly) this.#deadly.push(this.#deadlyViolation(task, deadly));
    if (result.lost === undefined) return;
    this.#lost += 1;
    this.status = worse(this.status, EXIT.subject);
    this.#progress.say(`${rangeText(task)}: lost again: ${result.lost}; what is left of it is left out`);
    if (this.#lost === LOST_MAX) this.#progress.say(`${plural(LOST_MAX, 'range')} lost: giving up`);
  }

  /** A scenario that takes the process of the subject with it is stored as it is: shrinking it would end this one. */
  #deadlyViolation(task: RangeTask, { index, reason }: Deadly): ReportedViolation {
    const { suite: property, seed } = task;
    const scenario = scenarioAt(suiteNamed(property), this.#subject, seed, index);
    const find: CountedFind = {
      property,
      rule: 'alive',
      difference: 'died',
      seed,
      index,
      count: 1,
      action: 0,
      step: 0,
      observed: reason,
      permitted: [],
      message: `the subject took its worker with it: ${reason}`,
      scenario: formatScenario(scenario),
    };
    const { path } = storeFind(this.#options.finds, find, this.#options.subject);
    return this.#reported(find, path, scenario, { kept: false });
  }

  /** Of the files of one signature the first by index stands for the others, which go. */
  #takeFile(property: string, file: KeptFind): void {
    const { rule, difference } = file;
    const signature = `${property} ${rule} ${difference}`;
    const first = this.#files.get(signature);
    if (first === undefined || file.index < first.index) this.#files.set(signature, file);
    const other = first === undefined || file.index >= first.index ? file : first;
    if (other.fresh && other.path !== this.#files.get(signature)?.path) dropFind(other.path);
  }

  /** The first scenario with each of the most frequent kinds of lint, judged again with explanations. */
  async #lintExamples({ lintNotes }: Statistics): Promise<ReportedLint[]> {
    const judgedOnly = lintNotes.filter(({ property }) => property === MAIN_SUITE);
    const often = judgedOnly.sort((a, b) => b.count - a.count).slice(0, LINTS_TRIED);
    const examples: ReportedLint[] = [];
    for (const { kind, property, seed, index, count } of often) {
      if (examples.length === LINTS_SHOWN) break;
      const scenario = scenarioAt(suiteNamed(property), this.#subject, seed, index);
      const program = lower(scenario);
      const { lints } = judge(program, await this.#subject.run(program), { explain: true });
      const lint = lints.find(({ message }) => lintKind(message) === kind);
      // Where no invalidation would help, software shares what it must not, which is another matter.
      if (lint?.missing === undefined) continue;
      const replay = replayLine(seedText({ property, seed, index }), this.#options.subject);
      examples.push({ kind, count, lines: lintLines(lint, scenario, program), replay });
    }
    return examples;
  }

  #suiteLine({ name, title }: Property): SuiteLine {
    const { scenarios, vacuous, undetermined, finds } = this.#bySuite.get(name) ?? noStatistics();
    return { name, title, scenarios, vacuous, undetermined, violations: finds.length };
  }

  #keptViolations(kept: KeptResult): ReportedViolation[] {
    return kept.violations.map(({ file, find }) =>
      this.#reported(find, file, parseScenario(find.scenario, file), { kept: true }),
    );
  }

  /** Shrinks what the suites found, but for what a kept scenario shows already. */
  async #newViolations(generated: Statistics, kept: KeptResult): Promise<ReportedViolation[]> {
    const known = new Set(kept.violations.map(({ find }) => signatureOf(find)));
    const shrinkUntilMs = this.#progress.elapsedMs + (this.#interrupted ? 0 : this.#options.shrinkTime);
    const finds = this.#suites.flatMap(({ name }) =>
      generated.finds.filter((find) => find.property === name && !known.has(signatureOf(find))),
    );
    const violations: ReportedViolation[] = [];
    for (const [at, find] of finds.entries()) {
      const stored = this.#files.get(signatureOf(find));
      if (stored === undefined) throw new Error(`find ${seedText(find)} has no file`);
      const shareMs = Math.max(0, shrinkUntilMs - this.#progress.elapsedMs) / (finds.length - at);
      this.#progress.say(`shrinking ${seedText(find)}: ${find.rule} ${find.difference}`);
      violations.push(await this.#shrunk(find, stored.path, shareMs));
    }
    return violations;
  }

  async #shrunk(find: CountedFind, file: string, timeMs: number): Promise<ReportedViolation> {
    let shrunk: Shrunk;
    try {
      shrunk = await shrinkFind(this.#subject, suiteNamed(find.property), find, file, timeMs);
    } catch (thrown) {
      if (!(thrown instanceof SubjectError)) throw thrown;
      this.status = worse(this.status, EXIT.subject);
      this.#progress.say(`shrinking ${seedText(find)} ended: ${oneLine(thrown)}`);
      return this.#reported(find, file, readScenario(file), { kept: false });
    }
    const { scenario, stepsBefore, violated } = shrunk;
    if (violated === undefined) {
      const observed = `${find.observed} (not when run again)`;
      return this.#reported({ ...find, observed }, file, scenario, { kept: false });
    }
    const { step, observed, permitted } = violated;
    return this.#reported({ ...find, step, observed, permitted }, file, scenario, { kept: false, stepsBefore });
  }

  #reported(
    find: CountedFind,
    file: string,
    { steps }: Scenario,
    how: Pick<ReportedViolation, 'kept' | 'stepsBefore'>,
  ): ReportedViolation {
    const step = steps[find.step];
    const where = step === undefined ? '' : `, ${printStep(step)}`;
    const replay = replayLine(file, this.#options.subject);
    return { ...find, where, file, steps: steps.length, replay, ...how };
  }
}

function rangeText({ suite, seed, from, to }: RangeTask): string {
  return `${suite}:${seed}:${from} to ${to - 1}`;
}
