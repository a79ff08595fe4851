/**
 * The parts of a state that many states share, and their keys. A part is never changed but replaced, so a key is worked out once.
 */
import type { Interrupt } from '../scenario/trace.ts';
import type { EventRecord } from './events.ts';
import type { Invalidation } from './invalidations.ts';
import type { Content } from './memory.ts';
import type { RuleId } from './rules/ids.ts';

/** A Stream table that was in use while SMMUEN was 1, from action `from` until just before `to`. */
export interface TableWindow {
  readonly from: number;
  readonly to: number;
  /** Effective base: aligned as 6.3.24 says, truncated to OAS. */
  readonly base: bigint;
  /** Whether ADDR had bits above OAS, so that the fetch may also be reported as out of range (3.4.3). */
  readonly aboveOas: boolean;
  readonly log2Size: number;
  readonly linear: boolean;
  /** Of a 2-level table: how many low StreamID bits index level 2. */
  readonly split: number;
  /** Rules that made base or size other than what was written. */
  readonly rules: readonly RuleId[];
}

/** What a state remembers of the past, apart from memory: what caches may hold follows from both. */
export interface History {
  readonly tables: readonly TableWindow[];
  readonly invalidations: readonly Invalidation[];
}

/** Interrupt edges of one line that are due, between two points where everything settles. */
export interface DueInterrupt {
  /** At least one edge must come. */
  readonly must: boolean;
  /** At most this many may come (3.18: they may be coalesced). */
  readonly max: number;
  readonly seen: number;
  readonly rules: readonly RuleId[];
}

function oncePerObject<T extends object>(describe: (part: T) => string): (part: T) => string {
  const keys = new WeakMap<T, string>();
  return (part) => {
    const known = keys.get(part);
    if (known !== undefined) return known;
    const key = describe(part);
    keys.set(part, key);
    return key;
  };
}

export const eventsKey = oncePerObject((events: readonly EventRecord[]) =>
  events.map((event) => event.words.join()).join(';'),
);

export const interruptsKey = oncePerObject((interrupts: Partial<Record<Interrupt, DueInterrupt>>) =>
  Object.entries(interrupts)
    .map(([line, due]) => `${line},${due.must},${due.max},${due.seen}`)
    .join(';'),
);

/** What of the history decides what may happen from now on. */
export function historyKey({ invalidations, tables }: History): string {
  return `${invalidationsKey(invalidations)}|${tablesKey(tables)}`;
}

const invalidationsKey = oncePerObject((invalidations: readonly Invalidation[]) =>
  invalidations.map(({ time, complete, scope }) => `${time},${complete},${scope.cache},${scope.rules[0]}`).join(';'),
);

const tablesKey = oncePerObject((tables: readonly TableWindow[]) =>
  tables
    .map(({ from, to, base, log2Size, linear, split }) => [from, to, base, log2Size, linear || split].join())
    .join(';'),
);

/** Everything about the history, with the rules behind it. */
export function exactHistoryKey({ invalidations, tables }: History): string {
  return `${exactKey(invalidations)}|${exactKey(tables)}`;
}

const exactKey = oncePerObject((part: object) =>
  JSON.stringify(part, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
);

export const overlayKey = oncePerObject((overlay: ReadonlyMap<bigint, readonly Content[]>) => {
  let key = '';
  for (const [address, contents] of overlay) {
    key += `${address}:`;
    for (const { value, known } of contents) key += `${value}/${known},`;
  }
  return key;
});
