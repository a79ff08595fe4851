/**
 * What the reading and the writing side of the registers share: fields, notes of rules, occupancy of the Command queue.
 */
import type { IdRegisters } from '../scenario/trace.ts';
import type { Features } from './features.ts';
import { occupancy } from './queues.ts';
import type { RuleId } from './rules/ids.ts';
import { CMDQ_BASE, CMDQ_CONS, CMDQ_PROD, GERROR_CMDQ_ERR, GERROR_EVENTQ_ABT_ERR, type State } from './state.ts';

export interface Context {
  readonly features: Features;
  readonly id: IdRegisters;
  /** The action being judged. */
  readonly now: number;
}

export const PAGE1 = 0x10000;

export const INDEX_BITS = 0x000f_ffff;

export const OVERFLOW_FLAG = 0x8000_0000;

export const GBPA_UPDATE = 0x8000_0000;

export const GBPA_ABORT = 1 << 20;

export const GBPA_PERMISSIONS = 0x000f_0000;

export const GBPA_TYPES = 0x0000_3f1f;

export function note(state: State, offset: number, rule: RuleId): void {
  const before = state.why(offset);
  if (!before.includes(rule)) state.change(offset, { why: [...before, rule] });
}

/** What a word shows now rests on these rules too, the latest last. */
export function because(state: State, offset: number, rules: readonly RuleId[]): State {
  const before = state.why(offset);
  state.change(offset, { why: [...before.filter((rule) => !rules.includes(rule)).slice(-24), ...rules] });
  return state;
}

export function noted(state: State, offset: number, rule: RuleId): State {
  const next = state.copy();
  note(next, offset, rule);
  return next;
}

export function gbpaLoose(value: number, f: Features): number {
  // Fields that the implementation or the interconnect lacks read as zero or as written (6.3.14).
  // MemAttr reads as UNKNOWN where attribute types cannot be overridden.
  const memAttr = f.attrTypesOvr ? 0 : 0xf;
  return (value & (GBPA_TYPES | (f.attrPermsOvr ? 0 : GBPA_PERMISSIONS))) | memAttr;
}

/** Commands between CONS and PROD. */
export function waitingCommands(state: State, f: Features): number {
  return occupancy(state.word(CMDQ_PROD), state.word(CMDQ_CONS), Math.min(state.word(CMDQ_BASE) & 0x1f, f.cmdqs));
}

/** The ID registers of the optional CoreSight scheme (6.3.170): constant, once one has been seen. */
export function idWindow(offset: number): boolean {
  return offset >= 0xfd0 && offset < 0x1000;
}

/** Bits of GERROR that stop the Event queue and the Command queue while active. */
export const STOPS_EVENTS = GERROR_EVENTQ_ABT_ERR;

export const STOPS_COMMANDS = GERROR_CMDQ_ERR;

export interface WriteResult {
  /** The states the write may lead to; the given one is left alone. */
  readonly states: readonly State[];
  /** Why the architecture lets anything happen besides. */
  readonly chaos?: string;
}

export function single(state: State, change: (copy: State) => void): WriteResult {
  const next = state.copy();
  change(next);
  return { states: [next] };
}
