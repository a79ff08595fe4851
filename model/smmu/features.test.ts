import { describe, expect, test } from 'vitest';
import { DATA, Driver, STRTAB } from '../testing.ts';
import { System } from '../system.ts';
import { idr0, idr1, idr3, idr5, resolveFeatures } from './features.ts';
import type { Features } from './features.ts';

const bit = (value: number, position: number, width = 1): number => Math.floor(value / 2 ** position) % 2 ** width;

describe('what can be combined', () => {
  test.each<[string, Partial<Features>]>([
    ['stage 2 alone', { s1p: false, s2p: true }],
    ['both stages', { s2p: true, vmid16: true }],
    ['16KB granules alone', { gran4k: false, gran16k: true }],
    ['no streams but one', { sidsize: 0 }],
    ['32-bit StreamIDs with 2-level tables', { sidsize: 32, stLevel: 1 }],
    ['20-bit SubstreamIDs', { ssidsize: 20, cd2l: true }],
    ['SMMUv3.1 without what came later', { archMinorRev: 1, fwb: false, ril: false, bbml: 0 }],
    ['SMMUv3.1 with Hyp', { archMinorRev: 1, s2p: true, hyp: true }],
    ['SMMUv3.1 without Hyp', { archMinorRev: 1, s2p: true, hyp: false }],
    ['SMMUv3.1 with some of it', { archMinorRev: 1, fwb: true, ril: false, bbml: 2, stt: true }],
  ])('%s', (_name, features) => {
    expect(() => new System({ ram: [], features })).not.toThrow();
  });

  test.each<[string, Partial<Features>]>([
    ['no stage', { s1p: false }],
    ['no granule', { gran4k: false }],
    ['large StreamIDs without 2-level tables', { sidsize: 7 }],
    ['StreamIDs above 32 bits', { sidsize: 33, stLevel: 1 }],
    ['SubstreamIDs above 20 bits', { ssidsize: 21 }],
    ['52-bit addresses', { oas: 52 }],
    ['HAD without stage 1', { s1p: false, s2p: true, had: true }],
    ['stage 1 without HAD', { had: false }],
    ['stage 2 without XNX', { s2p: true, xnx: false }],
    ['SMMUv3.2 without FWB', { fwb: false }],
    ['SMMUv3.2 without RIL', { ril: false }],
    ['SMMUv3.2 at BBML 0', { bbml: 0 }],
    ['SMMUv3.2 with both stages without Hyp', { s2p: true, hyp: false }],
    ['Hyp without stage 2', { hyp: true }],
    ['Hyp without stage 1', { archMinorRev: 1, s1p: false, s2p: true, hyp: true }],
    ['TTENDIAN 0b01', { ttendian: 1 }],
    ['SMMUv3.0', { archMinorRev: 0 }],
    ['ATS', { ats: true }],
    ['HTTU', { httu: 1 }],
  ])('not %s', (_name, features) => {
    expect(() => new System({ ram: [], features })).toThrow(RangeError);
  });
});

test('the ID registers say what there is', () => {
  const f = resolveFeatures({
    ...{ s2p: true, vmid16: true, cd2l: true, stLevel: 1, sidsize: 16, ssidsize: 12, ttendian: 2, termModel: true },
    ...{ stt: true, bbml: 2, oas: 48, gran16k: true, gran64k: true, asid16: false, attrPermsOvr: false },
  });
  expect([0, 1, 12, 18, 19, 26].map((position) => bit(idr0(f), position))).toEqual([1, 1, 0, 1, 1, 1]);
  expect([bit(idr0(f), 2, 2), bit(idr0(f), 21, 2), bit(idr0(f), 27, 2)]).toEqual([2, 2, 1]);
  expect([bit(idr1(f), 0, 6), bit(idr1(f), 6, 5), bit(idr1(f), 26)]).toEqual([16, 12, 0]);
  expect([2, 4, 8, 9, 10].map((position) => bit(idr3(f), position))).toEqual([1, 1, 1, 1, 1]);
  expect(bit(idr3(f), 11, 2)).toBe(2);
  expect(idr5(f)).toBe(0x75);
  const stage2Only = resolveFeatures({ s1p: false, s2p: true, gran4k: false, gran64k: true, oas: 32 });
  expect([bit(idr0(stage2Only), 0, 2), bit(idr3(stage2Only), 2), bit(idr3(stage2Only), 4)]).toEqual([1, 0, 1]);
  expect(idr5(stage2Only)).toBe(0x40);
});

test('Hyp comes with both stages, from SMMUv3.2 by itself', () => {
  const hyp = (features: Partial<Features>): number => bit(idr0(resolveFeatures(features)), 9);
  expect(hyp({})).toBe(0);
  expect(hyp({ s1p: false, s2p: true })).toBe(0);
  expect(hyp({ s2p: true })).toBe(1);
  expect(hyp({ s2p: true, archMinorRev: 1 })).toBe(0);
  expect(hyp({ s2p: true, archMinorRev: 1, hyp: true })).toBe(1);
});

test('STRTAB_BASE_CFG keeps FMT and SPLIT with 2-level tables only', () => {
  const write = (stLevel: number): number => {
    const d = new Driver({ features: { stLevel } });
    d.write(0x88, 0xffff_ffff);
    return d.read(0x88);
  };
  expect([write(0), write(1)]).toEqual([0x3f, 0x3_07ff]);
});

test('AIDR tells the version, and registers are guarded in both', () => {
  for (const archMinorRev of [1, 2]) {
    const d = Driver.booted({ features: { archMinorRev, stLevel: 1 } });
    expect(d.read(0x1c)).toBe(archMinorRev);
    const before = d.read(0x88);
    d.write(0x88, 0x1_0188);
    d.write64(0x80, STRTAB + 0x1_0000);
    expect([d.read(0x88), d.read(0x80)]).toEqual([before, STRTAB]);
  }
});

test('a reset of the SMMU forgets registers and caches, and memory survives', () => {
  const d = Driver.mapped();
  expect(d.dmaRead(1, 0x1000).outputAddress).toBe(DATA);
  d.dmaRead(1, 0x9000);
  d.map(0x1000, DATA + 0x1000);
  d.ste(2);
  d.system.resetSmmu();
  expect([d.read(0x20), d.read(0x88), d.read(0x1_00a8), d.read(0x60)]).toEqual([0, 0, 0, 0]);
  expect(d.system.takeInterrupts()).toEqual([]);
  expect(d.dmaRead(1, DATA).outputAddress).toBe(DATA);
  d.boot({});
  for (const stream of [1, 2]) expect(d.dmaRead(stream, 0x1000).outputAddress).toBe(DATA + 0x1000);
});
