/** Single VMSAv8-64 descriptors (DDI 0487 D8.3, D8.4): byte order, what Table descriptors restrict, rules that some bits show. */
import { field, flag } from './bits.ts';
import type { Features } from './features.ts';
import type { Memory } from './memory.ts';
import type { Regime } from './regime.ts';
import type { RuleId } from './rules/ids.ts';
import type { TableLimits } from './walk-results.ts';

const WORD_BITS = 64n;

/** What a Table descriptor adds to the restrictions of those above it (D8.4). */
export function tighten(limits: TableLimits, descriptor: bigint): TableLimits {
  return {
    noUnprivileged: limits.noUnprivileged || flag(descriptor, 61),
    noWrite: limits.noWrite || flag(descriptor, 62),
    uxn: limits.uxn || flag(descriptor, 60),
    pxn: limits.pxn || flag(descriptor, 59),
    apTables: limits.apTables + (field(descriptor, 62, 61) === 0n ? 0 : 1),
    disabled: false,
  };
}

/** A big-endian table's descriptor (CD.ENDI, STE.S2ENDI). */
export function swap(value: bigint): bigint {
  let result = 0n;
  for (let i = 0n; i < WORD_BITS; i += 8n) result |= ((value >> i) & 0xffn) << (WORD_BITS - 8n - i);
  return result;
}

/** The rule by which CD.HAD takes the meaning of what a Table descriptor says of permissions. */
export function hierarchical(descriptor: bigint, disabled: boolean, rules: RuleId[]): RuleId[] {
  if (field(descriptor, 62, 59) === 0n) return rules;
  return disabled ? [...rules, 'PERM-052'] : rules;
}

/** Rules of an output address that is too large (3.4). */
export function sizeRules(regime: Regime, descriptor: bigint, f: Features): RuleId[] {
  if (regime.stage === 2) return ['WALK-029'];
  const size: RuleId[] = ['WALK-025'];
  if (regime.outputBits < f.oas) size.push('WALK-027');
  if (!flag(descriptor, 10)) size.push('EVT-196');
  return size;
}

/** Rules of a descriptor that faulted before, which was not remembered: its correction counts at once (3.21.1). */
export function corrected(memory: Memory, before: readonly bigint[], descriptor: bigint): RuleId[] {
  const rules: RuleId[] = [];
  if (flag(descriptor, 0) && before.some((old) => !flag(old, 0))) rules.push('CACHE-063', 'CACHE-058');
  if (flag(descriptor, 10) && before.some((old) => flag(old, 0) && !flag(old, 10))) rules.push('CACHE-064');
  const aborts = (value: bigint): boolean =>
    (value & 3n) === 3n && memory.backing(field(value, 47, 12) << 12n) === 'hole';
  if (!aborts(descriptor) && before.some(aborts)) rules.push('CACHE-059');
  return rules;
}
