/** What a walk needs to know: the tables of one stage, and whose they are (3.17, DDI 0487 D8.2). */
import type { Cd } from './cd.ts';
import type { Granule, Start } from './geometry.ts';
import type { RuleId } from './rules/ids.ts';

/** A translation context that may have filled the TLB: a CD and when it could be used for walks. */
export interface Root {
  readonly cd: Cd;
  /** Tag of its entries; 0 where stage 2 is not implemented. */
  readonly vmid: number;
  /** Stage 2 translates its table addresses and output. */
  readonly nested: boolean;
  readonly since: number;
  readonly until: number;
  /** The CD that the lookup itself uses, so that it may walk afresh. */
  readonly own: boolean;
}

/** The tables of one stage, and how to walk them. */
export interface Regime {
  readonly stage: 1 | 2;
  readonly granule: Granule;
  readonly start: Start;
  /** Address of the start table, aligned. */
  readonly table: bigint;
  readonly outputBits: number;
  readonly endi: boolean;
  readonly affd: boolean;
  /** Table descriptors carry no permissions: stage 2, or CD.HAD. */
  readonly hierarchyOff: boolean;
  readonly vmid: number;
  readonly asid: number;
  /** A stage 1 over a stage 2. */
  readonly nested: boolean;
  readonly since: number;
  readonly until: number;
  readonly own: boolean;
  readonly rules: readonly RuleId[];
}
