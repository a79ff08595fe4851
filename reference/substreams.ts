/**
 * Substreams (3.9, 5.2: S1CDMax, S1DSS): which CD of its stream a transaction uses, if any, once the STE is known to be legal.
 */
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import { type Ste, substreams } from './ste.ts';

export type SubstreamChoice =
  /** The CD at the SubstreamID, or at 0 without one. */
  | { readonly kind: 'cd'; readonly rules: readonly RuleId[] }
  /** Stage 1 is skipped as though it was off. */
  | { readonly kind: 'skip' }
  /** C_BAD_SUBSTREAMID. */
  | { readonly kind: 'bad'; readonly rules: readonly RuleId[] }
  /** F_STREAM_DISABLED. */
  | { readonly kind: 'disabled'; readonly rules: readonly RuleId[] };

/** The choice for a transaction of a stream whose STE enables stage 1. */
export function chooseSubstream(ste: Ste, substreamId: number | undefined, f: Features): SubstreamChoice {
  if (!substreams(ste, f)) {
    if (substreamId === undefined) return { kind: 'cd', rules: [] };
    const rules: RuleId[] = f.ssidSize === 0 ? ['SUBS-001', 'STE-052'] : ['STE-052'];
    return { kind: 'bad', rules: [...rules, 'STRTAB-040'] };
  }
  const { s1Dss, s1CdMax } = ste;
  if (substreamId === undefined) {
    if (s1Dss === 1) return { kind: 'skip' };
    if (s1Dss === 2) return { kind: 'cd', rules: ['STE-069', 'EVT-008'] };
    return { kind: 'disabled', rules: [s1Dss === 3 ? 'STE-073' : 'STE-064'] };
  }
  if (substreamId >= 2 ** s1CdMax) return { kind: 'bad', rules: ['STE-055', 'STE-076'] };
  if (s1Dss === 2 && substreamId === 0) return { kind: 'disabled', rules: ['STE-070'] };
  const rules: RuleId[] = ['STE-054', 'STRTAB-040'];
  if (substreamId === 2 ** s1CdMax - 1) rules.push('SUBS-007');
  if (s1Dss === 1) rules.push('STE-068');
  if (s1Dss === 2) rules.push('STE-071');
  if (s1Dss === 0 && substreamId === 0) rules.push('STE-072');
  return { kind: 'cd', rules };
}
