import { describe, expect, test } from 'vitest';
import { CDS, DATA, Driver, HOLE, steConfig, upper } from '../testing.ts';
import type { FieldValue } from '../testing.ts';

const GERROR = 0x60;
const CMDQ_CONS = 0x9c;
const BYPASS = steConfig(0b100);
const PAGE = 0x1000;
const OTHER = DATA + 0x8000;

const errors = (d: Driver): boolean => d.read(GERROR) !== d.read(0x64);
/** Where stream 1 (or another) now ends up, -1 when it is stopped. */
const at = (d: Driver, va: number = PAGE, stream = 1): number => d.dmaRead(stream, va).outputAddress;

describe('legality', () => {
  const absent = [
    0x00, 0x07, 0x08, 0x0a, 0x0b, 0x0f, 0x14, 0x17, 0x18, 0x19, 0x1a, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x28, 0x2a,
    0x2f, 0x31, 0x3f, 0x40, 0x41, 0x42, 0x44, 0x45, 0x47, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x58, 0x5a, 0x60, 0x6f, 0x70,
    0x73, 0x7f, 0x80, 0x8f, 0x90, 0xff,
  ];
  test.each(absent)('opcode %i is CERROR_ILL', (opcode) => {
    const d = Driver.booted();
    d.command(opcode);
    expect(d.read(CMDQ_CONS)).toBe(1 << 24);
  });

  test.each([0x01, 0x02, 0x03, 0x04, 0x05, 0x06])(
    'opcode %i with SSec = 1 is CERROR_ILL and has no effect',
    (opcode) => {
      const d = Driver.mapped();
      at(d);
      d.ste(1, BYPASS);
      d.command(opcode, [10, 10, 1], [63, 32, 1], [68, 64, 31]);
      expect(errors(d)).toBe(true);
      expect(at(d)).toBe(DATA);
    },
  );

  test.each([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x46])(
    'opcode %i is consumed',
    (opcode) => {
      const d = Driver.booted();
      d.command(opcode, [63, 32, 0xffff]);
      expect(d.read(CMDQ_CONS)).toBe(1);
      expect(d.takeEvents()).toEqual([]);
    },
  );

  test('CMD_SYNC signals by its CS: an interrupt only for SIG_IRQ, CERROR_ILL for the Reserved one', () => {
    const d = Driver.booted({ irqCtrl: 0 });
    for (const cs of [0, 1, 2]) d.command(0x46, [13, 12, cs]);
    expect(d.system.takeInterrupts()).toEqual(['CMD_SYNC']);
    expect(errors(d)).toBe(false);
    d.command(0x46, [13, 12, 3]);
    expect(d.read(CMDQ_CONS)).toBe((1 << 24) | 3);
    expect(d.system.takeInterrupts()).toEqual([]);
  });

  test('a granule without range or level is CERROR_ILL', () => {
    for (const tg of [0b01, 0b10, 0b11]) {
      const d = Driver.booted();
      d.tlbiVa(1, PAGE, true, [75, 74, tg]);
      expect(errors(d)).toBe(true);
    }
    const d = Driver.booted();
    d.tlbiVa(1, PAGE, true, [75, 74, 0b10], [73, 72, 1]);
    expect(errors(d)).toBe(true);
  });
});

describe('a stale STE', () => {
  test('lasts until CMD_CFGI_STE of its StreamID', () => {
    const d = Driver.mapped();
    at(d);
    d.ste(1, BYPASS);
    expect(at(d)).toBe(DATA);
    d.cfgiSte(2);
    d.cfgiCd(1);
    d.tlbiAll();
    expect(at(d)).toBe(DATA);
    d.cfgiSte(1);
    expect(at(d)).toBe(PAGE);
  });

  test('is kept also when it is invalid, until it is invalidated', () => {
    const d = Driver.mapped();
    d.ste(1, [0, 0, 0]);
    expect(at(d)).toBe(-1);
    d.ste(1);
    expect(at(d)).toBe(-1);
    d.cfgiSte(1);
    expect(at(d)).toBe(DATA);
    expect(d.takeEventNumbers()).toEqual([0x04, 0x04]);
  });

  test('survives SMMUEN going through 0', () => {
    const d = Driver.mapped();
    at(d);
    d.ste(1, BYPASS);
    d.write(0x20, 0xc);
    d.write(0x20, 0xd);
    expect(at(d)).toBe(DATA);
  });

  test.each([
    [0, [8, 9]],
    [2, [8, 9, 10, 11, 12, 13, 14, 15]],
    [4, [...Array(32).keys()]],
    [30, [...Array(32).keys()]],
    [31, [...Array(32).keys()]],
  ])('CMD_CFGI_STE_RANGE with Range %i covers its aligned streams and no other', (range, covered) => {
    const d = Driver.booted();
    for (let stream = 0; stream < 32; stream++) {
      d.ste(stream, BYPASS);
      at(d, PAGE, stream);
      d.ste(stream, steConfig(0));
    }
    d.command(0x04, [63, 32, 9], [68, 64, range]);
    const gone = [...Array(32).keys()].filter((stream) => at(d, PAGE, stream) === -1);
    expect(gone).toEqual(covered);
  });

  test('an STE whose fetch aborted is fetched again at once', () => {
    const d = new Driver();
    d.boot({ cr0: 0 });
    d.write64(0x80, HOLE);
    d.write(0x20, 0xd);
    expect(at(d)).toBe(-1);
    d.write(0x20, 0xc);
    d.write64(0x80, 0x4010_0000);
    d.ste(1, BYPASS);
    d.write(0x20, 0xd);
    expect(at(d)).toBe(PAGE);
  });
});

describe('a stale CD', () => {
  const disabled: FieldValue = [31, 31, 0];

  test.each([
    ['CMD_CFGI_CD', (d: Driver) => d.cfgiCd(1)],
    ['CMD_CFGI_CD_ALL', (d: Driver) => d.command(0x06, [63, 32, 1])],
    ['CMD_CFGI_STE', (d: Driver) => d.cfgiSte(1)],
    ['CMD_CFGI_ALL', (d: Driver) => d.cfgiAll()],
  ])('lasts until %s', (_name, invalidate) => {
    const d = Driver.mapped();
    at(d);
    d.cd(0, disabled);
    d.tlbiAll();
    d.cfgiCd(2);
    expect(at(d)).toBe(DATA);
    invalidate(d);
    expect(at(d)).toBe(-1);
    expect(d.takeEventNumbers()).toEqual([0x0a]);
  });

  test('belongs to one StreamID even when streams share the CD', () => {
    const d = Driver.mapped();
    d.ste(2);
    at(d, PAGE, 1);
    at(d, PAGE, 2);
    d.cd(0, disabled);
    d.cfgiCd(2);
    expect(at(d, PAGE, 2)).toBe(-1);
    expect(at(d, PAGE, 1)).toBe(DATA);
  });

  test('written before its STE became valid needs no CMD_CFGI_CD', () => {
    const d = Driver.booted();
    d.ste(1, [0, 0, 0]);
    at(d);
    d.cd();
    d.map(PAGE, DATA);
    d.ste(1);
    d.cfgiSte(1);
    expect(at(d)).toBe(DATA);
  });

  test('whose fetch aborted is fetched again at once', () => {
    const d = Driver.mapped();
    d.ste(1, [55, 6, HOLE / 64]);
    expect(at(d)).toBe(-1);
    expect(d.takeEventNumbers()).toEqual([0x09]);
    d.ste(1);
    d.cfgiSte(1);
    expect(at(d)).toBe(DATA);
  });

  test('fault behaviour comes from the current CD even for TLB hits', () => {
    const d = Driver.mapped();
    d.map(PAGE, DATA, 3, 0, [7, 6, 0b00]);
    expect(d.dmaRead(1, PAGE).result).toBe('abort');
    d.cd(0, [46, 46, 0], [45, 45, 0]);
    d.cfgiCd(1);
    d.takeEvents();
    expect(d.dmaRead(1, PAGE)).toMatchObject({ result: 'ok', data: 0 });
    expect(d.takeEvents()).toEqual([]);
  });
});

describe('a stale leaf', () => {
  const remap = (d: Driver): void => d.map(PAGE, OTHER);

  test.each<[string, (d: Driver) => void]>([
    ['CMD_TLBI_NSNH_ALL', (d) => d.tlbiAll()],
    ['CMD_TLBI_NH_ALL', (d) => d.command(0x10)],
    ['CMD_TLBI_NH_ASID', (d) => d.command(0x11, [63, 48, 1])],
    ['CMD_TLBI_NH_VA', (d) => d.tlbiVa(1, PAGE, false)],
    ['CMD_TLBI_NH_VA, Leaf', (d) => d.tlbiVa(1, PAGE, true)],
    ['CMD_TLBI_NH_VAA', (d) => d.tlbiVaa(PAGE, false)],
    ['CMD_TLBI_NH_VAA, Leaf', (d) => d.tlbiVaa(PAGE, true)],
    ['CMD_TLBI_NH_VA, TTL 3', (d) => d.tlbiVa(1, PAGE, true, [75, 74, 1], [73, 72, 3])],
    ['CMD_TLBI_NH_VA, range from below', (d) => d.tlbiVa(1, 0, true, [75, 74, 1], [16, 12, 1])],
    ['CMD_TLBI_NH_VAA, the longest range', (d) => d.tlbiVaa(0, true, [75, 74, 1], [16, 12, 31], [24, 20, 31])],
  ])('lasts until %s', (_name, invalidate) => {
    const d = Driver.mapped();
    at(d);
    remap(d);
    expect(at(d)).toBe(DATA);
    invalidate(d);
    expect(at(d)).toBe(OTHER);
  });

  test.each<[string, (d: Driver) => void]>([
    ['another ASID', (d) => d.tlbiVa(2, PAGE, false)],
    ['another ASID by ASID', (d) => d.command(0x11, [63, 48, 2])],
    ['another page', (d) => d.tlbiVa(1, 2 * PAGE, false)],
    ['the same page of the upper half', (d) => d.tlbiVaa(upper(PAGE), false)],
    ['another level', (d) => d.tlbiVa(1, PAGE, true, [75, 74, 1], [73, 72, 2])],
    ['another granule', (d) => d.tlbiVa(1, 0, true, [75, 74, 3], [16, 12, 1])],
    ['a range that ends before it', (d) => d.tlbiVa(1, 0, true, [75, 74, 1], [73, 72, 3])],
    ['a range that begins after it', (d) => d.tlbiVa(1, 2 * PAGE, true, [75, 74, 1], [24, 20, 20])],
    ['configuration only', (d) => d.cfgiAll()],
  ])('outlives an invalidation of %s', (_name, invalidate) => {
    const d = Driver.mapped();
    at(d);
    remap(d);
    invalidate(d);
    expect(errors(d)).toBe(false);
    expect(at(d)).toBe(DATA);
  });

  test('of a block goes with any address inside it', () => {
    const d = Driver.mapped();
    d.map(0x20_0000, DATA, 2);
    expect(at(d, 0x20_1008)).toBe(DATA + 0x1008);
    d.map(0x20_0000, DATA + 0x20_0000, 2);
    d.tlbiVa(1, 0x3f_f000, true);
    expect(at(d, 0x20_1008)).toBe(DATA + 0x20_1008);
  });

  test('is shared by streams of one ASID, and not by others', () => {
    const d = Driver.mapped();
    d.ste(2);
    d.ste(3, [55, 6, CDS / 64 + 1]);
    d.cd(1);
    d.map(PAGE, OTHER, 3, 1);
    at(d, PAGE, 1);
    d.map(PAGE, OTHER + PAGE);
    expect(at(d, PAGE, 2)).toBe(DATA);
    expect(at(d, PAGE, 3)).toBe(OTHER);
  });

  test('a descriptor that becomes valid, gets its AF or a smaller address is seen without invalidation', () => {
    const d = Driver.mapped();
    for (const bad of [
      [0, 0, 0],
      [10, 10, 0],
      [47, 44, 1],
    ] as const) {
      d.map(2 * PAGE, OTHER, 3, 0, bad);
      expect(at(d, 2 * PAGE)).toBe(-1);
      d.map(2 * PAGE, OTHER);
      expect(at(d, 2 * PAGE)).toBe(OTHER);
      d.tlbiAll();
    }
    d.table(2 * PAGE, 2, 0, [47, 12, HOLE / 4096]);
    expect(at(d, 2 * PAGE)).toBe(-1);
    d.table(2 * PAGE, 2);
    expect(at(d, 2 * PAGE)).toBe(OTHER);
  });

  test('with nT set a block is not kept at BBML level 1', () => {
    const d = Driver.mapped();
    d.map(0x20_0000, DATA, 2, 0, [16, 16, 1]);
    expect(at(d, 0x20_0000)).toBe(DATA);
    d.map(0x20_0000, DATA + 0x20_0000, 2, 0, [16, 16, 1]);
    expect(at(d, 0x20_0000)).toBe(DATA + 0x20_0000);
  });

  test('survives a change of TTB0 with CMD_CFGI_CD alone', () => {
    const d = Driver.mapped();
    d.map(PAGE, OTHER, 3, 1);
    at(d);
    d.cd(0, [115, 68, d.root(1, 0) / 16]);
    d.cfgiCd(1);
    expect(at(d)).toBe(DATA);
    d.command(0x11, [63, 48, 1]);
    expect(at(d)).toBe(OTHER);
  });

  test('comes back when its ASID does', () => {
    const d = Driver.mapped();
    at(d);
    d.cd(0, [63, 48, 7]);
    d.cfgiCd(1);
    d.map(PAGE, OTHER);
    expect(at(d)).toBe(OTHER);
    d.cd();
    d.cfgiCd(1);
    expect(at(d)).toBe(DATA);
  });
});

describe('a global leaf', () => {
  const GLOBAL: FieldValue = [11, 11, 0];
  function twoAsids(...cd1: FieldValue[]): Driver {
    const d = Driver.booted();
    d.ste(1);
    d.ste(2, [55, 6, CDS / 64 + 1]);
    d.cd(0);
    d.cd(1, ...cd1);
    d.map(PAGE, DATA, 3, 0, GLOBAL);
    d.map(PAGE, OTHER, 3, 1, GLOBAL);
    at(d, PAGE, 1);
    return d;
  }

  test('is used by other ASIDs of the same ASET', () => {
    expect(at(twoAsids(), PAGE, 2)).toBe(DATA);
  });

  test('is not used across ASETs', () => {
    expect(at(twoAsids([47, 47, 1]), PAGE, 2)).toBe(OTHER);
  });

  test('outlives CMD_TLBI_NH_ASID, and goes with CMD_TLBI_NH_VA of any ASID', () => {
    const d = twoAsids();
    d.map(PAGE, OTHER, 3, 0, GLOBAL);
    d.command(0x11, [63, 48, 1]);
    expect(at(d)).toBe(DATA);
    d.tlbiVa(0x77, PAGE, true);
    expect(at(d)).toBe(OTHER);
  });

  test('of either ASET goes with CMD_TLBI_NH_VA', () => {
    const d = twoAsids([47, 47, 1]);
    at(d, PAGE, 2);
    d.map(PAGE, OTHER, 3, 0, GLOBAL);
    d.map(PAGE, DATA, 3, 1, GLOBAL);
    d.tlbiVa(0x77, PAGE, true);
    expect([at(d, PAGE, 1), at(d, PAGE, 2)]).toEqual([OTHER, DATA]);
  });
});

describe('a stale Table descriptor', () => {
  /** VA 0x2000 is mapped by another last-level table of CD 1's making. */
  function retabled(): Driver {
    const d = Driver.mapped();
    at(d);
    d.map(2 * PAGE, DATA);
    d.map(2 * PAGE, OTHER, 3, 1);
    d.table(0, 2, 0, [47, 12, Math.floor(d.descriptorAt(0, 3, 1) / 4096)]);
    return d;
  }

  test('lasts through leaf-only and other addresses', () => {
    const d = retabled();
    d.tlbiVa(1, 2 * PAGE, true);
    d.tlbiVa(1, 0x4000_0000, false);
    d.tlbiVa(2, 2 * PAGE, false);
    expect(at(d, 2 * PAGE)).toBe(DATA);
  });

  test.each<[string, (d: Driver) => void]>([
    ['CMD_TLBI_NH_VA without Leaf for an address under it', (d) => d.tlbiVa(1, 0x1f_f000, false)],
    ['CMD_TLBI_NH_VAA without Leaf', (d) => d.tlbiVaa(0, false)],
    ['CMD_TLBI_NH_ASID', (d) => d.command(0x11, [63, 48, 1])],
    ['CMD_TLBI_NH_VA without Leaf, TTL 3', (d) => d.tlbiVa(1, 2 * PAGE, false, [75, 74, 1], [73, 72, 3])],
  ])('goes with %s', (_name, invalidate) => {
    const d = retabled();
    invalidate(d);
    expect(at(d, 2 * PAGE)).toBe(OTHER);
  });

  test('a level hint keeps tables at and below that level', () => {
    const d = retabled();
    d.tlbiVa(1, 0, false, [75, 74, 1], [73, 72, 2]);
    expect(at(d, 2 * PAGE)).toBe(DATA);
  });
});

describe('prefetch', () => {
  test('CMD_PREFETCH_CONFIG caches the STE and the CD', () => {
    const d = Driver.mapped();
    d.command(0x01, [63, 32, 1]);
    d.ste(1, BYPASS);
    d.cd(0, [31, 31, 0]);
    expect(at(d)).toBe(DATA);
  });

  test('CMD_PREFETCH_ADDR caches translations at its stride', () => {
    const d = Driver.mapped();
    d.map(3 * PAGE, DATA + 2 * PAGE);
    d.map(5 * PAGE, DATA + 4 * PAGE);
    d.command(0x02, [63, 32, 1], [68, 64, 1], [73, 69, 1], [95, 76, 1]);
    for (const page of [1, 3, 5]) d.unmap(page * PAGE);
    expect([1, 3, 5].map((page) => at(d, page * PAGE))).toEqual([DATA, DATA + 2 * PAGE, -1]);
  });

  test('is silent about everything that is wrong', () => {
    const d = Driver.mapped();
    d.ste(2, [0, 0, 0]);
    d.ste(3, [55, 6, HOLE / 64]);
    for (const stream of [0, 1, 2, 3, 40, 0xffff_ffff]) {
      d.command(0x01, [63, 32, stream]);
      d.command(0x02, [63, 32, stream], [95, 76, 0x77]);
    }
    d.command(0x02, [63, 32, 1], [127, 76, 2 ** 50], [68, 64, 31], [73, 69, 31]);
    expect(errors(d)).toBe(false);
    expect(d.takeEvents()).toEqual([]);
  });

  test('does nothing while SMMUEN is 0', () => {
    const d = Driver.mapped({ cr0: 0xc });
    d.command(0x02, [63, 32, 1], [95, 76, 1]);
    d.ste(1, BYPASS);
    d.write(0x20, 0xd);
    expect(at(d)).toBe(PAGE);
  });
});

test('invalidations take effect while SMMUEN is 0', () => {
  const d = Driver.mapped();
  at(d);
  d.write(0x20, 0xc);
  d.map(PAGE, OTHER);
  d.tlbiAll();
  d.write(0x20, 0xd);
  expect(at(d)).toBe(OTHER);
});
