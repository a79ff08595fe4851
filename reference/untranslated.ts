/**
 * Transactions that an STE lets pass without translating them (3.4, 5.2): bypass of both stages, and stage 1 skipped by S1DSS
 * where there is no stage 2.
 */
import { ones } from './bits.ts';
import type { Features } from './features.ts';
import type { Outcomes } from './outcomes.ts';
import type { RuleId } from './rules/ids.ts';
import { ias } from './ste-stage2.ts';
import { effectiveAccess, merging, type Ste } from './ste.ts';
import type { Fetched } from './structures.ts';

/** No stage translates: Config 0b100 (5.2). */
export function bypass(out: Outcomes, f: Features, ste: Fetched<Ste>, rules: readonly RuleId[]): void {
  const { substreamId, address } = out.transaction;
  const s = ste.structure;
  if (substreamId !== undefined) {
    out.abortWith(
      'C_BAD_SUBSTREAMID',
      ste.stale,
      ['STE-017', ...(f.ssidSize === 0 ? (['SUBS-001'] as const) : []), ...rules],
      { mergeable: merging(s) },
    );
    return;
  }
  if (address >> BigInt(f.oas) !== 0n) return tooLarge(out, f, ste, ['STE-014', 'WALK-018'], rules);
  out.add({ kind: 'access', address }, undefined, ste.stale, [
    ...rules,
    'PERM-107',
    'CACHE-030',
    'EVT-048',
    'BANK-024',
  ]);
}

/** S1DSS takes a transaction without a SubstreamID past stage 1, as though it was off (5.2). */
export function skipStage1(out: Outcomes, f: Features, ste: Fetched<Ste>, rules: readonly RuleId[]): void {
  const { address } = out.transaction;
  if (address >> BigInt(ias(f)) !== 0n) return tooLarge(out, f, ste, ['STE-067'], rules);
  const output = address & ones(f.oas);
  const cut: RuleId = output === address ? 'STE-065' : 'STE-030';
  out.add({ kind: 'access', address: output }, undefined, ste.stale, [cut, ...rules, 'PERM-107']);
}

/** An input address that a stage 1 which translates nothing finds too large (3.4). */
function tooLarge(
  out: Outcomes,
  f: Features,
  ste: Fetched<Ste>,
  why: readonly RuleId[],
  rules: readonly RuleId[],
): void {
  const access = effectiveAccess(ste.structure, f, out.transaction);
  const source = out.source(access.privileged, access.instruction);
  const mergeable = merging(ste.structure);
  out.abortWith('F_ADDR_SIZE', ste.stale, [...why, ...access.rules, ...rules], { source, mergeable });
}
