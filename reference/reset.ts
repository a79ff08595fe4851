/**
 * The state after reset (3.11 and the reset values of 6.3): what is known of each register, and what is UNKNOWN.
 */
import type { Features } from './features.ts';
import { allInvalidatedSince } from './invalidations.ts';
import { FOREVER } from './memory.ts';
import { GBPA_ABORT, GBPA_PERMISSIONS, GBPA_TYPES, INDEX_BITS, note, OVERFLOW_FLAG } from './register-words.ts';
import type { RuleId } from './rules/ids.ts';
import {
  CMDQ_BASE,
  CMDQ_CONS,
  CMDQ_PROD,
  CR0,
  CR0ACK,
  CR1,
  CR2,
  EVENTQ_BASE,
  EVENTQ_CONS,
  EVENTQ_PROD,
  GBPA,
  GERROR,
  GERRORN,
  IRQ_CTRL,
  IRQ_CTRLACK,
  State,
  STRTAB_BASE,
  STRTAB_BASE_CFG,
} from './state.ts';

/** The state after reset (3.11, 6.3). GBPA.ABORT may be either; see `gbpaCases`. */
export function resetState(f: Features): State {
  const state = new State(!f.msi);
  state.set(CR0, 0, ['RESET-001']);
  state.set(IRQ_CTRL, 0, ['RESET-003']);
  state.set(GERROR, 0, ['RESET-005']);
  state.set(GERRORN, 0, ['RESET-005']);
  state.change(CR0ACK, { why: ['RESET-001'] });
  state.change(IRQ_CTRLACK, { why: ['RESET-003'] });
  const unknown = (offset: number, mask: number, rule: RuleId): void => {
    state.change(offset, { value: 0 });
    state.change(offset, { unknown: mask >>> 0 });
    state.change(offset, { why: [rule] });
  };
  state.set(GBPA, 0, ['RESET-009', 'RESET-007']);
  state.change(GBPA, { unknown: GBPA_ABORT | GBPA_PERMISSIONS | GBPA_TYPES });
  unknown(CR1, 0xfff, 'RESET-015');
  unknown(CR2, 0xf, 'RESET-016');
  unknown(STRTAB_BASE, 0xffff_ffc0, 'RESET-017');
  unknown(STRTAB_BASE + 4, 0x40ff_ffff, 'RESET-017');
  unknown(STRTAB_BASE_CFG, 0x3_07ff, 'RESET-017');
  for (const base of [CMDQ_BASE, EVENTQ_BASE]) {
    unknown(base, 0xffff_ffff, base === CMDQ_BASE ? 'RESET-018' : 'EVQ-059');
    unknown(base + 4, 0x40ff_ffff, base === CMDQ_BASE ? 'RESET-018' : 'EVQ-059');
  }
  unknown(CMDQ_PROD, INDEX_BITS, 'RESET-018');
  unknown(CMDQ_CONS, 0x7f0f_ffff, 'RESET-021');
  unknown(EVENTQ_PROD, INDEX_BITS | OVERFLOW_FLAG, 'EVQ-059');
  unknown(EVENTQ_CONS, INDEX_BITS | OVERFLOW_FLAG, 'RESET-020');
  return state;
}

/**
 * A reset at any time (3.11): registers are as after power-on and nothing is under way any more. What the caches hold is
 * IMPLEMENTATION SPECIFIC, so they may keep what they had, or anything, until everything has been invalidated.
 */
export function reset(state: State, f: Features, now: number): State {
  const next = resetState(f);
  next.resetAt = now;
  next.overlay = state.overlay;
  next.tables = state.tables.map((table) => (table.to === FOREVER ? { ...table, to: now } : table));
  // Nothing completes what a CMD_SYNC had not.
  next.invalidations = state.invalidations.filter(({ complete }) => complete);
  // An edge may have come before the reset, and need not come any more.
  next.interrupts = Object.fromEntries(
    Object.entries(state.interrupts).map(([line, due]) => [line, { ...due, must: false }]),
  );
  return next;
}

/** Whether the caches may hold anything: there was a reset, and not everything has been invalidated since. */
export function cachesUnknown(state: State): boolean {
  return state.resetAt >= 0 && !allInvalidatedSince(state.invalidations, state.resetAt);
}

/** A state whose GBPA.ABORT is still what reset left there, as the two it may be; else the state alone. */
export function gbpaCases(state: State): readonly State[] {
  if ((state.unknown(GBPA) & GBPA_ABORT) === 0) return [state];
  return [0, GBPA_ABORT].map((abort) => {
    const next = state.copy();
    next.change(GBPA, { value: abort });
    next.change(GBPA, { unknown: state.unknown(GBPA) & ~GBPA_ABORT });
    note(next, GBPA, abort === 0 ? 'RESET-013' : 'RESET-011');
    return next;
  });
}
