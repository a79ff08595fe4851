/**
 * From an STE to the CD of a substream (3.3.2, 5.2, 5.3): a single CD, a linear table, or a table of two levels.
 *
 * Many-valued as every fetch: the CD may have been read through any value that a level 1 descriptor had, from wherever stage 2
 * put its address, for as long as a configuration cache may keep it. Which CD a transaction wants is decided in transaction.ts.
 */
import { alignDown, field, flag } from './bits.ts';
import { decodeCd, type Cd } from './cd.ts';
import type { Features } from './features.ts';
import {
  bothGone,
  configHorizon,
  invalidatedBetween,
  stillUsed,
  type Structure,
  usableUntil,
} from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import { ias } from './ste-stage2.ts';
import { type Ste, substreams } from './ste.ts';
import {
  assemble,
  type FetchAbort,
  type Fetched,
  type FetchResult,
  type Nowhere,
  seenWhileEnabled,
  STRUCTURE_WORDS,
} from './structures.ts';
import { Undetermined } from './undetermined.ts';
import type { Located, Place, WalkFault } from './walk-results.ts';

/** What a TLB entry may rest on: geometry, tables, tags and permissions; not attributes. */
export const CD_WORDS_OF_A_CONTEXT = 3;
const CD_BYTES = 64n;
const L1CD_BYTES = 8n;
const PAGE_BYTES = 4096n;
/** More CDs of one stream than this are not followed. */
const INDEXES_MAX = 64;
const PAGES_MAX = 64n;

/** Stage 2 faults on the way to a CD, with the STE that says what becomes of it. */
export interface CdFault {
  readonly ste: Fetched<Ste>;
  readonly fault: WalkFault;
}

/** Where an STE's stage 2 puts the IPA of a CD or L1CD; undefined when it has none. */
export type Locate = (ste: Fetched<Ste>, ipa: bigint) => Located | undefined;

/** What is asked: the CD at `index` of the CD table of a stream, through the STEs it may have. */
export interface CdQuery {
  readonly streamId: number;
  readonly index: number;
  readonly stes: readonly Fetched<Ste>[];
  /** With it, every CD that may have led to a translation since that action. */
  readonly context?: number | undefined;
  /** Nothing from before `context` is remembered. */
  readonly fresh?: boolean;
  readonly locate?: Locate | undefined;
}

export type CdResult = FetchResult<Cd> & { readonly faults: readonly CdFault[] };

/** log2 of the CDs in a level 2 table; undefined for a table of one level (S1Fmt). */
export function leafSplit(ste: Ste, f: Features): 6 | 10 | undefined {
  if (!substreams(ste, f) || !f.cd2l) return undefined;
  return ste.s1Fmt === 1 ? 6 : ste.s1Fmt === 2 ? 10 : undefined;
}

/**
 * Every CD that a lookup through the given STEs may use. The STE found is independent of the CD found: a cached CD
 * is known by its StreamID and SubstreamID, not by where it came from.
 */
export function fetchCd(state: State, memory: Memory, f: Features, query: CdQuery): CdResult {
  const fetch = new CdFetch(state, memory, f, query);
  for (const ste of byPointer(query.stes)) fetch.through(ste);
  // A fetch that aborted was not remembered: what is read now counts at once (5.4.1).
  if (fetch.failed) fetch.seen.forEach((cd, at) => (fetch.seen[at] = { ...cd, rules: [...cd.rules, 'CACHE-011'] }));
  return fetch;
}

/** How a CD was come by: where it lies, between which actions it could be read there, and why. */
interface Way {
  readonly ste: Fetched<Ste>;
  readonly from: number;
  readonly until: number;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

class CdFetch implements CdResult {
  readonly seen: Fetched<Cd>[] = [];
  readonly aborts: FetchAbort[] = [];
  readonly nowhere: Nowhere[] = [];
  readonly forgotten: RuleId[] = [];
  readonly faults: CdFault[] = [];
  unknown: string | undefined;
  /** A fetch aborted, or would have. */
  failed = false;
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #query: CdQuery;
  readonly #cd: Structure;

  constructor(state: State, memory: Memory, f: Features, query: CdQuery) {
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#query = query;
    this.#cd = { of: 'CD', substreamId: query.index };
  }

  through(ste: Fetched<Ste>): void {
    const { structure } = ste;
    const { index } = this.#query;
    const way: Way = { ste, from: ste.since, until: FOREVER, stale: ste.stale, rules: [] };
    const split = leafSplit(structure, this.#f);
    if (!substreams(structure, this.#f)) return this.#at(structure.s1ContextPtr, way, (place) => this.#read(place));
    const table = tableBase(structure, split);
    const rules: RuleId[] = [];
    // A misaligned table may be used as aligned, or any of its entries fetched.
    if (table !== structure.s1ContextPtr) {
      rules.push('STE-045');
      this.unknown ??= 'a CD table that is not aligned to its size';
    }
    if (split === undefined) {
      rules.push(structure.s1Fmt === 3 ? (this.#f.cd2l ? 'STE-042' : 'STE-044') : 'STE-037');
      const address = table + BigInt(index) * CD_BYTES;
      return this.#at(address, { ...way, rules }, (place) => this.#read(place));
    }
    rules.push(...formatRules(structure.s1CdMax, split));
    const address = table + BigInt(index >>> split) * L1CD_BYTES;
    this.#at(address, { ...way, rules }, (place) => this.#level1(place, split), ['CD-011']);
  }

  /** Goes on wherever an address lies: itself, or where stage 2 puts it. */
  #at(
    address: bigint,
    way: Way,
    then: (at: Way & { address: bigint }) => void,
    faultRules: readonly RuleId[] = [],
  ): void {
    const located = this.#query.locate?.(way.ste, address);
    if (located === undefined) {
      if (address >> BigInt(this.#f.oas) === 0n) then({ ...way, address });
      return;
    }
    if (way.until === FOREVER) {
      for (const fault of located.faults) {
        this.faults.push({ ste: way.ste, fault: { ...fault, rules: [...fault.rules, ...faultRules, ...way.rules] } });
      }
    }
    for (const place of located.places) then({ ...this.#placed(way, place), address: place.address });
  }

  #placed(way: Way, place: Place): Way {
    const until = place.part === undefined ? FOREVER : usableUntil(this.#state.invalidations, place.part);
    return {
      ste: way.ste,
      from: Math.max(way.from, place.since),
      until: Math.min(way.until, until),
      stale: way.stale || place.stale,
      rules: [...way.rules, 'CD-020', ...place.rules, ...(place.part === undefined ? [] : (['CACHE-097'] as const))],
    };
  }

  /** Whether a fetch from there is answered; else what becomes of it. */
  #answered(at: Way & { address: bigint }, rules: readonly RuleId[]): boolean {
    const backing = this.#memory.backing(at.address);
    if (backing === 'ram') return true;
    if (backing === 'hole') this.failed = true;
    if (backing === 'elsewhere') this.unknown ??= 'a CD outside RAM';
    else if (at.until === FOREVER) {
      const all: RuleId[] = [...rules, ...at.rules, ...at.ste.rules];
      this.aborts.push({ address: at.address, rules: all, stale: at.stale, unpredictable: false });
    }
    return false;
  }

  /** Everything that a level 1 descriptor said, for as long as a cache may have kept it (5.3). */
  #level1(at: Way & { address: bigint }, split: 6 | 10): void {
    if (!this.#answered(at, ['CD-010', 'EVT-228'])) return;
    const { streamId, index, fresh } = this.#query;
    const { invalidations } = this.#state;
    const structure: Structure = { of: 'L1CD', substreamId: index, split };
    const horizon = configHorizon(invalidations, streamId, structure);
    for (const held of this.#memory.held(at.address, -2)) {
      const from = Math.max(held.from, at.from);
      const replaced = Math.min(held.to, at.until);
      if (from >= replaced || !seenWhileEnabled(this.#state, from, replaced)) continue;
      const stale = replaced !== FOREVER;
      if (stale && fresh === true) continue;
      const until = stillUsed(invalidations, streamId, replaced, structure);
      const valid = flag(held.value, 0);
      if (until !== FOREVER) this.forgotten.push(...horizon.rules, ...(valid ? [] : (['CFGI-046'] as const)));
      // What came of it before the invalidation may be left in the TLB.
      const { context } = this.#query;
      if (context === undefined ? bothGone(invalidations, streamId, replaced, structure, this.#cd) : until < context)
        continue;
      const rules: RuleId[] = [...at.rules];
      if (stale) rules.push('CACHE-008', ...horizon.spared, ...(valid ? [] : (['CD-012'] as const)));
      // The descriptor is gone, but CDs found through it may be left.
      if (until !== FOREVER) rules.push('CFGI-047');
      this.#descriptor(held.value, { ste: at.ste, from, until, stale: at.stale || stale, rules }, split);
    }
  }

  /** What one value of a level 1 descriptor says. */
  #descriptor(value: bigint, way: Way, split: 6 | 10): void {
    const now = way.until === FOREVER;
    const nowhere = (rule: RuleId, unpredictable = false): void => {
      if (now) this.nowhere.push({ rules: [rule, ...way.rules], stale: way.stale, unpredictable });
    };
    if (!flag(value, 0)) return nowhere('CD-001');
    if (field(value, 11, 1) !== 0n || value >> 56n !== 0n) nowhere('CD-004', true);
    const written = field(value, 55, 12) << 12n;
    const aligned = alignDown(written, split + 6);
    const nested = way.ste.structure.config === 0b111;
    const offset = BigInt(this.#query.index % 2 ** split) * CD_BYTES;
    const odd = aligned !== written;
    for (const array of odd ? [aligned, written] : [aligned]) {
      const rules: RuleId[] = [...way.rules, 'CD-003', ...(odd ? (['CD-006'] as const) : [])];
      if (field(value, 11, 0) !== 1n) rules.push('CD-005');
      const beyond = array >> BigInt(nested ? ias(this.#f) : this.#f.oas) !== 0n;
      if (beyond && this.#f.minor === 0) throw new Undetermined('an L2Ptr out of range in SMMUv3.0');
      if (beyond) nowhere(nested ? 'CD-009' : 'CD-007', nested);
      if (!beyond || nested) this.#at(array + offset, { ...way, rules }, (place) => this.#read(place));
    }
  }

  #read(at: Way & { address: bigint }): void {
    if (!this.#answered(at, ['CD-023', 'EVT-190'])) return;
    const { streamId, context } = this.#query;
    const { invalidations } = this.#state;
    const horizon = configHorizon(invalidations, streamId, this.#cd);
    // Before the STE pointed at it the CD was not reachable, so it cannot have been read (3.21.3).
    const apart = (until: number, from: number): boolean =>
      invalidatedBetween(invalidations, streamId, this.#cd, until, from);
    const from = Math.max(context ?? horizon.time, at.from);
    if (at.until < from) return;
    const words = context === undefined ? STRUCTURE_WORDS : CD_WORDS_OF_A_CONTEXT;
    const result = assemble(this.#state, this.#memory, at.address, from, at.until, horizon, apart, words);
    this.forgotten.push(...result.forgotten);
    for (const option of result.options) {
      const structure = decodeCd(option.words);
      const rules: RuleId[] = [...at.rules];
      if (structure.endi) rules.push('CD-037');
      if (at.ste.stale) rules.push('CACHE-016');
      if (option.stale) rules.push(structure.v ? 'CACHE-006' : 'CACHE-007', ...option.rules);
      this.seen.push({
        structure,
        since: Math.max(option.since, at.from),
        until: Math.min(option.until, at.ste.until, at.until),
        stale: option.stale || at.stale,
        rules,
      });
    }
  }
}

/** A CD table is aligned to its size, a level 1 one at least to 64 bytes (5.2). */
function tableBase(ste: Ste, split: 6 | 10 | undefined): bigint {
  return alignDown(ste.s1ContextPtr, split === undefined ? ste.s1CdMax + 6 : Math.max(6, ste.s1CdMax - split + 3));
}

function formatRules(s1CdMax: number, split: 6 | 10): RuleId[] {
  if (split === 6) return [s1CdMax <= 6 ? 'STE-039' : 'STE-038'];
  return [s1CdMax <= 10 ? 'STE-041' : 'STE-040'];
}

/** STEs that point at the same place since the same time count once, for as long as any of them. */
function byPointer(stes: readonly Fetched<Ste>[]): Fetched<Ste>[] {
  const groups = new Map<string, Fetched<Ste>>();
  for (const ste of stes) {
    const [, , w2, w3] = ste.structure.config === 0b111 ? ste.structure.words : [];
    const { s1ContextPtr, s1Fmt, s1CdMax } = ste.structure;
    const key = [s1ContextPtr, s1Fmt, s1CdMax, ste.since, w2, w3].join(':');
    const known = groups.get(key);
    if (known === undefined || known.until < ste.until || (known.stale && !ste.stale)) {
      groups.set(key, known === undefined ? ste : { ...ste, until: Math.max(known.until, ste.until) });
    }
  }
  return [...groups.values()];
}

/** Indexes of the CDs that were ever written in the CD tables of these STEs; 0 for an STE with one CD. */
export function writtenCds(
  memory: Memory,
  f: Features,
  stes: readonly Fetched<Ste>[],
  locate: Locate | undefined,
): ReadonlySet<number> {
  const indexes = new Set<number>();
  /** Words ever written in a span of addresses, by their place in it. */
  const written = (ste: Fetched<Ste>, base: bigint, bytes: bigint): { word: bigint; at: bigint }[] => {
    const result: { word: bigint; at: bigint }[] = [];
    if (locate?.(ste, base) === undefined) {
      for (const word of memory.written(base, bytes)) result.push({ word, at: word - base });
      return result;
    }
    if (bytes > PAGES_MAX * PAGE_BYTES) throw new Undetermined('a CD table too large to follow');
    for (let at = 0n; at < bytes; at += PAGE_BYTES) {
      const length = bytes - at < PAGE_BYTES ? bytes - at : PAGE_BYTES;
      for (const { address } of locate(ste, base + at)?.places ?? []) {
        for (const word of memory.written(address, length)) result.push({ word, at: at + word - address });
      }
    }
    return result;
  };
  const collect = (ste: Fetched<Ste>, base: bigint, log2Count: number, first: number): void => {
    for (const { at } of written(ste, base, CD_BYTES << BigInt(log2Count))) indexes.add(first + Number(at / CD_BYTES));
  };
  for (const ste of byPointer(stes)) {
    const { structure } = ste;
    const split = leafSplit(structure, f);
    if (!substreams(structure, f)) indexes.add(0);
    else if (split === undefined) collect(ste, tableBase(structure, split), structure.s1CdMax, 0);
    else {
      const table = tableBase(structure, split);
      const bytes = L1CD_BYTES << BigInt(Math.max(0, structure.s1CdMax - split));
      for (const { word, at } of written(ste, table, bytes)) {
        for (const { value } of memory.held(word, -2)) {
          if (!flag(value, 0)) continue;
          const first = Number(at / L1CD_BYTES) * 2 ** split;
          collect(ste, alignDown(field(value, 55, 12) << 12n, split + 6), Math.min(split, structure.s1CdMax), first);
        }
      }
    }
  }
  if (indexes.size > INDEXES_MAX) throw new Undetermined('too many CDs of one stream');
  return indexes;
}
