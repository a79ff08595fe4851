/** Global errors (7.5): a GERROR bit toggles where an error becomes active, and an edge tells of it. */
import type { RuleId } from './rules/ids.ts';
import { because } from './register-words.ts';
import { GERROR, IRQEN_GERROR, type State } from './state.ts';

/** An error is detected: its GERROR bit toggles unless the error is active already (7.5). */
export function raise(state: State, error: number, rules: readonly RuleId[]): State {
  if ((state.activeErrors() & error) !== 0) return because(state, GERROR, ['GERR-003']);
  const before = state.word(GERROR);
  state.change(GERROR, { value: (before ^ error) >>> 0 });
  state.ghostErrors &= ~error;
  because(state, GERROR, [...rules, 'GERR-002', ...((before & error) !== 0 ? (['REG-197'] as const) : [])]);
  if ((state.irqCtrlAck & IRQEN_GERROR) !== 0) {
    state.due('GERROR', true, [...rules.slice(0, 1), 'GERR-036', 'MSI-003', 'MSI-006', 'SYNC-040', 'MSI-011']);
  } else {
    because(state, GERROR, ['GERR-037']);
  }
  return state;
}
