/**
 * What may become of one device transaction (3.3, 3.4, 3.12, 7.3.22), in the order in which the architecture processes it:
 * SMMUEN and GBPA, the Stream table, the STE, the CD, the walk, permissions, and how a fault terminates.
 */
import { field } from './bits.ts';
import { type Cd, cdReservedBits, effectiveIps, judgeCd } from './cd.ts';
import { type EventName, eventRecord, type EventRecord, type EventSource } from './events.ts';
import type { Features } from './features.ts';
import { stillUsed } from './invalidations.ts';
import { FOREVER, type Memory } from './memory.ts';
import { checkPermission } from './permissions.ts';
import { Undetermined } from './progress.ts';
import type { RuleId } from './rules/ids.ts';
import { CR2, GBPA, type State } from './state.ts';
import { effectiveAccess, judgeSte, type Ste, steReservedBits } from './ste.ts';
import { currentTable, fetchCd, type Fetched, fetchSte, translating } from './structures.ts';
import { type Leaf, type Root, selectHalf, Walker, type WalkFault } from './walk.ts';

export interface Transaction {
  readonly streamId: number;
  readonly substreamId: number | undefined;
  readonly address: bigint;
  readonly write: boolean;
  readonly privileged: boolean;
  readonly instruction: boolean;
}

export type TransactionResult =
  /** Goes on to this physical address. */
  | { readonly kind: 'access'; readonly address: bigint }
  | { readonly kind: 'abort' }
  /** Completes without an access: reads as zero, writes are ignored. */
  | { readonly kind: 'raz/wi' };

export interface TransactionOutcome {
  readonly result: TransactionResult;
  readonly event: EventRecord | undefined;
  /** It rests on something a cache may have remembered. */
  readonly stale: boolean;
  readonly unpredictable: boolean;
  readonly rules: readonly RuleId[];
}

/** All outcomes the architecture permits, and the rules of invalidations that ruled others out. */
export interface TransactionOutcomes {
  readonly outcomes: readonly TransactionOutcome[];
  readonly forgotten: readonly RuleId[];
  /** Why there may be others that the scenario does not determine. */
  readonly unknown: string | undefined;
}

const ABORT: TransactionResult = { kind: 'abort' };
const GBPA_ABORT = 1 << 20;

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

/** A translation context that some stream could have used. */
interface Context {
  readonly streamId: number;
  readonly key: string;
  readonly root: Root;
}

class Procedure {
  readonly #t: Transaction;
  readonly #state: State;
  readonly #memory: Memory;
  readonly #f: Features;
  readonly #horizon: number | undefined;
  readonly #outcomes: TransactionOutcome[] = [];
  readonly #forgotten: RuleId[] = [];
  #unknown: string | undefined;

  constructor(t: Transaction, state: State, memory: Memory, f: Features, horizon: number | undefined) {
    this.#t = t;
    this.#state = state;
    this.#memory = memory;
    this.#f = f;
    this.#horizon = horizon;
  }

  run(): TransactionOutcomes {
    if (translating(this.#state)) this.#translate();
    else this.#disabled();
    if (this.#forgotten.length > 0 && this.#outcomes.some((outcome) => outcome.event !== undefined))
      this.#forgotten.push('SYNC-031');
    return { outcomes: this.#outcomes, forgotten: this.#forgotten, unknown: this.#unknown };
  }

  #add(
    result: TransactionResult,
    event: EventRecord | undefined,
    stale: boolean,
    rules: readonly RuleId[],
    unpredictable = false,
  ): void {
    this.#outcomes.push({
      result,
      event,
      stale,
      unpredictable,
      rules: event === undefined ? rules : [...rules, ...event.rules],
    });
  }

  /** SMMUEN is 0: GBPA decides (6.3.9.6, 6.3.14). */
  #disabled(): void {
    const common: RuleId[] = ['STRTAB-001', 'ACK-029', ...this.#state.why(GBPA)];
    if (this.#t.substreamId !== undefined) common.push('INIT-003');
    if ((this.#state.word(GBPA) & GBPA_ABORT) !== 0) {
      this.#add(ABORT, undefined, false, ['INIT-005', ...common]);
      return;
    }
    if (this.#t.address >> BigInt(this.#f.oas) !== 0n) {
      this.#add(ABORT, undefined, false, ['INIT-070', ...common]);
      return;
    }
    this.#add({ kind: 'access', address: this.#t.address }, undefined, false, [
      'INIT-001',
      'INIT-019',
      'BANK-021',
      ...common,
    ]);
  }

  #source(privileged: boolean, instruction: boolean): EventSource {
    const { streamId, substreamId, address, write } = this.#t;
    return { streamId, substreamId, inputAddress: address, write, privileged, instruction };
  }

  #abortWith(
    name: EventName,
    stale: boolean,
    rules: readonly RuleId[],
    options: {
      fetchAddress?: bigint;
      mergeable?: RuleId | undefined;
      source?: EventSource;
      unpredictable?: boolean;
    } = {},
  ): void {
    const source = options.source ?? this.#source(this.#t.privileged, this.#t.instruction && !this.#t.write);
    const record = eventRecord(name, source, this.#f.oas, {
      ...(options.fetchAddress === undefined ? {} : { fetchAddress: options.fetchAddress }),
      mergeable: options.mergeable,
    });
    const config: RuleId[] = name.startsWith('C_') || name.endsWith('_FETCH') ? ['EVT-044', 'EVT-045'] : [];
    this.#add(ABORT, record, stale, [...rules, ...config, 'STRTAB-038', 'EVT-049'], options.unpredictable ?? false);
  }

  #translate(): void {
    const { streamId } = this.#t;
    const table = currentTable(this.#state);
    const common: RuleId[] = [
      'INIT-007',
      'INIT-047',
      'STRTAB-040',
      'ACK-026',
      ...(this.#state.why(CR2).includes('REG-149') === true ? (['INIT-050', 'REG-160'] as const) : []),
    ];
    const steFetch = fetchSte(this.#state, this.#memory, streamId, this.#horizon);
    this.#forgotten.push(...steFetch.forgotten);
    this.#unknown ??= steFetch.unknown;
    if (streamId >= 2 ** table.log2Size) this.#badStreamId(common);
    else if (table.aboveOas) {
      const source = {
        fetchAddress: table.base + BigInt(streamId) * 64n,
        mergeable: 'EVT-205' as const,
        unpredictable: true,
      };
      this.#abortWith('F_STE_FETCH', false, ['STRTAB-032', ...common], source);
    }
    for (const abort of steFetch.aborts) {
      this.#abortWith('F_STE_FETCH', false, [...abort.rules, ...common, 'STRTAB-036'], {
        fetchAddress: abort.address,
        mergeable: 'EVT-205',
      });
    }
    const usable: Fetched<Ste>[] = [];
    for (const ste of steFetch.seen) {
      const tableRules: RuleId[] = streamId === 2 ** table.log2Size - 1 ? ['REG-282'] : [];
      if (this.#ste(ste, [...common, ...tableRules, ...ste.rules])) usable.push(ste);
    }
    if (usable.length > 0) this.#stage1(usable, common);
  }

  #badStreamId(common: readonly RuleId[]): void {
    const record = (this.#state.word(CR2) & 0b10) !== 0;
    if (this.#state.unknown(CR2) & 0b10) throw new Undetermined('CR2.RECINVSID was never written');
    if (record)
      this.#abortWith('C_BAD_STREAMID', false, ['STRTAB-006', 'EVT-183', ...common], { mergeable: 'EVT-205' });
    else this.#add(ABORT, undefined, false, ['STRTAB-007', 'STRTAB-006', ...common]);
  }

  /** The STE's part; true when stage 1 goes on. */
  #ste(ste: Fetched<Ste>, common: readonly RuleId[]): boolean {
    const s = ste.structure;
    const judged = judgeSte(s, this.#f);
    if (judged === 'outside') throw new Undetermined('an STE that asks for stage 2 or another StreamWorld');
    const mergeable = 'EVT-205' as const;
    const reserved = judged.kind === 'illegal' ? undefined : steReservedBits(s, this.#f);
    if (reserved !== undefined && s.config >= 0b100) {
      this.#abortWith('C_BAD_STE', ste.stale, [reserved, ...common], { mergeable, unpredictable: true });
    }
    const rules = [...judged.rules, ...common];
    if (judged.kind !== 'stage 1' && this.#memory.backing(s.s1ContextPtr) === 'hole') {
      rules.push(judged.kind === 'bypass' ? 'CACHE-014' : 'CACHE-013');
    }
    const { substreamId } = this.#t;
    switch (judged.kind) {
      case 'illegal':
        if (substreamId !== undefined) rules.push('EVT-186');
        this.#abortWith('C_BAD_STE', ste.stale, [...rules, 'STE-004'], { mergeable });
        return false;
      case 'abort':
        if (substreamId !== undefined) rules.push('STE-010');
        this.#add(ABORT, undefined, ste.stale, rules);
        return false;
      case 'bypass':
        this.#bypass(ste, rules);
        return false;
      case 'stage 1':
        if (substreamId !== undefined) {
          const rule: RuleId = this.#f.ssidSize === 0 ? 'SUBS-001' : 'STE-052';
          if (this.#f.ssidSize > 0 && s.s1CdMax > 0) throw new Undetermined('substreams');
          this.#abortWith('C_BAD_SUBSTREAMID', ste.stale, [rule, 'STE-052', 'STRTAB-040', ...rules], {
            mergeable: merging(s),
          });
          return false;
        }
        if (this.#f.ssidSize > 0 && s.s1CdMax > 0) throw new Undetermined('substreams');
        return true;
    }
  }

  #bypass(ste: Fetched<Ste>, rules: readonly RuleId[]): void {
    const { substreamId, address } = this.#t;
    const s = ste.structure;
    if (substreamId !== undefined) {
      this.#abortWith('C_BAD_SUBSTREAMID', ste.stale, ['STE-017', 'SUBS-001', ...rules], { mergeable: merging(s) });
      return;
    }
    if (address >> BigInt(this.#f.oas) !== 0n) {
      const access = effectiveAccess(s, this.#f, this.#t);
      const source = this.#source(access.privileged, access.instruction);
      this.#abortWith('F_ADDR_SIZE', ste.stale, ['STE-014', 'WALK-018', ...access.rules, ...rules], {
        source,
        mergeable: merging(s),
      });
      return;
    }
    this.#add({ kind: 'access', address }, undefined, ste.stale, [
      ...rules,
      'PERM-107',
      'CACHE-030',
      'EVT-048',
      'BANK-024',
    ]);
  }

  /** From the CD on (5.4, 3.4). */
  #stage1(stes: readonly Fetched<Ste>[], common: readonly RuleId[]): void {
    const cdFetch = fetchCd(this.#state, this.#memory, this.#t.streamId, stes, this.#f, this.#horizon);
    this.#forgotten.push(...cdFetch.forgotten);
    this.#unknown ??= cdFetch.unknown;
    for (const abort of cdFetch.aborts) {
      this.#abortWith(
        'F_CD_FETCH',
        stes.some((ste) => ste.stale),
        [...abort.rules, ...common],
        {
          fetchAddress: abort.address,
          mergeable: stes.every((ste) => ste.structure.mev) ? 'EVT-204' : undefined,
        },
      );
    }
    let contexts: readonly Context[] | undefined;
    for (const ste of stes) {
      const judged = judgeSte(ste.structure, this.#f);
      const steRules: RuleId[] = [...ste.rules, ...(judged === 'outside' ? [] : judged.rules), ...common];
      for (const cd of cdFetch.seen) {
        const illegal = this.#cd(ste, cd, steRules);
        if (illegal) continue;
        contexts ??= this.#roots();
        const beyond = ste.structure.s1ContextPtr >> BigInt(effectiveIps(cd.structure, this.#f).bits) !== 0n;
        this.#lookup(ste, cd, contexts, [...steRules, ...cd.rules, ...(beyond ? (['CD-019'] as const) : [])]);
      }
    }
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
      if (!selectHalf(cd.structure, this.#t.address).inside) rules.push('EVT-191');
      this.#abortWith('C_BAD_CD', stale, [...rules, ...common, ...cd.rules], { mergeable });
      return true;
    }
    const reserved = cdReservedBits(cd.structure, this.#f);
    if (reserved !== undefined)
      this.#abortWith('C_BAD_CD', stale, [reserved, ...common], { mergeable, unpredictable: true });
    return false;
  }

  /**
   * Contexts that may have left entries in the TLB under this or another ASID: every CD that any stream could have
   * used since the last invalidation of everything.
   */
  #roots(): Context[] {
    if (this.#horizon !== undefined) return [];
    const contexts: Context[] = [];
    const streams = new Set<number>();
    const visited = new Set<string>();
    for (const table of this.#state.tables) {
      const key = `${table.base}:${table.log2Size}`;
      if (!table.linear || visited.has(key)) continue;
      visited.add(key);
      for (let streamId = 0; streamId < 2 ** table.log2Size; streamId++) {
        if (this.#memory.everWritten(table.base + BigInt(streamId) * 64n)) streams.add(streamId);
      }
    }
    for (const streamId of streams) {
      for (const cd of this.#contexts(streamId)) {
        const until = stillUsed(this.#state.invalidations, streamId, cd.until);
        contexts.push({
          streamId,
          key: cd.structure.words.join(),
          root: { cd: cd.structure, since: cd.since, until, own: false },
        });
      }
    }
    return contexts;
  }

  /** Every legal CD that a stream could have used at any time. */
  #contexts(streamId: number): Fetched<Cd>[] {
    const stes = fetchSte(this.#state, this.#memory, streamId, -1).seen.filter((ste) => {
      const judged = judgeSte(ste.structure, this.#f);
      return judged !== 'outside' && judged.kind === 'stage 1';
    });
    return fetchCd(this.#state, this.#memory, streamId, stes, this.#f, -1).seen.filter((cd) => {
      const judged = judgeCd(cd.structure, this.#f, false);
      return judged !== 'outside' && judged.illegal === undefined;
    });
  }

  #lookup(ste: Fetched<Ste>, cd: Fetched<Cd>, contexts: readonly Context[], common: readonly RuleId[]): void {
    const walker = new Walker(this.#state, this.#memory, this.#f);
    const { address } = this.#t;
    const key = cd.structure.words.join();
    const { streamId } = this.#t;
    // Invalidating configuration leaves translations alive: those of this very CD date back to when it first was seen.
    const same = contexts.filter((context) => context.streamId === streamId && context.key === key);
    const since = Math.min(cd.since, ...same.map((context) => context.root.since));
    const own: Root = { cd: cd.structure, since, until: FOREVER, own: true };
    const found = walker.walk(own, address, false, this.#horizon);
    for (const context of contexts) {
      if (same.includes(context)) continue;
      const { root } = context;
      found.push(...this.#leftBehind(walker, root, cd.structure));
    }
    this.#forgotten.push(...walker.forgotten);
    this.#unknown ??= walker.unknown;
    const legal = judgeCd(cd.structure, this.#f, ste.structure.s1Stalld);
    const rules: RuleId[] = [...common, ...(legal === 'outside' ? [] : legal.rules)];
    const stale = ste.stale || cd.stale;
    if (contexts.some((context) => context.streamId !== streamId && context.key !== key))
      rules.push('CACHE-025', 'TLBI-137');
    if (
      contexts.some(
        ({ root }) =>
          root.cd.asid === cd.structure.asid && (root.cd.a !== cd.structure.a || root.cd.r !== cd.structure.r),
      )
    ) {
      rules.push('CACHE-045');
    }
    if (same.length < contexts.filter((context) => context.streamId === streamId).length)
      rules.push(...retagged(contexts, streamId, cd.structure));
    for (const hit of found) {
      if (hit.kind === 'fault') this.#walkFault(ste, cd.structure, hit, stale, rules);
      else this.#leaf(ste, cd.structure, hit, stale, rules);
    }
    this.#conflict(ste, found, rules);
  }

  /** What a walk with another context may have left in the TLB that matches this one's tag (3.17). */
  #leftBehind(walker: Walker, root: Root, cd: Cd): (Leaf | WalkFault)[] {
    const { address } = this.#t;
    if (root.cd.asid === cd.asid) {
      const rules = differences(root, cd);
      return walker.walk(root, address, false).map((hit) => ({ ...hit, rules: [...hit.rules, ...rules] }));
    }
    if (root.cd.aset === cd.aset) return walker.walk(root, address, true);
    // Entries of another ASID and ASET never match: rules for what a wrong tag would show.
    const other = walker.walk(root, address, false).filter((hit) => hit.kind === 'leaf');
    if (other.some((leaf) => (leaf.descriptor & (1n << 11n)) === 0n)) this.#forgotten.push('TLBI-147');
    return [];
  }

  #walkFault(ste: Fetched<Ste>, cd: Cd, fault: WalkFault, stale: boolean, rules: readonly RuleId[]): void {
    const access = effectiveAccess(ste.structure, this.#f, this.#t);
    const source = this.#source(access.privileged, access.instruction);
    const all = [...fault.rules, ...access.rules, ...rules];
    if ((fault.event === 'F_ADDR_SIZE' || fault.event === 'F_ACCESS') && fault.leaf !== undefined) {
      const wanted = { write: this.#t.write, privileged: access.privileged, instruction: access.instruction };
      const refused = !checkPermission(fault.leaf, wanted, this.#f).allowed;
      if (refused) all.push(fault.event === 'F_ACCESS' ? 'EVT-197' : 'WALK-127');
    }
    if (fault.event === 'F_WALK_EABT') {
      this.#abortWith('F_WALK_EABT', stale || fault.stale, all, {
        source,
        fetchAddress: fault.fetchAddress ?? 0n,
        mergeable: merging(ste.structure),
      });
      return;
    }
    this.#terminate(fault.event, ste.structure, cd, source, stale || fault.stale, all);
  }

  #leaf(ste: Fetched<Ste>, cd: Cd, leaf: Leaf, stale: boolean, rules: readonly RuleId[]): void {
    const access = effectiveAccess(ste.structure, this.#f, this.#t);
    const verdict = checkPermission(
      leaf,
      { write: this.#t.write, privileged: access.privileged, instruction: access.instruction },
      this.#f,
    );
    const all = [...leaf.rules, ...verdict.rules, ...access.rules, ...rules];
    if (verdict.allowed) {
      this.#add({ kind: 'access', address: leaf.outputAddress }, undefined, stale || leaf.stale, [
        ...all,
        'WALK-010',
        'ATTR-040',
        'CACHE-082',
      ]);
      return;
    }
    const source = this.#source(access.privileged, access.instruction);
    this.#terminate('F_PERMISSION', ste.structure, cd, source, stale || leaf.stale, all);
  }

  /** A stage 1 fault of the four kinds that CD.A and CD.R govern (5.5). */
  #terminate(name: EventName, ste: Ste, cd: Cd, source: EventSource, stale: boolean, rules: readonly RuleId[]): void {
    const rule: RuleId = cd.r ? (cd.a ? 'CD-128' : 'CD-126') : cd.a ? 'CD-127' : 'CD-125';
    const tagged = field(this.#t.address, 63, 56) !== 0n && field(this.#t.address, 63, 56) !== 0xffn;
    const event = cd.r
      ? eventRecord(name, source, this.#f.oas, { mergeable: merging(ste) === undefined ? undefined : 'EVT-207' })
      : undefined;
    const tags: RuleId[] = tagged && event !== undefined ? ['EVT-016'] : [];
    this.#add(cd.a ? ABORT : { kind: 'raz/wi' }, event, stale, [...rules, rule, 'EVT-049', ...tags]);
  }

  /** Entries that disagree may be detected as a conflict (3.20.1, 3.21.1). */
  #conflict(ste: Fetched<Ste>, found: readonly (Leaf | WalkFault)[], rules: readonly RuleId[]): void {
    const leaves = found.filter((hit) => hit.kind === 'leaf');
    const outputs = new Set(leaves.map((leaf) => leaf.outputAddress));
    const sizes = new Set(leaves.map((leaf) => leaf.log2Bytes));
    const conflicting = outputs.size > 1 || (sizes.size > 1 && this.#f.bbml < 2);
    if (!conflicting) return;
    const access = effectiveAccess(ste.structure, this.#f, this.#t);
    const reason: RuleId = outputs.size > 1 ? 'CACHE-072' : 'CACHE-077';
    this.#abortWith(
      'F_TLB_CONFLICT',
      true,
      ['EVT-172', 'EVT-229', 'CACHE-085', 'CACHE-086', 'EVT-174', reason, ...rules],
      {
        source: this.#source(access.privileged, access.instruction),
        mergeable: merging(ste.structure),
        unpredictable: true,
      },
    );
  }
}

function merging(ste: Ste): RuleId | undefined {
  return ste.mev ? 'EVT-204' : undefined;
}

/** What may be remembered of a context with the same ASID, by what it configures differently (5.4.1). */
function differences(root: Root, cd: Cd): RuleId[] {
  const other = root.cd;
  const rules: RuleId[] = [root.until === FOREVER ? 'CACHE-048' : 'CACHE-040'];
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

/** The stream used another ASID or ASET before: its old entries must not match now (5.4.1). */
function retagged(contexts: readonly Context[], streamId: number, cd: Cd): RuleId[] {
  const before = contexts.filter((context) => context.streamId === streamId).map(({ root }) => root.cd);
  const rules: RuleId[] = [];
  if (before.some((other) => other.asid !== cd.asid)) rules.push('CACHE-046');
  if (before.some((other) => other.aset !== cd.aset)) rules.push('CACHE-047');
  return rules;
}
