/**
 * From an STE to CDs (3.3.2, 5.2, 5.3): a single CD.
 */
import { decodeCd, type Cd } from './cd.ts';
import { configHorizon, invalidatedBetween } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import type { Ste } from './ste.ts';
import { assemble, type FetchAbort, type Fetched, type FetchResult, STRUCTURE_WORDS } from './structures.ts';

/** What a TLB entry may rest on: geometry, tables, tags and permissions; not attributes. */
export const CD_WORDS_OF_A_CONTEXT = 3;

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
      else aborts.push({ address, rules: ['CD-023', 'EVT-190', ...ste.rules], stale: ste.stale, unpredictable: false });
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
      context === undefined ? STRUCTURE_WORDS : CD_WORDS_OF_A_CONTEXT,
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
  return { seen, aborts, nowhere: [], forgotten, unknown };
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
