import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { emptyFolder, faultySubject, smmuCrosscheck } from './testing.ts';

const here = emptyFolder();

/** One line of stderr, and no stack. */
async function oneLineOf(status: number, ...args: string[]): Promise<string> {
  const ended = await smmuCrosscheck(here, ...args);
  expect(ended.stdout).toBe('');
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(ended.stderr).toMatch(/^smmu-crosscheck: /);
  expect(ended.status).toBe(status);
  return ended.stderr;
}

describe('bad usage ends with status 2 and one line that says how to mend it', () => {
  test.each([
    [['chek'], /unknown command 'chek'.*Did you mean check\?/],
    [['check', '--run', '5'], /unknown option '--run'.*Did you mean --runs\?/],
    [['check', '--runs', 'many'], /--runs.*whole number/],
    [['check', '--runs', '0'], /1 or more/],
    [['check', '--time', '10'], /such as 500ms, 60s or 10m/],
    [['check', '--time', '1s', '--runs', '1'], /cannot be used with/],
    [['check', '--suite', 'nosuch'], /unknown suite 'nosuch'; there are: .*judged/],
    [['check', '--subject', 'nosuch'], /unknown subject 'nosuch'; there are: model, qemu:/],
    [['coverage', '--seed', '-1'], /--seed/],
    [['check', '--features', 'OASS=40'], /'OASS=40' is not NAME=NUMBER; names are .*OAS/],
    [['check', '--features', 'S1P=0,S2P=0'], /--features S1P=0,S2P=0: .*cannot be combined/],
    [['check', '--features', 'OAS=99'], /OAS is at most 48/],
    [['check', '--features', 'OAS=40', '--subject', 'module:x.js'], /features of its own/],
    [['replay'], /missing required argument/],
    [['replay', 'nosuch.json'], /nosuch\.json: cannot be read \(ENOENT\)/],
    [['replay', 'nosuch:1:2'], /unknown suite 'nosuch'/],
    [['replay', 'judged:1:2', '--as', 'yaml'], /Allowed choices are json/],
  ])('%j', async (args, message) => {
    expect(await oneLineOf(2, ...args)).toMatch(message);
  });
});

describe('a subject that cannot start ends with status 3 and one line', () => {
  test('a QEMU that does not exist', async () => {
    expect(await oneLineOf(3, 'check', '--subject', 'qemu:/no/such/qemu')).toMatch(/\/no\/such\/qemu/);
  });

  test('a module that does not exist', async () => {
    expect(await oneLineOf(3, 'check', '--subject', 'module:./nosuch.js')).toMatch(/nosuch\.js is not a file/);
  });

  test('a module that throws when it is loaded', async () => {
    writeFileSync(join(here, 'throws.mjs'), 'throw new Error("no licence");\n');
    expect(await oneLineOf(3, 'coverage', '--subject', 'module:throws.mjs')).toMatch(/throws\.mjs.*no licence/);
  });
});

test('a scenario file that is none names the file, the place and the expectation', async () => {
  writeFileSync(join(here, 'bad.json'), '{ "smmu-crosscheck": 1, "why": "x", "steps": [{ "do": "dmaa" }] }');
  expect(await oneLineOf(2, 'replay', 'bad.json')).toMatch(/bad\.json: steps\[0\]\.do: .*did you mean "dma"\?/);
});

test('a scenario beyond what the subject can do is refused before it is run', async () => {
  writeFileSync(
    join(here, 'far.json'),
    '{ "smmu-crosscheck": 1, "why": "x", "steps": [{ "do": "dma", "stream": 7, "read": "0x0", "bytes": 8 }] }',
  );
  const subject = faultySubject(here, 'narrow', 'return trace;');
  writeFileSync(
    join(here, 'few.mjs'),
    `import { createSubject as wide } from './narrow.mjs';
export function createSubject() { const all = wide(); return { ...all, capabilities: { ...all.capabilities, streams: [8] } }; }\n`,
  );
  expect(subject).toContain('narrow.mjs');
  expect(await oneLineOf(2, 'replay', 'far.json', '--subject', 'module:few.mjs')).toMatch(/far\.json.*StreamID 7/);
});

test('help and version end with status 0', async () => {
  for (const args of [['--help'], ['check', '--help'], ['--version']]) {
    const ended = await smmuCrosscheck(here, ...args);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  }
  expect((await smmuCrosscheck(here)).status).toBe(2);
});
