import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseScenario } from '../scenario/json.ts';
import { emptyFolder, faultySubject, smmuCrosscheck } from './testing.ts';

const folder = emptyFolder();
const whole = z.int().nonnegative();

/** What design and README promise of `coverage --json`. */
const coverageDocument = z.strictObject({
  tiers: z.array(
    z.strictObject({
      tier: whole,
      bank: z.string(),
      rules: whole,
      inScope: whole,
      applied: whole,
      unobservable: whole,
      reached: whole,
    }),
  ),
  areas: z.array(z.strictObject({ area: z.string(), inScope: whole, reached: whole })),
  unreached: z.array(z.strictObject({ id: z.string(), section: z.string(), title: z.string() })),
  crosses: z.array(z.strictObject({ name: z.string(), cells: whole, reached: whole, holes: z.array(z.string()) })),
});

test('a seed replays: the steps in words, the rules with their sections, the command last', async () => {
  const ended = await smmuCrosscheck(folder, 'replay', 'judged:1:4', '--explain');
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(ended.stdout).toMatch(/^ +\d+ {2}dma (read|write) \d+ bytes? at 0x/m);
  expect(ended.stdout).toMatch(/^ +[A-Z]+-\d+ +\d+\.\d+\S* +\S/m);
  expect(ended.stdout.trimEnd().split('\n').at(-1)).toBe('npx smmu-crosscheck replay judged:1:4 --explain');
});

test('a seed as JSON is a file that replays the same way', async () => {
  const json = await smmuCrosscheck(folder, 'replay', 'judged:1:9', '--as', 'json');
  expect(json.status).toBe(0);
  expect(parseScenario(json.stdout, 'stdout').why).toContain('judged:1:9');
  writeFileSync(join(folder, 'nine.json'), json.stdout);
  const ofSeed = await smmuCrosscheck(folder, 'replay', 'judged:1:9');
  const ofFile = await smmuCrosscheck(folder, 'replay', 'nine.json');
  expect(ofFile.stdout.replace('nine.json', 'judged:1:9')).toBe(ofSeed.stdout);
});

test('the subject runs the scenario exactly once', async () => {
  const fault = 'globalThis.times = (globalThis.times ?? 0) + 1; process.stderr.write(`run ${globalThis.times}\\n`);';
  const subject = faultySubject(folder, 'counts', fault);
  const ended = await smmuCrosscheck(folder, 'replay', 'judged:1:9', '--subject', subject);
  expect(ended.stderr).toBe('run 1\n');
});

test('seeds of every suite replay', async () => {
  for (const seed of ['extra-invalidation:1:0', 'twice:1:0', 'noninterference:1:0', 'block-and-pages:1:0']) {
    const ended = await smmuCrosscheck(folder, 'replay', seed);
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toContain('OK');
  }
});

test('coverage as JSON has the promised shape, and its numbers agree', async () => {
  const ended = await smmuCrosscheck(folder, 'coverage', '--runs', '50', '--json');
  expect(ended.status, ended.stderr).toBe(0);
  const { tiers, areas, unreached } = coverageDocument.parse(JSON.parse(ended.stdout));
  const inScope = tiers.reduce((sum, tier) => sum + tier.inScope, 0);
  const reached = tiers.reduce((sum, tier) => sum + tier.reached, 0);
  expect(unreached).toHaveLength(inScope - reached);
  expect(areas.reduce((sum, area) => sum + area.reached, 0)).toBe(reached);
});

test('--uncovered lists each rule not reached with section and title', async () => {
  const ended = await smmuCrosscheck(folder, 'coverage', '--runs', '50', '--uncovered');
  expect(ended.status).toBe(0);
  const lines = ended.stdout.trimEnd().split('\n');
  const [, holes] = /^(\d+) of \d+ rules in scope not reached\.$/.exec(lines.at(-1) ?? '') ?? [];
  expect(lines.filter((line) => /^[A-Z]+-\d+ +\S+ +\S/.test(line))).toHaveLength(Number(holes));
});

test('coverage for people says the holes first and the total last', async () => {
  const ended = await smmuCrosscheck(folder, 'coverage', '--runs', '20');
  const text = ended.stdout;
  expect(text.indexOf('Not reached')).toBeLessThan(text.indexOf('Areas'));
  expect(text.trimEnd().split('\n').at(-1)).toMatch(/^Total: \d+ of \d+ rules in scope reached/);
});
