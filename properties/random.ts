/**
 * Randomness that can be replayed: scenario number `index` of a suite depends on the seed, the suite and the index
 * alone, never on which scenarios were drawn before it, so any range can be drawn by any worker.
 */
import { Random } from 'fast-check';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import seedrandom from 'seedrandom';

export type Seed = number | string;

/** The four words that every scenario of one seed and suite is derived from. */
export type Stem = readonly [number, number, number, number];

/** Derives the stem of a seed and suite. About 10 us: derive once, not once a scenario. */
export function stemOf(seed: Seed, suite: string): Stem {
  const generator = seedrandom(`smmu-crosscheck/${suite}/${seed}`);
  return [generator.int32(), generator.int32(), generator.int32(), generator.int32()];
}

/** The random numbers of scenario `index` (a whole number from 0 to 2^53 - 1). */
export function randomAt(stem: Stem, index: number): Random {
  const low = index | 0;
  const high = Math.floor(index / 0x1_0000_0000) | 0;
  const state = [
    finalize(stem[0] ^ low),
    finalize(stem[1] + Math.imul(low, 0x9e37_79b9)),
    finalize(stem[2] ^ high ^ Math.imul(low, 0x85eb_ca6b)),
    // Odd: the generator must not start from all zeros.
    finalize(stem[3] + Math.imul(high, 0xc2b2_ae35)) | 1,
  ];
  return new Random(xoroshiro128plusFromState(state));
}

/** As `randomAt` for a single scenario. */
export function scenarioRandom(seed: Seed, suite: string, index: number): Random {
  return randomAt(stemOf(seed, suite), index);
}

/** The 32-bit finalizer of MurmurHash3: each input bit changes half of the output bits. */
function finalize(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}
