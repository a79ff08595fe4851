/**
 * The stage 1 VMSAv8-64 walk (3.4, DDI 0487 D8): from an input address to the leaves and faults a lookup may find.
 *
 * Every descriptor read is many-valued: what memory holds now, or what a TLB or walk cache may remember of it. What must
 * never be cached (a descriptor that faults, an aborted fetch) counts only as memory holds it now (3.21.1).
 */
import { alignDown, field, flag, ones } from './bits.ts';
import { type Cd, effectiveIps, type Half } from './cd.ts';
import type { Features } from './features.ts';
import { tlbHorizon, type Horizon } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import { seenWhileEnabled } from './structures.ts';

/** Restrictions that Table descriptors on the path put on the leaf (D8.4). */
export interface TableLimits {
  readonly noUnprivileged: boolean;
  readonly noWrite: boolean;
  readonly uxn: boolean;
  readonly pxn: boolean;
  /** How many Table descriptors set APTable. */
  readonly apTables: number;
  /** APTable was set, but CD.HAD takes its meaning away. */
  readonly disabled: boolean;
}

export interface Leaf {
  readonly kind: 'leaf';
  readonly descriptor: bigint;
  readonly level: number;
  /** log2 of the bytes it maps. */
  readonly log2Bytes: number;
  readonly outputAddress: bigint;
  readonly limits: TableLimits;
  readonly root: Root;
  /** A walk that goes on from a cached Table descriptor reads it now; else only a TLB entry can hold it. */
  readonly readable: boolean;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

export interface WalkFault {
  readonly kind: 'fault';
  readonly event: 'F_TRANSLATION' | 'F_ADDR_SIZE' | 'F_ACCESS' | 'F_WALK_EABT';
  readonly fetchAddress?: bigint;
  /** The leaf that a size or Access flag fault stopped at, for what else was wrong with the access. */
  readonly leaf?: { readonly descriptor: bigint; readonly limits: TableLimits; readonly root: Root };
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

/** A translation context that may have filled the TLB: a CD and when it could be used for walks. */
export interface Root {
  readonly cd: Cd;
  readonly since: number;
  readonly until: number;
  /** The CD that the lookup itself uses, so that it may walk afresh. */
  readonly own: boolean;
}

const VA_BITS = 64n;
const PAGE_BITS = 12;
const NO_LIMITS: TableLimits = {
  noUnprivileged: false,
  noWrite: false,
  uxn: false,
  pxn: false,
  apTables: 0,
  disabled: false,
};

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

/** The VA as TLB entries know it: bits [63:56] are copies of VA[55] when the half ignores them. */
export function canonical(va: bigint): bigint {
  return flag(va, 55) ? va | (ones(8) << 56n) : va & ones(56);
}

interface Step {
  readonly root: Root;
  readonly half: Half;
  readonly va: bigint;
  readonly ips: number;
  readonly ipsRules: readonly RuleId[];
  /** Whether only global leaves count: entries of another ASID. */
  readonly globalOnly: boolean;
  readonly horizonSince: number | undefined;
}

interface Path {
  readonly table: bigint;
  /** Of the descriptor read last. */
  readonly address: bigint;
  readonly level: number;
  readonly since: number;
  /** Until when this path could be followed; FOREVER: it can be followed now. */
  readonly until: number;
  readonly limits: TableLimits;
  /** A Table descriptor was passed, so a walk cache may have led here. */
  readonly resumed: boolean;
  /** A walk that could be made now, or before the descriptor changed, reads it: its entry bears the lookup's own tag. */
  readonly readable: boolean;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

export class Walker {
  readonly #state: State;
  readonly #memory: Memory;
  readonly #features: Features;
  /** Rules of invalidations that made some old value impossible. */
  readonly forgotten: RuleId[] = [];
  /** The scenario does not say what some descriptor fetch reads. */
  unknown: string | undefined = undefined;

  constructor(state: State, memory: Memory, features: Features) {
    this.#state = state;
    this.#memory = memory;
    this.#features = features;
  }

  /**
   * All leaves and faults that a lookup of `va` may meet, walking with `root` or hitting what a walk with it left behind.
   * @param horizonSince when given, nothing from before this action is remembered (a lookup with empty caches)
   */
  walk(root: Root, va: bigint, globalOnly: boolean, horizonSince?: number): (Leaf | WalkFault)[] {
    const { half, inside, rules } = selectHalf(root.cd, va);
    if (!inside || (half.epd && !root.own)) {
      if (!root.own) return [];
      return [{ kind: 'fault', event: 'F_TRANSLATION', stale: false, rules: [...rules, ...this.#unfetched(half)] }];
    }
    if (half.epd) {
      return [{ kind: 'fault', event: 'F_TRANSLATION', stale: false, rules: ['CD-084', ...this.#unfetched(half)] }];
    }
    if (half.granule !== PAGE_BITS || half.txsz > 39) {
      this.unknown = half.granule === PAGE_BITS ? 'small translation tables' : 'a granule other than 4 KiB';
      return [];
    }
    const ips = effectiveIps(root.cd, this.#features);
    const step: Step = { root, half, va, ips: ips.bits, ipsRules: ips.rules, globalOnly, horizonSince };
    const level = half.txsz <= 24 ? 0 : half.txsz <= 33 ? 1 : 2;
    const startRule: RuleId = (['WALK-044', 'WALK-045', 'WALK-046'] as const)[level];
    const indexBits = 64 - half.txsz - (PAGE_BITS + 9 * (3 - level));
    const table = alignDown(half.ttb, Math.max(indexBits + 3, ips.bits >= 52 ? 6 : 0));
    const start: Path = {
      table,
      address: table,
      level,
      since: root.since,
      until: root.until,
      limits: NO_LIMITS,
      resumed: false,
      readable: root.own,
      stale: !root.own,
      rules: [
        startRule,
        ...rules,
        ...ips.rules,
        flag(va, 55) ? 'CD-093' : 'CD-090',
        ...(flag(va, 55) ? (['WALK-226'] as const) : []),
      ],
    };
    return this.#level(step, table === half.ttb ? start : { ...start, rules: [...start.rules, 'CD-103'] }, indexBits);
  }

  /** A range or EPD fault comes before any fetch: it shows where the fetch would have aborted. */
  #unfetched(half: Half): RuleId[] {
    return this.#memory.backing(half.ttb) === 'hole' ? ['EVT-192', 'WALK-042'] : [];
  }

  #level(step: Step, path: Path, indexBits: number): (Leaf | WalkFault)[] {
    const shift = PAGE_BITS + 9 * (3 - path.level);
    const at = field(step.va, shift + indexBits - 1, shift);
    const address = path.table + at * 8n;
    const canFetch = path.until === FOREVER;
    if (this.#memory.backing(address) !== 'ram') {
      if (this.#memory.backing(address) === 'elsewhere') {
        this.unknown = 'a translation table outside RAM';
        return [];
      }
      if (!canFetch || step.globalOnly || !this.#mayWalk(step, path)) return [];
      const { cd } = step.root;
      const rules: RuleId[] = ['EVT-114', 'EVT-193', ...path.rules];
      if (!cd.r) rules.push('CD-130', 'EVT-121');
      if (!cd.a) rules.push('CD-131', 'EVT-121');
      return [{ kind: 'fault', event: 'F_WALK_EABT', fetchAddress: address, stale: path.stale, rules }];
    }
    const result: (Leaf | WalkFault)[] = [];
    this.#memory.noteWalk(address);
    const history = this.#memory.held(address, path.since);
    for (const held of history) {
      if (held.to !== FOREVER && !seenWhileEnabled(this.#state, Math.max(held.from, path.since), held.to)) {
        this.forgotten.push('CACHE-067');
        continue;
      }
      const descriptor = step.root.cd.endi ? swap(held.value) : held.value;
      const now = held.to === FOREVER;
      const faults = now && canFetch && this.#mayWalk(step, path) && !step.globalOnly;
      const until = Math.min(path.until, held.to);
      const since = Math.max(path.since, held.from);
      const stale = path.stale || !now;
      const rules = now && history.length > 1 ? [...path.rules, ...corrected(history, descriptor)] : path.rules;
      result.push(
        ...this.#descriptor(
          step,
          { ...path, address, since, until, stale, rules, readable: canFetch && this.#mayWalk(step, path) },
          descriptor,
          shift,
          faults,
        ),
      );
    }
    return result;
  }

  /** A lookup with its own CD may walk from the top; with another's only on from a cached Table descriptor. */
  #mayWalk(step: Step, path: Path): boolean {
    return step.root.own || path.resumed;
  }

  #descriptor(step: Step, path: Path, descriptor: bigint, shift: number, faults: boolean): (Leaf | WalkFault)[] {
    const fault = (event: WalkFault['event'], ...rules: RuleId[]): WalkFault[] =>
      faults
        ? [
            {
              kind: 'fault',
              event,
              leaf: { descriptor, limits: path.limits, root: step.root },
              stale: path.stale,
              rules: [...rules, ...path.rules],
            },
          ]
        : [];
    const { level } = path;
    const valid = flag(descriptor, 0);
    const tableOrPage = flag(descriptor, 1);
    if (!valid) {
      const beyond = (field(descriptor, 47, 12) << 12n) >> BigInt(step.ips) !== 0n;
      return fault('F_TRANSLATION', 'WALK-084', ...(beyond ? (['EVT-194'] as const) : []));
    }
    if (level === 3 && !tableOrPage) return fault('F_TRANSLATION', 'WALK-085');
    if (level === 0 && !tableOrPage) return fault('F_TRANSLATION', 'WALK-090');
    if (level < 3 && tableOrPage) return this.#table(step, path, descriptor, shift, fault);
    return this.#leaf(step, path, descriptor, shift, fault);
  }

  #table(
    step: Step,
    path: Path,
    descriptor: bigint,
    shift: number,
    fault: (event: WalkFault['event'], ...rules: RuleId[]) => WalkFault[],
  ): (Leaf | WalkFault)[] {
    const nextTable = field(descriptor, 47, 12) << 12n;
    if ((nextTable & ~ones(step.ips)) !== 0n) return fault('F_ADDR_SIZE', 'WALK-026', 'EVT-195');
    const horizon = this.#horizon(step, { table: true, global: false, level: path.level, shift });
    const remembered = path.until === FOREVER || path.until >= horizon.time;
    if (!remembered) this.forgotten.push(...horizon.rules);
    const disabled = step.half.had && this.#features.had;
    const rules: RuleId[] = [...path.rules, 'WALK-087', 'WALK-061'];
    if (descriptor & (ones(8) << 51n) || descriptor & (ones(10) << 2n)) rules.push('WALK-108');
    if (!flag(descriptor, 10)) rules.push('HTTU-006');
    if (flag(descriptor, 63)) rules.push('SEC-037');
    if (path.until !== FOREVER) rules.push('CACHE-062', ...horizon.spared);
    return this.#level(
      step,
      {
        table: nextTable,
        address: nextTable,
        level: path.level + 1,
        since: path.since,
        // A cached Table descriptor lets later walks go on from it, whatever became of the way to it.
        until: remembered ? FOREVER : path.until,
        limits: disabled
          ? { ...NO_LIMITS, disabled: path.limits.disabled || flag(descriptor, 61) }
          : tighten(path.limits, descriptor),
        resumed: true,
        readable: remembered,
        stale: path.stale,
        rules: hierarchical(descriptor, disabled, rules),
      },
      9,
    );
  }

  #leaf(
    step: Step,
    path: Path,
    descriptor: bigint,
    shift: number,
    fault: (event: WalkFault['event'], ...rules: RuleId[]) => WalkFault[],
  ): (Leaf | WalkFault)[] {
    const { level } = path;
    const global = !flag(descriptor, 11);
    const base = field(descriptor, 47, shift) << BigInt(shift);
    const rules: RuleId[] = [(['WALK-090', 'WALK-088', 'WALK-089', 'WALK-086'] as const)[level] ?? 'WALK-086'];
    rules.push('WALK-100');
    if (level < 3 && field(descriptor, shift - 1, 17) !== 0n) rules.push('WALK-101');
    if ((base & ~ones(step.ips)) !== 0n) {
      const size: RuleId[] = ['WALK-025'];
      if (step.ips < this.#features.oas) size.push('WALK-027');
      if (!flag(descriptor, 10)) size.push('EVT-196');
      return fault('F_ADDR_SIZE', ...size);
    }
    if (step.ips >= 48) rules.push('WALK-028');
    if (field(descriptor, 49, 48) !== 0n) rules.push('WALK-107');
    const accessed = flag(descriptor, 10);
    if (!accessed && !step.root.cd.affd) {
      return fault('F_ACCESS', 'HTTU-001', ...(level < 3 ? (['HTTU-008'] as const) : []));
    }
    if (!accessed) rules.push('HTTU-002', ...(path.until === FOREVER ? [] : (['CACHE-065'] as const)));
    if (field(descriptor, 58, 55) !== 0n || flag(descriptor, 63)) rules.push('WALK-109');
    if (flag(descriptor, 50)) rules.push('WALK-112');
    if (flag(descriptor, 5) || flag(descriptor, 63)) rules.push('SEC-037');
    if (level < 3 && flag(descriptor, 16) && this.#features.bbml >= 1) rules.push('WALK-114');
    if (step.globalOnly && !global) return [];
    if (flag(descriptor, 52) && !this.#contiguous(step, path, descriptor, shift)) {
      this.unknown = 'a Contiguous group whose members differ';
    }
    const horizon = this.#horizon(step, { table: false, global, level, shift });
    if (path.until !== FOREVER && path.until < horizon.time) {
      this.forgotten.push(...horizon.rules);
      return [];
    }
    if (path.until !== FOREVER) {
      rules.push('CACHE-061', ...horizon.spared);
      if (this.#state.tables.length > 1) rules.push('CACHE-068');
    }
    rules.push('WALK-113');
    if (step.globalOnly) rules.push('TLBI-146');
    const offset = field(step.va, shift - 1, 0);
    return [
      {
        kind: 'leaf',
        descriptor,
        level,
        log2Bytes: shift,
        outputAddress: base | offset,
        limits: path.limits,
        root: step.root,
        readable: path.readable,
        stale: path.stale || path.until !== FOREVER,
        rules: [...rules, ...path.rules],
      },
    ];
  }

  /** Whether all members of a Contiguous group are, and have been, what the group's one entry would say (D8.7.1). */
  #contiguous(step: Step, path: Path, descriptor: bigint, shift: number): boolean {
    const own = field(step.va, shift + 3, shift);
    const address = path.address - own * 8n;
    for (let member = 0n; member < 16n; member++) {
      const expected = descriptor + ((member - own) << BigInt(shift));
      const history = this.#memory.held(address + member * 8n, path.since);
      if (history.some((held) => (step.root.cd.endi ? swap(held.value) : held.value) !== expected)) return false;
    }
    return true;
  }

  #horizon(step: Step, entry: { table: boolean; global: boolean; level: number; shift: number }): Horizon {
    if (step.horizonSince !== undefined) return { time: step.horizonSince, rules: [], spared: [] };
    const va = canonical(step.va);
    const first = alignDown(va, entry.shift);
    return tlbHorizon(this.#state.invalidations, {
      asid: step.root.cd.asid,
      global: entry.global,
      table: entry.table,
      level: entry.level,
      first,
      last: first + ones(entry.shift),
    });
  }
}

/** A descriptor that faulted before was not remembered: its correction counts at once. */
function corrected(history: readonly { value: bigint; to: number }[], descriptor: bigint): RuleId[] {
  const rules: RuleId[] = [];
  const before = history.filter((held) => held.to !== FOREVER);
  if (flag(descriptor, 0) && before.some((held) => !flag(held.value, 0))) rules.push('CACHE-063', 'CACHE-058');
  if (flag(descriptor, 10) && before.some((held) => flag(held.value, 0) && !flag(held.value, 10)))
    rules.push('CACHE-064');
  return rules;
}

function tighten(limits: TableLimits, descriptor: bigint): TableLimits {
  return {
    noUnprivileged: limits.noUnprivileged || flag(descriptor, 61),
    noWrite: limits.noWrite || flag(descriptor, 62),
    uxn: limits.uxn || flag(descriptor, 60),
    pxn: limits.pxn || flag(descriptor, 59),
    apTables: limits.apTables + (field(descriptor, 62, 61) === 0n ? 0 : 1),
    disabled: false,
  };
}

/** A big-endian table's descriptor (CD.ENDI). */
function swap(value: bigint): bigint {
  let result = 0n;
  for (let i = 0n; i < VA_BITS; i += 8n) result |= ((value >> i) & 0xffn) << (VA_BITS - 8n - i);
  return result;
}

function hierarchical(descriptor: bigint, disabled: boolean, rules: RuleId[]): RuleId[] {
  if (field(descriptor, 62, 59) === 0n) return rules;
  return disabled ? [...rules, 'PERM-052'] : rules;
}
