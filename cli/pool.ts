/**
 * Index ranges over worker threads. A range's result depends on the range alone, and results are handed on in the order
 * of the tasks, so what is merged is the same whatever the number of workers is.
 *
 * A worker says which scenario it is at. When it dies, or stays at one scenario for too long, its range is said to be lost
 * and run once more in a fresh worker. Lost again, the scenario it was at is what kills the subject: the range is run
 * around it.
 */
import { Tinypool } from 'tinypool';
import type { TinypoolWorker } from 'tinypool';
import { mergeStatistics } from '../properties/campaign.ts';
import { oneLine } from './exit.ts';
import { closeSubjects, runTask } from './worker.ts';
import type { RangeTask, TaskResult } from './worker.ts';

export interface PoolOptions {
  /** 0 and 1: in this process, where neither a death nor a hang of the process can be survived. */
  readonly workers: number;
  /** How long a worker may stay at one scenario, in milliseconds. */
  readonly hangMs: number;
  /** Asked before each task; true: no more are begun. */
  readonly stop: () => boolean;
  /** As ranges end, in any order: for progress. */
  readonly onEnd: (result: RangeResult) => void;
  /** In the order of the tasks. */
  readonly onResult: (task: RangeTask, result: RangeResult) => void | Promise<void>;
  /** A range was lost and is run again. */
  readonly onRetry: (task: RangeTask, reason: string) => void;
}

/** A scenario that took its worker with it, twice. */
export interface Deadly {
  readonly index: number;
  readonly reason: string;
}

export interface RangeResult {
  /** What the parts of the range that could be run came to. */
  readonly done: readonly Extract<TaskResult, { kind: 'done' }>[];
  readonly deadly: readonly Deadly[];
  /** Why the rest of the range was given up. */
  readonly lost?: string;
}

/** So many deadly scenarios in one range: the rest of it is given up. */
const DEADLY_MAX = 2;

/** Runs the tasks; resolves when all that were begun have been handed on. @throws Error for a mistake of ours */
export async function runTasks(tasks: Iterable<RangeTask>, options: PoolOptions): Promise<void> {
  const queue = tasks[Symbol.iterator]();
  const waiting = new Map<number, readonly [RangeTask, RangeResult]>();
  let begun = 0;
  let handedOn = 0;
  let handing = Promise.resolve();

  const handOn = async (): Promise<void> => {
    for (let next = waiting.get(handedOn); next !== undefined; next = waiting.get(handedOn)) {
      waiting.delete(handedOn);
      handedOn += 1;
      await options.onResult(...next);
    }
  };
  const work = async (runner: Runner): Promise<void> => {
    try {
      while (!options.stop()) {
        const next = queue.next();
        if (next.done) return;
        const at = begun;
        begun += 1;
        const result = await runRange(runner, next.value, options, DEADLY_MAX);
        options.onEnd(result);
        waiting.set(at, [next.value, result]);
        handing = handing.then(handOn);
        await handing;
      }
    } finally {
      await runner.close();
    }
  };
  const runners =
    options.workers > 1
      ? Array.from({ length: options.workers }, () => new ThreadRunner(options.hangMs))
      : [new LocalRunner()];
  await Promise.all(runners.map(work));
}

/** Runs a range, once more when it is lost, and then around the scenario it was lost at. */
async function runRange(
  runner: Runner,
  task: RangeTask,
  options: PoolOptions,
  deadlyMax: number,
): Promise<RangeResult> {
  if (task.from >= task.to) return { done: [], deadly: [] };
  const first = await runner.run(task);
  if (first.kind === 'done') return { done: [first], deadly: [] };
  options.onRetry(task, first.reason);
  const second = await runner.run(task);
  if (second.kind === 'done') return { done: [second], deadly: [] };
  const { at, reason } = second;
  if (at === undefined || deadlyMax === 0) return { done: [], deadly: [], lost: reason };
  const before = await runRange(runner, { ...task, to: at }, options, 0);
  const after = await runRange(runner, { ...task, from: at + 1 }, options, deadlyMax - 1);
  const lost = before.lost ?? after.lost;
  return {
    done: [...before.done, ...after.done],
    deadly: [{ index: at, reason }, ...after.deadly],
    ...(lost === undefined ? {} : { lost }),
  };
}

/** The statistics of all that was done in a range. */
export function statisticsOf(result: RangeResult): Extract<TaskResult, { kind: 'done' }>['statistics'] | undefined {
  const [first, ...rest] = result.done.map(({ statistics }) => statistics);
  return first === undefined ? undefined : rest.reduce(mergeStatistics, first);
}

type Ran = Extract<TaskResult, { kind: 'done' }> | { kind: 'lost'; reason: string; at?: number };

interface Runner {
  run(task: RangeTask): Promise<Ran>;
  close(): Promise<void>;
}

class LocalRunner implements Runner {
  async run(task: RangeTask): Promise<Ran> {
    return unlessBroken(await runTask(task));
  }

  close(): Promise<void> {
    return closeSubjects();
  }
}

const WATCH_EVERY_MS = 250;

/** A pool of one thread, so that it is known whose range a thread that ends was at. */
class ThreadRunner implements Runner {
  readonly #hangMs: number;
  #thread: TinypoolWorker | undefined;
  #onExit: () => void = () => undefined;
  readonly #pool = new Tinypool({
    filename: workerFile(),
    name: 'runTask',
    teardown: 'closeSubjects',
    minThreads: 1,
    maxThreads: 1,
  });

  constructor(hangMs: number) {
    this.#hangMs = hangMs;
  }

  async run(task: RangeTask): Promise<Ran> {
    const at = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const end = new AbortController();
    let reason: string | undefined;
    const lose = (why: string): void => {
      reason ??= why;
      end.abort();
    };
    const watch = this.#watch(at, lose);
    const result = this.#pool.run({ ...task, at }, { signal: end.signal }) as Promise<TaskResult>;
    // Tinypool does not tell of a thread that ends by itself, and there is one only once a task has been given.
    const thread: TinypoolWorker | undefined = this.#pool.threads[0];
    this.#onExit = () => lose('the worker ended');
    if (thread !== undefined && thread !== this.#thread) {
      this.#thread = thread;
      thread.once('exit', () => {
        if (thread === this.#thread) this.#onExit();
      });
    }
    try {
      return unlessBroken(await result);
    } catch (thrown) {
      if (thrown instanceof Broken) throw thrown;
      const index = Atomics.load(at, 0);
      const why = reason ?? `the worker died: ${oneLine(thrown)}`;
      return { kind: 'lost', reason: why, ...(index < 0 ? {} : { at: index }) };
    } finally {
      clearInterval(watch);
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #watch(at: Int32Array, lose: (why: string) => void): NodeJS.Timeout {
    let index = -1;
    let since = performance.now();
    return setInterval(() => {
      const now = Atomics.load(at, 0);
      if (now !== index) {
        index = now;
        since = performance.now();
      } else if (performance.now() - since > this.#hangMs) lose(`no end within ${this.#hangMs / 1000} s`);
    }, WATCH_EVERY_MS);
  }
}

/** A mistake of ours in a worker, with the worker's stack. */
class Broken extends Error {}

function unlessBroken(result: TaskResult): Exclude<TaskResult, { kind: 'broken' }> {
  if (result.kind === 'broken') throw new Broken(result.report);
  return result;
}

function workerFile(): string {
  const own = import.meta.url;
  return new URL(own.endsWith('.ts') ? './worker.ts' : './worker.js', own).href;
}
