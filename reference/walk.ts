/**
 * The VMSAv8-64 walk of one stage (3.4, DDI 0487 D8): from an input address to the leaves and faults a lookup may find.
 *
 * Every descriptor read is many-valued: what memory holds now, or what a TLB or walk cache may remember of it. What must
 * never be cached (a descriptor that faults, an aborted fetch) counts only as memory holds it now (3.21.1). Where a stage 1
 * descriptor lies at an IPA the caller says which physical addresses that may be (stage2.ts).
 */
import { field, flag, ones } from './bits.ts';
import { groupLeaves } from './contiguous-group.ts';
import { corrected, hierarchical, sizeRules, swap, tighten } from './descriptors.ts';
import type { Features } from './features.ts';
import { blockAllowed, contiguousMembers, leafRule, levelShift, stride } from './geometry.ts';
import { type Horizon, type Part, type Survival, survives, type TlbEntry, usableUntil } from './invalidations.ts';
import { FOREVER, type Held, type Memory } from './memory.ts';
import type { Regime } from './regime.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import { seenWhileEnabled } from './structures.ts';
import { type Leaf, type Located, NO_LIMITS, type Place, type TableLimits, type WalkFault } from './walk-results.ts';

export interface WalkOptions {
  /** Only global leaves count: entries of another ASID. */
  readonly globalOnly?: boolean;
  /** Nothing from before this action is remembered (a lookup with empty caches). */
  readonly horizonSince?: number | undefined;
  /** Where the descriptor at an IPA may be read. */
  readonly locate?: ((ipa: bigint) => Located) | undefined;
  /** Report leaves too that are in no cache any more: something made of them may be. */
  readonly dead?: boolean;
}

interface Step extends WalkOptions {
  readonly regime: Regime;
  readonly input: bigint;
}

interface Path {
  readonly table: bigint;
  readonly level: number;
  readonly since: number;
  /** Until when this path could be followed; FOREVER: it can be followed now. */
  readonly until: number;
  readonly parts: readonly Part[];
  readonly limits: TableLimits;
  /** The Table descriptor that led here, if a walk cache may still hold it. */
  readonly parent: TlbEntry | undefined;
  /** A Table descriptor was passed, so a walk cache may have led here. */
  readonly resumed: boolean;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

/** One descriptor read: the path to it and what it may hold. */
interface Reading extends Path {
  /** Of the descriptor, physical. */
  readonly address: bigint;
  /** A walk that could be made now, or before the descriptor changed, reads it: its entry bears the lookup's own tag. */
  readonly readable: boolean;
  /** The value is what such a walk reads now: faults count. */
  readonly faults: boolean;
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

  /** All leaves and faults that a lookup of `input` may meet, walking `regime` or hitting what a walk of it left behind. */
  walk(regime: Regime, input: bigint, options: WalkOptions = {}): (Leaf | WalkFault)[] {
    const start: Path = {
      table: regime.table,
      level: regime.start.level,
      since: regime.since,
      until: regime.until,
      parts: [],
      limits: NO_LIMITS,
      parent: undefined,
      resumed: false,
      stale: !regime.own,
      rules: regime.rules,
    };
    return this.#level({ ...options, regime, input }, start, regime.start.indexBits);
  }

  #level(step: Step, path: Path, indexBits: number): (Leaf | WalkFault)[] {
    const shift = levelShift(step.regime.granule, path.level);
    const at = field(step.input, shift + indexBits - 1, shift);
    const address = path.table + at * 8n;
    const result: (Leaf | WalkFault)[] = [];
    const located = step.locate?.(address);
    if (located === undefined) return this.#read(step, { ...path, ...this.#plain(step, path, address) }, indexBits);
    if (this.#fetchable(step, path)) {
      for (const fault of located.faults) {
        result.push({ ...fault, stale: path.stale || fault.stale, rules: [...fault.rules, ...path.rules] });
      }
    }
    for (const place of located.places) {
      const reading = this.#place(step, path, place);
      if (reading !== undefined) result.push(...this.#read(step, reading, indexBits));
    }
    return result;
  }

  #plain(step: Step, path: Path, address: bigint): Pick<Reading, 'address' | 'readable' | 'faults'> {
    const fetchable = this.#fetchable(step, path);
    return { address, readable: path.until === FOREVER && this.#mayWalk(step, path), faults: fetchable };
  }

  /** A path to a stage 1 descriptor through one stage 2 translation of its IPA; undefined when the two never met. */
  #place(step: Step, path: Path, place: Place): Reading | undefined {
    const since = Math.max(path.since, place.since);
    const rules: RuleId[] = [...path.rules, ...place.rules.filter((rule) => !path.rules.includes(rule))];
    if (place.log2Bytes < step.regime.granule) rules.push('WALK-138');
    const stale = path.stale || place.stale;
    const { part } = place;
    if (part === undefined)
      return { ...path, since, stale, rules, ...this.#plain(step, { ...path, since }, place.address) };
    // A cached Table descriptor may lead to a physical address: it is a combined entry (4.4.3.1).
    if (path.parent !== undefined && this.#survives(step, path.parent, FOREVER, [part], since).alive) {
      const combined: RuleId[] = [...rules, 'TLBI-063'];
      return { ...path, since, stale: true, rules: combined, ...this.#plain(step, { ...path, since }, place.address) };
    }
    if (usableUntil(this.#state.invalidations, part) < since) return undefined;
    const parts = [...path.parts, part];
    return { ...path, since, stale: true, rules, parts, address: place.address, readable: false, faults: false };
  }

  /** Whether a walk made now can come to the end of this path. */
  #fetchable(step: Step, path: Path): boolean {
    const live = path.until === FOREVER && path.parts.length === 0;
    return live && step.globalOnly !== true && this.#mayWalk(step, path);
  }

  #read(step: Step, reading: Reading, indexBits: number): (Leaf | WalkFault)[] {
    const { address } = reading;
    const backing = this.#memory.backing(address);
    if (backing === 'elsewhere') {
      // What others, or a structure half written, might have walked there is not taken to be a translation.
      if (step.regime.own) this.unknown = 'a translation table outside RAM';
      return [];
    }
    if (backing === 'hole') {
      if (!reading.faults) return [];
      const rules: RuleId[] = ['EVT-114', 'EVT-193', ...reading.rules];
      return [{ kind: 'fault', event: 'F_WALK_EABT', fetchAddress: address, stale: reading.stale, rules }];
    }
    const result: (Leaf | WalkFault)[] = [];
    this.#memory.noteWalk(address);
    const history = this.#memory.held(address, reading.since);
    for (const held of history) {
      if (!this.#seen(held, reading.since)) {
        this.forgotten.push('CACHE-067');
        continue;
      }
      const descriptor = this.#order(step, held.value);
      const now = held.to === FOREVER;
      const rules =
        now && history.length > 1
          ? [
              ...reading.rules,
              ...corrected(
                this.#memory,
                history.filter((held) => held.to !== FOREVER).map((held) => this.#order(step, held.value)),
                descriptor,
              ),
            ]
          : reading.rules;
      const value: Reading = {
        ...reading,
        until: Math.min(reading.until, held.to),
        since: Math.max(reading.since, held.from),
        stale: reading.stale || !now,
        faults: now && reading.faults,
        rules,
      };
      result.push(...this.#descriptor(step, value, descriptor, indexBits));
    }
    result.push(...this.#neighbours(step, reading, history, indexBits));
    return result;
  }

  #seen(held: Held, since: number): boolean {
    return held.to === FOREVER || seenWhileEnabled(this.#state, Math.max(held.from, since), held.to);
  }

  #order(step: Step, value: bigint): bigint {
    return step.regime.endi ? swap(value) : value;
  }

  /** A lookup with its own tables may walk from the top; with another's only on from a cached Table descriptor. */
  #mayWalk(step: Step, path: Path): boolean {
    return step.regime.own || path.resumed;
  }

  #descriptor(step: Step, reading: Reading, descriptor: bigint, indexBits: number): (Leaf | WalkFault)[] {
    const fault: Raise = (event, ...rules) =>
      reading.faults
        ? [
            {
              kind: 'fault',
              event,
              leaf: { descriptor, limits: reading.limits },
              stale: reading.stale,
              rules: [...rules, ...reading.rules],
            },
          ]
        : [];
    const { level } = reading;
    const { granule, outputBits } = step.regime;
    const tableOrPage = flag(descriptor, 1);
    if (!flag(descriptor, 0)) {
      const beyond = (field(descriptor, 47, 12) << 12n) >> BigInt(outputBits) !== 0n;
      return fault('F_TRANSLATION', 'WALK-084', ...(beyond ? (['EVT-194'] as const) : []));
    }
    if (level === 3 && !tableOrPage) return fault('F_TRANSLATION', 'WALK-085');
    if (level < 3 && tableOrPage) return this.#table(step, reading, descriptor, fault);
    if (level < 3 && !blockAllowed(granule, level)) return fault('F_TRANSLATION', leafRule(granule, level));
    return this.#leaf(step, reading, descriptor, indexBits, fault);
  }

  #table(step: Step, reading: Reading, descriptor: bigint, fault: Raise): (Leaf | WalkFault)[] {
    const { regime } = step;
    const nextTable = field(descriptor, 47, regime.granule) << BigInt(regime.granule);
    const faults = this.#reservedHigh(step, descriptor, fault);
    if ((nextTable & ~ones(regime.outputBits)) !== 0n) {
      return fault('F_ADDR_SIZE', regime.stage === 1 ? 'WALK-026' : 'WALK-030', 'EVT-195');
    }
    const entry = this.#entry(step, { table: true, global: false, level: reading.level });
    const survival = this.#survives(step, entry, reading.until, reading.parts, reading.since);
    const remembered = (reading.until === FOREVER && reading.parts.length === 0) || survival.alive;
    if (!remembered) this.forgotten.push(...survival.horizon.rules);
    const rules: RuleId[] = [...reading.rules, 'WALK-087', 'WALK-061'];
    if (descriptor & (ones(8) << 51n) || descriptor & (ones(10) << 2n)) rules.push('WALK-108');
    if (regime.granule === 14 && field(descriptor, 13, 12) !== 0n) rules.push('WALK-102');
    if (regime.stage === 2 && field(descriptor, 63, 59) !== 0n) rules.push('WALK-111');
    if (!flag(descriptor, 10)) rules.push('HTTU-006');
    if (flag(descriptor, 63)) rules.push('SEC-037');
    if (reading.until !== FOREVER) rules.push('CACHE-062', ...survival.horizon.spared);
    const off = regime.hierarchyOff;
    const next = this.#level(
      step,
      {
        table: nextTable,
        level: reading.level + 1,
        since: reading.since,
        // A cached Table descriptor lets later walks go on from it, whatever became of the way to it, for as long as it may be kept.
        until: FOREVER,
        parts: remembered ? [] : [...reading.parts, { entry, until: reading.until }],
        limits: off
          ? { ...NO_LIMITS, disabled: reading.limits.disabled || flag(descriptor, 61) }
          : tighten(reading.limits, descriptor),
        parent: remembered ? entry : undefined,
        resumed: true,
        stale: reading.stale,
        rules: regime.stage === 1 ? hierarchical(descriptor, off, rules) : rules,
      },
      stride(regime.granule),
    );
    return [...faults, ...next];
  }

  /** With 64 KiB granules bits [15:12] are an address only above 48 bits; below, reporting them is left open (D8.3). */
  #reservedHigh(step: Step, descriptor: bigint, fault: Raise): WalkFault[] {
    if (step.regime.granule !== 16 || field(descriptor, 15, 12) === 0n) return [];
    return fault('F_ADDR_SIZE', 'WALK-103').map((raised) => ({ ...raised, unpredictable: true }));
  }

  #leaf(
    step: Step,
    reading: Reading,
    descriptor: bigint,
    indexBits: number,
    fault: Raise,
    group: Leaf['group'] = 'none',
  ): (Leaf | WalkFault)[] {
    const { level } = reading;
    const { regime } = step;
    const shift = levelShift(regime.granule, level);
    const stage1 = regime.stage === 1;
    const global = stage1 && !flag(descriptor, 11);
    const base = field(descriptor, 47, shift) << BigInt(shift);
    const rules: RuleId[] = [leafRule(regime.granule, level), 'WALK-100'];
    if (level < 3 && field(descriptor, shift - 1, 17) !== 0n) rules.push('WALK-101');
    if (regime.granule === 14 && level === 3 && field(descriptor, 13, 12) !== 0n) rules.push('WALK-102');
    // What may be reported in place of anything below comes with it.
    const faults = this.#reservedHigh(step, descriptor, fault);
    if (flag(descriptor, 52)) faults.push(...this.#groupRules(step, level, indexBits, base, rules, fault));
    if ((base & ~ones(regime.outputBits)) !== 0n)
      return [...faults, ...fault('F_ADDR_SIZE', ...sizeRules(step.regime, descriptor, this.#features))];
    if (stage1 && regime.outputBits >= 48) rules.push('WALK-028');
    if (field(descriptor, 49, 48) !== 0n) rules.push('WALK-107');
    const accessed = flag(descriptor, 10);
    if (!accessed && !regime.affd) {
      const both: RuleId[] = level < 3 ? ['HTTU-008'] : [];
      return [...faults, ...fault('F_ACCESS', stage1 ? 'HTTU-001' : 'STE-234', ...both)];
    }
    if (!accessed)
      rules.push(stage1 ? 'HTTU-002' : 'STE-235', ...(reading.until === FOREVER ? [] : (['CACHE-065'] as const)));
    if (stage1 && (field(descriptor, 58, 55) !== 0n || flag(descriptor, 63))) rules.push('WALK-109');
    if (!stage1 && field(descriptor, 63, 60) !== 0n) rules.push('WALK-110');
    if (stage1 && flag(descriptor, 50)) rules.push('WALK-112');
    if (stage1 && (flag(descriptor, 5) || flag(descriptor, 63))) rules.push('SEC-037');
    if (level < 3 && flag(descriptor, 16) && this.#features.bbml >= 1) rules.push('WALK-114');
    if (step.globalOnly === true && !global) return [];
    const contiguous = flag(descriptor, 52) && contiguousMembers(regime.granule, level) !== undefined;
    if (contiguous && group === 'none') rules.push('WALK-116');
    const entry = this.#entry(step, { table: false, global, level, contiguous });
    const survival = this.#survives(step, entry, reading.until, reading.parts, reading.since);
    const live = reading.until === FOREVER && reading.parts.length === 0;
    if (!live && !survival.alive) {
      this.forgotten.push(...survival.horizon.rules);
      if (step.dead !== true) return [];
    }
    if (!live) {
      rules.push('CACHE-061', ...survival.horizon.spared);
      if (this.#state.tables.length > 1) rules.push('CACHE-068');
    }
    if (stage1) rules.push('WALK-113');
    if (step.globalOnly === true) rules.push('TLBI-146');
    return [
      ...faults,
      {
        kind: 'leaf',
        descriptor,
        level,
        log2Bytes: shift,
        outputAddress: base | field(step.input, shift - 1, 0),
        limits: reading.limits,
        readable: reading.readable,
        stale: reading.stale || !live || group !== 'none',
        entry,
        since: reading.since,
        until: reading.until,
        parts: reading.parts,
        alive: live || survival.alive,
        group,
        rules: [...rules, ...reading.rules],
      },
    ];
  }

  /** What the Contiguous bit of a leaf adds: its group may not fit into the input range (D8.7.1.3). */
  #groupRules(step: Step, level: number, indexBits: number, base: bigint, rules: RuleId[], fault: Raise): WalkFault[] {
    const { regime } = step;
    const members = contiguousMembers(regime.granule, level);
    if (members === undefined) return [];
    const size = levelShift(regime.granule, level) + Math.log2(members);
    if (((base >> BigInt(size)) + 1n) << BigInt(size) > ones(regime.outputBits) + 1n) rules.push('WALK-119');
    if (2 ** indexBits >= members) return [];
    return fault('F_TRANSLATION', 'WALK-121').map((raised) => ({ ...raised, unpredictable: true }));
  }

  /** Leaves that Contiguous neighbours in the same group may make of this address (D8.7.1). */
  #neighbours(step: Step, reading: Reading, history: readonly Held[], indexBits: number): (Leaf | WalkFault)[] {
    if (step.horizonSince !== undefined) return [];
    const { address, level, since } = reading;
    const found = groupLeaves(this.#memory, this.#features, history, {
      ...{ granule: step.regime.granule, level, address, since },
      ...{ order: (value) => this.#order(step, value), seen: (held) => this.#seen(held, since) },
    });
    if (found === undefined) return [];
    this.unknown = found.unknown ?? this.unknown;
    const leaves = found.leaves.flatMap(({ descriptor, held, rules, group }) => {
      const value: Reading = {
        ...reading,
        until: Math.min(reading.until, held.to),
        since: Math.max(since, held.from),
        stale: true,
        readable: false,
        faults: false,
        rules: [...rules, ...reading.rules],
      };
      return this.#leaf(step, value, descriptor, indexBits, () => [], group);
    });
    return distinctLeaves(leaves);
  }

  #entry(step: Step, of: { table: boolean; global: boolean; level: number; contiguous?: boolean }): TlbEntry {
    const { regime } = step;
    const input = regime.stage === 1 ? canonical(step.input) : step.input;
    const shift = BigInt(levelShift(regime.granule, of.level));
    const first = (input >> shift) << shift;
    return {
      by: regime.stage === 1 ? 'VA' : 'IPA',
      vmid: regime.vmid,
      asid: regime.asid,
      global: of.global,
      table: of.table,
      level: of.level,
      granule: regime.granule,
      combined: regime.nested,
      contiguous: of.contiguous === true,
      first,
      last: first + (1n << shift) - 1n,
    };
  }

  #survives(step: Step, entry: TlbEntry, until: number, parts: readonly Part[], since: number): Survival {
    if (step.horizonSince === undefined) return survives(this.#state.invalidations, entry, until, parts, since);
    const horizon: Horizon = { time: step.horizonSince, rules: [], spared: [] };
    return { alive: until >= step.horizonSince && parts.length === 0, horizon };
  }
}

type Raise = (event: WalkFault['event'], ...rules: RuleId[]) => WalkFault[];

function distinctLeaves(hits: readonly (Leaf | WalkFault)[]): (Leaf | WalkFault)[] {
  const seen = new Set<string>();
  return hits.filter((hit) => {
    const key = hit.kind === 'leaf' ? `${hit.descriptor}:${hit.until}:${hit.since}` : hit.event;
    const first = !seen.has(key);
    seen.add(key);
    return first;
  });
}

/** The VA as TLB entries know it: bits [63:56] are copies of VA[55] when the half ignores them. */
export function canonical(va: bigint): bigint {
  return flag(va, 55) ? va | (ones(8) << 56n) : va & ones(56);
}
