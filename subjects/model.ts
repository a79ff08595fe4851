/**
 * The built-in model as a subject, in this process. A System of each profile asked for serves all its programs and is reset between them.
 * A white box: it tells the output address of each DMA that was let through. The model does everything inside the access that
 * causes it, so `settle` has nothing to wait for.
 */
import { RAM_BASE, RAM_BYTES, fillInitial } from '../scenario/memory-map.ts';
import { profileKey } from '../scenario/features.ts';
import type { Profile } from '../scenario/features.ts';
import type { Action, Program } from '../scenario/steps.ts';
import type { IdRegisters, Interrupt, Observation, Outcome, Trace } from '../scenario/trace.ts';
import { type SystemOptions, System } from '../model/system.ts';
import { SubjectError, firstLine } from './errors.ts';
import { misfit } from './fit.ts';
import { modelFeatures } from './model-features.ts';
import type { Capabilities, Configured, Subject } from './subject.ts';

/** What is used of model/system.ts; a patched copy of the model has to have it too. */
export type SystemLike = Pick<
  System,
  | 'reset'
  | 'resetSmmu'
  | 'readRegister'
  | 'writeRegister'
  | 'readMemory'
  | 'writeMemory'
  | 'dmaRead'
  | 'dmaWrite'
  | 'takeInterrupts'
>;

export interface OpenModel {
  /** The class to run in place of model/system.ts: one out of a copy of model/ with a fault put in. */
  readonly systemClass?: new (options: SystemOptions) => SystemLike;
  /** What the implementation is to have, where that differs from the model's default. */
  readonly features?: Profile;
  /** The subject's name in traces; default `model`. */
  readonly name?: string;
}

const ID_OFFSETS = { IDR0: 0x00, IDR1: 0x04, IDR2: 0x08, IDR3: 0x0c, IDR4: 0x10, IDR5: 0x14, IIDR: 0x18, AIDR: 0x1c };
const DMA_BYTES_MAX = 64;
/** No physical address is this high (3.4.1: at most 52 bits), and below it numbers are exact. */
const PHYSICAL_END = 1n << 52n;

const DONE: Outcome = { kind: 'done' };
const ABORT: Outcome = { kind: 'abort' };
const NO_INTERRUPTS: readonly Interrupt[] = [];

/** @throws SubjectError when the features asked for do not go together. */
export function openModel(open: OpenModel = {}): Subject {
  return new ModelSubject(open);
}

interface Build {
  readonly system: SystemLike;
  readonly idRegisters: IdRegisters;
}

/** Systems kept; each holds the memory its programs touched. */
const BUILDS_MAX = 64;

function readIdRegisters(system: SystemLike): IdRegisters {
  const ids: Record<string, number> = {};
  for (const [name, offset] of Object.entries(ID_OFFSETS)) {
    const value = system.readRegister(offset, 4);
    ids[name] = value === 'abort' ? 0 : value.lo;
  }
  return ids as unknown as IdRegisters;
}

class ModelSubject implements Subject {
  readonly name: string;
  readonly version = 'built-in';
  readonly idRegisters: IdRegisters;
  readonly capabilities: Capabilities;
  readonly pinned: Profile;
  readonly #open: OpenModel;
  /** The one that the present program runs on. */
  #system: SystemLike;
  readonly #builds = new Map<string, Build>();
  /** Reused by every DMA. */
  readonly #transaction = {
    streamId: 0,
    substreamId: -1,
    addressHi: 0,
    addressLo: 0,
    write: false,
    privileged: false,
    instruction: false,
    outputAddress: -1,
  };

  constructor(open: OpenModel) {
    this.#open = open;
    this.pinned = open.features ?? {};
    this.name = open.name ?? 'model';
    const build = this.#build({});
    this.#system = build.system;
    this.idRegisters = build.idRegisters;
    this.capabilities = {
      // A device may supply a SubstreamID whether or not the SMMU has substreams (7.3.9).
      substreams: true,
      attributes: true,
      dmaBytesMax: DMA_BYTES_MAX,
      registerAccessBytes: [1, 2, 4, 8],
      memoryAborts: true,
      reset: true,
    };
  }

  configure(profile: Profile): Configured | undefined {
    const features = { ...this.pinned, ...profile };
    try {
      return { features, idRegisters: this.#build(features).idRegisters };
    } catch (thrown) {
      if (thrown instanceof SubjectError) return undefined;
      throw thrown;
    }
  }

  /** @throws SubjectError when the program is beyond the capabilities, or asks for features that do not go together. An exception inside the model is a death like any other. */
  run(program: Program): Trace {
    const why = misfit(program, this);
    if (why !== undefined) throw new SubjectError(`${this.name} cannot run this program: ${why}`);
    const observations: Observation[] = [];
    const profile = program.features ?? {};
    const { system, idRegisters } = this.#build(profile);
    this.#system = system;
    const trace = { subject: this.name, idRegisters, observations };
    try {
      system.reset();
      for (const action of program.actions) observations.push(this.#perform(action));
    } catch (thrown) {
      this.#builds.delete(profileKey({ ...this.pinned, ...profile }));
      return { ...trace, died: `the model threw ${firstLine(thrown)}` };
    }
    return trace;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #build(profile: Profile): Build {
    const features = { ...this.pinned, ...profile };
    const key = profileKey(features);
    const known = this.#builds.get(key);
    if (known !== undefined) return known;
    const system = this.#newSystem(features);
    const build = { system, idRegisters: readIdRegisters(system) };
    if (this.#builds.size >= BUILDS_MAX) this.#builds.clear();
    this.#builds.set(key, build);
    return build;
  }

  #newSystem(features: Profile): SystemLike {
    const SystemClass = this.#open.systemClass ?? System;
    try {
      return new SystemClass({
        ram: [{ base: Number(RAM_BASE), bytes: Number(RAM_BYTES) }],
        initialPage: (base, page) => fillInitial(BigInt(base), page),
        features: modelFeatures(features),
      });
    } catch (thrown) {
      throw new SubjectError(`${this.name} does not start: ${firstLine(thrown)}`);
    }
  }

  #perform(action: Action): Observation {
    if (action.op === 'dma-read' || action.op === 'dma-write') return this.#performDma(action);
    const outcome = this.#performByCpu(action);
    return { outcome, interrupts: this.#interrupts() };
  }

  #performByCpu(action: Exclude<Action, { op: 'dma-read' | 'dma-write' }>): Outcome {
    const system = this.#system;
    switch (action.op) {
      case 'write-register': {
        const hi = Number((action.value >> 32n) & 0xffff_ffffn);
        const lo = Number(action.value & 0xffff_ffffn);
        return system.writeRegister(action.offset, action.bytes, hi, lo) ? DONE : ABORT;
      }
      case 'read-register': {
        const value = system.readRegister(action.offset, action.bytes);
        if (value === 'abort') return ABORT;
        return { kind: 'value', value: (BigInt(value.hi) << 32n) | BigInt(value.lo) };
      }
      case 'write-memory':
        if (action.address >= PHYSICAL_END) return ABORT;
        return system.writeMemory(Number(action.address), action.data) ? DONE : ABORT;
      case 'read-memory': {
        if (action.address >= PHYSICAL_END) return ABORT;
        const data = new Uint8Array(action.bytes);
        return system.readMemory(Number(action.address), data) ? { kind: 'data', data } : ABORT;
      }
      case 'reset':
        system.resetSmmu();
        return DONE;
      case 'settle':
        return DONE;
    }
  }

  #performDma(action: Extract<Action, { op: 'dma-read' | 'dma-write' }>): Observation {
    const transaction = this.#transaction;
    transaction.streamId = action.streamId;
    transaction.substreamId = action.substreamId ?? -1;
    transaction.addressHi = Number((action.address >> 32n) & 0xffff_ffffn);
    transaction.addressLo = Number(action.address & 0xffff_ffffn);
    transaction.privileged = action.privileged;
    transaction.instruction = action.instruction;
    transaction.write = action.op === 'dma-write';
    transaction.outputAddress = -1;
    const outcome = action.op === 'dma-read' ? this.#dmaRead(action.bytes) : this.#dmaWrite(action.data);
    const interrupts = this.#interrupts();
    const outputAddress = transaction.outputAddress;
    return outputAddress < 0 || outcome.kind === 'abort'
      ? { outcome, interrupts }
      : { outcome, interrupts, outputAddress: BigInt(outputAddress) };
  }

  #dmaRead(bytes: number): Outcome {
    const data = new Uint8Array(bytes);
    return this.#system.dmaRead(this.#transaction, data) === 'ok' ? { kind: 'data', data } : ABORT;
  }

  #dmaWrite(data: Uint8Array): Outcome {
    return this.#system.dmaWrite(this.#transaction, data) === 'ok' ? DONE : ABORT;
  }

  #interrupts(): readonly Interrupt[] {
    const edges = this.#system.takeInterrupts();
    return edges.length === 0 ? NO_INTERRUPTS : (edges as Interrupt[]);
  }
}
