/**
 * Probes: how to find out where a codec has a field without looking into it. A reader is shown structures in which the field holds
 * known values, a writer is asked to put known values into it. A position that is wrong shows as a wrong value.
 */
import { maskOf, ones, place, widthOf } from './facts.ts';
import type { Fact } from './facts.ts';

/** What a side is asked about a field. */
export type Probe =
  | {
      readonly kind: 'reads';
      /** What the side makes of a structure; compared with `expected`. */
      readonly read: (structure: bigint) => unknown;
      /** What it should make of it when the field holds `value`; default: the value itself. */
      readonly expected?: (value: bigint) => unknown;
      /** Other fields that must be set for this one to matter; what stands at the field itself is of no account. */
      readonly given?: bigint;
      /** The values to try; default: 0, each bit alone, all ones. */
      readonly values?: readonly bigint[];
      /** The side takes the field apart from all others, so it must come out the same when every other bit is 1. */
      readonly alone?: boolean;
      /** Only this many low bits matter to it, and why. */
      readonly only?: { readonly bits: number; readonly why: string };
      /** Other fields whose effect is the very same, so that this one cannot be told from them. */
      readonly twins?: readonly string[];
    }
  | {
      readonly kind: 'writes';
      /** The structure that the side makes when the field is to hold `value`. */
      readonly write: (value: bigint) => bigint;
      readonly values?: readonly bigint[];
      readonly only?: { readonly bits: number; readonly why: string };
    }
  /** A constant of the side: the mask of the field in its structure. */
  | { readonly kind: 'mask'; readonly mask: bigint }
  /** The side has no use for the field, and why. */
  | { readonly kind: 'unused'; readonly why: string };

/** Why a probe contradicts a fact; undefined when it agrees. A field that is unused contradicts nothing. */
export function refuted(fact: Fact, probe: Probe): string | undefined {
  switch (probe.kind) {
    case 'unused':
      return undefined;
    case 'mask':
      return probe.mask === maskOf(fact) ? undefined : `its mask is ${hex(probe.mask)}, not ${hex(maskOf(fact))}`;
    case 'writes':
      return refutedWriter(fact, probe);
    case 'reads':
      return refutedReader(fact, probe);
  }
}

function refutedWriter(fact: Fact, probe: Extract<Probe, { kind: 'writes' }>): string | undefined {
  const zero = probe.write(0n);
  for (const value of probe.values ?? valuesOf(probe.only?.bits ?? widthOf(fact))) {
    const changed = probe.write(value) ^ zero;
    if (changed !== place(fact, value))
      return `${hex(value)} is written as ${hex(changed)}, not ${hex(place(fact, value))}`;
  }
  return undefined;
}

function refutedReader(fact: Fact, probe: Extract<Probe, { kind: 'reads' }>): string | undefined {
  const expected = probe.expected ?? ((value: bigint) => value);
  const given = (probe.given ?? 0n) & ~maskOf(fact);
  const width = probe.only?.bits ?? widthOf(fact);
  const backgrounds = probe.alone === true ? [given, ones(512) & ~maskOf(fact)] : [given];
  for (const background of backgrounds) {
    for (const value of probe.values ?? valuesOf(width)) {
      const seen = probe.read(background | place(fact, value));
      if (!same(seen, expected(value))) return `${hex(value)} is seen as ${show(seen)}, not ${show(expected(value))}`;
    }
  }
  return undefined;
}

/** 0, each bit alone, all ones. */
function valuesOf(width: number): bigint[] {
  return [0n, ...Array.from({ length: width }, (_, bit) => 1n << BigInt(bit)), ones(width)];
}

/** The same fact, wrong: its bits moved up or down by one. Without those that leave the structure. */
export function shifted(fact: Fact, size: number): Fact[] {
  return [-1, 1]
    .map((by) => ({ ...fact, high: fact.high + by, low: fact.low + by }))
    .filter(({ high, low }) => low >= 0 && high < size);
}

function same(one: unknown, other: unknown): boolean {
  return show(one) === show(other);
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? hex(part) : part));
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
