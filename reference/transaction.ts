/**
 * What may become of one device transaction (3.3, 3.4, 3.12, 7.3.22), in the order in which the architecture processes it:
 * SMMUEN and GBPA, the Stream table, the STE, the CD, the walk, permissions, and how a fault terminates.
 */
import { Undetermined } from './undetermined.ts';
import { contiguousNeighbours, identicalStes, reachedByContiguous } from './contiguous.ts';
import { cdUnusable, ContextPart } from './context-part.ts';
import type { Features } from './features.ts';
import { Lookup } from './lookup.ts';
import { FOREVER, type Memory } from './memory.ts';
import { ABORT, Outcomes, type Transaction, type TransactionOutcomes } from './outcomes.ts';
import { exactHistoryKey } from './state-parts.ts';
import type { RuleId } from './rules/ids.ts';
import { cachesUnknown } from './reset.ts';
import { CR2, GBPA, SMMUEN, type State } from './state.ts';
import { ias, type Stage2Config } from './ste-stage2.ts';
import {
  decodeSte,
  effectiveAccess,
  judgeSte,
  merging,
  type Ste,
  type SteJudgement,
  steReservedBits,
  substreams,
} from './ste.ts';
import { currentTable, fetchSte, translating } from './stream-table.ts';
import type { Fetched } from './structures.ts';
import { chooseSubstream } from './substreams.ts';
import { bypass, skipStage1 } from './untranslated.ts';

const GBPA_ABORT = 1 << 20;

/** In two states with the same key a transaction has the same outcomes, as long as nothing is written to memory. */
export function transactionKey(state: State): string {
  const { cr0InForce, resetAt } = state;
  const registers = [GBPA, CR2].map((offset) => [state.word(offset), state.unknown(offset), state.why(offset)].join());
  return [cr0InForce & SMMUEN, resetAt, ...registers, exactHistoryKey(state)].join('|');
}

/** @param now the action being judged; with `fresh` nothing from before it is remembered (as with empty caches) */
export function transactionOutcomes(
  t: Transaction,
  state: State,
  memory: Memory,
  f: Features,
  now: number,
  fresh = false,
): TransactionOutcomes {
  return new Procedure(t, state, memory, f, fresh ? now : undefined).run();
}

class Procedure {
  readonly #t: Transaction;
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #horizon: number | undefined;
  readonly #out: Outcomes;
  readonly #lookup: Lookup;
  readonly #contextPart: ContextPart;

  constructor(t: Transaction, state: State, memory: Memory, f: Features, horizon: number | undefined) {
    this.#t = t;
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
    this.#out = new Outcomes(t, f);
    this.#lookup = new Lookup(this.#out, state, memory, f, horizon);
    this.#contextPart = new ContextPart(this.#out, this.#lookup, state, memory, f, horizon);
  }

  run(): TransactionOutcomes {
    if (translating(this.#state)) this.#translate();
    else this.#disabled();
    return this.#out.all();
  }

  /** SMMUEN is 0: GBPA decides (6.3.9.6, 6.3.14). */
  #disabled(): void {
    const common: RuleId[] = ['STRTAB-001', ...this.#state.why(GBPA)];
    if (this.#t.substreamId !== undefined) common.push('INIT-003');
    if ((this.#state.word(GBPA) & GBPA_ABORT) !== 0) {
      this.#out.add(ABORT, undefined, false, ['INIT-005', ...common]);
      return;
    }
    if (this.#t.address >> BigInt(this.#f.oas) !== 0n) {
      this.#out.add(ABORT, undefined, false, ['INIT-070', ...common]);
      return;
    }
    this.#out.add({ kind: 'access', address: this.#t.address }, undefined, false, [
      'INIT-001',
      ...(this.#state.tables.length > 0 ? (['ACK-027'] as const) : []),
      ...common,
    ]);
  }

  #translate(): void {
    const { streamId } = this.#t;
    const table = currentTable(this.#state);
    const common: RuleId[] = [
      ...((this.#state.word(GBPA) & GBPA_ABORT) === 0 ? [] : (['INIT-007'] as const)),
      'INIT-047',
      'ACK-026',
    ];
    const fresh = this.#horizon !== undefined;
    if (cachesUnknown(this.#state) && !fresh) {
      this.#out.unknown('translation was enabled after a reset, and not everything was invalidated');
      common.push('RESET-029');
    }
    const steFetch = fetchSte(this.#state, this.#memory, this.#f, streamId, this.#horizon, fresh);
    this.#out.forgotten.push(...steFetch.forgotten);
    this.#out.unknown(steFetch.unknown);
    const outside = streamId >= 2 ** table.log2Size;
    if (outside) {
      const capped: RuleId[] = reachedByContiguous(this.#state, this.#memory, this.#f, streamId) ? ['STE-087'] : [];
      if (this.#f.sidSize === 0) capped.push('REG-050');
      this.#badStreamId(['STRTAB-006', ...capped, ...table.rules, ...common], 'STRTAB-007', false, false);
    }
    for (const bad of steFetch.nowhere) {
      this.#badStreamId([...bad.rules, ...common], 'STRTAB-007', bad.stale, bad.unpredictable);
    }
    if (!outside && table.aboveOas) {
      const at = table.linear ? BigInt(streamId) * 64n : BigInt(Math.floor(streamId / 2 ** table.split)) * 8n;
      const options = { fetchAddress: table.base + at, mergeable: 'EVT-205' as const, unpredictable: true };
      this.#out.abortWith('F_STE_FETCH', false, ['STRTAB-032', ...common], options);
    }
    for (const abort of steFetch.aborts) {
      this.#out.abortWith('F_STE_FETCH', abort.stale, [...abort.rules, ...common, 'STRTAB-036'], {
        fetchAddress: abort.address,
        mergeable: 'EVT-205',
        unpredictable: abort.unpredictable,
      });
    }
    const usable: Fetched<Ste>[] = [];
    const { rules: shared, others } = fresh
      ? { rules: [], others: [] }
      : this.#neighbours(steFetch.seen, steFetch.nowhere.length > 0);
    for (const ste of [...steFetch.seen, ...others]) {
      const rules: RuleId[] = [...common, ...shared, ...ste.rules];
      if (streamId === 2 ** table.log2Size - 1) rules.push('REG-282');
      if (streamId >= 2 ** 31) rules.push('REG-398');
      if (ste.stale && ste.structure.cont > 0 && ste.rules.includes('CFGI-023')) rules.push('CFGI-026');
      if (this.#ste(ste, rules)) usable.push(ste);
    }
    if (others.length > 0) {
      const conflict: RuleId[] = ['EVT-175', 'STE-086', ...common];
      const mergeable = others.every(({ structure }) => structure.mev) ? 'EVT-204' : undefined;
      this.#out.abortWith('F_CFG_CONFLICT', true, conflict, { mergeable, unpredictable: true });
    }
    if (usable.length > 0) this.#contextPart.run(usable, common);
  }

  /** No STE belongs to the StreamID; `unrecorded` is the rule by which RECINVSID keeps that quiet (6.3.12, 7.3.3). */
  #badStreamId(cause: readonly RuleId[], unrecorded: RuleId, stale: boolean, unpredictable: boolean): void {
    const record = (this.#state.word(CR2) & 0b10) !== 0;
    if (this.#state.unknown(CR2) & 0b10) throw new Undetermined('CR2.RECINVSID was never written');
    // Enabled anew, CR2 counts as it was written in between (6.3.12).
    const again: RuleId[] = this.#state.tables.length > 1 ? ['INIT-050', 'REG-160'] : [];
    const rules: RuleId[] = [...cause, ...again];
    if (!record) {
      this.#out.add(
        ABORT,
        undefined,
        stale,
        [unrecorded, ...rules.filter((rule) => rule !== 'STRTAB-006')],
        unpredictable,
      );
      return;
    }
    const table = currentTable(this.#state);
    if (table.linear && this.#memory.backing(table.base + BigInt(this.#t.streamId) * 64n) === 'hole')
      rules.push('EVT-183');
    this.#out.abortWith('C_BAD_STREAMID', stale, rules, { mergeable: 'EVT-205', unpredictable });
  }

  /** The STE's part; true when stage 1 goes on. */
  #ste(ste: Fetched<Ste>, common: readonly RuleId[]): boolean {
    const s = ste.structure;
    const judged = judgeSte(s, this.#f);
    if (judged === 'outside') throw new Undetermined('an STE that asks for stage 2 or another StreamWorld');
    const mergeable = 'EVT-205' as const;
    const reserved = judged.kind === 'illegal' ? undefined : steReservedBits(s, this.#f);
    const doubtful = 'mayBeIllegal' in judged ? judged.mayBeIllegal : [];
    for (const rule of reserved !== undefined && s.config >= 0b100 ? [reserved, ...doubtful] : doubtful) {
      this.#out.abortWith('C_BAD_STE', ste.stale, [rule, ...common], { mergeable, unpredictable: true });
    }
    const rules = [...judged.rules, ...common];
    if (judged.kind !== 'stage 1' && this.#memory.backing(s.s1ContextPtr) === 'hole') {
      rules.push(judged.kind === 'bypass' ? 'CACHE-014' : 'CACHE-013');
    }
    const { substreamId } = this.#t;
    switch (judged.kind) {
      case 'illegal':
        if (substreamId !== undefined) rules.push('EVT-186');
        this.#out.abortWith(
          'C_BAD_STE',
          ste.stale,
          [...rules, ...(((s.words[2] ?? 0n) >> 57n) & 1n ? (['STE-004'] as const) : [])],
          { mergeable },
        );
        return false;
      case 'abort':
        if (substreamId !== undefined) rules.push('STE-010');
        this.#out.add(ABORT, undefined, ste.stale, rules);
        return false;
      case 'bypass':
        bypass(this.#out, this.#f, ste, rules);
        return false;
      case 'stage 2':
        this.#stage2(ste, judged.stage2, rules);
        return false;
      case 'stage 1':
      case 'nested':
        return this.#substream(ste, judged, rules);
    }
  }

  /** Which CD the transaction wants, if any: true when stage 1 goes on with the one of its index. */
  #substream(
    ste: Fetched<Ste>,
    judged: Extract<SteJudgement, { kind: 'stage 1' | 'nested' }>,
    rules: readonly RuleId[],
  ): boolean {
    const s = ste.structure;
    const mergeable = merging(s);
    const choice = chooseSubstream(s, this.#t.substreamId, this.#f);
    const unusable = substreams(s, this.#f) && cdUnusable(s, this.#memory, this.#f);
    switch (choice.kind) {
      case 'cd':
        return true;
      case 'bad': {
        const also: RuleId[] = unusable ? ['SUBS-033'] : [];
        this.#out.abortWith('C_BAD_SUBSTREAMID', ste.stale, [...choice.rules, ...also, ...rules], { mergeable });
        return false;
      }
      case 'disabled': {
        const also: RuleId[] = unusable ? ['EVT-188'] : [];
        this.#out.abortWith('F_STREAM_DISABLED', ste.stale, [...choice.rules, ...also, ...rules], { mergeable });
        // Where the level 1 descriptor of substream 0 is bad too, the list of priorities can be read either way (7.3.22).
        const { nowhere } = this.#t.substreamId === undefined ? { nowhere: [] } : this.#contextPart.cds([ste]);
        for (const bad of nowhere) {
          const options = { mergeable, unpredictable: true };
          this.#out.abortWith('C_BAD_SUBSTREAMID', bad.stale, ['EVT-187', ...bad.rules, ...rules], options);
        }
        return false;
      }
      case 'skip': {
        const skipped: RuleId[] = [...rules, ...(unusable ? (['SUBS-024'] as const) : [])];
        if (judged.kind === 'nested') this.#stage2(ste, judged.stage2, ['STE-066', ...skipped]);
        else skipStage1(this.#out, this.#f, ste, skipped);
        return false;
      }
    }
  }

  /** What CONT lets take the place of the stream's own STE (5.2): rules for the own one, and the others. */
  #neighbours(own: readonly Fetched<Ste>[], nowhere: boolean): { rules: RuleId[]; others: Fetched<Ste>[] } {
    const { streamId } = this.#t;
    const { stes, unwritten } = contiguousNeighbours(this.#state, this.#memory, this.#f, streamId, own);
    const differing = stes.filter((other) => own.some((ste) => !identicalStes(ste.structure, other.structure)));
    if (nowhere && stes.length > 0) {
      // Beyond the level 2 array any STE at all may be used.
      this.#out.unknown('a StreamID that CONT reaches beyond the span of its level 1 descriptor');
      return { rules: [], others: stes.map((ste) => ({ ...ste, stale: true, rules: ['STE-088', ...ste.rules] })) };
    }
    if (stes.length > 0 && differing.length === 0 && !unwritten) return { rules: ['STE-084'], others: [] };
    const others = differing.map((ste): Fetched<Ste> => ({ ...ste, stale: true, rules: ['STE-086', ...ste.rules] }));
    if (unwritten) {
      const structure = decodeSte([]);
      others.push({ structure, since: 0, until: FOREVER, stale: true, rules: ['STE-086'] });
    }
    return { rules: [], others };
  }

  /** Stage 2 alone: the input address is the IPA, checked against IAS as the output of a stage 1 that bypasses (3.4). */
  #stage2(ste: Fetched<Ste>, config: Stage2Config, rules: readonly RuleId[]): void {
    const { substreamId, address } = this.#t;
    const mergeable = merging(ste.structure);
    if (substreamId !== undefined) {
      const none: RuleId[] = this.#f.ssidSize === 0 ? ['SUBS-001'] : [];
      this.#out.abortWith('C_BAD_SUBSTREAMID', ste.stale, ['STE-031', ...none, ...rules], { mergeable });
      return;
    }
    if (address >> BigInt(ias(this.#f)) !== 0n) {
      const access = effectiveAccess(ste.structure, this.#f, this.#t);
      const source = this.#out.source(access.privileged, access.instruction);
      const silent: RuleId[] = config.r ? [] : ['EVT-143'];
      const all: RuleId[] = ['STE-027', 'STE-028', 'WALK-008', ...silent, ...access.rules, ...rules];
      this.#out.abortWith('F_ADDR_SIZE', ste.stale, all, { source, mergeable });
      return;
    }
    this.#lookup.lookUpStage2(ste, config, rules);
    this.#lookup.noteStage2();
  }
}
