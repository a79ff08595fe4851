/**
 * The CD's part of a transaction (3.3.2, 5.3, 5.4): from the STEs that enable stage 1 to the CDs it may use, what makes them
 * unusable, and the lookup with each. Where CDs lie is found in cd-table.ts.
 */
import { type Cd, cdReservedBits, effectiveIps, judgeCd } from './cd.ts';
import { type CdResult, fetchCd, leafSplit, type Locate } from './cd-table.ts';
import type { Features } from './features.ts';
import type { Lookup } from './lookup.ts';
import type { Memory } from './memory.ts';
import type { Outcomes, Transaction } from './outcomes.ts';
import type { RuleId } from './rules/ids.ts';
import { selectHalf } from './stage1.ts';
import type { State } from './state.ts';
import { ias } from './ste-stage2.ts';
import { judgeSte, merging, recordsStage2, type Ste } from './ste.ts';
import type { Fetched, Nowhere } from './structures.ts';
import { chooseSubstream } from './substreams.ts';
import { sourceOf, terminateStage2 } from './termination.ts';
import { Undetermined } from './undetermined.ts';

/** Combinations of one STE and one CD that are followed. */
const VERSIONS_MAX = 256;

export class ContextPart {
  readonly #t: Transaction;
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #horizon: number | undefined;
  readonly #out: Outcomes;
  readonly #lookup: Lookup;

  /** @param horizon with it, nothing from before that action is remembered */
  constructor(out: Outcomes, lookup: Lookup, state: State, memory: Memory, f: Features, horizon: number | undefined) {
    this.#t = out.transaction;
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
    this.#out = out;
    this.#lookup = lookup;
  }

  /** Where stage 2, if the STE has one, puts the address of a CD. */
  #locateCd(): Locate {
    return (ste, ipa) => {
      const judged = judgeSte(ste.structure, this.#f);
      if (judged === 'outside' || judged.kind !== 'nested') return undefined;
      if (this.#f.minor === 0 && ipa >> BigInt(ias(this.#f)) !== 0n)
        throw new Undetermined('an S1ContextPtr above IAS in SMMUv3.0');
      return this.#lookup.stage2(ste, judged.stage2).locate(ipa, 'CD');
    };
  }

  /** The CDs that the transaction may use through these STEs. */
  cds(stes: readonly Fetched<Ste>[]): CdResult {
    const { streamId, substreamId } = this.#t;
    return fetchCd(this.#state, this.#memory, this.#f, {
      ...{ streamId, index: substreamId ?? 0, stes, locate: this.#locateCd() },
      ...{ context: this.#horizon, fresh: this.#horizon !== undefined },
    });
  }

  /** From the CD on (5.4, 3.4). */
  run(stes: readonly Fetched<Ste>[], common: readonly RuleId[]): void {
    const cdFetch = this.cds(stes);
    const [some] = stes;
    for (const bad of cdFetch.nowhere) this.#badL1cd(some, bad, common);
    this.#out.forgotten.push(...cdFetch.forgotten);
    this.#out.unknown(cdFetch.unknown);
    for (const abort of cdFetch.aborts) {
      const nested = stes.some((ste) => ste.structure.config === 0b111);
      const unrecorded = stes.every((ste) => !recordsStage2(ste.structure));
      const more: RuleId[] = [...(nested ? (['EVT-106'] as const) : []), ...(unrecorded ? (['EVT-045'] as const) : [])];
      this.#out.abortWith('F_CD_FETCH', abort.stale, [...abort.rules, ...more, ...common], {
        fetchAddress: abort.address,
        mergeable: stes.every((ste) => ste.structure.mev) ? 'EVT-204' : undefined,
      });
    }
    for (const { ste, fault } of cdFetch.faults) {
      const source = sourceOf(this.#out, this.#f, ste.structure);
      const rules = [...ste.rules, ...common];
      terminateStage2(this.#out, this.#f, fault, { ste, source, stale: ste.stale, rules });
    }
    if (stes.length * cdFetch.seen.length > VERSIONS_MAX) throw new Undetermined('too many versions of one structure');
    for (const ste of stes) {
      const judged = judgeSte(ste.structure, this.#f);
      if (judged === 'outside' || (judged.kind !== 'stage 1' && judged.kind !== 'nested')) continue;
      const choice = chooseSubstream(ste.structure, this.#t.substreamId, this.#f);
      const chosen: readonly RuleId[] = choice.kind === 'cd' ? choice.rules : [];
      const steRules: RuleId[] = [...ste.rules, ...chosen, ...judged.rules, ...common];
      const stages =
        judged.kind === 'nested'
          ? { vmid: judged.stage2.vmid, stage2: judged.stage2 }
          : { vmid: judged.vmid, stage2: undefined };
      for (const cd of cdFetch.seen) {
        const illegal = this.#cd(ste, cd, steRules);
        if (illegal) continue;
        const beyond = ste.structure.s1ContextPtr >> BigInt(effectiveIps(cd.structure, this.#f).bits) !== 0n;
        const pointer: RuleId[] = beyond ? ['CD-019'] : [];
        this.#lookup.lookUp(ste, cd, stages, [...steRules, ...cd.rules, ...pointer]);
      }
    }
    this.#lookup.noteStage2();
  }

  /** Whether the CD is ILLEGAL. */
  #cd(ste: Fetched<Ste>, cd: Fetched<Cd>, common: readonly RuleId[]): boolean {
    const judged = judgeCd(cd.structure, this.#f, ste.structure.s1Stalld);
    if (judged === 'outside') throw new Undetermined('a CD with a feature outside the reference');
    const stale = ste.stale || cd.stale;
    const mergeable = merging(ste.structure);
    if (judged.illegal !== undefined) {
      const rules: RuleId[] = [
        judged.illegal,
        'CD-040',
        ...(judged.illegal === 'CD-039' ? [] : (['EVT-111'] as const)),
      ];
      const selected = selectHalf(cd.structure, this.#t.address);
      if (!selected.inside) rules.push('EVT-191');
      if (judged.half !== undefined && judged.half !== selected.at) rules.push('CD-082');
      const ttb = judged.illegal === 'CD-098' || judged.illegal === 'CD-099';
      if (ttb && ste.structure.config === 0b111) rules.push('WALK-153');
      if (!recordsStage2(ste.structure)) rules.push('EVT-045');
      this.#out.abortWith('C_BAD_CD', stale, [...rules, ...common, ...cd.rules], { mergeable });
      return true;
    }
    const reserved = cdReservedBits(cd.structure, this.#f);
    if (reserved !== undefined)
      this.#out.abortWith('C_BAD_CD', stale, [reserved, ...common], { mergeable, unpredictable: true });
    return false;
  }

  /** A level 1 descriptor led to no CD (5.3). */
  #badL1cd(ste: Fetched<Ste> | undefined, bad: Nowhere, common: readonly RuleId[]): void {
    const without = this.#t.substreamId === undefined;
    const [first, ...others] = bad.rules;
    const rules: RuleId[] = [
      ...(first === undefined ? [] : [first === 'CD-001' && without ? 'CD-002' : first]),
      ...others,
    ];
    if (without && first !== 'CD-001') rules.push('EVT-100');
    const mergeable = ste === undefined ? undefined : merging(ste.structure);
    const { unpredictable } = bad;
    this.#out.abortWith('C_BAD_SUBSTREAMID', bad.stale, [...rules, ...common], { mergeable, unpredictable });
  }
}

/** Whether the CD at index 0, or what leads to it, cannot be read or is not valid: nothing shows it unless it is fetched. */
export function cdUnusable(ste: Ste, memory: Memory, f: Features): boolean {
  const address = ste.s1ContextPtr;
  const backing = memory.backing(address);
  if (backing === 'hole') return true;
  if (ste.config === 0b111 || backing !== 'ram') return false;
  const valid = leafSplit(ste, f) === undefined ? 31n : 0n;
  return (((memory.now(address)[0]?.value ?? 0n) >> valid) & 1n) === 0n;
}
