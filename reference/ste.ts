/**
 * The STE (5.2): its fields, and its legality (5.2.2) for a Non-secure stream. Its stage 2 part is in ste-stage2.ts.
 */
import { field, flag, ones, small } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import { ias, judgeStage2, type Stage2Config } from './ste-stage2.ts';

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
  /** `vmid` tags what its walks leave in the TLB: S2VMID where stage 2 is implemented, else 0 (3.17). */
  | ({ readonly kind: 'stage 1'; readonly vmid: number } & Legal)
  | ({ readonly kind: 'stage 2'; readonly stage2: Stage2Config } & Legal)
  | ({ readonly kind: 'nested'; readonly stage2: Stage2Config } & Legal);

interface Legal {
  readonly rules: readonly RuleId[];
  /** Rules by which it may be taken for ILLEGAL all the same. */
  readonly mayBeIllegal: readonly RuleId[];
}

/** An STE that was fetched is asked about by every lookup that may use it. */
const judgements = new WeakMap<Ste, { readonly f: Features; readonly judged: SteJudgement | 'outside' }>();

/** What an STE says of an ordinary transaction: which stages translate, or that it is ILLEGAL (5.2.2). */
export function judgeSte(ste: Ste, f: Features): SteJudgement | 'outside' {
  const known = judgements.get(ste);
  if (known?.f === f) return known.judged;
  const judged = judge(ste, f);
  judgements.set(ste, { f, judged });
  return judged;
}

function judge(ste: Ste, f: Features): SteJudgement | 'outside' {
  if (!ste.v) return { kind: 'illegal', rules: ['STE-001'] };
  const { config } = ste;
  if (config < 0b100) return { kind: 'abort', rules: disabledRules(ste, f) };
  const stage1 = (config & 1) !== 0;
  const stage2 = (config & 2) !== 0;
  if (stage1 && !f.s1p) return { kind: 'illegal', rules: ['STE-023', 'STE-003'] };
  if (stage2 && !f.s2p) return { kind: 'illegal', rules: ['STE-024', 'STE-003'] };
  const fields = ignoredFields(ste, f);
  if (!stage1 && !stage2) return { kind: 'bypass', rules: ['STE-013', ...bypassIgnores(ste, f), ...fields] };
  // ATS checks of 5.2.2, and three outcomes that SMMUv3.0 leaves open for an S1ContextPtr above OAS (3.4.3).
  if (f.ats && ste.eats !== 0) return 'outside';
  if (config === 0b101 && f.minor === 0 && ste.s1ContextPtr >> BigInt(f.oas) !== 0n) return 'outside';
  const illegal = stage1 ? illegalStage1(ste, f) : undefined;
  if (illegal !== undefined) return { kind: 'illegal', rules: [illegal, 'STE-003', ...withoutSubstream(ste, f)] };
  const mayBeIllegal: RuleId[] = stage1 ? doubtfulStage1(ste, f) : [];
  if (!stage2) {
    const el1 = !strwUsed(f) || ste.strw === 0;
    if (el1 && f.s2p && !f.vmid16 && vmid(ste) > 0xff) return { kind: 'illegal', rules: ['STE-152', 'STE-003'] };
    if (!el1) return 'outside';
    const rules: RuleId[] = ['STE-020', ...stage1Ignores(ste, f), ...fields];
    return { kind: 'stage 1', vmid: f.s2p ? vmid(ste) : 0, rules, mayBeIllegal };
  }
  const second = judgeStage2(ste.words, f);
  if (second.kind === 'outside') return 'outside';
  if (second.kind === 'illegal') return { kind: 'illegal', rules: [second.rule, 'STE-003'] };
  if (second.mayBeIllegal !== undefined) mayBeIllegal.push(second.mayBeIllegal);
  const { stage2: configured } = second;
  const common: RuleId[] = [...second.rules, ...fields, ...(ste.strw !== 0 ? (['STE-134'] as const) : [])];
  if (!stage1) {
    const rules: RuleId[] = ['STE-021', ...common, ...stage2Ignores(ste, f)];
    return { kind: 'stage 2', stage2: configured, rules, mayBeIllegal };
  }
  const rules: RuleId[] = ['STE-022', ...common, ...contextIgnores(ste, f)];
  return { kind: 'nested', stage2: configured, rules, mayBeIllegal };
}

/** Whether substreams are in use: S1CDMax says how many CDs there are (5.2). */
export function substreams(ste: Ste, f: Features): boolean {
  return f.ssidSize > 0 && ste.s1CdMax > 0;
}

function disabledRules(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [ste.config === 0 ? 'STE-007' : 'STE-008'];
  if (ste.strw === 3 || ste.s1Stalld || ste.s1ContextPtr >> BigInt(f.oas) !== 0n || vmid(ste) > 0xff)
    rules.push('STE-009');
  if (ste.cont > 0) rules.push('STE-089');
  return rules;
}

function strwUsed(f: Features): boolean {
  return f.s1p && f.hyp;
}

function illegalStage1(ste: Ste, f: Features): RuleId | undefined {
  if (ste.config === 0b101 && strwUsed(f) && (ste.strw & 1) !== 0) return 'STE-131';
  if (ste.s1Stalld && f.stallModel !== 0) return 'STE-101';
  if (f.ssidSize > 0 && ste.s1CdMax > f.ssidSize) return 'STE-056';
  if (substreams(ste, f) && !f.cd2l && (ste.s1Fmt === 1 || ste.s1Fmt === 2)) return 'STE-043';
  if (ste.config === 0b101 && ste.s1ContextPtr >> BigInt(f.oas) !== 0n && f.minor >= 1) return 'STE-047';
  return undefined;
}

/** What makes a stage 1 configuration ILLEGAL or not, as the implementation chooses. */
function doubtfulStage1(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  if (substreams(ste, f) && !f.cd2l && ste.s1Fmt === 3) rules.push('STE-044');
  if (ste.config === 0b111 && ste.s1ContextPtr >> BigInt(ias(f)) !== 0n) rules.push('STE-049');
  return rules;
}

/** An STE is ILLEGAL whether or not this transaction would have used a CD. */
function withoutSubstream(ste: Ste, f: Features): RuleId[] {
  return substreams(ste, f) && ste.s1Dss !== 2 ? ['STE-310'] : [];
}

/** Whether bits are set that the architecture, or the version implemented, gives no meaning (chapter 5, 5.2.2). */
export function steReservedBits(ste: Ste, f: Features): RuleId | undefined {
  if (ste.words.some((word, at) => (word & (RESERVED[at] ?? 0n)) !== 0n)) return 'STRTAB-057';
  if (ste.config < 0b100) return undefined;
  const [, w1 = 0n, , w3 = 0n] = ste.words;
  // S2TTB[55:52] have a meaning with 56-bit addresses only.
  if ((ste.config & 2) !== 0 && !f.d128 && field(w3, 55, 52) !== 0n) return 'STRTAB-057';
  const optional =
    (flag(w1, 25) && f.minor < 2 && !f.fwb) ||
    (!f.mpam && ste.words.some((word, at) => (word & (MPAM[at] ?? 0n)) !== 0n)) ||
    ste.words.some((word, at) => (word & (OPTIONAL[at] ?? 0n)) !== 0n);
  return optional ? 'STE-311' : undefined;
}

const span = (high: number, low: number = high): bigint => ones(high - low + 1) << BigInt(low);

/** Bits of each 64-bit word that no field of 5.2 covers. */
const RESERVED: readonly bigint[] = [
  span(58, 56),
  span(43, 41),
  0n,
  span(60, 56) | span(63),
  span(45, 40),
  span(63, 56),
  span(3) | span(60, 56) | span(63),
  0n,
];

/** Fields of MPAM: S1MPAM; PARTID; PMG, MPAM_NS and VMSPtr. */
const MPAM: readonly bigint[] = [0n, span(26), 0n, 0n, span(31, 16), span(8, 0) | span(55, 12), 0n, 0n];

/**
 * Fields of features that only later versions specify, or that the reference does not know to be there: S2HWU, DRE, DCP and S1PIE;
 * S2HAFT, S2PIE, S2POE and DPT_VMATCH; S2SL0_2, S2DS and S2SKL; MECID; AssuredOnly and TL; S2POI.
 */
const OPTIONAL: readonly bigint[] = [
  0n,
  span(12, 8) | span(17) | span(24),
  span(63, 59),
  span(3, 2) | span(62, 61),
  span(63, 48),
  span(11, 9),
  0n,
  ones(64),
];

/** Fields set to something although this configuration ignores them, by the rule that says so. */
function bypassIgnores(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  if (stage2Fields(ste) || ste.s1CdMax !== 0 || ste.s1Fmt !== 0) rules.push('STE-015');
  if (f.s2p && stage2Fields(ste)) rules.push('STE-212');
  if (!f.s1p && ste.strw !== 0) rules.push('STE-136');
  if (!f.s1p && ste.s1Stalld) rules.push('STE-108');
  if (ste.strw !== 0) rules.push('STE-135');
  if (vmid(ste) > 0xff || ste.strw !== 0) rules.push('STE-016');
  if (ste.s1Stalld && f.stallModel !== 0) rules.push('STE-107');
  if (ste.s1Dss !== 0) rules.push('STE-074');
  return rules;
}

function stage1Ignores(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = ['STE-046', 'WALK-039'];
  if (f.hyp) rules.push('STE-128');
  if (f.s2p) rules.push('STE-150');
  if (f.s2p && vmid(ste) > 0xff) rules.push('STE-158');
  if (!f.hyp && ste.strw !== 0) rules.push('STE-133');
  rules.push(...contextIgnores(ste, f));
  if (stage2Fields(ste)) rules.push('STE-033', ...(f.s2p ? (['STE-212'] as const) : []));
  if (((ste.words[2] ?? 0n) & (1n << 51n)) === 0n) rules.push('STE-230');
  if (flag(ste.words[2] ?? 0n, 57) && f.s2p && f.stallModel === 1) rules.push('STE-262');
  if ((ste.words[3] ?? 0n) >> BigInt(f.oas) !== 0n) rules.push('STE-271');
  return rules;
}

/** Fields beside S1ContextPtr that a single CD makes meaningless. */
function contextIgnores(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  if (substreams(ste, f)) return ste.s1CdMax === f.ssidSize ? ['STE-057'] : [];
  if (ste.s1Fmt !== 0) rules.push('STE-036');
  if (ste.s1CdMax !== 0) rules.push('STE-058');
  if (ste.s1Dss !== 0) rules.push('STE-074', 'STE-053');
  return rules;
}

/** Stage 1 fields set to something although only stage 2 translates. */
function stage2Ignores(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  const illegalElsewhere =
    ste.s1CdMax > f.ssidSize || ste.s1Fmt !== 0 || ste.s1Stalld || ste.s1ContextPtr >> BigInt(f.oas) !== 0n;
  if (illegalElsewhere) rules.push('STE-032');
  if (ste.s1Stalld && f.stallModel !== 0) rules.push('STE-107');
  if (ste.s1Dss !== 0) rules.push('STE-074');
  if (flag(ste.words[2] ?? 0n, 54)) rules.push('STE-243');
  return rules;
}

function ignoredFields(ste: Ste, f: Features): RuleId[] {
  const rules: RuleId[] = [];
  const w1 = ste.words[1] ?? 0n;
  if (ste.eats !== 0 && !f.ats) rules.push('STE-110');
  if (vmid(ste) !== 0 && !f.s2p) rules.push('STE-153', 'TLBI-133');
  if (ste.nscfg !== 0) rules.push('SEC-025', 'SEC-076');
  if (small(w1, 23, 20) !== 0) rules.push('STE-092');
  if (flag(w1, 25) && f.minor < 2 && !f.fwb) rules.push('STE-279');
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

/** The rule by which events of a stream may be merged (MEV, 7.3.1). */
export function merging(ste: Ste): RuleId | undefined {
  return ste.mev ? 'EVT-204' : undefined;
}

/** STE.S2R: faults of stage 2 are recorded (5.5); events of configuration do not ask for it. */
export function recordsStage2(ste: Ste): boolean {
  return flag(ste.words[2] ?? 0n, 58);
}
