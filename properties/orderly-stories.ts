/**
 * Orderly stories (orderly.ts) for the laws that compare two runs: streams with stage 1 tables of every granule, some of them broken;
 * devices that read and write; and changes in between, each followed by its invalidations.
 */
import { Arbitrary, Value } from 'fast-check';
import type { Random, Stream } from 'fast-check';
import type { CdFields } from '../scenario/encode/cd.ts';
import type { DescriptorFields } from '../scenario/encode/descriptor.ts';
import type { SteFields } from '../scenario/encode/ste.ts';
import type { Profile } from '../scenario/features.ts';
import type { Granule } from '../scenario/layout.ts';
import { PATTERN_BASE } from '../scenario/memory-map.ts';
import type { Scenario } from '../scenario/steps.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import type { Described } from '../subjects/subject.ts';
import { scenarios } from './arbitraries/scenarios.ts';
import type { World } from './arbitraries/world.ts';
import type { DrawableArbitrary } from './property.ts';
import { INVALIDATE_ALL } from './transform.ts';

/** Which builds and streams a law wants. */
export interface Wanted {
  readonly features?: Profile;
  /** Beside the usual ones, where the subject takes any StreamID. */
  readonly streams?: readonly number[];
  readonly strtabLog2Size?: number;
  /** At least so many streams have structures. */
  readonly clients?: number;
}

/** Every law's: stage 1, queues that hold what a story puts in them, tables that are stored as the steps write them. */
const USUAL: Profile = { S1P: 1, CMDQS: 8, EVENTQS: 7, TTENDIAN: 0 };

/** Orderly scenarios for builds of the subject that have what is wanted; for the subject as it is when there are none. */
export function orderlyScenarios(subject: Described, wanted: Wanted = {}): DrawableArbitrary {
  let idRegisters = subject.idRegisters;
  const { configure } = subject;
  const builds =
    configure === undefined
      ? {}
      : {
          configure: (profile: Profile) => {
            const built = configure.call(subject, { ...profile, ...USUAL, ...wanted.features });
            if (built !== undefined) ({ idRegisters } = built);
            return built;
          },
        };
  const described = { capabilities: subject.capabilities, idRegisters: subject.idRegisters, ...builds };
  const story = (world: World): void => orderlyStory(world, idRegisters, wanted);
  return scenarios(described, [{ name: 'orderly', weight: 1, story, asides: 'none' }]);
}

/** Half of each. */
export function halfAndHalf(one: DrawableArbitrary, two: DrawableArbitrary): DrawableArbitrary {
  return new HalfAndHalf(one, two);
}

class HalfAndHalf extends Arbitrary<Scenario> {
  readonly #one: DrawableArbitrary;
  readonly #two: DrawableArbitrary;

  constructor(one: DrawableArbitrary, two: DrawableArbitrary) {
    super();
    this.#one = one;
    this.#two = two;
  }

  draw(random: Random): Scenario {
    return (random.nextInt(0, 1) === 0 ? this.#one : this.#two).draw(random);
  }

  override generate(random: Random): Value<Scenario> {
    return new Value(this.draw(random), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is Scenario {
    return this.#one.canShrinkWithoutContext(value);
  }

  override shrink(value: Scenario, context: unknown): Stream<Value<Scenario>> {
    return this.#one.shrink(value, context);
  }
}

/** Apart in every table node that scenario/layout.ts gives them, and whole pages of each granule. */
const PLACES: readonly bigint[] = [0x1_0000n, 0x2_0000n, 0x3_0000n, 0x21_0000n, 0x62_0000n, 0xe3_0000n];
const BLOCKS: readonly bigint[] = [0x80_0000n, 0xa0_0000n];
/** Bits [63:39]: in the upper half for every T1SZ up to 25. */
const HIGH = 0xffff_ff80_0000_0000n;

interface Page {
  readonly va: bigint;
  readonly level: 2 | 3;
}

interface Client {
  readonly stream: number;
  readonly cd: number;
  readonly granule: Granule;
  readonly pages: readonly Page[];
}

function orderlyStory(world: World, idRegisters: IdRegisters, wanted: Wanted): void {
  const { draw, target } = world;
  const streams = target.anyStream ? [...target.streams, ...(wanted.streams ?? [])] : target.streams;
  const count = Math.max(wanted.clients ?? 1, draw.between(1, 3));
  const pages = new Pages();
  const clients = draw.some(streams, count).map((stream, index) => {
    const granule = draw.pick(granulesOf(idRegisters));
    return addClient(world, stream, draw.chance(50) ? index : index + 4, granule, pages);
  });
  const { strtabLog2Size } = wanted;
  world.push({ do: 'boot', ...(strtabLog2Size === undefined ? {} : { strtabLog2Size }) });
  const rounds = draw.between(4, 7);
  for (let round = 0; round < rounds; round += 1) {
    if (draw.chance(25)) change(world, draw.pick(clients), pages);
    const accesses = draw.between(1, 3);
    for (let at = 0; at < accesses; at += 1) access(world, draw.pick(clients));
    if (draw.chance(10)) dma(world, draw.pick(streams), 0x1_0000n);
    if (draw.chance(20)) world.push({ do: 'events' });
  }
}

function granulesOf({ IDR5 }: IdRegisters): Granule[] {
  const all: readonly Granule[] = ['4K', '16K', '64K'];
  const had = all.filter((_, index) => ((IDR5 >>> (4 + index)) & 1) === 1);
  return had.length === 0 ? ['4K'] : had;
}

/** Physical pages of 64 KiB in the pattern window, each given once while there are any. */
class Pages {
  #next = 0;
  fresh(): bigint {
    this.#next = (this.#next + 1) % 64;
    return PATTERN_BASE + BigInt(this.#next) * 0x1_0000n;
  }
}

const TG0: Readonly<Record<Granule, bigint>> = { '4K': 0n, '16K': 2n, '64K': 1n };
const TG1: Readonly<Record<Granule, bigint>> = { '4K': 2n, '16K': 1n, '64K': 3n };

function addClient(world: World, stream: number, cd: number, granule: Granule, pages: Pages): Client {
  const { draw } = world;
  writeCd(world, cd, granule, draw.chance(40) ? cdFields(world) : {});
  writeSte(world, stream, cd, draw.chance(25) ? steFields(world) : {});
  const places: Page[] = draw.some(PLACES, draw.between(1, 3)).map((va) => ({ va, level: 3 }));
  if (granule === '4K' && draw.chance(40)) places.push({ va: draw.pick(BLOCKS), level: 2 });
  const mapped = places.map(({ va, level }) => ({ va: draw.chance(25) ? va | HIGH : va, level }));
  const client = { stream, cd, granule, pages: mapped };
  for (const page of mapped) map(world, client, page, pages);
  return client;
}

function writeCd(world: World, cd: number, granule: Granule, fields: CdFields): void {
  const set = granule === '4K' ? fields : { TG0: TG0[granule], TG1: TG1[granule], ...fields };
  world.push({ do: 'cd', cd, ...(Object.keys(set).length === 0 ? {} : { set }) });
}

function writeSte(world: World, stream: number, cd: number, set: SteFields): void {
  world.push({
    do: 'ste',
    stream,
    ...(cd === 0 ? {} : { cd }),
    ...(Object.keys(set).length === 0 ? {} : { set }),
  });
}

function cdFields(world: World): CdFields {
  const { draw } = world;
  return draw.pick<CdFields>([
    { V: 0n },
    { T0SZ: BigInt(draw.between(16, 39)) },
    { T1SZ: BigInt(draw.between(16, 25)) },
    { TBI0: 1n },
    { EPD0: 1n },
    { WXN: 1n },
    { PAN: 1n },
    { AFFD: 1n },
    { R: 0n },
    { A: 0n },
    { IPS: BigInt(draw.between(0, 5)) },
  ]);
}

function steFields(world: World): SteFields {
  const { draw } = world;
  return draw.pick<SteFields>([{ V: 0n }, { Config: 0n }, { PRIVCFG: 2n }, { PRIVCFG: 3n }, { INSTCFG: 3n }]);
}

function map(world: World, { cd, granule }: Client, { va, level }: Page, pages: Pages): void {
  const { draw } = world;
  const pa = level === 2 ? PATTERN_BASE + BigInt(draw.between(0, 1)) * 0x20_0000n : pages.fresh();
  const set = draw.chance(60) ? undefined : leafFields(world);
  world.push({
    do: 'map',
    cd,
    va,
    pa,
    ...(granule === '4K' ? {} : { granule }),
    ...(level === 3 ? {} : { level }),
    ...(set === undefined ? {} : { set }),
  });
}

function leafFields(world: World): DescriptorFields {
  const { draw } = world;
  return draw.pick<DescriptorFields>([
    { AP: BigInt(draw.between(0, 3)) },
    { AF: 0n },
    { UXN: 1n, PXN: 1n },
    { UXN: 1n, AP: 2n },
    { AttrIndx: 2n, SH: 0n },
  ]);
}

/** Software changes something of a client and sees to it that no cache remembers. */
function change(world: World, client: Client, pages: Pages): void {
  const { draw } = world;
  const { cd, stream, granule } = client;
  const page = draw.pick(client.pages);
  draw.pick<() => void>([
    () => map(world, client, page, pages),
    () =>
      world.push({
        do: 'unmap',
        cd,
        va: page.va,
        ...(granule === '4K' ? {} : { granule }),
        ...(page.level === 3 ? {} : { level: page.level }),
      }),
    () => writeCd(world, cd, granule, cdFields(world)),
    () => writeSte(world, stream, cd, draw.chance(50) ? steFields(world) : {}),
  ])();
  for (const step of INVALIDATE_ALL) world.push(step);
}

/** 4 KiB pages of a leaf. */
const PAGES_OF: Readonly<Record<Granule, number>> = { '4K': 1, '16K': 4, '64K': 16 };

function access(world: World, { stream, granule, pages }: Client): void {
  const { draw } = world;
  const page = draw.pick(pages);
  const mapped = page.level === 2 ? 512 : PAGES_OF[granule];
  const offset = BigInt(draw.chance(85) ? draw.between(0, mapped - 1) : mapped) * 0x1000n;
  dma(world, stream, page.va + offset);
  // Again, and from a cache if there is one.
  if (draw.chance(50)) dma(world, stream, page.va + offset);
}

function dma(world: World, stream: number, page: bigint): void {
  const { draw } = world;
  world.dma(stream, page + 8n * BigInt(draw.between(0, 500)), {
    write: draw.chance(30),
    bytes: draw.pick([8, 8, 16, 32, 64]),
    privileged: draw.chance(30),
    instruction: draw.chance(15),
  });
}
