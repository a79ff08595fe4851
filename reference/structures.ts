/**
 * Fetching STEs and CDs with everything that a configuration cache may remember of them (3.21.3, 4.3).
 *
 * A fetch is many-valued: each 64-bit word may be any value it held since the latest completed invalidation that covers
 * the structure, read while translation was enabled, from any Stream table that was in use since.
 */
import { Undetermined } from './undetermined.ts';
import { decodeCd, type Cd } from './cd.ts';
import { configHorizon, type Horizon, invalidatedBetween } from './invalidations.ts';
import { FOREVER, type Held, type Memory } from './memory.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import { SMMUEN, type State, type TableWindow } from './state.ts';
import { decodeSte, type Ste } from './ste.ts';

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
}

export interface FetchResult<T> {
  readonly seen: readonly Fetched<T>[];
  readonly aborts: readonly FetchAbort[];
  /** Rules of invalidations that made an old value impossible. */
  readonly forgotten: readonly RuleId[];
  /** The scenario does not say what one of the fetches reads: nothing is known of what follows from it. */
  readonly unknown: string | undefined;
}

const STE_BYTES = 64n;
const WORDS = 8;
const COMBINATIONS_MAX = 512;
/** What decides where an STE leads: V, Config and S1ContextPtr, and what makes it ILLEGAL. */
const STE_WORDS_OF_A_CONTEXT = 2;
/** What a TLB entry may rest on: geometry, tables, tags and permissions; not attributes. */
export const CD_WORDS_OF_A_CONTEXT = 3;

/** Whether translation is enabled now. */
export function translating(state: State): boolean {
  return (state.cr0InForce & SMMUEN) !== 0;
}

/** The Stream table in use now. */
export function currentTable(state: State): TableWindow {
  const table = state.tables.at(-1);
  if (table === undefined || table.to !== FOREVER) throw new Undetermined('no Stream table is in use');
  if (!table.linear) throw new Undetermined('a 2-level Stream table');
  return table;
}

/**
 * Every STE that a lookup for `streamId` may use.
 * @param context with it, every STE that may have led to a translation since that action
 */
export function fetchSte(state: State, memory: Memory, streamId: number, context?: number): FetchResult<Ste> {
  const horizon = configHorizon(state.invalidations, streamId, 'STE');
  const since = context ?? horizon.time;
  const seen: Fetched<Ste>[] = [];
  const aborts: FetchAbort[] = [];
  const forgotten: RuleId[] = [];
  let unknown: string | undefined;
  for (const table of state.tables) {
    const current = table.to === FOREVER;
    if (!current && table.to < since) {
      forgotten.push(...horizon.rules, ...(table.base === state.tables.at(-1)?.base ? [] : (['INIT-049'] as const)));
      continue;
    }
    if (streamId >= 2 ** table.log2Size) continue;
    if (!table.linear) throw new Undetermined('a 2-level Stream table');
    const address = table.base + BigInt(streamId) * STE_BYTES;
    if (memory.backing(address) !== 'ram') {
      if (memory.backing(address) === 'elsewhere') unknown ??= 'a Stream table outside RAM';
      else if (current) aborts.push({ address, rules: ['STRTAB-034', 'STRTAB-002', 'EVT-185'] });
      continue;
    }
    const apart = (until: number, from: number): boolean =>
      invalidatedBetween(state.invalidations, streamId, 'STE', until, from);
    const result = assemble(
      state,
      memory,
      address,
      Math.max(since, table.from),
      table.to,
      horizon,
      apart,
      context === undefined ? WORDS : STE_WORDS_OF_A_CONTEXT,
    );
    forgotten.push(...result.forgotten);
    for (const option of result.options) {
      const rules: RuleId[] = ['STRTAB-002', ...table.rules];
      if (!current)
        rules.push('CACHE-019', ...(table.base === state.tables.at(-1)?.base ? [] : (['STRTAB-064'] as const)));
      if (option.stale) rules.push('CACHE-002', ...option.rules);
      const structure = decodeSte(option.words);
      if (option.stale && !structure.v) rules.push('CACHE-003');
      if (!option.stale && !structure.v && result.options.length > 1) rules.push('CACHE-004');
      seen.push({ structure, since: option.since, until: option.until, stale: option.stale || !current, rules });
    }
  }
  return { seen, aborts, forgotten, unknown };
}

/**
 * Every CD that a lookup through the given STEs may use. The STE found is independent of the CD found: a cached CD
 * is known by its StreamID and SubstreamID, not by where it came from.
 */
export function fetchCd(
  state: State,
  memory: Memory,
  streamId: number,
  stes: readonly Fetched<Ste>[],
  f: Features,
  context?: number,
): FetchResult<Cd> {
  const horizon = configHorizon(state.invalidations, streamId, 'CD');
  const since = context ?? horizon.time;
  const seen: Fetched<Cd>[] = [];
  const aborts: FetchAbort[] = [];
  const forgotten: RuleId[] = [];
  let unknown: string | undefined;
  for (const ste of byPointer(stes)) {
    const address = ste.structure.s1ContextPtr;
    if (address >> BigInt(f.oas) !== 0n) continue;
    if (memory.backing(address) !== 'ram') {
      if (memory.backing(address) === 'elsewhere') unknown ??= 'a CD outside RAM';
      else aborts.push({ address, rules: ['CD-023', 'EVT-190', ...ste.rules] });
      continue;
    }
    // Before the STE pointed at it the CD was not reachable, so it cannot have been read (3.21.3).
    const apart = (until: number, from: number): boolean =>
      invalidatedBetween(state.invalidations, streamId, 'CD', until, from);
    const result = assemble(
      state,
      memory,
      address,
      Math.max(since, ste.since),
      FOREVER,
      horizon,
      apart,
      context === undefined ? WORDS : CD_WORDS_OF_A_CONTEXT,
    );
    forgotten.push(...result.forgotten);
    for (const option of result.options) {
      const structure = decodeCd(option.words);
      const rules: RuleId[] = structure.endi ? ['CD-037'] : [];
      if (ste.stale) rules.push('CACHE-016');
      if (option.stale) rules.push(structure.v ? 'CACHE-006' : 'CACHE-007', ...option.rules);
      seen.push({
        structure,
        since: Math.max(option.since, ste.since),
        until: Math.min(option.until, ste.until),
        stale: option.stale || ste.stale,
        rules,
      });
    }
  }
  return { seen, aborts, forgotten, unknown };
}

interface Assembled {
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
function assemble(
  state: State,
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
  for (let i = 0; i < WORDS; i++) {
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
export function seenWhileEnabled(state: State, from: number, to: number): boolean {
  if (to === FOREVER) return true;
  return state.tables.some((table) => table.from < to && table.to > from);
}

/** STEs that point at the same place since the same time count once, for as long as any of them. */
function byPointer(stes: readonly Fetched<Ste>[]): Fetched<Ste>[] {
  const groups = new Map<string, Fetched<Ste>>();
  for (const ste of stes) {
    const key = `${ste.structure.s1ContextPtr}:${ste.since}`;
    const known = groups.get(key);
    if (known === undefined || known.until < ste.until || (known.stale && !ste.stale)) {
      groups.set(key, known === undefined ? ste : { ...ste, until: Math.max(known.until, ste.until) });
    }
  }
  return [...groups.values()];
}
