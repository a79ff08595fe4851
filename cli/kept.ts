/** Replaying scenarios that are kept in files: the corpus, and the finds of earlier runs. */
import { readFileSync } from 'node:fs';
import { constant } from 'fast-check';
import { folderOf, listScenarioFiles } from '../fuzz/finds.ts';
import { mergeStatistics, noStatistics, runRange } from '../properties/campaign.ts';
import type { CountedFind, Statistics } from '../properties/campaign.ts';
import { nowDoing } from './exit.ts';
import { judged } from '../properties/judged.ts';
import type { Property } from '../properties/property.ts';
import { propertyNamed } from '../properties/suites.ts';
import { ScenarioError, parseScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import type { Scenario } from '../scenario/steps.ts';
import { misfit } from '../subjects/fit.ts';
import type { Subject } from '../subjects/subject.ts';

/** A kept scenario that still violates its property. */
export interface KeptViolation {
  readonly file: string;
  readonly find: CountedFind;
}

export interface KeptResult {
  readonly statistics: Statistics;
  readonly violations: readonly KeptViolation[];
  readonly replayed: number;
  /** Files that the subject cannot run, for want of a device or an access width. */
  readonly skipped: number;
  /** One line for each file that is no scenario. */
  readonly errors: readonly string[];
}

/** @throws ScenarioError when the file cannot be read or is no scenario. */
export function readScenario(file: string): Scenario {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
    throw new ScenarioError(file, '', `cannot be read (${code})`);
  }
  return parseScenario(text, file);
}

/** The property a file is replayed under: the one its folder is named after, else the judged one. */
export function propertyOfFile(file: string): Property {
  return propertyNamed(folderOf(file)) ?? judged;
}

/**
 * Replays every scenario file under the folders, each once.
 * @throws SubjectDied, SubjectError
 */
export async function replayKept(subject: Subject, folders: readonly string[], seed: number): Promise<KeptResult> {
  const files = [...new Set(folders.flatMap(listScenarioFiles))];
  const errors: string[] = [];
  const violations: KeptViolation[] = [];
  let statistics = noStatistics();
  let replayed = 0;
  let skipped = 0;
  for (const [index, file] of files.entries()) {
    let scenario: Scenario;
    try {
      scenario = readScenario(file);
    } catch (thrown) {
      if (!(thrown instanceof ScenarioError)) throw thrown;
      errors.push(thrown.message);
      continue;
    }
    if (misfit(lower(scenario), subject) !== undefined) {
      skipped += 1;
      continue;
    }
    nowDoing(`replaying ${file}`);
    const property = fixed(propertyOfFile(file), scenario);
    const one = await runRange({ subject, properties: [property], seed, from: index, to: index + 1 });
    for (const find of one.finds) violations.push({ file, find });
    statistics = mergeStatistics(statistics, one);
    replayed += 1;
  }
  return { statistics, violations, replayed, skipped, errors };
}

/** The property, tried on this scenario and no other. */
export function fixed(property: Property, scenario: Scenario): Property {
  const arbitrary = Object.assign(constant(scenario), { draw: () => scenario });
  return {
    name: property.name,
    title: property.title,
    arbitrary: () => arbitrary,
    check: (subject, drawn) => property.check(subject, drawn),
  };
}
