import { describe, expect, test } from 'vitest';
import { CDS, DATA, Driver, HOLE, pack, STE_VALID, steConfig, unpack } from '../testing.ts';
import type { FieldValue } from '../testing.ts';
import { IPA_OFFSET, nested, pokeSte, S1_RW, S2_RW } from '../testing-tables.ts';

const L1 = 0x4030_0000;
const L2 = 0x4034_0000;
const L1CDS = 0x4038_0000;
const CD_LEAF = 0x403a_0000;
const FORBIDDEN = -1;

/** An interface with a 2-level Stream table at L1, all L1STDs invalid. */
function twoLevel(log2Size: number, split: number, sidsize = 16, base = L1): Driver {
  const d = new Driver({ features: { sidsize, stLevel: 1 } });
  d.boot({ cr0: 0 });
  d.write64(0x80, base);
  d.write(0x88, log2Size | (split << 6) | (1 << 16));
  d.write(0x20, 0xd);
  return d;
}
const l1std = (d: Driver, index: number, span: number, at = L2): void =>
  d.poke(
    L1 + 8 * index,
    pack(2, [
      [4, 0, span],
      [55, 6, at / 64],
    ]),
  );
const bypass = (d: Driver, at: number): void => d.poke(at, pack(16, [STE_VALID, steConfig(0b100)]));
/** 0 when the access passed, else the number of the event, or FORBIDDEN without one. */
function outcome(d: Driver, stream: number, substreamId = -1, va = DATA): number {
  const { result } = d.dmaRead(stream, va, substreamId < 0 ? {} : { substreamId });
  const [number] = d.takeEventNumbers();
  return result === 'ok' ? 0 : (number ?? FORBIDDEN);
}

describe('a 2-level Stream table', () => {
  test.each([
    [6, 6],
    [8, 8],
    [10, 10],
    [0, 6],
    [7, 6],
    [31, 6],
  ])('with SPLIT %i indexes the second level by %i bits', (written, split) => {
    const d = twoLevel(16, written);
    l1std(d, 3, split + 1);
    const stream = 3 * 2 ** split + 2 ** split - 1;
    bypass(d, L2 + 64 * (2 ** split - 1));
    expect(outcome(d, stream)).toBe(0);
    expect(outcome(d, stream + 1)).toBe(0x02);
  });

  test.each<[number, number, number[], number[]]>([
    [6, 0, [], [0, 1, 63]],
    [6, 1, [0], [1, 2, 63]],
    [6, 2, [0, 1], [2, 63]],
    [6, 7, [0, 63], []],
    [6, 8, [], [0, 1, 63]],
    [6, 11, [], [0, 63]],
    [6, 12, [], [0, 63]],
    [6, 31, [], [0, 63]],
    [10, 10, [0, 511], [512, 1023]],
    [10, 11, [0, 1023], []],
  ])('SPLIT %i, Span %i: %j have STEs, %j do not', (split, span, inside, outside) => {
    const d = twoLevel(16, split);
    l1std(d, 0, span);
    for (let index = 0; index < 1024; index++) bypass(d, L2 + 64 * index);
    for (const stream of inside) expect(outcome(d, stream)).toBe(0);
    for (const stream of outside) expect(outcome(d, stream)).toBe(0x02);
  });

  test('a StreamID without STE is silent without RECINVSID', () => {
    const d = twoLevel(16, 6);
    d.write(0x20, 0xc);
    d.write(0x2c, 0);
    d.write(0x20, 0xd);
    expect(outcome(d, 5)).toBe(FORBIDDEN);
  });

  test('aligns L2Ptr to the array that Span describes, and ignores Reserved bits', () => {
    const d = twoLevel(16, 8);
    d.poke(
      L1,
      pack(2, [
        [4, 0, 5],
        [5, 5, 1],
        [63, 56, 0xff],
        [55, 6, (L2 + 0x3c0) / 64],
      ]),
    );
    bypass(d, L2 + 64);
    expect(outcome(d, 1)).toBe(0);
  });

  test('aligns the first level to its size, at least 64 bytes, by the literal LOG2SIZE', () => {
    for (const [log2Size, aligned] of [
      [9, 6],
      [12, 9],
      [16, 13],
    ] as const) {
      const d = twoLevel(log2Size, 6, 9, L1 + 2 ** aligned - 64);
      l1std(d, 1, 7);
      bypass(d, L2 + 64 * 2);
      expect(outcome(d, 66)).toBe(0);
    }
  });

  test('with LOG2SIZE below SPLIT has one L1STD and 2^LOG2SIZE streams', () => {
    const d = twoLevel(4, 6);
    l1std(d, 0, 7);
    for (const stream of [0, 15, 16]) bypass(d, L2 + 64 * stream);
    expect([0, 15, 16].map((stream) => outcome(d, stream))).toEqual([0, 0, 0x02]);
  });

  test('aborted reads are F_STE_FETCH with the address of the structure', () => {
    const d = twoLevel(16, 6);
    l1std(d, 0, 7, HOLE);
    d.dmaRead(3, 0);
    d.write(0x20, 0xc);
    d.write64(0x80, HOLE);
    d.write(0x20, 0xd);
    d.dmaRead(0x82, 0);
    const seen = d.takeEvents().map((r) => [unpack(r, 7, 0), unpack(r, 247, 195) * 8]);
    expect(seen).toEqual([
      [0x03, HOLE + 3 * 64],
      [0x03, HOLE + 16],
    ]);
  });

  test('serves StreamIDs of 32 bits', () => {
    const d = twoLevel(32, 10, 32, 0);
    expect(outcome(d, 0xffff_ffff)).toBe(0x03);
    const small = twoLevel(18, 10, 32);
    l1std(small, 255, 11);
    bypass(small, L2 + 64 * 1023);
    expect([0x3_ffff, 0x4_0000, 0xffff_ffff].map((stream) => outcome(small, stream))).toEqual([0, 0x02, 0x02]);
  });

  test('an L1STD is cached, valid or not, until CMD_CFGI_STE without Leaf or of a range', () => {
    const d = twoLevel(16, 6);
    bypass(d, L2 + 64);
    bypass(d, L2 + 128);
    expect(outcome(d, 1)).toBe(0x02);
    l1std(d, 0, 7);
    expect(outcome(d, 1)).toBe(0x02);
    d.command(0x03, [63, 32, 2], [64, 64, 1]);
    expect(outcome(d, 1)).toBe(0x02);
    d.command(0x03, [63, 32, 2]);
    expect(outcome(d, 1)).toBe(0);
    l1std(d, 0, 0);
    expect(outcome(d, 2)).toBe(0);
    d.command(0x04, [63, 32, 0x10], [68, 64, 3]);
    // The STE of stream 1 is still there, the L1STD is not.
    expect([outcome(d, 1), outcome(d, 3)]).toEqual([0, 0x02]);
    l1std(d, 0, 7);
    bypass(d, L2 + 64 * 3);
    expect(outcome(d, 3)).toBe(0x02);
    d.cfgiAll();
    expect(outcome(d, 3)).toBe(0);
  });

  test('FMT other than 2-level is linear', () => {
    for (const fmt of [0, 2, 3]) {
      const d = twoLevel(6, 6);
      d.write(0x20, 0xc);
      d.write(0x88, 6 | (6 << 6) | (fmt << 16));
      d.write(0x20, 0xd);
      bypass(d, L1 + 64 * 5);
      expect(outcome(d, 5)).toBe(0);
    }
  });
});

const SSID = { features: { ssidsize: 12, cd2l: true } } as const;
/** Stream 1 with substreams: `fields` of its STE; CD n maps 0x1000 to DATA + n pages. */
function substreams(cdMax: number, ...fields: readonly FieldValue[]): Driver {
  const d = Driver.booted(SSID);
  d.ste(1, [63, 59, cdMax], ...fields);
  return d;
}
/** A CD somewhere: its tables are those of `number`. */
function cdAt(d: Driver, at: number, number: number): void {
  d.cd(number);
  d.poke(at, d.peek(CDS + 64 * number, 16));
  d.map(0x1000, DATA + 0x1000 * number, 3, number);
}
const va = 0x1000;

describe('substreams', () => {
  test('a linear table is indexed by SubstreamID, and ends at 2^S1CDMax', () => {
    const d = substreams(3);
    for (const index of [0, 5, 7]) cdAt(d, CDS + 64 * index, index);
    for (const index of [0, 5, 7]) {
      expect(d.dmaRead(1, va, { substreamId: index }).outputAddress).toBe(DATA + 0x1000 * index);
    }
    expect(outcome(d, 1, 8)).toBe(0x08);
    // Each has its own place in the cache.
    expect(d.dmaRead(1, va, { substreamId: 5 }).outputAddress).toBe(DATA + 0x5000);
  });

  test('a SubstreamID is recorded with SSV in events that have it', () => {
    const d = substreams(3);
    cdAt(d, CDS + 64 * 5, 5);
    d.dmaRead(1, 0x5000, { substreamId: 5 });
    d.dmaRead(1, 0x5000, { substreamId: 6 });
    d.dmaRead(1, 0x5000, { substreamId: 9 });
    const seen = d.takeEvents().map((r) => [unpack(r, 7, 0), unpack(r, 11), unpack(r, 31, 12)]);
    expect(seen).toEqual([
      [0x10, 1, 5],
      [0x0a, 1, 6],
      [0x08, 0, 9],
    ]);
  });

  test.each([0b00, 0b01, 0b10, 0b11])('S1DSS %i', (dss) => {
    const d = substreams(3, [65, 64, dss]);
    for (const index of [0, 1]) cdAt(d, CDS + 64 * index, index);
    // In bypass the access goes to the address as it is.
    const { outputAddress } = d.dmaRead(1, va);
    expect([outputAddress, ...d.takeEventNumbers()]).toEqual([[-1, 0x06], [va], [DATA], [-1, 0x06]][dss]);
    expect(outcome(d, 1, 0, va)).toBe(dss === 0b10 ? 0x06 : 0);
    expect(outcome(d, 1, 1, va)).toBe(0);
    expect(outcome(d, 1, 8, va)).toBe(0x08);
  });

  test('F_STREAM_DISABLED names the stream alone', () => {
    const d = substreams(3, [65, 64, 0b10]);
    d.dmaRead(1, va, { substreamId: 0 });
    expect(d.takeEvents().map((r) => [...r])).toEqual([[0x06, 1, 0, 0, 0, 0, 0, 0]]);
  });

  test('S1DSS 0b01 reads no CD, and an address above OAS is F_ADDR_SIZE', () => {
    const d = substreams(3, [65, 64, 0b01], [55, 6, HOLE / 64]);
    expect(outcome(d, 1)).toBe(0);
    expect(outcome(d, 1, -1, 2 ** 44)).toBe(0x11);
  });

  test.each<[string, FieldValue[], object, boolean]>([
    ['S1CDMax above SSIDSIZE', [[63, 59, 13]], {}, true],
    ['S1CDMax equal to SSIDSIZE', [[63, 59, 12]], {}, false],
    [
      'S1Fmt 0b01 without CD2L',
      [
        [5, 4, 1],
        [63, 59, 1],
      ],
      { cd2l: false },
      true,
    ],
    [
      'S1Fmt 0b10 without CD2L',
      [
        [5, 4, 2],
        [63, 59, 1],
      ],
      { cd2l: false },
      true,
    ],
    ['S1Fmt 0b01 without CD2L or substreams', [[5, 4, 1]], { cd2l: false }, false],
  ])('%s', (_name, fields, features, illegal) => {
    const d = Driver.booted({ features: { ...SSID.features, ...features } });
    d.ste(1, [65, 64, 1], ...fields);
    // Also where no CD would be used.
    expect(outcome(d, 1, -1, DATA)).toBe(illegal ? 0x04 : fields.length > 1 || fields[0]![0] === 63 ? 0 : 0x0a);
  });

  test.each<[number, number, number]>([
    [0b01, 6, 0],
    [0b01, 12, 0xfc1],
    [0b01, 8, 0x41],
    [0b10, 10, 0x3ff],
    [0b10, 12, 0x801],
  ])('2-level table of format %i, S1CDMax %i, SubstreamID %i', (format, cdMax, index) => {
    const split = format === 0b01 ? 6 : 10;
    const d = substreams(cdMax, [5, 4, format], [55, 6, L1CDS / 64]);
    // Bits below the alignment of a leaf are not part of its address: [11:1], and [15:12] of 64 KiB ones.
    d.poke(
      L1CDS + 8 * (index >> split),
      pack(2, [
        [0, 0, 1],
        [11, 1, 0x7ff],
        [55, 12, CD_LEAF / 4096 + (format === 2 ? 1 : 0)],
      ]),
    );
    cdAt(d, CD_LEAF + 64 * (index % 2 ** split), 2);
    expect(d.dmaRead(1, va, { substreamId: index }).outputAddress).toBe(DATA + 0x2000);
    expect(outcome(d, 1, index ^ (1 << (cdMax - 1)), va)).toBe(cdMax > split ? 0x08 : 0x0a);
  });

  test('an L1CD that is invalid or points above OAS is C_BAD_SUBSTREAMID, of SubstreamID 0 when none was given', () => {
    for (const l1cd of [
      [[0, 0, 0]],
      [
        [0, 0, 1],
        [55, 12, 2 ** 32],
      ],
    ] as FieldValue[][]) {
      const d = substreams(8, [5, 4, 1], [55, 6, L1CDS / 64], [65, 64, 0b10]);
      d.poke(L1CDS, pack(2, l1cd));
      d.dmaRead(1, va, { substreamId: 3 });
      d.dmaRead(1, va);
      expect(d.takeEvents().map((r) => [r[0]! & 0xff, unpack(r, 31, 12)])).toEqual([
        [0x08, 3],
        [0x08, 0],
      ]);
    }
  });

  test('an aborted L1CD read is F_CD_FETCH with its address', () => {
    const d = substreams(12, [5, 4, 1], [55, 6, HOLE / 64]);
    d.dmaRead(1, va, { substreamId: 0x81 });
    expect(d.takeEvents().map((r) => [unpack(r, 7, 0), unpack(r, 247, 195) * 8])).toEqual([[0x09, HOLE + 16]]);
  });

  test('a CD is invalidated by stream and index, an L1CD without Leaf, both by CMD_CFGI_CD_ALL', () => {
    const d = substreams(8, [5, 4, 1], [55, 6, L1CDS / 64]);
    const cfgiCd = (index: number, leaf: number) => d.command(0x05, [31, 12, index], [63, 32, 1], [64, 64, leaf]);
    d.poke(
      L1CDS,
      pack(2, [
        [0, 0, 1],
        [55, 12, CD_LEAF / 4096],
      ]),
    );
    for (const index of [0, 1]) cdAt(d, CD_LEAF + 64 * index, index);
    const seen = () => [0, 1].map((index) => outcome(d, 1, index, va));
    expect(seen()).toEqual([0, 0]);
    for (const index of [0, 1]) d.poke(CD_LEAF + 64 * index, new Uint32Array(16));
    expect(seen()).toEqual([0, 0]);
    cfgiCd(1, 1);
    expect(seen()).toEqual([0, 0x0a]);
    // The L1CD changes.
    d.poke(L1CDS, pack(2, [[0, 0, 0]]));
    cfgiCd(1, 1);
    expect(seen()).toEqual([0, 0x0a]);
    cfgiCd(1, 0);
    expect(seen()).toEqual([0, 0x08]);
    d.command(0x06, [63, 32, 1]);
    expect(seen()).toEqual([0x08, 0x08]);
  });

  test('CMD_CFGI_CD_ALL drops every CD; bits of S1ContextPtr below the size of the table are zero', () => {
    const d = substreams(3, [55, 6, CDS / 64 + 1]);
    for (const index of [0, 1, 2]) cdAt(d, CDS + 64 * index, index);
    const seen = () => [0, 1, 2].map((index) => d.dmaRead(1, va, { substreamId: index }).outputAddress);
    expect(seen()).toEqual([DATA, DATA + 0x1000, DATA + 0x2000]);
    for (const index of [0, 1, 2]) d.poke(CDS + 64 * index, new Uint32Array(16));
    d.command(0x06, [63, 32, 1]);
    expect(seen()).toEqual([-1, -1, -1]);
  });

  test('streams that share CDs cache them apart', () => {
    const d = substreams(3);
    d.ste(2, [63, 59, 3]);
    cdAt(d, CDS + 64, 1);
    expect([outcome(d, 1, 1, va), outcome(d, 2, 1, va)]).toEqual([0, 0]);
    d.poke(CDS + 64, new Uint32Array(16));
    d.command(0x05, [31, 12, 1], [63, 32, 2], [64, 64, 1]);
    expect([outcome(d, 1, 1, va), outcome(d, 2, 1, va)]).toEqual([0, 0x0a]);
  });

  test('prefetch takes a SubstreamID with SSV', () => {
    const d = substreams(3);
    cdAt(d, CDS + 64 * 3, 3);
    d.command(0x01, [11, 11, 1], [31, 12, 3], [63, 32, 1]);
    d.poke(CDS + 64 * 3, new Uint32Array(16));
    expect(outcome(d, 1, 3, va)).toBe(0);
  });
});

describe('nested CD tables', () => {
  test('L1CDs and CDs are fetched through stage 2; their faults name the entry', () => {
    const { d, s1, s2 } = nested(SSID);
    s1.map(va, DATA + IPA_OFFSET, 3, ...S1_RW);
    pokeSte(d, 1, 0b111, s2, [63, 59, 12], [5, 4, 1], [55, 6, 2 ** 41 / 64]);
    d.dmaRead(1, va, { substreamId: 0x81 });
    s2.map(2 ** 41, L1CDS, 3, ...S2_RW);
    d.poke(
      L1CDS + 16,
      pack(2, [
        [0, 0, 1],
        [55, 12, (2 ** 41 + 0x1000) / 4096],
      ]),
    );
    d.dmaRead(1, va, { substreamId: 0x81 });
    const seen = d.takeEvents().map((r) => [unpack(r, 7, 0), unpack(r, 105, 103), unpack(r, 247, 204) * 4096]);
    expect(seen).toEqual([
      [0x10, 1, 2 ** 41],
      [0x10, 1, 2 ** 41 + 0x1000],
    ]);
    s2.map(2 ** 41 + 0x1000, CDS, 3, ...S2_RW);
    d.poke(CDS + 64, d.peek(CDS, 16));
    expect(d.dmaRead(1, va, { substreamId: 0x81 }).outputAddress).toBe(DATA);
  });

  test('S1DSS 0b01 leaves stage 2', () => {
    const { d, s2 } = nested(SSID);
    pokeSte(d, 1, 0b111, s2, [63, 59, 2], [65, 64, 0b01]);
    expect(d.dmaRead(1, DATA + IPA_OFFSET).outputAddress).toBe(DATA);
    expect(outcome(d, 1, -1, DATA)).toBe(0x10);
  });
});
