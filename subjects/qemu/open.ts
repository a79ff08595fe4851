/**
 * A real QEMU as a subject: `qemu:PATH[,key=value...]`.
 *
 * Two processes take turns: while one runs a program, the other is reset after the last one. A QEMU that crashes or hangs gives
 * a trace that says so; the next program runs on the other, and a new process starts behind its back.
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
  /** How many processes take turns; default 2. */
  readonly processes?: number;
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
  return new QemuSubject(open.name ?? `qemu:${open.path}`, executable, options, machine, open.processes ?? 2);
}

class QemuSubject implements Subject {
  readonly name: string;
  readonly version: string;
  readonly idRegisters: IdRegisters;
  readonly capabilities: Capabilities;
  readonly #executable: string;
  readonly #options: QemuOptions;
  /** In the order of their turns, each once its reset or start is done; rejected when it was lost in that. */
  readonly #machines: Promise<Machine>[];
  #running = false;
  #closed = false;

  constructor(name: string, executable: string, options: QemuOptions, machine: Machine, processes: number) {
    this.name = name;
    const { major, minor, micro, package: vendor } = machine.version;
    this.version = `QEMU ${major}.${minor}.${micro}${vendor === '' ? '' : ` (${vendor})`}`;
    const { idRegisters, registerAccessBytes, dmaAddressBits } = machine.description;
    this.idRegisters = idRegisters;
    this.capabilities = {
      streams: machine.devices.map((device) => device.streamId),
      substreams: false,
      attributes: false,
      dmaBytesMax: DMA_BYTES_MAX,
      dmaAligned: true,
      ...(dmaAddressBits === undefined ? {} : { dmaAddressBits }),
      registerAccessBytes,
      memoryAborts: false,
    };
    this.#executable = executable;
    this.#options = options;
    this.#machines = [Promise.resolve(machine)];
    for (let more = 1; more < processes; more++) this.#enqueue(Machine.start(executable, options));
  }

  /** @throws SubjectError when the program is beyond the capabilities, or no QEMU can be started any more. */
  async run(program: Program): Promise<Trace> {
    if (this.#closed) throw new SubjectError(`${this.name} is closed`);
    if (this.#running) throw new SubjectError(`${this.name} runs one program at a time`);
    const why = misfit(program, this);
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
    this.#enqueue(machine.reset(dirtyRanges(program)).then(() => machine));
    return trace;
  }

  async #replace(machine: Machine): Promise<void> {
    await machine.stop();
    this.#enqueue(Machine.start(this.#executable, this.#options));
  }

  #enqueue(machine: Promise<Machine>): void {
    machine.catch(() => undefined); // reported to whoever takes it
    this.#machines.push(machine);
  }

  /** The machine whose turn it is; a new one when that was lost in its reset. */
  async #takeMachine(): Promise<Machine> {
    const next = this.#machines.shift();
    try {
      if (next !== undefined) return await next;
    } catch {
      // Replaced below.
    }
    try {
      return await Machine.start(this.#executable, this.#options);
    } catch (error) {
      throw new SubjectDied(`${this.name} was lost and does not start again: ${firstLine(error)}`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const machines = await Promise.allSettled(this.#machines.splice(0));
    await Promise.all(machines.map(async (one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  }
}
