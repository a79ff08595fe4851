/**
 * What the walk of a stage may find: leaves, faults, and where stage 2 puts the address of a descriptor (DDI 0487 D8).
 */
import type { Part, TlbEntry } from './invalidations.ts';
import type { RuleId } from './rules/ids.ts';

/** Restrictions that Table descriptors on the path put on the leaf (D8.4). */
export interface TableLimits {
  readonly noUnprivileged: boolean;
  readonly noWrite: boolean;
  readonly uxn: boolean;
  readonly pxn: boolean;
  /** How many Table descriptors set APTable. */
  readonly apTables: number;
  /** APTable was set, but CD.HAD takes its meaning away. */
  readonly disabled: boolean;
}

export const NO_LIMITS: TableLimits = {
  noUnprivileged: false,
  noWrite: false,
  uxn: false,
  pxn: false,
  apTables: 0,
  disabled: false,
};

export interface Leaf {
  readonly kind: 'leaf';
  readonly descriptor: bigint;
  readonly level: number;
  /** log2 of the bytes it maps. */
  readonly log2Bytes: number;
  readonly outputAddress: bigint;
  readonly limits: TableLimits;
  /** A walk that goes on from a cached Table descriptor reads it now; else only a TLB entry can hold it. */
  readonly readable: boolean;
  readonly stale: boolean;
  readonly entry: TlbEntry;
  /** Between these its descriptors could be read; `until` FOREVER: they can be now. */
  readonly since: number;
  readonly until: number;
  /** Stage 2 translations it rests on that cannot be used any more. */
  readonly parts: readonly Part[];
  /** It may still be in the TLB, or be read; always true of stage 1. */
  readonly alive: boolean;
  /** It is what a neighbour's Contiguous bit makes of this address; then whether F_TLB_CONFLICT may come of it (D8.7.1.1). */
  readonly group: 'none' | 'consistent' | 'conflicting';
  readonly rules: readonly RuleId[];
}

export interface WalkFault {
  readonly kind: 'fault';
  readonly event: 'F_TRANSLATION' | 'F_ADDR_SIZE' | 'F_ACCESS' | 'F_PERMISSION' | 'F_WALK_EABT';
  readonly fetchAddress?: bigint;
  /** The descriptor that a fault stopped at, for what else was wrong with the access. */
  readonly leaf?: { readonly descriptor: bigint; readonly limits: TableLimits };
  /** It is a fault of stage 2, translating this IPA for that purpose. */
  readonly stage2?: { readonly cause: Purpose; readonly ipa: bigint };
  readonly stale: boolean;
  readonly unpredictable?: boolean;
  readonly rules: readonly RuleId[];
}

/** What a stage 2 translation is for: CLASS of its faults (7.3). */
export type Purpose = 'CD' | 'TT' | 'IN';

/** Where stage 2 may put an IPA. */
export interface Place {
  readonly address: bigint;
  readonly since: number;
  /** log2 of the bytes that stage 2 maps there as one. */
  readonly log2Bytes: number;
  /** Not usable any more by itself: what it rests on. */
  readonly part: Part | undefined;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

export interface Located {
  readonly places: readonly Place[];
  readonly faults: readonly WalkFault[];
}
