/**
 * Findings about the software in a scenario (3.21): which change of memory a DMA's outcome depends on, and which invalidation would
 * have settled it. Found by asking the reference again with the change, or the invalidation, supposed away; nothing is judged by it.
 */
import { whatIsAt } from '../scenario/layout.ts';
import type { Features } from './features.ts';
import { inWords } from './in-words.ts';
import type { ConfigScope, Invalidation, TlbScope } from './invalidations.ts';
import type { Memory } from './memory.ts';
import type { Transaction, TransactionOutcome } from './outcomes.ts';
import type { State } from './state.ts';
import { transactionOutcomes } from './transaction.ts';
import type { Change } from './verdict.ts';

/** What is asked again. */
export interface Question {
  readonly states: readonly State[];
  readonly memory: Memory;
  readonly features: Features;
  readonly transaction: Transaction;
  readonly now: number;
}

/** The changes that leave the outcome open, the latest first; none when no single word does. */
export function changesBehind(question: Question): Change[] {
  const changes: Change[] = [];
  let { memory } = question;
  let open = outcomesOf(question).size;
  for (const { address, at } of memory.changes()) {
    if (open === 1) break;
    const supposed = memory.asIfAlways(address);
    const left = outcomesOf({ ...question, memory: supposed }).size;
    if (left >= open) continue;
    memory = supposed;
    open = left;
    changes.push({ address, at });
  }
  return changes;
}

/** The least that would have left one outcome, in words. */
export function missingInvalidation(question: Question): string | undefined {
  const { streamId } = question.transaction;
  const suffices = (...more: readonly Scope[]): boolean => outcomesOf(afterAll(question, more)).size === 1;
  if (outcomesOf(allComplete(question)).size === 1) return 'CMD_SYNC, which completes what was issued';
  const cd = configScope(streamId, false);
  const ste = configScope(streamId, true);
  const stage = tlbNames(question);
  if (suffices(EVERYTHING)) return `${stage}, and CMD_SYNC`;
  if (suffices(cd)) return `CMD_CFGI_CD of stream ${streamId} and CMD_SYNC`;
  if (suffices(ste)) return `CMD_CFGI_STE of stream ${streamId} and CMD_SYNC`;
  if (suffices(cd, EVERYTHING)) return `CMD_CFGI_CD of stream ${streamId}, CMD_SYNC, ${stage}, and CMD_SYNC`;
  if (suffices(ste, EVERYTHING)) return `CMD_CFGI_STE of stream ${streamId}, CMD_SYNC, ${stage}, and CMD_SYNC`;
  return undefined;
}

/** Which TLB invalidations reach what changed, as far as its place tells (scenario/layout.ts). */
function tlbNames(question: Question): string {
  const owners = changesBehind(question).map(({ address }) => whatIsAt(address));
  const stage2 = owners.some((place) => place?.kind === 'descriptor' && 'vm' in place.owner);
  return stage2 ? 'CMD_TLBI_S2_IPA or CMD_TLBI_S12_VMALL' : 'CMD_TLBI_NH_VA or a wider one';
}

type Scope = ConfigScope | TlbScope;

const EVERYTHING: TlbScope = {
  ...{ cache: 'tlb', stage: 'both', vmid: undefined, asid: undefined, range: undefined },
  ...{ leaf: false, ttl: 0, granule: undefined, rules: [] },
};

function configScope(streamId: number, ste: boolean): ConfigScope {
  return {
    ...{ cache: 'config', first: streamId, last: streamId },
    ...{ ste, leaf: false, substreamId: undefined, rules: [] },
  };
}

/** As if these invalidations had been done just before. */
function afterAll(question: Question, scopes: readonly Scope[]): Question {
  const { now } = question;
  const done = scopes.map((scope): Invalidation => ({ time: now, complete: true, completedAt: now, scope }));
  return invalidated(question, (before) => [...before, ...done]);
}

function allComplete(question: Question): Question {
  return invalidated(question, (before) =>
    before.map((one) => (one.complete ? one : { ...one, complete: true, completedAt: question.now })),
  );
}

function invalidated(
  question: Question,
  change: (before: readonly Invalidation[]) => readonly Invalidation[],
): Question {
  const states = question.states.map((state) => {
    const other = state.copy();
    other.invalidations = change(state.invalidations);
    return other;
  });
  return { ...question, states };
}

function outcomesOf({ states, memory, features, transaction, now }: Question): Set<string> {
  const outcomes = states.flatMap(
    (state): readonly TransactionOutcome[] => transactionOutcomes(transaction, state, memory, features, now).outcomes,
  );
  return new Set(outcomes.map((outcome) => `${inWords(outcome)}|${outcome.event?.words.join() ?? ''}`));
}
