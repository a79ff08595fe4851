/** Values worth trying: boundaries, Reserved encodings, addresses that abort or are out of range. */
import { HOLE_BASE, PATTERN_BASE, RAM_BASE } from '../../scenario/memory-map.ts';
import type { Draw } from './draw.ts';
import type { Target } from './target.ts';

/** VA[63:48]: flipping them turns an address of one half into one of the other. */
export const SIGN = 0xffff_0000_0000_0000n;

/** A physical address at which nothing answers. */
export function holeAddress(draw: Draw): bigint {
  return HOLE_BASE + BigInt(draw.between(0, 255)) * 0x1000n;
}

/** An address of more bits than `bits`: the first, one somewhere above, all of them. */
export function aboveBits(draw: Draw, bits: number): bigint {
  const top = 1n << BigInt(bits);
  return draw.pick([top, top | PATTERN_BASE, (top << BigInt(draw.between(0, Math.max(0, 51 - bits)))) | PATTERN_BASE]);
}

/** Addresses for a device that goes through untranslated: RAM, its pattern, the last and the first beyond the output size, tags. */
export function bypassAddress(draw: Draw, target: Target): bigint {
  const oas = BigInt(target.oas);
  return draw.weighted<() => bigint>([
    [6, () => PATTERN_BASE + BigInt(draw.between(0, 0x3f_f000) & ~7)],
    [1, () => RAM_BASE],
    [1, () => HOLE_BASE],
    [1, () => (1n << oas) - 0x1000n],
    [2, () => 1n << oas],
    [1, () => (1n << oas) | PATTERN_BASE],
    [1, () => (1n << 63n) | PATTERN_BASE],
    [1, () => (0xa5n << 56n) | PATTERN_BASE],
  ])();
}

/** A 32-bit register value: none, all, one bit, a byte, anything. */
export function wordValue(draw: Draw): bigint {
  return draw.weighted<() => bigint>([
    [1, () => 0n],
    [3, () => 0xffff_ffffn],
    [2, () => 1n << BigInt(draw.between(0, 31))],
    [1, () => 0xffff_ffffn ^ (1n << BigInt(draw.between(0, 31)))],
    [2, () => draw.bits(8)],
    [2, () => draw.bits(32)],
  ])();
}

/** A 64-bit register value. */
export function doubleValue(draw: Draw): bigint {
  return draw.weighted<() => bigint>([
    [2, () => 0xffff_ffff_ffff_ffffn],
    [1, () => 1n << BigInt(draw.between(0, 63))],
    [2, () => draw.bits(64)],
    [1, () => wordValue(draw)],
    [1, () => wordValue(draw) << 32n],
  ])();
}
