/**
 * The set of states the programming interface may be in: how it grows with what may happen, and shrinks to what differs.
 */
import type { Content, Memory } from './memory.ts';
import { type Environment, successors, Undetermined } from './progress.ts';
import type { MemoryWrite, State } from './state.ts';
/** More possible states than this: the reference stops following them all. */
export const STATES_MAX = 96;

/** Everything that may have happened by now without software's doing. */
export function advance(states: readonly State[], env: Environment): readonly State[] {
  const reached = new Map<string, State>();
  let frontier: readonly State[] = states;
  while (frontier.length > 0) {
    const next = frontier.flatMap((state) => successors(state, env)).filter((state) => isNew(reached, state));
    if (reached.size > STATES_MAX * 8) throw new Undetermined('too many orders of events');
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
    if (reached.size > STATES_MAX * 8) throw new Undetermined('too many orders of events');
    frontier = next;
  }
  return distinct(idle);
}

/** What the SMMU wrote to memory in each possible state becomes what memory may hold. */
export function commit(states: readonly State[], memory: Memory, at: number): readonly State[] {
  if (states.every((state) => state.writes.length === 0)) return states;
  const byWord = new Map<bigint, Content[]>();
  for (const state of states) {
    for (const write of state.writes) if (!byWord.has(write.address)) byWord.set(write.address, []);
  }
  for (const [address, contents] of byWord) {
    for (const state of states) {
      const candidates = lastWrite(state.writes, address) ?? memory.now(address);
      for (const content of candidates) if (!contents.some((c) => same(c, content))) contents.push(content);
    }
    memory.write(address, at, contents);
  }
  for (const state of states) state.writes = [];
  return distinct(states);
}

function isNew(reached: Map<string, State>, state: State): boolean {
  const key = `${state.key()}|${writesKey(state)}`;
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

function writesKey(state: State): string {
  return state.writes
    .map((write) => `${write.address}=${write.contents.map((content) => content.value).join('|')}`)
    .join();
}

function lastWrite(writes: readonly MemoryWrite[], address: bigint): readonly Content[] | undefined {
  return writes.findLast((write) => write.address === address)?.contents;
}

function same(a: Content, b: Content): boolean {
  return a.value === b.value && a.known === b.known;
}

export function distinct(states: readonly State[]): State[] {
  if (states.length <= 1) return [...states];
  const byKey = new Map<string, State>();
  for (const state of states) {
    const key = `${state.key()}|${writesKey(state)}`;
    if (!byKey.has(key)) byKey.set(key, state);
  }
  return [...byKey.values()];
}
