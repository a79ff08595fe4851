/**
 * The geometry of stage 2 (5.2 S2T0SZ, S2SL0, S2TG; D8.2): which start levels go with which input sizes, and what of it a target takes.
 * With a start level below what the size needs, up to sixteen tables are concatenated.
 */
import type { SteFields } from '../../scenario/encode/ste.ts';
import { stage2StartLevel } from '../../scenario/layout.ts';
import type { Granule, Level } from '../../scenario/layout.ts';
import type { Target } from './target.ts';

/** STE.S2TG and CD.TG0. */
export const TG: Readonly<Record<Granule, bigint>> = { '4K': 0n, '64K': 1n, '16K': 2n };
/** CD.TG1. */
export const TG1: Readonly<Record<Granule, bigint>> = { '4K': 2n, '64K': 3n, '16K': 1n };

/** Least and greatest S2T0SZ of each S2SL0; the greatest ones of small tables need IDR3.STT. */
const RANGES: Readonly<Record<Granule, readonly (readonly [least: number, most: number, withStt: number])[]>> = {
  '4K': [
    [30, 39, 42],
    [21, 33, 33],
    [16, 24, 24],
    [39, 0, 48],
  ],
  '16K': [
    [35, 39, 48],
    [24, 38, 38],
    [16, 27, 27],
  ],
  '64K': [
    [31, 39, 47],
    [18, 34, 34],
    [16, 21, 21],
  ],
};

export interface Stage2Size {
  readonly granule: Granule;
  readonly S2SL0: number;
  readonly S2T0SZ: number;
}

/** Input sizes that a target takes for a granule and start level: least and greatest S2T0SZ; undefined when there is none. */
export function stage2Range(
  target: Target,
  granule: Granule,
  S2SL0: number,
): readonly [least: number, most: number] | undefined {
  const range = RANGES[granule][S2SL0];
  if (range === undefined) return undefined;
  const least = Math.max(range[0], 64 - target.ias);
  const most = target.stt ? range[2] : range[1];
  return least <= most ? [least, most] : undefined;
}

/** Whether the Arm ARM calls that start level Reserved for the size of physical addresses, though it would fit (STE-207). */
export function reservedStart(target: Target, granule: Granule, S2SL0: number): boolean {
  return S2SL0 === 2 && target.oas < (granule === '16K' ? 42 : 44);
}

/** Start levels that the Arm ARM reserves, with the sizes that would go with them. */
export function reservedStarts(target: Target): readonly Stage2Size[] {
  return target.granules.flatMap((granule) => {
    const range = stage2Range(target, granule, 2);
    if (range === undefined || !reservedStart(target, granule, 2)) return [];
    return range.map((S2T0SZ) => ({ granule, S2SL0: 2, S2T0SZ }));
  });
}

/** The sizes at which a start level becomes possible or stops to be, with and without IDR3.STT. */
export function edgeSizes(granule: Granule): readonly Stage2Size[] {
  return RANGES[granule].flatMap((range, S2SL0) =>
    [...new Set(range)].filter((size) => size !== 0).map((S2T0SZ) => ({ granule, S2SL0, S2T0SZ })),
  );
}

/** The fields of an STE that say a size. */
export function sizeFields({ granule, S2SL0, S2T0SZ }: Stage2Size): SteFields {
  return { S2TG: TG[granule], S2SL0: BigInt(S2SL0), S2T0SZ: BigInt(S2T0SZ) };
}

/** Every start level that a target takes for a granule, with the sizes that go with it. */
export function stage2Starts(
  target: Target,
  granule: Granule,
): { readonly S2SL0: number; readonly level: Level; readonly least: number; readonly most: number }[] {
  return [0, 1, 2, 3].flatMap((S2SL0) => {
    const range = stage2Range(target, granule, S2SL0);
    if (range === undefined || reservedStart(target, granule, S2SL0)) return [];
    return [{ S2SL0, level: stage2StartLevel(S2SL0, granule), least: range[0], most: range[1] }];
  });
}
