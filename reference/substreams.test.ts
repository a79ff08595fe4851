import { describe, expect, it } from 'vitest';
import type { SteFields } from '../scenario/encode/ste.ts';
import { L1CD_BASE } from '../scenario/memory-map.ts';
import type { Step } from '../scenario/steps.ts';
import { aborted, bytes, ID_V32, patternAt, told, type Told } from './testing.ts';

/** With 8-bit SubstreamIDs and 2-level CD tables. */
const ID = { ...ID_V32, IDR0: ID_V32.IDR0 | (1 << 19), IDR1: ID_V32.IDR1 | (8 << 6) };
const NO_CD2L = { ...ID, IDR0: ID_V32.IDR0 };
/** Stage 2 too: S2P, Hyp (as SMMUv3.2 wants with both stages), XNX. */
const NESTED = { ...ID, IDR0: ID.IDR0 | 1 | (1 << 9), IDR3: ID.IDR3 | (1 << 4) };
const PAGE = 0x4100_0000n;

/** Three CDs; each maps 0x1000 to a page of its own. */
const page = (cd: number): bigint => PAGE + BigInt(cd) * 0x1000n;
const cds: readonly Step[] = [0, 1, 2].flatMap((cd): Step[] => [
  { do: 'cd', cd },
  { do: 'map', cd, va: 0x1000n, pa: page(cd) },
]);
const sync: Step = { do: 'command', name: 'CMD_SYNC' };

function ste(set: SteFields): Step {
  return { do: 'ste', stream: 8, set: { S1CDMax: 3n, ...set } };
}
function dma(substream?: number): Step {
  const step: Step = { do: 'dma', stream: 8, read: 0x1000n, bytes: 8 };
  return substream === undefined ? step : { ...step, substream };
}
const works = (cd: number, substream?: number): Told => [dma(substream), { outcomes: [patternAt(page(cd))] }];
const bypasses = (substream?: number): Told => [
  { ...dma(substream), read: PAGE } as Step,
  { outcomes: [patternAt(PAGE)] },
];
const fails = (substream?: number): Told => [dma(substream), { outcomes: [aborted], interrupts: ['EVTQ'] }];

/** The first event: number, SubstreamID field. */
function event(number: number, field = 0): Told {
  const data = new Uint8Array(32);
  data[0] = number;
  data[1] = (field & 0xf) << 4;
  data[4] = 8;
  return [{ do: 'peek', address: 0x4013_0000n, bytes: 32 }, { outcomes: [bytes(data)] }];
}

function verdict(set: SteFields, steps: readonly Told[], id = ID): string {
  const { kind, violation, undetermined } = told([...cds, ste(set), { do: 'boot' }, ...steps], id);
  return violation === undefined ? (undetermined?.reason ?? kind) : `${violation.rule} ${violation.difference}`;
}

describe.each<[string, SteFields]>([
  ['a linear CD table', {}],
  ['a CD table of two levels with 4 KiB leaves', { S1Fmt: 1n }],
  ['a CD table of two levels with 64 KiB leaves', { S1Fmt: 2n }],
])('%s', (_, format) => {
  const l1cd: readonly Told[] = format.S1Fmt === undefined ? [] : [{ do: 'l1cd', index: 0 }];
  const set: SteFields = { ...format, S1DSS: 2n };
  const run = (...steps: readonly Told[]): string => {
    const start = [...l1cd, { do: 'command', name: 'CMD_CFGI_ALL' } as const, sync];
    return verdict(set, [...start, ...steps]);
  };

  it('gives each substream its CD', () => {
    expect(run(works(1, 1), works(2, 2))).toBe('ok');
    expect(run(works(2, 1))).toMatch(/dma-data/);
    expect(run(works(0, 1))).toMatch(/dma-data/);
  });

  it('has no CD beyond 2^S1CDMax, whatever lies there', () => {
    expect(run(fails(8), event(0x08, 8))).toBe('ok');
    expect(run(works(1, 8))).toMatch(/^STE-055 dma-not-aborted/);
    expect(run(fails(8), event(0x0a, 8))).toMatch(/event-record/);
  });

  it('remembers each CD until it is named', () => {
    const remap: Step = { do: 'cd', cd: 1, set: { V: 0n } };
    const drop = (SubstreamID: bigint): readonly Step[] => [
      { do: 'command', name: 'CMD_CFGI_CD', set: { StreamID: 8n, SubstreamID, Leaf: 1n } },
      sync,
    ];
    expect(run(remap, works(1, 1))).toBe('ok');
    expect(run(remap, fails(1))).toBe('ok');
    expect(run(remap, ...drop(2n), works(1, 1))).toBe('ok');
    expect(run(remap, ...drop(1n), works(1, 1))).toMatch(/^CFGI-035 dma-not-aborted/);
    expect(run(remap, ...drop(1n), fails(1))).toBe('ok');
    const all: Step = { do: 'command', name: 'CMD_CFGI_CD_ALL', set: { StreamID: 8n } };
    expect(run(remap, all, sync, works(1, 1))).toMatch(/^CFGI-045 dma-not-aborted/);
  });
});

describe('S1DSS', () => {
  it('0b00 and 0b11 disable transactions without a SubstreamID', () => {
    for (const S1DSS of [0n, 3n]) {
      expect(verdict({ S1DSS }, [fails(), event(0x06)])).toBe('ok');
      expect(verdict({ S1DSS }, [works(0)])).toMatch(/^STE-0(64|73) dma-not-aborted/);
      expect(verdict({ S1DSS }, [works(0, 0)])).toBe('ok');
      expect(verdict({ S1DSS }, [fails(), event(0x08)])).toMatch(/event-record/);
    }
  });

  it('0b01 takes them past stage 1, and reads no CD', () => {
    const invalid: Step = { do: 'cd', cd: 0, set: { V: 0n } };
    expect(verdict({ S1DSS: 1n }, [bypasses()])).toBe('ok');
    expect(verdict({ S1DSS: 1n }, [invalid, { do: 'command', name: 'CMD_CFGI_ALL' }, sync, bypasses()])).toBe('ok');
    const wrong: Told = [{ ...dma(), read: PAGE } as Step, { outcomes: [patternAt(page(1))] }];
    expect(verdict({ S1DSS: 1n }, [wrong])).toMatch(/dma-data/);
    expect(verdict({ S1DSS: 1n }, [fails()])).toMatch(/interrupt|dma-abort/);
    expect(verdict({ S1DSS: 1n }, [works(0, 0)])).toBe('ok');
  });

  it('0b10 gives them the CD at 0, which no substream may use', () => {
    expect(verdict({ S1DSS: 2n }, [works(0)])).toBe('ok');
    expect(verdict({ S1DSS: 2n }, [fails(0), event(0x06)])).toBe('ok');
    expect(verdict({ S1DSS: 2n }, [works(0, 0)])).toMatch(/^STE-070 dma-not-aborted/);
  });

  it('means nothing with one CD', () => {
    expect(verdict({ S1CDMax: 0n, S1DSS: 1n }, [works(0)])).toBe('ok');
    expect(verdict({ S1CDMax: 0n, S1DSS: 1n }, [fails(0), event(0x08)])).toBe('ok');
    expect(verdict({ S1CDMax: 0n }, [works(0, 0)])).toMatch(/dma-not-aborted/);
  });
});

describe('an STE', () => {
  it('with more CDs than there are SubstreamIDs is ILLEGAL, used or not', () => {
    expect(verdict({ S1CDMax: 9n, S1DSS: 1n }, [fails(), event(0x04)])).toBe('ok');
    expect(verdict({ S1CDMax: 9n, S1DSS: 1n }, [bypasses()])).toMatch(/^STE-056/);
    expect(verdict({ S1CDMax: 8n, S1DSS: 2n }, [works(0)])).toBe('ok');
  });

  it('with a 2-level CD table is ILLEGAL where there are none; the Reserved format may be', () => {
    expect(verdict({ S1Fmt: 1n }, [fails(1), event(0x04, 1)], NO_CD2L)).toMatch(/event-record/);
    expect(verdict({ S1Fmt: 1n }, [works(1, 1)], NO_CD2L)).toMatch(/^STE-043/);
    expect(verdict({ S1Fmt: 3n, S1ContextPtr: 0x4014_0000n }, [works(1, 1)], NO_CD2L)).toBe('ok');
    expect(verdict({ S1Fmt: 3n, S1ContextPtr: 0x4014_0000n }, [fails(1)], NO_CD2L)).toBe('ok');
    expect(verdict({ S1Fmt: 3n, S1ContextPtr: 0x4014_0000n }, [fails(1)])).toMatch(/dma-abort/);
  });
});

describe('a level 1 CD descriptor', () => {
  const set: SteFields = { S1Fmt: 1n, S1CDMax: 8n, S1DSS: 2n };
  const wide = [{ do: 'l1cd', index: 0 } as const, { do: 'command', name: 'CMD_CFGI_ALL' } as const, sync];
  const cfgi = (SubstreamID: bigint, Leaf: bigint): readonly Step[] => [
    { do: 'command', name: 'CMD_CFGI_CD', set: { StreamID: 8n, SubstreamID, Leaf } },
    sync,
  ];
  const off: Step = { do: 'l1cd', index: 0, set: { V: 0n } };

  it('that is invalid makes its SubstreamIDs bad', () => {
    expect(verdict(set, [...wide, fails(65), event(0x08, 65 & 0xf)])).toMatch(/event-record/);
    expect(verdict(set, [...wide, fails(65)])).toBe('ok');
    expect(verdict(set, [...wide, works(1, 65)])).toMatch(/^CD-001 dma-not-aborted/);
    expect(verdict(set, [fails(), event(0x08, 0)])).toBe('ok');
  });

  it('is found by the bits above the leaf', () => {
    const second: Step = { do: 'l1cd', index: 1 };
    expect(verdict(set, [...wide, second, ...cfgi(64n, 0n), works(1, 65)])).toBe('ok');
    expect(verdict(set, [...wide, second, ...cfgi(64n, 0n), fails(65)])).toMatch(/dma-abort/);
    expect(verdict(set, [...wide, second, ...cfgi(64n, 1n), fails(65)])).toBe('ok');
  });

  it('stays in the cache until CFGI_CD with Leaf 0, and so may the CDs of others', () => {
    expect(verdict(set, [...wide, off, works(1, 1)])).toBe('ok');
    expect(verdict(set, [...wide, off, ...cfgi(1n, 1n), works(1, 1)])).toBe('ok');
    expect(verdict(set, [...wide, off, ...cfgi(1n, 0n), works(1, 1)])).toMatch(/dma-not-aborted/);
    expect(verdict(set, [...wide, off, ...cfgi(1n, 0n), works(2, 2)])).toBe('ok');
    expect(verdict(set, [...wide, off, ...cfgi(1n, 0n), fails(2)])).toBe('ok');
  });

  it('with a Reserved bit may count as invalid', () => {
    const odd: Step = { do: 'poke', address: L1CD_BASE, data: '0300144000000000' };
    const start = [odd, { do: 'command', name: 'CMD_CFGI_ALL' } as const, sync];
    expect(verdict(set, [...start, works(1, 1)])).toBe('ok');
    expect(verdict(set, [...start, fails(1)])).toBe('ok');
  });

  it('whose fetch aborts is F_CD_FETCH at its own address', () => {
    const hole = { ...set, S1ContextPtr: 0x7000_0000n };
    const record = (low: number): Told => {
      const data = new Uint8Array(32);
      data.set([0x09, 0x18, 4, 0, 8]);
      data.set([low, 0, 0, 0x70], 24);
      return [{ do: 'peek', address: 0x4013_0000n, bytes: 32 }, { outcomes: [bytes(data)] }];
    };
    expect(verdict(hole, [fails(0x41), record(8)])).toBe('ok');
    expect(verdict(hole, [fails(0x41), record(0)])).toMatch(/event-record/);
  });
});

describe('behind stage 2', () => {
  const nested = { Config: 0b111n, S1Fmt: 1n, S1CDMax: 3n };
  const identity: readonly Step[] = [
    { do: 'map', vm: 0, va: 0x4000_0000n, pa: 0x4000_0000n, level: 1 },
    { do: 'l1cd', index: 0 },
    { do: 'command', name: 'CMD_CFGI_ALL' },
    { do: 'command', name: 'CMD_TLBI_NSNH_ALL' },
    sync,
  ];

  it('a CD table of two levels is found at its IPAs', () => {
    expect(verdict(nested, [...identity, works(1, 1), works(2, 2)], NESTED)).toBe('ok');
    expect(verdict(nested, [...identity, works(2, 1)], NESTED)).toMatch(/dma-data/);
  });

  it('S1DSS 0b01 leaves stage 2 in force', () => {
    expect(verdict({ ...nested, S1DSS: 1n }, [...identity, bypasses()], NESTED)).toBe('ok');
    expect(verdict({ ...nested, S1DSS: 1n }, [...identity, works(0)], NESTED)).toMatch(/dma-not-aborted/);
  });
});
