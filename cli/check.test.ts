import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listScenarioFiles } from '../fuzz/finds.ts';
import { parseScenario } from '../scenario/json.ts';
import { GERROR_READS_ZERO, begin, emptyFolder, faultySubject, smmuCrosscheck } from './testing.ts';

const whole = z.int().nonnegative();

/** What design and README promise of `check --json`. */
const checkDocument = z.strictObject({
  version: z.string(),
  seed: whole,
  subject: z.string(),
  scenarios: whole,
  steps: whole,
  dmas: whole,
  determinacy: z.number().min(0).max(1),
  undetermined: whole,
  passes: z.strictObject({ forced: whole, stale: whole, unpred: whole, impdef: whole }),
  profile: z.strictObject({
    passes: z.strictObject({ forced: whole, stale: whole, unpred: whole, impdef: whole }),
    choices: z.array(
      z.strictObject({
        rule: z.string(),
        section: z.string(),
        title: z.string(),
        kind: z.enum(['MUST', 'UNPRED', 'IMPDEF']),
        chosen: z.record(z.string(), whole),
      }),
    ),
  }),
  rules: z.strictObject({ reached: whole, observable: whole }),
  lints: whole,
  traces: z.string().regex(/^[0-9a-f]{64}$/),
  violations: z.array(
    z.strictObject({
      property: z.string(),
      rule: z.string(),
      section: z.string().nullable(),
      step: whole,
      steps: whole,
      file: z.string(),
      replay: z.string(),
    }),
  ),
  tookMs: whole,
});

type CheckDocument = z.infer<typeof checkDocument>;

async function checkJson(cwd: string, status: number, ...args: string[]): Promise<CheckDocument> {
  const ended = await smmuCrosscheck(cwd, 'check', '--json', ...args);
  expect(ended.status, ended.stderr).toBe(status);
  return checkDocument.parse(JSON.parse(ended.stdout));
}

test('the model passes, and the document says what was done', async () => {
  const document = await checkJson(emptyFolder(), 0, '--runs', '60', '--workers', '1');
  expect(document.violations).toEqual([]);
  expect(document.scenarios).toBeGreaterThanOrEqual(60);
  expect(document.rules.reached).toBeGreaterThan(0);
  expect(document.rules.reached).toBeLessThanOrEqual(document.rules.observable);
});

test('one worker and two give the same result', async () => {
  const folder = emptyFolder();
  const subject = faultySubject(folder, 'faulty', GERROR_READS_ZERO);
  const results = [];
  for (const workers of ['1', '2']) {
    const finds = join(folder, `finds-${workers}`);
    const args = ['--runs', '450', '--seed', '3', '--subject', subject, '--finds', finds, '--shrink-time', '0s'];
    const { tookMs: _, ...document } = await checkJson(folder, 1, ...args, '--workers', workers);
    const files = listScenarioFiles(finds).map((file) => [file.slice(finds.length), readFileSync(file, 'utf8')]);
    results.push(JSON.stringify([document, files]).replaceAll(finds, 'finds'));
  }
  expect(results[1]).toBe(results[0]);
});

describe('a subject with a fault', () => {
  const folder = emptyFolder();
  const subject = faultySubject(folder, 'faulty', GERROR_READS_ZERO);

  test('ends with status 1, and seed, file and replay command printed last', async () => {
    const ended = await smmuCrosscheck(folder, 'check', '--subject', subject, '--runs', '200', '--workers', '1');
    expect(ended.status, ended.stderr).toBe(1);
    const [seed, file, replay] = ended.stdout.trimEnd().split('\n').slice(-3);
    expect(seed).toMatch(/^ {2}seed {4}\S+:1:\d+$/);
    expect(file).toMatch(/^ {2}file {4}finds\/\S+\.json \(\d+ steps?, shrunk from \d+\)$/);
    expect(replay).toMatch(
      /^ {2}replay {2}npx smmu-crosscheck replay finds\/\S+\.json --subject module:\S+ --explain$/,
    );

    const path = join(folder, file?.trim().split(/\s+/)[1] ?? '');
    const scenario = parseScenario(readFileSync(path, 'utf8'), path);
    expect(scenario.steps.length).toBeLessThan(8);
    expect(scenario.why).toContain(seed?.trim().split(/\s+/)[1]);

    const again = await smmuCrosscheck(folder, ...(replay?.trim().split(/\s+/).slice(3) ?? []));
    expect(again.status).toBe(1);
    expect(again.stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
    expect(again.stdout).toContain('VIOLATION');
    expect(again.stdout.trimEnd().split('\n').at(-1)).toBe(replay?.replace(/^ *replay +/, ''));
  });

  test('known finds are replayed first, and pass once the fault is gone', async () => {
    const stored = listScenarioFiles(join(folder, 'finds')).length;
    expect(stored).toBeGreaterThan(0);
    const known = await smmuCrosscheck(folder, 'check', '--subject', subject, '--runs', '1', '--workers', '1');
    expect(known.status).toBe(1);
    expect(known.stdout).toContain('seed    a kept scenario');
    const mended = await smmuCrosscheck(folder, 'check', '--runs', '1', '--workers', '1');
    expect(mended.status, mended.stdout).toBe(0);
  });
});

test('a corrupt corpus file is named, the rest still runs, the status is 2', async () => {
  const folder = emptyFolder();
  mkdirSync(join(folder, 'kept'));
  writeFileSync(join(folder, 'kept/a-bad.json'), '{ "smmu-crosscheck": 1, "why": "cut sh');
  writeFileSync(
    join(folder, 'kept/b-good.json'),
    '{ "smmu-crosscheck": 1, "why": "good", "steps": [{ "do": "boot" }] }',
  );
  const ended = await smmuCrosscheck(folder, 'check', '--corpus', 'kept', '--runs', '1', '--workers', '1');
  expect(ended.status).toBe(2);
  expect(ended.stderr).toMatch(/^smmu-crosscheck: kept\/a-bad\.json: .*not JSON.*; mend the file or take it away$/m);
  expect(ended.stderr).not.toContain('    at ');
  expect(ended.stdout).toMatch(/kept scenarios +1 /);
});

test('a module that throws while running is a find, and the status is 3', async () => {
  const folder = emptyFolder();
  const fault = "if (program.actions.some((action) => action.op === 'dma-write')) throw new Error('boom');";
  const subject = faultySubject(folder, 'throws', fault);
  const ended = await smmuCrosscheck(folder, 'check', '--subject', subject, '--runs', '100', '--workers', '1');
  expect(ended.status, ended.stderr).toBe(3);
  expect(ended.stdout).toContain('boom');
  expect(ended.stdout.trimEnd().split('\n').at(-1)).toMatch(/^ {2}replay /);
  expect(listScenarioFiles(join(folder, 'finds')).length).toBeGreaterThan(0);
});

test('a worker that dies loses its range, which is run again; the rest goes on, the status is 3', async () => {
  const folder = emptyFolder();
  const subject = faultySubject(folder, 'exits', 'if (program.actions.length % 23 === 0) process.exit(7);');
  mkdirSync(join(folder, 'kept'));
  const args = ['--subject', subject, '--corpus', 'kept', '--suite', 'judged', '--runs', '400', '--workers', '2'];
  const ended = await smmuCrosscheck(folder, 'check', ...args);
  expect(ended.status, ended.stderr).toBe(3);
  expect(ended.stderr).toMatch(/judged:1:\d+ to \d+: the worker ended; running the range again/);
  expect(ended.stdout).toContain('THE SUBJECT DIED');
  expect(listScenarioFiles(join(folder, 'finds')).length).toBeGreaterThan(0);
  expect(ended.stderr).not.toContain('    at ');
});

test('killed in the middle, every find on disk is whole, and the next run goes on', async () => {
  const folder = emptyFolder();
  const subject = faultySubject(folder, 'faulty', GERROR_READS_ZERO);
  const finds = join(folder, 'finds');
  for (const afterMs of [0, 50, 200, 500, 1000]) {
    rmSync(finds, { recursive: true, force: true });
    const child = begin(folder, 'check', '--subject', subject, '--runs', '100', '--workers', '1');
    const closed = new Promise((done) => child.on('close', done));
    while (listScenarioFiles(finds).length === 0) await new Promise((done) => setTimeout(done, 2));
    await new Promise((done) => setTimeout(done, afterMs));
    child.kill('SIGKILL');
    await closed;
    for (const file of listScenarioFiles(finds)) parseScenario(readFileSync(file, 'utf8'), file);
  }
  const next = await smmuCrosscheck(folder, 'check', '--subject', subject, '--runs', '1', '--workers', '1');
  expect(next.status, next.stderr).toBe(1);
});

test('--time ends the run', async () => {
  const startedAt = performance.now();
  const document = await checkJson(emptyFolder(), 0, '--time', '1s', '--workers', '1');
  expect(document.scenarios).toBeGreaterThan(0);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
