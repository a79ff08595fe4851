/**
 * Stage 2 (3.4, 5.2, DDI 0487 D8): from an IPA to the physical addresses and faults that its translation may give, for a
 * device's access, a stage 1 descriptor or a CD.
 *
 * Many-valued as any lookup: the stage 2 of the STE at hand is walked afresh, and every stage 2 that any stream with the same
 * VMID could have used may have left entries in the TLB (3.17). Translations that no cache holds any more are told too: an
 * entry that combines both stages outlives what it was made of (4.4.3.1).
 */
import { alignDown, field, flag } from './bits.ts';
import type { Features } from './features.ts';
import { stage2Start, stride } from './geometry.ts';
import { asPart } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { Access } from './permissions.ts';
import type { RuleId } from './rules/ids.ts';
import type { State } from './state.ts';
import type { Stage2Config } from './ste-stage2.ts';
import type { Regime } from './regime.ts';
import { Walker } from './walk.ts';
import type { Leaf, Located, Place, Purpose, WalkFault } from './walk-results.ts';

/** A stage 2 that may have filled the TLB, and when it could be used for walks. */
export interface Stage2Root {
  readonly config: Stage2Config;
  readonly since: number;
  readonly until: number;
  /** The one that the lookup itself uses, so that it may walk afresh. */
  readonly own: boolean;
}

export interface Stage2Leaf extends Leaf {
  readonly config: Stage2Config;
}

export interface Translation {
  readonly leaves: readonly Stage2Leaf[];
  /** Their `stage2` is for the caller to fill in. */
  readonly faults: readonly WalkFault[];
}

const PAGE_BITS = 12;
/** Rules of descriptors that faulted before. */
const MENDED: readonly RuleId[] = ['CACHE-058', 'CACHE-063', 'CACHE-064'];

export class Stage2 {
  readonly #roots: readonly Stage2Root[];
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #walker: Walker;
  readonly #horizon: number | undefined;
  readonly #known = new Map<bigint, Translation>();

  /** @param horizon with it, nothing from before that action is remembered */
  constructor(state: State, memory: Memory, f: Features, roots: readonly Stage2Root[], horizon: number | undefined) {
    this.#roots = roots;
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
    this.#walker = new Walker(state, memory, f);
  }

  /** Rules of invalidations that made some old translation impossible. */
  get forgotten(): readonly RuleId[] {
    return this.#walker.forgotten;
  }

  get unknown(): string | undefined {
    return this.#walker.unknown;
  }

  /** Whether entries for some IPA translated so far disagree, and why that is a conflict. */
  get conflict(): RuleId | undefined {
    for (const { leaves } of this.#known.values()) {
      const found = conflictOf(
        leaves.filter((leaf) => leaf.alive),
        this.#f,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Everything that a translation of an IPA may give. */
  translate(ipa: bigint): Translation {
    const page = alignDown(ipa, PAGE_BITS);
    let known = this.#known.get(page);
    if (known === undefined) {
      known = this.#page(page);
      this.#known.set(page, known);
    }
    const offset = ipa - page;
    return {
      leaves: known.leaves.map((leaf) => ({ ...leaf, outputAddress: leaf.outputAddress + offset })),
      faults: known.faults,
    };
  }

  /** Whether a walk of an IPA would fault; it leaves no trace in what this translator tells. */
  unmapped(ipa: bigint): boolean {
    const own = this.#roots.filter((root) => root.own);
    return new Stage2(this.#state, this.#memory, this.#f, own, this.#horizon).translate(ipa).faults.length > 0;
  }

  /** Where the SMMU's own read of an IPA may go: a CD, or a stage 1 descriptor. */
  locate(ipa: bigint, cause: Purpose): Located {
    const { leaves, faults } = this.translate(ipa);
    const places: Place[] = [];
    const raised: WalkFault[] = faults.map((fault) => because(fault, cause, ipa));
    for (const leaf of leaves) {
      const refused = this.#refused(leaf, cause);
      if (refused !== undefined) {
        if (!leaf.alive) continue;
        const rules = [...refused, ...(leaf.stale ? (['CACHE-060'] as const) : []), ...leaf.rules];
        raised.push(because({ kind: 'fault', event: 'F_PERMISSION', stale: leaf.stale, rules }, cause, ipa));
        continue;
      }
      if (leaf.config.ptw && leaf.alive && isReserved(leaf))
        raised.push(because(reservedType(leaf, cause), cause, ipa));
      const device = isDevice(leaf);
      const more: RuleId[] = device && !leaf.config.ptw && !this.#f.ptwnnc ? ['STE-241'] : [];
      if (leaf.config.ptw && !device) more.push('STE-240');
      const restricted = !flag(leaf.descriptor, 7) || field(leaf.descriptor, 54, 53) !== 0n;
      if (cause === 'CD') more.push('CD-020', ...(restricted ? (['CD-148'] as const) : []));
      if (cause === 'CD' && device && !leaf.config.ptw) more.push('CD-030');
      if (cause === 'CD' && MENDED.some((rule) => leaf.rules.includes(rule))) more.push('CACHE-012');
      if (cause === 'TT' && !flag(leaf.descriptor, 7)) more.push('WALK-143');
      if (cause === 'TT' && field(leaf.descriptor, 54, 53) !== 0n) more.push('WALK-142');
      if (!leaf.alive) this.#walker.forgotten.push('TLBI-065');
      const part = leaf.alive ? undefined : asPart(this.#state.invalidations, leaf.entry, leaf.until, leaf.parts);
      places.push({
        address: leaf.outputAddress,
        log2Bytes: leaf.log2Bytes,
        since: leaf.since,
        part,
        stale: leaf.stale || !leaf.alive,
        rules: [...leaf.rules, ...more],
      });
    }
    return { places, faults: raised };
  }

  /** Why stage 2 refuses a read by the SMMU: no read permission, or Device memory under S2PTW (5.2). */
  #refused(leaf: Stage2Leaf, cause: Purpose): RuleId[] | undefined {
    const tt = cause === 'TT';
    if (!flag(leaf.descriptor, 6)) return tt ? ['EVT-156', 'EVT-160', 'PERM-067'] : ['EVT-023', 'PERM-067'];
    if (!leaf.config.ptw || !isDevice(leaf)) return undefined;
    return [tt ? 'STE-238' : 'STE-239', 'STE-240', ...(tt ? (['EVT-156', 'EVT-160'] as const) : [])];
  }

  #page(ipa: bigint): Translation {
    const leaves: Stage2Leaf[] = [];
    const faults: WalkFault[] = [];
    const own = this.#roots.find((root) => root.own)?.config;
    for (const root of this.#roots) {
      const { config } = root;
      if (ipa >> BigInt(64 - config.t0sz) !== 0n) {
        const rules: RuleId[] = ['WALK-006', 'STE-029', 'EVT-128'];
        if (this.#memory.backing(config.ttb) === 'hole') rules.push('EVT-201');
        if (root.own) faults.push({ kind: 'fault', event: 'F_TRANSLATION', stale: false, rules });
        continue;
      }
      for (const hit of this.#walker.walk(regimeOf(root), ipa, { horizonSince: this.#horizon, dead: true })) {
        if (hit.kind === 'leaf') leaves.push({ ...hit, config, rules: [...hit.rules, ...remembered(root, own)] });
        else faults.push(hit);
      }
    }
    return { leaves, faults };
  }
}

/** What the TLB may remember of a stage 2 with the same VMID, by what it configures differently (5.2.1). */
function remembered(other: Stage2Root, own: Stage2Config | undefined): RuleId[] {
  if (other.own || own === undefined) return [];
  const { config } = other;
  if (other.until === FOREVER) return ['CACHE-038'];
  const rules: RuleId[] = [];
  if (config.ptw !== own.ptw || config.fwb !== own.fwb) rules.push('CACHE-033');
  if (config.affd !== own.affd) rules.push('CACHE-034');
  const geometry = (c: Stage2Config): string =>
    [c.t0sz, c.sl0, c.granule, c.ps, c.aa64, c.endi, c.ttb.toString()].join();
  if (geometry(config) !== geometry(own)) rules.push('CACHE-032');
  return rules;
}

/** AttrIndx, SH and nG of a stage 1 leaf; MemAttr and SH of a stage 2 one. */
const UNCHANGED = { VA: 0xb1cn, IPA: 0x33cn } as const;

/** Why TLB entries for one address may be detected as a conflict (3.20.1, 3.21.1); undefined: they agree. */
export function conflictOf(leaves: readonly Leaf[], f: Features): RuleId | undefined {
  // A Block with nT is not cached so that it could conflict at BBML 1 (3.21.1.2).
  const cached = leaves.filter(
    (leaf) => leaf.group !== 'consistent' && !(leaf.level < 3 && f.bbml === 1 && flag(leaf.descriptor, 16)),
  );
  // Output address, memory type, shareability and nG may change only through break-before-make (3.21.1.1).
  const outputs = new Set(cached.map((leaf) => `${leaf.outputAddress}:${leaf.descriptor & UNCHANGED[leaf.entry.by]}`));
  const sizes = new Set(cached.map((leaf) => leaf.log2Bytes));
  if (outputs.size > 1) return 'CACHE-072';
  return sizes.size > 1 && f.bbml < 2 ? 'CACHE-077' : undefined;
}

/** The fault of a stage 2 translation, with what it was for. */
export function because(fault: WalkFault, cause: Purpose, ipa: bigint): WalkFault {
  const rules: RuleId[] = [...faultRules(fault, cause), ...fault.rules];
  return { ...fault, stage2: { cause, ipa }, rules };
}

function faultRules(fault: WalkFault, cause: Purpose): RuleId[] {
  const rules: RuleId[] = [];
  if (cause === 'TT') {
    rules.push('EVT-198', 'WALK-136');
    if (fault.event === 'F_WALK_EABT') return ['EVT-117', ...rules];
    if (fault.event === 'F_ACCESS') rules.push('WALK-144');
    if (fault.event === 'F_ADDR_SIZE') rules.push('WALK-145');
    rules.push('EVT-024');
  } else if (cause === 'CD') {
    if (fault.event === 'F_WALK_EABT') return ['EVT-116', 'EVT-189'];
    const which: Partial<Record<WalkFault['event'], RuleId>> = {
      ...{ F_TRANSLATION: 'CD-024', F_ADDR_SIZE: 'CD-025', F_ACCESS: 'CD-026', F_PERMISSION: 'CD-027' },
    };
    const rule = which[fault.event];
    if (rule !== undefined) rules.push(rule);
    rules.push('EVT-189', 'EVT-023', ...(fault.rules.includes('WALK-006') ? (['STE-050'] as const) : []));
  } else if (fault.event === 'F_WALK_EABT') return ['EVT-118'];
  if (fault.event === 'F_TRANSLATION') rules.push('EVT-128');
  return [...rules, 'EVT-019', 'EVT-017', 'EVT-201'];
}

function regimeOf(root: Stage2Root): Regime {
  const { config, since, until, own } = root;
  const start = stage2Start(config.granule, config.startLevel, config.t0sz);
  const table = alignDown(config.ttb, Math.max(4, start.indexBits + 3));
  const rules: RuleId[] = start.indexBits > stride(config.granule) ? ['WALK-077', 'WALK-078'] : [];
  if (table !== config.ttb) rules.push('STE-268');
  if (start.indexBits < 3) rules.push('STE-269');
  return {
    stage: 2,
    granule: config.granule,
    start,
    table,
    outputBits: Math.min(config.ps, 48),
    endi: config.endi,
    affd: config.affd,
    hierarchyOff: true,
    vmid: config.vmid,
    asid: 0,
    nested: false,
    since,
    until,
    own,
    rules: [...rules, 'WALK-036'],
  };
}

/** Whether MemAttr, bits [5:2], says a Device type (D8.6.5); with S2FWB MemAttr[2] alone says so (D8.6.6). */
function isDevice(leaf: Stage2Leaf): boolean {
  if (leaf.config.fwb) return !flag(leaf.descriptor, 4);
  return field(leaf.descriptor, 5, 4) === 0n;
}

/** Whether MemAttr is Reserved: CONSTRAINED UNPREDICTABLE, so it may be taken for a Device type (D8.6.5, D8.6.6). */
function isReserved(leaf: Stage2Leaf): boolean {
  const memAttr = field(leaf.descriptor, 5, 2);
  if (leaf.config.fwb) return (memAttr & 0b0100n) !== 0n && (memAttr & 0b0011n) === 0n;
  return memAttr !== 0n && (memAttr & 0b0011n) === 0n;
}

/** What becomes of the SMMU's own read under S2PTW when a Reserved MemAttr is taken for a Device type. */
function reservedType(leaf: Stage2Leaf, cause: Purpose): WalkFault {
  const tt = cause === 'TT';
  const rules: RuleId[] = [tt ? 'STE-238' : 'STE-239', ...(tt ? (['EVT-156', 'EVT-160'] as const) : []), ...leaf.rules];
  return { kind: 'fault', event: 'F_PERMISSION', stale: leaf.stale, unpredictable: true, rules };
}

/** Whether stage 2 lets a device's access through (13.4, DDI 0487 D8.4); privilege counts only for execution, with XNX. */
export function checkStage2(leaf: Stage2Leaf, access: Access, f: Features): { allowed: boolean; rules: RuleId[] } {
  const readable = flag(leaf.descriptor, 6);
  const writable = flag(leaf.descriptor, 7);
  const xn = Number(field(leaf.descriptor, 54, 53));
  const more: RuleId[] = leaf.config.ptw && isDevice(leaf) ? ['WALK-158'] : [];
  if (access.instruction) return checkFetch(xn, readable, access, f);
  const any: RuleId[] = ['PERM-073', ...(xn !== 0 ? (['PERM-079'] as const) : []), ...more];
  if (access.write) {
    if (writable) return { allowed: true, rules: [readable ? 'PERM-072' : 'PERM-070', ...any] };
    const dirty: RuleId[] = flag(leaf.descriptor, 51) ? ['PERM-086'] : [];
    return { allowed: false, rules: [readable ? 'PERM-069' : 'PERM-067', ...dirty, ...any] };
  }
  if (readable) return { allowed: true, rules: [writable ? 'PERM-072' : 'PERM-068', ...any] };
  return { allowed: false, rules: [writable ? 'PERM-071' : 'PERM-067', ...any] };
}

function checkFetch(xn: number, readable: boolean, access: Access, f: Features): { allowed: boolean; rules: RuleId[] } {
  if (!f.xnx) {
    const never = (xn & 2) !== 0;
    const rules: RuleId[] = never ? ['PERM-074'] : ['PERM-109', 'ATTR-043'];
    if (!never && !readable) rules.push('PERM-080');
    return { allowed: !never, rules };
  }
  const rule: RuleId = (['PERM-075', 'PERM-076', 'PERM-077', 'PERM-078'] as const)[xn] ?? 'PERM-077';
  const allowed = xn === 0 || (xn === 1 && !access.privileged) || (xn === 3 && access.privileged);
  return { allowed, rules: [rule, ...(allowed && !readable ? (['PERM-080'] as const) : [])] };
}
