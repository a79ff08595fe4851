/**
 * The STE (5.2): its fields as far as stage 1 and bypass need them, and its legality (5.2.2) for a Non-secure stream.
 */
import { field, flag, small } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';

export interface Ste {
  readonly v: boolean;
  readonly config: number;
  readonly s1Fmt: number;
  readonly s1ContextPtr: bigint;
  readonly s1CdMax: number;
  readonly s1Dss: number;
  readonly cont: number;
  readonly mev: boolean;
  readonly s1Stalld: boolean;
  readonly eats: number;
  readonly strw: number;
  readonly nscfg: number;
  readonly privcfg: number;
  readonly instcfg: number;
  readonly words: readonly bigint[];
}

export function decodeSte(words: readonly bigint[]): Ste {
  const w0 = words[0] ?? 0n;
  const w1 = words[1] ?? 0n;
  return {
    v: flag(w0, 0),
    config: small(w0, 3, 1),
    s1Fmt: small(w0, 5, 4),
    s1ContextPtr: field(w0, 55, 6) << 6n,
    s1CdMax: small(w0, 63, 59),
    s1Dss: small(w1, 1, 0),
    cont: small(w1, 16, 13),
    mev: flag(w1, 19),
    s1Stalld: flag(w1, 27),
    eats: small(w1, 29, 28),
    strw: small(w1, 31, 30),
    nscfg: small(w1, 47, 46),
    privcfg: small(w1, 49, 48),
    instcfg: small(w1, 51, 50),
    words,
  };
}

export type SteJudgement =
  | { readonly kind: 'illegal'; readonly rules: readonly RuleId[] }
  | { readonly kind: 'abort'; readonly rules: readonly RuleId[] }
  | { readonly kind: 'bypass'; readonly rules: readonly RuleId[] }
  | { readonly kind: 'stage 1'; readonly rules: readonly RuleId[] };

/** What an STE says of an ordinary transaction: which stages translate, or that it is ILLEGAL. Stage 2 is left to the caller. */
export function judgeSte(ste: Ste, f: Features): SteJudgement | 'outside' {
  // SMMUv3.0 leaves three outcomes open for an S1ContextPtr above OAS (3.4.3); the reference starts at 3.1 there.
  if (ste.v && ste.config === 0b101 && f.minor === 0 && ste.s1ContextPtr >> BigInt(f.oas) !== 0n) return 'outside';
  if (!ste.v) return { kind: 'illegal', rules: ['STE-001'] };
  if (ste.config < 0b100) {
    const rules: RuleId[] = [ste.config === 0 ? 'STE-007' : 'STE-008'];
    if (ste.strw === 3 || ste.s1Stalld || ste.s1ContextPtr >> BigInt(f.oas) !== 0n || vmid(ste) > 0xff)
      rules.push('STE-009');
    if (ste.cont > 0) rules.push('STE-089');
    return { kind: 'abort', rules };
  }
  const stage1 = (ste.config & 1) !== 0;
  const stage2 = (ste.config & 2) !== 0;
  if (stage1 && !f.s1p) return { kind: 'illegal', rules: ['STE-023', 'STE-003'] };
  if (stage2 && !f.s2p) return { kind: 'illegal', rules: ['STE-024', 'STE-003'] };
  if (stage2) return 'outside';
  const fields = ignoredFields(ste, f);
  if (!stage1) return { kind: 'bypass', rules: ['STE-013', ...bypassIgnores(ste, f), ...fields] };
  const illegal = illegalStage1(ste, f);
  if (illegal !== undefined) return { kind: 'illegal', rules: [illegal, 'STE-003'] };
  if ((strwUsed(f) && ste.strw !== 0) || (f.s2p && vmid(ste) !== 0)) return 'outside';
  return { kind: 'stage 1', rules: ['STE-020', ...stage1Ignores(ste, f), ...fields] };
}

function strwUsed(f: Features): boolean {
  return f.s1p && f.hyp;
}

function illegalStage1(ste: Ste, f: Features): RuleId | undefined {
  if (strwUsed(f) && (ste.strw & 1) !== 0) return 'STE-131';
  if (ste.s1Stalld && f.stallModel !== 0) return 'STE-101';
  if (f.ssidSize > 0 && ste.s1CdMax > f.ssidSize) return 'STE-056';
  if (ste.s1ContextPtr >> BigInt(f.oas) !== 0n && f.minor >= 1) return 'STE-047';
  return undefined;
}

/** Whether bits are set that the architecture, or the version implemented, gives no meaning (chapter 5, 5.2.2). */
export function steReservedBits(ste: Ste, f: Features): RuleId | undefined {
  const [w0 = 0n, w1 = 0n, , w3 = 0n, , , , w7 = 0n] = ste.words;
  if (field(w0, 58, 56) !== 0n || field(w1, 43, 41) !== 0n || field(w3, 60, 56) !== 0n) return 'STRTAB-057';
  if (ste.config < 0b100) return undefined;
  const optional =
    flag(w1, 24) ||
    (flag(w1, 25) && f.minor < 2) ||
    (flag(w1, 26) && !f.mpam) ||
    field(ste.words[2] ?? 0n, 63, 59) !== 0n ||
    w7 !== 0n;
  return optional ? 'STE-311' : undefined;
}

/** Fields set to something although this configuration ignores them, by the rule that says so. */
function bypassIgnores(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  if (stage2Fields(ste) || ste.s1CdMax !== 0 || ste.s1Fmt !== 0) rules.push('STE-015');
  if (ste.strw !== 0) rules.push('STE-135');
  if (vmid(ste) > 0xff || ste.strw !== 0) rules.push('STE-016');
  if (ste.s1Stalld && f.stallModel !== 0) rules.push('STE-107');
  if (ste.s1Dss !== 0) rules.push('STE-074');
  return rules;
}

function stage1Ignores(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = ['STE-046', 'WALK-039'];
  if (f.hyp) rules.push('STE-128');
  if (!f.hyp && ste.strw !== 0) rules.push('STE-133');
  if (ste.s1Fmt !== 0) rules.push('STE-036');
  if (ste.s1CdMax !== 0 && f.ssidSize === 0) rules.push('STE-058');
  if (ste.s1Dss !== 0) rules.push('STE-074', 'STE-053');
  if (stage2Fields(ste)) rules.push('STE-033');
  if (((ste.words[2] ?? 0n) & (1n << 51n)) === 0n) rules.push('STE-230');
  if ((ste.words[3] ?? 0n) >> BigInt(f.oas) !== 0n) rules.push('STE-271');
  return rules;
}

function ignoredFields(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  const w1 = ste.words[1] ?? 0n;
  if (ste.eats !== 0 && !f.ats) rules.push('STE-110');
  if (vmid(ste) !== 0 && !f.s2p) rules.push('STE-153', 'TLBI-133');
  if (ste.nscfg !== 0) rules.push('SEC-025', 'SEC-076');
  if (small(w1, 23, 20) !== 0) rules.push('STE-092');
  if (flag(w1, 25) && f.minor < 2) rules.push('STE-279');
  if ((ste.words[4] ?? 0n) !== 0n || (ste.words[6] ?? 0n) !== 0n) rules.push('STE-301');
  if (flag(w1, 24) || flag(w1, 26)) rules.push('STE-311');
  return rules;
}

function stage2Fields(ste: Ste): boolean {
  return (ste.words[2] ?? 0n) >> 32n !== 0n || (ste.words[3] ?? 0n) !== 0n;
}

function vmid(ste: Ste): number {
  return small(ste.words[2] ?? 0n, 15, 0);
}

/** Attributes of a transaction after the STE's overrides (13.4, 5.2): privileged, instruction read. */
export function effectiveAccess(
  ste: Ste,
  f: Features,
  access: { write: boolean; privileged: boolean; instruction: boolean },
): { privileged: boolean; instruction: boolean; rules: RuleId[] } {
  const rules: RuleId[] = [];
  let { privileged } = access;
  let instruction = access.instruction && !access.write;
  if (!access.instruction && !access.privileged) rules.push('ATTR-001');
  if (access.instruction && access.write) rules.push('ATTR-027');
  if (!f.attrPermsOvr) {
    if (ste.privcfg >= 2 || ste.instcfg >= 2) rules.push('ATTR-028');
    return { privileged, instruction, rules };
  }
  if (ste.privcfg >= 2) {
    privileged = ste.privcfg === 3;
    rules.push(privileged ? 'ATTR-023' : 'ATTR-022');
  } else rules.push('ATTR-021');
  if (ste.instcfg >= 2 && !access.write) {
    instruction = ste.instcfg === 3;
    rules.push(instruction ? 'ATTR-026' : 'ATTR-025');
  } else rules.push(ste.instcfg >= 2 ? 'ATTR-027' : 'ATTR-024');
  return { privileged, instruction, rules };
}
