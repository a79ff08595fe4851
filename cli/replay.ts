/**
 * `replay`: runs one scenario, of a file or of a seed, and says what the architecture permits at each step and why. The
 * subject runs it once; only a law that compares runs needs more.
 */
import { Argument, Command, Option } from 'commander';
import { judge } from '../reference/judge.ts';
import { scenarioAt } from '../properties/campaign.ts';
import { judged } from '../properties/judged.ts';
import { judgedResult } from '../properties/property.ts';
import type { Property, PropertyResult } from '../properties/property.ts';
import type { Profile } from '../scenario/features.ts';
import { formatScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import type { Scenario } from '../scenario/steps.ts';
import { UsageError } from '../subjects/errors.ts';
import { misfit } from '../subjects/fit.ts';
import { openSubject } from '../subjects/open.ts';
import type { Subject } from '../subjects/subject.ts';
import { EXIT, nowDoing } from './exit.ts';
import type { ExitStatus } from './exit.ts';
import { propertyOfFile, readScenario } from './kept.ts';
import { featuresOption, subjectOption } from './options.ts';
import { suiteNamed } from './suites.ts';
import { shellWord } from './text.ts';
import { verdictText } from './verdict-text.ts';

interface ReplayOptions {
  readonly subject: string;
  readonly features?: Profile;
  readonly suite?: string;
  readonly explain?: true;
  readonly as?: 'json';
}

export function replayCommand(end: (status: ExitStatus) => void): Command {
  return new Command('replay')
    .description('run one scenario and say what the architecture permits at each step')
    .addArgument(new Argument('<file|seed>', 'a scenario file, or a seed as check prints it (judged:1:4711)'))
    .addOption(subjectOption())
    .addOption(featuresOption())
    .addOption(
      new Option('--suite <name>', "judge a file by this suite's law").default(undefined, "that of the file's folder"),
    )
    .option('--explain', 'show the rules that the outcome rests on, with their sections')
    .addOption(new Option('--as <form>', 'print the scenario in this form and run nothing').choices(['json']))
    .action(async (what: string, options: ReplayOptions) => end(await replay(what, options)));
}

/** The command line that replays a file or seed, for the last line of reports. */
export function replayLine(what: string, subject: string, suite?: string): string {
  const words = ['npx smmu-crosscheck replay', shellWord(what)];
  if (subject !== 'model') words.push('--subject', shellWord(subject));
  if (suite !== undefined) words.push('--suite', suite);
  return [...words, '--explain'].join(' ');
}

async function replay(what: string, options: ReplayOptions): Promise<ExitStatus> {
  const seed = parseSeed(what);
  const file = seed === undefined ? readScenario(what) : undefined;
  const subject = await openSubject(options.subject, options.features);
  try {
    const property = seed?.property ?? (options.suite === undefined ? propertyOfFile(what) : suiteNamed(options.suite));
    const scenario = file ?? scenarioOfSeed(seed, subject);
    if (options.as === 'json') {
      process.stdout.write(formatScenario(scenario));
      return EXIT.clean;
    }
    const wrong = misfit(lower(scenario), subject);
    if (wrong !== undefined) {
      throw new UsageError(`${what}: ${options.subject} cannot run it: ${wrong}; choose another subject or scenario`);
    }
    nowDoing(`replaying ${what}`);
    const result = await run(property, subject, scenario);
    const name = `${subject.name} (${subject.version})`;
    const text = verdictText({ scenario, property, result, subject: name }, options.explain ?? false);
    process.stdout.write(`${text}\n\n${replayLine(what, options.subject, options.suite)}\n`);
    return statusOf(result);
  } finally {
    await subject.close();
  }
}

interface SeedOf {
  readonly property: Property;
  readonly seed: number;
  readonly index: number;
}

/** `suite:seed:index`; undefined when it is no seed but a file. @throws UsageError for a suite there is not. */
function parseSeed(text: string): SeedOf | undefined {
  const match = /^([a-z][a-z0-9-]*):(\d+):(\d+)$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { property: suiteNamed(match[1]), seed: Number(match[2]), index: Number(match[3]) };
}

function scenarioOfSeed(seed: SeedOf | undefined, subject: Subject): Scenario {
  if (seed === undefined) throw new Error('neither a file nor a seed');
  const scenario = scenarioAt(seed.property, subject, seed.seed, seed.index);
  return { ...scenario, why: `${scenario.why}, ${seed.property.name}:${seed.seed}:${seed.index}` };
}

/** Checks the property; the judged one with every derivation kept. */
async function run(property: Property, subject: Subject, scenario: Scenario): Promise<PropertyResult> {
  if (property !== judged) return property.check(subject, scenario);
  const program = lower(scenario);
  const trace = await subject.run(program);
  return judgedResult(scenario, { program, trace, verdict: judge(program, trace, { explain: true }) });
}

function statusOf(result: PropertyResult): ExitStatus {
  if (result.kind !== 'violation') return EXIT.clean;
  return result.difference === 'died' ? EXIT.subject : EXIT.violation;
}
