/**
 * From a StreamID to STEs (3.3.1, 5.1, 6.3.24, 6.3.25): linear and 2-level Stream tables.
 *
 * The table in use now leads to an STE, and so does what a configuration cache may remember: of level 1 descriptors, of STEs,
 * of tables that were in use before. What the STE then says is judged in ste.ts.
 */
import { alignDown, field, flag, ones } from './bits.ts';
import type { Features } from './features.ts';
import { bothGone, configHorizon, invalidatedBetween, stillUsed } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import { SMMUEN, type State, STRTAB_BASE, STRTAB_BASE_CFG } from './state.ts';
import type { History, TableWindow } from './state-parts.ts';
import { decodeSte, type Ste } from './ste.ts';
import {
  assemble,
  type FetchAbort,
  type Fetched,
  type FetchResult,
  type Nowhere,
  STRUCTURE_WORDS,
} from './structures.ts';
import { Undetermined } from './undetermined.ts';

const STE_BYTES = 64n;
const L1STD_BYTES = 8n;
/** What decides where an STE leads: V, Config and S1ContextPtr, S1DSS, and, where implemented, stage 2. */
const STE_WORDS_OF_A_CONTEXT = 4;
const SPLIT_RULES: ReadonlyMap<number, RuleId> = new Map([
  [6, 'STRTAB-015'],
  [8, 'STRTAB-016'],
  [10, 'STRTAB-017'],
]);
const SPAN_MAX = 11;

/** Whether translation is enabled now. */
export function translating(state: State): boolean {
  return (state.cr0InForce & SMMUEN) !== 0;
}

/** The Stream table in use now. */
export function currentTable(state: State): TableWindow {
  const table = state.tables.at(-1);
  if (table === undefined || table.to !== FOREVER) throw new Undetermined('no Stream table is in use');
  return table;
}

/** The Stream table that STRTAB_BASE and STRTAB_BASE_CFG describe, in use from action `now` on (6.3.24, 6.3.25). */
export function tableWindow(state: State, f: Features, now: number): TableWindow {
  if (state.unknown(STRTAB_BASE_CFG) !== 0 || state.unknown(STRTAB_BASE) !== 0) {
    throw new Undetermined('translation was enabled before the Stream table was set up');
  }
  const config = state.word(STRTAB_BASE_CFG);
  const literal = config & 0x3f;
  const format = (config >>> 16) & 3;
  const linear = f.stLevel === 0 || format !== 1;
  const programmed = (config >>> 6) & 0x1f;
  const split = SPLIT_RULES.has(programmed) ? programmed : 6;
  // Bits of the base taken as zero: those of the table's size, by LOG2SIZE as written.
  const aligned = (log2Size: number): number => (linear ? log2Size + 6 : Math.max(6, log2Size - split + 3));
  const address = state.double(STRTAB_BASE) & ones(56) & ~0x3fn;
  const truncated = address & ones(f.oas);
  const base = alignDown(truncated, aligned(literal));
  const rules: RuleId[] = [];
  if (base !== truncated) rules.push(linear ? 'STRTAB-003' : 'STRTAB-020');
  if (literal > f.sidSize) {
    rules.push('STRTAB-008');
    if (alignDown(truncated, aligned(f.sidSize)) !== base) rules.push(linear ? 'STRTAB-004' : 'STRTAB-021');
  }
  if (linear) rules.push(...linearRules(state, f, literal, format));
  else {
    rules.push(SPLIT_RULES.get(programmed) ?? 'STRTAB-018');
    if (split >= Math.min(literal, f.sidSize)) rules.push('STRTAB-022');
  }
  const log2Size = Math.min(literal, f.sidSize);
  return { from: now, to: FOREVER, base, aboveOas: address >> BigInt(f.oas) !== 0n, log2Size, linear, split, rules };
}

function linearRules(state: State, f: Features, literal: number, format: number): RuleId[] {
  const rules: RuleId[] = [];
  if (literal === 0) rules.push('STRTAB-005');
  if (f.stLevel !== 0 && format >= 2) rules.push('STRTAB-010');
  const split = (state.word(STRTAB_BASE_CFG) | state.reserved(STRTAB_BASE_CFG)) & 0x7c0;
  if (split !== 0) rules.push(f.stLevel === 0 ? 'STRTAB-011' : 'STRTAB-019');
  if (f.stLevel !== 0 && state.tables.some((table) => !table.linear)) rules.push('STRTAB-012');
  return rules;
}

/** Where the STE of a stream may be read: in the table, or through a level 1 descriptor that may be remembered. */
interface Place {
  readonly address: bigint;
  readonly from: number;
  /** The action before which the STE may have been read here; FOREVER: it may be read here now. */
  readonly until: number;
  /** The action before which what led here may have been kept in a cache. */
  readonly cachedUntil: number;
  /** It is not where the table in memory leads now. */
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

interface Places {
  readonly places: Place[];
  readonly aborts: FetchAbort[];
  readonly nowhere: Nowhere[];
  readonly forgotten: RuleId[];
  unknown: string | undefined;
}

/**
 * Every STE that a lookup for `streamId` may use.
 * @param context with it, every STE that may have led to a translation since that action
 * @param fresh nothing from before `context` is remembered, not even by level 1 descriptors
 */
export function fetchSte(
  state: State,
  memory: Memory,
  f: Features,
  streamId: number,
  context?: number,
  fresh = false,
): FetchResult<Ste> {
  return memory.derive(state.tables, state.invalidations, `STE ${streamId} ${context} ${fresh}`, () =>
    everySte(state, memory, f, streamId, context, fresh),
  );
}

function everySte(
  state: History,
  memory: Memory,
  f: Features,
  streamId: number,
  context: number | undefined,
  fresh: boolean,
): FetchResult<Ste> {
  const horizon = configHorizon(state.invalidations, streamId, 'STE');
  const since = context ?? horizon.time;
  const seen: Fetched<Ste>[] = [];
  const found: Places = { places: [], aborts: [], nowhere: [], forgotten: [], unknown: undefined };
  for (const table of state.tables) {
    const current = table.to === FOREVER;
    if (table.linear && !current && table.to < since) {
      const moved = table.base !== state.tables.at(-1)?.base;
      found.forgotten.push(...horizon.rules, ...(moved ? (['INIT-049'] as const) : []));
      continue;
    }
    if (streamId >= 2 ** table.log2Size) continue;
    if (table.linear) linearPlace(state, table, streamId, found);
    else if (current || !fresh) level1Places(state, memory, f, table, streamId, context, fresh, found);
  }
  const apart = (until: number, from: number): boolean =>
    invalidatedBetween(state.invalidations, streamId, 'STE', until, from);
  const aborts = [...found.aborts];
  const forgotten = [...found.forgotten];
  let { unknown } = found;
  for (const place of found.places) {
    const { address } = place;
    if (place.until !== FOREVER && place.until < since) {
      forgotten.push(...horizon.rules);
      continue;
    }
    if (memory.backing(address) !== 'ram') {
      if (memory.backing(address) === 'elsewhere') unknown ??= 'a Stream table outside RAM';
      else if (place.until === FOREVER) {
        const rules: RuleId[] = ['STRTAB-034', ...place.rules, 'EVT-185'];
        aborts.push({ address, rules, stale: place.stale, unpredictable: false });
      }
      continue;
    }
    const words = context === undefined ? STRUCTURE_WORDS : f.s2p ? STE_WORDS_OF_A_CONTEXT : 2;
    const from = Math.max(since, place.from);
    const result = assemble(state, memory, address, from, place.until, horizon, apart, words);
    forgotten.push(...result.forgotten);
    for (const option of result.options) {
      const rules: RuleId[] = [...place.rules];
      if (option.stale) rules.push('CACHE-002', ...option.rules);
      const structure = decodeSte(option.words);
      if (option.stale && !structure.v) rules.push('CACHE-003');
      if (!option.stale && !structure.v && result.options.length > 1) rules.push('CACHE-004');
      if (f.ttendian === 3 || bigEndianTables(structure)) rules.push('STRTAB-056');
      seen.push({
        structure,
        since: option.since,
        until: Math.min(option.until, place.cachedUntil),
        stale: option.stale || place.stale,
        rules,
      });
    }
  }
  // A fetch that aborted was not remembered: what is read now counts at once (5.2.1).
  if (found.places.some((place) => place.until !== FOREVER && memory.backing(place.address) === 'hole'))
    seen.forEach((ste, at) => (seen[at] = { ...ste, rules: [...ste.rules, 'CACHE-010'] }));
  return { seen, aborts, nowhere: found.nowhere, forgotten, unknown };
}

/** Whether stage 2 tables are big-endian, which Stream tables never are. */
function bigEndianTables(ste: Ste): boolean {
  return ste.config >= 0b110 && flag(ste.words[2] ?? 0n, 52);
}

function linearPlace(state: History, table: TableWindow, streamId: number, found: Places): void {
  const current = table.to === FOREVER;
  const rules: RuleId[] = ['STRTAB-002', ...table.rules];
  if (!current) rules.push('CACHE-019', ...moved(state, table));
  const address = table.base + BigInt(streamId) * STE_BYTES;
  found.places.push({ address, from: table.from, until: table.to, cachedUntil: FOREVER, stale: !current, rules });
}

function moved(state: History, table: TableWindow): RuleId[] {
  return table.base === state.tables.at(-1)?.base ? [] : ['STRTAB-064'];
}

/** Everything that the level 1 descriptor of a stream said, for as long as a cache may have kept it (5.1). */
function level1Places(
  state: History,
  memory: Memory,
  f: Features,
  table: TableWindow,
  streamId: number,
  context: number | undefined,
  fresh: boolean,
  found: Places,
): void {
  const structure = { of: 'L1STD', split: table.split } as const;
  const address = table.base + BigInt(Math.floor(streamId / 2 ** table.split)) * L1STD_BYTES;
  const current = table.to === FOREVER;
  const common: RuleId[] = ['STRTAB-013', ...table.rules];
  if (memory.backing(address) !== 'ram') {
    if (memory.backing(address) === 'elsewhere') found.unknown ??= 'a Stream table outside RAM';
    else if (current) {
      const rules: RuleId[] = ['STRTAB-035', 'EVT-184', ...common];
      found.aborts.push({ address, rules, stale: false, unpredictable: false });
    }
    return;
  }
  const horizon = configHorizon(state.invalidations, streamId, structure);
  for (const held of memory.held(address, -2)) {
    const from = Math.max(held.from, table.from);
    const replaced = Math.min(held.to, table.to);
    if (from >= replaced) continue;
    const stale = replaced !== FOREVER;
    if (stale && fresh) continue;
    const until = stillUsed(state.invalidations, streamId, replaced, structure);
    if (until !== FOREVER) {
      found.forgotten.push(...horizon.rules, ...((held.value & 0x1fn) === 0n ? (['CFGI-027'] as const) : []));
    }
    // What came of it before the invalidation may be left in the TLB.
    if (context === undefined ? bothGone(state.invalidations, streamId, replaced, structure, 'STE') : until < context)
      continue;
    const rules: RuleId[] = [...common];
    if (stale) rules.push('CACHE-005', ...horizon.spared, ...moved(state, table));
    // The descriptor is gone, but STEs found through it may be left.
    if (until !== FOREVER) rules.push('CFGI-028');
    level1(held.value, f, table, streamId, { from, until, cachedUntil: until, stale, rules }, found);
  }
}

/** What one value of a level 1 descriptor says. */
function level1(
  value: bigint,
  f: Features,
  table: TableWindow,
  streamId: number,
  at: Omit<Place, 'address'>,
  found: Places,
): void {
  const now = at.until === FOREVER;
  const nowhere = (rule: RuleId, unpredictable = false): void => {
    if (now) found.nowhere.push({ rules: [rule, ...at.rules], stale: at.stale, unpredictable });
  };
  const span = Number(value & 0x1fn);
  const index = streamId % 2 ** table.split;
  if (span === 0) return nowhere('STRTAB-023');
  if (span > SPAN_MAX) return nowhere('STRTAB-024');
  if (span > table.split + 1) return nowhere('STRTAB-025');
  if (index >= 2 ** (span - 1)) return nowhere(span === 1 ? 'STRTAB-027' : 'STRTAB-026');
  if (flag(value, 5) || value >> 56n !== 0n) nowhere('STRTAB-031', true);
  const pointer = field(value, 55, 6) << 6n;
  const truncated = pointer & ones(f.oas);
  const array = alignDown(truncated, 6 + span - 1);
  const address = array + BigInt(index) * STE_BYTES;
  const rules: RuleId[] = ['STRTAB-014', spanRule(span, table.split), ...at.rules];
  if (array !== truncated) rules.push('STRTAB-030');
  if (pointer !== truncated && now) {
    found.aborts.push({ address, rules: ['STRTAB-033', ...at.rules], stale: at.stale, unpredictable: true });
  }
  found.places.push({ ...at, address, rules });
}

function spanRule(span: number, split: number): RuleId {
  if (span === 1) return 'STRTAB-027';
  return span === split + 1 ? 'STRTAB-029' : 'STRTAB-028';
}

/** Streams whose STE was ever written, in any Stream table that was in use. */
export function writtenStreams(state: State, memory: Memory, f: Features): Set<number> {
  return new Set(writtenStes(state, memory, f).map(({ streamId }) => streamId));
}

/** Every word of an STE that was ever written, in any Stream table that was in use. */
export function writtenStes(state: State, memory: Memory, f: Features): { streamId: number; word: bigint }[] {
  const result: { streamId: number; word: bigint }[] = [];
  const collect = (base: bigint, entries: number, first: number): void => {
    for (const word of memory.written(base, BigInt(entries) * STE_BYTES)) {
      result.push({ streamId: first + Number((word - base) >> 6n), word });
    }
  };
  for (const table of state.tables) {
    const all = 2 ** table.log2Size;
    if (table.linear) {
      collect(table.base, all, 0);
      continue;
    }
    const descriptors = Math.max(1, all / 2 ** table.split);
    for (const word of memory.written(table.base, BigInt(descriptors) * L1STD_BYTES)) {
      const first = Number((word - table.base) / L1STD_BYTES) * 2 ** table.split;
      for (const { value } of memory.held(word, -2)) {
        const span = Number(value & 0x1fn);
        if (span === 0 || span > Math.min(SPAN_MAX, table.split + 1)) continue;
        const array = alignDown((field(value, 55, 6) << 6n) & ones(f.oas), 6 + span - 1);
        collect(array, Math.min(2 ** (span - 1), all - first), first);
      }
    }
  }
  return result;
}
