/**
 * Stage 2 faults on the way of a nested translation (7.3.11-7.3.16, 7.3.22): at the CD, the level 1 CD table, each stage 1 table and the
 * output, each of which has a stage 2 page of its own. One or two of these are broken, used, mended, and used again.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import {
  cdAddress,
  descriptorAddress,
  granuleLog2,
  nodeAddress,
  startLevel,
  tableBase,
} from '../../scenario/layout.ts';
import type { Granule } from '../../scenario/layout.ts';
import { CD_BASE, L1CD_BASE, PATTERN_BASE } from '../../scenario/memory-map.ts';
import type { TableLevel, Tables } from '../../scenario/steps.ts';
import { anyAccess, look } from './accesses.ts';
import { drawStage2 } from './shape.ts';
import type { Stage2Shape } from './shape.ts';
import { TG } from './stage2.ts';
import { aboveBits, holeAddress } from './values.ts';
import type { DmaOptions, World } from './world.ts';

/** What the walk reads or reaches, in its order. */
interface Part {
  readonly kind: 'l1cd' | 'cd' | 'table' | 'output';
  /** Where the walk asks for it, and where it is. */
  readonly ipa: bigint;
  readonly pa: bigint;
}

interface Nest {
  readonly stream: number;
  readonly cd: number;
  readonly va: bigint;
  readonly shape: Stage2Shape;
  readonly tables: Tables;
  readonly parts: readonly Part[];
  readonly substream: number | undefined;
  readonly outBits: number;
  /** STE.S2PTW and STE.S2FWB: where CDs and tables may lie depends on the type of memory, and what tells that. */
  readonly ptw: boolean;
  readonly fwb: boolean;
}

const PS_BITS = [32, 36, 40, 42, 44, 48, 48, 48];

export function nestedFaults(world: World): void {
  const { draw } = world;
  const nest = build(world);
  if (nest === undefined) return;
  for (const part of nest.parts) mapPart(world, nest, part);
  const broken = draw.some(nest.parts, draw.chance(70) ? 1 : 2);
  for (const part of broken) breakPart(world, nest, part);
  world.boot();
  for (let at = draw.between(2, 3); at > 0; at -= 1) use(world, nest);
  world.events();
  mend(world, nest, broken);
  use(world, nest);
  use(world, nest);
  if (draw.chance(50)) {
    breakPart(world, nest, draw.pick(nest.parts));
    if (draw.chance(30)) use(world, nest);
    forget(world, nest);
    use(world, nest);
    use(world, nest);
  }
  look(world);
}

function build(world: World): Nest | undefined {
  const { draw, target } = world;
  const g = draw.pick(target.granules);
  const shape = drawStage2(draw, target, [g, g], true);
  if (shape === undefined) return undefined;
  const cd = draw.between(0, 3);
  const stream = draw.pick(target.streams);
  // Tables and CDs at IPAs of their own, or at the addresses they have.
  const away = draw.chance(60) ? 0x4000_0000n : 0n;
  const t0sz = draw.pick(g === '4K' ? [25, 33, 34, 39, 16] : [25, 28, 35, 39, 16]);
  const va = BigInt(draw.between(1, 30)) << BigInt(granuleLog2(g));
  const start = startLevel(t0sz, g);
  const tables: Tables = { vm: shape.vm, ...(shape.granule === '4K' ? {} : { granule: shape.granule }) };
  const twoLevel = target.cd2l && target.ssidSize > 0 && target.capabilities.substreams && draw.chance(35);
  const parts: Part[] = [];
  if (twoLevel) parts.push({ kind: 'l1cd', ipa: L1CD_BASE + away, pa: L1CD_BASE });
  parts.push({ kind: 'cd', ipa: cdAddress(cd) + away, pa: cdAddress(cd) });
  for (let level = start; level <= 3; level += 1) {
    const pa = descriptorAddress({ cd }, va, level, g);
    parts.push({ kind: 'table', ipa: pa + away, pa });
  }
  const pa = PATTERN_BASE + BigInt(draw.between(1, 15)) * 0x1_0000n;
  // Beyond 4 GiB, where that is inside the input of stage 2: CD.IPS may not let it out (WALK-136).
  const far = Math.min(shape.bits, target.ias) > 34 && draw.chance(25) ? 1n << BigInt(draw.between(32, 34)) : 0n;
  parts.push({ kind: 'output', ipa: far + pa + (draw.chance(60) ? 0x5000_0000n : 0n), pa });
  const ptw = draw.chance(40);
  const fwb = draw.chance(ptw && target.fwb ? 45 : 5);
  structures(world, { stream, cd, va, g, t0sz, start, away, far, parts, twoLevel, shape, ptw, fwb });
  const outBits = Math.min(PS_BITS[Number(shape.set.S2PS ?? 4n)] ?? 48, target.oas);
  const max = twoLevel ? Math.min(target.ssidSize, 6) : 0;
  return {
    stream,
    cd,
    va,
    shape,
    tables,
    parts,
    substream: 2 ** max > cd && max > 0 ? cd : undefined,
    outBits,
    ptw,
    fwb,
  };
}

interface Plan {
  readonly stream: number;
  readonly cd: number;
  readonly va: bigint;
  readonly g: Granule;
  readonly t0sz: number;
  readonly start: number;
  readonly away: bigint;
  readonly far: bigint;
  readonly parts: readonly Part[];
  readonly twoLevel: boolean;
  readonly shape: Stage2Shape;
  readonly ptw: boolean;
  readonly fwb: boolean;
}

/** STE, CD and stage 1 tables, all of whose pointers are IPAs. */
function structures(world: World, plan: Plan): void {
  const { draw, target } = world;
  const { stream, cd, va, g, t0sz, start, away, far, parts, twoLevel, shape, ptw, fwb } = plan;
  const output = parts[parts.length - 1]?.ipa ?? PATTERN_BASE;
  const TTB0 = tableBase(cd, 0, t0sz, g) + away;
  const cdSet: CdFields = {
    ...(t0sz === 25 ? {} : { T0SZ: BigInt(t0sz) }),
    ...(g === '4K' ? {} : { TG0: TG[g] }),
    ...(away === 0n ? {} : { TTB0 }),
    ...(draw.chance(far === 0n ? 10 : 60) ? { IPS: draw.bits(1) } : {}),
    ...oddPointers(world, shape),
    ...(draw.chance(25) ? { R: 0n } : {}),
    ...(draw.chance(20) ? { A: 0n } : {}),
    ...(draw.chance(15) ? { AFFD: 1n } : {}),
    // Nothing of the other half is read (WALK-137).
    TTB1: 0x5000_0000n,
  };
  world.cd(cd, cdSet);
  const own: Tables = { cd, ...(g === '4K' ? {} : { granule: g }) };
  world.mapIn(own, va, output, 3, stage1Leaf(world));
  if (away !== 0n) {
    for (let level = start; level < 3; level += 1)
      world.tableIn(own, va, level as TableLevel, { NextTable: nodeAddress({ cd }, va, level + 1, g) + away });
  }
  if (twoLevel) world.push({ do: 'l1cd', index: 0, ...(away === 0n ? {} : { set: { L2Ptr: CD_BASE + away } }) });
  const max = Math.min(target.ssidSize, 6);
  const table: SteFields = twoLevel ? { S1CDMax: BigInt(max), S1Fmt: 1n } : {};
  const pointer = twoLevel ? L1CD_BASE : cdAddress(cd);
  const set: SteFields = {
    Config: 7n,
    ...shape.set,
    ...table,
    ...(away === 0n ? {} : { S1ContextPtr: pointer + away }),
    ...(draw.chance(8) ? { S1ContextPtr: outOfRange(world, shape) } : {}),
    ...(draw.chance(35) ? { S2R: draw.bits(1) } : {}),
    ...(ptw ? { S2PTW: 1n } : {}),
    ...(fwb ? { S2FWB: 1n } : {}),
    ...(draw.chance(20) ? { MEV: 1n } : {}),
  };
  world.bareSte(stream, { cd, vm: shape.vm, set });
}

/** TTB0 beyond what the CD says of output sizes, or beyond what stage 2 takes (WALK-153, WALK-136). */
function oddPointers(world: World, shape: Stage2Shape): CdFields {
  const { draw } = world;
  if (draw.chance(85)) return {};
  return draw.pick<CdFields>([{ IPS: 0n, TTB0: 1n << 32n }, { TTB0: outOfRange(world, shape) }]);
}

/** Beyond S2T0SZ, or beyond any input of stage 2. */
function outOfRange(world: World, shape: Stage2Shape): bigint {
  const { draw, target } = world;
  return (1n << BigInt(draw.chance(60) ? shape.bits : target.ias)) | 0x4014_0000n;
}

function stage1Leaf(world: World): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(75)) return undefined;
  return draw.pick<DescriptorFields>([{ AF: 0n }, { AP: 3n }, { AP: 0n }, { UXN: 1n, PXN: 1n }]);
}

/** The stage 2 page of a part; several parts may lie in one. */
function mapPart(world: World, { tables }: Nest, { ipa, pa }: Part, set?: DescriptorFields): void {
  const page = (1n << BigInt(granuleLog2(tables.granule ?? '4K'))) - 1n;
  world.mapIn(tables, ipa & ~page, pa & ~page, 3, set);
}

/** MemAttr: Device and Normal without S2FWB; with it Device, as MemAttr[2] alone tells, and Normal (D8.6.5, D8.6.6). */
const TYPES = [0, 1, 1, 2, 3, 10];
const FWB_TYPES = [0, 7, 8, 9, 10, 11];

function breakPart(world: World, nest: Nest, part: Part): void {
  const { draw } = world;
  const { tables, outBits, shape, ptw, fwb } = nest;
  const fields = draw.weighted<() => DescriptorFields | undefined>([
    [3, () => ({ Valid: 0n })],
    [7, () => ({ AF: 0n })],
    [2, () => ({ S2AP: BigInt(draw.pick([0, 2])) })],
    [2, () => ({ S2AP: 1n, XN: BigInt(draw.between(0, 3)) })],
    [ptw ? 26 : 1, () => ({ MemAttr: BigInt(draw.pick(fwb ? FWB_TYPES : TYPES)) })],
    [outBits < 48 ? 3 : 0, () => ({ OA: aboveBits(draw, outBits) & 0xffff_ffff_f000n, AF: draw.bits(1) })],
    [3, () => ({ OA: holeAddress(draw) })],
    [1, () => ({ Type: 0n })],
    [3, () => undefined],
  ])();
  if (fields !== undefined) {
    mapPart(world, nest, part, fields);
    return;
  }
  const level = Math.max(shape.startLevel, draw.between(1, 2)) as TableLevel;
  const table = draw.pick<DescriptorFields>([
    { Valid: 0n },
    { NextTable: holeAddress(draw) },
    { NextTable: holeAddress(draw) },
    ...(outBits < 48 ? [{ NextTable: aboveBits(draw, outBits) & 0xffff_ffff_f000n }] : []),
  ]);
  world.tableIn(tables, part.ipa, level, table);
}

function use(world: World, nest: Nest): void {
  const { draw } = world;
  const kind = draw.pick<DmaOptions>([{}, {}, { write: true }, { instruction: true }, { privileged: true }]);
  const options = nest.substream === undefined ? {} : { substream: nest.substream };
  const offset = 8n * BigInt(draw.between(0, 255));
  if (draw.chance(85)) world.dma(nest.stream, nest.va + offset, { bytes: 8, ...kind, ...options });
  else if (draw.chance(40)) world.dma(nest.stream, nest.va | (0xffffn << 48n), { bytes: 8, ...options });
  else anyAccess(world, nest.stream, nest.va + offset);
}

/** What faulted is not cached, so mending may be all there is to do (CACHE-012). */
function mend(world: World, nest: Nest, broken: readonly Part[]): void {
  const { draw } = world;
  for (const part of broken) mapPart(world, nest, part);
  if (draw.chance(60)) forget(world, nest);
}

/** All of the VM, or the broken pages by IPA and then what stage 1 made of them. */
function forget(world: World, { shape, parts, stream }: Nest): void {
  const { draw } = world;
  const VMID = BigInt(shape.vm + 1);
  if (draw.chance(40)) world.bareCommand('CMD_TLBI_S12_VMALL', { VMID });
  else {
    const count = draw.chance(60) ? parts.length : 1;
    for (const { ipa } of draw.some(parts, Math.min(count, 3)))
      world.bareCommand('CMD_TLBI_S2_IPA', { VMID, Address: ipa & ~0xfffn, Leaf: draw.bits(1) });
    if (draw.chance(70)) world.sync();
    if (draw.chance(70)) world.bareCommand('CMD_TLBI_NH_ALL', { VMID });
  }
  if (draw.chance(50)) world.bareCommand('CMD_CFGI_STE', { StreamID: BigInt(stream), Leaf: 1n });
  world.sync();
}
