import { describe, expect, test } from 'vitest';
import { CDS, DATA, Driver, steConfig, unpack, upper } from '../testing.ts';
import type { FieldValue, Va } from '../testing.ts';
import type { Features } from './features.ts';

/** IDR0.Hyp comes with both stages. */
const HYP: Partial<Features> = { s2p: true };
const CR2 = 0x2c;
const RECINVSID = 0b10;
const E2H = 0b01;
const VA = 0x1000;
const OTHER = DATA + 0x10_0000;
const strw = (value: number): FieldValue => [95, 94, value];
const EL2 = strw(0b10);
const ASID_BITS = (value: number): FieldValue => [63, 48, value];
const vmid = (value: number): FieldValue => [143, 128, value];
const C_BAD_STE = 0x04;
const C_BAD_CD = 0x0a;
const F_TRANSLATION = 0x10;
const F_PERMISSION = 0x13;

/** Stream 1 at EL2 through CD 0, with VA 0x1000 at DATA; without E2H NS-EL2, with it NS-EL2-E2H. */
function el2(e2h = 0, features: Partial<Features> = {}): Driver {
  const d = Driver.mapped({ features: { ...HYP, ...features }, cr2: RECINVSID | e2h });
  d.ste(1, EL2);
  return d;
}

const at = (d: Driver, va: Va = VA, stream = 1): number => d.dmaRead(stream, va).outputAddress;
/** The event that an access to `va` records, or 0. */
function eventOf(d: Driver, va: Va = VA): number {
  d.dmaRead(1, va);
  return d.takeEventNumbers()[0] ?? 0;
}

describe('CR2.E2H', () => {
  test('is stored with Hyp, while SMMUEN is 0', () => {
    const d = new Driver({ features: HYP });
    d.write(CR2, 0xffff_ffff);
    expect(d.read(CR2)).toBe(RECINVSID | E2H);
    d.boot({});
    d.write(CR2, 0xffff_ffff);
    expect(d.read(CR2)).toBe(RECINVSID);
  });

  test.each<Partial<Features>>([{}, { s2p: true, archMinorRev: 1, hyp: false }])('is RES0 without it', (features) => {
    const d = new Driver({ features });
    d.write(CR2, 0xffff_ffff);
    expect(d.read(CR2)).toBe(RECINVSID);
  });
});

describe('STE.STRW', () => {
  test.each([0b01, 0b11])('%i is ILLEGAL with stage 1 alone', (value) => {
    const d = Driver.mapped({ features: HYP });
    d.ste(1, strw(value));
    expect(eventOf(d)).toBe(C_BAD_STE);
  });

  test.each([0b01, 0b10, 0b11])('%i is ignored in bypass', (value) => {
    const d = Driver.mapped({ features: HYP });
    d.ste(1, steConfig(0b100), strw(value));
    expect(at(d, DATA)).toBe(DATA);
  });

  test.each([0b01, 0b10, 0b11])('%i is ignored with stage 2: the stream is of NS-EL1', (value) => {
    const d = Driver.mapped({ features: HYP });
    // S2AA64, S2TG 4 KiB, S2T0SZ 24 from level 1, S2PS 44 bits; the table maps 1 GiB blocks to themselves.
    const table = 0x4300_0000;
    const block = table + 8;
    d.poke(block, new Uint32Array([0x4000_0000 | (0b1111 << 2) | (0b11 << 6) | (1 << 10) | 0b01, 0]));
    const s2: FieldValue[] = [
      [165, 160, 24],
      [167, 166, 1],
      [178, 176, 4],
      [179, 179, 1],
      [247, 196, table / 16],
    ];
    for (const config of [0b110, 0b111]) {
      d.ste(1, steConfig(config), strw(value), ...s2);
      d.cfgiSte(1);
      expect(at(d, config === 0b110 ? DATA : VA)).toBe(DATA);
      d.ste(1, steConfig(config), strw(value), ...s2, vmid(0x100));
      d.cfgiSte(1);
      expect(eventOf(d)).toBe(C_BAD_STE);
    }
    // In NS-EL1 both halves are there.
    d.ste(1, steConfig(0b111), strw(value), ...s2);
    d.cfgiSte(1);
    d.map(upper(0x1000), DATA + 0x2000);
    expect(at(d, upper(0x1000))).toBe(DATA + 0x2000);
  });

  test.each([0b01, 0b10, 0b11])('%i is ignored without Hyp: the stream is of NS-EL1', (value) => {
    const d = Driver.mapped({ features: { s2p: true, archMinorRev: 1, hyp: false } });
    d.map(upper(0x1000), DATA + 0x2000);
    d.ste(1, strw(value));
    expect(at(d, upper(0x1000))).toBe(DATA + 0x2000);
  });

  test('0b10 has S2VMID ignored', () => {
    for (const e2h of [0, E2H]) {
      const d = el2(e2h);
      d.ste(1, EL2, vmid(0x100));
      expect(at(d)).toBe(DATA);
    }
    const d = Driver.mapped({ features: HYP });
    d.ste(1, vmid(0x100));
    expect(eventOf(d)).toBe(C_BAD_STE);
  });
});

describe('NS-EL2', () => {
  test('has one range: an address above it is F_TRANSLATION, whatever T1SZ and TTB1 say', () => {
    const d = el2();
    d.map(upper(0x1000), DATA + 0x2000);
    expect(at(d)).toBe(DATA);
    for (const va of [upper(0x1000), 2 ** 48 + VA, [0x0100_0000, VA] as Va, [0xff80_0000, VA] as Va]) {
      expect(eventOf(d, va)).toBe(F_TRANSLATION);
    }
  });

  test('with TBI0 ignores VA[63:56] and nothing below, and TBI1 does nothing', () => {
    const d = el2();
    d.cd(0, [38, 38, 1]);
    expect(at(d, [0xff00_0000, VA])).toBe(DATA);
    expect(eventOf(d, [0xff80_0000, VA])).toBe(F_TRANSLATION);
    expect(eventOf(d, upper(VA))).toBe(F_TRANSLATION);
    d.cd(0, [39, 39, 1]);
    d.cfgiCd(1);
    expect(eventOf(d, [0xff00_0000, VA])).toBe(F_TRANSLATION);
  });

  test.each<[string, FieldValue[]]>([
    ['EPD0', [[14, 14, 1]]],
    ['EPD1', [[30, 30, 1]]],
    ['T1SZ', [[21, 16, 0]]],
    ['TG1', [[23, 22, 0]]],
    ['TTB1', [[179, 132, 2 ** 47]]],
    ['ASID[15:8]', [ASID_BITS(0xff00)]],
    ['PAN', [[40, 40, 1]]],
  ])('ignores CD.%s', (_name, fields) => {
    const d = el2(0, { asid16: false });
    d.cd(0, ...fields);
    expect(at(d)).toBe(DATA);
  });

  test.each<[string, FieldValue[]]>([
    ['T0SZ', [[5, 0, 15]]],
    ['TG0', [[7, 6, 0b11]]],
    ['TTB0', [[115, 68, 2 ** 47]]],
    ['AA64', [[41, 41, 0]]],
    ['HA', [[43, 43, 1]]],
  ])('has C_BAD_CD for a bad CD.%s, also under EPD0', (_name, fields) => {
    for (const epd of [0, 1]) {
      const d = el2();
      d.cd(0, [14, 14, epd], ...fields);
      expect(eventOf(d)).toBe(C_BAD_CD);
    }
  });

  test('checks ENDI although both EPDs are set', () => {
    const both: FieldValue[] = [
      [14, 14, 1],
      [30, 30, 1],
      [15, 15, 1],
    ];
    const d = el2(0, { ttendian: 0b10 });
    d.cd(0, ...both);
    expect(eventOf(d)).toBe(C_BAD_CD);
    const e2h = el2(E2H, { ttendian: 0b10 });
    e2h.cd(0, ...both);
    expect(eventOf(e2h)).toBe(F_TRANSLATION);
  });
});

describe('NS-EL2-E2H', () => {
  test('has two ranges', () => {
    const d = el2(E2H);
    d.map(upper(0x1000), DATA + 0x2000);
    expect([at(d), at(d, upper(0x1000))]).toEqual([DATA, DATA + 0x2000]);
  });

  test.each<[string, FieldValue, number]>([
    ['EPD0', [14, 14, 1], F_TRANSLATION],
    ['T1SZ', [21, 16, 0], C_BAD_CD],
    ['ASID[15:8]', ASID_BITS(0xff00), C_BAD_CD],
  ])('heeds CD.%s', (_name, field, event) => {
    const d = el2(E2H, { asid16: false });
    d.cd(0, field);
    expect(eventOf(d)).toBe(event);
  });
});

describe('permissions', () => {
  const WXN: FieldValue = [36, 36, 1];
  const PAN: FieldValue = [40, 40, 1];
  const HAD0: FieldValue = [65, 65, 1];
  const ap = (value: number): FieldValue => [7, 6, value];
  const XN: FieldValue = [54, 54, 1];
  const BIT_53: FieldValue = [53, 53, 1];
  const table = (high: number, low: number, value: number): FieldValue => [high, low, value];

  function page(e2h: number, leaf: FieldValue[], cd: FieldValue[] = [], tables: FieldValue[] = []): Driver {
    const d = el2(e2h);
    d.cd(0, ...cd);
    d.map(VA, DATA, 3, 0, [11, 11, 1], ...leaf);
    if (tables.length > 0) d.table(VA, 1, 0, ...tables);
    return d;
  }
  /** What is permitted: read, write, execute; small letters unprivileged. */
  function allowed(d: Driver): string {
    const letters = (privileged: boolean): string => {
      const is = (letter: string, access: { result: string }): string => (access.result === 'ok' ? letter : '');
      const all =
        is('r', d.dmaRead(1, VA, { privileged })) +
        is('w', d.dmaWrite(1, VA, { privileged })) +
        is('x', d.dmaRead(1, VA, { privileged, instruction: true }));
      return privileged ? all.toUpperCase() : all;
    };
    return letters(false) + letters(true);
  }

  test.each<[string, FieldValue[], FieldValue[], FieldValue[], string]>([
    ['AP[1] clear', [ap(0b00)], [], [], 'rwxRWX'],
    ['AP[1] set', [ap(0b01)], [], [], 'rwxRWX'],
    ['AP[2] set', [ap(0b10)], [], [], 'rxRX'],
    ['both set', [ap(0b11)], [], [], 'rxRX'],
    ['XN', [ap(0b01), XN], [], [], 'rwRW'],
    ['bit 53 set', [ap(0b01), BIT_53], [], [], 'rwxRWX'],
    ['WXN', [ap(0b00)], [WXN], [], 'rwRW'],
    ['WXN of a read-only page', [ap(0b10)], [WXN], [], 'rxRX'],
    ['PAN', [ap(0b01)], [PAN], [], 'rwxRWX'],
    ['APTable[0]', [ap(0b01)], [PAN], [table(61, 61, 1)], 'rwxRWX'],
    ['APTable[1]', [ap(0b01)], [], [table(62, 62, 1)], 'rxRX'],
    ['XNTable', [ap(0b01)], [], [table(60, 60, 1)], 'rwRW'],
    ['bit 59 of a table', [ap(0b01)], [], [table(59, 59, 1)], 'rwxRWX'],
    ['all of them under HAD0', [ap(0b01)], [HAD0], [table(62, 59, 0b1111)], 'rwxRWX'],
  ])('at NS-EL2 with %s', (_name, leaf, cd, tables, letters) => {
    const d = page(0, leaf, cd, tables);
    // The second time from the TLB.
    expect([allowed(d), allowed(d)]).toEqual([letters, letters]);
  });

  test.each<[string, FieldValue[], FieldValue[], string]>([
    ['AP[1] clear', [ap(0b00)], [], 'xRWX'],
    ['AP[1] set', [ap(0b01)], [], 'rwxRW'],
    ['PXN', [ap(0b10), BIT_53], [], 'xR'],
    ['PAN', [ap(0b01)], [PAN], 'rwx'],
  ])('at NS-EL2-E2H are those of EL1, with %s', (_name, leaf, cd, letters) => {
    expect(allowed(page(E2H, leaf, cd))).toBe(letters);
  });

  test('at NS-EL2 do not change the PnU of an event', () => {
    const d = page(0, [ap(0b10)]);
    d.dmaWrite(1, VA);
    d.dmaWrite(1, VA, { privileged: true });
    const records = d.takeEvents();
    expect(records.map((record) => [unpack(record, 7, 0), unpack(record, 97)])).toEqual([
      [F_PERMISSION, 0],
      [F_PERMISSION, 1],
    ]);
  });
});

describe('TLB entries', () => {
  /** Streams 1 and 2, of STRW as given, and CDs 0 and 1, whose ASIDs are 1 and 2, mapping VA 0x1000 apart. */
  function two(e2h: number, first: FieldValue[], second: FieldValue[], cds: FieldValue[] = []): Driver {
    const d = Driver.booted({ features: { ...HYP, vmid16: true }, cr2: RECINVSID | e2h });
    d.ste(1, ...first);
    d.ste(2, [55, 6, (CDS + 64) / 64], ...second);
    d.cd(0, ...cds);
    d.cd(1, ...cds);
    d.map(VA, DATA, 3, 0);
    d.map(VA, OTHER, 3, 1);
    return d;
  }

  test('of NS-EL2 are not told apart by ASID, nor by VMID, nor by nG', () => {
    for (const nG of [0, 1]) {
      const d = two(0, [EL2, vmid(1)], [EL2, vmid(2)]);
      d.map(VA, DATA, 3, 0, [11, 11, nG]);
      d.map(VA, OTHER, 3, 1, [11, 11, nG]);
      d.cd(1, [47, 47, 1]);
      expect([at(d), at(d, VA, 2)]).toEqual([DATA, DATA]);
    }
  });

  test('of NS-EL2-E2H are told apart by ASID and not by VMID', () => {
    const apart = two(E2H, [EL2], [EL2]);
    expect([at(apart), at(apart, VA, 2)]).toEqual([DATA, OTHER]);
    const same = two(E2H, [EL2, vmid(1)], [EL2, vmid(2)], [ASID_BITS(7)]);
    expect([at(same), at(same, VA, 2)]).toEqual([DATA, DATA]);
  });

  test('of NS-EL2-E2H that are global are shared within an ASET', () => {
    const global: FieldValue = [11, 11, 0];
    const d = two(E2H, [EL2], [EL2]);
    d.map(VA, DATA, 3, 0, global);
    d.map(VA, OTHER, 3, 1, global);
    expect([at(d), at(d, VA, 2)]).toEqual([DATA, DATA]);
    d.cd(1, [47, 47, 1]);
    d.cfgiCd(2);
    expect(at(d, VA, 2)).toBe(OTHER);
  });

  test.each([0, E2H])('of EL2 are none of NS-EL1, whatever the VMID and the ASID (E2H %i)', (e2h) => {
    for (const asid of [0, 7]) {
      const d = two(e2h, [EL2], [], [ASID_BITS(asid)]);
      expect([at(d), at(d, VA, 2)]).toEqual([DATA, OTHER]);
      d.unmap(VA, 3, 0);
      d.unmap(VA, 3, 1);
      expect([at(d), at(d, VA, 2)]).toEqual([DATA, OTHER]);
    }
  });

  test('of both EL2 worlds are apart, and CR2.E2H stays cached with the STE', () => {
    const d = el2();
    expect(at(d)).toBe(DATA);
    d.map(VA, OTHER);
    d.write(0x20, 0xc);
    d.write(CR2, E2H);
    d.write(0x20, 0xd);
    expect(at(d)).toBe(DATA);
    d.cfgiSte(1);
    expect(at(d)).toBe(OTHER);
  });
});

describe('CMD_TLBI', () => {
  const asid = (value: number): FieldValue => [63, 48, value];
  const address = (value: number): FieldValue => [95, 76, value / 4096];
  type Case = [string, (d: Driver) => void];
  const ALL: Case = ['EL2_ALL', (d) => d.command(0x20)];
  const ASID: Case = ['EL2_ASID', (d) => d.command(0x21, asid(1))];
  const OTHER_ASID: Case = ['EL2_ASID of another ASID', (d) => d.command(0x21, asid(2))];
  const BY_VA: Case = ['EL2_VA', (d) => d.command(0x22, asid(1), address(VA))];
  const VA_OTHER_ASID: Case = ['EL2_VA of another ASID', (d) => d.command(0x22, asid(2), address(VA))];
  const OTHER_VA: Case = ['EL2_VA of another VA', (d) => d.command(0x22, asid(1), address(0x2000))];
  const VAA: Case = ['EL2_VAA', (d) => d.command(0x23, address(VA))];
  const OTHER_VAA: Case = ['EL2_VAA of another VA', (d) => d.command(0x23, address(0x2000))];
  const RANGE: Case = ['EL2_VAA of a range', (d) => d.command(0x23, [75, 74, 1], [16, 12, 1])];
  const OF_EL1: Case[] = [
    ['NH_ALL', (d) => d.command(0x10)],
    ['NH_ASID', (d) => d.command(0x11, asid(1))],
    ['NH_VA', (d) => d.command(0x12, asid(1), address(VA))],
    ['NH_VAA', (d) => d.command(0x13, address(VA))],
    ['S12_VMALL', (d) => d.command(0x28)],
    ['NSNH_ALL', (d) => d.command(0x30)],
  ];
  const OF_EL2 = [ALL, ASID, BY_VA, VAA];

  /** A stale entry for VA 0x1000, of ASID 1. */
  function stale(d: Driver, ...leaf: FieldValue[]): Driver {
    d.map(VA, DATA, 3, 0, ...leaf);
    expect(at(d)).toBe(DATA);
    d.map(VA, OTHER, 3, 0, ...leaf);
    return d;
  }

  test.each([ALL, BY_VA, VA_OTHER_ASID, VAA, RANGE])('%s drops an entry of NS-EL2', (_name, command) => {
    for (const nG of [0, 1]) {
      const d = stale(el2(), [11, 11, nG]);
      command(d);
      expect(at(d)).toBe(OTHER);
    }
  });
  test.each([ASID, OTHER_VA, OTHER_VAA, ...OF_EL1])('%s leaves an entry of NS-EL2', (_name, command) => {
    const d = stale(el2());
    command(d);
    expect([at(d), d.read(0x60)]).toEqual([DATA, 0]);
  });

  test.each([ALL, ASID, BY_VA, VAA, RANGE])('%s drops an entry of NS-EL2-E2H', (_name, command) => {
    const d = stale(el2(E2H));
    command(d);
    expect(at(d)).toBe(OTHER);
  });
  test.each([OTHER_ASID, VA_OTHER_ASID, OTHER_VA, OTHER_VAA, ...OF_EL1])(
    '%s leaves an entry of NS-EL2-E2H',
    (_name, command) => {
      const d = stale(el2(E2H));
      command(d);
      expect([at(d), d.read(0x60)]).toEqual([DATA, 0]);
    },
  );
  test.each([ALL, BY_VA, VA_OTHER_ASID, VAA])('%s drops a global entry of NS-EL2-E2H', (_name, command) => {
    const d = stale(el2(E2H), [11, 11, 0]);
    command(d);
    expect(at(d)).toBe(OTHER);
  });
  test('EL2_ASID leaves a global entry', () => {
    const d = stale(el2(E2H), [11, 11, 0]);
    d.command(0x21, asid(1));
    expect(at(d)).toBe(DATA);
  });
  test('EL2_ALL drops entries of both EL2 worlds, whatever E2H', () => {
    for (const e2h of [0, E2H]) {
      const d = stale(el2(e2h));
      d.write(0x20, 0xc);
      d.write(CR2, E2H - e2h);
      d.write(0x20, 0xd);
      d.command(0x20);
      expect(at(d)).toBe(OTHER);
    }
  });

  test.each(OF_EL2)('%s leaves an entry of NS-EL1', (_name, command) => {
    for (const cr2 of [0, E2H]) {
      const d = stale(Driver.mapped({ features: HYP, cr2 }));
      command(d);
      expect(at(d)).toBe(DATA);
    }
  });
  test('NSNH_ALL drops all of NS-EL1, also while there are entries of EL2', () => {
    const d = stale(el2());
    d.ste(2, vmid(3));
    d.map(VA, DATA);
    expect(at(d, VA, 2)).toBe(DATA);
    d.map(VA, OTHER);
    d.command(0x30);
    expect([at(d), at(d, VA, 2)]).toEqual([DATA, OTHER]);
  });

  test.each(OF_EL2)('%s is CERROR_ILL without Hyp', (_name, command) => {
    for (const features of [{}, { s1p: false, s2p: true }, { s2p: true, archMinorRev: 1, hyp: false }]) {
      const d = Driver.booted({ features });
      command(d);
      expect(d.read(0x9c)).toBe(1 << 24);
    }
  });
  test.each([0x22, 0x23])('opcode %i with a granule but neither range nor level is CERROR_ILL', (opcode) => {
    const d = el2();
    d.command(opcode, [75, 74, 1]);
    expect(d.read(0x9c)).toBe(1 << 24);
  });
  test('EL2_VA and EL2_ASID of an ASID above 8 bits have no effect without ASID16', () => {
    const d = stale(el2(E2H, { asid16: false }));
    d.command(0x21, asid(0x101));
    d.command(0x22, asid(0x101), address(VA));
    expect([at(d), d.read(0x60)]).toEqual([DATA, 0]);
  });
});
