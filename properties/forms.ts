/** Other forms of the same configuration: what a device sees must not depend on which one software chose. */
import { DMA_FILL_DEFAULT } from '../scenario/defaults.ts';
import { CD_BASE } from '../scenario/memory-map.ts';
import { steAddress } from '../scenario/layout.ts';
import type { Granule, Split } from '../scenario/layout.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import type { Scenario, Step } from '../scenario/steps.ts';
import type { Changed } from './blocks.ts';
import { mayMeet } from './orderly.ts';
import type { DmaStep } from './orderly.ts';

/** Each step replaced by one or more, of which the last counts as the step itself. */
function eachStep(scenario: Scenario, change: (step: Step) => readonly Step[]): Changed {
  const steps: Step[] = [];
  const placeOf: number[] = [];
  for (const step of scenario.steps) {
    steps.push(...change(step));
    placeOf.push(steps.length - 1);
  }
  return { scenario: { ...scenario, steps }, placeOf };
}

/**
 * With a 2-level Stream table of each SPLIT in place of the linear one (3.3.1.2). None where the SMMU has none; not those in which two
 * streams of the scenario would have the same place for their STEs (scenario/layout.ts).
 */
export function twoLevelStreamTables(scenario: Scenario, { IDR0 }: IdRegisters): Changed[] {
  if (((IDR0 >>> 27) & 3) === 0) return [];
  const streams = new Set(scenario.steps.flatMap((step) => ('stream' in step ? [step.stream] : [])));
  const apart = (split: Split): boolean =>
    new Set([...streams].map((stream) => steAddress(stream, split))).size === streams.size;
  const splits: readonly Split[] = [6, 8, 10];
  return splits
    .filter(apart)
    .map((split) =>
      eachStep(scenario, (step) => [step.do === 'ste' || step.do === 'boot' ? { ...step, split } : step]),
    );
}

/** An identity stage 2 of 32-bit IPAs: the leaves that cover all memory of a scenario (memory-map.ts), by granule. */
const IDENTITY: Readonly<Record<Granule, { readonly level: 1 | 2; readonly bytes: bigint; readonly S2TG: bigint }>> = {
  '4K': { level: 1, bytes: 0x4000_0000n, S2TG: 0n },
  '16K': { level: 2, bytes: 0x0200_0000n, S2TG: 2n },
  '64K': { level: 2, bytes: 0x2000_0000n, S2TG: 1n },
};
const MEMORY_START = 0x4000_0000n;
const MEMORY_END = 0x8000_0000n;

/**
 * With stage 2 on for every stream, through tables of each granule there is that map everything to itself. Streams without stage 1 get
 * stage 2 alone. None where the SMMU lacks a stage, or where TLB invalidations name the VMID that stage 1 alone has.
 */
export function nestedForms(scenario: Scenario, { IDR0, IDR5 }: IdRegisters): Changed[] {
  if ((IDR0 & 3) !== 3) return [];
  if (scenario.steps.some((step) => step.do === 'command' && step.name === 'CMD_TLBI_NH_ALL')) return [];
  const granules: readonly Granule[] = ['4K', '16K', '64K'];
  const had = granules.filter((_, index) => ((IDR5 >>> (4 + index)) & 1) === 1);
  return had.map((granule) => {
    const { level, bytes, S2TG } = IDENTITY[granule];
    const identity: Step[] = [];
    for (let va = MEMORY_START; va < MEMORY_END; va += bytes) {
      identity.push({ do: 'map', vm: 0, va, pa: va, level, ...(granule === '4K' ? {} : { granule }) });
    }
    return eachStep(scenario, (step) => {
      if (step.do === 'boot') return [...identity, step];
      if (step.do !== 'ste') return [step];
      const Config = step.set?.Config ?? 0b101n;
      if (Config === 0n) return [step];
      return [{ ...step, set: { ...step.set, Config: Config | 0b010n, S2T0SZ: 32n, S2SL0: 1n, S2TG } }];
    });
  });
}

/** S1DSS 0b10: a transaction without a SubstreamID is of substream 0. */
const SUBSTREAM_0 = 2n;

/**
 * With a table of CDs in place of the single one of each stream: linear, and of both 2-level forms where the SMMU has them (5.2, 5.3).
 * Streams of CD 0 use it as substream 0, without a SubstreamID; the DMA of others carries the number of the CD.
 */
export function cdTableForms(scenario: Scenario, { IDR0, IDR1 }: IdRegisters, substreams: boolean): Changed[] {
  const ssidSize = (IDR1 >>> 6) & 0x1f;
  const cdOf = cdsOfStreams(scenario);
  if (ssidSize === 0 || cdOf === undefined) return [];
  if ([...cdOf.values()].some((cd) => (cd > 0 && !substreams) || cd >= 2 ** ssidSize)) return [];
  const twoLevel = ((IDR0 >>> 19) & 1) === 1;
  return (twoLevel ? [0n, 1n, 2n] : [0n]).map((S1Fmt) => {
    // A linear table of no more than the CDs there are room for.
    const S1CDMax = BigInt(Math.min(ssidSize, S1Fmt === 0n ? 3 : 8));
    return eachStep(scenario, (step) => {
      if (step.do === 'boot' && S1Fmt > 0n) return [{ do: 'l1cd', index: 0, set: { V: 1n, L2Ptr: CD_BASE } }, step];
      if (step.do === 'ste') return [{ ...step, set: { ...step.set, S1Fmt, S1CDMax, S1DSS: SUBSTREAM_0 } }];
      const substream = step.do === 'dma' ? cdOf.get(step.stream) : undefined;
      if (step.do !== 'dma' || substream === undefined || substream === 0) return [step];
      return [{ ...step, substream }];
    });
  });
}

/** The CD of each stream; undefined when one has had several, or has no stage 1, to which substreams are unknown. */
function cdsOfStreams({ steps }: Scenario): Map<number, number> | undefined {
  const cdOf = new Map<number, number>();
  for (const step of steps) {
    if (step.do !== 'ste') continue;
    const { cd = 0 } = step;
    if ((cdOf.get(step.stream) ?? cd) !== cd || step.set?.Config === 0b100n) return undefined;
    cdOf.set(step.stream, cd);
  }
  return cdOf;
}

/** A DMA is split where the bytes that it writes stay the same: they are made of 4-byte words (scenario/lower.ts). */
const WORD = 4;

export function canSplit({ bytes }: DmaStep): boolean {
  return bytes >= 2 * WORD && bytes % (2 * WORD) === 0;
}

/** With each DMA as two, the second of which starts in its middle. Undefined when none is long enough. */
export function splitDma(scenario: Scenario): Changed | undefined {
  if (!scenario.steps.some((step) => step.do === 'dma' && canSplit(step))) return undefined;
  return eachStep(scenario, (step) => {
    if (step.do !== 'dma' || !canSplit(step)) return [step];
    const bytes = step.bytes / 2;
    const by = BigInt(bytes);
    const rest =
      step.write === undefined
        ? { read: (step.read ?? 0n) + by }
        : { write: step.write + by, fill: ((step.fill ?? DMA_FILL_DEFAULT) + bytes / WORD) >>> 0 };
    return [
      { ...step, bytes },
      { ...step, ...rest, bytes },
    ];
  });
}

/**
 * With the DMA of every stretch of nothing but DMA sorted by stream, the highest first; each stream's own stay in their order. Undefined
 * when that changes nothing, or when accesses of two streams of a stretch may reach the same bytes and one of them writes.
 */
export function reorderDma(scenario: Scenario): Changed | undefined {
  const order: { readonly step: Step; readonly at: number }[] = [];
  let stretch: { readonly step: DmaStep; readonly at: number }[] = [];
  const endStretch = (): void => {
    const free = independent(
      scenario,
      stretch.map(({ step }) => step),
    );
    order.push(...(free ? stretch.toSorted((a, b) => b.step.stream - a.step.stream) : stretch));
    stretch = [];
  };
  for (const [at, step] of scenario.steps.entries()) {
    if (step.do === 'dma') {
      stretch.push({ step, at });
      continue;
    }
    endStretch();
    order.push({ step, at });
  }
  endStretch();
  if (order.every(({ at }, index) => at === index)) return undefined;
  const placeOf = new Array<number>(order.length);
  order.forEach(({ at }, index) => (placeOf[at] = index));
  return { scenario: { ...scenario, steps: order.map(({ step }) => step) }, placeOf };
}

function independent(scenario: Scenario, stretch: readonly DmaStep[]): boolean {
  return stretch.every((one, at) =>
    stretch.slice(at + 1).every((two) => {
      const writes = one.write !== undefined || two.write !== undefined;
      return one.stream === two.stream || !writes || !mayMeet(scenario, one, two);
    }),
  );
}
