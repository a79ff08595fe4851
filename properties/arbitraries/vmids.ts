/**
 * Two virtual machines over the same input addresses and ASIDs (3.17, 4.4.3): what each maps changes, and is invalidated by the right or by the
 * wrong VMID, ASID or address, by stage or as a whole, completely or not; then properly.
 */
import type { SteFields } from '../../scenario/encode/ste.ts';
import { granuleLog2, levelShift, nodeAddress } from '../../scenario/layout.ts';
import type { Granule, Level } from '../../scenario/layout.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import type { Tables, TableLevel } from '../../scenario/steps.ts';
import { look } from './accesses.ts';
import { TLBI_TG, hints } from './invalidate.ts';
import { drawStage2 } from './shape.ts';
import type { Stage2Shape } from './shape.ts';
import type { World } from './world.ts';

interface Machine {
  readonly vm: number;
  readonly stream: number;
  readonly cd: number;
  /** Config 7, 6, or 5. */
  readonly config: bigint;
  readonly set: SteFields;
}

interface Pair {
  readonly shape: Stage2Shape;
  readonly granule: Granule;
  readonly level: Level;
  readonly machines: readonly Machine[];
  readonly asid: bigint;
  /** Whether stage 1 leaves are global, which those of any ASID are invalidated with. */
  readonly global: boolean;
  /** Input address of devices, which is an IPA where there is no stage 1. */
  readonly va: bigint;
  readonly ipa: bigint;
}

/** IPA of the page that both have, and of where stage 1 tables and CDs are (identity). */
const IPA = 0x9000_0000n;

export function vmids(world: World): void {
  const { draw } = world;
  const pair = build(world);
  if (pair === undefined) return;
  world.boot();
  const [one, two] = pair.machines;
  if (one === undefined || two === undefined) return;
  use(world, pair, one);
  use(world, pair, two);
  for (let round = draw.between(1, 2); round > 0; round -= 1) {
    const changed = draw.pick(pair.machines);
    const what = change(world, pair, changed);
    if (draw.chance(20)) use(world, pair, changed);
    if (what === 'stage 1' && draw.chance(60)) invalidateStage1(world, pair, changed);
    else invalidate(world, pair, changed);
    if (draw.chance(85)) world.sync();
    use(world, pair, changed);
    use(world, pair, changed === one ? two : one);
  }
  world.bareCommand('CMD_CFGI_ALL');
  world.bareCommand('CMD_TLBI_NSNH_ALL');
  world.sync();
  use(world, pair, one);
  use(world, pair, two);
  look(world);
}

function build(world: World): Pair | undefined {
  const { draw, target } = world;
  const g = world.granule;
  const shape = drawStage2(draw, target, [g, g], false);
  if (shape === undefined) return undefined;
  const streams = draw.some(target.streams, 2);
  const granule = shape.granule;
  const level = Math.max(draw.chance(60) ? 3 : 2, shape.startLevel) as Level;
  const asid = draw.pick([1n, 1n, 7n, 0xffn]);
  const va = target.s1p ? draw.pick([1n, 5n]) << BigInt(granuleLog2(g)) : IPA;
  const same = draw.chance(12);
  const machines = [0, 1].map((index): Machine => {
    const vm = same ? 0 : index;
    const config = target.s1p ? draw.pick([7n, 7n, 7n, 6n, 5n]) : 6n;
    const { identity: _, offset: __, ...rest } = shape;
    const VMID = same ? 1n : BigInt(vm + 1) | (target.vmid16 && index === 1 ? 0x100n : 0n);
    const set: SteFields = { Config: config, ...rest.set, S2VMID: config === 5n && draw.chance(60) ? 1n : VMID };
    return { vm, stream: streams[index] ?? streams[0] ?? 0, cd: index, config, set };
  });
  const pair = { shape, granule, level, machines, asid, global: draw.chance(40), va, ipa: IPA };
  for (const machine of machines) setUp(world, pair, machine);
  return pair;
}

function tablesOf({ granule }: Pair, { vm }: Machine): Tables {
  return { vm, ...(granule === '4K' ? {} : { granule }) };
}

function setUp(world: World, pair: Pair, machine: Machine): void {
  const { target } = world;
  const { shape, level, asid, va } = pair;
  if (machine.config !== 6n && target.s1p) {
    world.cd(machine.cd, { ASID: asid });
    // Stage 1 alone reaches the window itself.
    const output = machine.config === 5n ? PATTERN_BASE + 0x1_0000n * BigInt(machine.cd + 20) : IPA;
    const g = world.granule;
    world.mapIn(
      { cd: machine.cd, ...(g === '4K' ? {} : { granule: g }) },
      va,
      output,
      3,
      pair.global ? { nG: 0n } : undefined,
    );
  }
  if (machine.config !== 5n) {
    const tables = tablesOf(pair, machine);
    if (machine.config === 7n)
      for (const { ipa, pa, level: at } of shape.identity)
        if (ipa !== 0x7000_0000n && ipa < PATTERN_BASE + 0x200_0000n) world.mapIn(tables, ipa, pa, at);
    world.mapIn(tables, IPA, outputOf(world, pair), level);
  }
  world.bareSte(machine.stream, { cd: machine.cd, vm: machine.vm, set: machine.set });
}

function outputOf(world: World, { granule, level }: Pair): bigint {
  const size = 1n << BigInt(levelShift(level, granule));
  return (PATTERN_BASE + BigInt(world.draw.between(1, 31)) * 0x2_0000n) & ~(size - 1n);
}

/** A read where the page is in the pattern window, whatever its size. */
function use(world: World, { va, level, granule }: Pair, machine: Machine): void {
  const size = 1n << BigInt(levelShift(level, granule));
  const alone = machine.config !== 6n;
  // A leaf larger than the window's alignment starts below it.
  const offset = !alone && size > 0x100_0000n ? 0x100_0000n : 0n;
  world.dma(machine.stream, (alone ? va : IPA) + offset, { bytes: 8, write: world.draw.chance(10) });
}

/** A leaf or table of stage 2, a leaf of stage 1, or the STE's own. Returns which. */
function change(world: World, pair: Pair, machine: Machine): 'stage 1' | 'stage 2' | 'STE' {
  const { draw, target } = world;
  const { level, granule, shape } = pair;
  const tables = tablesOf(pair, machine);
  const stage2 = machine.config !== 5n;
  const stage1 = machine.config !== 6n && target.s1p;
  const above = Math.max(shape.startLevel, draw.chance(60) ? level - 1 : draw.between(0, level - 1)) as TableLevel;
  return draw.weighted<() => 'stage 1' | 'stage 2' | 'STE'>([
    [stage2 ? 4 : 0, () => (world.mapIn(tables, IPA, outputOf(world, pair), level), 'stage 2')],
    [
      stage2 ? 3 : 0,
      () => (world.push({ do: 'unmap', ...tables, va: IPA, ...(level === 3 ? {} : { level }) }), 'stage 2'),
    ],
    [
      stage2 ? 2 : 0,
      () => (world.mapIn(tables, IPA, outputOf(world, pair), level, { S2AP: 1n, AF: draw.bits(1) }), 'stage 2'),
    ],
    [
      stage2 && level > shape.startLevel ? 3 : 0,
      () => (
        world.tableIn(tables, IPA, above, {
          // The node of the other machine, or none at all.
          NextTable: nodeAddress({ vm: (machine.vm + 1) % 2 }, IPA, above + 1, granule),
          Valid: draw.bits(1),
        }),
        'stage 2'
      ),
    ],
    [stage1 ? (pair.global ? 5 : 2) : 0, () => (remapStage1(world, pair, machine), 'stage 1')],
    [2, () => (changeSte(world, pair, machine), 'STE')],
  ])();
}

function remapStage1(world: World, { va }: Pair, machine: Machine): void {
  const g = world.granule;
  const output = PATTERN_BASE + BigInt(world.draw.between(1, 15)) * 0x1_0000n;
  world.mapIn({ cd: machine.cd, ...(g === '4K' ? {} : { granule: g }) }, va, output);
}

/** Another VMID, or what a TLB may remember of stage 2 (5.2.1), told to the configuration caches. */
function changeSte(world: World, { shape }: Pair, machine: Machine): void {
  const { draw } = world;
  const set = draw.pick<SteFields>([
    { S2VMID: BigInt(draw.between(1, 4)) },
    { S2VMID: BigInt(draw.between(1, 4)) },
    { S2PS: draw.bits(2) },
    { S2AFFD: 1n },
    { S2PTW: 1n },
    { S2IR0: draw.bits(2), S2SH0: draw.bits(2) },
    { S2T0SZ: BigInt(Math.min(64 - shape.bits + 1, 39)) },
    { S2TTB: 0x4400_0000n },
    { S2R: 0n },
  ]);
  world.bareSte(machine.stream, { cd: machine.cd, vm: machine.vm, set: { ...machine.set, ...set } });
  world.bareCommand('CMD_CFGI_STE', { StreamID: BigInt(machine.stream), Leaf: 1n });
  if (draw.chance(80)) world.sync();
}

/** Right and wrong ones; none completes by itself. */
function invalidate(world: World, pair: Pair, machine: Machine): void {
  const { draw, target } = world;
  const { va, level, granule, global } = pair;
  const asid = pair.asid ^ (global && draw.chance(50) ? 8n : 0n);
  const VMID = machine.set.S2VMID ?? 1n;
  const Leaf = draw.bits(1);
  const wrong = draw.pick([3n, VMID ^ 3n, VMID | 0x100n, VMID | 0xff00n]);
  const s1 = (weight: number): number => (target.s1p ? weight : 0);
  const ttl = hints(world, { granule, level });
  // Any address of a block names it, but with a level hint only the first.
  const within = level === 3 || 'TTL' in ttl ? 0n : BigInt(draw.between(0, 15)) << BigInt(granuleLog2(granule));
  draw.weighted<() => void>([
    [2, () => world.bareCommand('CMD_TLBI_S12_VMALL', { VMID })],
    [2, () => world.bareCommand('CMD_TLBI_S12_VMALL', { VMID: wrong })],
    [5, () => world.bareCommand('CMD_TLBI_S2_IPA', { VMID, Address: IPA + within, Leaf, ...ttl })],
    [1, () => world.bareCommand('CMD_TLBI_S2_IPA', { VMID: wrong, Address: IPA, Leaf })],
    [1, () => world.bareCommand('CMD_TLBI_S2_IPA', { VMID, Address: IPA + 0x1000_0000n, Leaf })],
    [1, () => world.bareCommand('CMD_TLBI_S2_IPA', { VMID, Address: IPA | (1n << BigInt(target.ias)), Leaf })],
    [target.ril ? 5 : 0, () => rangeOf(world, pair, VMID)],
    [s1(4), () => twoSteps(world, pair, VMID)],
    [s1(2), () => world.bareCommand('CMD_TLBI_NH_ALL', { VMID })],
    [s1(1), () => world.bareCommand('CMD_TLBI_NH_ALL', { VMID: wrong })],
    [s1(global ? 5 : 2), () => world.bareCommand('CMD_TLBI_NH_VA', { VMID, ASID: asid, Address: va, Leaf })],
    [s1(1), () => world.bareCommand('CMD_TLBI_NH_VA', { VMID: wrong, ASID: asid, Address: va, Leaf })],
    [s1(1), () => world.bareCommand('CMD_TLBI_NH_VAA', { VMID, Address: va, Leaf })],
    [s1(1), () => world.bareCommand('CMD_TLBI_NH_ASID', { VMID, ASID: asid })],
    [1, () => world.bareCommand('CMD_TLBI_NSNH_ALL')],
    [1, () => undefined],
  ])();
}

/** What stage 1 changed, by its VA: a global leaf goes with any ASID (3.17). */
function invalidateStage1(world: World, { asid, va, global, machines }: Pair, machine: Machine): void {
  const { draw } = world;
  const VMID = machine.set.S2VMID ?? 1n;
  const other = machines.find((one) => one !== machine)?.set.S2VMID ?? VMID ^ 3n;
  const Leaf = draw.bits(1);
  const hint = hints(world, { granule: world.granule, level: 3 });
  draw.weighted<() => void>([
    [2, () => world.bareCommand('CMD_TLBI_NH_VA', { VMID, ASID: asid, Address: va, Leaf, ...hint })],
    [global ? 4 : 1, () => world.bareCommand('CMD_TLBI_NH_VA', { VMID, ASID: asid ^ 8n, Address: va, Leaf, ...hint })],
    [1, () => world.bareCommand('CMD_TLBI_NH_VA', { VMID: other, ASID: asid, Address: va, Leaf })],
    [1, () => world.bareCommand('CMD_TLBI_NH_VAA', { VMID, Address: va, Leaf, ...hint })],
    [1, () => world.bareCommand('CMD_TLBI_NH_ASID', { VMID, ASID: asid })],
  ])();
}

/** By IPA, completed or not, then what stage 1 combined with it (TLBI-063, TLBI-064). */
function twoSteps(world: World, { asid, va }: Pair, VMID: bigint): void {
  const { draw } = world;
  world.bareCommand('CMD_TLBI_S2_IPA', { VMID, Address: IPA, Leaf: draw.bits(1) });
  if (draw.chance(80)) world.sync();
  const Leaf = draw.bits(1);
  draw.pick<() => void>([
    () => world.bareCommand('CMD_TLBI_NH_ALL', { VMID }),
    () => world.bareCommand('CMD_TLBI_NH_VAA', { VMID, Address: va, Leaf }),
    () => world.bareCommand('CMD_TLBI_NH_VA', { VMID, ASID: asid, Address: va, Leaf }),
  ])();
}

/** A range of IPAs (4.4.1.1) from at or below the page, of this granule or of another. */
function rangeOf(world: World, { granule, level }: Pair, VMID: bigint): void {
  const { draw } = world;
  const TG = draw.chance(80) ? TLBI_TG[granule] : BigInt(draw.between(1, 3));
  const SCALE = BigInt(draw.pick([0, 0, 1, 2]));
  const NUM = BigInt(draw.between(1, 3));
  const below = draw.chance(50) ? 0n : ((NUM + 1n) << SCALE) - 1n;
  const Address = IPA - (below << BigInt(granuleLog2(granule)));
  const TTL = draw.chance(60) ? 0n : BigInt(level);
  world.bareCommand('CMD_TLBI_S2_IPA', { VMID, Address, TG, SCALE, NUM, TTL, Leaf: draw.bits(1) });
}
