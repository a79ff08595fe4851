/** For the tests of the command: spawns the built one, and writes subjects with faults as modules of a user's own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PACKAGE_ROOT } from './package-info.ts';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const COMMAND = join(PACKAGE_ROOT, 'dist/cli/main.js');

/** Begins the command; `cwd` is where it looks for `finds`. */
export function begin(cwd: string, ...args: readonly string[]): ChildProcess {
  if (!existsSync(COMMAND)) throw new Error(`no ${COMMAND}: npm run build`);
  return spawn(process.execPath, [COMMAND, ...args], { cwd, env: { ...process.env, NO_COLOR: '1' } });
}

/** Runs the command to its end. */
export async function smmuCrosscheck(cwd: string, ...args: readonly string[]): Promise<Ended> {
  const child = begin(cwd, ...args);
  const stdout: string[] = [];
  const stderr: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { status, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** An empty folder of its own. */
export function emptyFolder(): string {
  return mkdtempSync(join(tmpdir(), 'smmu-crosscheck-'));
}

/**
 * Writes a module whose subject is the built-in model with `fault` in the way: JavaScript that sees `trace` and `program` after each
 * run, and may change the one or throw. Returns the subject as given on the command line.
 */
export function faultySubject(folder: string, name: string, fault: string): string {
  const model = pathToFileURL(join(PACKAGE_ROOT, 'dist/subjects/model.js')).href;
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { openModel } from ${JSON.stringify(model)};
export function createSubject() {
  const model = openModel();
  const { idRegisters, capabilities } = model;
  return {
    name: 'faulty', version: 'with a fault', idRegisters, capabilities,
    run(program) {
      const trace = model.run(program);
      ${fault}
      return trace;
    },
    close: () => model.close(),
  };
}
`,
  );
  return `module:${file}`;
}

/** A fault for \`faultySubject\`: GERROR reads as zero. */
export const GERROR_READS_ZERO = `
      const observations = trace.observations.map((observation, at) => {
        const action = program.actions[at];
        const hit = action.op === 'read-register' && action.offset === 0x60 && observation.outcome.kind === 'value';
        return hit ? { ...observation, outcome: { kind: 'value', value: 0n } } : observation;
      });
      return { ...trace, observations };`;
