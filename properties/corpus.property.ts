/**
 * The kept scenarios of corpus/, replayed: on the model, and on a real QEMU where there is one.
 *
 * On the model each of them must be judged ok. A QEMU may depart where subjects/known/qemu-<version>.json says so and why; a
 * listed departure that no longer shows is an error too, so the list stays true. A version without a list is only run.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { formatScenario, parseScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import type { Scenario } from '../scenario/steps.ts';
import { misfit } from '../subjects/fit.ts';
import { openQemu } from '../subjects/qemu/open.ts';
import { qemuForTests } from '../subjects/testing.ts';
import { judged } from './judged.ts';
import type { PropertyResult } from './property.ts';
import { model } from './testing.ts';

const CORPUS = fileURLToPath(new URL('../corpus', import.meta.url));
const KNOWN = fileURLToPath(new URL('../subjects/known', import.meta.url));
const FINDINGS = fileURLToPath(new URL('../docs/qemu-findings.md', import.meta.url));
const KEPT_MIN = 30;

/** Relative to corpus/, with forward slashes. */
const files = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.json'))
  .sort();

function textOf(file: string): string {
  return readFileSync(join(CORPUS, file), 'utf8');
}

function scenarioOf(file: string): Scenario {
  return parseScenario(textOf(file), file);
}

describe('the corpus', () => {
  test(`holds at least ${KEPT_MIN} scenarios`, () => {
    expect(files.length).toBeGreaterThanOrEqual(KEPT_MIN);
  });

  test.each(files)('%s has a name in words, one line of reason, and the form of our own writing', (file) => {
    expect(basename(file)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*\.json$/);
    const scenario = scenarioOf(file);
    expect(scenario.why).toMatch(/^\S.*\S$/);
    expect(textOf(file), `to be had by: smmu-crosscheck replay corpus/${file} --as json`).toBe(
      formatScenario(scenario),
    );
  });

  test.each(files)('the model does what the architecture permits: %s', async (file) => {
    expect(describeResult(await judged.check(model, scenarioOf(file)))).toBe('ok');
  });
});

/**
 * How a QEMU departs on one scenario, and the finding that explains it (docs/qemu-findings.md), or why it is none.
 * `undetermined` with no rule where the architecture leaves open what follows.
 */
const departure = z.strictObject({ rule: z.string(), difference: z.string(), why: z.string().regex(/^\S.*\S$/) });
const departures = z.record(z.string(), departure);
type Departures = z.infer<typeof departures>;

/** The reviewed departures of a QEMU; undefined when nobody has looked at its version. */
function knownDepartures(version: string): Departures | undefined {
  const [release] = /\d+\.\d+/.exec(version) ?? [];
  const file = join(KNOWN, `qemu-${release}.json`);
  if (!existsSync(file)) return undefined;
  return departures.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** `ok`, or the signature of what is wrong. */
function describeResult(result: PropertyResult): string {
  if (result.kind === 'undetermined') return `undetermined (${result.reason})`;
  return result.kind === 'ok' ? 'ok' : result.message;
}

/** The signature that the list names, undefined when all is well. */
function signatureOf(result: PropertyResult): Pick<z.infer<typeof departure>, 'rule' | 'difference'> | undefined {
  if (result.kind === 'ok') return undefined;
  if (result.kind === 'undetermined') return { rule: '', difference: 'undetermined' };
  return { rule: result.rule, difference: result.difference };
}

const path = qemuForTests('the corpus on a real QEMU');
const qemu = path === undefined ? undefined : await openQemu({ path });

describe.skipIf(qemu === undefined)('a real QEMU', () => {
  if (qemu === undefined) return;
  afterAll(async () => qemu.close());
  const known = knownDepartures(qemu.version);
  const runnable = files.filter((file) => misfit(lower(scenarioOf(file)), qemu) === undefined);
  if (known === undefined)
    console.warn(`${qemu.version}: no reviewed list in subjects/known, so verdicts do not count`);

  test('can run most of the corpus', () => {
    expect(runnable.length).toBeGreaterThanOrEqual(KEPT_MIN);
  });

  test.each(runnable)('runs to the end, as permitted or as listed: %s', async (file) => {
    const result = await judged.check(qemu, scenarioOf(file));
    expect(result.run.trace.died).toBeUndefined();
    if (known === undefined) return;
    const listed = known[file];
    const signature = signatureOf(result);
    const message =
      signature === undefined
        ? `stale entry for ${file}: it is judged ok now`
        : `${describeResult(result)}; list it in subjects/known with the reason, or mend what is wrong`;
    expect(signature, message).toEqual(listed && { rule: listed.rule, difference: listed.difference });
  });

  test('what is listed is in the corpus and can be run', () => {
    expect(Object.keys(known ?? {}).filter((file) => !runnable.includes(file))).toEqual([]);
  });

  test('each reason is the title of a finding, unless it is no departure', () => {
    const findings = readFileSync(FINDINGS, 'utf8');
    const reasons = Object.values(known ?? {}).map(({ why }) => why);
    const unknown = reasons.filter((why) => !why.startsWith('No departure: ') && !findings.includes(`### ${why}\n`));
    expect(unknown).toEqual([]);
  });
});
