/**
 * The set of states the programming interface may be in: how it grows with what may happen, and shrinks to what differs.
 */
import { Undetermined } from './undetermined.ts';
import { type Content, type Memory, sameContents, wordsOf } from './memory.ts';
import type { Environment } from './environment.ts';
import { successors } from './progress.ts';
import type { State } from './state.ts';

/** More possible states than this: the reference stops following them all. */
export const STATES_MAX = 256;

/** Everything that may have happened by now without software's doing. */
export function advance(states: readonly State[], env: Environment): readonly State[] {
  const reached = new Map<string, State>();
  let frontier: readonly State[] = states;
  while (frontier.length > 0) {
    const next = frontier.flatMap((state) => successors(state, env)).filter((state) => isNew(reached, state));
    if (reached.size > STATES_MAX * 4) throw new Undetermined('too many orders of events');
    frontier = next;
  }
  return reached.size === 0 ? states : distinct([...states, ...reached.values()]);
}

/** Every state lets happen what is under way until nothing is. */
export function settle(states: readonly State[], env: Environment): readonly State[] {
  const idle: State[] = [];
  const reached = new Map<string, State>();
  let frontier: readonly State[] = states;
  while (frontier.length > 0) {
    const next: State[] = [];
    for (const state of frontier) {
      const after = successors(state, env);
      if (after.length === 0) idle.push(state);
      // On the way to rest only the outcome matters, so one thing at a time is enough unless it has several outcomes.
      const explored = inOneOrder(after, state);
      const branching = explored.length > 1 || frontier.length > 1;
      next.push(...(branching ? explored.filter((other) => isNew(reached, other)) : explored));
    }
    if (reached.size > STATES_MAX * 4) throw new Undetermined('too many orders of events');
    frontier = next;
  }
  return distinct(idle);
}

/**
 * What the states agree on in memory becomes what memory holds; what they do not agree on stays theirs, and memory may hold
 * any of it.
 */
export function commit(states: readonly State[], memory: Memory, at: number): readonly State[] {
  const overlays = [...new Set(states.map((state) => state.overlay))];
  if (overlays.every((overlay) => overlay.size === 0)) return states;
  const addresses = new Set(overlays.flatMap((overlay) => [...overlay.keys()]));
  const apart = overlays.map(() => new Map<bigint, readonly Content[]>());
  let settled = false;
  for (const address of addresses) {
    const each = overlays.map((overlay) => overlay.get(address) ?? memory.now(address));
    const first = each[0] ?? [];
    if (each.every((contents) => sameContents(contents, first))) {
      settled = true;
      memory.write(address, at, first);
      continue;
    }
    each.forEach((contents, i) => apart[i]?.set(address, contents));
    const any: Content[] = [];
    for (const content of each.flat()) if (!any.some((c) => sameContents([c], [content]))) any.push(content);
    memory.write(address, at, any);
  }
  // Nothing new: what is known of an overlay stays known.
  const after = new Map(overlays.map((overlay, i) => [overlay, apart[i] ?? overlay]));
  for (const state of states) {
    const overlay = after.get(state.overlay);
    if (overlay !== undefined && (settled || overlay.size > state.overlay.size)) state.overlay = overlay;
  }
  return settled ? distinct(states) : states;
}

/** The CPU writes bytes, in every state. */
export function cpuWrites(
  states: readonly State[],
  memory: Memory,
  at: number,
  address: bigint,
  data: Uint8Array,
): void {
  const words = wordsOf(address, data);
  const merged = (contents: readonly Content[], value: bigint, mask: bigint): Content[] =>
    contents.map((old) => ({ value: (old.value & ~mask) | value, known: old.known | mask, rules: [] }));
  for (const state of states) {
    const own = words.flatMap(({ word, value, mask }) => {
      const contents = state.overlay.get(word);
      return contents === undefined ? [] : [[word, merged(contents, value, mask)] as const];
    });
    if (own.length > 0) state.put(own);
  }
  for (const { word, value, mask } of words) memory.write(word, at, merged(memory.now(word), value, mask));
}

function isNew(reached: Map<string, State>, state: State): boolean {
  const key = state.key();
  if (reached.has(key)) return false;
  reached.set(key, state);
  return true;
}

/**
 * Of the things that may happen next, those that need following: Updates of enables alone do not disturb each other, so
 * one at a time is enough; beside events or commands under way every order counts.
 */
function inOneOrder(after: readonly State[], from: State): readonly State[] {
  const first = after[0];
  if (after.length <= 1 || first === undefined) return after;
  const update = (state: State): boolean =>
    state.cr0InForce !== from.cr0InForce ||
    state.cr0Ack !== from.cr0Ack ||
    state.irqCtrlAck !== from.irqCtrlAck ||
    state.gbpaPending !== from.gbpaPending;
  return after.every(update) ? [first] : after;
}

export function distinct(states: readonly State[]): State[] {
  if (states.length <= 1) return [...states];
  const byKey = new Map<string, State>();
  for (const state of states) {
    const key = state.key();
    if (!byKey.has(key)) byKey.set(key, state);
  }
  return [...byKey.values()];
}
