import { describe, expect, test } from 'vitest';
import { Driver } from '../testing.ts';

const CR0 = 0x20;
const CR0ACK = 0x24;
const CR1 = 0x28;
const CR2 = 0x2c;
const GBPA = 0x44;
const IRQ_CTRL = 0x50;
const GERROR = 0x60;
const GERRORN = 0x64;
const STRTAB_BASE = 0x80;
const STRTAB_BASE_CFG = 0x88;
const CMDQ_BASE = 0x90;
const CMDQ_PROD = 0x98;
const CMDQ_CONS = 0x9c;
const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0x1_00a8;
const EVENTQ_CONS = 0x1_00ac;
const SMMUEN = 1;
const EVENTQEN = 4;
const CMDQEN = 8;
const ONES = 0xffff_ffff;

describe('ID registers', () => {
  test('say: SMMUv3.2, stage 1, VMSAv8-64, coherent, 16-bit ASIDs, terminate only, linear Stream table', () => {
    const d = new Driver();
    expect(d.read(0x00)).toBe((1 << 1) | (0b10 << 2) | (1 << 4) | (1 << 12) | (0b01 << 24));
    expect(d.read(0x04)).toBe(6 | (7 << 16) | (8 << 21) | (1 << 26));
    expect(d.read(0x08)).toBe(0);
    expect(d.read(0x0c)).toBe((1 << 2) | (1 << 8) | (1 << 10) | (1 << 11));
    expect(d.read(0x14)).toBe(0b100 | (1 << 4));
    expect(d.read(0x1c)).toBe(2);
  });

  test('CoreSight registers carry the component class and agree with IIDR', () => {
    const d = new Driver();
    expect([0xff0, 0xff4, 0xff8, 0xffc].map((offset) => d.read(offset))).toEqual([0x0d, 0xf0, 0x05, 0xb1]);
    const product = (d.read(0xfe0) & 0xff) | ((d.read(0xfe4) & 0xf) << 8);
    expect(product).toBe(d.read(0x18) >>> 20);
    expect(d.read(0xfe8) & 8).toBe(8);
  });

  test('and other read-only registers ignore writes', () => {
    const d = new Driver();
    for (const offset of [0x00, 0x04, 0x0c, 0x14, 0x18, 0x1c, CR0ACK, 0x40, 0x54, GERROR, 0xff0]) {
      const before = d.read(offset);
      d.write(offset, ONES);
      expect(d.read(offset)).toBe(before);
    }
  });

  test('features that the architecture does not allow together are refused', () => {
    expect(() => new Driver({ features: { sidsize: 7 } })).toThrow(/SIDSIZE/);
    expect(() => new Driver({ features: { bbml: 0 } })).toThrow(/BBML/);
    expect(() => new Driver({ features: { ttendian: 0b01 } })).toThrow(/TTENDIAN/);
  });
});

describe('reserved bits', () => {
  test('read as zero after ones were written everywhere', () => {
    const d = new Driver();
    d.write(CR1, ONES);
    d.write(CR2, ONES);
    d.write(GBPA, ONES);
    d.write(IRQ_CTRL, ONES);
    d.write(GERRORN, ONES);
    for (const base of [STRTAB_BASE, CMDQ_BASE, EVENTQ_BASE]) {
      d.write(base, ONES);
      d.write(base + 4, ONES);
    }
    d.write(STRTAB_BASE_CFG, ONES);
    d.write(CMDQ_PROD, ONES);
    d.write(CMDQ_CONS, ONES);
    d.write(EVENTQ_PROD, ONES);
    d.write(EVENTQ_CONS, ONES);
    expect(d.read(CR1)).toBe(0xfff);
    expect(d.read(CR2)).toBe(2);
    expect(d.read(GBPA)).toBe((1 << 20) | (0xf << 16));
    expect(d.read(IRQ_CTRL)).toBe(5);
    expect(d.read(0x54)).toBe(5);
    expect(d.read(GERRORN)).toBe(0x105);
    expect(d.read(STRTAB_BASE)).toBe(0xffff_ffc0);
    expect(d.read(STRTAB_BASE + 4)).toBe(0x4000_0fff);
    expect(d.read(STRTAB_BASE_CFG)).toBe(0x3f);
    expect(d.read(CMDQ_BASE)).toBe(ONES);
    expect(d.read(CMDQ_BASE + 4)).toBe(0x4000_0fff);
    expect(d.read(CMDQ_PROD)).toBe(0x1ff);
    expect(d.read(CMDQ_CONS)).toBe(0x1ff);
    expect(d.read(EVENTQ_PROD)).toBe(0x8000_00ff);
    expect(d.read(EVENTQ_CONS)).toBe(0x8000_00ff);
    d.write(CR0, ONES);
    expect(d.read(CR0)).toBe(0xd);
    expect(d.read(CR0ACK)).toBe(0xd);
  });

  test('registers of absent features, the Secure bank and undefined places are RAZ/WI', () => {
    const d = new Driver();
    for (const offset of [0x48, 0x68, 0x70, 0x74, 0xb0, 0xb8, 0xc0, 0xd0, 0x100, 0x108, 0x110, 0x180, 0x190, 0x200]) {
      d.write(offset, ONES);
      expect(d.read(offset)).toBe(0);
    }
    for (const offset of [0xa8, 0xac, 0x8000, 0x8004, 0x8020, 0x803c, 0x8080, 0x80a8, 0x1_0020, 0x1_00c8, 0x1_fffc]) {
      d.write(offset, ONES);
      expect(d.read(offset)).toBe(0);
    }
  });
});

describe('access sizes', () => {
  test('a 64-bit register is two halves, each written alone or both together', () => {
    const d = new Driver();
    d.write(STRTAB_BASE, 0x4010_0000);
    d.write(STRTAB_BASE + 4, 0x12);
    expect(d.read(STRTAB_BASE, 8)).toBe(0x12_4010_0000);
    d.write(STRTAB_BASE, 0x4020_0000);
    expect(d.read(STRTAB_BASE, 8)).toBe(0x12_4020_0000);
    d.write64(STRTAB_BASE, 0x34_5000_0040);
    expect(d.read(STRTAB_BASE)).toBe(0x5000_0040);
    expect(d.read(STRTAB_BASE + 4)).toBe(0x34);
  });

  test('bytes, halfwords and misaligned accesses are RAZ/WI', () => {
    const d = new Driver();
    d.write(CR1, 0xabc);
    d.write(CR1, 0, 1);
    d.write(CR1, 0, 2);
    d.write(CR1 - 2, 0, 4);
    d.write(0x24, 0, 8);
    expect(d.read(CR1)).toBe(0xabc);
    expect(d.read(CR1, 1)).toBe(0);
    expect(d.read(CR1, 2)).toBe(0);
    expect(d.read(CR1 - 1, 4)).toBe(0);
    expect(d.read(CR1 - 4, 8)).toBe(0);
  });

  test('a 64-bit access to two 32-bit registers reaches both', () => {
    const d = new Driver();
    expect(d.read(0x00, 8)).toBe(d.read(0x04) * 2 ** 32 + d.read(0x00));
    d.system.writeRegister(CR1, 8, 2, 0xabc);
    expect([d.read(CR1), d.read(CR2)]).toEqual([0xabc, 2]);
  });

  test('outside the two pages the access aborts', () => {
    const d = new Driver();
    expect(d.system.readRegister(0x2_0000, 4)).toBe('abort');
    expect(d.system.writeRegister(0x2_0000, 4, 0, 1)).toBe(false);
    expect(d.system.readRegister(0x1_fffc, 8)).toBe('abort');
  });
});

describe('guards', () => {
  test('SMMUEN guards STRTAB_*, CR2 and CR1.TABLE_*, and opens them again at 0', () => {
    const d = new Driver();
    d.boot({ cr0: SMMUEN });
    const guarded = [STRTAB_BASE, STRTAB_BASE + 4, STRTAB_BASE_CFG, CR2];
    const before = guarded.map((offset) => d.read(offset));
    for (const offset of guarded) d.write(offset, 0x40);
    d.write64(STRTAB_BASE, 0x1234_0000);
    expect(guarded.map((offset) => d.read(offset))).toEqual(before);
    d.write(CR1, 0);
    expect(d.read(CR1)).toBe(0xd40);
    d.write(CR0, 0);
    d.write(STRTAB_BASE, 0x40);
    d.write(CR2, 0);
    d.write(CR1, 0x3f);
    expect([d.read(STRTAB_BASE), d.read(CR2), d.read(CR1)]).toEqual([0x40, 0, 0x3f]);
  });

  test.each([
    ['CMDQEN', CMDQEN],
    ['EVENTQEN', EVENTQEN],
  ])('%s guards CR1.QUEUE_* but not CR1.TABLE_*', (_name, enable) => {
    const d = new Driver();
    d.boot({ cr0: enable });
    d.write(CR1, 0);
    expect(d.read(CR1)).toBe(0x35);
  });

  test('CMDQEN guards CMDQ_BASE and CMDQ_CONS, not CMDQ_PROD', () => {
    const d = new Driver();
    d.boot({ cr0: CMDQEN });
    const base = d.read(CMDQ_BASE, 8);
    d.write64(CMDQ_BASE, 0x55_0000_0000);
    d.write(CMDQ_CONS, 5);
    expect(d.read(CMDQ_BASE, 8)).toBe(base);
    expect(d.read(CMDQ_CONS)).toBe(0);
    d.write(CMDQ_PROD, 0x7f);
    expect(d.read(CMDQ_PROD)).toBe(0x7f);
  });

  test('EVENTQEN guards EVENTQ_BASE and EVENTQ_PROD, not EVENTQ_CONS', () => {
    const d = new Driver();
    d.boot({ cr0: EVENTQEN });
    const base = d.read(EVENTQ_BASE, 8);
    d.write64(EVENTQ_BASE, 0x55_0000_0000);
    d.write(EVENTQ_PROD, 5);
    d.write(EVENTQ_CONS, 3);
    expect(d.read(EVENTQ_BASE, 8)).toBe(base);
    expect(d.read(EVENTQ_PROD)).toBe(0);
    expect(d.read(EVENTQ_CONS)).toBe(3);
  });

  test('GBPA takes a write only with Update set, also while SMMUEN is 1', () => {
    const d = new Driver();
    d.write(GBPA, 1 << 20);
    expect(d.read(GBPA)).toBe(0);
    d.boot({ cr0: SMMUEN });
    d.write(GBPA, 0x8010_0000);
    expect(d.read(GBPA)).toBe(1 << 20);
  });

  test('LOG2SIZE above the maximum reads back as written while the queue has the maximum size', () => {
    const d = new Driver();
    d.write64(CMDQ_BASE, 0x4012_0000 + 19);
    expect(d.read(CMDQ_BASE)).toBe(0x4012_0013);
    d.write(CMDQ_PROD, ONES);
    expect(d.read(CMDQ_PROD)).toBe(0x1ff);
  });

  test('lowering LOG2SIZE truncates the indexes', () => {
    const d = new Driver();
    d.write64(CMDQ_BASE, 0x4012_0000 + 6);
    d.write(CMDQ_CONS, 0x55);
    d.write64(CMDQ_BASE, 0x4012_0000 + 3);
    expect(d.read(CMDQ_CONS)).toBe(0x5);
  });
});

test('reset returns registers and memory to where they began', () => {
  const d = Driver.mapped();
  d.dmaWrite(1, 0x1000);
  d.write(GBPA, 0x8010_0000);
  d.system.reset();
  expect([CR0, CR0ACK, CR1, GBPA, IRQ_CTRL, GERROR, CMDQ_BASE].map((offset) => d.read(offset))).toEqual([
    0, 0, 0, 0, 0, 0, 0,
  ]);
  expect(d.peek(0x4100_0000, 2)).toEqual(new Uint32Array([0x4100_0000, 0]));
  expect(d.peek(0x4010_0040, 1)).toEqual(new Uint32Array([0]));
  expect(d.dmaRead(1, 0x4100_0008).data).toBe(0x4100_0008);
});

test('reset empties the caches and forgets interrupts', () => {
  const d = Driver.mapped();
  d.dmaRead(1, 0x1000);
  d.dmaRead(2, 0);
  d.system.reset();
  expect(d.system.takeInterrupts()).toEqual([]);
  // Everything is laid out anew, CD and leaf elsewhere; a cached STE, CD or leaf would show.
  d.boot({});
  d.ste(1, [55, 6, 0x4014_0040 / 64]);
  d.cd(1, [63, 48, 1]);
  d.map(0x1000, 0x4100_8000, 3, 1);
  expect(d.dmaRead(1, 0x1000).data).toBe(0x4100_8000);
});
