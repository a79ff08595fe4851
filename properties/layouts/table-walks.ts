/**
 * Where a side has the fields of level 1 descriptors (5.1, 5.3): descriptors made from the facts are put in memory, and which streams and
 * substreams reach their STE and CD through them tells what was read.
 */
import { CD_BASE, PATTERN_BASE } from '../../scenario/memory-map.ts';
import { strtabL2Address } from '../../scenario/layout.ts';
import type { Step } from '../../scenario/steps.ts';
import { readFacts, structureOf } from './facts.ts';
import { DATA, passes, VA } from './programs.ts';
import type { Accepts } from './programs.ts';
import { effect } from './side.ts';
import type { ProbeOf } from './side.ts';

const L1STD_FACTS = readFacts('ste').filter(({ structure }) => structure === 'L1STD');
const L1CD_FACTS = readFacts('cd').filter(({ structure }) => structure === 'L1CD');

/** Bits of RAM that can be flipped in an address without leaving it. */
const FLIPPED = (low: number): bigint[] => Array.from({ length: 27 - low }, (_, n) => 1n << BigInt(low + n));

const SPLIT = 8;
/** Streams that the k-th power of two of STEs just holds. */
const LAST_STREAMS = Array.from({ length: SPLIT + 1 }, (_, k) => 2 ** k - 1);

/** Streams in bypass, all by the first level 1 descriptor; then an access by one of them. */
function byStream(accepts: Accepts, raw: bigint, stream: number, streams = LAST_STREAMS): bigint {
  const steps: Step[] = [
    ...streams.map((each): Step => ({ do: 'ste', stream: each, split: SPLIT, set: { Config: 0b100n } })),
    { do: 'l1std', stream: 0, split: SPLIT, set: { Span: 0n, L2Ptr: 0n, or0: raw } },
    { do: 'boot', irqCtrl: 0, split: SPLIT, strtabLog2Size: 10 },
  ];
  return passes(accepts, steps, { do: 'dma', stream, read: PATTERN_BASE, bytes: 8 }, DATA);
}

const L2PTR = strtabL2Address(0, SPLIT);

export function l1stdProbes(accepts: Accepts): Record<string, ProbeOf> {
  return {
    // How many of the streams above are found: Span of them, 2^(Span - 1) STEs.
    'L1STD.Span': effect((raw) => LAST_STREAMS.reduce((found, stream) => found + byStream(accepts, raw, stream), 0n), {
      given: structureOf(L1STD_FACTS, { L2Ptr: L2PTR >> 6n }),
      values: [0n, 1n, 2n, 4n, 8n, 9n, 16n, 31n],
      expected: (span) => (span <= SPLIT + 1 ? span : 0n),
    }),
    // Memory elsewhere is zero: no valid STE.
    'L1STD.L2Ptr': effect((raw) => byStream(accepts, raw, 0, [0]), {
      given: structureOf(L1STD_FACTS, { Span: 1n }),
      values: [L2PTR, ...FLIPPED(6).map((bit) => L2PTR ^ bit)].map((address) => address >> 6n),
      expected: (pointer) => (pointer === L2PTR >> 6n ? 1n : 0n),
    }),
  };
}

/** SubstreamID 0 of a stream with a 2-level CD table. */
function bySubstream(accepts: Accepts, raw: bigint): bigint {
  const steps: Step[] = [
    { do: 'ste', stream: 1, set: { S1CDMax: 7n, S1Fmt: 1n } },
    { do: 'cd', cd: 0 },
    { do: 'map', cd: 0, va: VA, pa: PATTERN_BASE },
    { do: 'l1cd', index: 0, set: { V: 0n, L2Ptr: 0n, or0: raw } },
    { do: 'boot', irqCtrl: 0 },
  ];
  return passes(accepts, steps, { do: 'dma', stream: 1, substream: 0, read: VA, bytes: 8 });
}

export function l1cdProbes(accepts: Accepts): Record<string, ProbeOf> {
  return {
    'L1CD.V': effect((raw) => bySubstream(accepts, raw), {
      given: structureOf(L1CD_FACTS, { L2Ptr: CD_BASE >> 12n }),
    }),
    // Memory elsewhere holds no valid CD.
    'L1CD.L2Ptr': effect((raw) => bySubstream(accepts, raw), {
      given: structureOf(L1CD_FACTS, { V: 1n }),
      values: [CD_BASE, ...FLIPPED(12).map((bit) => CD_BASE ^ bit)].map((address) => address >> 12n),
      expected: (pointer) => (pointer === CD_BASE >> 12n ? 1n : 0n),
    }),
  };
}
