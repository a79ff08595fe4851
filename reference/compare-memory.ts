/** Judging what the CPU reads from memory. */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import { type Accepted, type Comparison, everyState } from './comparison.ts';
import { ones } from './bits.ts';
import { isLayout } from './events.ts';
import type { Features } from './features.ts';
import { hex, unknownBits } from './in-words.ts';
import { agrees, type Content, type Memory, wordsOf } from './memory.ts';
import { commandQueue, eventQueue, occupancy, slotAddress } from './queues.ts';
import type { CrossCell } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import { CMDQ_BASE, EVENTQ_CONS, EVENTQ_PROD, EVENTQEN, type State } from './state.ts';
import type { Permitted } from './verdict.ts';

type Words = readonly { word: bigint; value: bigint; mask: bigint }[];

/** What the CPU reads from memory: data pages, structures, and the records of the Event queue, in each state as a whole. */
export function compareMemory(
  states: readonly State[],
  memory: Memory,
  f: Features,
  action: Extract<Action, { op: 'read-memory' }>,
  observation: Observation,
): Comparison {
  const { address, bytes } = action;
  const { outcome } = observation;
  const inRam = memory.backing(address) === 'ram' && memory.backing(address + BigInt(bytes - 1)) === 'ram';
  if (!inRam) return everyState(states, []);
  if (outcome.kind !== 'data') {
    return { ...everyState([], []), permitted: [{ outcome: 'data', rules: [] }], difference: 'access-abort' };
  }
  const words = wordsOf(address, outcome.data.subarray(0, bytes));
  const accepted: Accepted[] = [];
  let broken: Broken | undefined;
  for (const state of states) {
    const result = compareWords(state, memory, f, words);
    if ('rules' in result) accepted.push({ state, ...result });
    else broken ??= result;
  }
  if (accepted.length > 0 || broken === undefined) return { ...everyState(states, []), accepted };
  return {
    ...everyState([], []),
    permitted: broken.permitted,
    difference: broken.event ? 'event-record' : 'memory',
    rule: broken.rule,
  };
}

interface Broken {
  readonly permitted: readonly Permitted[];
  readonly event: boolean;
  readonly rule: RuleId;
}

function compareWords(
  state: State,
  memory: Memory,
  f: Features,
  words: Words,
): { rules: RuleId[]; cells: CrossCell[] } | Broken {
  const rules: RuleId[] = [];
  const cells: CrossCell[] = [];
  for (const { word, value, mask } of words) {
    if (freeEventSlot(state, f, word)) continue;
    const contents = state.content(memory, word);
    const matching = contents.filter((content) => agrees(content, value, mask));
    if (matching.length === 0) return brokenWord(state, memory, f, word, value & mask, contents);
    if (!state.overlay.has(word)) memory.narrow(word, value, mask);
    else if (matching.length < contents.length) state.put([[word, matching]]);
    for (const content of matching) rules.push(...content.rules);
    const [only] = matching;
    if (matching.length === 1 && only?.cell !== undefined) cells.push(only.cell);
    if (memory.walked(word))
      rules.push('HTTU-065', ...((value & mask & (1n << 10n)) === 0n ? [] : (['HTTU-016'] as const)));
    if (inCommandQueue(state, f, word)) rules.push('CMDQ-088');
  }
  return { rules, cells };
}

function brokenWord(
  state: State,
  memory: Memory,
  f: Features,
  word: bigint,
  seen: bigint,
  contents: readonly Content[],
): Broken {
  const permitted = contents.map((c) => ({
    outcome: `${hex(c.value)} at ${hex(word)}${unknownBits(c)}`,
    rules: c.rules,
  }));
  const queue = eventQueue(state, f);
  const inQueue = word >= queue.base && word <= slotAddress(queue, 2 ** queue.log2Size - 1, 32) + 24n;
  // A word that a record leaves as it was is one of the record all the same: its first word tells which.
  const record = inQueue
    ? state.content(memory, word & ~31n).find((content) => content.rules.some(isLayout))
    : undefined;
  if (record !== undefined) {
    const wrong = contents.reduce((bits, content) => bits | ((content.value ^ seen) & content.known), 0n);
    return { permitted, event: true, rule: brokenField(Number((word >> 3n) & 3n), wrong, record.rules) };
  }
  const written = contents.find((content) => content.rules.length > 0);
  return { permitted, event: false, rule: written?.rules[0] ?? 'HTTU-065' };
}

/**
 * The rule of the record field that the wrong bits of one of its four words lie in (7.3).
 * @param rules of the record that must be there, first the one that made the event happen
 */
function brokenField(at: number, wrong: bigint, rules: readonly RuleId[]): RuleId {
  const inside = (high: number, low: number): boolean => (wrong & (ones(high - low + 1) << BigInt(low))) !== 0n;
  const layout = rules.find(isLayout) ?? 'EVT-002';
  const field = (rule: RuleId): RuleId => (rules.includes(rule) ? rule : layout);
  switch (at) {
    case 0:
      if (inside(7, 0)) return rules[0] ?? layout;
      return inside(63, 32) ? 'EVT-005' : layout;
    case 1:
      if (inside(35, 35)) return field('EVT-009');
      if (inside(34, 33)) return field('EVT-012');
      if (inside(39, 39)) return field('EVT-018');
      return inside(41, 40) ? field('EVT-020') : layout;
    case 2:
      return field('EVT-015');
    default:
      return field('EVT-073');
  }
}

function inCommandQueue(state: State, f: Features, word: bigint): boolean {
  if ((state.unknown(CMDQ_BASE) | state.unknown(CMDQ_BASE + 4)) !== 0) return false;
  const queue = commandQueue(state, f);
  return word >= queue.base && word < slotAddress(queue, 2 ** queue.log2Size - 1, 16) + 16n;
}

/** Whether a word lies in a slot of the enabled Event queue that holds no record: the SMMU may have written there already. */
function freeEventSlot(state: State, f: Features, word: bigint): boolean {
  if (((state.cr0InForce | state.cr0Ack) & EVENTQEN) === 0) return false;
  const queue = eventQueue(state, f);
  const slot = Number((word - queue.base) >> 5n);
  if (word < queue.base || slot >= 2 ** queue.log2Size) return false;
  const cons = state.word(EVENTQ_CONS);
  const ahead = (slot - cons) & (2 ** queue.log2Size - 1);
  return ahead >= occupancy(state.word(EVENTQ_PROD), cons, queue.log2Size);
}
