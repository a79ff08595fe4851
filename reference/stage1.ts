/**
 * Stage 1 of a transaction (3.4.1, 5.4): which half of the VA space, and the walk of its tables.
 */
import { alignDown, field, flag, ones } from './bits.ts';
import { type Cd, effectiveIps, type Half } from './cd.ts';
import type { Features } from './features.ts';
import { stage1Start, startRule } from './geometry.ts';
import type { Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import type { Regime, Root } from './regime.ts';
import type { Walker, WalkOptions } from './walk.ts';
import type { Leaf, WalkFault } from './walk-results.ts';

/** A leaf, and the CD whose permissions go with it. */
export interface Stage1Leaf extends Leaf {
  readonly root: Root;
}

export interface Stage1Fault extends WalkFault {
  readonly root: Root;
}

/** Which half of the VA space an address belongs to, and whether it is inside the range that TxSZ gives (3.4.1). */
export function selectHalf(cd: Cd, va: bigint): { half: Half; at: 0 | 1; inside: boolean; rules: RuleId[] } {
  const at = flag(va, 55) ? 1 : 0;
  const half = cd.halves[at];
  const top = half.tbi ? 55 : 63;
  const size = 64 - half.txsz;
  const inside = size > top || field(va, top, size) === (at === 1 ? ones(top - size + 1) : 0n);
  const topByte = field(va, 63, 56);
  const odd = topByte !== (at === 1 ? 0xffn : 0n);
  const rules: RuleId[] = [];
  if (inside) {
    rules.push(at === 1 ? 'WALK-012' : 'WALK-011');
    if (odd) rules.push('WALK-015', 'CD-112');
  } else if (odd && !half.tbi) {
    const other = cd.halves[1 - at];
    rules.push('WALK-014', ...(other?.tbi === true ? (['WALK-017', 'CD-112'] as const) : []));
  } else {
    rules.push(half.tbi ? 'WALK-016' : 'WALK-013');
  }
  return { half, at, inside, rules };
}

/** Everything that a lookup of `va` may meet in the tables of a CD, or in what a walk of them left behind. */
export function walkStage1(
  walker: Walker,
  f: Features,
  memory: Memory,
  root: Root,
  va: bigint,
  options: WalkOptions,
): (Stage1Leaf | Stage1Fault)[] {
  const { half, at, inside, rules } = selectHalf(root.cd, va);
  if (!inside || half.epd) {
    if (!root.own) return [];
    // A range or EPD fault comes before any fetch: it shows where the fetch would have aborted.
    const unfetched: RuleId[] = !root.nested && memory.backing(half.ttb) === 'hole' ? ['EVT-192', 'WALK-042'] : [];
    const cause: RuleId[] = inside ? ['CD-084'] : rules;
    return [{ kind: 'fault', event: 'F_TRANSLATION', stale: false, rules: [...cause, ...unfetched], root }];
  }
  const regime = regimeOf(root, half, f, va, rules);
  if (regime === undefined) {
    walker.unknown = 'a Reserved granule';
    return [];
  }
  const other = root.cd.halves[1 - at];
  const apart = f.had && other !== undefined && other.had !== half.had;
  return walker.walk(regime, va, options).map((hit) => {
    const more: RuleId[] = [];
    if (hit.kind === 'leaf' && apart && (hit.limits.apTables > 0 || hit.limits.disabled)) more.push('PERM-053');
    if (hit.kind === 'fault' && root.nested && hit.rules.includes('WALK-026')) more.push('WALK-152');
    return { ...hit, root, rules: more.length === 0 ? hit.rules : [...hit.rules, ...more] };
  });
}

function regimeOf(root: Root, half: Half, f: Features, va: bigint, halfRules: readonly RuleId[]): Regime | undefined {
  const { granule } = half;
  if (granule === undefined) return undefined;
  const ips = effectiveIps(root.cd, f);
  const start = stage1Start(granule, half.txsz);
  const table = alignDown(half.ttb, Math.max(start.indexBits + 3, ips.bits >= 52 ? 6 : 4));
  const rules: RuleId[] = [startRule(granule, half.txsz), ...halfRules, ...ips.rules];
  rules.push(flag(va, 55) ? 'CD-093' : 'CD-090', ...(flag(va, 55) ? (['WALK-226'] as const) : []));
  if (table !== half.ttb) rules.push('CD-103');
  if (root.nested) rules.push('WALK-040');
  return {
    stage: 1,
    granule,
    start,
    table,
    outputBits: Math.min(ips.bits, 48),
    endi: root.cd.endi,
    affd: root.cd.affd,
    hierarchyOff: half.had && f.had,
    vmid: root.vmid,
    asid: root.cd.asid,
    nested: root.nested,
    since: root.since,
    until: root.until,
    own: root.own,
    rules,
  };
}
