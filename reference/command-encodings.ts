/**
 * Encodings of commands (4.1, chapter 4): which opcodes an implementation has on the Non-secure queue, and which bits of each
 * mean something. What the commands do is in commands.ts.
 */
import { ones, small } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';

/** Opcodes whose feature the Non-secure queue of this reference's scope can lack, and the rule that makes them illegal then. */
export function absentFeature(opcode: number, f: Features): RuleId | undefined {
  switch (opcode) {
    case 0x05:
      return f.s1p ? undefined : 'CFGI-014';
    case 0x06:
      return f.s1p ? undefined : 'CFGI-015';
    case 0x07:
      return f.mpam ? undefined : 'CFGI-016';
    case 0x10:
      return f.s1p ? undefined : 'TLBI-001';
    case 0x11:
      return f.s1p ? undefined : 'TLBI-002';
    case 0x12:
      return f.s1p ? undefined : 'TLBI-003';
    case 0x13:
      return f.s1p ? undefined : 'TLBI-004';
    case 0x18:
      return 'TLBI-005';
    case 0x1a:
      return 'TLBI-008';
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
      if (!f.s1p) return 'TLBI-015';
      return f.hyp ? undefined : (['TLBI-011', 'TLBI-012', 'TLBI-013', 'TLBI-014'] as const)[opcode - 0x20];
    case 0x28:
      return f.s2p ? undefined : 'TLBI-022';
    case 0x2a:
      return f.s2p ? undefined : 'TLBI-021';
    case 0x40:
      return f.ats ? undefined : 'CMD-071';
    case 0x41:
      return f.pri ? undefined : 'CMD-085';
    case 0x44:
      return f.stallModel === 1 ? 'CMD-041' : undefined;
    case 0x45:
      return f.stallModel === 1 ? 'CMD-061' : undefined;
    case 0x50:
    case 0x51:
    case 0x52:
    case 0x53:
      return (['TLBI-016', 'TLBI-017', 'TLBI-018', 'TLBI-019'] as const)[opcode - 0x50];
    case 0x58:
      return 'TLBI-027';
    case 0x5a:
      return 'TLBI-025';
    case 0x60:
      return 'TLBI-029';
    case 0x70:
      return f.dpt ? undefined : 'CMD-092';
    case 0x73:
      return f.dpt ? undefined : 'CMD-093';
    default:
      return undefined;
  }
}

/** Opcodes that carry SSec (bit 10), and the rule that forbids it on the Non-secure queue. */
export const SSEC: ReadonlyMap<number, RuleId> = new Map([
  [0x01, 'CMD-025'],
  [0x02, 'CMD-026'],
  [0x03, 'CFGI-001'],
  [0x04, 'CFGI-004'],
  [0x05, 'CFGI-007'],
  [0x06, 'CFGI-010'],
  [0x44, 'CMD-044'],
  [0x45, 'CMD-063'],
]);

/** Opcodes that some version of the architecture gives a meaning. */
export const NAMED = new Set([
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12, 0x13, 0x18, 0x1a, 0x20, 0x21, 0x22, 0x23, 0x28, 0x2a,
  0x30, 0x40, 0x41, 0x44, 0x45, 0x46, 0x50, 0x51, 0x52, 0x53, 0x58, 0x5a, 0x60, 0x70, 0x73,
]);

/** The rule that applies when a field that is Reserved in this command is not zero. */
export function reservedRule(opcode: number, word0: bigint, word1: bigint, f: Features): RuleId | undefined {
  const defined = definedBits(opcode, f, f.ril && small(word1, 11, 10) !== 0);
  if (defined === undefined) return undefined;
  if ((word0 & ~defined[0]) === 0n && (word1 & ~defined[1]) === 0n) return undefined;
  if (opcode === 0x11 && ((word0 & ~defined[0] & ones(32)) !== 0n || word1 !== 0n)) return 'TLBI-038';
  if (opcode === 0x46) return 'SYNC-013';
  if (opcode === 0x02) return 'CMD-038';
  return 'CMD-007';
}

function span(high: number, low: number): bigint {
  return ones(high - low + 1) << BigInt(low);
}

/** Bits of the two words that mean something in a command this reference interprets. */
function definedBits(opcode: number, f: Features, ranged: boolean): readonly [bigint, bigint] | undefined {
  const op = span(7, 0);
  const stream = span(63, 32);
  const vmid = !f.s2p ? 0n : f.vmid16 ? span(47, 32) : span(39, 32);
  const asid = f.asid16 ? span(63, 48) : span(55, 48);
  const stride = f.minor === 0 ? 0n : span(9, 5);
  const msiAddress = f.minor >= 4 ? span(55, 2) : f.minor === 0 ? span(47, 2) : span(51, 2);
  // NUM, SCALE and TTL are Reserved when TG is 0 (4.4.1.1).
  const ranges = ranged ? span(24, 20) | span(16, 12) : 0n;
  const hints = ranged ? span(11, 8) : 0n;
  switch (opcode) {
    case 0x01:
      return [op | span(31, 10) | stream, 0n];
    case 0x02:
      return [op | span(31, 10) | stream, span(63, 12) | stride | span(4, 0)];
    case 0x03:
      return [op | span(10, 10) | stream, 1n];
    case 0x04:
      return [op | span(10, 10) | stream, span(4, 0)];
    case 0x05:
      return [op | span(10, 10) | span(31, 12) | stream, 1n];
    case 0x06:
      return [op | span(10, 10) | stream, 0n];
    case 0x10:
      return [op | vmid, 0n];
    case 0x11:
      return [op | vmid | asid, 0n];
    case 0x12:
      return [op | vmid | asid | ranges, span(63, 12) | hints | 1n];
    case 0x13:
      return [op | vmid | ranges, span(63, 12) | hints | 1n];
    case 0x20:
      return [op, 0n];
    case 0x21:
      return [op | asid, 0n];
    case 0x22:
      return [op | asid | ranges, span(63, 12) | hints | 1n];
    case 0x23:
      return [op | ranges, span(63, 12) | hints | 1n];
    case 0x28:
      return [op | vmid, 0n];
    case 0x2a:
      // Physical and intermediate physical addresses grew with the versions.
      return [op | vmid | ranges, span(f.minor >= 4 ? 55 : f.minor === 0 ? 47 : 51, 12) | hints | 1n];
    case 0x30:
      return [op, 0n];
    case 0x46:
      // Everything that only an MSI uses is IGNORED without one (4.7.3).
      return [op | span(13, 12) | span(23, 22) | span(27, 24) | span(63, 32), msiAddress];
    default:
      return undefined;
  }
}
