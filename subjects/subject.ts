/** Anything that runs a program and returns one observation an action. */
import type { Profile } from '../scenario/features.ts';
import type { Program } from '../scenario/steps.ts';
import type { IdRegisters, Trace } from '../scenario/trace.ts';
import { SubjectError } from './errors.ts';

/** The subject is gone in a way that leaves no trace, and cannot be had back. */
export class SubjectDied extends SubjectError {}

/** What the bus and devices around the SMMU can do; it steers the generator, never the judge. */
export interface Capabilities {
  /** StreamIDs from which DMA can be made; undefined: any. */
  readonly streams?: readonly number[];
  readonly substreams: boolean;
  /** Whether a DMA can carry PRIV and INST attributes; else all are unprivileged data. */
  readonly attributes: boolean;
  readonly dmaBytesMax: number;
  /** Whether the bus takes an access apart unless its size is a power of two and its address a multiple of that. */
  readonly dmaAligned?: boolean;
  /** DMA to input addresses of this many bits and fewer reaches the SMMU; undefined: all 64. Beyond, the bus aborts and the SMMU sees nothing. */
  readonly dmaAddressBits?: number;
  /** Whether 1, 2 and misaligned register accesses can be made. */
  readonly registerAccessBytes: readonly (1 | 2 | 4 | 8)[];
  /** Whether the CPU's own memory accesses that abort are seen as aborts (a plain machine answers with zeros). */
  readonly memoryAborts: boolean;
  /** Whether the SMMU can be reset while memory stays. */
  readonly reset?: boolean;
}

/** One build of a configurable subject. */
export interface Configured {
  /** For `Scenario.features`. */
  readonly features: Profile;
  readonly idRegisters: IdRegisters;
}

/** What generators look at. */
export type Described = Pick<Subject, 'capabilities' | 'idRegisters' | 'configure' | 'pinned'>;

export interface Subject {
  /** As given on the command line. */
  readonly name: string;
  readonly version: string;
  readonly idRegisters: IdRegisters;
  readonly capabilities: Capabilities;
  /**
   * Of a subject that is built from a profile: what `profile` makes of it, together with what it was opened with, where `profile` does not say
   * otherwise. Undefined when the features cannot be combined.
   */
  configure?(profile: Profile): Configured | undefined;
  /** What it was opened with: generated scenarios keep to it. */
  readonly pinned?: Profile;
  /**
   * Runs one program, on what its `features` ask for where that can be had, from the state after reset, with empty caches, memory as scenario/memory-map.ts says.
   * A subject that crashes or hangs on the way says so in `Trace.died`, and runs the next program as if nothing had been.
   * @throws SubjectError when the program is beyond its capabilities (fit.ts tells beforehand); SubjectDied when it is gone for good.
   */
  run(program: Program): Trace | Promise<Trace>;
  close(): Promise<void>;
}
