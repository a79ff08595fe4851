import { describe, expect, test } from 'vitest';
import { DATA, Driver, HOLE, pack, unpack, upper } from '../testing.ts';
import type { FieldValue, Va } from '../testing.ts';

const F_TRANSLATION = 0x10;
const F_ADDR_SIZE = 0x11;
const F_ACCESS = 0x12;
const F_PERMISSION = 0x13;

/** Output address, or minus the number of the event. */
function translate(d: Driver, va: Va): number {
  const { outputAddress } = d.dmaRead(1, va, { privileged: true });
  const [event] = d.takeEventNumbers();
  return event === undefined ? outputAddress : -event;
}

describe('input ranges', () => {
  test.each([
    ['the bottom of the lower half', 0, 0],
    ['the top of the lower half', 2 ** 48 - 4096, 2 ** 48 - 4096],
    ['the top of the upper half', upper(2 ** 48 - 4096), upper(2 ** 48 - 4096)],
    ['the bottom of the upper half', upper(0), upper(0)],
  ] as const)('%s translates', (_name, va, mapped) => {
    const d = Driver.mapped();
    d.map(mapped, DATA);
    expect(translate(d, va)).toBe(DATA);
  });

  test.each<[string, Va]>([
    ['just above the lower half', 2 ** 48],
    ['just below the upper half', [0xfffe_ffff, 0xffff_f000]],
    ['a tagged lower address', [0x0100_0000, 0x1000]],
    ['a tagged upper address', [0x7fff_0000, 0x1000]],
    ['bit 55 alone', [0x0080_0000, 0x1000]],
  ])('%s is F_TRANSLATION', (_name, va) => {
    const d = Driver.mapped();
    d.map(upper(0x1000), DATA);
    expect(translate(d, va)).toBe(-F_TRANSLATION);
  });

  test('TBI ignores the top byte of its own half only, chosen by bit 55', () => {
    const d = Driver.mapped();
    d.map(upper(0x1000), DATA + 0x1000);
    d.cd(0, [38, 38, 1]);
    expect(translate(d, [0xab00_0000, 0x1000])).toBe(DATA);
    expect(translate(d, [0x7fff_0000, 0x1000])).toBe(-F_TRANSLATION);
    d.cd(0, [39, 39, 1]);
    d.cfgiCd(1);
    expect(translate(d, [0xab00_0000, 0x1000])).toBe(-F_TRANSLATION);
    expect(translate(d, [0x12ff_0000, 0x1000])).toBe(DATA + 0x1000);
    expect(translate(d, [0x12fe_0000, 0x1000])).toBe(-F_TRANSLATION);
  });

  test('an event of a tagged address keeps the tag', () => {
    const d = Driver.mapped();
    d.cd(0, [38, 38, 1]);
    d.dmaRead(1, [0xab00_0000, 0x9000]);
    expect(d.takeEvents()[0]![5]).toBe(0xab00_0000);
  });

  test('EPDx faults its half without reading a descriptor', () => {
    const d = Driver.mapped();
    d.cd(0, [14, 14, 1], [115, 68, HOLE / 16]);
    d.map(upper(0x1000), DATA);
    expect(translate(d, 0x1000)).toBe(-F_TRANSLATION);
    expect(translate(d, upper(0x1000))).toBe(DATA);
  });
});

describe('the first lookup', () => {
  /** A table of `size` bytes at the odd multiple of its size, holding one block or page for `va` at `level`. */
  test.each([
    [16, 0, 2 ** 48, 4096],
    [24, 0, 2 ** 40, 16],
    [25, 1, 2 ** 39, 4096],
    [33, 1, 2 ** 31, 16],
    [34, 2, 2 ** 30, 4096],
    [39, 2, 2 ** 25, 128],
  ])('with TxSZ %i is at level %i', (txsz, level, span, tableBytes) => {
    const d = Driver.mapped();
    const shift = 39 - 9 * level;
    const table = 0x4030_0000 + tableBytes;
    const va = span - 2 ** shift;
    d.poke(
      table + tableBytes - 8,
      pack(2, [
        [1, 0, level === 0 ? 0b11 : 0b01],
        [10, 10, 1],
        [47, 12, 0x4031_0000 / 4096],
      ]),
    );
    d.poke(
      0x4031_0000,
      pack(2, [
        [1, 0, 0b01],
        [10, 10, 1],
        [47, 12, DATA / 4096],
      ]),
    );
    // Low bits of TTB0 are aligned away.
    d.cd(0, [5, 0, txsz], [115, 68, table / 16 + (tableBytes > 16 ? 1 : 0)]);
    const expected =
      level === 0 ? Math.floor(DATA / 2 ** 30) * 2 ** 30 : Math.floor(0x4031_0000 / 2 ** shift) * 2 ** shift;
    expect(translate(d, va)).toBe(expected);
    expect(translate(d, span)).toBe(-F_TRANSLATION);
  });

  test('through TTB1 the sign bits are no index', () => {
    const d = Driver.mapped();
    d.cd(0, [21, 16, 25], [179, 132, 0x4030_0000 / 16]);
    d.poke(
      0x4030_0000 + 8 * 511,
      pack(2, [
        [1, 0, 0b01],
        [10, 10, 1],
        [47, 12, 0x4000_0000 / 4096],
      ]),
    );
    expect(translate(d, [0xffff_ffff, 0xc000_0123])).toBe(0x4000_0123);
    expect(translate(d, [0xffff_ff7f, 0xffff_f000])).toBe(-F_TRANSLATION);
  });
});

describe('descriptors', () => {
  test('pages and blocks pass the low bits through', () => {
    const d = Driver.mapped();
    d.map(0x20_0000, 0x4120_0000, 2);
    d.map(0x4000_0000, 0x4000_0000, 1);
    expect(translate(d, 0x1abc)).toBe(DATA + 0xabc);
    expect(translate(d, 0x34_5678)).toBe(0x4134_5678);
    expect(translate(d, 0x7654_3210)).toBe(0x7654_3210);
  });

  test.each<[string, number, FieldValue, number]>([
    ['an invalid one with every other bit set', 3, [63, 1, 2 ** 53 - 1], F_TRANSLATION],
    ['0b01 at level 3', 3, [1, 0, 0b01], F_TRANSLATION],
    ['a block at level 0', 0, [1, 0, 0b01], F_TRANSLATION],
    ['AF = 0 in a page', 3, [10, 10, 0], F_ACCESS],
    ['AF = 0 in a block', 2, [10, 10, 0], F_ACCESS],
    ['a page above IPS', 3, [47, 44, 1], F_ADDR_SIZE],
    ['a block above IPS', 1, [47, 47, 1], F_ADDR_SIZE],
  ])('%s faults', (_name, level, field, event) => {
    const d = Driver.mapped();
    const va = 0x80_4000_0000;
    d.map(
      va,
      0x4000_0000,
      level,
      0,
      field,
      ...(event === F_TRANSLATION && field[0] === 63 ? [[0, 0, 0] as const] : []),
    );
    expect(translate(d, va)).toBe(-event);
  });

  test('AFFD takes AF as 1 and leaves memory alone', () => {
    const d = Driver.mapped();
    d.cd(0, [35, 35, 1]);
    d.map(0x1000, DATA, 3, 0, [10, 10, 0]);
    expect(translate(d, 0x1000)).toBe(DATA);
    expect(unpack(d.peek(d.descriptorAt(0x1000, 3), 2), 10)).toBe(0);
  });

  test.each([0, 1, 2])('a Table descriptor at level %i above IPS is F_ADDR_SIZE, and is not followed', (level) => {
    const d = Driver.mapped();
    d.table(0x1000, level, 0, [47, 44, 1]);
    expect(translate(d, 0x1000)).toBe(-F_ADDR_SIZE);
  });

  test('the size check uses IPS when it is less than OAS, and OAS when it is not', () => {
    const d = Driver.mapped();
    d.cd(0, [34, 32, 0b000]);
    d.map(0x1000, DATA + 2 ** 32);
    expect(translate(d, 0x1000)).toBe(-F_ADDR_SIZE);
    d.cd(0, [34, 32, 0b101]);
    d.cfgiCd(1);
    expect(translate(d, 0x1000)).toBe(DATA + 2 ** 32);
    d.map(0x2000, DATA + 2 ** 44);
    expect(translate(d, 0x2000)).toBe(-F_ADDR_SIZE);
  });

  test.each<[string, FieldValue[]]>([
    [
      'software and ignored bits',
      [
        [58, 55, 15],
        [63, 63, 1],
      ],
    ],
    ['NS', [[5, 5, 1]]],
    [
      'SH and AttrIndx',
      [
        [9, 8, 3],
        [4, 2, 7],
      ],
    ],
    ['bits [49:48]', [[49, 48, 3]]],
    ['GP, DBM and Contiguous', [[52, 50, 7]]],
  ])('a leaf ignores %s', (_name, fields) => {
    const d = Driver.mapped();
    d.map(0x1000, DATA, 3, 0, ...fields);
    expect(translate(d, 0x1000)).toBe(DATA);
  });

  test('a block ignores the address bits below its size, a Table its software bits', () => {
    const d = Driver.mapped();
    d.map(0x20_0000, 0x4120_0000, 2, 0, [20, 12, 0x1ef]);
    d.table(0x20_0000, 1, 0, [11, 2, 0x3ff], [58, 51, 0xff], [63, 63, 1]);
    expect(translate(d, 0x20_0000)).toBe(0x4120_0000);
  });

  test('faults come in order: address size, access flag, permission', () => {
    const d = Driver.mapped();
    const wrong: FieldValue[] = [
      [54, 53, 0b11],
      [10, 10, 0],
      [47, 44, 1],
    ];
    const execute = (): number[] => {
      d.dmaRead(1, 0x1000, { instruction: true });
      return d.takeEventNumbers();
    };
    for (const [count, event] of [
      [3, F_ADDR_SIZE],
      [2, F_ACCESS],
      [1, F_PERMISSION],
    ] as const) {
      d.map(0x1000, DATA, 3, 0, ...wrong.slice(0, count));
      expect(execute()).toEqual([event]);
    }
  });

  test('tables may be big-endian', () => {
    const d = Driver.mapped();
    for (let level = 0; level < 4; level++) {
      const at = d.descriptorAt(0x1000, level);
      const bytes = new Uint8Array(8);
      d.system.readMemory(at, bytes);
      d.system.writeMemory(at, bytes.reverse());
    }
    d.cd(0, [15, 15, 1]);
    expect(translate(d, 0x1008)).toBe(DATA + 8);
  });

  test('no descriptor is ever written', () => {
    const d = Driver.mapped();
    d.map(0x1000, DATA, 3, 0, [51, 51, 1], [7, 6, 0b11]);
    const before = d.peek(d.descriptorAt(0x1000, 3), 2);
    d.dmaWrite(1, 0x1000);
    d.dmaRead(1, 0x1000);
    expect(d.peek(d.descriptorAt(0x1000, 3), 2)).toEqual(before);
  });
});
