/**
 * Reading structures with everything that a configuration cache may remember of them (3.21.3, 4.3).
 *
 * A fetch is many-valued: each 64-bit word may be any value it held since the latest completed invalidation that covers
 * the structure, read while translation was enabled. Where structures lie is found in stream-table.ts and cd-table.ts.
 */
import type { Horizon } from './invalidations.ts';
import { FOREVER, type Held, type Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import type { History } from './state-parts.ts';
import { Undetermined } from './undetermined.ts';

/** One structure as some lookup may see it. */
export interface Fetched<T> {
  readonly structure: T;
  /** The action since which all its words could be seen together. */
  readonly since: number;
  /** The action before which a lookup may have read it from memory; FOREVER when it is what memory holds now. */
  readonly until: number;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

/** A fetch that the memory system aborted; never remembered (5.2.1, 5.4.1). */
export interface FetchAbort {
  readonly address: bigint;
  readonly rules: readonly RuleId[];
  readonly stale: boolean;
  /** Another behaviour is permitted too. */
  readonly unpredictable: boolean;
}

/** A level 1 descriptor that leads nowhere, so that the StreamID or SubstreamID is bad. */
export interface Nowhere {
  readonly rules: readonly RuleId[];
  readonly stale: boolean;
  readonly unpredictable: boolean;
}

export interface FetchResult<T> {
  readonly seen: readonly Fetched<T>[];
  readonly aborts: readonly FetchAbort[];
  readonly nowhere: readonly Nowhere[];
  /** Rules of invalidations that made an old value impossible. */
  readonly forgotten: readonly RuleId[];
  /** The scenario does not say what one of the fetches reads: nothing is known of what follows from it. */
  readonly unknown: string | undefined;
}

export const STRUCTURE_WORDS = 8;
const COMBINATIONS_MAX = 512;

export interface Assembled {
  readonly words: bigint[];
  readonly since: number;
  readonly until: number;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

/**
 * All ways to put the eight words together from what each held after `since`, while enabled, before `before`.
 * @param horizon the invalidation that covers the structure; `since` may be later, when it was not reachable before
 * @param apart whether an invalidation came between two times, so that words of both cannot meet in one copy
 * @param relevant how many words matter; the others are taken as they are now
 */
export function assemble(
  state: History,
  memory: Memory,
  address: bigint,
  since: number,
  before: number,
  horizon: Horizon,
  apart: (until: number, since: number) => boolean,
  relevant: number,
): { options: Assembled[]; forgotten: RuleId[] } {
  let options: Assembled[] = [{ words: [], since: Math.max(0, since), until: FOREVER, stale: false, rules: [] }];
  const forgotten: RuleId[] = [];
  let changed = 0;
  for (let i = 0; i < STRUCTURE_WORDS; i++) {
    const held: Held[] = [];
    const history = memory.held(address + BigInt(i * 8), -2);
    for (const h of i < relevant ? history : history.slice(-1)) {
      if (h.to <= since)
        forgotten.push(...(h.to <= horizon.time ? [...horizon.rules, ...wordRules(i)] : NOT_REACHABLE));
      else if (h.from < before && seenWhileEnabled(state, Math.max(h.from, since), h.to)) held.push(h);
      else forgotten.push('CACHE-018');
    }
    if (held.length === 0) return { options: [], forgotten };
    if (held.length > 1) changed++;
    options = options.flatMap((option) => held.map((h) => extended(option, h, horizon)));
    options = options.filter((option) => option.until >= option.since || !apart(option.until, option.since));
    if (options.length > COMBINATIONS_MAX) throw new Undetermined('too many versions of one structure');
  }
  if (changed === 0) return { options, forgotten };
  const mixed: RuleId[] = changed > 1 ? ['CACHE-022', 'CACHE-023'] : ['CACHE-021'];
  return {
    options: options.map((option) => (option.stale ? { ...option, rules: [...option.rules, ...mixed] } : option)),
    forgotten,
  };
}

const NOT_REACHABLE: readonly RuleId[] = ['CACHE-009'];

/** Word 1 of an STE holds the overrides, which no TLB may keep. */
function wordRules(at: number): readonly RuleId[] {
  return at === 1 ? ['CACHE-031'] : [];
}

function extended(option: Assembled, h: Held, horizon: Horizon): Assembled {
  const stale = h.to !== FOREVER;
  return {
    words: [...option.words, h.value],
    since: Math.max(option.since, h.from),
    until: Math.min(option.until, h.to),
    stale: option.stale || stale,
    rules: stale ? [...option.rules, ...horizon.spared] : option.rules,
  };
}

/** Whether some moment from `from` until before `to` fell into a time when translation was enabled. */
export function seenWhileEnabled(state: History, from: number, to: number): boolean {
  if (to === FOREVER) return true;
  return state.tables.some((table) => table.from < to && table.to > from);
}
