/**
 * What one side is asked about each fact: a probe, or a word on why it has no use for the field. Keys are `STRUCTURE.FIELD`, or
 * `*.FIELD` for a field that several structures share, or `*` for all others. A fact without an entry is an error: nothing is skipped in silence.
 */
import type { Fact, Table } from './facts.ts';
import type { Probe } from './probes.ts';

export type ProbeOf = (fact: Fact) => Probe;

export interface Side {
  readonly name: string;
  readonly probes: Readonly<Record<Table, Readonly<Record<string, ProbeOf>>>>;
  /**
   * What the side makes of whole structures, in words, so that a field said to be unused can be shown to change nothing. Fewer
   * tables than `probes`: where every use of a structure has a probe of its own there is nothing to add.
   */
  readonly views: Partial<Readonly<Record<string, (structure: bigint) => unknown>>>;
}

/** The entry about a fact, by its own key or a shared one. */
export function probeFor(side: Side, table: Table, fact: Fact): Probe | undefined {
  const entries = side.probes[table];
  return (entries[`${fact.structure}.${fact.field}`] ?? entries[`*.${fact.field}`] ?? entries['*'])?.(fact);
}

/** Entries for fields of one structure that a side has no use for. */
export function unused(structure: string, why: string, fields: string): Record<string, ProbeOf> {
  return Object.fromEntries(
    fields.split(' ').map((field) => [`${structure}.${field}`, (): Probe => ({ kind: 'unused', why })]),
  );
}

/** `S2POI0 S2POI1 ...` */
export function numbered(name: string, count: number): string {
  return Array.from({ length: count }, (_, n) => `${name}${n}`).join(' ');
}

type Reads = Extract<Probe, { kind: 'reads' }>;

/** A value that stands in a decoded structure as it is. */
export function value(read: Reads['read'], rest: Omit<Reads, 'kind' | 'read'> = {}): ProbeOf {
  return () => ({ kind: 'reads', read: (structure) => asBigint(read(structure)), alone: true, ...rest });
}

/** Something that shows only when the fields given are set, and in which the rest of the structure has a part. */
export function effect(read: Reads['read'], rest: Omit<Reads, 'kind' | 'read'> = {}): ProbeOf {
  return () => ({ kind: 'reads', read: (structure) => asBigint(read(structure)), ...rest });
}

export function mask(bits: number | bigint): ProbeOf {
  return () => ({ kind: 'mask', mask: typeof bits === 'bigint' ? bits : BigInt(bits >>> 0) });
}

export function writes(write: (value: bigint) => bigint, values?: readonly bigint[]): ProbeOf {
  return () => (values === undefined ? { kind: 'writes', write } : { kind: 'writes', write, values });
}

/** A constant of the side that must be what `at` says. */
export function constant(is: number | undefined): ProbeOf {
  return (fact) => ({ kind: 'reads', read: () => is, values: [0n], expected: () => fact.at });
}

function asBigint(seen: unknown): unknown {
  return typeof seen === 'number' || typeof seen === 'boolean' ? BigInt(seen) : seen;
}
