/**
 * Index ranges over worker threads. A range's result depends on the range alone, and results are handed on in the order
 * of the tasks, so what is merged is the same whatever the number of workers is.
 *
 * A worker that dies, or whose range takes too long, loses that range: it is said so and run once more in a fresh
 * worker; a range lost twice is handed on as lost, and the run goes on.
 */
import { Tinypool } from 'tinypool';
import { oneLine } from './exit.ts';
import { closeSubjects, runTask } from './worker.ts';
import type { RangeTask, TaskResult } from './worker.ts';

export interface PoolOptions {
  /** 0 and 1: in this process, where neither a death nor a hang of the subject can be survived. */
  readonly workers: number;
  /** How long a range may take, in milliseconds. */
  readonly rangeMs: number;
  /** Asked before each task; true: no more are begun. */
  readonly stop: () => boolean;
  /** As ranges end, in any order: for progress. */
  readonly onEnd: (task: RangeTask, result: TaskResult) => void;
  /** In the order of the tasks. */
  readonly onResult: (task: RangeTask, result: TaskResult) => void | Promise<void>;
  /** A range was lost and is run again. */
  readonly onRetry: (task: RangeTask, reason: string) => void;
}

/** Runs the tasks; resolves when all that were begun have been handed on. */
export async function runTasks(tasks: Iterable<RangeTask>, options: PoolOptions): Promise<void> {
  const runner = options.workers > 1 ? new ThreadRunner(options.workers, options.rangeMs) : new LocalRunner();
  const queue = tasks[Symbol.iterator]();
  const waiting = new Map<number, readonly [RangeTask, TaskResult]>();
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
  const lane = async (): Promise<void> => {
    while (!options.stop()) {
      const next = queue.next();
      if (next.done) return;
      const task = next.value;
      const at = begun;
      begun += 1;
      let result = await runner.run(task);
      if (result.kind === 'lost') {
        options.onRetry(task, result.reason);
        result = await runner.run(task);
      }
      options.onEnd(task, result);
      waiting.set(at, [task, result]);
      handing = handing.then(handOn);
      await handing;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, options.workers) }, lane));
  } finally {
    await runner.close();
  }
}

interface Runner {
  run(task: RangeTask): Promise<TaskResult>;
  close(): Promise<void>;
}

class LocalRunner implements Runner {
  run(task: RangeTask): Promise<TaskResult> {
    return runTask(task);
  }

  close(): Promise<void> {
    return closeSubjects();
  }
}

class ThreadRunner implements Runner {
  readonly #pool: Tinypool;
  readonly #rangeMs: number;

  constructor(workers: number, rangeMs: number) {
    this.#rangeMs = rangeMs;
    this.#pool = new Tinypool({
      filename: workerFile(),
      name: 'runTask',
      teardown: 'closeSubjects',
      minThreads: workers,
      maxThreads: workers,
      terminateTimeout: 5000,
    });
  }

  async run(task: RangeTask): Promise<TaskResult> {
    const watchdog = new AbortController();
    const timer = setTimeout(() => watchdog.abort(), this.#rangeMs);
    try {
      return (await this.#pool.run(task, { signal: watchdog.signal })) as TaskResult;
    } catch (thrown) {
      const reason = watchdog.signal.aborted
        ? `no end after ${this.#rangeMs / 1000} s`
        : `worker died: ${oneLine(thrown)}`;
      return { kind: 'lost', reason };
    } finally {
      clearTimeout(timer);
    }
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

function workerFile(): string {
  const own = import.meta.url;
  return new URL(own.endsWith('.ts') ? './worker.ts' : './worker.js', own).href;
}
