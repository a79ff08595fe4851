/**
 * The outcomes of one transaction as they are found: what becomes of it, the event it records, and the rules behind.
 */
import { type EventName, eventRecord, type EventRecord, type EventSource, type Stage2Cause } from './events.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';

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

export const ABORT: TransactionResult = { kind: 'abort' };

export interface AbortOptions {
  /** Log2 of the granule of the walk, for coverage. */
  readonly granule?: 12 | 14 | 16 | undefined;
  /** Physical address of the fetch that aborted. */
  readonly fetchAddress?: bigint;
  /** The rule of 7.3.1 that lets the event be merged. */
  readonly mergeable?: RuleId | undefined;
  /** Attributes after the STE's overrides; the incoming ones when not given. */
  readonly source?: EventSource;
  readonly unpredictable?: boolean;
  /** It is an event of stage 2. */
  readonly stage2?: Stage2Cause | undefined;
}

export class Outcomes {
  readonly transaction: Transaction;
  readonly #f: Features;
  readonly #found: TransactionOutcome[] = [];
  /** Rules of invalidations that ruled other outcomes out. */
  readonly forgotten: RuleId[] = [];
  #unknown: string | undefined;

  constructor(transaction: Transaction, f: Features) {
    this.transaction = transaction;
    this.#f = f;
  }

  /** Something is read of which the scenario does not say what it holds. */
  unknown(reason: string | undefined): void {
    this.#unknown ??= reason;
  }

  all(): TransactionOutcomes {
    const recorded = this.#found.some((outcome) => outcome.event !== undefined);
    if (this.forgotten.length > 0 && recorded) this.forgotten.push('SYNC-031');
    return { outcomes: this.#found, forgotten: this.forgotten, unknown: this.#unknown };
  }

  add(
    result: TransactionResult,
    event: EventRecord | undefined,
    stale: boolean,
    rules: readonly RuleId[],
    unpredictable = false,
  ): void {
    this.#found.push({
      result,
      event,
      stale,
      unpredictable,
      rules,
    });
  }

  /** What the transaction brings into an event, with these attributes. */
  source(privileged: boolean, instruction: boolean): EventSource {
    const { streamId, substreamId, address, write } = this.transaction;
    return { streamId, substreamId, inputAddress: address, write, privileged, instruction };
  }

  /** An abort that records an event. */
  abortWith(name: EventName, stale: boolean, rules: readonly RuleId[], options: AbortOptions = {}): void {
    const source =
      options.source ??
      this.source(this.transaction.privileged, this.transaction.instruction && !this.transaction.write);
    const record = eventRecord(name, source, this.#f, {
      ...(options.fetchAddress === undefined ? {} : { fetchAddress: options.fetchAddress }),
      cause: rules[0] ?? 'STRTAB-038',
      mergeable: options.mergeable,
      stage2: options.stage2,
      granule: options.granule,
    });
    const config: RuleId[] =
      name.startsWith('C_') || name.endsWith('_FETCH') || name === 'F_STREAM_DISABLED' ? ['EVT-044'] : [];
    this.add(ABORT, record, stale, [...rules, ...config], options.unpredictable ?? false);
  }
}
