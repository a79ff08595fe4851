/**
 * Tables of CDs (3.9, 5.2 S1CDMax, S1Fmt, S1DSS; 5.3): SubstreamIDs in and out of range, none at all, level 1 CD tables that are invalid or point
 * astray, CDs that change under a cache; with the CFGI_CD that reaches them or one that does not.
 */
import type { CdFields } from '../../scenario/encode/cd.ts';
import type { L1cdFields } from '../../scenario/encode/l1cd.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { CD_BASE, L1CD_BASE } from '../../scenario/memory-map.ts';
import { look } from './accesses.ts';
import { outputOf, patternStart } from './places.ts';
import { aboveBits, holeAddress } from './values.ts';
import type { Mapping, World } from './world.ts';

interface Tabled {
  readonly stream: number;
  readonly S1CDMax: number;
  readonly S1Fmt: number;
  readonly S1DSS: number;
  /** Bits of a SubstreamID that index a level 2 table; 0 where the table is linear. */
  readonly leafBits: number;
  /** Index of the level 1 entry in use. */
  readonly index: number;
  /** One page, at the same address in each CD. */
  readonly pages: readonly Mapping[];
}

export function substreams(world: World): void {
  const { draw } = world;
  const tabled = build(world);
  world.boot();
  for (let at = draw.between(3, 5); at > 0; at -= 1) use(world, tabled, anySubstream(world, tabled));
  if (draw.chance(50)) world.events();
  for (let round = draw.between(1, 3); round > 0; round -= 1) {
    const structure = tabled.leafBits > 0 && draw.chance(45) ? 'l1cd' : draw.chance(70) ? 'cd' : 'ste';
    const told = change(world, tabled, structure);
    if (draw.chance(15)) use(world, tabled, told);
    tell(world, tabled, structure, told);
    if (draw.chance(85)) world.sync();
    use(world, tabled, told);
    use(world, tabled, structure === 'l1cd' && draw.chance(50) ? undefined : anySubstream(world, tabled));
    if (structure === 'l1cd' && draw.chance(40)) reactivate(world, tabled, told);
    if (draw.chance(30)) world.events();
  }
  restore(world, tabled);
  use(world, tabled, 0);
  use(world, tabled, undefined);
  look(world);
}

function build(world: World): Tabled {
  const { draw, target } = world;
  const stream = draw.pick(target.streams);
  const S1Fmt = target.cd2l ? draw.pick([0, 1, 1, 2, 2, 3]) : draw.pick([0, 0, 0, 0, 3]);
  const leafBits = S1Fmt === 1 ? 6 : S1Fmt === 2 ? 10 : 0;
  const most = leafBits === 0 ? Math.min(target.ssidSize, 12) : target.ssidSize;
  const S1CDMax = draw.pick([most, most, draw.between(1, most), Math.min(most, 3)]);
  const S1DSS = draw.pick([0, 1, 2, 2, draw.between(0, 3)]);
  const entries = S1CDMax > leafBits ? 2 ** (S1CDMax - leafBits) : 1;
  const index = draw.chance(50) ? 0 : Math.min(entries - 1, draw.pick([1, entries - 1]));
  const va = world.place(0x1000n);
  // The last CD of a table of eight, where the table ends there.
  const cds = draw.some(
    [0, 1, 2, 3, 7].filter((cd) => cd < 2 ** S1CDMax),
    3,
  );
  const pages = cds.map((cd) => {
    world.cd(cd, cdSet(world));
    return world.map(cd, va, outputOf(world, 3));
  });
  if (leafBits > 0) {
    // Bits beside L2Ptr are no part of it.
    for (const at of new Set([0, index]))
      world.push({ do: 'l1cd', index: at, ...(draw.chance(35) ? { set: { or0: draw.bits(11) << 1n } } : {}) });
  }
  const tabled = { stream, S1CDMax, S1Fmt, S1DSS, leafBits, index, pages };
  world.ste(stream, 0, steSet(tabled, draw.chance(15) ? oddTable(world, tabled) : {}));
  if (draw.chance(25)) {
    // Another stream with one CD only, or the same table: SubstreamIDs are each stream's own.
    const other = draw.pick(target.streams);
    if (other !== stream) world.ste(other, pages[pages.length - 1]?.cd ?? 0);
  }
  return tabled;
}

function steSet({ S1CDMax, S1Fmt, S1DSS }: Tabled, odd: SteFields): SteFields {
  return { S1CDMax: BigInt(S1CDMax), S1Fmt: BigInt(S1Fmt), S1DSS: BigInt(S1DSS), ...odd };
}

function cdSet(world: World): CdFields {
  const { draw } = world;
  if (draw.chance(65)) return {};
  return draw.pick<CdFields>([{ R: 0n }, { A: 0n }, { R: 0n, A: 0n }, { ASID: 3n }, { V: 0n }, { ASET: 1n }]);
}

/** Sizes and formats that cannot be, places that cannot be, and what makes an STE ILLEGAL for every transaction (STE-310). */
function oddTable(world: World, { S1CDMax }: Pick<Tabled, 'S1CDMax'>): SteFields {
  const { draw, target } = world;
  return draw.pick<SteFields>([
    { S1CDMax: BigInt(Math.min(31, target.ssidSize + 1)) },
    { S1CDMax: BigInt(target.ssidSize) },
    { S1CDMax: 0n },
    { S1Fmt: 1n },
    { S1Fmt: 2n },
    { S1Fmt: 3n },
    { S1Fmt: 0n, S1ContextPtr: CD_BASE | 0x40n },
    { S1Fmt: 1n, S1ContextPtr: L1CD_BASE | (draw.chance(50) ? 0x40n : 0x2000n) },
    { S1ContextPtr: holeAddress(draw) },
    { S1ContextPtr: aboveBits(draw, target.oas) },
    { S1STALLD: 1n },
    { S1DSS: 3n },
    { S1DSS: 1n, S1CDMax: BigInt(Math.min(31, S1CDMax + 1)) },
  ]);
}

/** One of a page, at an end of the range, beyond it, or none. */
function anySubstream(world: World, { S1CDMax, leafBits, index, pages }: Tabled): number | undefined {
  const { draw } = world;
  const of = draw.pick(pages).cd;
  const end = 2 ** S1CDMax;
  return draw.weighted<number | undefined>([
    [5, of],
    [leafBits > 0 ? 3 : 0, index * 2 ** leafBits + of],
    [2, 0],
    [3, undefined],
    [1, end - 1],
    [2, Math.min(end, 0xf_ffff)],
    [1, 0xf_ffff],
    [leafBits > 0 ? 1 : 0, Math.min(end - 1, (index + 1) * 2 ** leafBits)],
    [1, draw.between(0, end - 1)],
  ]);
}

function use(world: World, { stream, pages, S1DSS }: Tabled, substream: number | undefined): void {
  const { draw } = world;
  const page = pages[0];
  if (page === undefined) return;
  const address = page.va + patternStart(page) + 8n * BigInt(draw.between(0, 63));
  const kind = { bytes: 8, write: draw.chance(15), privileged: draw.chance(15) };
  if (substream !== undefined) world.dma(stream, address, { ...kind, substream });
  else if (S1DSS === 1 && draw.chance(70)) {
    const bypass = draw.pick([0x4100_0000n, 0x4100_2000n, 1n << BigInt(world.target.oas), 1n << 55n]);
    world.dma(stream, bypass, { ...kind, bare: true });
  } else world.dma(stream, address, { ...kind, bare: true });
}

/** Returns a SubstreamID that the change is about. */
function change(world: World, tabled: Tabled, structure: 'l1cd' | 'cd' | 'ste'): number {
  const { draw } = world;
  const { stream, leafBits, index, pages } = tabled;
  const { cd } = draw.pick(pages);
  if (structure === 'l1cd') {
    const at = draw.chance(60) ? index : 0;
    const set = oddL1cd(world);
    world.push({ do: 'l1cd', index: at, ...(Object.keys(set).length === 0 ? {} : { set }) });
    return at * 2 ** leafBits + cd;
  }
  if (structure === 'ste') {
    world.ste(
      stream,
      0,
      steSet(tabled, draw.chance(80) ? oddTable(world, tabled) : { S1DSS: BigInt(draw.between(0, 3)) }),
    );
    return cd;
  }
  world.cd(
    cd,
    draw.pick<CdFields>([{ V: 0n }, { R: 0n, A: 0n }, { EPD0: 1n }, { A: 0n }, { AA64: 0n }, { IPS: 0n }, {}]),
  );
  return (leafBits > 0 && draw.chance(50) ? index * 2 ** leafBits : 0) + cd;
}

function oddL1cd(world: World): L1cdFields {
  const { draw, target } = world;
  return draw.pick<L1cdFields>([
    { V: 0n },
    { V: 0n },
    { V: 0n, L2Ptr: holeAddress(draw) },
    { L2Ptr: aboveBits(draw, target.oas) },
    { L2Ptr: holeAddress(draw) },
    { L2Ptr: CD_BASE + 0x1000n },
    { or0: 0xffen },
    { or0: 1n << 56n },
    { L2Ptr: 0x4100_0000n },
    {},
  ]);
}

/** A level 1 entry made valid again, told by any SubstreamID under it (CFGI-046), or by one that needs no level 1 entry (CFGI-039). */
function reactivate(world: World, tabled: Tabled, substream: number): void {
  const { draw } = world;
  const { stream, leafBits } = tabled;
  const index = substream >> leafBits;
  if (draw.chance(50)) {
    world.push({ do: 'l1cd', index, set: { V: 0n } });
    world.bareCommand('CMD_CFGI_CD_ALL', { StreamID: BigInt(stream) });
    world.sync();
    use(world, tabled, index === 0 && tabled.S1DSS === 2 ? undefined : substream);
  }
  world.push({ do: 'l1cd', index });
  const SubstreamID = BigInt(substream) ^ draw.bits(1);
  world.bareCommand('CMD_CFGI_CD', { StreamID: BigInt(stream), SubstreamID, Leaf: draw.chance(75) ? 0n : 1n });
  world.sync();
  use(world, tabled, substream);
}

/** The invalidation that reaches the structure, or one that is too narrow, elsewhere, or of another kind. */
function tell(world: World, { stream, leafBits }: Tabled, structure: 'l1cd' | 'cd' | 'ste', substream: number): void {
  const { draw, target } = world;
  const StreamID = BigInt(stream);
  const SubstreamID = BigInt(substream);
  const Leaf = draw.bits(1);
  const cd = structure === 'ste' ? 0 : 1;
  draw.weighted<() => void>([
    [4, () => world.bareCommand('CMD_CFGI_STE', { StreamID, Leaf: 1n })],
    [4 * cd, () => world.bareCommand('CMD_CFGI_CD', { StreamID, SubstreamID, Leaf: 0n })],
    [3 * cd, () => world.bareCommand('CMD_CFGI_CD', { StreamID, SubstreamID, Leaf: 1n })],
    [3 * cd, () => world.bareCommand('CMD_CFGI_CD_ALL', { StreamID })],
    // Another SubstreamID of the same level 2 table.
    [2 * cd, () => world.bareCommand('CMD_CFGI_CD', { StreamID, SubstreamID: SubstreamID ^ 1n, Leaf })],
    [
      1,
      () =>
        world.bareCommand('CMD_CFGI_CD', {
          StreamID,
          SubstreamID: (SubstreamID + (1n << BigInt(leafBits))) & 0xf_ffffn,
          Leaf,
        }),
    ],
    [1, () => world.bareCommand('CMD_CFGI_CD', { StreamID: StreamID ^ 1n, SubstreamID, Leaf })],
    [
      1,
      () => world.bareCommand('CMD_CFGI_CD', { StreamID, SubstreamID: BigInt(2 ** target.ssidSize) & 0xf_ffffn, Leaf }),
    ],
    [1, () => world.bareCommand('CMD_PREFETCH_CONFIG', { StreamID, SSV: 1n, SubstreamID })],
    [1, () => undefined],
  ])();
}

function restore(world: World, tabled: Tabled): void {
  for (const { cd } of tabled.pages) world.cd(cd);
  if (tabled.leafBits > 0) world.push({ do: 'l1cd', index: 0 });
  world.ste(tabled.stream, 0, steSet(tabled, {}));
  world.bareCommand('CMD_CFGI_ALL');
  world.bareCommand('CMD_TLBI_NSNH_ALL');
  world.sync();
}
