/**
 * Guarded registers (6.2): writable only while the enable that guards them is 0 and acknowledged as 0.
 */
import type { Features } from './features.ts';
import { note, single, type WriteResult } from './register-words.ts';
import type { RuleId } from './rules/ids.ts';
import {
  CMDQ_BASE,
  CMDQ_CONS,
  CMDQEN,
  CR0,
  EVENTQ_BASE,
  EVENTQ_PROD,
  SMMUEN,
  type State,
  STRTAB_BASE,
  STRTAB_BASE_CFG,
} from './state.ts';

export type Guard = 'open' | 'closed' | 'moving';

/** Whether the enables in `mask` let a Guarded field be written: all 0, all acknowledged as 1, or an Update under way. */
export function guardState(state: State, mask: number): Guard {
  const requested = state.word(CR0) & mask;
  const acknowledged = state.cr0Ack & mask;
  if (requested === 0 && acknowledged === 0) return 'open';
  return requested === acknowledged ? 'closed' : 'moving';
}

/**
 * A write to a register Guarded by an enable of CR0.
 * @param rules ignored while enabled, ignored during a transition (both 3.2 and later), either of the two before 3.2
 */
export function guarded(
  state: State,
  f: Features,
  enable: number,
  preset: boolean,
  rules: readonly [closed: RuleId, moving: RuleId, before32: RuleId],
  take: (state: State) => void,
): WriteResult {
  if (preset) return { states: [state] };
  const guard = guardState(state, enable);
  if (guard === 'open') return single(state, take);
  // A write of what the register holds already shows nothing.
  const applied = state.copy();
  take(applied);
  const same = guardedWords(enable).every((offset) => applied.word(offset) === state.word(offset));
  if (same && f.minor >= 2) return { states: [state] };
  const registerRule = guard === 'closed' ? rules[0] : rules[1];
  const transition: RuleId[] = guard === 'closed' ? [] : [(state.word(CR0) & enable) === 0 ? 'ACK-059' : 'ACK-060'];
  if (f.minor >= 2) {
    return single(state, (s) => {
      for (const offset of guardedWords(enable)) {
        [registerRule, ...transition].forEach((rule) => note(s, offset, rule));
      }
    });
  }
  const states = [state, applied].map((s) => {
    const next = s.copy();
    for (const offset of guardedWords(enable)) note(next, offset, rules[2]);
    return next;
  });
  return { states, chaos: 'a Guarded register was written while its enable was set' };
}

function guardedWords(enable: number): readonly number[] {
  if (enable === SMMUEN) return [STRTAB_BASE, STRTAB_BASE + 4, STRTAB_BASE_CFG];
  if (enable === CMDQEN) return [CMDQ_BASE, CMDQ_BASE + 4, CMDQ_CONS];
  return [EVENTQ_BASE, EVENTQ_BASE + 4, EVENTQ_PROD];
}
