import { describe, expect, test } from 'vitest';
import { DATA, Driver, upper } from '../testing.ts';
import type { FieldValue } from '../testing.ts';
import { bootBoth, FOUR_KB, IPA_OFFSET, nested, pokeSte, S1_RW, S2_RW, stage2Only, Tables } from '../testing-tables.ts';
import type { Shape } from '../testing-tables.ts';

const VA = 0x1000;
const OTHER = DATA + 0x10_0000;
const IPA = 2 ** 41;
const at = (d: Driver, address: number = VA, stream = 1): number => d.dmaRead(stream, address).outputAddress;
const vmid = (value: number): FieldValue => [47, 32, value];
const asid = (value: number): FieldValue => [63, 48, value];
const address = (value: number): FieldValue[] => [
  [95, 76, Math.floor(value / 4096) % 2 ** 20],
  [127, 96, Math.floor(value / 2 ** 32)],
];
const leaf = (value: number): FieldValue => [64, 64, value];

type Case = [string, (d: Driver) => void];
const NSNH_ALL: Case = ['NSNH_ALL', (d) => d.command(0x30)];
const S12_VMALL: Case = ['S12_VMALL', (d) => d.command(0x28, vmid(7))];
const NH_ALL: Case = ['NH_ALL', (d) => d.command(0x10, vmid(7))];
const NH_ASID: Case = ['NH_ASID', (d) => d.command(0x11, vmid(7), asid(1))];
const NH_VA: Case = ['NH_VA', (d) => d.command(0x12, vmid(7), asid(1), ...address(VA), leaf(1))];
const NH_VAA: Case = ['NH_VAA', (d) => d.command(0x13, vmid(7), ...address(VA), leaf(1))];
const S2_IPA: Case = ['S2_IPA', (d) => d.command(0x2a, vmid(7), ...address(IPA), leaf(1))];
const OTHER_VMIDS: Case[] = [
  ['S12_VMALL of another VMID', (d) => d.command(0x28, vmid(8))],
  ['NH_ALL of another VMID', (d) => d.command(0x10, vmid(8))],
  ['NH_ASID of another VMID', (d) => d.command(0x11, vmid(8), asid(1))],
  ['NH_VA of another VMID', (d) => d.command(0x12, vmid(8), asid(1), ...address(VA))],
  ['NH_VAA of another VMID', (d) => d.command(0x13, vmid(8), ...address(VA))],
  ['S2_IPA of another VMID', (d) => d.command(0x2a, vmid(8), ...address(IPA))],
];

describe('a stale stage 2-only entry', () => {
  const stale = (): Driver => {
    const { d, s2 } = stage2Only();
    s2.map(IPA, DATA, 3, ...S2_RW);
    at(d, IPA);
    s2.map(IPA, OTHER, 3, ...S2_RW);
    return d;
  };
  test.each([NSNH_ALL, S12_VMALL, S2_IPA])('goes with %s', (_name, command) => {
    const d = stale();
    command(d);
    expect(at(d, IPA)).toBe(OTHER);
  });
  test.each([
    NH_ALL,
    NH_ASID,
    ['NH_VAA of the IPA', (d) => d.command(0x13, vmid(7), ...address(IPA))] as Case,
    ...OTHER_VMIDS,
  ])('stays with %s', (_name, command) => {
    const d = stale();
    command(d);
    expect(at(d, IPA)).toBe(DATA);
  });
});

describe('a stale combined entry', () => {
  const stale = (...fields: FieldValue[]): Driver => {
    const { d, s1, s2 } = nested();
    s1.map(VA, IPA, 3, ...S1_RW, ...fields);
    s2.map(IPA, DATA, 3, ...S2_RW);
    expect(at(d)).toBe(DATA);
    s2.map(IPA, OTHER, 3, ...S2_RW);
    d.command(0x2a, vmid(7), ...address(IPA));
    return d;
  };
  test.each([NSNH_ALL, S12_VMALL, NH_ALL, NH_ASID, NH_VA, NH_VAA])(
    'outlives S2_IPA, and goes with %s',
    (_name, command) => {
      const d = stale();
      expect(at(d)).toBe(DATA);
      command(d);
      expect(at(d)).toBe(OTHER);
    },
  );
  test.each([
    ...OTHER_VMIDS,
    ['NH_ASID of another ASID', (d) => d.command(0x11, vmid(7), asid(2))] as Case,
    ['NH_VA of another ASID', (d) => d.command(0x12, vmid(7), asid(2), ...address(VA))] as Case,
  ])('stays with %s', (_name, command) => {
    const d = stale();
    command(d);
    expect(at(d)).toBe(DATA);
  });
  test('that is global goes with NH_VA of any ASID and not with NH_ASID', () => {
    const d = stale([11, 11, 0]);
    d.command(0x11, vmid(7), asid(1));
    expect(at(d)).toBe(DATA);
    d.command(0x12, vmid(7), asid(99), ...address(VA));
    expect(at(d)).toBe(OTHER);
  });
});

test('stage 2 that a nested walk used for its tables is invalidated by IPA', () => {
  const { d, s1, s2 } = nested();
  const page = s1.descriptorAt(VA, 3) - 8;
  s1.map(VA, IPA, 3, ...S1_RW);
  s2.map(IPA, DATA, 3, ...S2_RW);
  s2.map(2 ** 42, page, 3, ...S2_RW);
  s1.table(VA, 2, [47, 12, 2 ** 42 / 4096]);
  expect(at(d)).toBe(DATA);
  // The stage 1 table moves to another page, which maps the VA elsewhere.
  d.poke(0x4600_0000 + 8, d.peek(page + 8, 2));
  s2.map(2 ** 42, 0x4600_0000, 3, ...S2_RW);
  d.poke(page + 8, new Uint32Array(2));
  d.command(0x12, vmid(7), asid(1), ...address(VA), leaf(1));
  expect(at(d)).toBe(-1);
  d.command(0x2a, vmid(7), ...address(2 ** 42), leaf(1));
  expect(at(d)).toBe(DATA);
});

test('S2_IPA with Leaf keeps Table descriptors of stage 2, without it they go', () => {
  const { d, s2 } = stage2Only();
  s2.map(IPA, DATA, 3, ...S2_RW);
  at(d, IPA);
  const table = s2.descriptorAt(IPA, 3);
  d.poke(0x4600_0000, d.peek(table, 2));
  s2.map(IPA, OTHER, 3, ...S2_RW);
  s2.table(IPA, 2, [47, 12, 0x4600_0000 / 4096]);
  d.command(0x2a, vmid(7), ...address(IPA), leaf(1));
  expect(at(d, IPA)).toBe(OTHER);
  d.command(0x2a, vmid(7), ...address(IPA), leaf(0));
  expect(at(d, IPA)).toBe(DATA);
});

describe('VMIDs', () => {
  test('tell the same VA and ASID, and the same IPA, apart, also when global', () => {
    const d = bootBoth();
    const first = new Tables(d, FOUR_KB);
    const second = new Tables(d, FOUR_KB, 2);
    for (const [tables, output, stream] of [
      [first, DATA, 1],
      [second, OTHER, 2],
    ] as const) {
      tables.map(IPA, output, 3, ...S2_RW);
      pokeSte(d, stream, 0b110, tables, [143, 128, 0x107 + stream * 0x100]);
    }
    for (let round = 0; round < 2; round++) expect([at(d, IPA, 1), at(d, IPA, 2)]).toEqual([DATA, OTHER]);
  });

  test('tag stage 1-only streams as well, when stage 2 is implemented', () => {
    const d = bootBoth();
    d.ste(1, [143, 128, 1]);
    d.ste(2, [143, 128, 2], [55, 6, 0x4014_0040 / 64]);
    d.cd(0, [63, 48, 9]);
    d.cd(1, [63, 48, 9]);
    d.map(VA, DATA, 3, 0, [11, 11, 0]);
    d.map(VA, OTHER, 3, 1, [11, 11, 0]);
    for (let round = 0; round < 2; round++) expect([at(d, VA, 1), at(d, VA, 2)]).toEqual([DATA, OTHER]);
    d.map(VA, OTHER, 3, 0);
    d.command(0x10, vmid(2));
    expect(at(d, VA, 1)).toBe(DATA);
    d.command(0x10, vmid(1));
    expect(at(d, VA, 1)).toBe(OTHER);
  });

  test('above 8 bits without VMID16 name nothing', () => {
    const { d, s2 } = stage2Only({ features: { vmid16: false } });
    at(d, DATA + IPA_OFFSET);
    s2.unmap(DATA + IPA_OFFSET, 1);
    for (const opcode of [0x28, 0x2a]) d.command(opcode, vmid(0x107), ...address(DATA + IPA_OFFSET));
    expect(at(d, DATA + IPA_OFFSET)).toBe(DATA);
    d.command(0x28, vmid(7));
    expect(at(d, DATA + IPA_OFFSET)).toBe(-1);
  });

  test('nested and stage 1-only streams with the same tags do not take each other for their own', () => {
    const { d, s1 } = nested();
    s1.map(VA, IPA_OFFSET + DATA, 3, ...S1_RW);
    d.ste(2, [143, 128, 7]);
    d.cd(1, [63, 48, 1]);
    d.ste(2, [143, 128, 7], [55, 6, 0x4014_0040 / 64]);
    d.map(VA, OTHER, 3, 1);
    for (let round = 0; round < 2; round++) expect([at(d, VA, 1), at(d, VA, 2)]).toEqual([DATA, OTHER]);
  });
});

describe('by address', () => {
  const SHAPES: [string, Shape, number, number][] = [
    ['4KB', FOUR_KB, 1, 12],
    ['16KB', { granule: 14, inputBits: 44, startLevel: 1 }, 2, 14],
    ['64KB', { granule: 16, inputBits: 44, startLevel: 1 }, 3, 16],
  ];
  test.each(SHAPES)(
    'a range of a %s granule covers as many of them, of that granule alone',
    (_name, shape, tg, bits) => {
      const d = bootBoth();
      const s2 = new Tables(d, shape);
      const size = 2 ** bits;
      const output = (page: number, generation: number) => DATA + page * size + generation * 0x10_0000;
      const fill = (generation: number) => {
        for (let page = 0; page < 8; page++) s2.map(page * size, output(page, generation), 3, ...S2_RW);
      };
      const generations = () => [...Array(8).keys()].map((page) => (at(d, page * size) === output(page, 0) ? 0 : 1));
      fill(0);
      pokeSte(d, 1, 0b110, s2);
      generations();
      fill(1);
      const range = (granule: number, num: number, scale: number, ttl: number) =>
        d.command(0x2a, vmid(7), ...address(size), [16, 12, num], [24, 20, scale], [73, 72, ttl], [75, 74, granule]);
      range((tg % 3) + 1, 7, 0, 3);
      range(tg, 7, 0, 2);
      expect(generations()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
      range(tg, 2, 0, 3);
      expect(generations()).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
      range(tg, 2, 1, 0);
      expect(generations()).toEqual([0, 1, 1, 1, 1, 1, 1, 0]);
    },
  );

  test('any address inside a stage 1 block drops all that stage 2 has split it into', () => {
    const { d, s1, s2 } = nested();
    s1.map(0x20_0000, IPA, 2, ...S1_RW);
    for (const page of [0, 5]) s2.map(IPA + page * 0x1000, DATA, 3, ...S2_RW);
    const pages = () => [0, 5].map((page) => at(d, 0x20_0000 + page * 0x1000));
    pages();
    for (const page of [0, 5]) s2.map(IPA + page * 0x1000, OTHER, 3, ...S2_RW);
    d.command(0x28 + 2, vmid(7), ...address(IPA), [75, 74, 1], [16, 12, 7], leaf(1));
    expect(pages()).toEqual([DATA, DATA]);
    d.command(0x12, vmid(7), asid(1), ...address(0x20_3000), [75, 74, 1], [73, 72, 3], leaf(1));
    expect(pages()).toEqual([DATA, DATA]);
    d.command(0x12, vmid(7), asid(1), ...address(0x20_0000), [75, 74, 1], [73, 72, 2], leaf(1));
    expect(pages()).toEqual([OTHER, OTHER]);
  });

  test('without RIL the range fields are not looked at', () => {
    const { d, s2 } = stage2Only({ features: { ril: false, fwb: false, bbml: 0, archMinorRev: 1 } });
    s2.map(IPA, DATA, 3, ...S2_RW);
    at(d, IPA);
    s2.map(IPA, OTHER, 3, ...S2_RW);
    d.command(0x2a, vmid(7), ...address(IPA), [75, 74, 3], [73, 72, 1], [16, 12, 0]);
    expect(at(d, IPA)).toBe(OTHER);
    const again = Driver.booted({ features: { ril: false, fwb: false, bbml: 0, archMinorRev: 1 } });
    again.command(0x12, [75, 74, 1]);
    expect(again.read(0x9c)).toBe(1);
  });
});

describe('stage 1 granules', () => {
  test.each<[string, Shape, number, boolean]>([
    ['16KB page', { granule: 14, inputBits: 48, startLevel: 0 }, 3, true],
    ['16KB block at level 2', { granule: 14, inputBits: 47, startLevel: 1 }, 2, true],
    ['16KB block at level 1', { granule: 14, inputBits: 47, startLevel: 1 }, 1, false],
    ['16KB, one level', { granule: 14, inputBits: 25, startLevel: 3 }, 3, true],
    ['64KB page', { granule: 16, inputBits: 48, startLevel: 1 }, 3, true],
    ['64KB block at level 2', { granule: 16, inputBits: 42, startLevel: 2 }, 2, true],
    ['64KB block at level 1', { granule: 16, inputBits: 48, startLevel: 1 }, 1, false],
    ['64KB, one level', { granule: 16, inputBits: 29, startLevel: 3 }, 3, true],
  ])('%s', (_name, shape, level, legal) => {
    const d = bootBoth({ features: { oas: 48 } });
    const s1 = new Tables(d, shape);
    const size = 2 ** s1.shift(level);
    const top = 2 ** shape.inputBits - size;
    const output = Math.ceil(DATA / size) * size;
    // Bits of the address below the size are not part of it.
    s1.map(top, output, level, ...S1_RW, [12, 12, 1]);
    const tg0 = shape.granule === 14 ? 0b10 : 0b01;
    d.cd(0, [5, 0, 64 - shape.inputBits], [7, 6, tg0], [115, 68, s1.base / 16], [34, 32, 0b101]);
    d.ste(1);
    expect(at(d, top + 0x9a8)).toBe(legal ? output + 0x9a8 : -1);
    expect(at(d, top + size - 8)).toBe(legal ? output + size - 8 : -1);
    if (legal) expect(d.takeEvents()).toEqual([]);
    else expect(d.takeEventNumbers()).toEqual([0x10, 0x10]);
  });

  test('TG1 has its own encoding, and each half its granule', () => {
    const d = bootBoth();
    const low = new Tables(d, { granule: 16, inputBits: 42, startLevel: 2 });
    const high = new Tables(d, { granule: 14, inputBits: 36, startLevel: 2 }, 1);
    low.map(0x1_0000, DATA, 3, ...S1_RW);
    high.map(0x4000, OTHER, 3, ...S1_RW);
    d.cd(
      0,
      [5, 0, 22],
      [7, 6, 0b01],
      [115, 68, low.base / 16],
      [21, 16, 28],
      [23, 22, 0b01],
      [179, 132, high.base / 16],
    );
    d.ste(1);
    expect(at(d, 0x1_0000)).toBe(DATA);
    expect(d.dmaRead(1, [0xffff_fff0, 0x4000]).outputAddress).toBe(OTHER);
    expect(d.dmaRead(1, upper(0x4000)).outputAddress).toBe(-1);
  });

  test.each([
    [{ stt: true }, 12, 48, 0x0],
    [{ stt: true }, 16, 47, 0x0],
    [{ stt: true }, 16, 48, 0x0a],
    [{}, 12, 40, 0x0a],
    [{ gran64k: false }, 16, 20, 0x0a],
    [{ gran4k: false }, 12, 20, 0x0a],
  ])('%j: granule 2^%i, T0SZ %i gives event %i', (features, granule, t0sz, number) => {
    const d = bootBoth({ features });
    const s1 = new Tables(d, { granule: granule as 12 | 16, inputBits: 64 - t0sz, startLevel: 3 });
    s1.map(0, DATA, 3, ...S1_RW);
    d.cd(0, [5, 0, t0sz], [7, 6, granule === 12 ? 0 : 1], [115, 68, s1.base / 16], [30, 30, 1]);
    d.ste(1);
    at(d, 0);
    expect(d.takeEventNumbers()).toEqual(number === 0 ? [] : [number]);
  });
});
