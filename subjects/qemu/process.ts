/**
 * One QEMU process: found, started with its two sockets, watched, killed.
 *
 * The qtest and QMP channels are socket pairs that QEMU inherits as descriptors 3 and 4: nothing in the file system,
 * nothing to clean up. The process cannot outlive ours: it is started with a parent-death signal where setpriv
 * (util-linux) exists, else a small shell holds a pipe from us and kills it when that closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { SubjectError, firstLine } from '../errors.ts';

export const QTEST_FD = 3;
export const QMP_FD = 4;

const STDERR_KEPT_CHARS = 64 * 1024;
const EXIT_WAIT_MS = 5000;

/** The executable that `name` means: itself when it has a slash, else the first of that name on PATH. */
export function findExecutable(name: string, path = process.env['PATH'] ?? ''): string | undefined {
  const candidates = name.includes('/') ? [resolve(name)] : path.split(delimiter).map((dir) => join(dir, name));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class QemuProcess {
  readonly qtest: Duplex;
  readonly qmp: Duplex;
  /** Settles when the process has ended and all it wrote has been read. Never rejects. */
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.qtest = child.stdio[QTEST_FD] as Duplex;
    this.qmp = child.stdio[QMP_FD] as Duplex;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT_CHARS);
    });
    this.exit = new Promise((done) => child.once('close', (code, signal) => done({ code, signal })));
    // A socket error is always followed by the close that everybody waits for.
    for (const stream of [this.qtest, this.qmp]) stream.on('error', () => undefined);
    // An idle QEMU must not keep our process from ending; whoever waits for one has a timer running.
    child.unref();
    for (const stream of [this.qtest, this.qmp, child.stderr]) (stream as unknown as { unref?(): void }).unref?.();
  }

  /**
   * Starts `executable` (a path that exists) with `args`. `setpriv` null: do without that program.
   * @throws SubjectError when the operating system refuses.
   */
  static async start(
    executable: string,
    args: readonly string[],
    setpriv: string | null = findExecutable('setpriv') ?? null,
  ): Promise<QemuProcess> {
    const command = setpriv ?? executable;
    const words = setpriv === null ? args : ['--pdeathsig', 'KILL', executable, ...args];
    const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
    await new Promise<void>((started, failed) => {
      child.once('spawn', started);
      child.once('error', (error) => failed(new SubjectError(`cannot start ${executable}: ${firstLine(error)}`)));
    });
    if (setpriv === null) guard(child);
    return new QemuProcess(child);
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** SIGKILL, and wait until the process is gone. Harmless when it already is. */
  async kill(): Promise<Exit> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    return this.#awaitExit();
  }

  /** One line on how the process ended. Waits for that; a process that does not end by itself is killed. */
  async obituary(): Promise<string> {
    const late: string[] = [];
    const timer = setTimeout(() => {
      late.push('killed');
      this.#child.kill('SIGKILL');
    }, EXIT_WAIT_MS);
    const exit = await this.#awaitExit();
    clearTimeout(timer);
    if (late.length > 0) return `closed its socket without ending${this.#lastWords()}`;
    const how = exit.signal === null ? `ended with status ${exit.code}` : `was ended by ${exit.signal}`;
    return how + this.#lastWords();
  }

  /** Keeps our process alive meanwhile: nothing about the child does. */
  async #awaitExit(): Promise<Exit> {
    const hold = setInterval(() => undefined, 60_000);
    try {
      return await this.exit;
    } finally {
      clearInterval(hold);
    }
  }

  /** The end of what it wrote to stderr, as the tail of a one-line message. */
  #lastWords(): string {
    const lines = this.#stderr.split('\n').filter((line) => line.trim() !== '' && !line.includes('warning: '));
    const last = lines.at(-1);
    return last === undefined ? '' : `: ${last.trim()}`;
  }
}

/** Kills `child` when our process is gone: the shell's standard input is a pipe that only we hold open. */
function guard(child: ChildProcess): void {
  const shell = spawn('/bin/sh', ['-c', `read -r _; kill -9 ${child.pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a Ctrl-C for our process group must not take the guard first
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  (shell.stdin as unknown as { unref?(): void }).unref?.();
  child.once('exit', () => shell.kill('SIGKILL'));
}
