/**
 * The shape of a scenario's world: what every story is told in, whatever it is about. Stage 1 alone, over an identity stage 2, or stage 2
 * alone; the granule of each half; linear or 2-level Stream table; one CD or a table of them; the order of bytes in tables.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import type { Granule, Level, Split } from '../../scenario/layout.ts';
import type { Draw } from './draw.ts';
import { TG, TG1, stage2Starts } from './stage2.ts';
import type { Target } from './target.ts';

/** A stage 2 that maps every address of the usual world. */
export interface Stage2Shape {
  readonly vm: number;
  readonly granule: Granule;
  readonly startLevel: Level;
  /** Input addresses have this many bits. */
  readonly bits: number;
  /** Replaces fields of the usual stage 2 STE. */
  readonly set: SteFields;
  /** Where an identity map has its leaves. */
  readonly identity: readonly { readonly ipa: bigint; readonly pa: bigint; readonly level: Level }[];
  /** Added to the pattern window's addresses to get the IPAs that stage 1 leaves use. */
  readonly offset: bigint;
}

/** A table of CDs in place of one. */
export interface SubstreamShape {
  readonly S1CDMax: number;
  readonly S1Fmt: number;
  readonly S1DSS: number;
  /** Added to the number of a CD to get its SubstreamID. */
  readonly above: number;
  /** The entry of the level 1 CD table that such SubstreamIDs are found by; undefined: a linear table. */
  readonly l1Index: number | undefined;
}

export interface Shape {
  /** Of the tables of TTB0, and of TTB1. */
  readonly granules: readonly [Granule, Granule];
  readonly stage2: Stage2Shape | undefined;
  /** Whether there is no stage 1: what stories map is then mapped by stage 2. */
  readonly only: boolean;
  readonly split: Split | undefined;
  readonly substreams: SubstreamShape | undefined;
  /** Whether tables are big-endian (CD.ENDI, STE.S2ENDI). */
  readonly bigEndian: boolean;
  /** S2VMID of streams with stage 1 alone. */
  readonly vmid: bigint;
}

/** Which parts of a shape suit a story; everything when not said. */
export interface Suits {
  /** False: the story speaks of stage 1 itself. */
  readonly only?: false;
  readonly nested?: false;
  /** True: there has to be a stage 2. */
  readonly stage2?: true;
  readonly split?: false;
  readonly substreams?: false;
  /** False: addresses of the story are those of the 4 KiB granule, where there is one. */
  readonly granules?: false;
}

/** The story makes all of its world itself. */
export const OWN_SHAPE: Suits = { only: false, nested: false, split: false, substreams: false, granules: false };

export function drawShape(draw: Draw, target: Target, suits: Suits): Shape {
  const first = target.granules[0] ?? '4K';
  const plain = target.granules.length < 2 || suits.granules === false || draw.chance(60);
  const low = plain ? first : draw.pick(target.granules);
  const high = plain || draw.chance(70) ? low : draw.pick(target.granules);
  const must = suits.stage2 === true;
  const only =
    suits.only !== false && target.s2p && (target.s1p ? draw.chance(must ? 45 : 12) : must || draw.chance(92));
  const nested = !only && suits.nested !== false && target.s1p && target.s2p && (must || draw.chance(40));
  const granules = [low, high] as const;
  return {
    granules,
    stage2: only || nested ? drawStage2(draw, target, granules, only) : undefined,
    only,
    split: suits.split !== false && target.twoLevel && draw.chance(55) ? draw.pick<Split>([6, 6, 8, 10]) : undefined,
    substreams: suits.substreams !== false && !only && target.s1p ? drawSubstreams(draw, target) : undefined,
    bigEndian:
      target.ttendian === 3 ? draw.chance(95) : target.ttendian === 0 && suits.granules !== false && draw.chance(3),
    vmid: target.s1p && target.s2p && draw.chance(25) ? BigInt(draw.between(1, 4)) : 0n,
  };
}

const KIB_4_BLOCKS: readonly bigint[] = [0x4000_0000n, 0x4020_0000n, 0x4100_0000n, 0x4120_0000n];
const HOLE_BLOCK = 0x7000_0000n;

/** A stage 2 of any legal geometry that reaches all addresses below 4 GiB, for a VM. */
export function drawStage2(
  draw: Draw,
  target: Target,
  granules: readonly [Granule, Granule],
  only: boolean,
): Stage2Shape | undefined {
  // Every IPA that the usual world uses is below 4 GiB, and none of its leaves is above level 1.
  const starts = target.granules.flatMap((granule) =>
    stage2Starts(target, granule)
      .filter(({ level, least }) => least <= 32 && level < 3)
      .map((start) => ({ granule, ...start })),
  );
  if (starts.length === 0) return undefined;
  const { granule, S2SL0, level, least, most } = draw.chance(50)
    ? (starts[0] as (typeof starts)[0])
    : draw.pick(starts);
  const S2T0SZ = draw.chance(40) && least <= 25 && most >= 25 ? 25 : draw.between(least, Math.min(most, 32));
  const vm = draw.chance(60) ? 0 : draw.between(1, 3);
  const offset = !only && granule === '4K' && draw.chance(40) ? 0x1000_0000n : 0n;
  const set: Record<string, bigint> = {
    S2T0SZ: BigInt(S2T0SZ),
    S2SL0: BigInt(S2SL0),
    S2TG: TG[granule],
    S2PS: BigInt(draw.chance(50) ? 4 : draw.between(0, 5)),
  };
  if (draw.chance(20)) set['S2R'] = 0n;
  if (draw.chance(15)) set['S2AFFD'] = 1n;
  if (draw.chance(15)) set['S2PTW'] = 1n;
  return {
    vm,
    granule,
    startLevel: level,
    bits: 64 - S2T0SZ,
    set,
    identity: only ? [] : identityLeaves(draw, granule, level, granules, offset),
    offset,
  };
}

/** Leaves for structures, tables, what stories map, and, mostly, where nothing answers. */
function identityLeaves(
  draw: Draw,
  granule: Granule,
  startLevel: Level,
  granules: readonly [Granule, Granule],
  offset: bigint,
): Stage2Shape['identity'] {
  const largeTables = granules.some((one) => one !== '4K');
  const same = (ipa: bigint, level: Level) => ({ ipa, pa: ipa, level });
  const hole = draw.chance(70) ? [same(HOLE_BLOCK, 2)] : [];
  if (granule === '64K') return [same(0x4000_0000n, 2), ...(draw.chance(70) ? [same(0x6000_0000n, 2)] : [])];
  if (granule === '16K') {
    return [same(0x4000_0000n, 2), ...(largeTables ? [same(0x4200_0000n, 2)] : []), ...hole];
  }
  const blocksDo = !granules.includes('64K');
  if (offset === 0n && startLevel < 2 && (!blocksDo || draw.chance(60))) return [same(0x4000_0000n, 1)];
  const blocks = KIB_4_BLOCKS.map((pa, index) => ({ ipa: index < 2 ? pa : pa + offset, pa, level: 2 as const }));
  const tables = !largeTables
    ? []
    : blocksDo
      ? [same(0x4200_0000n, 2)]
      : [0x4280_0000n, 0x42a0_0000n, 0x4200_0000n].map((ipa) => same(ipa, 2));
  return [...blocks, ...tables, ...hole];
}

function drawSubstreams(draw: Draw, target: Target): SubstreamShape | undefined {
  if (target.ssidSize === 0 || !target.capabilities.substreams || draw.chance(55)) return undefined;
  const S1Fmt = target.cd2l ? draw.pick([0, 1, 1, 2, 2, 3]) : 0;
  const linear = S1Fmt === 0 || S1Fmt === 3;
  // The array of CDs is aligned for 2^12 of them.
  const most = linear ? Math.min(target.ssidSize, 12) : target.ssidSize;
  const S1CDMax = draw.chance(30) ? most : draw.between(Math.min(3, most), most);
  const S1DSS = draw.weighted([
    [3, 0],
    [3, 1],
    [4, 2],
    [1, 3],
  ]);
  if (linear) return { S1CDMax, S1Fmt, S1DSS, above: 0, l1Index: undefined };
  const leafBits = S1Fmt === 1 ? 6 : 10;
  const l1Index = S1CDMax > leafBits && draw.chance(60) ? draw.between(0, 2 ** (S1CDMax - leafBits) - 1) : 0;
  return { S1CDMax, S1Fmt, S1DSS, above: l1Index * 2 ** leafBits, l1Index };
}

/** What the shape says in every CD. */
export function cdOf(shape: Shape): CdFields {
  const [low, high] = shape.granules;
  const set: Record<string, bigint> = {};
  if (low !== '4K') {
    set['TG0'] = TG[low];
    set['T0SZ'] = BigInt(64 - HALF_BITS[low]);
  }
  if (high !== '4K') {
    set['TG1'] = TG1[high];
    set['T1SZ'] = BigInt(64 - HALF_BITS[high]);
  }
  if (shape.bigEndian) set['ENDI'] = 1n;
  return set;
}

/** Bits of an address in a half of the usual CD: a walk starts at level 1. */
export const HALF_BITS: Readonly<Record<Granule, number>> = { '4K': 39, '16K': 45, '64K': 48 };

/** StreamIDs of a world with a 2-level Stream table: both sides of level 1 descriptors. */
export function streamsOf(target: Target, split: Split | undefined): readonly number[] {
  if (split === undefined || !target.anyStream) return target.streams;
  const one = 2 ** split;
  return [...target.streams.slice(0, 3), one - 1, one, one + 1, 3 * one + 2].filter(
    (stream) => stream < 2 ** target.sidSize,
  );
}
