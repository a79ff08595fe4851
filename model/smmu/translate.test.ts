import { describe, expect, test } from 'vitest';
import { CDS, DATA, Driver, STRTAB, steConfig, upper } from '../testing.ts';
import type { FieldValue } from '../testing.ts';

const GBPA = 0x44;
const CR0 = 0x20;

/** What one read by stream 1 of VA 0x1000 gives, and the events it left. */
function outcome(d: Driver): [string, number, number[]] {
  const { result, outputAddress } = d.dmaRead(1, 0x1000);
  return [result, outputAddress, d.takeEventNumbers()];
}
const PASSES = ['ok', DATA, []];
const C_BAD_STE = ['abort', -1, [0x04]];
const C_BAD_CD = ['abort', -1, [0x0a]];

describe('while SMMUEN is 0', () => {
  test('everything passes untranslated, with any StreamID and SubstreamID', () => {
    const d = new Driver();
    for (const stream of [0, 31, 0xffff_ffff]) {
      expect(d.dmaRead(stream, DATA + 8, { substreamId: 3 })).toMatchObject({ result: 'ok', data: DATA + 8 });
    }
  });

  test('GBPA.ABORT aborts everything, without event, until SMMUEN is 1', () => {
    const d = Driver.mapped({ cr0: 0xc });
    d.write(GBPA, 0x8010_0000);
    expect(outcome(d)).toEqual(['abort', -1, []]);
    d.write(CR0, 0xd);
    expect(outcome(d)).toEqual(PASSES);
  });

  test('an address above OAS is aborted without event', () => {
    const d = Driver.booted({ cr0: 0xc });
    expect(d.dmaRead(0, 2 ** 44 - 8)).toMatchObject({ result: 'abort', outputAddress: 2 ** 44 - 8 });
    expect(d.dmaRead(0, 2 ** 44)).toMatchObject({ result: 'abort', outputAddress: -1 });
    expect(d.takeEvents()).toEqual([]);
  });

  test('GBPA.ABORT may be 1 from reset', () => {
    expect(new Driver({ features: { gbpaAbort: true } }).dmaRead(0, DATA).result).toBe('abort');
  });
});

describe('the Stream table', () => {
  test('holds 2^LOG2SIZE streams; a StreamID beyond is C_BAD_STREAMID, or silent without RECINVSID', () => {
    for (const [cr2, numbers] of [
      [2, [0x02]],
      [0, []],
    ] as const) {
      const d = Driver.booted({ strtabLog2Size: 2, cr2 });
      d.ste(3, steConfig(0b100));
      expect(d.dmaRead(3, DATA).result).toBe('ok');
      expect(d.dmaRead(4, DATA).result).toBe('abort');
      expect(d.takeEventNumbers()).toEqual(numbers);
    }
  });

  test('of one entry serves StreamID 0', () => {
    const d = Driver.booted({ strtabLog2Size: 0 });
    d.ste(0, steConfig(0b100));
    expect([d.dmaRead(0, DATA).result, d.dmaRead(1, DATA).result]).toEqual(['ok', 'abort']);
  });

  test('is no larger than SIDSIZE, yet aligned to its literal LOG2SIZE', () => {
    const d = new Driver();
    d.boot({ cr0: 0, strtabLog2Size: 10 });
    d.write64(0x80, STRTAB + 0xffc0);
    d.write(CR0, 0xd);
    d.ste(63, steConfig(0b100));
    expect([d.dmaRead(63, DATA).result, d.dmaRead(64, DATA).result]).toEqual(['ok', 'abort']);
    expect(d.takeEventNumbers()).toEqual([0x02]);
  });

  test('is linear whatever FMT and SPLIT were written', () => {
    const d = new Driver();
    d.boot({ cr0: 0 });
    d.write(0x88, 5 | (8 << 6) | (1 << 16));
    d.write(CR0, 0xd);
    d.ste(7, steConfig(0b100));
    expect(d.dmaRead(7, DATA).result).toBe('ok');
  });
});

describe('an STE', () => {
  test('with V = 0 is C_BAD_STE, whatever else it holds', () => {
    const d = Driver.mapped();
    d.ste(1, [0, 0, 0], steConfig(0));
    expect(outcome(d)).toEqual(C_BAD_STE);
  });

  test.each([0b000, 0b001, 0b010, 0b011])(
    'with Config %i aborts silently, also with a SubstreamID or illegal fields',
    (config) => {
      const d = Driver.mapped();
      d.ste(1, steConfig(config), [91, 91, 1], [95, 94, 3], [55, 6, 2 ** 49]);
      expect(outcome(d)).toEqual(['abort', -1, []]);
      expect(d.dmaRead(1, 0, { substreamId: 0 }).result).toBe('abort');
      expect(d.takeEvents()).toEqual([]);
    },
  );

  test.each([0b110, 0b111])('with Config %i is ILLEGAL without stage 2', (config) => {
    const d = Driver.mapped();
    d.ste(1, steConfig(config));
    expect(outcome(d)).toEqual(C_BAD_STE);
  });

  test('with S1STALLD is ILLEGAL with stage 1 and ignored in bypass', () => {
    const d = Driver.mapped();
    d.ste(1, [91, 91, 1]);
    expect(outcome(d)).toEqual(C_BAD_STE);
    d.ste(1, [91, 91, 1], steConfig(0b100));
    d.cfgiSte(1);
    expect(outcome(d)[0]).toBe('abort');
    expect(d.dmaRead(1, DATA).result).toBe('ok');
  });

  test('with S1ContextPtr above OAS is ILLEGAL', () => {
    const d = Driver.mapped();
    d.ste(1, [55, 6, (CDS + 2 ** 44) / 64]);
    expect(outcome(d)).toEqual(C_BAD_STE);
  });

  test.each<[string, FieldValue]>([
    ['S1Fmt', [5, 4, 0b01]],
    ['S1CDMax', [63, 59, 31]],
    ['S1DSS', [65, 64, 0]],
    ['CONT', [80, 77, 15]],
    ['SW_RESERVED', [87, 84, 15]],
    ['EATS', [93, 92, 0b10]],
    ['STRW', [95, 94, 0b11]],
    ['S2VMID', [143, 128, 0xffff]],
    ['S2 fields', [191, 160, 0xffff_ffff]],
    ['S2TTB', [247, 196, 2 ** 51]],
    ['NSCFG', [111, 110, 0b10]],
  ])('ignores %s', (_name, field) => {
    const d = Driver.mapped();
    d.ste(1, [65, 64, 0b10], field);
    expect(outcome(d)).toEqual(PASSES);
  });

  test('in bypass passes the address, and one above OAS is F_ADDR_SIZE', () => {
    const d = Driver.booted();
    d.ste(1, steConfig(0b100));
    expect(d.dmaRead(1, DATA + 0x18)).toMatchObject({ result: 'ok', data: DATA + 0x18 });
    expect(d.dmaRead(1, 2 ** 44 + 0x123).result).toBe('abort');
    expect(d.takeEvents().map((record) => [...record])).toEqual([[0x11, 1, 0, 0x208, 0x123, 0x1000, 0, 0]]);
    expect(d.dmaRead(1, [0xff00_0000, DATA]).result).toBe('abort');
  });

  test.each([0b100, 0b101])('with Config %i has no substreams', (config) => {
    const d = Driver.mapped();
    d.ste(1, steConfig(config));
    expect(d.dmaRead(1, 0x1000, { substreamId: 0 }).result).toBe('abort');
    expect(d.takeEventNumbers()).toEqual([0x08]);
  });
});

describe('PRIVCFG and INSTCFG', () => {
  test('override what the device says, and events carry the result', () => {
    const d = Driver.mapped();
    d.map(0x1000, DATA, 3, 0, [7, 6, 0b00]);
    const privileged = (): string => d.dmaRead(1, 0x1000).result;
    expect(privileged()).toBe('abort');
    d.ste(1, [113, 112, 0b11]);
    d.cfgiSte(1);
    expect(privileged()).toBe('ok');
    d.ste(1, [113, 112, 0b10]);
    d.cfgiSte(1);
    d.takeEvents();
    expect(d.dmaRead(1, 0x1000, { privileged: true }).result).toBe('abort');
    expect(d.takeEvents()[0]![3]! & 2).toBe(0);
    d.ste(1, [113, 112, 0b01]);
    d.cfgiSte(1);
    expect(d.dmaRead(1, 0x1000, { privileged: true }).result).toBe('ok');
  });

  test('INSTCFG changes reads and never writes', () => {
    const d = Driver.mapped();
    d.map(0x1000, DATA, 3, 0, [54, 53, 0b11]);
    d.ste(1, [115, 114, 0b11]);
    expect(d.dmaRead(1, 0x1000).result).toBe('abort');
    expect(d.takeEvents()[0]![3]! & 4).toBe(4);
    expect(d.dmaWrite(1, 0x1000, { instruction: true }).result).toBe('ok');
    d.ste(1, [115, 114, 0b10]);
    d.cfgiSte(1);
    expect(d.dmaRead(1, 0x1000, { instruction: true }).result).toBe('ok');
  });

  test('are ignored without ATTR_PERMS_OVR', () => {
    const d = Driver.mapped({ features: { attrPermsOvr: false } });
    d.map(0x1000, DATA, 3, 0, [7, 6, 0b00], [54, 53, 0b01]);
    d.ste(1, [113, 112, 0b11], [115, 114, 0b11]);
    expect(d.dmaRead(1, 0x1000).result).toBe('abort');
    expect(d.dmaRead(1, 0x1000, { privileged: true }).result).toBe('ok');
  });
});

describe('a CD', () => {
  const illegal: [string, FieldValue[]][] = [
    ['V = 0', [[31, 31, 0]]],
    ['S', [[44, 44, 1]]],
    ['AA64 = 0', [[41, 41, 0]]],
    ['HA', [[43, 43, 1]]],
    ['HD', [[42, 42, 1]]],
    ['T0SZ 15', [[5, 0, 15]]],
    ['T0SZ 40', [[5, 0, 40]]],
    ['T1SZ 15', [[21, 16, 15]]],
    ['T1SZ 40', [[21, 16, 40]]],
    ['TG0 64KB', [[7, 6, 0b01]]],
    ['TG0 16KB', [[7, 6, 0b10]]],
    ['TG0 Reserved', [[7, 6, 0b11]]],
    ['TG1 Reserved', [[23, 22, 0b00]]],
    ['TG1 16KB', [[23, 22, 0b01]]],
    ['TG1 64KB', [[23, 22, 0b11]]],
    ['TTB0 above OAS', [[115, 112, 1]]],
    [
      'TTB0 above IPS',
      [
        [34, 32, 0b000],
        [100, 100, 1],
      ],
    ],
    [
      'TTB1 above IPS',
      [
        [34, 32, 0b001],
        [164, 164, 1],
      ],
    ],
    ['TTB1 above OAS', [[179, 172, 0x10]]],
    [
      'EPD1 = 1 but T0SZ 15',
      [
        [30, 30, 1],
        [5, 0, 15],
      ],
    ],
  ];
  test.each(illegal)('with %s is C_BAD_CD, always an abort and always recorded', (_name, fields) => {
    const d = Driver.mapped();
    d.cd(0, [45, 45, 0], [46, 46, 0], ...fields);
    expect(outcome(d)).toEqual(C_BAD_CD);
  });

  const legal: [string, FieldValue[]][] = [
    ['A = 0', [[46, 46, 0]]],
    [
      'EPD1 over an illegal upper half',
      [
        [30, 30, 1],
        [21, 16, 0],
        [23, 22, 0],
        [179, 132, 2 ** 47],
      ],
    ],
    ['IPS above OAS', [[34, 32, 0b111]]],
    ['a 16-bit ASID', [[63, 48, 0xffff]]],
    ['UWXN', [[37, 37, 1]]],
    [
      'NSCFG',
      [
        [64, 64, 1],
        [128, 128, 1],
      ],
    ],
    [
      'HWU bits',
      [
        [127, 124, 15],
        [191, 188, 15],
      ],
    ],
    [
      'cacheability and shareability',
      [
        [13, 8, 0x3f],
        [29, 24, 0x3f],
      ],
    ],
    [
      'MAIR and AMAIR',
      [
        [223, 192, 0xffff_ffff],
        [319, 288, 0xffff_ffff],
      ],
    ],
    ['ASET', [[47, 47, 1]]],
    [
      'reserved bits',
      [
        [121, 120, 3],
        [185, 184, 3],
        [383, 376, 0xff],
        [511, 496, 0xffff],
      ],
    ],
    ['TTB0 not aligned', [[75, 68, 0xff]]],
  ];
  test.each(legal)('with %s is valid', (_name, fields) => {
    const d = Driver.mapped();
    d.cd(0, ...fields);
    expect(outcome(d)).toEqual(PASSES);
  });

  test('the illegal half makes it ILLEGAL for addresses of the other half, too', () => {
    const d = Driver.mapped();
    d.cd(0, [5, 0, 15]);
    d.map(upper(0x1000), DATA);
    expect(d.dmaRead(1, upper(0x1000)).result).toBe('abort');
    expect(d.takeEventNumbers()).toEqual([0x0a]);
  });

  test('ASID[15:8] is ILLEGAL without ASID16, A = 0 with TERM_MODEL, ENDI with TTENDIAN 0b10', () => {
    const cases: [object, FieldValue][] = [
      [{ asid16: false }, [63, 48, 0x100]],
      [{ termModel: true }, [46, 46, 0]],
      [{ ttendian: 0b10 }, [15, 15, 1]],
      [{ ttendian: 0b11 }, [15, 15, 0]],
    ];
    for (const [features, field] of cases) {
      const d = Driver.mapped({ features });
      d.cd(0, field);
      expect(outcome(d)).toEqual(C_BAD_CD);
    }
  });

  test('with both EPD set ignores ENDI and faults every address', () => {
    const d = Driver.mapped({ features: { ttendian: 0b10 } });
    d.cd(0, [14, 14, 1], [30, 30, 1], [15, 15, 1]);
    expect(outcome(d)).toEqual(['abort', -1, [0x10]]);
  });
});

describe('CD.A and CD.R', () => {
  test.each([
    [0, 0, 'ok', []],
    [0, 1, 'ok', [0x10]],
    [1, 0, 'abort', []],
    [1, 1, 'abort', [0x10]],
  ] as const)('A = %i, R = %i: %s, events %j', (a, r, result, numbers) => {
    const d = Driver.mapped();
    d.cd(0, [46, 46, a], [45, 45, r]);
    const read = d.dmaRead(1, 0x5000);
    expect(read.result).toBe(result);
    if (result === 'ok') expect(read.data).toBe(0);
    expect(d.takeEventNumbers()).toEqual(numbers);
  });

  test('a write that is RAZ/WI writes nothing', () => {
    const d = Driver.mapped();
    d.cd(0, [46, 46, 0]);
    d.map(0x1000, DATA, 3, 0, [7, 6, 0b11]);
    expect(d.dmaWrite(1, 0x1000).result).toBe('ok');
    expect(d.peek(DATA, 2)).toEqual(new Uint32Array([DATA, 0]));
    expect(d.takeEventNumbers()).toEqual([0x13]);
  });

  test('do not reach an aborted descriptor read', () => {
    const d = Driver.mapped();
    d.cd(0, [46, 46, 0], [45, 45, 0]);
    d.table(0x1000, 1, 0, [47, 12, 0x7000_0000 / 4096]);
    expect(outcome(d)).toEqual(['abort', -1, [0x0b]]);
  });
});
