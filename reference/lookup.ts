/**
 * Looking an address up (3.4, 3.17, 5.5): a fresh walk with the stream's own CD, or what earlier walks of any stream with a
 * matching tag may have left in the TLB; then permissions, and how a fault terminates.
 */
import { Undetermined } from './undetermined.ts';
import { field } from './bits.ts';
import { type Cd, judgeCd } from './cd.ts';
import { CD_WORDS_OF_A_CONTEXT, fetchCd } from './cd-table.ts';
import { type EventName, eventRecord, type EventSource } from './events.ts';
import type { Features } from './features.ts';
import { allTlbHorizon, configHorizon, stillUsed } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import { ABORT, type Outcomes } from './outcomes.ts';
import { checkPermission } from './permissions.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import { effectiveAccess, judgeSte, type Ste } from './ste.ts';
import { fetchSte, writtenStreams } from './stream-table.ts';
import type { Fetched } from './structures.ts';
import { type Leaf, type Root, Walker, type WalkFault } from './walk.ts';

/** A translation context that some stream could have used. */
export interface Context {
  readonly streamId: number;
  readonly key: string;
  readonly root: Root;
}

const CONTEXTS_MAX = 192;

export class Lookup {
  readonly #out: Outcomes;
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #horizon: number | undefined;

  /** @param horizon with it, nothing from before that action is remembered */
  constructor(out: Outcomes, state: State, memory: Memory, f: Features, horizon: number | undefined) {
    this.#out = out;
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
  }

  /**
   * Contexts that may have left entries in the TLB under this or another ASID: every CD that any stream could have
   * used since the last invalidation of everything.
   */
  contexts(): Context[] {
    if (this.#horizon !== undefined) return [];
    const contexts = new Map<string, Context>();
    for (const streamId of writtenStreams(this.#state, this.#memory, this.#f)) {
      for (const cd of this.#contexts(streamId)) {
        const until = stillUsed(this.#state.invalidations, streamId, cd.until);
        const key = contextKey(cd.structure);
        const known = contexts.get(`${streamId}:${key}`);
        const root: Root = {
          cd: cd.structure,
          since: Math.min(cd.since, known?.root.since ?? FOREVER),
          until: Math.max(until, known?.root.until ?? 0),
          own: false,
        };
        contexts.set(`${streamId}:${key}`, { streamId, key, root });
      }
    }
    if (contexts.size > CONTEXTS_MAX) throw new Undetermined('too many versions of one structure');
    return [...contexts.values()];
  }

  /** Every legal CD that a stream could have used at any time. */
  #contexts(streamId: number): Fetched<Cd>[] {
    // A configuration cache may use a replaced structure until an invalidation of it completes, and what it makes then
    // lasts until the next invalidation of every translation.
    const all = allTlbHorizon(this.#state.invalidations);
    const before = this.#state.invalidations.filter(
      ({ completedAt }) => completedAt !== undefined && completedAt <= all,
    );
    const since = (structure: 'STE' | 'CD'): number => configHorizon(before, streamId, structure).time;
    const stes = fetchSte(this.#state, this.#memory, this.#f, streamId, since('STE')).seen.filter((ste) => {
      const judged = judgeSte(ste.structure, this.#f);
      return judged !== 'outside' && judged.kind === 'stage 1';
    });
    return fetchCd(this.#state, this.#memory, streamId, stes, this.#f, since('CD')).seen.filter((cd) => {
      const judged = judgeCd(cd.structure, this.#f, false);
      return judged !== 'outside' && judged.illegal === undefined;
    });
  }

  lookUp(ste: Fetched<Ste>, cd: Fetched<Cd>, contexts: readonly Context[], common: readonly RuleId[]): void {
    const walker = new Walker(this.#state, this.#memory, this.#f);
    const { address } = this.#out.transaction;
    const key = contextKey(cd.structure);
    const { streamId } = this.#out.transaction;
    // Invalidating configuration leaves translations alive: those of this very CD date back to when it first was seen.
    const same = contexts.filter((context) => context.streamId === streamId && context.key === key);
    const since = Math.min(cd.since, ...same.map((context) => context.root.since));
    const own: Root = { cd: cd.structure, since, until: FOREVER, own: true };
    const found = walker.walk(own, address, false, this.#horizon);
    for (const context of contexts) {
      if (same.includes(context)) continue;
      const { root } = context;
      found.push(...this.#leftBehind(walker, root, cd.structure));
    }
    this.#out.forgotten.push(...walker.forgotten);
    this.#out.unknown(walker.unknown);
    const legal = judgeCd(cd.structure, this.#f, ste.structure.s1Stalld);
    const rules: RuleId[] = [...common, ...(legal === 'outside' ? [] : legal.rules)];
    const stale = ste.stale || cd.stale;
    if (contexts.some((context) => context.streamId !== streamId && context.key !== key))
      rules.push('CACHE-025', 'TLBI-137');
    if (
      contexts.some(
        ({ root }) =>
          root.cd.asid === cd.structure.asid && (root.cd.a !== cd.structure.a || root.cd.r !== cd.structure.r),
      )
    ) {
      rules.push('CACHE-045');
    }
    for (const hit of found) {
      if (hit.kind === 'fault') this.#walkFault(ste, cd.structure, hit, stale, rules);
      else this.#leaf(ste, cd.structure, hit, stale, rules);
    }
    this.#conflict(ste, found, rules);
  }

  /** What a walk with another context may have left in the TLB that matches this one's tag (3.17). */
  #leftBehind(walker: Walker, root: Root, cd: Cd): (Leaf | WalkFault)[] {
    const { address } = this.#out.transaction;
    if (root.cd.asid === cd.asid) {
      const rules = differences(root, cd);
      const hits = walker.walk(root, address, false);
      if (root.cd.aset !== cd.aset && hits.some((hit) => hit.kind === 'leaf' && isGlobal(hit))) {
        this.#out.forgotten.push('CACHE-047');
      }
      return hits
        .filter((hit) => hit.kind === 'fault' || root.cd.aset === cd.aset || hit.readable || !isGlobal(hit))
        .map((hit) => ({ ...hit, rules: [...hit.rules, ...rules] }));
    }
    if (root.cd.aset === cd.aset) return walker.walk(root, address, true);
    // Entries of another ASID and ASET never match; a global one is what a wrong tag would show.
    const granule = root.cd.halves.every((half) => half.epd || (half.granule === 12 && half.txsz <= 39));
    if (granule && walker.walk(root, address, true).length > 0) this.#out.forgotten.push('TLBI-147');
    return [];
  }

  #walkFault(ste: Fetched<Ste>, cd: Cd, fault: WalkFault, stale: boolean, rules: readonly RuleId[]): void {
    const access = effectiveAccess(ste.structure, this.#f, this.#out.transaction);
    const source = this.#out.source(access.privileged, access.instruction);
    const all = [...fault.rules, ...access.rules, ...rules];
    if (
      (fault.event === 'F_ADDR_SIZE' || fault.event === 'F_ACCESS') &&
      fault.leaf !== undefined &&
      !fault.rules.includes('WALK-026')
    ) {
      const wanted = {
        write: this.#out.transaction.write,
        privileged: access.privileged,
        instruction: access.instruction,
      };
      const refused = !checkPermission(fault.leaf, wanted, this.#f).allowed;
      if (refused) all.push(fault.event === 'F_ACCESS' ? 'EVT-197' : 'WALK-127');
    }
    if (fault.event === 'F_WALK_EABT') {
      this.#out.abortWith('F_WALK_EABT', stale || fault.stale, all, {
        source,
        fetchAddress: fault.fetchAddress ?? 0n,
        mergeable: merging(ste.structure),
      });
      return;
    }
    this.#terminate(fault.event, ste.structure, cd, source, stale || fault.stale, all);
  }

  #leaf(ste: Fetched<Ste>, cd: Cd, leaf: Leaf, stale: boolean, rules: readonly RuleId[]): void {
    const access = effectiveAccess(ste.structure, this.#f, this.#out.transaction);
    const verdict = checkPermission(
      leaf,
      { write: this.#out.transaction.write, privileged: access.privileged, instruction: access.instruction },
      this.#f,
    );
    const all = [
      ...(verdict.allowed ? [] : verdict.rules),
      ...leaf.rules,
      ...(verdict.allowed ? verdict.rules : []),
      ...access.rules,
      ...rules,
    ];
    if (verdict.allowed) {
      this.#out.add({ kind: 'access', address: leaf.outputAddress }, undefined, stale || leaf.stale, [
        ...all,
        'WALK-010',
        'ATTR-040',
        'CACHE-082',
      ]);
      return;
    }
    const source = this.#out.source(access.privileged, access.instruction);
    this.#terminate('F_PERMISSION', ste.structure, cd, source, stale || leaf.stale, all);
  }

  /** A stage 1 fault of the four kinds that CD.A and CD.R govern (5.5). */
  #terminate(name: EventName, ste: Ste, cd: Cd, source: EventSource, stale: boolean, rules: readonly RuleId[]): void {
    const rule: RuleId = cd.r ? (cd.a ? 'CD-128' : 'CD-126') : cd.a ? 'CD-127' : 'CD-125';
    const tagged =
      field(this.#out.transaction.address, 63, 56) !== 0n && field(this.#out.transaction.address, 63, 56) !== 0xffn;
    const event = cd.r
      ? eventRecord(name, source, this.#f, {
          cause: rules[0] ?? rule,
          mergeable: merging(ste) === undefined ? undefined : 'EVT-207',
        })
      : undefined;
    const tags: RuleId[] = tagged && event !== undefined ? ['EVT-016'] : [];
    this.#out.add(cd.a ? ABORT : { kind: 'raz/wi' }, event, stale, [...rules, rule, ...tags]);
  }

  /** Entries that disagree may be detected as a conflict (3.20.1, 3.21.1). */
  #conflict(ste: Fetched<Ste>, found: readonly (Leaf | WalkFault)[], rules: readonly RuleId[]): void {
    const leaves = found.filter((hit) => hit.kind === 'leaf');
    // A Block with nT is not cached so that it could conflict at BBML 1 (3.21.1.2).
    const cached = leaves.filter(
      (leaf) => !(leaf.level < 3 && this.#f.bbml === 1 && ((leaf.descriptor >> 16n) & 1n) === 1n),
    );
    // Output address, memory type, shareability and nG may change only through break-before-make (3.21.1.1).
    const outputs = new Set(cached.map((leaf) => `${leaf.outputAddress}:${leaf.descriptor & 0xb1cn}`));
    const sizes = new Set(cached.map((leaf) => leaf.log2Bytes));
    const conflicting = outputs.size > 1 || (sizes.size > 1 && this.#f.bbml < 2);
    if (!conflicting) return;
    const access = effectiveAccess(ste.structure, this.#f, this.#out.transaction);
    const reason: RuleId = outputs.size > 1 ? 'CACHE-072' : 'CACHE-077';
    this.#out.abortWith(
      'F_TLB_CONFLICT',
      true,
      ['EVT-172', 'EVT-229', 'CACHE-085', 'CACHE-086', 'EVT-174', reason, ...rules],
      {
        source: this.#out.source(access.privileged, access.instruction),
        mergeable: merging(ste.structure),
        unpredictable: true,
      },
    );
  }
}

/** What of a CD translations depend on. */
function contextKey(cd: Cd): string {
  return cd.words.slice(0, CD_WORDS_OF_A_CONTEXT).join();
}

export function merging(ste: Ste): RuleId | undefined {
  return ste.mev ? 'EVT-204' : undefined;
}

function isGlobal(leaf: Leaf): boolean {
  return (leaf.descriptor & (1n << 11n)) === 0n;
}

/** What may be remembered of a context with the same ASID, by what it configures differently (5.4.1). */
function differences(root: Root, cd: Cd): RuleId[] {
  const other = root.cd;
  const rules: RuleId[] =
    root.until !== FOREVER ? ['CACHE-040'] : contextKey(other) === contextKey(cd) ? [] : ['CACHE-048'];
  if (other.aset !== cd.aset) rules.push('TLBI-148');
  if (
    other.wxn !== cd.wxn ||
    other.pan !== cd.pan ||
    other.halves.some((half, at) => half.had !== cd.halves[at]?.had)
  ) {
    rules.push('CACHE-041');
  }
  if (other.affd !== cd.affd) rules.push('CACHE-043');
  if (cd.halves.some((half, at) => half.epd && other.halves[at]?.epd === false)) rules.push('CACHE-051');
  return rules;
}
