/** Interrupt edges: which are due, which were seen, which are missing (3.18). */
import type { Observation } from '../scenario/trace.ts';
import type { RuleId } from './rules/ids.ts';
import { EVENTQ_CONS, EVENTQ_PROD, type State } from './state.ts';
import type { Violation } from './verdict.ts';

/** EVENTQ_PROD.OVFLG and EVENTQ_CONS.OVACKFLG: they differ while an overflow is not acknowledged (7.4). */
const OVERFLOW = 0x8000_0000;

/**
 * Takes the edges of an observation from what is due in a state, which it changes.
 * @param settled nothing is under way any more: what must have come has come
 * @param rules collects the rules that the edges show
 * @returns what is wrong, if something is
 */
export function takeInterrupts(
  state: State,
  observation: Observation,
  settled: boolean,
  rules: Set<RuleId>,
): Omit<Violation, 'action'> | undefined {
  for (const line of observation.interrupts) {
    const due = state.interrupts[line];
    if (due === undefined || due.seen >= due.max) {
      return {
        rule: unexpected(state, line),
        difference: 'interrupt-unexpected',
        observed: `an edge on ${line}`,
        permitted: [{ outcome: `no edge on ${line}`, rules: ['REG-262', 'ACK-041', 'GERR-038'] }],
      };
    }
    state.interrupts = { ...state.interrupts, [line]: { ...due, seen: due.seen + 1 } };
    for (const rule of due.rules) rules.add(rule);
  }
  if (!settled) return undefined;
  for (const [line, due] of Object.entries(state.interrupts)) {
    if (due.must && due.seen === 0) {
      return {
        rule: due.rules[0] ?? 'MSI-006',
        difference: 'interrupt-missing',
        observed: `no edge on ${line}`,
        permitted: [{ outcome: `an edge on ${line}`, rules: due.rules }],
      };
    }
    if (due.max > 1) rules.add('MSI-012');
    if (due.max > 1 && line === 'GERROR') rules.add('GERR-039');
  }
  state.interrupts = {};
  return undefined;
}

/** The rule that an edge breaks which nothing calls for. */
function unexpected(state: State, line: Observation['interrupts'][number]): RuleId {
  switch (line) {
    case 'EVTQ':
      return 'EVQ-038';
    case 'CMD_SYNC': // instead of the global error that the command is?
      return state.interrupts.GERROR?.rules[0] ?? 'SYNC-003';
    case 'GERROR': {
      if (state.activeErrors() !== 0) return 'GERR-003';
      const overflow = ((state.word(EVENTQ_PROD) ^ state.word(EVENTQ_CONS)) & OVERFLOW) !== 0;
      return overflow ? 'EVQ-034' : 'GERR-036';
    }
    default:
      return 'REG-262';
  }
}
