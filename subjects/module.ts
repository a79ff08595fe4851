/**
 * A user's own implementation as a subject: `module:FILE`, an ES module that exports `createSubject()`.
 *
 * The file is code of a stranger: whatever it does wrong ends in one line that says what to do. A run that throws or does not come
 * to an end is a death of the subject (a trace with `died`), after which a new subject is created. It runs in this process, so one
 * that never gives control back cannot be stopped.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Program } from '../scenario/steps.ts';
import type { IdRegisters, Trace } from '../scenario/trace.ts';
import { checkSubject, checkTrace } from './check-module.ts';
import { SubjectError, firstLine } from './errors.ts';
import { misfit } from './fit.ts';
import { type Capabilities, type Subject, SubjectDied } from './subject.ts';

export interface OpenModule {
  readonly file: string;
  /** The subject's name in traces; default `module:FILE`. */
  readonly name?: string;
  /** How long an import, a `createSubject()`, a `run()` or a `close()` may take, in milliseconds. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

type Create = () => unknown;

/** @throws SubjectError (one line) when the file does not give a subject. */
export async function openModule(open: OpenModule): Promise<Subject> {
  const { file, timeoutMs = TIMEOUT_MS, name = `module:${file}` } = open;
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new SubjectError(`${file} is not a file; give the path of an ES module that exports createSubject()`);
  }
  const create = await importCreate(file, path, timeoutMs);
  return new ModuleSubject({ name, file, timeoutMs, create, inner: await createInner(file, create, timeoutMs) });
}

async function importCreate(file: string, path: string, timeoutMs: number): Promise<Create> {
  let loaded: unknown;
  try {
    loaded = await within(timeoutMs, import(pathToFileURL(path).href));
  } catch (thrown) {
    throw new SubjectError(`${file} does not load: ${describe(thrown, path)}; mend the module`);
  }
  const create = (loaded as { createSubject?: unknown }).createSubject;
  if (typeof create !== 'function') {
    throw new SubjectError(
      `${file} exports no function createSubject; add: export function createSubject() { return { name, version, ... } }`,
    );
  }
  return create as Create;
}

async function createInner(file: string, create: Create, timeoutMs: number): Promise<Subject> {
  let made: unknown;
  try {
    made = await within(timeoutMs, Promise.resolve(create()));
  } catch (thrown) {
    throw new SubjectError(`createSubject() of ${file} failed: ${describe(thrown, resolve(file))}; mend the module`);
  }
  const wrong = checkSubject(made);
  if (wrong !== undefined) {
    throw new SubjectError(`createSubject() of ${file} gave no subject: ${wrong}; see subjects/subject.ts`);
  }
  return made as Subject;
}

interface Parts {
  readonly name: string;
  readonly file: string;
  readonly timeoutMs: number;
  readonly create: Create;
  readonly inner: Subject;
}

class ModuleSubject implements Subject {
  readonly name: string;
  readonly version: string;
  readonly idRegisters: IdRegisters;
  readonly capabilities: Capabilities;
  readonly #parts: Parts;
  /** Undefined after a death, until the next program needs it. */
  #inner: Subject | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#inner = parts.inner;
    this.name = parts.name;
    this.version = parts.inner.version;
    this.idRegisters = { ...parts.inner.idRegisters };
    this.capabilities = parts.inner.capabilities;
  }

  /** @throws SubjectError when the program is beyond the capabilities or the trace is malformed; SubjectDied when it cannot be created anew. */
  async run(program: Program): Promise<Trace> {
    const why = misfit(program, this);
    if (why !== undefined) throw new SubjectError(`${this.name} cannot run this program: ${why}`);
    const inner = await this.#alive();
    let made: unknown;
    try {
      const running = inner.run(program);
      made = running instanceof Promise ? await within(this.#parts.timeoutMs, running) : running;
    } catch (thrown) {
      this.#inner = undefined;
      const { name: subject, idRegisters } = this;
      return {
        subject,
        idRegisters,
        observations: [],
        died: `run() failed: ${describe(thrown, resolve(this.#parts.file))}`,
      };
    }
    const wrong = checkTrace(made, program);
    if (wrong !== undefined)
      throw new SubjectError(`run() of ${this.#parts.file} gave no trace: ${wrong}; see scenario/trace.ts`);
    return { ...(made as Trace), subject: this.name, idRegisters: this.idRegisters };
  }

  async close(): Promise<void> {
    const inner = this.#inner;
    this.#inner = undefined;
    if (inner === undefined) return;
    try {
      await within(this.#parts.timeoutMs, inner.close());
    } catch (thrown) {
      throw new SubjectError(
        `close() of ${this.#parts.file} failed: ${describe(thrown, resolve(this.#parts.file))}; mend the module`,
      );
    }
  }

  async #alive(): Promise<Subject> {
    if (this.#inner !== undefined) return this.#inner;
    const { file, create, timeoutMs } = this.#parts;
    try {
      this.#inner = await createInner(file, create, timeoutMs);
    } catch (thrown) {
      throw new SubjectDied(`${this.name} was lost and does not start again: ${firstLine(thrown)}`);
    }
    return this.#inner;
  }
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Timeout(`no end within ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(late);
  }
}

class Timeout extends Error {}

/** What was thrown, in one line, with the line of the user's file it came from where the stack tells. */
function describe(thrown: unknown, path: string): string {
  if (thrown instanceof Timeout) return thrown.message;
  const at = thrown instanceof Error ? /:(\d+):\d+\)?$/m.exec(ownFrame(thrown.stack ?? '', path)) : null;
  return firstLine(thrown) + (at === null ? '' : ` (line ${at[1]})`);
}

function ownFrame(stack: string, path: string): string {
  const url = pathToFileURL(path).href;
  return stack.split('\n').find((line) => line.includes(url) || line.includes(path)) ?? '';
}
