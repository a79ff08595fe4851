import { describe, expect, it } from 'vitest';
import type { Step } from '../scenario/steps.ts';
import type { L1stdFields } from '../scenario/encode/l1std.ts';
import { aborted, bytes, ID_V32, patternAt, told, type Told, value } from './testing.ts';

/** With 2-level Stream tables and 16-bit StreamIDs. */
const ID = { ...ID_V32, IDR0: ID_V32.IDR0 | (1 << 27), IDR1: 0x0507_0010 };
const PAGE = 0x4100_0000n;
/** In the second descriptor of SPLIT 6. */
const STREAM = 0x48;

const world: readonly Step[] = [
  { do: 'cd', cd: 0 },
  { do: 'ste', stream: STREAM, split: 6 },
  { do: 'ste', stream: STREAM + 1, split: 6 },
  { do: 'map', cd: 0, va: 0x1000n, pa: PAGE },
];
const boot: Step = { do: 'boot', split: 6, strtabLog2Size: 10 };
const sync: Step = { do: 'command', name: 'CMD_SYNC' };
const all: readonly Step[] = [{ do: 'command', name: 'CMD_CFGI_ALL' }, sync];

function dma(stream: number): Step {
  return { do: 'dma', stream, read: 0x1000n, bytes: 8 };
}
const works = (stream = STREAM): Told => [dma(stream), { outcomes: [patternAt(PAGE)] }];
const fails = (stream = STREAM): Told => [dma(stream), { outcomes: [aborted], interrupts: ['EVTQ'] }];
const quiet = (stream = STREAM): Told => [dma(stream), { outcomes: [aborted] }];

function l1std(set: L1stdFields, stream = STREAM): Step {
  return { do: 'l1std', stream, split: 6, set };
}

/** Invalidates an STE, with or without what led to it. */
function cfgi(StreamID: number, Leaf: bigint): readonly Step[] {
  return [{ do: 'command', name: 'CMD_CFGI_STE', set: { StreamID: BigInt(StreamID), Leaf } }, sync];
}

/** The first event's number and StreamID. */
function event(number: number, stream = STREAM): Told {
  const data = new Uint8Array(32);
  data[0] = number;
  data[4] = stream & 0xff;
  data[5] = stream >> 8;
  return [{ do: 'peek', address: 0x4013_0000n, bytes: 32 }, { outcomes: [bytes(data)] }];
}

function verdict(...steps: readonly Told[]): string {
  const { kind, violation, undetermined } = told([...world, ...steps], ID);
  return violation === undefined ? (undetermined?.reason ?? kind) : `${violation.rule} ${violation.difference}`;
}

describe('a 2-level Stream table', () => {
  it('leads through the descriptor of the high bits to the STE of the low ones', () => {
    expect(verdict(boot, works())).toBe('ok');
    expect(verdict(boot, fails())).toMatch(/dma-abort/);
    expect(verdict(boot, fails(STREAM + 0x40))).toBe('ok');
    expect(verdict(boot, works(STREAM + 0x40))).toMatch(/^STRTAB-023 dma-not-aborted/);
  });

  it.each([8, 10] as const)('splits at %i bits too', (split) => {
    const stream = 2 ** split + 3;
    const steps: readonly Told[] = [
      { do: 'ste', stream, split },
      { do: 'boot', split, strtabLog2Size: 12 },
    ];
    expect(verdict(...steps, works(stream))).toBe('ok');
    expect(verdict(...steps, works(stream - 3 + 2 ** split))).toMatch(/^STRTAB-023/);
  });

  it('takes a Reserved SPLIT for 6', () => {
    const config: readonly Step[] = [
      { do: 'boot', split: 6, strtabLog2Size: 10, cr0: 0xc },
      { do: 'write', register: 'STRTAB_BASE_CFG', value: (1n << 16n) | (7n << 6n) | 10n },
      { do: 'write', register: 'CR0', value: 0xdn },
    ];
    expect(verdict(...config, works())).toBe('ok');
    expect(verdict(...config, fails())).toMatch(/dma-abort/);
  });

  it.each<[string, L1stdFields, number]>([
    ['no span', { Span: 0n }, STREAM],
    ['a Reserved span', { Span: 12n }, STREAM],
    ['a span beyond SPLIT + 1', { Span: 8n }, STREAM],
    ['a span that ends before it', { Span: 4n }, STREAM],
    ['a span of one', { Span: 1n }, STREAM],
  ])('has no STE for a stream whose descriptor has %s', (_, set, stream) => {
    const start: readonly Told[] = [l1std(set, stream), boot];
    expect(verdict(...start, fails(stream), event(0x02, stream))).toBe('ok');
    expect(verdict(...start, works(stream))).toMatch(/^STRTAB-02\d dma-not-aborted/);
    expect(verdict(...start, fails(stream), event(0x04, stream))).toMatch(/event-record/);
  });

  it('has one for the last stream of the span', () => {
    expect(verdict(l1std({ Span: 5n }), boot, works())).toBe('ok');
    expect(verdict(l1std({ Span: 5n }), boot, fails())).toMatch(/dma-abort/);
  });

  it('records nothing of a bad StreamID without RECINVSID', () => {
    const start: readonly Told[] = [l1std({ Span: 0n }), { ...boot, cr2: 0 }];
    expect(verdict(...start, quiet())).toBe('ok');
    expect(verdict(...start, fails())).toMatch(/interrupt/);
  });

  it('aligns the level 2 array to its size', () => {
    expect(verdict(l1std({ or0: 0xfc0n }), boot, works())).toBe('ok');
    expect(verdict(l1std({ or0: 0xfc0n }), boot, fails())).toMatch(/dma-abort/);
  });

  it('may take a descriptor with a Reserved bit for invalid', () => {
    expect(verdict(l1std({ or0: 1n << 5n }), boot, works())).toBe('ok');
    expect(verdict(l1std({ or0: 1n << 5n }), boot, fails(), event(0x02))).toBe('ok');
  });

  it('records the address of the level 1 descriptor whose fetch aborts', () => {
    const hole: readonly Step[] = [
      { ...boot, cr0: 0xc },
      { do: 'write', register: 'STRTAB_BASE', value: 0x7000_0000n },
      { do: 'write', register: 'CR0', value: 0xdn },
    ];
    const record = (address: number): Told => {
      const data = new Uint8Array(32);
      data.set([0x03, 0, 0, 0, STREAM]);
      data.set([address & 0xff, 0, 0, 0x70], 24);
      return [{ do: 'peek', address: 0x4013_0000n, bytes: 32 }, { outcomes: [bytes(data)] }];
    };
    expect(verdict(...hole, fails(), record(8))).toBe('ok');
    expect(verdict(...hole, fails(), record(0))).toMatch(/event-record/);
  });

  it('has one descriptor where SPLIT is not below LOG2SIZE, and no stream beyond LOG2SIZE', () => {
    const small: readonly Told[] = [
      { do: 'ste', stream: 9, split: 6 },
      { do: 'ste', stream: 17, split: 6 },
      { do: 'boot', split: 6, strtabLog2Size: 4 },
    ];
    expect(verdict(...small, works(9))).toBe('ok');
    expect(verdict(...small, fails(17))).toBe('ok');
    expect(verdict(...small, works(17))).toBe('STRTAB-006 dma-not-aborted');
  });
});

describe('a level 1 descriptor', () => {
  const gone = l1std({ Span: 0n });

  it('may be used as it was until CFGI_STE with Leaf 0, a range or everything', () => {
    expect(verdict(boot, gone, works())).toBe('ok');
    expect(verdict(boot, gone, fails())).toBe('ok');
    expect(verdict(boot, gone, ...cfgi(STREAM, 0n), works())).toMatch(/^CFGI-0\d\d dma-not-aborted/);
    expect(verdict(boot, gone, ...cfgi(STREAM, 0n), fails())).toBe('ok');
    expect(verdict(boot, gone, ...all, works())).toMatch(/^CFGI-033 dma-not-aborted/);
  });

  it('outlives CFGI_STE with Leaf 1', () => {
    expect(verdict(boot, gone, ...cfgi(STREAM, 1n), works())).toBe('ok');
    expect(verdict(boot, gone, ...cfgi(STREAM, 1n), fails())).toBe('ok');
  });

  it('that is gone leaves STEs of its other streams in the cache', () => {
    expect(verdict(boot, gone, ...cfgi(STREAM, 0n), works(STREAM + 1))).toBe('ok');
    expect(verdict(boot, gone, ...cfgi(STREAM, 0n), fails(STREAM + 1))).toBe('ok');
    const both = [...cfgi(STREAM, 0n), ...cfgi(STREAM + 1, 1n)];
    expect(verdict(boot, gone, ...both, works(STREAM + 1))).toMatch(/dma-not-aborted/);
  });

  it('made active shows to every stream under it after one CFGI_STE with Leaf 0', () => {
    const start: readonly Told[] = [gone, boot, l1std({})];
    expect(verdict(...start, fails(STREAM + 1))).toBe('ok');
    expect(verdict(...start, ...cfgi(STREAM, 0n), works(STREAM + 1))).toBe('ok');
    expect(verdict(...start, ...cfgi(STREAM, 0n), fails(STREAM + 1))).toMatch(/dma-abort/);
  });
});

it('STRTAB_BASE_CFG keeps FMT and SPLIT as written', () => {
  const config = (1 << 16) | (6 << 6) | 10;
  expect(verdict(boot, [{ do: 'read', register: 'STRTAB_BASE_CFG' }, { outcomes: [value(config)] }])).toBe('ok');
  expect(verdict(boot, [{ do: 'read', register: 'STRTAB_BASE_CFG' }, { outcomes: [value(10)] }])).toMatch(/REG-/);
});

describe('STE.CONT', () => {
  const flat: Step = { do: 'boot' };
  const contiguous = (stream: number, set = {}): Step => ({ do: 'ste', stream, set: { CONT: 1n, ...set } });
  const linear = (...steps: readonly Told[]): string => {
    const start: readonly Step[] = [
      { do: 'cd', cd: 0 },
      { do: 'map', cd: 0, va: 0x1000n, pa: PAGE },
    ];
    const { kind, violation, undetermined } = told([...start, ...steps]);
    return violation === undefined ? (undetermined?.reason ?? kind) : `${violation.rule} ${violation.difference}`;
  };

  it('changes nothing where the neighbours are the same', () => {
    expect(linear(contiguous(8), contiguous(9), flat, works(8), works(9))).toBe('ok');
    expect(linear(contiguous(8), contiguous(9), flat, fails(8))).toMatch(/dma-abort/);
  });

  it('lets a neighbour that differs be used, or a conflict be reported', () => {
    const abort = contiguous(9, { Config: 0n });
    expect(linear(contiguous(8), abort, flat, works(8))).toBe('ok');
    expect(linear(contiguous(8), abort, flat, quiet(8))).toBe('ok');
    expect(linear(contiguous(8), abort, flat, fails(8))).toBe('ok');
    expect(linear(contiguous(8), abort, flat, [dma(8), { outcomes: [patternAt(PAGE + 8n)] }])).toMatch(/dma-data/);
  });

  it('does not reach beyond the table', () => {
    const wide = contiguous(8, { CONT: 6n });
    expect(linear(wide, flat, fails(40))).toBe('ok');
    expect(linear(wide, flat, works(40))).toMatch(/^STRTAB-006 dma-not-aborted/);
  });

  it('does not widen an invalidation', () => {
    const gone: readonly Step[] = [contiguous(8, { V: 0n }), contiguous(9, { V: 0n })];
    expect(linear(contiguous(8), contiguous(9), flat, ...gone, ...cfgi(8, 1n), works(9))).toBe('ok');
    expect(linear(contiguous(8), contiguous(9), flat, ...gone, ...cfgi(8, 1n), ...cfgi(9, 1n), works(9))).toMatch(
      /dma-not-aborted/,
    );
  });
});
