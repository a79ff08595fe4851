/**
 * Invalidations and what they reach: the horizons behind which no cache may remember (4.3, 4.4, 3.21).
 *
 * An invalidation is recorded when its command is consumed and counts once a later CMD_SYNC completes it. From then on
 * no lookup may use a value that had been replaced by the time the command was consumed.
 */
import type { Granule } from './geometry.ts';
import type { RuleId } from './rules/ids.ts';

export interface ConfigScope {
  readonly cache: 'config';
  /** StreamIDs first..last. */
  readonly first: number;
  readonly last: number;
  /** CFGI_CD and CFGI_CD_ALL leave the STE alone. */
  readonly ste: boolean;
  /** Leaf is 1: level 1 descriptors on the way to what it names are not required to go. */
  readonly leaf: boolean;
  /** CFGI_CD names one CD; undefined: every CD of the streams. */
  readonly substreamId: number | undefined;
  readonly rules: readonly RuleId[];
}

/**
 * A structure that a configuration cache may hold for a stream. A CD without an index is the one at 0; level 1
 * descriptors cover the StreamIDs or SubstreamIDs that agree above their `split` low bits.
 */
export type Structure =
  | 'STE'
  | 'CD'
  | { readonly of: 'CD'; readonly substreamId: number }
  | { readonly of: 'L1STD'; readonly split: number }
  | { readonly of: 'L1CD'; readonly substreamId: number; readonly split: number };

export interface TlbScope {
  readonly cache: 'tlb';
  /** Entries found by VA (of stage 1, and combined ones), entries found by IPA (of stage 2 alone), or both. */
  readonly stage: 'VA' | 'IPA' | 'both';
  /** Undefined: every VMID, or none where stage 2 is not implemented. */
  readonly vmid: number | undefined;
  /** Undefined: every ASID, and global entries. */
  readonly asid: number | undefined;
  /** Undefined: every address. First and last byte, IPAs or sign-extended 64-bit VAs as unsigned. */
  readonly range: { readonly first: bigint; readonly last: bigint } | undefined;
  /** Only entries of the last level are required to go. */
  readonly leaf: boolean;
  /** Level hint: with a non-zero TTL only that level's leaves, and Table descriptors above it. */
  readonly ttl: number;
  /** Only entries inserted with this granule (TG); undefined: any. */
  readonly granule: Granule | undefined;
  readonly rules: readonly RuleId[];
}

export interface Invalidation {
  /** The action during which its command was consumed. */
  readonly time: number;
  readonly complete: boolean;
  /** The action during which a CMD_SYNC completed it. */
  readonly completedAt?: number;
  readonly scope: ConfigScope | TlbScope;
  /** Command errors or a disabled queue came between it and the CMD_SYNC. */
  readonly interrupted?: RuleId;
}

/** A translation cache entry as far as invalidation is concerned. */
export interface TlbEntry {
  /** By what it is found: by VA also when it holds what stage 2 made of it (a combined entry). */
  readonly by: 'VA' | 'IPA';
  readonly vmid: number;
  /** Of no meaning in an entry found by IPA. */
  readonly asid: number;
  /** A leaf with nG == 0. */
  readonly global: boolean;
  readonly table: boolean;
  readonly level: number;
  readonly granule: Granule;
  /** What stage 2 said is part of it. */
  readonly combined: boolean;
  /** It may have been cached with its neighbours (D8.7.1). */
  readonly contiguous: boolean;
  readonly first: bigint;
  readonly last: bigint;
}

/** What a TLB entry rests on that can no longer be read since `until`: it lasts as an entry of its own until invalidated. */
export interface Part {
  readonly entry: TlbEntry;
  readonly until: number;
}

/** Why an entry survives or goes: the rule that says so. */
export interface Reach {
  readonly reached: boolean;
  readonly rules: readonly RuleId[];
}

/** Whether a configuration invalidation reaches a structure cached for a stream. */
export function reachesConfig(scope: ConfigScope, streamId: number, structure: Structure): Reach {
  if (typeof structure !== 'string' && structure.of === 'L1STD') return reachesL1std(scope, streamId, structure.split);
  if (streamId < scope.first || streamId > scope.last) {
    return { reached: false, rules: [scope.ste ? (scope.first === scope.last ? 'CFGI-023' : 'CFGI-031') : 'CFGI-041'] };
  }
  if (structure === 'STE') {
    return scope.ste ? { reached: true, rules: scope.rules } : { reached: false, rules: ['CFGI-044'] };
  }
  if (typeof structure === 'string') return reachesCd(scope, 0);
  if (structure.of === 'CD') return reachesCd(scope, structure.substreamId);
  return reachesL1cd(scope, structure.substreamId, structure.split);
}

function reachesCd(scope: ConfigScope, substreamId: number): Reach {
  const single = scope.ste && scope.first === scope.last;
  if (single) return { reached: true, rules: [...scope.rules, 'CFGI-022'] };
  if (scope.ste || scope.substreamId === undefined || scope.substreamId === substreamId) {
    return { reached: true, rules: scope.rules };
  }
  return { reached: false, rules: ['CFGI-040'] };
}

/** CFGI_STE reaches the descriptors that led to the STE it names unless Leaf is 1; wider ones all those of their range. */
function reachesL1std(scope: ConfigScope, streamId: number, split: number): Reach {
  const span = 2 ** split;
  const first = Math.floor(scope.first / span);
  const last = Math.floor(scope.last / span);
  const at = Math.floor(streamId / span);
  if (at < first || at > last) return { reached: false, rules: [] };
  if (!scope.ste) return { reached: false, rules: ['CFGI-044'] };
  if (scope.leaf) return { reached: false, rules: ['CFGI-020'] };
  return { reached: true, rules: scope.first === scope.last ? [...scope.rules, 'CFGI-019'] : scope.rules };
}

/** CFGI_CD reaches the descriptor that led to the CD it names unless Leaf is 1; wider ones all of the stream's. */
function reachesL1cd(scope: ConfigScope, substreamId: number, split: number): Reach {
  const single = scope.ste && scope.first === scope.last;
  if (single) return { reached: true, rules: [...scope.rules, 'CFGI-022'] };
  if (scope.ste || scope.substreamId === undefined) return { reached: true, rules: scope.rules };
  if (scope.substreamId >>> split !== substreamId >>> split) return { reached: false, rules: ['CFGI-040'] };
  if (scope.leaf) return { reached: false, rules: ['CFGI-039'] };
  return { reached: true, rules: [...scope.rules, 'CFGI-038'] };
}

/** Whether a TLB invalidation must drop an entry. */
export function reachesTlb(scope: TlbScope, entry: TlbEntry): Reach {
  const missed = (...rules: RuleId[]): Reach => ({ reached: false, rules });
  if (scope.stage === 'VA' && entry.by === 'IPA') return missed('TLBI-035');
  if (scope.stage === 'IPA' && entry.by === 'VA') return missed(...(entry.combined ? (['TLBI-063'] as const) : []));
  if (scope.vmid !== undefined && scope.vmid !== entry.vmid) {
    const all: RuleId = scope.stage === 'both' ? 'TLBI-069' : 'TLBI-034';
    return missed(scope.range === undefined && scope.asid === undefined ? all : 'TLBI-138');
  }
  const hit = (...rules: RuleId[]): Reach => {
    const combined: RuleId[] = entry.combined && scope.range !== undefined ? ['TLBI-044', 'TLBI-064'] : [];
    return { reached: true, rules: [...scope.rules, ...combined, ...rules] };
  };
  if (scope.range === undefined) {
    if (scope.asid === undefined) return hit(...(entry.combined ? (['TLBI-064'] as const) : []));
    if (entry.global) return missed('TLBI-037');
    return entry.asid === scope.asid ? hit() : missed('TLBI-137');
  }
  if (entry.last < scope.range.first || entry.first > scope.range.last) {
    return missed(...(entry.contiguous ? (['TLBI-050'] as const) : []));
  }
  if (scope.granule !== undefined && scope.granule !== entry.granule) return missed('TLBI-110');
  if (scope.asid !== undefined && !entry.global && entry.asid !== scope.asid) {
    return missed(entry.table ? 'TLBI-047' : 'TLBI-042');
  }
  const byIpa = entry.by === 'IPA';
  if (entry.table) {
    if (scope.leaf) return missed(byIpa ? 'TLBI-066' : 'TLBI-046');
    if (scope.ttl !== 0 && entry.level >= scope.ttl) return missed('TLBI-111');
    return hit(byIpa ? 'TLBI-066' : 'TLBI-045');
  }
  if (scope.ttl !== 0 && entry.level !== scope.ttl) return missed('TLBI-111');
  const rules: RuleId[] = [];
  if (entry.global && scope.asid !== undefined && entry.asid !== scope.asid) rules.push('TLBI-040');
  if (entry.global && !byIpa) rules.push('TLBI-041');
  if (entry.first < scope.range.first) rules.push('TLBI-048');
  if (entry.level < 3 && entry.first < scope.range.first) rules.push('TLBI-049');
  return hit(...rules);
}

/** Whether a TLB entry may still be there, and why not. */
export interface Survival {
  readonly alive: boolean;
  readonly horizon: Horizon;
}

/**
 * Whether an entry that could be filled up to `until`, resting on `parts`, may have outlived every invalidation.
 *
 * An invalidation that reaches both a part and the entry leaves neither. Otherwise the entry may have been filled again from
 * the part, after an invalidation of the entry, up to the completion of the first one that reaches the part: only a CMD_SYNC
 * orders the two.
 * @param since before this action the entry could not be filled
 */
export function survives(
  invalidations: readonly Invalidation[],
  entry: TlbEntry,
  until: number,
  parts: readonly Part[],
  since: number,
): Survival {
  const last = tlbHorizon(invalidations, entry);
  const dead = (rules: readonly RuleId[]): Survival => ({
    alive: false,
    horizon: { ...last, rules: [...last.rules, ...rules] },
  });
  if (until < last.time) return dead([]);
  for (const part of parts) {
    const reaching = reachingPart(invalidations, part);
    const [first] = reaching;
    if (first === undefined) continue;
    const both = reaching.some(({ scope }) => scope.cache === 'tlb' && reachesTlb(scope, entry).reached);
    if (both || (first.completedAt ?? first.time) < Math.max(last.time, since)) {
      return dead([...first.scope.rules, 'TLBI-065']);
    }
  }
  return { alive: true, horizon: last };
}

function reachingPart(invalidations: readonly Invalidation[], { entry, until }: Part): Invalidation[] {
  return invalidations.filter(
    ({ complete, time, scope }) =>
      complete && time > until && scope.cache === 'tlb' && reachesTlb(scope, entry).reached,
  );
}

/** An entry as what another rests on: it could be filled up to `until`, and only while each of its own parts was there. */
export function asPart(
  invalidations: readonly Invalidation[],
  entry: TlbEntry,
  until: number,
  parts: readonly Part[],
): Part {
  const ends = parts.map((part) => (reachingPart(invalidations, part)[0]?.time ?? Number.POSITIVE_INFINITY) - 1);
  return { entry, until: Math.min(until, ...ends) };
}

/** Until when an entry of its own may have been used for what `part` says: the completion of the first invalidation of it. */
export function usableUntil(invalidations: readonly Invalidation[], part: Part): number {
  return reachingPart(invalidations, part)[0]?.completedAt ?? Number.POSITIVE_INFINITY;
}

/** The latest completed invalidation that reaches an entry, and the rules of those since then that did not. */
export interface Horizon {
  /** No value replaced at or before this action may be used; -1 when nothing was ever invalidated. */
  readonly time: number;
  readonly rules: readonly RuleId[];
  readonly spared: readonly RuleId[];
}

export function horizon(
  invalidations: readonly Invalidation[],
  reach: (scope: ConfigScope | TlbScope) => Reach | undefined,
): Horizon {
  const spared: RuleId[] = [];
  for (let i = invalidations.length - 1; i >= 0; i--) {
    const invalidation = invalidations[i];
    if (invalidation === undefined) continue;
    const result = reach(invalidation.scope);
    if (result === undefined) continue;
    if (result.reached && invalidation.complete) {
      const sync: RuleId = invalidation.scope.cache === 'tlb' ? 'SYNC-020' : 'SYNC-021';
      const survived: RuleId[] = invalidation.interrupted === 'CMDQ-092' ? ['CMDQ-092'] : [];
      return { time: invalidation.time, rules: [...result.rules, sync, ...survived], spared };
    }
    if (!result.reached) spared.push(...result.rules);
    else spared.push('CMD-011', 'CMD-012', ...(invalidation.interrupted === 'ACK-021' ? (['ACK-021'] as const) : []));
  }
  return { time: -1, rules: [], spared };
}

export function configHorizon(invalidations: readonly Invalidation[], streamId: number, structure: Structure): Horizon {
  return horizon(invalidations, (scope) =>
    scope.cache === 'config' ? reachesConfig(scope, streamId, structure) : { reached: false, rules: ['TLBI-059'] },
  );
}

export function tlbHorizon(invalidations: readonly Invalidation[], entry: TlbEntry): Horizon {
  return horizon(invalidations, (scope) =>
    scope.cache === 'tlb' ? reachesTlb(scope, entry) : { reached: false, rules: ['CFGI-024'] },
  );
}

/**
 * Until when a structure that memory no longer holds since `replaced` may have been used: a configuration cache may keep it
 * up to the first invalidation that reaches it.
 */
export function stillUsed(
  invalidations: readonly Invalidation[],
  streamId: number,
  replaced: number,
  structure: Structure = 'CD',
): number {
  if (replaced === Number.POSITIVE_INFINITY) return replaced;
  const first = invalidations.find(
    ({ complete, time, scope }) =>
      complete && time >= replaced && scope.cache === 'config' && reachesConfig(scope, streamId, structure).reached,
  );
  // Nothing orders its effect before that CMD_SYNC (4.7.3).
  return first?.completedAt ?? Number.POSITIVE_INFINITY;
}

/**
 * Whether one completed invalidation reached both a level 1 descriptor that memory no longer held and what was found through
 * it: then neither is left, in whichever order it took them.
 */
export function bothGone(
  invalidations: readonly Invalidation[],
  streamId: number,
  replaced: number,
  descriptor: Structure,
  found: Structure,
): boolean {
  return invalidations.some(
    ({ complete, time, scope }) =>
      complete &&
      time >= replaced &&
      scope.cache === 'config' &&
      reachesConfig(scope, streamId, descriptor).reached &&
      reachesConfig(scope, streamId, found).reached,
  );
}

/**
 * The action at which the latest completed invalidation of every entry of a VMID, found by VA or by IPA, was consumed; -1
 * when there was none.
 */
export function allTlbHorizon(invalidations: readonly Invalidation[], by: 'VA' | 'IPA', vmid: number): number {
  const all = invalidations.findLast(
    ({ complete, scope }) =>
      complete &&
      scope.cache === 'tlb' &&
      scope.asid === undefined &&
      scope.range === undefined &&
      (scope.stage === 'both' || scope.stage === by) &&
      (scope.vmid === undefined || scope.vmid === vmid),
  );
  return all?.time ?? -1;
}

/** Whether a completed invalidation of a stream's structure was consumed in a span of actions. */
export function invalidatedBetween(
  invalidations: readonly Invalidation[],
  streamId: number,
  structure: Structure,
  from: number,
  to: number,
): boolean {
  return invalidations.some(
    ({ complete, time, scope }) =>
      complete &&
      time >= from &&
      time <= to &&
      scope.cache === 'config' &&
      reachesConfig(scope, streamId, structure).reached,
  );
}

/** Whether every structure and every translation has been invalidated by commands consumed after an action, and completed. */
export function allInvalidatedSince(invalidations: readonly Invalidation[], since: number): boolean {
  const later = invalidations.filter(({ complete, time }) => complete && time > since);
  const config = later.some(
    ({ scope }) => scope.cache === 'config' && scope.ste && scope.first === 0 && scope.last === 0xffff_ffff,
  );
  const tlb = later.some(
    ({ scope }) =>
      scope.cache === 'tlb' &&
      scope.stage === 'both' &&
      scope.vmid === undefined &&
      scope.asid === undefined &&
      scope.range === undefined,
  );
  return config && tlb;
}
