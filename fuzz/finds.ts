/**
 * Finds on disk: `DIR/<property>/<rule>-<difference>-<hash>.json`, each a scenario in its JSON form.
 *
 * A find is a file from the moment it is found, before shrinking starts; each better scenario that shrinking comes upon replaces
 * the file's contents. Every write goes to a temporary file that is flushed and then renamed, so a reader, or whoever
 * comes after a kill, sees a whole scenario or none. `why` says what is wrong and the seed that leads back to the
 * scenario as it was found. The hash is of the steps as found: the same find has the same name in every run.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { formatScenario } from '../scenario/json.ts';
import type { Scenario, Step } from '../scenario/steps.ts';

/** What makes two finds the same: shrinking holds it, and reports count by it. */
export interface Signature {
  readonly property: string;
  /** Rule and kind of difference, or whatever else names the failure, stable from run to run. */
  readonly label: string;
}

export interface Find extends Signature {
  /** In one line: what was permitted and what was seen. */
  readonly summary: string;
  /** Leads back to the scenario as found: `suite:seed:index`, or the file it came from. */
  readonly origin: string;
  readonly subject: string;
}

/** `judged REG-004/register-value`: the signature as one word for maps and messages. */
export function signatureText(signature: Signature): string {
  return `${signature.property} ${signature.label}`;
}

/** Stores a find as it was found. Returns the file's path; storing the same find again gives the same path. */
export function storeFind(dir: string, find: Find, steps: readonly Step[]): string {
  const name = `${fileWord(find.label)}-${hashOf(steps)}.json`;
  const path = join(dir, fileWord(find.property), name);
  writeWhole(path, formatScenario(asScenario(find, steps)));
  return path;
}

/** Replaces the scenario of a stored find by a smaller one that fails in the same way. */
export function replaceFind(path: string, find: Find, steps: readonly Step[]): void {
  writeWhole(path, formatScenario(asScenario(find, steps)));
}

/** Takes away a find that another one of the same signature stands for. */
export function dropFind(path: string): void {
  rmSync(path, { force: true });
}

/** Scenario files under `dir`, sorted, temporary ones left out; none when there is no such folder. */
export function listScenarioFiles(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw thrown;
  }
  return names
    .filter((name) => name.endsWith('.json') && !basename(name).startsWith('.'))
    .sort()
    .map((name) => join(dir, name));
}

/** The property that a stored file is a find of: the name of its folder. */
export function propertyOfFile(path: string): string {
  return basename(dirname(path));
}

function asScenario(find: Find, steps: readonly Step[]): Scenario {
  const why = `${find.property}: ${find.label}: ${find.summary} (subject ${find.subject}, ${find.origin})`;
  return { 'smmu-crosscheck': 1, why: why.replace(/\s+/g, ' '), steps };
}

function hashOf(steps: readonly Step[]): string {
  const text = formatScenario({ 'smmu-crosscheck': 1, why: '', steps });
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}

function fileWord(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[-.]+/, '') || 'find';
}

let writes = 0;

function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writes += 1;
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${threadId}-${writes}.tmp`);
  const file = openSync(temporary, 'w');
  try {
    writeFileSync(file, text);
    fsyncSync(file);
    renameSync(temporary, path);
  } catch (thrown) {
    rmSync(temporary, { force: true });
    throw thrown;
  } finally {
    closeSync(file);
  }
}
