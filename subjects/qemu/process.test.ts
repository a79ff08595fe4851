import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { QemuProcess, findExecutable } from './process.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The first line that a Node process running `script` prints; the process itself is killed then, the hard way. */
async function firstLineThenKilled(script: string): Promise<string> {
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((done) => child.stdout.setEncoding('utf8').once('data', done));
  child.kill('SIGKILL');
  await new Promise((done) => child.once('close', done));
  return line;
}

test('a name is looked up on PATH, a path is taken as it is', () => {
  expect(findExecutable('sh', '/nowhere:/bin')).toBe('/bin/sh');
  expect(findExecutable('/bin/sh', '')).toBe('/bin/sh');
  expect(findExecutable('sh', '/nowhere')).toBeUndefined();
  expect(findExecutable('/bin', '')).toBeUndefined();
});

test('how a process ended is told with its last words, warnings left out', async () => {
  const script = 'echo "x: warning: old" >&2; echo "x: bad thing" >&2; exit 3';
  const child = await QemuProcess.start('/bin/sh', ['-c', script]);
  expect(await child.obituary()).toBe('ended with status 3: x: bad thing');
});

test.each([
  ['a parent-death signal', findExecutable('setpriv')],
  ['a guard', null],
])('no child outlives our process, by %s', async (_, setpriv) => {
  if (setpriv === undefined) return; // a machine without setpriv
  const folder = mkdtempSync(join(tmpdir(), 'smmu-crosscheck-'));
  try {
    // The sources, as Node runs them.
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const [from, to] of [
      ['process.ts', 'process.js'],
      ['../errors.ts', 'errors.js'],
    ] as const) {
      const { outputText } = ts.transpileModule(readFileSync(join(here, from), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
      });
      writeFileSync(join(folder, to), outputText.replace("'../errors.ts'", "'./errors.js'"));
    }
    writeFileSync(
      join(folder, 'main.js'),
      `import { QemuProcess } from './process.js';
       const child = await QemuProcess.start('/bin/sleep', ['100'], ${JSON.stringify(setpriv)});
       console.log(child.pid);
       setInterval(() => undefined, 1000);`,
    );
    const pid = Number(await firstLineThenKilled(join(folder, 'main.js')));
    expect(pid).toBeGreaterThan(0);
    for (let tries = 0; tries < 100 && isAlive(pid); tries++) await new Promise((soon) => setTimeout(soon, 20));
    expect(isAlive(pid)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
