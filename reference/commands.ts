/**
 * Commands (chapter 4): what consuming one does, on the Non-secure Command queue.
 *
 * A command either raises CERROR_ILL, or has an effect that the reference models (an invalidation, the completion of
 * earlier ones, an interrupt), or has none that can be seen. Where a Reserved field is not zero both are permitted.
 */
import { bits, field, flag, ones, small } from './bits.ts';
import { Undetermined } from './undetermined.ts';
import { absentFeature, NAMED, reservedRule, SSEC } from './command-encodings.ts';
import type { Features } from './features.ts';
import type { ConfigScope, TlbScope } from './invalidations.ts';
import type { RuleId } from './rules/ids.ts';
import { ias } from './ste-stage2.ts';

export type CommandEffect =
  | { readonly kind: 'illegal' }
  | { readonly kind: 'invalidate'; readonly scope: ConfigScope | TlbScope }
  | { readonly kind: 'sync'; readonly interrupt: boolean }
  | {
      readonly kind: 'prefetch';
      readonly streamId: number;
      readonly substreamId: number | undefined;
      readonly address: bigint | undefined;
    }
  | { readonly kind: 'none' };

export interface CommandOption {
  readonly effect: CommandEffect;
  readonly rules: readonly RuleId[];
}

const ILLEGAL: CommandEffect = { kind: 'illegal' };
const NONE: CommandEffect = { kind: 'none' };

function illegal(...rules: RuleId[]): CommandOption[] {
  return [{ effect: ILLEGAL, rules: [...rules, 'CMDQ-048'] }];
}

/**
 * What consuming the command in two 64-bit words may do.
 * @returns undefined when the command belongs to a feature outside the reference
 */
export function commandOptions(word0: bigint, word1: bigint, f: Features): readonly CommandOption[] | undefined {
  const opcode = small(word0, 7, 0);
  if (opcode === 0x00) return illegal('CMD-002');
  if (opcode >= 0x90) return illegal('CMD-005');
  if (opcode >= 0x80) {
    return [
      { effect: NONE, rules: ['CMD-006'] },
      { effect: ILLEGAL, rules: ['CMD-006'] },
    ];
  }
  if (opcode >= 0x0b && opcode <= 0x0f) return illegal('CMD-004');
  if (!NAMED.has(opcode)) return illegal('CMD-003');
  const absent = absentFeature(opcode, f);
  const ssec = flag(word0, 10) ? SSEC.get(opcode) : undefined;
  const wrongState: RuleId[] = ssec === undefined ? [] : [ssec, 'CMD-015'];
  if (absent !== undefined) return illegal(absent, 'CMD-009', ...wrongState);
  if (ssec !== undefined) return illegal(...wrongState);
  const known = effects(opcode, word0, word1, f);
  if (known === undefined) return undefined;
  const reserved = reservedRule(opcode, word0, word1, f);
  if (reserved === undefined) return known;
  // A Reserved field is not zero: the command is malformed, or the field is ignored (4.1.5).
  return [
    ...known.map((option) => ({ ...option, rules: [...option.rules, reserved] })),
    { effect: ILLEGAL, rules: [reserved] },
  ];
}

function effects(opcode: number, word0: bigint, word1: bigint, f: Features): readonly CommandOption[] | undefined {
  const streamId = small(word0, 63, 32);
  switch (opcode) {
    case 0x01:
      return prefetch(word0, f, undefined, ['CMD-023']);
    case 0x02:
      return prefetch(word0, f, (word1 >> 12n) << 12n, ['CMD-024', 'CMD-034']);
    case 0x03:
      return config(f, streamId, streamId, true, ['CFGI-018', 'CFGI-021', 'CFGI-060'], flag(word1, 0));
    case 0x04: {
      const range = small(word1, 4, 0);
      if (range === 31) return config(f, 0, 0xffff_ffff, true, ['CFGI-033']);
      if (streamId >= 2 ** f.sidSize) return [{ effect: NONE, rules: ['CMD-017'] }];
      const size = 2 ** (range + 1);
      const first = Math.floor(streamId / size) * size;
      const rules: RuleId[] = ['CFGI-029', 'CFGI-030'];
      if (range + 1 > f.sidSize) rules.push('CFGI-032');
      return config(f, first, first + size - 1, true, rules);
    }
    case 0x05: {
      const substream = small(word0, 31, 12);
      // What another SubstreamID it may drop instead is not known, so nothing counts as dropped.
      if (substream >= 2 ** f.ssidSize) {
        return [{ effect: NONE, rules: f.ssidSize === 0 ? ['CFGI-042'] : ['CFGI-043', 'CMD-019'] }];
      }
      if (substream !== 0) {
        return config(f, streamId, streamId, false, ['CFGI-035', 'CFGI-060'], flag(word1, 0), substream);
      }
      return config(
        f,
        streamId,
        streamId,
        false,
        ['CFGI-036', ...(f.ssidSize > 0 ? (['CFGI-035', 'CFGI-037'] as const) : []), 'CFGI-060'],
        flag(word1, 0),
        0,
      );
    }
    case 0x06:
      return config(f, streamId, streamId, false, ['CFGI-045', 'CFGI-060']);
    case 0x10:
      return tlb(word0, f, { rules: ['TLBI-033'] });
    case 0x11:
      return tlb(word0, f, { asid: small(word0, 63, 48), rules: ['TLBI-036'] });
    case 0x12:
      return byAddress(word0, word1, f, { stage: 'VA', asid: small(word0, 63, 48) }, ['TLBI-039']);
    case 0x13:
      return byAddress(word0, word1, f, { stage: 'VA' }, ['TLBI-043']);
    case 0x20:
    case 0x21:
      return [{ effect: NONE, rules: [opcode === 0x20 ? 'TLBI-088' : 'TLBI-093'] }];
    case 0x22:
    case 0x23:
      return el2ByAddress(word0, word1, f, opcode === 0x22 ? 'TLBI-090' : 'TLBI-092');
    case 0x28:
      return tlb(word0, f, { stage: 'both', rules: ['TLBI-068'] });
    case 0x2a:
      return byAddress(word0, word1, f, { stage: 'IPA' }, ['TLBI-062']);
    case 0x30:
      return [invalidate(EVERYTHING, ['TLBI-070', 'TLBI-031'])];
    case 0x46:
      return sync(word0, word1, f);
    default:
      return undefined;
  }
}

function prefetch(word0: bigint, f: Features, address: bigint | undefined, rules: RuleId[]): CommandOption[] {
  if (small(word0, 63, 32) >= 2 ** f.sidSize) rules.push('CMD-033');
  if (flag(word0, 11)) rules.push('CMD-032');
  else if (small(word0, 31, 12) !== 0) rules.push('CMD-031');
  if (address !== undefined && field(address, 63, 48) !== 0n && field(address, 63, 48) !== 0xffffn)
    rules.push('CMD-030');
  const substreamId = flag(word0, 11) && f.ssidSize > 0 ? small(word0, 31, 12) : undefined;
  return [{ effect: { kind: 'prefetch', streamId: small(word0, 63, 32), substreamId, address }, rules }];
}

function config(
  f: Features,
  first: number,
  last: number,
  ste: boolean,
  rules: RuleId[],
  leaf = false,
  substreamId?: number,
): CommandOption[] {
  if (first >= 2 ** f.sidSize) return [{ effect: NONE, rules: ['CMD-017'] }];
  const accepted = rules.filter((rule) => rule === 'CFGI-060');
  const effective = rules.filter((rule) => rule !== 'CFGI-060');
  const scope: ConfigScope = { cache: 'config', first, last, ste, leaf, substreamId, rules: effective };
  return [{ effect: { kind: 'invalidate', scope }, rules: accepted }];
}

function invalidate(scope: Omit<TlbScope, 'cache' | 'rules'>, rules: readonly RuleId[]): CommandOption {
  const accepted = rules.filter((rule) => rule === 'TLBI-031');
  const effective = rules.filter((rule) => rule !== 'TLBI-031');
  return { effect: { kind: 'invalidate', scope: { cache: 'tlb', ...scope, rules: effective } }, rules: accepted };
}

function tlb(
  word0: bigint,
  f: Features,
  scope: Partial<Omit<TlbScope, 'cache' | 'vmid' | 'rules'>> & { rules: RuleId[] },
): CommandOption[] {
  const vmid = small(word0, 47, 32);
  if (!f.s2p && vmid !== 0) return [{ effect: NONE, rules: ['TLBI-052'] }];
  if (!f.vmid16 && vmid > 0xff) return [{ effect: NONE, rules: ['TLBI-054'] }];
  if (!f.asid16 && (scope.asid ?? 0) > 0xff) return [{ effect: NONE, rules: ['TLBI-053'] }];
  const { rules, ...rest } = scope;
  const matched = f.s2p ? vmid : undefined;
  return [invalidate({ ...EVERYTHING, stage: 'VA', vmid: matched, ...rest }, f.s2p ? rules : [...rules, 'TLBI-051'])];
}

const EVERYTHING: Omit<TlbScope, 'cache' | 'rules'> = {
  ...{ stage: 'both', vmid: undefined, asid: undefined, range: undefined, leaf: false, ttl: 0, granule: undefined },
};

const PAGE_BYTES = 4096n;

function byAddress(
  word0: bigint,
  word1: bigint,
  f: Features,
  target: Pick<TlbScope, 'stage'> & Partial<Pick<TlbScope, 'asid'>>,
  rules: RuleId[],
): CommandOption[] {
  const byIpa = target.stage === 'IPA';
  const address = byIpa ? field(word1, 55, 12) << 12n : (word1 >> 12n) << 12n;
  const leaf = flag(word1, 0);
  const tg = f.ril ? small(word1, 11, 10) : 0;
  const top = field(address, 63, 48);
  if (!byIpa) rules.push('CMD-020');
  const hint = small(word1, 9, 8);
  const num = small(word0, 16, 12);
  const scale = small(word0, 24, 20);
  const reserved = tg === 2 && hint === 1 && !f.ds;
  // CERROR_ILL comes before anything that would have the command ignored (4.1.3).
  if (tg !== 0 && num === 0 && scale === 0 && hint === 0) return illegal('TLBI-113');
  if (tg !== 0 && num === 0 && scale === 0 && reserved) return illegal('TLBI-114');
  // Out of range: no entry needs to go, whatever an implementation makes of it.
  if (byIpa && address >> BigInt(ias(f)) !== 0n) return [{ effect: NONE, rules: ['TLBI-056'] }];
  if (!byIpa && top !== 0n && top !== 0xffffn) return [{ effect: NONE, rules: ['TLBI-055'] }];
  if (tg === 0) {
    return tlb(word0, f, { ...target, leaf, range: { first: address, last: address + PAGE_BYTES - 1n }, rules });
  }
  const granule = ([undefined, 12, 14, 16] as const)[tg];
  const ttl = reserved ? 0 : hint;
  const misaligned = misalignedRule(tg, ttl, address);
  if (misaligned !== undefined) return [{ effect: NONE, rules: [misaligned] }];
  rules.push(ttl === 0 ? 'TLBI-106' : 'TLBI-112');
  if (reserved) rules.push('TLBI-115');
  if (byIpa) rules.push('TLBI-130');
  const bytes = (BigInt(num + 1) << BigInt(scale)) * (1n << BigInt(granule ?? 12));
  const end = address + bytes - 1n;
  const last = byIpa || end <= ones(64) ? end : ones(64);
  return tlb(word0, f, { ...target, leaf, ttl, granule, range: { first: address, last }, rules });
}

/** The EL2 forms find nothing here, for no stream has an EL2 StreamWorld; their encodings count all the same. */
function el2ByAddress(word0: bigint, word1: bigint, f: Features, rule: RuleId): CommandOption[] {
  const options = byAddress(word0 & ~(ones(32) << 32n), word1, f, { stage: 'VA' }, []);
  return options.map((option) => (option.effect.kind === 'illegal' ? option : { effect: NONE, rules: [rule] }));
}

/** A base address that is not aligned to what the level hint says leaves the range UNPREDICTABLE (4.4.1.1). */
function misalignedRule(tg: number, ttl: number, address: bigint): RuleId | undefined {
  const below = (high: number): boolean => field(address, high, 12) !== 0n;
  if (tg === 1) return ttl === 1 && below(29) ? 'TLBI-117' : ttl === 2 && below(20) ? 'TLBI-118' : undefined;
  if (tg === 2) {
    if (ttl === 2) return below(24) ? 'TLBI-119' : undefined;
    return below(ttl === 1 ? 35 : 13) ? (ttl === 1 ? 'TLBI-121' : 'TLBI-120') : undefined;
  }
  if (ttl === 1) return below(41) ? 'TLBI-122' : undefined;
  if (ttl === 2) return below(28) ? 'TLBI-123' : undefined;
  return below(15) ? 'TLBI-124' : undefined;
}

function sync(word0: bigint, word1: bigint, f: Features): CommandOption[] {
  if (f.msi && small(word0, 13, 12) === 1 && field(word1, 55, 2) !== 0n) throw new Undetermined('MSIs');
  const cs = small(word0, 13, 12);
  if (cs === 3) return illegal('SYNC-002');
  const rules: RuleId[] = ['SYNC-001'];
  if (cs === 0) rules.push('SYNC-003');
  if (cs === 1) rules.push('SYNC-004');
  if (cs === 1 && !f.msi) rules.push('SYNC-008');
  if (cs === 2 && !f.sev) rules.push('SYNC-010');
  return [{ effect: { kind: 'sync', interrupt: cs === 1 }, rules }];
}

/** The GERROR and CMDQ_CONS.ERR code of a command error (7.1). */
export const CERROR_ILL = 1;
export const CERROR_ABT = 2;

/** CMDQ_CONS with its error code replaced. */
export function withError(cons: number, code: number): number {
  return (bits(cons, 23, 0) | (code << 24)) >>> 0;
}
