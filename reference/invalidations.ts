/**
 * Invalidations and what they reach: the horizons behind which no cache may remember (4.3, 4.4, 3.21).
 *
 * An invalidation is recorded when its command is consumed and counts once a later CMD_SYNC completes it. From then on
 * no lookup may use a value that had been replaced by the time the command was consumed.
 */
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
  /** Undefined: every ASID, and global entries. */
  readonly asid: number | undefined;
  /** Undefined: every address. First and last byte, sign-extended 64-bit VAs as unsigned. */
  readonly range: { readonly first: bigint; readonly last: bigint } | undefined;
  /** Only entries of the last level are required to go. */
  readonly leaf: boolean;
  /** Level hint: with a non-zero TTL only that level's leaves, and Table descriptors above it. */
  readonly ttl: number;
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
  readonly asid: number;
  /** A leaf with nG == 0. */
  readonly global: boolean;
  readonly table: boolean;
  readonly level: number;
  readonly first: bigint;
  readonly last: bigint;
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
  if (scope.range === undefined) {
    if (scope.asid === undefined) return { reached: true, rules: scope.rules };
    if (entry.global) return { reached: false, rules: ['TLBI-037'] };
    if (entry.asid === scope.asid) return { reached: true, rules: scope.rules };
    return { reached: false, rules: ['TLBI-137'] };
  }
  if (entry.last < scope.range.first || entry.first > scope.range.last) return { reached: false, rules: [] };
  if (scope.asid !== undefined && !entry.global && entry.asid !== scope.asid) {
    return { reached: false, rules: [entry.table ? 'TLBI-047' : 'TLBI-042'] };
  }
  if (entry.table) {
    if (scope.leaf) return { reached: false, rules: ['TLBI-046'] };
    if (scope.ttl !== 0 && entry.level >= scope.ttl) return { reached: false, rules: ['TLBI-111'] };
    return { reached: true, rules: [...scope.rules, 'TLBI-045'] };
  }
  if (scope.ttl !== 0 && entry.level !== scope.ttl) return { reached: false, rules: ['TLBI-111'] };
  const rules: RuleId[] = [...scope.rules];
  if (entry.global && scope.asid !== undefined && entry.asid !== scope.asid) rules.push('TLBI-040');
  if (entry.first < scope.range.first) rules.push('TLBI-048');
  if (entry.level < 3 && entry.first < scope.range.first) rules.push('TLBI-049');
  return { reached: true, rules };
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

/** The action at which the latest completed invalidation of every translation was consumed; -1 when there was none. */
export function allTlbHorizon(invalidations: readonly Invalidation[]): number {
  const all = invalidations.findLast(
    ({ complete, scope }) => complete && scope.cache === 'tlb' && scope.asid === undefined && scope.range === undefined,
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
