/**
 * Finds on disk: `DIR/<property>/<rule>-<difference>-<hash>.json`, each a scenario in its JSON form.
 *
 * A find is a file from the moment it is found, before shrinking starts; each better scenario that shrinking comes upon
 * replaces the file's contents. Every write goes to a temporary file that is flushed and then renamed, so a reader, or
 * whoever comes after a kill, sees a whole scenario or none. `why` says what is wrong and the seed that leads back to the
 * scenario as it was found. The hash is of the steps as found: the same find has the same name in every run.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { Find } from '../properties/campaign.ts';
import { formatScenario, parseScenario } from '../scenario/json.ts';
import type { Scenario } from '../scenario/steps.ts';

/** A find and where it is kept. */
export interface StoredFind {
  readonly path: string;
  /** False: it was there already, perhaps shrunk, and was left as it is. */
  readonly fresh: boolean;
}

/** What `why` of a stored find says: what is wrong, seen on which subject, and how to get back to the start. */
export type FindNote = Pick<
  Find,
  'property' | 'rule' | 'difference' | 'seed' | 'index' | 'step' | 'observed' | 'permitted'
>;

/** Longer observations are cut in `why`; replaying shows the whole. */
const WHY_PART_MAX = 100;

/** `judged:1:4711`: names a generated scenario for ever. */
export function seedText(find: Pick<Find, 'property' | 'seed' | 'index'>): string {
  return `${find.property}:${find.seed}:${find.index}`;
}

/** Stores a find as it was found, unless it is there already. */
export function storeFind(dir: string, find: Find, subject: string): StoredFind {
  const scenario = parseScenario(find.scenario, seedText(find));
  const name = `${fileWord(`${find.rule}-${find.difference}`)}-${hashOf(scenario)}.json`;
  const path = join(dir, fileWord(find.property), name);
  if (existsSync(path)) return { path, fresh: false };
  replaceFind(path, find, subject, scenario);
  return { path, fresh: true };
}

/** Puts a scenario that fails in the same way in the place of a stored one. */
export function replaceFind(path: string, note: FindNote, subject: string, scenario: Scenario): void {
  writeWhole(path, formatScenario({ ...scenario, why: whyOf(note, subject) }));
}

function whyOf({ property, rule, difference, step, observed, permitted, ...note }: FindNote, subject: string): string {
  const what = `${property}: ${rule} ${difference} at step ${step}`;
  const outcomes = `observed ${cut(observed)}, permitted ${cut(permitted.join(' or ') || 'nothing')}`;
  const origin = `subject ${subject}, found as ${seedText({ property, ...note })}`;
  return `${what}: ${outcomes} (${origin})`.replace(/\s+/g, ' ');
}

function cut(text: string): string {
  return text.length <= WHY_PART_MAX ? text : `${text.slice(0, WHY_PART_MAX - 3)}...`;
}

/** Takes away a find that another one of the same signature stands for. */
export function dropFind(path: string): void {
  rmSync(path, { force: true });
}

/** Scenario files under `dir`, sorted, temporary ones left out; none when there is no such folder. */
export function listScenarioFiles(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && !basename(name).startsWith('.'))
    .sort()
    .map((name) => join(dir, name));
}

/** What a stored file may be a find of: the name of its folder. */
export function folderOf(path: string): string {
  return basename(dirname(path));
}

function hashOf(scenario: Scenario): string {
  const text = formatScenario({ ...scenario, why: '' });
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
