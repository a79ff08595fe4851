/**
 * Runs one index range of one suite: what `pool.ts` hands to worker threads, or calls in this process. Opens its own
 * subject, and keeps it for the next range.
 */
import type { Statistics } from '../properties/campaign.ts';
import { runRange } from '../properties/campaign.ts';
import { storeFind } from '../fuzz/finds.ts';
import type { StoredFind } from '../fuzz/finds.ts';
import type { Profile } from '../scenario/features.ts';
import { SubjectError } from '../subjects/errors.ts';
import { openSubject } from '../subjects/open.ts';
import type { Subject } from '../subjects/subject.ts';
import { oneLine } from './exit.ts';
import { suiteNamed } from './suites.ts';

/** Plain data, as everything that crosses a thread. */
export interface RangeTask {
  readonly subject: string;
  /** Features that every build of a configurable subject has. */
  readonly features?: Profile;
  readonly suite: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** Where finds are stored as soon as they are made. */
  readonly findsDir: string;
  /** Shared memory in which the worker says which scenario it is at. */
  readonly at?: Int32Array;
}

export type TaskResult =
  | { readonly kind: 'done'; readonly statistics: Statistics; readonly stored: readonly KeptFind[] }
  /** The subject is gone for good, at scenario `at` if it got so far. */
  | { readonly kind: 'lost'; readonly reason: string; readonly at?: number }
  /** A mistake of ours; `report` is for whoever mends it. */
  | { readonly kind: 'broken'; readonly report: string };

/** The file of the first find of a signature in a range. */
export interface KeptFind extends StoredFind {
  readonly index: number;
  readonly rule: string;
  readonly difference: string;
}

const subjects = new Map<string, Subject>();

/** Runs the range. Never throws: whatever goes wrong is a kind of result. */
export async function runTask(task: RangeTask): Promise<TaskResult> {
  const { seed, from, to } = task;
  const stored: KeptFind[] = [];
  let at = from - 1;
  try {
    const statistics = await runRange({
      subject: await subjectOf(task.subject, task.features),
      properties: [suiteNamed(task.suite)],
      seed,
      from,
      to,
      stop: () => {
        at += 1;
        if (task.at !== undefined) Atomics.store(task.at, 0, at);
        return false;
      },
      onFind: (find) => {
        const { index, rule, difference } = find;
        stored.push({ ...storeFind(task.findsDir, find, task.subject), index, rule, difference });
      },
    });
    return { kind: 'done', statistics, stored };
  } catch (thrown) {
    if (thrown instanceof SubjectError) {
      await closeSubjects();
      return { kind: 'lost', reason: oneLine(thrown), ...(at < from ? {} : { at }) };
    }
    return { kind: 'broken', report: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) };
  }
}

/** Closes what `runTask` opened in this thread. Never throws: what cannot be closed is gone. */
export async function closeSubjects(): Promise<void> {
  const open = [...subjects.values()];
  subjects.clear();
  await Promise.allSettled(open.map((subject) => subject.close()));
}

/** One run pins one set of features, so the spec alone tells subjects apart. */
async function subjectOf(spec: string, features: Profile | undefined): Promise<Subject> {
  const known = subjects.get(spec);
  if (known !== undefined) return known;
  const subject = await openSubject(spec, features);
  subjects.set(spec, subject);
  return subject;
}
