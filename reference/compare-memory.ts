/** Judging what the CPU reads from memory. */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import { type Accepted, type Comparison, everyState } from './comparison.ts';
import { ALL_ONES, ones } from './bits.ts';
import type { Features } from './features.ts';
import { hex, unknownBits } from './in-words.ts';
import { agrees, type Content, type Memory, wordsOf } from './memory.ts';
import { commandQueue, eventQueue, occupancy, slotAddress } from './queues.ts';
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
    if ('rules' in result) accepted.push({ state, rules: result.rules });
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

function compareWords(state: State, memory: Memory, f: Features, words: Words): { rules: RuleId[] } | Broken {
  const rules: RuleId[] = [];
  for (const { word, value, mask } of words) {
    if (freeEventSlot(state, f, word)) continue;
    const contents = state.content(memory, word);
    const matching = contents.filter((content) => agrees(content, value, mask));
    if (matching.length === 0) return brokenWord(word, value & mask, contents);
    if (!state.overlay.has(word)) memory.narrow(word, value, mask);
    else if (matching.length < contents.length) state.put(word, matching);
    for (const content of matching) rules.push(...content.rules);
    if (memory.walked(word)) rules.push('HTTU-065');
    if (inCommandQueue(state, f, word)) rules.push('CMDQ-088');
  }
  return { rules };
}

function brokenWord(word: bigint, seen: bigint, contents: readonly Content[]): Broken {
  const written = contents.find((content) => content.rules.length > 0);
  const event = written?.rules.some((rule) => rule.startsWith('EVT-')) ?? false;
  const permitted = contents.map((c) => ({
    outcome: `${hex(c.value)} at ${hex(word)}${unknownBits(c)}`,
    rules: c.rules,
  }));
  const wrong = written === undefined ? 0n : (written.value ^ seen) & written.known;
  const cause = written?.rules[0] ?? 'HTTU-065';
  return { permitted, event, rule: event ? brokenField(Number((word >> 3n) & 3n), wrong, cause) : cause };
}

/** The rule of the record field that the wrong bits of one of its four words lie in (7.3). */
function brokenField(at: number, wrong: bigint, cause: RuleId): RuleId {
  const inside = (high: number, low: number): boolean => (wrong & (ones(high - low + 1) << BigInt(low))) !== 0n;
  switch (at) {
    case 0:
      if (inside(7, 0)) return cause;
      return inside(63, 32) ? 'EVT-005' : 'EVT-002';
    case 1:
      if (inside(35, 35)) return 'EVT-009';
      if (inside(34, 33)) return 'EVT-012';
      if (inside(39, 39)) return 'EVT-018';
      return inside(41, 40) ? 'EVT-020' : 'EVT-002';
    case 2:
      return (wrong & ALL_ONES) !== 0n ? 'EVT-015' : 'EVT-002';
    default:
      return cause;
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
