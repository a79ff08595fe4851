#!/usr/bin/env node
/**
 * The command `smmu-crosscheck`: reads the command line, runs one command, maps whatever went wrong to one line on standard
 * error and an exit status. The commands themselves are in their own files.
 */
import { Command, CommanderError } from 'commander';
import { writeSync } from 'node:fs';
import { ScenarioError } from '../scenario/json.ts';
import { SubjectError, UsageError } from '../subjects/errors.ts';
import { SubjectDied } from '../subjects/subject.ts';
import { checkCommand } from './check.ts';
import { coverageCommand } from './coverage.ts';
import { EXIT, oneLine, wasDoing } from './exit.ts';
import type { ExitStatus } from './exit.ts';
import { VERSION } from './package-info.ts';
import { replayCommand } from './replay.ts';

const NAME = 'smmu-crosscheck';

async function main(argv: readonly string[]): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.clean;
  const program = new Command(NAME)
    .description('Finds out whether an implementation of the Arm SMMUv3 behaves as the architecture says.')
    .version(VERSION)
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_HELP);
  const end = (of: ExitStatus): void => void (status = of);
  for (const command of [checkCommand(end), replayCommand(end), coverageCommand(end)]) program.addCommand(command);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      outputError: (text, write) =>
        write(
          `${NAME}: ${text
            .replace(/^error: /, '')
            .trim()
            .replaceAll('\n', ' ')}\n`,
        ),
    });
  }
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return EXIT.usage;
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (thrown) {
    return explain(thrown);
  }
}

const EXIT_HELP = `
Exit status: 0 nothing found, 1 a violation found, 2 bad usage or bad input, 3 the subject died, hung or could not start.`;

function explain(thrown: unknown): ExitStatus {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.clean : EXIT.usage;
  if (thrown instanceof UsageError || thrown instanceof ScenarioError) {
    console.error(`${NAME}: ${oneLine(thrown)}`);
    return EXIT.usage;
  }
  if (thrown instanceof SubjectError || thrown instanceof SubjectDied) {
    console.error(`${NAME}: ${oneLine(thrown)}`);
    return EXIT.subject;
  }
  console.error(`${NAME}: a mistake in ${NAME} itself, please report it with the command line:`);
  console.error(thrown);
  return EXIT.internal;
}

// A subject of the user's own runs in this process, and can end it.
let ended = false;
process.on('exit', () => {
  if (ended) return;
  const what = wasDoing() ?? 'starting the subject';
  writeSync(2, `${NAME}: the subject ended the process, while ${what}\n`);
  process.exitCode = EXIT.subject;
});

// `... | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') {
    ended = true;
    process.exit();
  }
  throw error;
});

const status = await main(process.argv.slice(2));
ended = true;
process.exitCode = status;
// A subject that hangs must not keep the process; output still to be written has this long.
setTimeout(() => process.exit(), 2000).unref();
