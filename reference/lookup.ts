/**
 * Looking an address up (3.4, 3.17, 5.5): a fresh walk with the stream's own tables, or what earlier walks of any stream with
 * a matching tag may have left in the TLB; then permissions, stage 2, and how a fault terminates.
 */
import { type Cd, judgeCd } from './cd.ts';
import { type Context, contextKey, Contexts } from './contexts.ts';
import type { EventSource } from './events.ts';
import type { Features } from './features.ts';
import { asPart, survives } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { Outcomes } from './outcomes.ts';
import { type Access, checkPermission } from './permissions.ts';
import type { RuleId } from './rules/ids.ts';
import { selectHalf, type Stage1Fault, type Stage1Leaf, walkStage1 } from './stage1.ts';
import { because, checkStage2, conflictOf, type Stage2, type Stage2Leaf } from './stage2.ts';
import type { State } from './state.ts';
import type { Stage2Config } from './ste-stage2.ts';
import { effectiveAccess, merging, type Ste } from './ste.ts';
import type { Fetched } from './structures.ts';
import { granuleOf, terminateStage1, terminateStage2 } from './termination.ts';
import type { Root } from './regime.ts';
import { Walker } from './walk.ts';
import type { Leaf, WalkFault } from './walk-results.ts';

/** How the STE at hand translates: its VMID, and its stage 2 when it has one. */
export interface Stages {
  readonly vmid: number;
  readonly stage2: Stage2Config | undefined;
}

/** A lookup under way: what all its outcomes share. */
interface Scene {
  readonly ste: Fetched<Ste>;
  readonly access: Access & { readonly rules: readonly RuleId[] };
  readonly source: EventSource;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
  readonly stage2: Stage2 | undefined;
}

export class Lookup {
  readonly #out: Outcomes;
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #horizon: number | undefined;
  readonly #contexts: Contexts;

  /** @param horizon with it, nothing from before that action is remembered */
  constructor(out: Outcomes, state: State, memory: Memory, f: Features, horizon: number | undefined) {
    this.#out = out;
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
    this.#contexts = new Contexts(state, memory, f, horizon);
  }

  /** The stage 2 of an STE, for its own accesses and the SMMU's. */
  stage2(ste: Fetched<Ste>, config: Stage2Config): Stage2 {
    return this.#contexts.translator(config.vmid, config, ste.since);
  }

  /** Notes what the stage 2 translations made so far have shown. */
  noteStage2(): void {
    const { forgotten, unknown } = this.#contexts.stage2Findings;
    this.#out.forgotten.push(...forgotten);
    this.#out.unknown(unknown);
  }

  /** An address that only stage 2 translates: Config 0b110, or stage 1 skipped (5.2). */
  lookUpStage2(ste: Fetched<Ste>, config: Stage2Config, common: readonly RuleId[]): void {
    const stage2 = this.stage2(ste, config);
    const tags = this.#contexts.otherVmids(this.#out.transaction.streamId, config.vmid);
    const scene = this.#scene(ste, false, ['WALK-225', 'PERM-106', ...tags, ...common], stage2);
    const { address } = this.#out.transaction;
    const { leaves, faults } = stage2.translate(address);
    for (const fault of faults) this.#stage2Fault(scene, undefined, because(fault, 'IN', address), ['EVT-026']);
    for (const leaf of leaves) {
      if (leaf.alive) this.#stage2Leaf(scene, undefined, leaf, address, ['EVT-026']);
    }
    this.#conflict(
      scene,
      leaves.filter((leaf) => leaf.alive),
    );
  }

  lookUp(ste: Fetched<Ste>, cd: Fetched<Cd>, stages: Stages, common: readonly RuleId[]): void {
    const { vmid, stage2: config } = stages;
    const nested = config !== undefined;
    const contexts = this.#contexts.stage1(vmid);
    const stage2 = config === undefined ? undefined : this.stage2(ste, config);
    const walker = new Walker(this.#state, this.#memory, this.#f);
    const { streamId } = this.#out.transaction;
    const key = contextKey(cd.structure, nested);
    // Invalidating configuration leaves translations alive: those of this very CD date back to when it first was seen.
    const same = contexts.filter((context) => context.streamId === streamId && context.key === key);
    const since = Math.min(cd.since, ...same.map((context) => context.root.since));
    const own: Root = { cd: cd.structure, vmid, nested, since, until: FOREVER, own: true };
    const found = this.#walk(walker, own, stage2, false);
    for (const context of contexts) {
      if (same.includes(context)) continue;
      const { root } = context;
      const other = root.nested ? (stage2 ?? this.#contexts.translator(vmid)) : undefined;
      found.push(...this.#leftBehind(walker, context, own, other));
    }
    this.#out.forgotten.push(...walker.forgotten);
    this.#out.unknown(walker.unknown);
    const legal = judgeCd(cd.structure, this.#f, ste.structure.s1Stalld);
    const rules: RuleId[] = [...common, ...(legal === 'outside' ? [] : legal.rules)];
    rules.push(...this.#contexts.otherVmids(streamId, vmid), ...unusedTable(cd.structure, own, stage2, this.#out));
    if (contexts.some((context) => context.streamId !== streamId && context.key !== key))
      rules.push(
        'CACHE-025',
        'TLBI-137',
        ...(this.#out.transaction.substreamId === undefined ? [] : (['SUBS-038'] as const)),
      );
    if (
      contexts.some(
        ({ root }) =>
          root.cd.asid === cd.structure.asid && (root.cd.a !== cd.structure.a || root.cd.r !== cd.structure.r),
      )
    ) {
      rules.push('CACHE-045');
    }
    const scene = this.#scene(ste, cd.stale, rules, stage2);
    for (const hit of found) {
      if (hit.kind === 'fault') this.#walkFault(scene, cd.structure, hit);
      else this.#leaf(scene, cd.structure, hit);
    }
    this.#conflict(
      scene,
      found.filter((hit) => hit.kind === 'leaf'),
    );
  }

  #scene(ste: Fetched<Ste>, stale: boolean, rules: readonly RuleId[], stage2: Stage2 | undefined): Scene {
    const { privileged, instruction, rules: why } = effectiveAccess(ste.structure, this.#f, this.#out.transaction);
    const access = { write: this.#out.transaction.write, privileged, instruction, rules: why };
    return { ste, access, source: this.#out.source(privileged, instruction), stale: ste.stale || stale, rules, stage2 };
  }

  #walk(walker: Walker, root: Root, stage2: Stage2 | undefined, globalOnly: boolean): (Stage1Leaf | Stage1Fault)[] {
    const locate = root.nested && stage2 !== undefined ? (ipa: bigint) => stage2.locate(ipa, 'TT') : undefined;
    const options = { globalOnly, locate, horizonSince: this.#horizon };
    return walkStage1(walker, this.#f, this.#memory, root, this.#out.transaction.address, options);
  }

  /** What a walk with another context may have left in the TLB that matches this one's tag (3.17). */
  #leftBehind(walker: Walker, context: Context, own: Root, stage2: Stage2 | undefined): (Stage1Leaf | Stage1Fault)[] {
    const { root } = context;
    const { cd } = own;
    if (root.cd.asid === cd.asid) {
      const rules = differences(root, own);
      const hits = this.#walk(walker, root, stage2, false);
      if (root.cd.aset !== cd.aset && hits.some((hit) => hit.kind === 'leaf' && isGlobal(hit))) {
        this.#out.forgotten.push('CACHE-047');
      }
      return hits
        .filter((hit) => hit.kind === 'fault' || root.cd.aset === cd.aset || hit.readable || !isGlobal(hit))
        .map((hit) => ({ ...hit, rules: [...hit.rules, ...rules] }));
    }
    if (root.cd.aset === cd.aset) {
      const sameStream = context.streamId === this.#out.transaction.streamId;
      const global = this.#walk(walker, root, stage2, true);
      if (sameStream && global.length === 0) this.#out.forgotten.push('CACHE-046');
      return global;
    }
    // Entries of another ASID and ASET never match; a global one is what a wrong tag would show.
    const aside = new Walker(this.#state, this.#memory, this.#f);
    if (this.#walk(aside, root, stage2, true).length > 0) this.#out.forgotten.push('TLBI-147');
    return [];
  }

  #walkFault(scene: Scene, cd: Cd, fault: Stage1Fault): void {
    if (fault.stage2 !== undefined) {
      this.#stage2Fault(scene, cd, fault, []);
      return;
    }
    const all = [...fault.rules, ...this.#alsoWrong(scene, fault), ...scene.access.rules, ...scene.rules];
    const stale = scene.stale || fault.stale;
    if (fault.event === 'F_WALK_EABT') {
      const nested: RuleId[] = fault.root.nested ? ['EVT-115'] : [];
      if (!cd.r) all.push('CD-130', 'EVT-121');
      if (!cd.a) all.push('CD-131', 'EVT-121');
      this.#out.abortWith('F_WALK_EABT', stale, [...nested, ...all], {
        source: scene.source,
        fetchAddress: fault.fetchAddress ?? 0n,
        mergeable: merging(scene.ste.structure),
        granule: granuleOf(cd, this.#out.transaction.address),
      });
      return;
    }
    const nested = scene.stage2 !== undefined;
    terminateStage1(this.#out, this.#f, fault.event, { ...scene, stale, rules: all }, cd, nested, fault.unpredictable);
  }

  /** What else was wrong with an access that met a fault earlier (7.3.22). */
  #alsoWrong(scene: Scene, fault: Stage1Fault): RuleId[] {
    if (fault.leaf === undefined) return [];
    const rules: RuleId[] = [];
    const { limits } = fault.leaf;
    const { access } = scene;
    const early = (access.write && limits.noWrite) || (!access.privileged && limits.noUnprivileged);
    if (early && !access.instruction) rules.push('WALK-129');
    const atLeaf = fault.event === 'F_ACCESS' || (fault.event === 'F_ADDR_SIZE' && !fault.rules.includes('WALK-026'));
    if (!atLeaf) return rules;
    if (!checkPermission({ ...fault.leaf, root: fault.root }, access, this.#f).allowed)
      rules.push(fault.event === 'F_ACCESS' ? 'EVT-197' : 'WALK-127');
    if (fault.root.nested && fault.event === 'F_ACCESS') rules.push('HTTU-005');
    return rules;
  }

  #leaf(scene: Scene, cd: Cd, leaf: Stage1Leaf): void {
    const verdict = checkPermission(leaf, scene.access, this.#f);
    const after: RuleId[] = [...scene.access.rules, ...scene.rules];
    const stale = scene.stale || leaf.stale;
    if (!verdict.allowed) {
      const kept: RuleId[] = leaf.stale ? ['CACHE-060'] : [];
      const nested: RuleId[] = leaf.root.nested ? this.#bothRefuse(scene, leaf) : [];
      const rules = [...verdict.rules, ...nested, ...kept, ...leaf.rules, ...after];
      const termination = { ...scene, stale, rules };
      terminateStage1(this.#out, this.#f, 'F_PERMISSION', termination, cd, scene.stage2 !== undefined);
      return;
    }
    const rules = [...leaf.rules, ...verdict.rules];
    const { stage2 } = scene;
    // Entries of streams with and without stage 2 that share tags may serve either (3.17).
    const mixed = leaf.root.nested !== (stage2 !== undefined);
    if (mixed) rules.push('STE-162');
    if (mixed || !leaf.root.nested) {
      const more: RuleId[] = ['WALK-010', 'ATTR-040', 'CACHE-082'];
      this.#out.add({ kind: 'access', address: leaf.outputAddress }, undefined, stale, [...rules, ...after, ...more]);
    }
    const second = stage2 ?? (leaf.root.nested ? this.#contexts.translator(leaf.root.vmid) : undefined);
    if (second !== undefined) this.#final({ ...scene, stale, rules: [...rules, ...scene.rules] }, cd, leaf, second);
  }

  /** Whether stage 2 would have refused too: stage 1 is asked first (7.3.22). */
  #bothRefuse(scene: Scene, leaf: Stage1Leaf): RuleId[] {
    const second = scene.stage2?.translate(leaf.outputAddress);
    if (second === undefined) return [];
    if (second.faults.length > 0) return ['EVT-199'];
    const refused = second.leaves.some((other) => !checkStage2(other, scene.access, this.#f).allowed);
    return refused ? ['PERM-084', ...(scene.access.instruction ? (['PERM-085'] as const) : [])] : [];
  }

  /** The output of stage 1 goes through stage 2, now or when an entry that combines both was made. */
  #final(scene: Scene, cd: Cd, leaf: Stage1Leaf, stage2: Stage2): void {
    const ipa = leaf.outputAddress;
    const { leaves, faults } = stage2.translate(ipa);
    for (const fault of faults) {
      const range: RuleId[] = fault.rules.includes('WALK-006') ? ['WALK-035'] : [];
      this.#stage2Fault(scene, cd, because(fault, 'IN', ipa), ['EVT-200', 'EVT-025', ...range]);
    }
    for (const second of leaves) {
      const combined = !second.alive && this.#combined(leaf, second);
      if (!second.alive && !combined) continue;
      const rules: RuleId[] = combined ? ['EVT-025', 'TLBI-063', 'CACHE-061'] : ['EVT-025'];
      if (second.log2Bytes !== leaf.log2Bytes) rules.push('WALK-151');
      this.#stage2Leaf({ ...scene, stale: scene.stale || combined }, cd, second, ipa, rules);
    }
  }

  /** Whether an entry made of a stage 1 leaf and a stage 2 translation that is gone may still be there. */
  #combined(leaf: Stage1Leaf, second: Stage2Leaf): boolean {
    if (this.#horizon !== undefined) return false;
    const { invalidations } = this.#state;
    const parts = [...leaf.parts, asPart(invalidations, second.entry, second.until, second.parts)];
    const since = Math.max(leaf.since, second.since);
    return survives(invalidations, { ...leaf.entry, combined: true }, leaf.until, parts, since).alive;
  }

  #stage2Leaf(scene: Scene, cd: Cd | undefined, leaf: Stage2Leaf, ipa: bigint, faultRules: readonly RuleId[]): void {
    const verdict = checkStage2(leaf, scene.access, this.#f);
    const stale = scene.stale || leaf.stale || !leaf.alive;
    if (verdict.allowed) {
      const rules = [...leaf.rules, ...verdict.rules, ...scene.access.rules, ...scene.rules];
      const kept = faultRules.filter((rule) => !rule.startsWith('EVT-'));
      this.#out.add({ kind: 'access', address: leaf.outputAddress }, undefined, stale, [...rules, ...kept]);
      return;
    }
    const rules: RuleId[] = [...verdict.rules, 'EVT-154', ...(cd === undefined ? [] : (['PERM-083'] as const))];
    if (stale) rules.push('CACHE-060');
    const fault: WalkFault = { kind: 'fault', event: 'F_PERMISSION', stale, rules: [...rules, ...leaf.rules] };
    this.#stage2Fault(scene, cd, because(fault, 'IN', ipa), faultRules);
  }

  #stage2Fault(scene: Scene, cd: Cd | undefined, fault: WalkFault, more: readonly RuleId[]): void {
    const rules = [...more, ...scene.access.rules, ...scene.rules];
    terminateStage2(this.#out, this.#f, fault, { ...scene, rules }, cd?.r);
  }

  /** Entries that disagree may be detected as a conflict (3.20.1, 3.21.1). */
  #conflict(scene: Scene, leaves: readonly Leaf[]): void {
    const reason = conflictOf(leaves, this.#f) ?? scene.stage2?.conflict;
    if (reason === undefined) return;
    this.#out.abortWith(
      'F_TLB_CONFLICT',
      true,
      ['EVT-172', 'EVT-229', 'CACHE-085', 'CACHE-086', 'EVT-174', reason, ...scene.rules],
      { source: scene.source, mergeable: merging(scene.ste.structure), unpredictable: true },
    );
  }
}

/** A table base that the address does not select is not fetched, whatever stage 2 would say (D8.2). */
function unusedTable(cd: Cd, own: Root, stage2: Stage2 | undefined, out: Outcomes): RuleId[] {
  if (!own.nested || stage2 === undefined) return [];
  const other = cd.halves[1 - selectHalf(cd, out.transaction.address).at];
  if (other === undefined || other.epd) return [];
  return stage2.unmapped(other.ttb) ? ['WALK-137'] : [];
}

function isGlobal(leaf: Leaf): boolean {
  return (leaf.descriptor & (1n << 11n)) === 0n;
}

/** What may be remembered of a context with the same ASID, by what it configures differently (5.4.1). */
function differences(root: Root, own: Root): RuleId[] {
  const other = root.cd;
  const { cd } = own;
  const rules: RuleId[] =
    root.until !== FOREVER
      ? ['CACHE-040']
      : contextKey(other, root.nested) === contextKey(cd, own.nested)
        ? []
        : ['CACHE-048'];
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
