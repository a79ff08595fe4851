import { describe, expect, it } from 'vitest';
import type { CdFields } from '../scenario/encode/cd.ts';
import type { SteFields } from '../scenario/encode/ste.ts';
import { levelShift } from '../scenario/layout.ts';
import type { Granule, Level } from '../scenario/layout.ts';
import type { Step } from '../scenario/steps.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import { stage1Start, stage2Start } from './geometry.ts';
import { aborted, ID_V32, patternAt, told, type Told } from './testing.ts';

/** Both stages, all granules, 48-bit addresses, small tables, BBML 1. */
const ID: IdRegisters = {
  ...ID_V32,
  IDR0: ID_V32.IDR0 | 1 | (1 << 18),
  IDR3: ID_V32.IDR3 | (1 << 9),
  IDR5: 5 | (7 << 4),
};
const PAGE = 0x4100_0000n;
const sync: Step = { do: 'command', name: 'CMD_SYNC' };
const all: readonly Step[] = [{ do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync];
const TG0 = { '4K': 0n, '64K': 1n, '16K': 2n } as const;

const dma = (address: bigint): Step => ({ do: 'dma', stream: 8, read: address, bytes: 8 });
const sees = (address: bigint, pa: bigint): Told => [dma(address), { outcomes: [patternAt(pa)] }];
const faults = (address: bigint): Told => [dma(address), { outcomes: [aborted], interrupts: ['EVTQ'] }];

function verdict(...steps: readonly Told[]): string {
  const { kind, violation, undetermined } = told(steps, ID);
  if (violation !== undefined) return `${violation.rule} ${violation.difference}`;
  return undetermined === undefined ? kind : `undetermined: ${undetermined.reason}`;
}

describe('where a walk starts', () => {
  it.each([
    [12, 16, 0, 9],
    [12, 24, 0, 1],
    [12, 25, 1, 9],
    [12, 39, 2, 4],
    [12, 42, 2, 1],
    [12, 43, 3, 9],
    [12, 48, 3, 4],
    [14, 16, 0, 1],
    [14, 17, 1, 11],
    [14, 27, 1, 1],
    [14, 28, 2, 11],
    [14, 38, 2, 1],
    [14, 39, 3, 11],
    [16, 16, 1, 6],
    [16, 21, 1, 1],
    [16, 22, 2, 13],
    [16, 34, 2, 1],
    [16, 35, 3, 13],
    [16, 47, 3, 1],
  ] as const)('stage 1: granule 2^%i, TxSZ %i: level %i, %i bits', (granule, txsz, level, indexBits) => {
    expect(stage1Start(granule, txsz)).toEqual({ level, indexBits });
  });

  it('stage 2: bits beyond one table select among concatenated ones', () => {
    expect(stage2Start(12, 1, 25)).toEqual({ level: 1, indexBits: 9 });
    expect(stage2Start(12, 1, 21)).toEqual({ level: 1, indexBits: 13 });
    expect(stage2Start(14, 1, 16)).toEqual({ level: 1, indexBits: 12 });
    expect(stage2Start(16, 3, 31)).toEqual({ level: 3, indexBits: 17 });
  });
});

describe('stage 1', () => {
  const world = (granule: Granule, T0SZ: bigint, set: CdFields = {}): readonly Step[] => [
    { do: 'cd', cd: 0, set: { TG0: TG0[granule], T0SZ, ...set } },
    { do: 'ste', stream: 8 },
    { do: 'boot' },
  ];
  const map = (granule: Granule, va: bigint, pa: bigint, level: Level = 3, set = {}): Step => ({
    ...{ do: 'map', cd: 0, granule, va, pa, level, set },
  });

  it.each<[Granule, bigint]>([
    ['4K', 16n],
    ['4K', 25n],
    ['4K', 39n],
    ['4K', 43n],
    ['16K', 16n],
    ['16K', 17n],
    ['16K', 28n],
    ['16K', 39n],
    ['16K', 46n],
    ['64K', 16n],
    ['64K', 22n],
    ['64K', 35n],
    ['64K', 46n],
  ])('with %s pages and TxSZ %s', (granule, T0SZ) => {
    const size = 1n << BigInt(levelShift(3, granule));
    const steps = [...world(granule, T0SZ), map(granule, size, PAGE), ...all] as const;
    expect(verdict(...steps, sees(size + 0x108n, PAGE + 0x108n))).toBe('ok');
    expect(verdict(...steps, sees(2n * size - 8n, PAGE + size - 8n))).toBe('ok');
    expect(verdict(...steps, sees(size, PAGE + 8n))).toMatch(/dma-data/);
    expect(verdict(...steps, faults(2n * size))).toBe('ok');
    const top = 1n << (64n - T0SZ);
    expect(verdict(...steps, faults(top + size))).toBe('ok');
    expect(verdict(...steps, sees(top + size, PAGE))).toMatch(/dma-not-aborted/);
  });

  it.each<[Granule, Level, string]>([
    ['4K', 0, 'WALK-090 dma-not-aborted'],
    ['4K', 1, 'ok'],
    ['4K', 2, 'ok'],
    ['16K', 1, 'WALK-094 dma-not-aborted'],
    ['16K', 2, 'ok'],
    ['64K', 1, 'WALK-098 dma-not-aborted'],
    ['64K', 2, 'ok'],
  ])('%s: a Block at level %i that translates: %s', (granule, level, fate) => {
    const block = 1n << BigInt(levelShift(level, granule));
    const base = (PAGE / block) * block;
    const va = block + (PAGE - base);
    const steps = [...world(granule, 16n), map(granule, block, base, level), ...all] as const;
    expect(verdict(...steps, sees(va, PAGE))).toBe(fate);
    if (fate !== 'ok') expect(verdict(...steps, faults(va))).toBe('ok');
  });

  it('takes bits below the granule for no part of an address', () => {
    const odd = { or0: 0x3000n };
    const steps = [...world('16K', 25n), map('16K', 0x4000n, PAGE, 3, odd), ...all] as const;
    expect(verdict(...steps, sees(0x4000n, PAGE))).toBe('ok');
    // With 64 KiB granules an implementation may report them.
    const high = [...world('64K', 25n), map('64K', 0x1_0000n, PAGE, 3, odd), ...all] as const;
    expect(verdict(...high, sees(0x1_0000n, PAGE))).toBe('ok');
    expect(verdict(...high, faults(0x1_0000n))).toBe('ok');
  });

  it('keeps an entry of one granule when only those of another are invalidated', () => {
    const by = (TG: bigint): Step => ({
      ...{ do: 'command', name: 'CMD_TLBI_NH_VA' },
      set: { VMID: 0n, ASID: 1n, Address: 0x4000n, TG, NUM: 3n },
    });
    const remap = map('16K', 0x4000n, PAGE + 0x4000n);
    const steps = [...world('16K', 25n), map('16K', 0x4000n, PAGE), ...all, remap] as const;
    const old = sees(0x4000n, PAGE);
    expect(verdict(...steps, by(1n), sync, old)).toBe('ok');
    expect(verdict(...steps, by(3n), sync, old)).toBe('ok');
    expect(verdict(...steps, by(2n), sync, old)).toMatch(/^TLBI-\d+ dma-data$/);
  });
});

describe('a Contiguous group', () => {
  const world: readonly Step[] = [{ do: 'cd', cd: 0 }, { do: 'ste', stream: 8 }, { do: 'boot' }];
  const member = (at: bigint, set = {}): Step => ({
    ...{ do: 'map', cd: 0, va: 0x1_0000n + at * 0x1000n, pa: PAGE + at * 0x1000n },
    set: { Contiguous: 1n, ...set },
  });
  const group = Array.from({ length: 16 }, (_, at) => member(BigInt(at)));
  const va = (at: bigint): bigint => 0x1_0000n + at * 0x1000n;

  it('translates as its members say', () => {
    const steps = [...world, ...group, ...all] as const;
    expect(verdict(...steps, sees(va(5n), PAGE + 0x5000n))).toBe('ok');
    expect(verdict(...steps, sees(va(5n), PAGE + 0x4000n))).toMatch(/dma-data/);
    expect(verdict(...steps, faults(va(5n)))).toMatch(/dma-abort/);
  });

  it('may cover a member that is invalid, or not', () => {
    const gone: Step = { do: 'unmap', cd: 0, va: va(5n) };
    const steps = [...world, ...group, gone, ...all] as const;
    expect(verdict(...steps, sees(va(5n), PAGE + 0x5000n))).toBe('ok');
    expect(verdict(...steps, faults(va(5n)))).toBe('ok');
    expect(verdict(...steps, sees(va(5n), PAGE))).toMatch(/dma-not-aborted|dma-data/);
  });

  it('gives any of the values that its members have', () => {
    const other: Step = { do: 'map', cd: 0, va: va(5n), pa: PAGE + 0x2_5000n, set: { Contiguous: 1n } };
    const steps = [...world, ...group, other, ...all] as const;
    expect(verdict(...steps, sees(va(5n), PAGE + 0x5000n))).toBe('ok');
    expect(verdict(...steps, sees(va(5n), PAGE + 0x2_5000n))).toBe('ok');
    expect(verdict(...steps, sees(va(6n), PAGE + 0x2_6000n))).toBe('ok');
    expect(verdict(...steps, sees(va(6n), PAGE + 0x5000n))).toMatch(/dma-data/);
  });
});

describe('stage 2', () => {
  const world = (set: SteFields): readonly Step[] => [
    { do: 'ste', stream: 8, vm: 0, set: { Config: 0b110n, S2PS: 5n, ...set } },
    { do: 'boot' },
  ];

  it.each<[Granule, bigint, bigint, bigint]>([
    ['4K', 16n, 2n, 0n],
    ['4K', 21n, 1n, 0x7ff_ffff_f000n],
    ['4K', 24n, 1n, 0xff_ffff_f000n],
    ['4K', 30n, 0n, 0x3_ffff_f000n],
    ['4K', 34n, 0n, 0x3fff_f000n],
    ['16K', 16n, 2n, 0xffff_ffff_c000n],
    ['16K', 24n, 1n, 0xff_ffff_c000n],
    ['16K', 35n, 0n, 0x1fff_c000n],
    ['64K', 16n, 2n, 0xffff_ffff_0000n],
    ['64K', 18n, 1n, 0x3fff_ffff_0000n],
    ['64K', 31n, 0n, 0x1_ffff_0000n],
  ])('%s, S2T0SZ %s, S2SL0 %s: concatenated tables to the last', (granule, S2T0SZ, S2SL0, ipa) => {
    const set = { S2TG: TG0[granule], S2T0SZ, S2SL0 };
    const leaf: Step = { do: 'map', vm: 0, granule, va: ipa, pa: PAGE };
    const steps = [...world(set), leaf, ...all] as const;
    expect(verdict(...steps, sees(ipa + 8n, PAGE + 8n))).toBe('ok');
    expect(verdict(...steps, faults(ipa + 8n))).toMatch(/dma-abort/);
    const beyond = (1n << (64n - S2T0SZ)) | ipa;
    expect(verdict(...steps, faults(beyond))).toBe('ok');
    expect(verdict(...steps, sees(beyond, PAGE))).toMatch(/dma-not-aborted/);
  });

  it('refuses SL0 that does not go with T0SZ', () => {
    const steps = world({ S2T0SZ: 20n, S2SL0: 1n });
    const leaf: Step = { do: 'map', vm: 0, va: 0x1000n, pa: PAGE };
    expect(verdict(...steps, leaf, ...all, faults(0x1000n))).toBe('ok');
    expect(verdict(...steps, leaf, ...all, sees(0x1000n, PAGE))).toMatch(/dma-not-aborted/);
  });

  it('under a stage 1 of another granule', () => {
    const steps: readonly Told[] = [
      { do: 'cd', cd: 0, set: { TG0: 2n } },
      ...world({ Config: 0b111n, S2TG: 1n, S2T0SZ: 25n, S2SL0: 1n }),
      { do: 'map', vm: 0, granule: '64K', va: 0x4000_0000n, pa: 0x4000_0000n, level: 2 },
      { do: 'map', cd: 0, granule: '16K', va: 0x8000n, pa: PAGE + 0x4000n },
      ...all,
    ];
    expect(verdict(...steps, sees(0x8008n, PAGE + 0x4008n))).toBe('ok');
    expect(verdict(...steps, sees(0x8008n, PAGE + 0x8n))).toMatch(/dma-data/);
  });
});
