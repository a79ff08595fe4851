/** `coverage`: runs the kept scenarios and some generated ones, and says which rules of the architecture they reached. */
import { Command, Option } from 'commander';
import { seedText } from '../fuzz/finds.ts';
import { mergeStatistics, runRange } from '../properties/campaign.ts';
import { buildsOf } from '../properties/arbitraries/profile.ts';
import { judged } from '../properties/judged.ts';
import { restingCells, scenarioOfCell } from '../properties/registers-exhaustive.ts';
import { coverage } from '../reference/rules/coverage.ts';
import type { Profile } from '../scenario/features.ts';
import { lower } from '../scenario/lower.ts';
import { misfit } from '../subjects/fit.ts';
import { openSubject } from '../subjects/open.ts';
import { crossHits, ruleHits, rulesReached } from './check-report.ts';
import { coverageText, uncoveredText } from './coverage-text.ts';
import { EXIT, worse } from './exit.ts';
import type { ExitStatus } from './exit.ts';
import { fixed, replayKept } from './kept.ts';
import { corpusOption, featuresOption, jsonOption, seedOption, subjectOption, wholeNumber } from './options.ts';
import { corpusFolder, VERSION } from './package-info.ts';
import { Progress } from './progress.ts';
import { replayLine } from './replay.ts';
import { count, percent, plural } from './text.ts';

const RUNS_DEFAULT = 2000;
const RANGE = 100;

interface CoverageOptions {
  readonly subject: string;
  readonly runs: number;
  readonly seed: number;
  readonly corpus?: string;
  readonly features?: Profile;
  readonly json?: true;
  readonly uncovered?: true;
}

export function coverageCommand(end: (status: ExitStatus) => void): Command {
  return new Command('coverage')
    .description('say which rules of the architecture the scenarios reach')
    .addOption(subjectOption())
    .addOption(
      new Option('--runs <number>', 'generated scenarios, beside the corpus')
        .argParser(wholeNumber)
        .default(RUNS_DEFAULT),
    )
    .addOption(seedOption())
    .addOption(featuresOption())
    .addOption(corpusOption())
    .addOption(jsonOption())
    .option('--uncovered', 'list only the rules in scope that were not reached')
    .action(async (options: CoverageOptions) => end(await report(options)));
}

async function report(options: CoverageOptions): Promise<ExitStatus> {
  const subject = await openSubject(options.subject, options.features);
  const builds = buildsOf(subject);
  const progress = new Progress();
  let status: ExitStatus = EXIT.clean;
  try {
    const kept = await replayKept(subject, [options.corpus ?? corpusFolder()], options.seed);
    for (const error of kept.errors) {
      progress.say(`smmu-crosscheck: ${error}; mend the file or take it away`);
      status = EXIT.usage;
    }
    let statistics = kept.statistics;
    const { seed, runs } = options;
    for (const [index, cell] of restingCells().entries()) {
      const scenario = scenarioOfCell(cell);
      if (misfit(lower(scenario), subject) !== undefined) continue;
      const property = fixed(judged, scenario);
      const range = { subject, properties: [property], seed, from: index, to: index + 1 };
      statistics = mergeStatistics(statistics, await runRange(range));
    }
    for (let from = 0; from < runs; from += RANGE) {
      const to = Math.min(from + RANGE, runs);
      const finds = statistics.finds.length;
      statistics = mergeStatistics(statistics, await runRange({ subject, properties: [judged], seed, from, to }));
      const rules = rulesReached(statistics, builds);
      progress.show({ scenarios: to, rules, violations: finds, until: { scenarios: runs } });
    }
    progress.clear();
    const hits = coverage(ruleHits(statistics), builds, crossHits(statistics));
    if (options.json) {
      const { tiers, areas, unreached, crosses } = hits;
      process.stdout.write(`${JSON.stringify({ tiers, areas, unreached, crosses }, null, 2)}\n`);
    } else if (options.uncovered) {
      process.stdout.write(`${uncoveredText(hits)}\n`);
    } else {
      const { dmas, determinateDmas, scenarios, undetermined } = statistics;
      const ran = `${plural(scenarios, 'scenario')} (${count(kept.replayed)} kept, the table of registers, seed ${seed})`;
      const share = `determinacy ${percent(determinateDmas, dmas)} of ${plural(dmas, 'DMA')}`;
      const head = `smmu-crosscheck ${VERSION}: ${options.subject} (${subject.version}), ${ran}, ${share}, ${count(undetermined)} undetermined`;
      process.stdout.write(`${head}\n\n${coverageText(hits)}\n`);
    }
    const [first] = statistics.finds;
    if (first !== undefined) {
      status = worse(status, EXIT.violation);
      const file = kept.violations[0]?.file;
      progress.say(
        `smmu-crosscheck: ${plural(statistics.finds.length, 'violation')} on the way; run check. The first:`,
      );
      progress.say(replayLine(file ?? seedText(first), options.subject));
    }
    return status;
  } finally {
    await subject.close();
  }
}
