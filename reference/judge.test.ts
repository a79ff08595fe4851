import { describe, expect, it } from 'vitest';
import type { Step } from '../scenario/steps.ts';
import { aborted, bytes, ID_V31, patternAt, told, type Told, value } from './testing.ts';

const PAGE = 0x4100_0000n;
const OTHER = 0x4100_1000n;

/** One stream that maps 0x1000 to PAGE, brought up. */
const world: readonly Step[] = [
  { do: 'cd', cd: 0 },
  { do: 'ste', stream: 8 },
  { do: 'map', cd: 0, va: 0x1000n, pa: PAGE },
  { do: 'boot' },
];
const read: Step = { do: 'dma', stream: 8, read: 0x1000n, bytes: 8 };
const sync: Step = { do: 'command', name: 'CMD_SYNC' };
const remap: Step = { do: 'map', cd: 0, va: 0x1000n, pa: OTHER };
const allConfig: readonly Step[] = [{ do: 'command', name: 'CMD_CFGI_ALL' }, sync];

const sees = (address: bigint): Told => [read, { outcomes: [patternAt(address)] }];
const faults: Told = [read, { outcomes: [aborted], interrupts: ['EVTQ'] }];

function verdict(...steps: readonly Told[]): string {
  const { kind, violation } = told([...world, ...steps]);
  return violation === undefined ? kind : `${violation.rule} ${violation.difference}`;
}

describe('a translation', () => {
  it('is the one the tables hold', () => {
    expect(verdict(sees(PAGE))).toBe('ok');
    expect(verdict(sees(OTHER))).toMatch(/dma-data/);
    expect(verdict(faults)).toMatch(/dma-abort/);
  });

  it('may be the old one until an invalidation and its CMD_SYNC complete', () => {
    const invalidate: Step = { do: 'command', name: 'CMD_TLBI_NH_VA', set: { ASID: 1n, Address: 0x1000n } };
    expect(verdict(sees(PAGE), remap, sees(PAGE))).toBe('ok');
    expect(verdict(sees(PAGE), remap, sees(OTHER))).toBe('ok');
    expect(verdict(sees(PAGE), remap, invalidate, sees(PAGE))).toBe('ok');
    expect(verdict(sees(PAGE), remap, invalidate, sync, sees(OTHER))).toBe('ok');
    expect(verdict(sees(PAGE), remap, invalidate, sync, sees(PAGE))).toBe('TLBI-039 dma-data');
  });

  it('may be the old one although no device ever used it', () => {
    expect(verdict(remap, sees(PAGE))).toBe('ok');
  });

  it.each<[string, Step, 'stays' | 'goes']>([
    ['the ASID', { do: 'command', name: 'CMD_TLBI_NH_ASID', set: { ASID: 1n } }, 'goes'],
    ['another ASID', { do: 'command', name: 'CMD_TLBI_NH_ASID', set: { ASID: 2n } }, 'stays'],
    ['another page', { do: 'command', name: 'CMD_TLBI_NH_VA', set: { ASID: 1n, Address: 0x2000n } }, 'stays'],
    ['any ASID at the address', { do: 'command', name: 'CMD_TLBI_NH_VAA', set: { Address: 0x1000n } }, 'goes'],
    ['everything', { do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, 'goes'],
    ['configuration', { do: 'command', name: 'CMD_CFGI_ALL' }, 'stays'],
  ])('that is old survives an invalidation of %s accordingly', (_, invalidation, fate) => {
    const old = verdict(sees(PAGE), remap, invalidation, sync, sees(PAGE));
    if (fate === 'stays') expect(old).toBe('ok');
    else expect(old).toMatch(/^TLBI-0\d\d dma-data$/);
    expect(verdict(sees(PAGE), remap, invalidation, sync, sees(OTHER))).toBe('ok');
  });

  it('through a corrected descriptor needs no invalidation: a fault is never remembered', () => {
    const broken: Step = { do: 'unmap', cd: 0, va: 0x1000n };
    const all: readonly Step[] = [{ do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync];
    expect(verdict(broken, ...all, faults, remap, sees(OTHER))).toBe('ok');
    expect(verdict(broken, ...all, faults, remap, [read, { outcomes: [aborted] }])).toMatch(/dma-abort/);
  });

  it('with a global leaf outlives an invalidation by ASID', () => {
    const global: Step = { do: 'map', cd: 0, va: 0x1000n, pa: OTHER, set: { nG: 0n } };
    const byAsid: Step = { do: 'command', name: 'CMD_TLBI_NH_ASID', set: { ASID: 1n } };
    const byVa: Step = { do: 'command', name: 'CMD_TLBI_NH_VA', set: { ASID: 9n, Address: 0x1000n } };
    const all: readonly Step[] = [{ do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync];
    const back: Step = { do: 'map', cd: 0, va: 0x1000n, pa: PAGE };
    const start = [global, ...all, sees(OTHER), back];
    expect(verdict(...start, byAsid, sync, sees(OTHER))).toBe('ok');
    expect(verdict(...start, byVa, sync, sees(OTHER))).toMatch(/^TLBI-0\d\d dma-data$/);
  });

  it('through a changed table outlives a leaf invalidation but not one of all levels', () => {
    const table: Step = { do: 'table', cd: 0, va: 0x1000n, level: 2, set: { NextTable: 0x4020_f000n } };
    const leaf: Step = { do: 'poke', address: 0x4020_f008n, data: '430f004100000000' };
    const by = (Leaf: bigint): Step => ({
      do: 'command',
      name: 'CMD_TLBI_NH_VA',
      set: { ASID: 1n, Address: 0x1000n, Leaf },
    });
    expect(verdict(sees(PAGE), leaf, table, by(1n), sync, sees(PAGE))).toBe('ok');
    expect(told([...world, sees(PAGE), table, by(1n), sync, sees(PAGE)]).kind).toBe('ok');
    expect(verdict(sees(PAGE), table, by(0n), sync, sees(PAGE))).toMatch(/^TLBI-0\d\d dma-not-aborted$/);
  });
});

describe('configuration', () => {
  const abort: Step = { do: 'ste', stream: 8, set: { Config: 0n } };
  const silent: Told = [read, { outcomes: [aborted] }];

  it('may be the old one until CFGI and CMD_SYNC', () => {
    const invalidate: Step = { do: 'command', name: 'CMD_CFGI_STE', set: { StreamID: 8n } };
    expect(verdict(abort, sees(PAGE))).toBe('ok');
    expect(verdict(abort, silent)).toBe('ok');
    expect(verdict(abort, invalidate, sync, silent)).toBe('ok');
    expect(verdict(abort, invalidate, sync, sees(PAGE))).toBe('CFGI-018 dma-not-aborted');
  });

  it('of another stream is no help', () => {
    const invalidate: Step = { do: 'command', name: 'CMD_CFGI_STE', set: { StreamID: 9n } };
    expect(verdict(abort, invalidate, sync, sees(PAGE))).toBe('ok');
  });

  it('of a CD leaves translations alone until they are invalidated as well', () => {
    const moved: Step = { do: 'cd', cd: 0, set: { TTB0: 0x4020_f000n } };
    const cfgi: Step = { do: 'command', name: 'CMD_CFGI_CD', set: { StreamID: 8n } };
    const tlbi: Step = { do: 'command', name: 'CMD_TLBI_NH_ASID', set: { ASID: 1n } };
    expect(verdict(sees(PAGE), moved, cfgi, sync, sees(PAGE))).toBe('ok');
    expect(verdict(sees(PAGE), moved, cfgi, sync, tlbi, sync, faults)).toBe('ok');
    expect(verdict(sees(PAGE), moved, cfgi, sync, tlbi, sync, sees(PAGE))).toMatch(/dma-not-aborted/);
    // Nothing orders the two without a CMD_SYNC between them.
    expect(verdict(sees(PAGE), moved, cfgi, tlbi, sync, sees(PAGE))).toBe('ok');
  });
});

describe('events', () => {
  const fault: Told = [
    { do: 'dma', stream: 8, read: 0x5008n, bytes: 8 },
    { outcomes: [aborted], interrupts: ['EVTQ'] },
  ];
  /** F_TRANSLATION of stream 8, a read of 0x5008 by unprivileged data, S2 == 0, CLASS IN. */
  const record = [0x10n | (8n << 32n), (1n << 35n) | (2n << 40n), 0x5008n, 0n];
  const queue = (words: readonly bigint[]): Uint8Array => {
    const data = new Uint8Array(32);
    words.forEach((word, at) => new DataView(data.buffer).setBigUint64(at * 8, word, true));
    return data;
  };
  const slot: Step = { do: 'peek', address: 0x4013_0000n, bytes: 32 };

  it('are recorded byte for byte, but for what is UNKNOWN', () => {
    const look = (words: readonly bigint[]): string => verdict(fault, [slot, { outcomes: [bytes(queue(words))] }]);
    expect(look(record)).toBe('ok');
    const [w0 = 0n, w1 = 0n, w2 = 0n] = record;
    expect(look([w0 | (5n << 12n), w1 | 0x1234n, w2, 5n << 12n])).toBe('ok');
    expect(look([w0 ^ (1n << 32n), w1, w2, 0n])).toMatch(/event-record/);
    expect(look([w0, w1 ^ (1n << 35n), w2, 0n])).toMatch(/event-record/);
    expect(look([w0, w1, w2 & ~0xfffn, 0n])).toMatch(/event-record/);
    expect(look([w0, w1, w2, 1n << 60n])).toMatch(/event-record/);
  });

  it('move PROD by one and raise one interrupt when the queue was empty', () => {
    const prod = (index: number): Told => [{ do: 'read', register: 'EVENTQ_PROD' }, { outcomes: [value(index)] }];
    expect(verdict(fault, prod(1))).toBe('ok');
    expect(verdict(fault, prod(0))).toMatch(/register-value/);
    const quiet: Told = [{ do: 'dma', stream: 8, read: 0x5008n, bytes: 8 }, { outcomes: [aborted] }];
    expect(verdict(quiet)).toBe('EVQ-039 interrupt-missing');
    expect(verdict(fault, quiet, prod(2))).toBe('ok');
    expect(verdict(fault, fault)).toBe('EVQ-038 interrupt-unexpected');
  });

  it('may interrupt with the access that causes them or later, but not before', () => {
    const early: Told = [
      { do: 'dma', stream: 8, read: 0x5008n, bytes: 8 },
      { outcomes: [aborted], interrupts: ['EVTQ'], early: true },
    ];
    expect(verdict(early)).toBe('ok');
    expect(verdict([slot, { outcomes: [bytes(new Uint8Array(32))], interrupts: ['EVTQ'] }])).toMatch(/unexpected/);
  });

  it('are one whole record, in the slot before PROD', () => {
    const empty = bytes(new Uint8Array(32));
    expect(verdict(fault, [slot, { outcomes: [empty] }])).toMatch(/event-record/);
    const second: Step = { do: 'peek', address: 0x4013_0020n, bytes: 32 };
    expect(verdict(fault, [second, { outcomes: [empty] }])).toBe('ok');
  });
});

describe('registers', () => {
  const base: Step = { do: 'write', register: 'STRTAB_BASE', value: 0x4011_0000n };
  const shows = (number: bigint): Told => [{ do: 'read', register: 'STRTAB_BASE' }, { outcomes: [value(number)] }];

  it('that are Guarded ignore writes while enabled, from SMMUv3.2 on', () => {
    expect(verdict(base, shows(0x4010_0000n))).toBe('ok');
    expect(verdict(base, shows(0x4011_0000n))).toMatch(/^REG-\d+ register-value$/);
  });

  it('that are Guarded may take the value or not before SMMUv3.2', () => {
    expect(told([...world, base, shows(0x4010_0000n)], ID_V31).kind).toBe('ok');
    expect(told([...world, base, shows(0x4011_0000n)], ID_V31).kind).toBe('ok');
  });

  it('acknowledge an enable at their own pace, but have done so when settled', () => {
    const raw: Step = { do: 'write-offset', offset: 0x20, value: 0n, bytes: 4 };
    const ack = (number: number): Told => [{ do: 'read', register: 'CR0ACK' }, { outcomes: [value(number)] }];
    expect(verdict(raw, ack(0xd), ack(0xc), ack(0))).toBe('ok');
    expect(verdict(raw, ack(0), ack(0xd))).toMatch(/register-value/);
    expect(verdict(raw, { do: 'settle' }, ack(0))).toBe('ok');
    expect(verdict(raw, { do: 'settle' }, ack(0x1))).toMatch(/register-value/);
  });

  it('may read anything after reset where they are UNKNOWN, and zero where they are not', () => {
    const first = (register: 'CR1' | 'CR0', number: number): string =>
      told([[{ do: 'read', register }, { outcomes: [value(number)] }]]).kind;
    expect(first('CR1', 0x123)).toBe('ok');
    expect(first('CR0', 0)).toBe('ok');
    expect(first('CR0', 1)).toBe('violation');
  });
});

describe('commands', () => {
  const cons = (number: number): Told => [{ do: 'read', register: 'CMDQ_CONS' }, { outcomes: [value(number)] }];
  const bad: Step = { do: 'raw-command', word0: 0n, word1: 0n };

  it('that are illegal stop the queue at themselves and raise CMDQ_ERR', () => {
    // boot used three slots
    expect(verdict([bad, { interrupts: ['GERROR'] }], cons(0x0100_0003))).toBe('ok');
    expect(verdict([bad, { interrupts: ['GERROR'] }], cons(0x0100_0004))).toMatch(/register-value/);
    expect(verdict([bad, { interrupts: ['GERROR'] }], cons(0x0200_0003))).toMatch(/register-value/);
    expect(verdict(bad)).toMatch(/interrupt-missing/);
  });

  it('go on from a mended slot once the error is acknowledged', () => {
    const steps: readonly Told[] = [
      [bad, { interrupts: ['GERROR'] }],
      { do: 'command', name: 'CMD_SYNC', at: 3 },
      { do: 'write', register: 'GERRORN', value: 1n },
    ];
    const read4: Told = [{ do: 'read', register: 'CMDQ_CONS' }, { outcomes: [value(4)] }];
    expect(verdict(...steps, read4)).toBe('ok');
    expect(verdict(...steps, cons(3))).toMatch(/register-value/);
  });

  it('may or may not be refused for a Reserved field, and then the queue shows which', () => {
    const odd: Step = { do: 'raw-command', word0: 0x30n | (1n << 20n), word1: 0n };
    expect(verdict(odd, cons(4))).toBe('ok');
    expect(verdict([odd, { interrupts: ['GERROR'] }], cons(0x0100_0003))).toBe('ok');
    expect(verdict([odd, { interrupts: ['GERROR'] }], cons(4))).toMatch(/register-value/);
  });

  it('with CS 0b01 pulse their interrupt, others do not', () => {
    const cs = (CS: bigint): Step => ({ do: 'command', name: 'CMD_SYNC', set: { CS } });
    expect(verdict([cs(1n), { interrupts: ['CMD_SYNC'] }])).toBe('ok');
    expect(verdict(cs(1n))).toBe('SYNC-001 interrupt-missing');
    expect(verdict([cs(0n), { interrupts: ['CMD_SYNC'] }])).toBe('SYNC-003 interrupt-unexpected');
  });
});

describe('what may still change', () => {
  it('is a submitted command: the SMMU may have read the old one or the new one', () => {
    // PROD is written raw, so that nothing waits for the command to be consumed.
    const publish: readonly Step[] = [
      { do: 'command', name: 'CMD_TLBI_NSNH_ALL', ring: false },
      { do: 'write-offset', offset: 0x98, value: 4n, bytes: 4 },
      { do: 'raw-command', word0: 0n, word1: 0n, at: 3 },
    ];
    const cons = (number: number, interrupt = false): Told => [
      { do: 'read', register: 'CMDQ_CONS' },
      { outcomes: [value(number)], ...(interrupt ? { interrupts: ['GERROR'] } : {}) },
    ];
    expect(verdict(...publish, { do: 'settle' }, cons(4))).toBe('ok');
    expect(verdict(...publish, cons(0x0100_0003, true))).toBe('ok');
    expect(verdict(...publish, { do: 'settle' }, cons(3))).toMatch(/register-value/);
  });

  it('is IRQ_CTRLACK, but IRQ_CTRL reads as written at once', () => {
    const raw: Step = { do: 'write-offset', offset: 0x50, value: 0n, bytes: 4 };
    const reads = (control: number, ack: number): readonly Told[] => [
      [{ do: 'read', register: 'IRQ_CTRL' }, { outcomes: [value(control)] }],
      [{ do: 'read', register: 'IRQ_CTRLACK' }, { outcomes: [value(ack)] }],
    ];
    expect(verdict(raw, ...reads(0, 5))).toBe('ok');
    expect(verdict(raw, ...reads(0, 0))).toBe('ok');
    expect(verdict(raw, ...reads(5, 5))).toMatch(/register-value/);
  });

  it('is not the legality of a CD: both halves count whatever the address', () => {
    const bad: Step = { do: 'cd', cd: 0, set: { T1SZ: 50n } };
    expect(verdict(bad, ...allConfig, faults)).toBe('ok');
    expect(verdict(bad, ...allConfig, sees(PAGE))).toMatch(/^CFGI-033|CD-08/);
  });
});
