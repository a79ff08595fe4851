/** Reading fields: of 32-bit registers as numbers, of 64-bit words of structures as BigInt. The room's only field helper. */

/** Bits [high:low] of a register value. */
export function bits(value: number, high: number, low: number): number {
  return Math.floor(value / 2 ** low) % 2 ** (high - low + 1);
}

/** Bit `at` of a register value. */
export function bit(value: number, at: number): 0 | 1 {
  return bits(value, at, at) as 0 | 1;
}

/** Numbers of bits as BigInt: making one costs more than what is done with it. */
const COUNTS: readonly bigint[] = Array.from({ length: 65 }, (_, count) => BigInt(count));
const MASKS: readonly bigint[] = COUNTS.map((count) => (1n << count) - 1n);

function big(count: number): bigint {
  return COUNTS[count] ?? BigInt(count);
}

/** Bits [high:low] of a 64-bit word. */
export function field(word: bigint, high: number, low: number): bigint {
  return (word >> big(low)) & ones(high - low + 1);
}

/** Bits [high:low] of a 64-bit word, as a number; at most 32 bits. */
export function small(word: bigint, high: number, low: number): number {
  return Number(field(word, high, low));
}

/** Bit `at` of a 64-bit word. */
export function flag(word: bigint, at: number): boolean {
  return ((word >> big(at)) & 1n) === 1n;
}

/** `count` ones. */
export function ones(count: number): bigint {
  return MASKS[count] ?? (1n << BigInt(count)) - 1n;
}

/** `value` with its `count` low bits zero. */
export function alignDown(value: bigint, count: number): bigint {
  return (value >> big(count)) << big(count);
}

export const ALL_ONES = ones(64);
