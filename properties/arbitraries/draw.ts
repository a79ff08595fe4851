/** Draws from a fast-check `Random`, in the words the themes use. */
import type { Random } from 'fast-check';

export class Draw {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return this.#random.nextInt(low, high);
  }

  /** True `percent` times in a hundred. */
  chance(percent: number): boolean {
    return this.#random.nextInt(0, 99) < percent;
  }

  /** One element; each is as likely as the others. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.#random.nextInt(0, from.length - 1)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  /** `count` different elements (fewer when there are fewer), in the order of `from`. */
  some<T>(from: readonly T[], count: number): T[] {
    const kept: T[] = [];
    let wanted = Math.min(count, from.length);
    for (let at = 0; at < from.length && wanted > 0; at += 1) {
      if (this.#random.nextInt(0, from.length - at - 1) < wanted) {
        kept.push(from[at] as T);
        wanted -= 1;
      }
    }
    return kept;
  }

  /** One value, each with a chance in proportion to its weight. */
  weighted<T>(from: readonly (readonly [weight: number, value: T])[]): T {
    let total = 0;
    for (const [weight] of from) total += weight;
    let at = this.#random.nextInt(0, total - 1);
    for (const [weight, value] of from) {
      if (at < weight) return value;
      at -= weight;
    }
    throw new RangeError('weights must be whole and not all zero');
  }

  /** `count` random bits, 1 to 64. */
  bits(count: number): bigint {
    if (count <= 30) return BigInt(this.#random.nextInt(0, 2 ** count - 1));
    const low = BigInt(this.#random.nextInt(0, 0x3fff_ffff));
    const rest = count - 30;
    if (rest <= 30) return (BigInt(this.#random.nextInt(0, 2 ** rest - 1)) << 30n) | low;
    return (BigInt(this.#random.nextInt(0, 2 ** (rest - 30) - 1)) << 60n) | (this.bits(30) << 30n) | low;
  }
}
