/**
 * A real QEMU as a subject: `qemu:PATH[,key=value...]`.
 *
 * One process runs the programs and is reset between them, while the caller judges the last trace; a second one stands ready in
 * case the first is lost. A QEMU that crashes or hangs gives a trace that says so, and the next program runs on the other.
 */
import type { Program } from '../../scenario/steps.ts';
import type { IdRegisters, Trace } from '../../scenario/trace.ts';
import { SubjectError, firstLine } from '../errors.ts';
import { misfit } from '../fit.ts';
import { type Capabilities, type Subject, SubjectDied } from '../subject.ts';
import { DMA_BYTES_MAX } from './edu.ts';
import { Machine } from './machine.ts';
import { dirtyRanges } from './memory.ts';
import { type QemuOptions, parseQemuOptions } from './options.ts';
import { findExecutable } from './process.ts';
import { runProgram } from './run.ts';

export interface OpenQemu {
  /** A file, or a name that is looked up on PATH. */
  readonly path: string;
  readonly options?: Readonly<Record<string, string>>;
  /** The subject's name in traces; default `qemu:PATH`. */
  readonly name?: string;
  /** Whether a second process is kept ready (default), which makes replacing a lost one cost nothing. */
  readonly reserve?: boolean;
}

/**
 * Starts QEMU and finds out what it has.
 * @throws SubjectError (one line) when there is no such file or it does not come up; UsageError on a bad option.
 */
export async function openQemu(open: OpenQemu): Promise<Subject> {
  const options = parseQemuOptions(open.options ?? {});
  const executable = findExecutable(open.path);
  if (executable === undefined) {
    const where = open.path.includes('/') ? 'is not an executable file' : 'is not on PATH';
    throw new SubjectError(
      `${open.path} ${where}; give the path of a qemu-system-aarch64 (Debian: apt-get install qemu-system-arm)`,
    );
  }
  const machine = await Machine.start(executable, options);
  return new QemuSubject(open.name ?? `qemu:${open.path}`, executable, options, machine, open.reserve ?? true);
}

class QemuSubject implements Subject {
  readonly name: string;
  readonly version: string;
  readonly idRegisters: IdRegisters;
  readonly capabilities: Capabilities;
  readonly #executable: string;
  readonly #options: QemuOptions;
  readonly #keepsReserve: boolean;
  /** The machine for the next program, once its reset is done; rejects when it was lost in the reset. */
  #ready: Promise<Machine>;
  #reserve: Promise<Machine> | undefined;
  #running = false;
  #closed = false;

  constructor(name: string, executable: string, options: QemuOptions, machine: Machine, keepsReserve: boolean) {
    this.name = name;
    const { major, minor, micro, package: vendor } = machine.version;
    this.version = `QEMU ${major}.${minor}.${micro}${vendor === '' ? '' : ` (${vendor})`}`;
    this.idRegisters = machine.idRegisters;
    this.capabilities = {
      streams: machine.devices.map((device) => device.streamId),
      substreams: false,
      attributes: false,
      dmaBytesMax: DMA_BYTES_MAX,
      registerAccessBytes: machine.registerAccessBytes,
      memoryAborts: false,
    };
    this.#executable = executable;
    this.#options = options;
    this.#keepsReserve = keepsReserve;
    this.#ready = Promise.resolve(machine);
    this.#fillReserve();
  }

  /** @throws SubjectError when the program is beyond the capabilities, or no QEMU can be started any more. */
  async run(program: Program): Promise<Trace> {
    if (this.#closed) throw new SubjectError(`${this.name} is closed`);
    if (this.#running) throw new SubjectError(`${this.name} runs one program at a time`);
    const why = misfit(program, this.capabilities);
    if (why !== undefined) throw new SubjectError(`${this.name} cannot run this program: ${why}`);
    this.#running = true;
    try {
      const machine = await this.#takeMachine();
      return await this.#runOn(machine, program);
    } finally {
      this.#running = false;
    }
  }

  async #runOn(machine: Machine, program: Program): Promise<Trace> {
    const { observations, died } = await runProgram(machine, program).catch(async (error: unknown) => {
      // Not QEMU's doing, but nobody knows any more what state it is in.
      await this.#replace(machine);
      throw error instanceof SubjectError ? error : new SubjectError(`${this.name}: ${firstLine(error)}`);
    });
    const trace = { subject: this.name, idRegisters: this.idRegisters, observations };
    if (died !== undefined) {
      await this.#replace(machine);
      return { ...trace, died };
    }
    this.#ready = machine.reset(dirtyRanges(program)).then(() => machine);
    this.#ready.catch(() => undefined);
    return trace;
  }

  async #replace(machine: Machine): Promise<void> {
    await machine.stop();
    this.#ready = this.#nextMachine();
    this.#ready.catch(() => undefined); // reported to whoever awaits it next
  }

  /** The machine that was reset, or another one when that was lost on the way. */
  async #takeMachine(): Promise<Machine> {
    const last = this.#ready;
    try {
      return await last;
    } catch {
      this.#ready = this.#nextMachine();
      return this.#ready;
    }
  }

  async #nextMachine(): Promise<Machine> {
    const reserve = this.#reserve;
    this.#reserve = undefined;
    const machine = await (reserve ?? Machine.start(this.#executable, this.#options)).catch((error: unknown) => {
      throw new SubjectDied(`${this.name} was lost and does not start again: ${firstLine(error)}`);
    });
    this.#fillReserve();
    return machine;
  }

  #fillReserve(): void {
    if (!this.#keepsReserve || this.#closed || this.#reserve !== undefined) return;
    this.#reserve = Machine.start(this.#executable, this.#options);
    this.#reserve.catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const machines = await Promise.allSettled([this.#ready, ...(this.#reserve === undefined ? [] : [this.#reserve])]);
    await Promise.all(machines.map(async (one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  }
}
