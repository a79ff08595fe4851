/**
 * From an STE to CDs (3.3.2, 5.2, 5.3): a single CD.
 */
import { decodeCd, type Cd } from './cd.ts';
import { configHorizon, invalidatedBetween, usableUntil } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import type { Ste } from './ste.ts';
import type { Located, Place, WalkFault } from './walk.ts';
import { assemble, type FetchAbort, type Fetched, type FetchResult, STRUCTURE_WORDS } from './structures.ts';

/** What a TLB entry may rest on: geometry, tables, tags and permissions; not attributes. */
export const CD_WORDS_OF_A_CONTEXT = 3;

/** Stage 2 faults on the way to a CD, with the STE that says what becomes of it. */
export interface CdFault {
  readonly ste: Fetched<Ste>;
  readonly fault: WalkFault;
}

/** Where an STE's stage 2 puts the IPA of a CD or L1CD; undefined when it has none. */
export type Locate = (ste: Fetched<Ste>, ipa: bigint) => Located | undefined;

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
  locate?: Locate,
): FetchResult<Cd> & { faults: readonly CdFault[] } {
  const horizon = configHorizon(state.invalidations, streamId, 'CD');
  const since = context ?? horizon.time;
  const seen: Fetched<Cd>[] = [];
  const aborts: FetchAbort[] = [];
  const forgotten: RuleId[] = [];
  let unknown: string | undefined;
  const faults: CdFault[] = [];
  // Before the STE pointed at it the CD was not reachable, so it cannot have been read (3.21.3).
  const apart = (until: number, from: number): boolean =>
    invalidatedBetween(state.invalidations, streamId, 'CD', until, from);
  const read = (ste: Fetched<Ste>, place: Place): void => {
    const { address } = place;
    if (memory.backing(address) !== 'ram') {
      if (memory.backing(address) === 'elsewhere') unknown ??= 'a CD outside RAM';
      else if (place.part === undefined) {
        const rules: RuleId[] = ['CD-023', 'EVT-190', ...place.rules, ...ste.rules];
        aborts.push({ address, rules, stale: ste.stale || place.stale, unpredictable: false });
      }
      return;
    }
    const from = Math.max(since, ste.since, place.since);
    const before = place.part === undefined ? FOREVER : usableUntil(state.invalidations, place.part);
    if (before < from) return;
    const words = context === undefined ? STRUCTURE_WORDS : CD_WORDS_OF_A_CONTEXT;
    const result = assemble(state, memory, address, from, before, horizon, apart, words);
    forgotten.push(...result.forgotten);
    for (const option of result.options) {
      const structure = decodeCd(option.words);
      const rules: RuleId[] = [...place.rules];
      if (structure.endi) rules.push('CD-037');
      if (ste.stale) rules.push('CACHE-016');
      if (place.part !== undefined) rules.push('CACHE-097');
      if (option.stale) rules.push(structure.v ? 'CACHE-006' : 'CACHE-007', ...option.rules);
      seen.push({
        structure,
        since: Math.max(option.since, ste.since, place.since),
        until: Math.min(option.until, ste.until, before),
        stale: option.stale || ste.stale || place.stale,
        rules,
      });
    }
  };
  for (const ste of byPointer(stes)) {
    const address = ste.structure.s1ContextPtr;
    const located = locate?.(ste, address);
    if (located === undefined && address >> BigInt(f.oas) !== 0n) continue;
    faults.push(...(located?.faults ?? []).map((fault) => ({ ste, fault })));
    const places = located?.places ?? [{ address, since: 0, part: undefined, stale: false, rules: [] }];
    for (const place of places) read(ste, place);
  }
  return { seen, aborts, nowhere: [], faults, forgotten, unknown };
}

/** STEs that point at the same place since the same time count once, for as long as any of them. */
function byPointer(stes: readonly Fetched<Ste>[]): Fetched<Ste>[] {
  const groups = new Map<string, Fetched<Ste>>();
  for (const ste of stes) {
    const [, , w2, w3] = ste.structure.config === 0b111 ? ste.structure.words : [];
    const key = `${ste.structure.s1ContextPtr}:${ste.since}:${w2}:${w3}`;
    const known = groups.get(key);
    if (known === undefined || known.until < ste.until || (known.stale && !ste.stale)) {
      groups.set(key, known === undefined ? ste : { ...ste, until: Math.max(known.until, ste.until) });
    }
  }
  return [...groups.values()];
}
