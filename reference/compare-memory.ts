/** Judging what the CPU reads from memory. */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import { type Comparison, everyState } from './comparison.ts';
import type { Features } from './features.ts';
import { hex, unknownBits } from './in-words.ts';
import { agrees, type Memory, wordsOf } from './memory.ts';
import { eventQueue, occupancy } from './queues.ts';
import type { RuleId } from './rules/ids.ts';
import { EVENTQ_CONS, EVENTQ_PROD, EVENTQEN, type State } from './state.ts';

/** What the CPU reads from memory: data pages, structures, and the records of the Event queue. */
export function compareMemory(
  states: readonly State[],
  memory: Memory,
  f: Features,
  action: Extract<Action, { op: 'read-memory' }>,
  observation: Observation,
): Comparison {
  const { address, bytes } = action;
  const { outcome } = observation;
  if (memory.backing(address) !== 'ram') return everyState(states, []);
  if (outcome.kind !== 'data') {
    return { ...everyState([], []), permitted: [{ outcome: 'data', rules: [] }], difference: 'access-abort' };
  }
  const rules: RuleId[] = [];
  for (const { word, value, mask } of wordsOf(address, outcome.data.subarray(0, bytes))) {
    if (states.every((state) => freeEventSlot(state, f, word))) {
      rules.push('CMDQ-029');
      continue;
    }
    const contents = memory.now(word);
    const matching = contents.filter((content) => agrees(content, value, mask));
    if (matching.length === 0) {
      const smmu = contents.find((content) => content.rules.length > 0);
      const event = smmu?.rules.some((rule) => rule.startsWith('EVT-')) ?? false;
      return {
        ...everyState([], []),
        permitted: contents.map((c) => ({
          outcome: `${hex(c.value)} at ${hex(word)}${unknownBits(c)}`,
          rules: c.rules,
        })),
        difference: event ? 'event-record' : 'memory',
        rule: smmu?.rules.at(-1) ?? 'HTTU-065',
      };
    }
    memory.narrow(word, value, mask);
    for (const content of matching) rules.push(...content.rules);
  }
  return everyState(states, [...rules, 'CMDQ-088', 'HTTU-065']);
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
