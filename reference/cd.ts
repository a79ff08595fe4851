/**
 * The CD (5.4): fields, and its legality (5.4.2) when reached through a Non-secure EL1 stream, with or without stage 2.
 */
import { field, flag, ones, small } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';

/** One half of the VA space: what belongs to TTB0 or TTB1. */
export interface Half {
  readonly txsz: number;
  /** Translation granule: log2 of its bytes; undefined for a Reserved encoding. */
  readonly granule: 12 | 14 | 16 | undefined;
  readonly epd: boolean;
  readonly tbi: boolean;
  readonly had: boolean;
  readonly ttb: bigint;
}

export interface Cd {
  readonly v: boolean;
  readonly endi: boolean;
  readonly ips: number;
  readonly affd: boolean;
  readonly wxn: boolean;
  readonly uwxn: boolean;
  readonly pan: boolean;
  readonly aa64: boolean;
  readonly hd: boolean;
  readonly ha: boolean;
  readonly s: boolean;
  readonly r: boolean;
  readonly a: boolean;
  readonly aset: boolean;
  readonly asid: number;
  readonly epan: boolean;
  readonly halves: readonly [Half, Half];
  readonly words: readonly bigint[];
}

const TG0 = [12, 16, 14, undefined] as const;
const TG1 = [undefined, 14, 12, 16] as const;

export function decodeCd(words: readonly bigint[]): Cd {
  const w0 = words[0] ?? 0n;
  const w1 = words[1] ?? 0n;
  const w2 = words[2] ?? 0n;
  return {
    endi: flag(w0, 15),
    v: flag(w0, 31),
    ips: small(w0, 34, 32),
    affd: flag(w0, 35),
    wxn: flag(w0, 36),
    uwxn: flag(w0, 37),
    pan: flag(w0, 40),
    aa64: flag(w0, 41),
    hd: flag(w0, 42),
    ha: flag(w0, 43),
    s: flag(w0, 44),
    r: flag(w0, 45),
    a: flag(w0, 46),
    aset: flag(w0, 47),
    asid: small(w0, 63, 48),
    epan: flag(w1, 59),
    halves: [
      {
        txsz: small(w0, 5, 0),
        granule: TG0[small(w0, 7, 6)],
        epd: flag(w0, 14),
        tbi: flag(w0, 38),
        had: flag(w1, 1),
        ttb: field(w1, 51, 4) << 4n,
      },
      {
        txsz: small(w0, 21, 16),
        granule: TG1[small(w0, 23, 22)],
        epd: flag(w0, 30),
        tbi: flag(w0, 39),
        had: flag(w2, 1),
        ttb: field(w2, 51, 4) << 4n,
      },
    ],
    words,
  };
}

const IPS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

/** Effective output size of stage 1 in bits: IPS capped to OAS (5.4). */
export function effectiveIps(cd: Cd, f: Features): { bits: number; rules: RuleId[] } {
  let programmed = IPS_BITS[cd.ips] ?? 48;
  if (f.minor === 0) programmed = Math.min(programmed, 48);
  else if (f.minor < 4) programmed = Math.min(programmed, 52);
  const rules: RuleId[] = [programmed > f.oas ? 'CD-106' : 'CD-105'];
  return { bits: Math.min(programmed, f.oas), rules };
}

export interface CdJudgement {
  readonly illegal: RuleId | undefined;
  /** Which half's fields make it ILLEGAL, when they do. */
  readonly half: 0 | 1 | undefined;
  readonly rules: RuleId[];
}

/** Whether the CD is ILLEGAL and by which rule; 'outside' when it asks for something the reference does not cover. */
export function judgeCd(cd: Cd, f: Features, s1Stalld: boolean): CdJudgement | 'outside' {
  const illegal = (rule: RuleId, half?: 0 | 1): CdJudgement => ({ illegal: rule, half, rules: [] });
  if (!cd.v) return illegal('CD-039');
  if (s1Stalld && cd.s) return illegal('CD-041');
  if (f.termModel === 1 && !cd.a) return illegal('CD-047');
  if (f.stallModel === 1 && cd.s) return illegal('CD-042');
  if (f.stallModel === 2 && !cd.s) return illegal('CD-043');
  const walks = cd.halves.some((half) => !half.epd);
  if (walks && f.ttendian === 2 && cd.endi) return illegal('CD-049');
  if (walks && f.ttendian === 3 && !cd.endi) return illegal('CD-050');
  if (!cd.aa64 && (f.ttf & 1) === 0) return f.d128 ? 'outside' : illegal('CD-053');
  if (!cd.aa64) return 'outside';
  if ((f.ttf & 2) === 0) return illegal('CD-059');
  if (f.httu === 0 && cd.ha) return illegal('CD-061');
  if (f.httu === 0 && cd.hd) return illegal('CD-062');
  if (f.httu === 1 && cd.hd) return illegal('CD-063');
  if (!f.asid16 && cd.asid > 0xff) return illegal('CD-068');
  const { bits } = effectiveIps(cd, f);
  if (f.minor === 0 && cd.halves.some((half) => !half.epd && (half.txsz > 39 || half.txsz < 16))) return 'outside';
  for (const [at, half] of cd.halves.entries()) {
    if (half.epd) continue;
    const broken = judgeHalf(half, at, f, bits);
    if (broken !== undefined) return illegal(broken, at === 0 ? 0 : 1);
  }
  if (cd.s || (f.httu !== 0 && cd.ha) || asksForMore(cd, f)) return 'outside';
  return { illegal: undefined, half: undefined, rules: legalRules(cd, f, walks) };
}

function judgeHalf(half: Half, at: number, f: Features, ips: number): RuleId | undefined {
  const most = f.stt ? (half.granule === 16 ? 47 : 48) : 39;
  const least = f.vax > 0 && half.granule === 16 ? 12 : 16;
  if (f.minor >= 1 && (half.txsz > most || half.txsz < least)) {
    if (at === 1) return 'CD-081';
    if (half.txsz > most) return !f.stt ? 'CD-071' : half.txsz === 48 ? 'CD-073' : 'CD-074';
    return half.txsz < 12 ? 'CD-079' : 'CD-075';
  }
  if (half.granule === undefined) return at === 0 ? 'CD-091' : 'CD-094';
  const supported = half.granule === 12 ? f.gran4k : half.granule === 14 ? f.gran16k : f.gran64k;
  if (!supported) return at === 0 ? 'CD-092' : 'CD-095';
  const limit = half.granule === 16 ? ips : Math.min(ips, 48);
  if ((half.ttb & ~ones(limit)) !== 0n) return at === 0 ? 'CD-098' : 'CD-099';
  return undefined;
}

/** Whether a feature that the implementation has and the reference does not cover is switched on. */
function asksForMore(cd: Cd, f: Features): boolean {
  const [, w1 = 0n, w2 = 0n] = cd.words;
  const e0pd = f.e0pd && (flag(w1, 2) || flag(w2, 2));
  const ds = f.ds && flag(w2, 58);
  const pie = f.s1pi && flag(w2, 59);
  const later = f.minor >= 4 && (flag(w1, 3) || flag(w1, 58) || flag(w2, 3));
  return e0pd || ds || pie || later;
}

/** Rules that a legal CD shows: fields that would be ILLEGAL elsewhere, or are ignored here. */
function legalRules(cd: Cd, f: Features, walks: boolean): RuleId[] {
  const rules: RuleId[] = [];
  if (flag(cd.words[1] ?? 0n, 0) || flag(cd.words[2] ?? 0n, 0)) rules.push('CD-113');
  const w1 = cd.words[1] ?? 0n;
  const w2 = cd.words[2] ?? 0n;
  if (!cd.a && f.termModel === 0) rules.push('CD-048');
  if (!walks) rules.push('CD-086');
  if (!walks && ((f.ttendian === 2 && cd.endi) || (f.ttendian === 3 && !cd.endi))) rules.push('CD-051');
  if (cd.asid > 0xff) rules.push('CD-070');
  if (cd.halves.some((half, at) => half.epd && judgeHalf(half, at, f, effectiveIps(cd, f).bits) !== undefined)) {
    rules.push('CD-083');
  }
  if (w1 >> 60n !== 0n || w2 >> 60n !== 0n) rules.push('CD-116');
  const [low, high] = cd.halves;
  if (!low.epd && !high.epd && low.granule !== high.granule) rules.push('CD-097');
  if (cd.aset) rules.push('CD-124');
  if (cd.uwxn) rules.push('PERM-022');
  return rules;
}

/** Whether bits that no version of the architecture gives a meaning are set (chapter 5): the CD may be treated as invalid. */
export function cdReservedBits(cd: Cd, f: Features): RuleId | undefined {
  const [, w1 = 0n, w2 = 0n, , , w5 = 0n, w6 = 0n, w7 = 0n] = cd.words;
  if ((w1 & RESERVED_W1) !== 0n || (w2 & RESERVED_W2) !== 0n || w5 >> 56n !== 0n) return 'CD-038';
  // Fields that only later features define: no effect, or unspecified in the implemented version.
  const optional = (w1 & OPTIONAL_W1) !== 0n || (w2 & OPTIONAL_W2) !== 0n || w6 !== 0n || w7 !== 0n;
  const mpam = !f.mpam && w5 >> 32n !== 0n;
  return optional || mpam ? 'CD-115' : undefined;
}

const at = (...bits: number[]): bigint => bits.reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);
/** [121:120], and TTB0 above bit 51. */
const RESERVED_W1 = at(56, 57);
/** [185:184]. */
const RESERVED_W2 = at(56, 57);
/** E0PD0, HAFT, TTB0[55:52], PnCH, EPAN. */
const OPTIONAL_W1 = at(2, 3, 52, 53, 54, 55, 58, 59);
/** E0PD1, AIE, TTB1[55:52], DS, PIE. */
const OPTIONAL_W2 = at(2, 3, 52, 53, 54, 55, 58, 59);
