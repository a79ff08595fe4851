import { describe, expect, test } from 'vitest';
import { CDS, DATA, HOLE, unpack } from '../testing.ts';
import type { Driver, FieldValue } from '../testing.ts';
import { bootBoth, FOUR_KB, IPA_OFFSET, nested, pokeSte, S1_RW, S2_RW, stage2Only, Tables } from '../testing-tables.ts';
import type { Shape } from '../testing-tables.ts';

const IPA_DATA = DATA + IPA_OFFSET;
const VA = 0x1000;
const CLASS = { 0: 'CD', 1: 'TT', 2: 'IN' } as const;

/** Of the one event since the last look: what it says; undefined: there is none. */
function event(d: Driver): object | undefined {
  const [record, second] = d.takeEvents();
  expect(second).toBeUndefined();
  if (record === undefined) return undefined;
  const number = unpack(record, 7, 0);
  const seen = { number, s2: unpack(record, 103), class: CLASS[unpack(record, 105, 104) as 0 | 1 | 2] };
  if (number === 0x0b) return { ...seen, fetch: unpack(record, 247, 195) * 8 };
  expect(unpack(record, 203, 192)).toBe(0);
  return seen.s2 === 1 ? { ...seen, ipa: unpack(record, 247, 204) * 4096 } : seen;
}
const S2_IN = { s2: 1, class: 'IN' };

describe('stage 2 alone', () => {
  test('takes the input address for an IPA, with no CD', () => {
    const { d } = stage2Only();
    expect(d.dmaRead(1, IPA_DATA + 8)).toMatchObject({ result: 'ok', outputAddress: DATA + 8 });
    expect(d.dmaRead(1, IPA_DATA + 16)).toMatchObject({ result: 'ok', outputAddress: DATA + 16 });
    expect(event(d)).toBeUndefined();
  });

  test('refuses an IPA above IAS as stage 1 address size fault, always recorded, and one outside its table as F_TRANSLATION', () => {
    const { d, s2 } = stage2Only();
    pokeSte(d, 1, 0b110, s2, [165, 160, 24], [186, 186, 0]);
    expect(d.dmaRead(1, 2 ** 44).result).toBe('abort');
    expect(event(d)).toEqual({ number: 0x11, s2: 0, class: 'IN' });
    expect(d.dmaRead(1, 2 ** 40).result).toBe('abort');
    expect(event(d)).toBeUndefined();
    pokeSte(d, 1, 0b110, s2, [165, 160, 24]);
    d.cfgiSte(1);
    d.dmaRead(1, 2 ** 40 + 0x5678);
    expect(event(d)).toEqual({ number: 0x10, ...S2_IN, ipa: 2 ** 40 + 0x5000 });
  });

  test.each<[string, FieldValue[], number, number]>([
    ['not valid', [[0, 0, 0]], 1, 0x10],
    ['above S2PS', [[47, 44, 1]], 1, 0x11],
    ['AF = 0', [[10, 10, 0]], 1, 0x12],
    ['S2AP = 0', [[7, 6, 0]], 1, 0x13],
    ['write only', [[7, 6, 2]], 1, 0x13],
    ['a block at level 0', [[1, 0, 1]], 0, 0x10],
  ])('with a leaf %s faults', (_name, fields, level, number) => {
    const { d, s2 } = stage2Only();
    s2.map(2 ** 40, 0x4000_0000, level, ...S2_RW, ...fields);
    expect(d.dmaRead(1, 2 ** 40 + 0x1238).result).toBe('abort');
    expect(event(d)).toEqual({ number, ...S2_IN, ipa: 2 ** 40 + 0x1000 });
    pokeSte(d, 1, 0b110, s2, [186, 186, 0]);
    d.cfgiSte(1);
    expect(d.dmaRead(1, 2 ** 40).result).toBe('abort');
    expect(event(d)).toBeUndefined();
  });

  test('S2AFFD takes AF as 1, S2PS above OAS counts as OAS', () => {
    const { d, s2 } = stage2Only();
    s2.map(IPA_OFFSET, DATA, 3, ...S2_RW, [10, 10, 0]);
    pokeSte(d, 1, 0b110, s2, [181, 181, 1], [178, 176, 0b111]);
    expect(d.dmaRead(1, IPA_OFFSET).outputAddress).toBe(DATA);
    s2.map(IPA_OFFSET + 0x1000, 2 ** 44, 3, ...S2_RW);
    d.dmaRead(1, IPA_OFFSET + 0x1000);
    expect(event(d)).toMatchObject({ number: 0x11 });
  });

  test('S2PS limits the addresses of tables as well', () => {
    const { d, s2 } = stage2Only();
    s2.map(0x5000, DATA, 3, ...S2_RW);
    s2.table(0x5000, 1, [47, 36, 1]);
    pokeSte(d, 1, 0b110, s2, [178, 176, 0b001]);
    d.dmaRead(1, 0x5000);
    expect(event(d)).toEqual({ number: 0x11, ...S2_IN, ipa: 0x5000 });
  });

  test('an aborted descriptor read is recorded whatever S2R says, with its physical address', () => {
    const { d, s2 } = stage2Only();
    s2.map(0x5000, DATA, 3, ...S2_RW);
    s2.table(0x5000, 2, [47, 12, HOLE / 4096]);
    pokeSte(d, 1, 0b110, s2, [186, 186, 0]);
    expect(d.dmaRead(1, 0x5000).result).toBe('abort');
    expect(event(d)).toEqual({ number: 0x0b, ...S2_IN, fetch: HOLE + 8 * 5 });
  });

  test('tables may be big-endian, with either endianness at stage 1', () => {
    const { d, s2 } = stage2Only();
    for (const level of [0, 1]) {
      const at = s2.descriptorAt(IPA_DATA, level);
      const bytes = new Uint8Array(8);
      d.system.readMemory(at, bytes);
      d.system.writeMemory(at, bytes.reverse());
    }
    pokeSte(d, 1, 0b110, s2, [180, 180, 1]);
    expect(d.dmaRead(1, IPA_DATA).outputAddress).toBe(DATA);
  });

  test.each<[number, boolean[]]>([
    [0b00, [true, true]],
    [0b01, [true, false]],
    [0b10, [false, false]],
    [0b11, [false, true]],
  ])(
    'XN = %i: unprivileged and privileged execution %j, also of what cannot be read',
    (xn, [unprivileged, privileged]) => {
      const { d, s2 } = stage2Only();
      s2.map(0, DATA, 3, [7, 6, 0], [5, 2, 15], [54, 53, xn]);
      const executes = (p: boolean) => d.dmaRead(1, 0, { instruction: true, privileged: p }).result === 'ok';
      expect([executes(false), executes(true)]).toEqual([unprivileged, privileged]);
      expect(d.dmaRead(1, 0, { privileged: true }).result).toBe('abort');
    },
  );

  test('writes need S2AP[1] and nothing else, also on a TLB hit', () => {
    const { d, s2 } = stage2Only();
    s2.map(0, DATA, 3, [7, 6, 0b01], [5, 2, 15]);
    s2.map(0x1000, DATA + 0x1000, 3, [7, 6, 0b10], [5, 2, 15]);
    expect([d.dmaRead(1, 0).result, d.dmaWrite(1, 0).result]).toEqual(['ok', 'abort']);
    expect([d.dmaWrite(1, 0x1000).result, d.dmaRead(1, 0x1000).result]).toEqual(['ok', 'abort']);
  });

  test('has no substreams', () => {
    const { d } = stage2Only({ features: { ssidsize: 8 } });
    d.dmaRead(1, IPA_DATA, { substreamId: 0 });
    expect(event(d)).toMatchObject({ number: 0x08 });
  });
});

describe('start levels and concatenated tables', () => {
  const shapes: [Shape, number][] = [
    [{ granule: 12, inputBits: 40, startLevel: 0 }, 2],
    [{ granule: 12, inputBits: 48, startLevel: 0 }, 1],
    [{ granule: 12, inputBits: 40, startLevel: 1 }, 1],
    [{ granule: 12, inputBits: 43, startLevel: 1 }, 3],
    [{ granule: 12, inputBits: 31, startLevel: 1 }, 2],
    [{ granule: 12, inputBits: 34, startLevel: 2 }, 2],
    [{ granule: 12, inputBits: 25, startLevel: 2 }, 3],
    [{ granule: 14, inputBits: 48, startLevel: 1 }, 2],
    [{ granule: 14, inputBits: 40, startLevel: 2 }, 2],
    [{ granule: 14, inputBits: 29, startLevel: 3 }, 3],
    [{ granule: 16, inputBits: 46, startLevel: 2 }, 2],
    [{ granule: 16, inputBits: 43, startLevel: 1 }, 3],
    [{ granule: 16, inputBits: 33, startLevel: 3 }, 3],
    [{ granule: 16, inputBits: 25, startLevel: 3 }, 3],
  ];
  test.each(shapes)('%j', (shape, level) => {
    const d = bootBoth({ features: { oas: 48 } });
    const s2 = new Tables(d, shape);
    // The top of the input range goes through the last of the tables.
    const size = 2 ** s2.shift(level);
    const top = 2 ** shape.inputBits - size;
    const output = Math.ceil(DATA / size) * size;
    s2.map(top, output, level, ...S2_RW);
    pokeSte(d, 1, 0b110, s2, [178, 176, 0b101]);
    expect(d.dmaRead(1, top + 0xab8).outputAddress).toBe(output + 0xab8);
    expect(d.dmaRead(1, top + size - 8).outputAddress).toBe(output + size - 8);
    d.takeEvents();
    d.dmaRead(1, 0);
    expect(event(d)).toMatchObject({ number: 0x10 });
    if (shape.inputBits === 48) return;
    // What is beyond the input range does not wrap around, nor reach what the last table would hold.
    s2.map(0, output, level, ...S2_RW);
    d.dmaRead(1, top + size);
    expect(event(d)).toMatchObject({ number: 0x10, ipa: top + size });
    // Low bits of S2TTB are aligned away.
    pokeSte(d, 1, 0b110, s2, [178, 176, 0b101], [196, 196, 1]);
    d.cfgiSte(1);
    d.command(0x28, [47, 32, 7]);
    expect(d.dmaRead(1, top).outputAddress).toBe(shape.inputBits - s2.shift(shape.startLevel) === 1 ? -1 : output);
  });

  test.each<[string, Partial<Shape> & { tg?: number; t0sz?: number; sl0?: number }, object, boolean]>([
    ['4KB level 2, 34 bits', { sl0: 0, t0sz: 30 }, {}, true],
    ['4KB level 2, 35 bits', { sl0: 0, t0sz: 29 }, {}, false],
    ['4KB level 1, 43 bits', { sl0: 1, t0sz: 21 }, {}, true],
    ['4KB level 1, 44 bits', { sl0: 1, t0sz: 20 }, {}, false],
    ['4KB level 1, 31 bits', { sl0: 1, t0sz: 33 }, {}, true],
    ['4KB level 1, 30 bits', { sl0: 1, t0sz: 34 }, {}, false],
    ['4KB level 0, 40 bits', { sl0: 2, t0sz: 24 }, {}, true],
    ['4KB level 0, 39 bits', { sl0: 2, t0sz: 25 }, {}, false],
    ['4KB level 0 below 44 bits of OAS', { sl0: 2, t0sz: 24 }, { oas: 42 }, false],
    ['4KB, above IAS', { sl0: 1, t0sz: 21 }, { oas: 42 }, false],
    ['4KB level 3 without STT', { sl0: 3, t0sz: 39 }, {}, false],
    ['4KB level 3 with STT', { sl0: 3, t0sz: 40 }, { stt: true }, true],
    ['T0SZ 40 without STT', { sl0: 0, t0sz: 40 }, {}, false],
    ['T0SZ 40 with STT', { sl0: 0, t0sz: 40 }, { stt: true }, true],
    ['16KB SL0 0b11', { tg: 2, sl0: 3, t0sz: 20 }, {}, false],
    ['16KB level 1 below 42 bits of OAS', { tg: 2, sl0: 2, t0sz: 25 }, { oas: 40 }, false],
    ['16KB level 3, 29 bits', { tg: 2, sl0: 0, t0sz: 35 }, {}, true],
    ['16KB level 3, 30 bits', { tg: 2, sl0: 0, t0sz: 34 }, {}, false],
    ['64KB level 2, 46 bits', { tg: 1, sl0: 1, t0sz: 18 }, { oas: 48 }, true],
    ['64KB level 2, 47 bits', { tg: 1, sl0: 1, t0sz: 17 }, { oas: 48 }, false],
    ['64KB SL0 0b11', { tg: 1, sl0: 3, t0sz: 20 }, {}, false],
    ['64KB T0SZ 48 with STT', { tg: 1, sl0: 0, t0sz: 48 }, { stt: true }, false],
    ['a Reserved granule', { tg: 3 }, {}, false],
    ['a granule that is not there', { tg: 1, sl0: 1, t0sz: 20 }, { gran64k: false }, false],
  ])('%s', (_name, { tg = 0, t0sz = 20, sl0 = 2 }, features, legal) => {
    const d = bootBoth({ features });
    pokeSte(d, 1, 0b110, new Tables(d, FOUR_KB), [175, 174, tg], [165, 160, t0sz], [167, 166, sl0]);
    d.dmaRead(1, 0);
    expect(event(d)).toMatchObject({ number: legal ? 0x10 : 0x04 });
  });
});

test('concatenated tables are aligned to their total size', () => {
  const d = bootBoth();
  const s2 = new Tables(d, { granule: 12, inputBits: 41, startLevel: 1 });
  s2.map(0, DATA, 3, ...S2_RW);
  pokeSte(d, 1, 0b110, s2, [196, 196, 1], [205, 204, 0b11]);
  expect(d.dmaRead(1, 0).outputAddress).toBe(DATA);
});

test('tables of the 64KB granule are aligned to it', () => {
  const d = bootBoth();
  const s2 = new Tables(d, { granule: 16, inputBits: 42, startLevel: 2 });
  s2.map(0, DATA, 3, ...S2_RW);
  s2.table(0, 2, [15, 12, 0b1111]);
  pokeSte(d, 1, 0b110, s2);
  expect(d.dmaRead(1, 0).outputAddress).toBe(DATA);
});

describe('ILLEGAL stage 2 fields', () => {
  test.each<[string, FieldValue, object]>([
    ['S2S', [185, 185, 1], {}],
    ['S2AA64 = 0', [179, 179, 0], {}],
    ['S2HA', [184, 184, 1], {}],
    ['S2HD', [183, 183, 1], {}],
    ['S2ENDI on a little-endian SMMU', [180, 180, 1], { ttendian: 0b10 }],
    ['no S2ENDI on a big-endian one', [180, 180, 0], { ttendian: 0b11 }],
    ['S2TTB above OAS', [240, 240, 1], {}],
    ['a VMID above 8 bits without VMID16', [143, 136, 1], { vmid16: false }],
  ])('%s', (_name, field, features) => {
    const { d, s2 } = stage2Only({ features });
    pokeSte(d, 1, 0b110, s2, field);
    d.dmaRead(1, IPA_DATA);
    expect(event(d)).toMatchObject({ number: 0x04 });
  });

  test('S2TTB above S2PS is ILLEGAL although it is below OAS', () => {
    const { d, s2 } = stage2Only();
    pokeSte(d, 1, 0b110, s2, [178, 176, 0b000], [228, 228, 1]);
    d.dmaRead(1, IPA_DATA);
    expect(event(d)).toMatchObject({ number: 0x04 });
  });

  test('all are ignored without stage 2, but a VMID that is too large', () => {
    const { d, s2 } = stage2Only({ features: { vmid16: false } });
    pokeSte(d, 1, 0b100, s2, [191, 160, 0xffff_ffff], [143, 128, 0xffff]);
    expect(d.dmaRead(1, DATA).result).toBe('ok');
    pokeSte(d, 2, 0b101, s2, [143, 136, 1]);
    d.dmaRead(2, 0);
    expect(event(d)).toMatchObject({ number: 0x04 });
  });

  test('S1 fields are ignored with stage 2 alone', () => {
    const { d, s2 } = stage2Only({ features: { ssidsize: 4 } });
    pokeSte(d, 1, 0b110, s2, [91, 91, 1], [63, 59, 31], [5, 4, 2], [55, 6, 2 ** 49]);
    expect(d.dmaRead(1, IPA_DATA).result).toBe('ok');
  });
});

describe('nested', () => {
  test('translates at both stages, CD and stage 1 tables through stage 2', () => {
    const { d, s1 } = nested();
    s1.map(VA, IPA_DATA, 3, ...S1_RW);
    for (const offset of [0, 8]) {
      expect(d.dmaRead(1, VA + offset)).toMatchObject({ result: 'ok', outputAddress: DATA + offset });
    }
    expect(event(d)).toBeUndefined();
  });

  test('stage 1 output outside stage 2 is a stage 2 fault with its IPA, governed by S2R', () => {
    const { d, s1, s2 } = nested();
    s1.map(VA, DATA, 3, ...S1_RW);
    d.dmaRead(1, VA + 0x238);
    expect(event(d)).toEqual({ number: 0x10, ...S2_IN, ipa: DATA });
    pokeSte(d, 1, 0b111, s2, [186, 186, 0]);
    d.cfgiSte(1);
    expect(d.dmaRead(1, VA).result).toBe('abort');
    expect(event(d)).toBeUndefined();
  });

  test('CD.A and CD.R govern stage 1 faults alone', () => {
    const { d, s1 } = nested();
    s1.map(VA, DATA, 3, ...S1_RW);
    d.cd(0, [5, 0, 16], [115, 68, (s1.base + IPA_OFFSET) / 16], [30, 30, 1], [45, 45, 0], [46, 46, 0]);
    expect(d.dmaRead(1, VA).result).toBe('abort');
    expect(event(d)).toMatchObject({ number: 0x10, s2: 1 });
    expect(d.dmaRead(1, 2 ** 40).result).toBe('ok');
    expect(event(d)).toBeUndefined();
  });

  test.each([0, 1, 2, 3])(
    'a stage 1 descriptor at level %i that stage 2 does not map: CLASS=TT with its IPA',
    (level) => {
      const { d, s1 } = nested();
      s1.map(VA, IPA_DATA, 3, ...S1_RW);
      if (level === 0) d.cd(0, [5, 0, 16], [115, 68, 2 ** 41 / 16], [30, 30, 1]);
      else s1.table(VA, level - 1, [47, 12, 2 ** 41 / 4096]);
      d.dmaRead(1, VA);
      // The page of the descriptor: the record has no lower bits.
      expect(event(d)).toEqual({ number: 0x10, s2: 1, class: 'TT', ipa: 2 ** 41 });
    },
  );

  test('the CD that stage 2 does not map: CLASS=CD; mapped later it is fetched without CFGI', () => {
    const { d, s1, s2 } = nested();
    s1.map(VA, IPA_DATA, 3, ...S1_RW);
    pokeSte(d, 1, 0b111, s2, [55, 6, 2 ** 41 / 64 + 3]);
    d.dmaRead(1, VA);
    expect(event(d)).toEqual({ number: 0x10, s2: 1, class: 'CD', ipa: 2 ** 41 });
    s2.map(2 ** 41, CDS, 3, ...S2_RW);
    d.cd(3, [5, 0, 16], [115, 68, (s1.base + IPA_OFFSET) / 16], [30, 30, 1]);
    expect(d.dmaRead(1, VA).result).toBe('ok');
  });

  test('aborted reads tell whose they were', () => {
    const { d, s1, s2 } = nested();
    s1.map(VA, IPA_DATA, 3, ...S1_RW);
    s2.map(2 ** 41, HOLE, 3, ...S2_RW);
    s2.map(2 ** 42, DATA, 3, ...S2_RW);
    s2.table(2 ** 42, 2, [47, 12, (HOLE + 0x5000) / 4096]);
    // A stage 1 descriptor behind a page with nothing in it.
    s1.table(VA, 2, [47, 12, 2 ** 41 / 4096]);
    d.dmaRead(1, VA);
    expect(event(d)).toEqual({ number: 0x0b, s2: 0, class: 'TT', fetch: HOLE + 8 });
    // One whose stage 2 descriptor cannot be read.
    s1.table(VA, 2, [47, 12, 2 ** 42 / 4096]);
    d.tlbiAll();
    d.dmaRead(1, VA);
    expect(event(d)).toEqual({ number: 0x0b, s2: 1, class: 'TT', fetch: HOLE + 0x5000 });
    // The output.
    s1.map(VA, 2 ** 42, 3, ...S1_RW);
    d.tlbiAll();
    d.dmaRead(1, VA);
    expect(event(d)).toEqual({ number: 0x0b, s2: 1, class: 'IN', fetch: HOLE + 0x5000 });
    // The CD.
    pokeSte(d, 1, 0b111, s2, [55, 6, 2 ** 42 / 64]);
    d.cfgiSte(1);
    d.dmaRead(1, VA);
    expect(event(d)).toEqual({ number: 0x0b, s2: 1, class: 'CD', fetch: HOLE + 0x5000 });
    pokeSte(d, 1, 0b111, s2, [55, 6, 2 ** 41 / 64]);
    d.cfgiSte(1);
    d.dmaRead(1, VA);
    expect(d.takeEvents().map((r) => [unpack(r, 7, 0), unpack(r, 247, 195) * 8])).toEqual([[0x09, HOLE]]);
  });

  test.each<[string, FieldValue[], FieldValue[], boolean]>([
    ['read permission is needed', [[7, 6, 0b10]], [], false],
    [
      'nothing else is',
      [
        [7, 6, 0b01],
        [54, 53, 0b10],
      ],
      [],
      true,
    ],
    ['Device memory is allowed without S2PTW', [[5, 2, 0b0001]], [], true],
    ['Device memory faults with S2PTW', [[5, 2, 0b0011]], [[182, 182, 1]], false],
    [
      'with S2FWB MemAttr[2] tells Device',
      [[5, 2, 0b1011]],
      [
        [182, 182, 1],
        [89, 89, 1],
      ],
      false,
    ],
    [
      'with S2FWB 0b0111 is Normal',
      [[5, 2, 0b0111]],
      [
        [182, 182, 1],
        [89, 89, 1],
      ],
      true,
    ],
    ['Normal memory is allowed with S2PTW', [[5, 2, 0b0101]], [[182, 182, 1]], true],
  ])('of a stage 1 descriptor and of a CD %s', (_name, leaf, ste, allowed) => {
    const { d, s1, s2 } = nested();
    s1.map(VA, IPA_DATA, 3, ...S1_RW);
    const at = s1.descriptorAt(VA, 3);
    const page = at - (at % 4096);
    s2.map(2 ** 41, page, 3, ...S2_RW, ...leaf);
    s1.table(VA, 2, [47, 12, 2 ** 41 / 4096]);
    pokeSte(d, 1, 0b111, s2, ...ste);
    const write = d.dmaWrite(1, VA);
    expect(write.result).toBe(allowed ? 'ok' : 'abort');
    const records = d.takeEvents();
    if (!allowed)
      expect(
        [7, 103, 105, 108].map((bit) => unpack(records[0]!, bit, bit === 7 ? 0 : bit === 105 ? 104 : bit)),
      ).toEqual([0x13, 1, 1, 1]);
    s1.table(VA, 2);
    s2.map(2 ** 42, CDS, 3, ...S2_RW, ...leaf);
    pokeSte(d, 1, 0b111, s2, [55, 6, 2 ** 42 / 64], ...ste);
    d.cfgiSte(1);
    d.tlbiAll();
    expect(d.dmaRead(1, VA).result).toBe(allowed ? 'ok' : 'abort');
    if (!allowed) expect(event(d)).toEqual({ number: 0x13, s2: 1, class: 'CD', ipa: 2 ** 42 });
  });

  test('the final page may be Device memory with S2PTW', () => {
    const { d, s1, s2 } = nested();
    s1.map(VA, 2 ** 41, 3, ...S1_RW);
    s2.map(2 ** 41, DATA, 3, [7, 6, 3]);
    pokeSte(d, 1, 0b111, s2, [182, 182, 1]);
    expect(d.dmaRead(1, VA).result).toBe('ok');
  });

  test('both stages must permit; stage 1 is told first; on a hit as on a walk', () => {
    const { d, s1, s2 } = nested();
    s2.map(2 ** 41, DATA, 3, [7, 6, 0b01], [5, 2, 15]);
    s1.map(VA, 2 ** 41, 3, ...S1_RW);
    expect(d.dmaRead(1, VA).result).toBe('ok');
    for (const flush of [false, true]) {
      if (flush) d.tlbiAll();
      expect(d.dmaWrite(1, VA + 0x10).result).toBe('abort');
      expect(event(d)).toEqual({ number: 0x13, ...S2_IN, ipa: 2 ** 41 });
    }
    s1.map(VA, 2 ** 41, 3, ...S1_RW, [7, 7, 1]);
    d.tlbiAll();
    d.dmaWrite(1, VA);
    expect(event(d)).toEqual({ number: 0x13, s2: 0, class: 'IN' });
    // Nothing of stage 2 is looked at for the output of a stage 1 that denies.
    s1.map(VA, DATA, 3, ...S1_RW, [7, 7, 1]);
    d.tlbiAll();
    d.dmaWrite(1, VA);
    expect(event(d)).toEqual({ number: 0x13, s2: 0, class: 'IN' });
  });

  test.each<[string, Shape, number, number]>([
    ['a 2 MiB block over 4 KiB pages', { granule: 12, inputBits: 48, startLevel: 0 }, 2, 3],
    ['4 KiB pages over a 1 GiB block', { granule: 12, inputBits: 48, startLevel: 0 }, 3, 1],
    ['a 16 KiB page over 4 KiB pages', { granule: 14, inputBits: 47, startLevel: 1 }, 3, 3],
    ['a 64 KiB page over a 2 MiB block', { granule: 16, inputBits: 42, startLevel: 2 }, 3, 2],
    ['a 512 MiB block over 4 KiB pages', { granule: 16, inputBits: 42, startLevel: 2 }, 2, 3],
  ])('%s', (_name, shape, level1, level2) => {
    const { d, s1, s2 } = nested({ shape });
    const size1 = 2 ** s1.shift(level1);
    const size2 = 2 ** s2.shift(level2);
    const ipa = 2 ** 41;
    s1.map(size1, ipa, level1, ...S1_RW);
    const first = level2 === 1 ? 0x4000_0000 : Math.ceil(DATA / size2) * size2;
    s2.map(ipa, first, level2, ...S2_RW);
    if (size2 < size1) s2.map(ipa + size2, first + 3 * size2, level2, ...S2_RW);
    for (let round = 0; round < 2; round++) {
      expect(d.dmaRead(1, size1 + 0x568).outputAddress).toBe(first + 0x568);
      if (size2 < size1) expect(d.dmaRead(1, size1 + size2 + 0x10).outputAddress).toBe(first + 3 * size2 + 0x10);
      else expect(d.dmaRead(1, size1 + size1 - 8).outputAddress).toBe(first + size1 - 8);
    }
  });

  test('stage 1 address size is the IPA size of the CD, before stage 2 is asked', () => {
    const { d, s1 } = nested();
    s1.map(VA, 2 ** 45, 3, ...S1_RW);
    d.dmaRead(1, VA);
    expect(event(d)).toEqual({ number: 0x11, s2: 0, class: 'IN' });
  });

  test('the privilege that stage 2 distinguishes is the one after STE.PRIVCFG', () => {
    const { d, s1, s2 } = nested();
    s2.map(2 ** 41, DATA, 3, ...S2_RW, [54, 53, 0b01]);
    s1.map(VA, 2 ** 41, 3, [7, 6, 0b11], [11, 11, 1]);
    const executes = () => d.dmaRead(1, VA, { instruction: true }).result;
    expect(executes()).toBe('ok');
    pokeSte(d, 1, 0b111, s2, [113, 112, 0b11]);
    d.cfgiSte(1);
    expect(executes()).toBe('abort');
  });
});

describe('nested, further', () => {
  test('CD.ENDI is for stage 1 tables alone', () => {
    const { d, s1, s2 } = nested();
    s1.map(VA, IPA_DATA, 3, ...S1_RW);
    // The last table is in a page of its own, so that stage 2 is walked for it.
    s2.map(2 ** 41, s1.descriptorAt(VA, 3) - 8, 3, ...S2_RW);
    s1.table(VA, 2, [47, 12, 2 ** 41 / 4096]);
    for (const level of [0, 1, 2, 3]) {
      const at = s1.descriptorAt(VA, level);
      const bytes = new Uint8Array(8);
      d.system.readMemory(at, bytes);
      d.system.writeMemory(at, bytes.reverse());
    }
    d.cd(0, [5, 0, 16], [115, 68, (s1.base + IPA_OFFSET) / 16], [30, 30, 1], [15, 15, 1]);
    expect(d.dmaRead(1, VA).outputAddress).toBe(DATA);
  });

  test('a stage 2 fault of a stage 1 descriptor is no matter of the CD, and names the page of the entry', () => {
    const { d, s1 } = nested();
    s1.map(VA, IPA_DATA, 3, ...S1_RW);
    s1.table(VA, 2, [47, 12, (2 ** 41 + 0x3000) / 4096]);
    d.cd(0, [5, 0, 16], [115, 68, (s1.base + IPA_OFFSET) / 16], [30, 30, 1], [45, 45, 0], [46, 46, 0]);
    expect(d.dmaRead(1, VA).result).toBe('abort');
    expect(event(d)).toEqual({ number: 0x10, s2: 1, class: 'TT', ipa: 2 ** 41 + 0x3000 });
  });

  test('a denied hit of a block names the page inside it', () => {
    const { d, s1, s2 } = nested();
    s1.map(0x20_0000, 2 ** 41, 2, ...S1_RW);
    s2.map(2 ** 41, 0x4120_0000, 2, [7, 6, 0b01], [5, 2, 15]);
    expect(d.dmaRead(1, 0x20_0000).result).toBe('ok');
    expect(d.dmaWrite(1, 0x20_7010).result).toBe('abort');
    expect(event(d)).toEqual({ number: 0x13, ...S2_IN, ipa: 2 ** 41 + 0x7000 });
  });

  test('S2PTW is ignored without stage 1', () => {
    const { d, s2 } = stage2Only();
    s2.map(2 ** 41, DATA, 3, [7, 6, 0b11]);
    pokeSte(d, 1, 0b110, s2, [182, 182, 1]);
    expect(d.dmaRead(1, 2 ** 41).result).toBe('ok');
  });
});

describe('without one of the stages', () => {
  test('stage 2 alone: stage 1 is ILLEGAL, its commands CERROR_ILL', () => {
    const { d, s2 } = stage2Only({ features: { s1p: false } });
    expect(d.dmaRead(1, IPA_DATA).result).toBe('ok');
    pokeSte(d, 2, 0b101, s2);
    pokeSte(d, 3, 0b111, s2);
    for (const stream of [2, 3]) {
      d.dmaRead(stream, 0);
      expect(event(d)).toMatchObject({ number: 0x04 });
    }
    for (const opcode of [0x05, 0x06, 0x10, 0x11, 0x12, 0x13]) {
      const other = bootBoth({ features: { s1p: false } });
      other.command(opcode);
      expect(other.read(0x9c)).toBe(1 << 24);
    }
  });
});
