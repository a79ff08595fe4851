/**
 * The stage 2 part of a Non-secure STE (5.2): what it configures for VMSAv8-64, and when it is ILLEGAL (5.2.2).
 *
 * Only for Config 0b11x: in every other configuration these fields are IGNORED. VMSAv8-32, HTTU, stalls, 52-bit addresses and
 * permission indirection are outside the reference.
 */
import { field, flag, ones, small } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';

/** A legal stage 2, decoded: everything that its walks and faults depend on. */
export interface Stage2Config {
  readonly vmid: number;
  readonly t0sz: number;
  readonly sl0: number;
  /** Level of the start table, as SL0 says for this granule. */
  readonly startLevel: 0 | 1 | 2 | 3;
  /** log2 of the translation granule's bytes. */
  readonly granule: 12 | 14 | 16;
  /** Effective output size in bits: S2PS capped to OAS. */
  readonly ps: number;
  readonly aa64: boolean;
  readonly endi: boolean;
  readonly affd: boolean;
  readonly ptw: boolean;
  readonly ha: boolean;
  readonly hd: boolean;
  readonly s: boolean;
  readonly r: boolean;
  /** S2FWB, where the implementation has it. */
  readonly fwb: boolean;
  /** As written, not aligned to the start table. */
  readonly ttb: bigint;
}

export type Stage2Judgement =
  | { readonly kind: 'illegal'; readonly rule: RuleId }
  /** It asks for a feature that the reference does not cover. */
  | { readonly kind: 'outside' }
  | {
      readonly kind: 'legal';
      readonly stage2: Stage2Config;
      readonly rules: readonly RuleId[];
      /** The rule by which it may be taken for ILLEGAL all the same. */
      readonly mayBeIllegal: RuleId | undefined;
    };

const GRANULES = [12, 16, 14, undefined] as const;
const PS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

/** Input address size of stage 2 in bits (3.4). */
export function ias(f: Features): number {
  return Math.max((f.ttf & 1) !== 0 ? 40 : 0, (f.ttf & 2) !== 0 ? f.oas : 0);
}

/** Rules of one start level of one granule: T0SZ from `least` to `most` is consistent with it (D8.2). */
interface Start {
  readonly level: 0 | 1 | 2 | 3;
  readonly least: number;
  readonly most: number;
  readonly mostSmall: number;
  readonly legal: RuleId;
  readonly inconsistent: RuleId;
}

const STARTS: Readonly<Record<12 | 14 | 16, readonly (Start | undefined)[]>> = {
  12: [
    { level: 2, least: 30, most: 39, mostSmall: 42, legal: 'STE-179', inconsistent: 'STE-180' },
    { level: 1, least: 21, most: 33, mostSmall: 33, legal: 'STE-181', inconsistent: 'STE-182' },
    { level: 0, least: 16, most: 24, mostSmall: 24, legal: 'STE-183', inconsistent: 'STE-184' },
    { level: 3, least: 39, most: -1, mostSmall: 48, legal: 'STE-198', inconsistent: 'STE-198' },
  ],
  14: [
    { level: 3, least: 35, most: 39, mostSmall: 48, legal: 'STE-185', inconsistent: 'STE-186' },
    { level: 2, least: 24, most: 38, mostSmall: 38, legal: 'STE-187', inconsistent: 'STE-188' },
    { level: 1, least: 16, most: 27, mostSmall: 27, legal: 'STE-189', inconsistent: 'STE-190' },
    undefined,
  ],
  16: [
    { level: 3, least: 31, most: 39, mostSmall: 47, legal: 'STE-191', inconsistent: 'STE-192' },
    { level: 2, least: 18, most: 34, mostSmall: 34, legal: 'STE-193', inconsistent: 'STE-194' },
    { level: 1, least: 12, most: 21, mostSmall: 21, legal: 'STE-195', inconsistent: 'STE-196' },
    undefined,
  ],
};

/** Whether the stage 2 fields of an STE with Config 0b11x are legal, in the order of 5.2.2. */
export function judgeStage2(words: readonly bigint[], f: Features): Stage2Judgement {
  const [, w1 = 0n, w2 = 0n, w3 = 0n] = words;
  const vmid = small(w2, 15, 0);
  const t0sz = small(w2, 37, 32);
  const sl0 = small(w2, 39, 38);
  const tg = small(w2, 47, 46);
  const aa64 = flag(w2, 51);
  const endi = flag(w2, 52);
  const hd = flag(w2, 55);
  const ha = flag(w2, 56);
  const s = flag(w2, 57);
  const ttb = field(w3, f.minor === 0 ? 47 : 51, 4) << 4n;
  const illegal = (rule: RuleId): Stage2Judgement => ({ kind: 'illegal', rule });

  if (!f.vmid16 && vmid > 0xff) return illegal('STE-152');
  if (s && f.stallModel === 1) return illegal('STE-253');
  if (!s && f.stallModel === 2) return illegal('STE-254');
  if (!aa64 && ((f.ttf & 1) !== 0 || f.d128)) return { kind: 'outside' };
  if (!aa64) return illegal('STE-227');
  if ((f.ttf & 2) === 0) return illegal('STE-226');
  if (ha && f.httu === 0) return illegal('STE-244');
  if (hd && f.httu === 0) return illegal('STE-245');
  if (hd && f.httu === 1) return illegal('STE-246');
  const granule = GRANULES[tg];
  if (granule === undefined) return illegal('STE-216');
  const supported = granule === 12 ? f.gran4k : granule === 14 ? f.gran16k : f.gran64k;
  if (!supported) return illegal('STE-217');
  const size = outputSize(small(w2, 50, 48), f);
  if ((ttb & ~ones(size.bits)) !== 0n) return illegal('STE-266');
  if (f.ds && flag(w3, 3)) return { kind: 'outside' };
  const wrong = judgeT0sz(t0sz, granule, f);
  if (wrong !== undefined) return f.minor === 0 ? { kind: 'outside' } : illegal(wrong);
  const start = STARTS[granule][sl0];
  if (start === undefined) return illegal(granule === 14 ? 'STE-199' : 'STE-206');
  if (start.most < 0 && !f.stt) return illegal('STE-197');
  if (t0sz < start.least || t0sz > (f.stt ? start.mostSmall : start.most)) return illegal(start.inconsistent);
  if (f.ttendian === 2 && endi) return illegal('STE-231');
  if (f.ttendian === 3 && !endi) return illegal('STE-232');
  if (s || ha || hd || asksForMore(w2, f)) return { kind: 'outside' };

  const rules: RuleId[] = ['STE-150', start.legal, ...size.rules];
  rules.push(granule === 12 ? 'STE-213' : granule === 16 ? 'STE-214' : 'STE-215');
  if (vmid > 0xff) rules.push('STE-158');
  if (t0sz === 39 && !f.stt) rules.push('STE-168');
  if (64 - t0sz > size.bits) rules.push('STE-175');
  if (flag(w3, 2) || flag(w3, 3)) rules.push('STE-205');
  if (flag(w2, 53)) rules.push('STE-235');
  // The PE's tables call these start levels reserved for small physical addresses; the SMMU's text does not say so.
  const small0 = sl0 === 2 && f.oas < (granule === 14 ? 42 : 44);
  const stage2: Stage2Config = {
    vmid,
    t0sz,
    sl0,
    startLevel: start.level,
    granule,
    ps: size.bits,
    aa64,
    endi,
    affd: flag(w2, 53),
    ptw: flag(w2, 54),
    ha,
    hd,
    s,
    r: flag(w2, 58),
    fwb: f.fwb && flag(w1, 25),
    ttb,
  };
  return { kind: 'legal', stage2, rules, mayBeIllegal: small0 ? 'STE-207' : undefined };
}

/** The rule that a T0SZ outside the limits of the granule breaks. */
function judgeT0sz(t0sz: number, granule: 12 | 14 | 16, f: Features): RuleId | undefined {
  const most = f.stt ? (granule === 16 ? 47 : 48) : 39;
  if (t0sz > most) return f.stt ? 'STE-170' : 'STE-167';
  const least = Math.max(granule === 16 ? 12 : 16, 64 - ias(f));
  if (t0sz < least) return granule === 16 ? 'STE-173' : 'STE-172';
  return undefined;
}

function outputSize(s2ps: number, f: Features): { bits: number; rules: RuleId[] } {
  let programmed = PS_BITS[s2ps] ?? 48;
  const rules: RuleId[] = ['STE-219'];
  if (f.minor === 0 && s2ps >= 6) {
    programmed = 48;
    rules.push('STE-221');
  } else if (f.minor < 4 && s2ps === 7) {
    programmed = 52;
    rules.push('STE-221');
  }
  if (programmed > f.oas) rules.push('STE-220');
  return { bits: Math.min(programmed, f.oas), rules };
}

/** S2HAFT, S2PIE, S2POE where implemented: outside the reference. */
function asksForMore(w2: bigint, f: Features): boolean {
  return (f.httu === 3 && flag(w2, 59)) || (f.s2pi && flag(w2, 60)) || (f.s2po && flag(w2, 61));
}
