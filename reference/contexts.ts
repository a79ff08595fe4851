/**
 * Who may have filled the TLB: every translation context that any stream could have used (3.17, 3.21).
 *
 * A TLB entry belongs to a VMID, and an ASID, and not to a stream, so a lookup may hit what a walk for any stream with the same
 * tags left behind since the last invalidation of everything with that tag.
 */
import { type Cd, judgeCd } from './cd.ts';
import { CD_WORDS_OF_A_CONTEXT, fetchCd, type Locate, writtenCds } from './cd-table.ts';
import type { Features } from './features.ts';
import { allTlbHorizon, configHorizon, type Invalidation, stillUsed } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import type { RuleId } from './rules/ids.ts';
import { Stage2, type Stage2Root } from './stage2.ts';
import type { State } from './state.ts';
import type { Stage2Config } from './ste-stage2.ts';
import { judgeSte, type Ste } from './ste.ts';
import { fetchSte, writtenStreams } from './stream-table.ts';
import type { Fetched } from './structures.ts';
import { Undetermined } from './undetermined.ts';
import type { Root } from './regime.ts';

/** A translation context that some stream could have used. */
export interface Context {
  readonly streamId: number;
  readonly key: string;
  readonly root: Root;
}

/** An STE that translates, and what it says. */
interface Translating {
  readonly ste: Fetched<Ste>;
  readonly stage1: boolean;
  readonly vmid: number;
  readonly stage2: Stage2Config | undefined;
}

const CONTEXTS_MAX = 192;
const NO_ROOTS: readonly never[] = [];

export class Contexts {
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #horizon: number | undefined;
  #streams: ReadonlySet<number> | undefined;
  readonly #stage1 = new Map<number, readonly Context[]>();
  readonly #stage2 = new Map<number, readonly Stage2Root[]>();
  readonly #translating = new Map<string, readonly Translating[]>();
  readonly #translators = new Map<string, Stage2>();

  /** @param horizon with it, nothing from before that action is remembered */
  constructor(state: State, memory: Memory, f: Features, horizon: number | undefined) {
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
  }

  /** Every CD that a stream with this VMID could have used since the last invalidation of all that its walks leave. */
  stage1(vmid: number): readonly Context[] {
    if (this.#horizon !== undefined) return NO_ROOTS;
    const known = this.#stage1.get(vmid);
    if (known !== undefined) return known;
    const contexts = new Map<string, Context>();
    const all = allTlbHorizon(this.#state.invalidations, 'VA', vmid);
    for (const streamId of this.#writtenStreams()) {
      for (const nested of this.#f.s2p ? [false, true] : [false]) {
        for (const { cd, until } of this.#cds(streamId, vmid, nested, all)) {
          const key = contextKey(cd.structure, nested);
          const same = contexts.get(`${streamId}:${key}`);
          const root: Root = {
            cd: cd.structure,
            vmid,
            nested,
            since: Math.min(cd.since, same?.root.since ?? FOREVER),
            until: Math.max(until, same?.root.until ?? 0),
            own: false,
          };
          contexts.set(`${streamId}:${key}`, { streamId, key, root });
        }
      }
    }
    if (contexts.size > CONTEXTS_MAX) throw new Undetermined('too many versions of one structure');
    const result = [...contexts.values()];
    this.#stage1.set(vmid, result);
    return result;
  }

  /**
   * The stage 2 of a VMID: `own`, walked afresh, beside every other that may have left entries.
   * @param since when `own` could first be used
   */
  translator(vmid: number, own?: Stage2Config, since = 0): Stage2 {
    const ownKey = own === undefined ? '' : configKey(own);
    const known = this.#translators.get(`${vmid}:${ownKey}`);
    if (known !== undefined) return known;
    const others = this.#horizon === undefined ? this.#configs(vmid) : NO_ROOTS;
    const roots = others.filter((root) => configKey(root.config) !== ownKey);
    if (own !== undefined) {
      const same = others.find((root) => configKey(root.config) === ownKey);
      roots.unshift({ config: own, since: Math.min(same?.since ?? FOREVER, since), until: FOREVER, own: true });
    }
    const translator = new Stage2(this.#state, this.#memory, this.#f, roots, this.#horizon);
    this.#translators.set(`${vmid}:${ownKey}`, translator);
    return translator;
  }

  /** Rules that show when entries of other VMIDs are left alone: of this stream as it was, or of other streams (3.17). */
  otherVmids(streamId: number, vmid: number): RuleId[] {
    if (!this.#f.s2p || this.#horizon !== undefined) return [];
    const rules = new Set<RuleId>();
    const all = allTlbHorizon(this.#state.invalidations, 'VA', vmid);
    for (const other of this.#writtenStreams()) {
      for (const ste of this.#stes(other, all)) {
        if (ste.vmid !== vmid) rules.add(other === streamId ? 'CACHE-036' : 'TLBI-138');
      }
    }
    return [...rules];
  }

  /** What the stage 2 translations so far have shown to be forgotten, and what the scenario leaves open. */
  get stage2Findings(): { forgotten: readonly RuleId[]; unknown: string | undefined } {
    const all = [...this.#translators.values()];
    return {
      forgotten: all.flatMap((translator) => translator.forgotten),
      unknown: all.map((translator) => translator.unknown).find((reason) => reason !== undefined),
    };
  }

  #writtenStreams(): ReadonlySet<number> {
    return (this.#streams ??= writtenStreams(this.#state, this.#memory, this.#f));
  }

  /** Every STE that translates and may have led to a translation since the action `all`, with what it says. */
  #stes(streamId: number, all: number): readonly Translating[] {
    const key = `${streamId}:${all}`;
    const known = this.#translating.get(key);
    if (known !== undefined) return known;
    const since = configHorizon(this.#before(all), streamId, 'STE').time;
    const result: Translating[] = [];
    for (const ste of fetchSte(this.#state, this.#memory, this.#f, streamId, since).seen) {
      const judged = judgeSte(ste.structure, this.#f);
      if (judged === 'outside') continue;
      if (judged.kind === 'stage 1') result.push({ ste, stage1: true, vmid: judged.vmid, stage2: undefined });
      else if (judged.kind === 'stage 2' || judged.kind === 'nested') {
        const { stage2 } = judged;
        result.push({ ste, stage1: judged.kind === 'nested', vmid: stage2.vmid, stage2 });
      }
    }
    this.#translating.set(key, result);
    return result;
  }

  /**
   * A configuration cache may use a replaced structure until an invalidation of it completes, and what it makes then lasts
   * until the next invalidation of every translation: only these count.
   */
  #before(all: number): readonly Invalidation[] {
    return this.#state.invalidations.filter(({ completedAt }) => completedAt !== undefined && completedAt <= all);
  }

  #configs(vmid: number): readonly Stage2Root[] {
    const known = this.#stage2.get(vmid);
    if (known !== undefined) return known;
    const roots = new Map<string, Stage2Root>();
    const all = allTlbHorizon(this.#state.invalidations, 'IPA', vmid);
    for (const streamId of this.#writtenStreams()) {
      for (const { ste, stage2, ...of } of this.#stes(streamId, all)) {
        if (stage2 === undefined || of.vmid !== vmid) continue;
        const until = stillUsed(this.#state.invalidations, streamId, ste.until, 'STE');
        const key = configKey(stage2);
        const same = roots.get(key);
        roots.set(key, {
          config: stage2,
          since: Math.min(ste.since, same?.since ?? FOREVER),
          until: Math.max(until, same?.until ?? 0),
          own: false,
        });
      }
    }
    if (roots.size > CONTEXTS_MAX) throw new Undetermined('too many versions of one structure');
    const result = [...roots.values()];
    this.#stage2.set(vmid, result);
    return result;
  }

  /** Every legal CD that a stream or a substream could have used at any time, with or without stage 2, and until when. */
  #cds(streamId: number, vmid: number, nested: boolean, all: number): { cd: Fetched<Cd>; until: number }[] {
    const stes = this.#stes(streamId, all)
      .filter((of) => of.stage1 && of.vmid === vmid && (of.stage2 !== undefined) === nested)
      .map(({ ste }) => ste);
    if (stes.length === 0) return [];
    const locate: Locate | undefined = nested ? (_, ipa) => this.translator(vmid).locate(ipa, 'CD') : undefined;
    return [...writtenCds(this.#memory, this.#f, stes, locate)].flatMap((index) => {
      const structure = { of: 'CD', substreamId: index } as const;
      const context = configHorizon(this.#before(all), streamId, structure).time;
      const { seen } = fetchCd(this.#state, this.#memory, this.#f, { streamId, index, stes, context, locate });
      const legal = seen.filter((cd) => {
        const judged = judgeCd(cd.structure, this.#f, false);
        return judged !== 'outside' && judged.illegal === undefined;
      });
      return legal.map((cd) => ({ cd, until: stillUsed(this.#state.invalidations, streamId, cd.until, structure) }));
    });
  }
}

/** What of a CD translations depend on. */
export function contextKey(cd: Cd, nested: boolean): string {
  return `${cd.words.slice(0, CD_WORDS_OF_A_CONTEXT).join()}${nested ? ':nested' : ''}`;
}

function configKey(config: Stage2Config): string {
  return JSON.stringify({ ...config, ttb: config.ttb.toString() });
}
