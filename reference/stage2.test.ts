import { describe, expect, it } from 'vitest';
import { tableBase } from '../scenario/layout.ts';
import type { Step } from '../scenario/steps.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import { aborted, bytes, ID_V32, patternAt, told, type Told } from './testing.ts';

/** Both stages, 16-bit VMIDs, all granules, 44-bit addresses; XNX as asked. */
const both = (xnx: boolean): IdRegisters => ({
  ...ID_V32,
  IDR0: ID_V32.IDR0 | 1 | (1 << 18),
  IDR3: ID_V32.IDR3 | (xnx ? 1 << 4 : 0),
  IDR5: ID_V32.IDR5 | (7 << 4),
});
const ID = both(false);

const PAGE = 0x4100_0000n;
const OTHER = 0x4100_1000n;
const IPA = 0x0800_0000n;
const sync: Step = { do: 'command', name: 'CMD_SYNC' };
const queue = 0x4013_0000n;

const record = (words: readonly bigint[]): Uint8Array => {
  const data = new Uint8Array(32);
  words.forEach((word, at) => new DataView(data.buffer).setBigUint64(at * 8, word, true));
  return data;
};
const recorded = (words: readonly bigint[]): Told => [
  { do: 'peek', address: queue, bytes: 32 },
  { outcomes: [bytes(record(words))] },
];
const word0 = (number: bigint): bigint => number | (8n << 32n);
const READ = 1n << 35n;
const S2 = 1n << 39n;
const CLASS = { CD: 0n, TT: 1n << 40n, IN: 2n << 40n };
const TTRNW = 1n << 44n;

function verdictOf(id: IdRegisters, world: readonly Step[], steps: readonly Told[]): string {
  const { kind, violation, undetermined } = told([...world, ...steps], id);
  if (violation !== undefined) return `${violation.rule} ${violation.difference}`;
  return undetermined === undefined ? kind : `undetermined: ${undetermined.reason}`;
}

describe('stage 2 alone', () => {
  /** Stream 8 is of VM 0: IPA 0x1000 is PAGE. */
  const world = (set = {}): readonly Step[] => [
    { do: 'ste', stream: 8, vm: 0, set: { Config: 0b110n, ...set } },
    { do: 'map', vm: 0, va: 0x1000n, pa: PAGE },
    { do: 'boot' },
  ];
  const read = (address: bigint): Step => ({ do: 'dma', stream: 8, read: address, bytes: 8 });
  const sees = (address: bigint): Told => [read(0x1000n), { outcomes: [patternAt(address)] }];
  const faults = (address: bigint): Told => [read(address), { outcomes: [aborted], interrupts: ['EVTQ'] }];
  const silent = (address: bigint): Told => [read(address), { outcomes: [aborted] }];
  const verdict = (...steps: readonly Told[]): string => verdictOf(ID, world(), steps);
  const remap: Step = { do: 'map', vm: 0, va: 0x1000n, pa: OTHER };

  it('takes the input address for an IPA', () => {
    expect(verdict(sees(PAGE))).toBe('ok');
    expect(verdict(sees(OTHER))).toMatch(/dma-data/);
    expect(verdict(silent(0x1000n))).toMatch(/dma-abort/);
  });

  it('records its faults with S2, CLASS IN and the IPA, of which the low 12 bits are zero', () => {
    const event = [word0(0x10n), READ | S2 | CLASS.IN, 0x5008n, 0x5000n];
    expect(verdict(faults(0x5008n), recorded(event))).toBe('ok');
    expect(verdict(faults(0x5008n), recorded([event[0] ?? 0n, READ | CLASS.IN, 0x5008n, 0n]))).toMatch(/event-record/);
    expect(verdict(faults(0x5008n), recorded([...event.slice(0, 3), 0x5008n]))).toMatch(/event-record/);
    expect(verdict(faults(0x5008n), recorded([...event.slice(0, 3), 0n]))).toMatch(/event-record/);
  });

  it('does not record when S2R is 0, but aborts', () => {
    const quiet = world({ S2R: 0n });
    expect(verdictOf(ID, quiet, [silent(0x5008n)])).toBe('ok');
    expect(verdictOf(ID, quiet, [faults(0x5008n)])).toMatch(/interrupt-unexpected/);
  });

  it('faults an IPA outside S2T0SZ as translation, one outside IAS as the size of stage 1', () => {
    const beyondT0sz = 1n << 40n;
    const beyondIas = 1n << 45n;
    const event = [word0(0x10n), READ | S2 | CLASS.IN, beyondT0sz, beyondT0sz];
    expect(verdict(faults(beyondT0sz), recorded(event))).toBe('ok');
    const size = [word0(0x11n), READ | CLASS.IN, beyondIas, 0n];
    expect(verdict(faults(beyondIas), recorded(size))).toBe('ok');
    expect(verdictOf(ID, world({ S2R: 0n }), [faults(beyondIas)])).toBe('ok');
    expect(verdictOf(ID, world({ S2R: 0n }), [silent(beyondIas)])).toMatch(/interrupt-missing/);
  });

  it('checks the output against S2PS, also of Table descriptors', () => {
    const high: Step = { do: 'map', vm: 0, va: 0x1000n, pa: 1n << 36n };
    const all: readonly Told[] = [high, { do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync];
    const event = [word0(0x11n), READ | S2 | CLASS.IN, 0x1000n, 0x1000n];
    const narrow = world({ S2PS: 1n });
    expect(verdictOf(ID, narrow, [...all, faults(0x1000n), recorded(event)])).toBe('ok');
    const table: Step = { do: 'table', vm: 0, va: 0x1000n, level: 2, set: { NextTable: 1n << 36n } };
    expect(verdictOf(ID, narrow, [table, ...all.slice(1), faults(0x1000n), recorded(event)])).toBe('ok');
  });

  it.each<[string, { read?: bigint; write?: bigint }, bigint, boolean]>([
    ['no read', { read: 0x1000n }, 0b00n, false],
    ['read of read-only', { read: 0x1000n }, 0b01n, true],
    ['write of read-only', { write: 0x1000n }, 0b01n, false],
    ['read of write-only', { read: 0x1000n }, 0b10n, false],
    ['write of write-only', { write: 0x1000n }, 0b10n, true],
  ])('permissions: %s', (_, access, S2AP, allowed) => {
    const leaf: Step = { do: 'map', vm: 0, va: 0x1000n, pa: PAGE, set: { S2AP } };
    const dma: Step = { do: 'dma', stream: 8, ...access, bytes: 8 };
    const steps = [...world(), leaf, { do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync] as const;
    const done: Told = access.read === undefined ? dma : [dma, { outcomes: [patternAt(PAGE)] }];
    const refused: Told = [dma, { outcomes: [aborted], interrupts: ['EVTQ'] }];
    expect(told([...steps, done], ID).kind).toBe(allowed ? 'ok' : 'violation');
    expect(told([...steps, refused], ID).kind).toBe(allowed ? 'violation' : 'ok');
  });

  it.each<[boolean, bigint, boolean, boolean]>([
    [false, 0b00n, true, true],
    [false, 0b01n, true, true],
    [false, 0b10n, false, false],
    [true, 0b00n, true, true],
    [true, 0b01n, true, false],
    [true, 0b10n, false, false],
    [true, 0b11n, false, true],
  ])('execution with XNX %s and XN %s: unprivileged %s, privileged %s', (xnx, XN, unprivileged, privileged) => {
    const leaf: Step = { do: 'map', vm: 0, va: 0x1000n, pa: PAGE, set: { XN, S2AP: 0n } };
    const start = [...world(), leaf, { do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync] as const;
    for (const [level, allowed] of [
      [false, unprivileged],
      [true, privileged],
    ] as const) {
      const dma: Step = { do: 'dma', stream: 8, read: 0x1000n, bytes: 8, instruction: true, privileged: level };
      const kind = told([...start, [dma, { outcomes: [patternAt(PAGE)] }]], both(xnx)).kind;
      expect(kind).toBe(allowed ? 'ok' : 'violation');
    }
  });

  it('raises F_ACCESS unless S2AFFD is set', () => {
    const leaf: Step = { do: 'map', vm: 0, va: 0x1000n, pa: PAGE, set: { AF: 0n } };
    const all: readonly Told[] = [leaf, { do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync];
    const event = [word0(0x12n), READ | S2 | CLASS.IN, 0x1000n, 0x1000n];
    expect(verdict(...all, faults(0x1000n), recorded(event))).toBe('ok');
    expect(verdict(...all, sees(PAGE))).toMatch(/dma-not-aborted/);
    expect(verdictOf(ID, world({ S2AFFD: 1n }), [...all, sees(PAGE)])).toBe('ok');
  });

  it('aborts a transaction with a SubstreamID', () => {
    const dma: Step = { do: 'dma', stream: 8, substream: 1, read: 0x1000n, bytes: 8 };
    expect(verdict([dma, { outcomes: [aborted], interrupts: ['EVTQ'] }])).toBe('ok');
    expect(verdict([dma, { outcomes: [patternAt(PAGE)] }])).toMatch(/dma-not-aborted/);
  });

  it.each<[string, Step, 'stays' | 'goes']>([
    ['the IPA', { do: 'command', name: 'CMD_TLBI_S2_IPA', set: { VMID: 1n, Address: 0x1000n } }, 'goes'],
    ['another IPA', { do: 'command', name: 'CMD_TLBI_S2_IPA', set: { VMID: 1n, Address: 0x2000n } }, 'stays'],
    ['another VMID', { do: 'command', name: 'CMD_TLBI_S2_IPA', set: { VMID: 2n, Address: 0x1000n } }, 'stays'],
    ['the VM', { do: 'command', name: 'CMD_TLBI_S12_VMALL', set: { VMID: 1n } }, 'goes'],
    ['another VM', { do: 'command', name: 'CMD_TLBI_S12_VMALL', set: { VMID: 2n } }, 'stays'],
    ['everything', { do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, 'goes'],
    ['stage 1', { do: 'command', name: 'CMD_TLBI_NH_ALL', set: { VMID: 1n } }, 'stays'],
    ['configuration', { do: 'command', name: 'CMD_CFGI_ALL' }, 'stays'],
  ])('keeps an old translation over an invalidation of %s or not', (_, invalidation, fate) => {
    const old = verdict(sees(PAGE), remap, invalidation, sync, sees(PAGE));
    if (fate === 'stays') expect(old).toBe('ok');
    else expect(old).toMatch(/^TLBI-0\d\d dma-data$/);
    expect(verdict(sees(PAGE), remap, invalidation, sync, sees(OTHER))).toBe('ok');
  });

  it('keeps old translations when the STE points elsewhere, until the VMID is invalidated', () => {
    const moved: Step = { do: 'ste', stream: 8, vm: 0, set: { Config: 0b110n, S2TTB: 0x4400_0000n + 0x8_0000n } };
    const cfgi: Step = { do: 'command', name: 'CMD_CFGI_STE', set: { StreamID: 8n } };
    const tlbi: Step = { do: 'command', name: 'CMD_TLBI_S12_VMALL', set: { VMID: 1n } };
    expect(verdict(sees(PAGE), moved, cfgi, sync, sees(PAGE))).toBe('ok');
    expect(verdict(sees(PAGE), moved, cfgi, sync, tlbi, sync, sees(PAGE))).toMatch(/dma-not-aborted/);
  });

  it('does not use what another VMID left behind', () => {
    const other: Step = { do: 'ste', stream: 9, vm: 1, set: { Config: 0b110n } };
    const dma: Step = { do: 'dma', stream: 9, read: 0x1000n, bytes: 8 };
    const steps = [other, ...world(), sees(PAGE)] as const;
    expect(told([...steps, [dma, { outcomes: [patternAt(PAGE)] }]], ID).kind).toBe('violation');
    expect(told([...steps, [dma, { outcomes: [aborted], interrupts: ['EVTQ'] }]], ID).kind).toBe('ok');
  });

  it('may use what another stream of its VMID left behind', () => {
    const elsewhere = { Config: 0b110n, S2TTB: 0x4408_0000n };
    const other: Step = { do: 'ste', stream: 9, vm: 0, set: elsewhere };
    const dma: Step = { do: 'dma', stream: 9, read: 0x1000n, bytes: 8 };
    const steps = [other, ...world()] as const;
    expect(told([...steps, [dma, { outcomes: [patternAt(PAGE)] }]], ID).kind).toBe('ok');
    expect(told([...steps, [dma, { outcomes: [aborted], interrupts: ['EVTQ'] }]], ID).kind).toBe('ok');
  });
});

describe('stage 1 over stage 2', () => {
  /** VM 0 maps its RAM where it is (2 MiB Blocks), and IPA to PAGE; CD 0 maps 0x1000 to IPA. */
  const nested = (set = {}, cd = {}): readonly Step[] => [
    { do: 'cd', cd: 0, set: cd },
    { do: 'ste', stream: 8, vm: 0, set: { Config: 0b111n, ...set } },
    { do: 'map', vm: 0, va: 0x4000_0000n, pa: 0x4000_0000n, level: 2 },
    { do: 'map', vm: 0, va: 0x4020_0000n, pa: 0x4020_0000n, level: 2 },
    { do: 'map', vm: 0, va: IPA, pa: PAGE },
    { do: 'map', cd: 0, va: 0x1000n, pa: IPA },
    { do: 'boot' },
  ];
  const read: Step = { do: 'dma', stream: 8, read: 0x1000n, bytes: 8 };
  const sees = (address: bigint): Told => [read, { outcomes: [patternAt(address)] }];
  const faults: Told = [read, { outcomes: [aborted], interrupts: ['EVTQ'] }];
  const silent: Told = [read, { outcomes: [aborted] }];
  const verdict = (...steps: readonly Told[]): string => verdictOf(ID, nested(), steps);
  const all: readonly Step[] = [{ do: 'command', name: 'CMD_TLBI_NSNH_ALL' }, sync];
  const event = (number: bigint, bits: bigint, ipa: bigint): Told =>
    recorded([word0(number), READ | S2 | bits, 0x1000n, ipa]);
  /** The 2 MiB that hold the tables of CD 0, and the first descriptor of a walk. */
  const tables = 0x4020_0000n;
  const start = tableBase(0, 0, 25, '4K');

  it('goes through both', () => {
    expect(verdict(sees(PAGE))).toBe('ok');
    expect(verdict(sees(OTHER))).toMatch(/dma-data/);
    expect(verdict(silent)).toMatch(/dma-abort/);
  });

  it('faults at the end with CLASS IN and the output of stage 1 for IPA', () => {
    const unmap: Step = { do: 'unmap', vm: 0, va: IPA };
    expect(verdict(unmap, ...all, faults, event(0x10n, CLASS.IN, IPA))).toBe('ok');
    expect(verdict(unmap, ...all, faults, event(0x10n, CLASS.TT, IPA))).toMatch(/event-record/);
    expect(verdict(unmap, ...all, faults, event(0x10n, CLASS.IN, 0x1000n))).toMatch(/event-record/);
  });

  it('faults in a walk with CLASS TT and the IPA of the descriptor', () => {
    const unmap: Step = { do: 'unmap', vm: 0, va: tables, level: 2 };
    expect(verdict(unmap, ...all, faults, event(0x10n, CLASS.TT, start))).toBe('ok');
    expect(verdict(unmap, ...all, faults, event(0x10n, CLASS.IN, start))).toMatch(/event-record/);
  });

  it('reads descriptors with read permission only, and reports TTRnW', () => {
    const set = { AF: 1n, SH: 3n, MemAttr: 15n };
    const map = (S2AP: bigint, XN = 0n): Step => ({
      ...{ do: 'map', vm: 0, va: tables, pa: tables, level: 2 },
      set: { ...set, S2AP, XN },
    });
    expect(verdict(map(0b01n, 0b10n), ...all, sees(PAGE))).toBe('ok');
    expect(verdict(map(0b10n), ...all, faults, event(0x13n, CLASS.TT | TTRNW, start))).toBe('ok');
    expect(verdict(map(0b10n), ...all, faults, event(0x13n, CLASS.TT, start))).toMatch(/event-record/);
    expect(verdict(map(0b10n), ...all, sees(PAGE))).toMatch(/dma-not-aborted/);
  });

  it('refuses Device memory for descriptors only under S2PTW', () => {
    const device: Step = {
      ...{ do: 'map', vm: 0, va: tables, pa: tables, level: 2 },
      set: { AF: 1n, S2AP: 3n, MemAttr: 0b0001n },
    };
    expect(verdict(device, ...all, sees(PAGE))).toBe('ok');
    const steps: readonly Told[] = [device, ...all, faults, event(0x13n, CLASS.TT | TTRNW, start)];
    expect(verdictOf(ID, nested({ S2PTW: 1n }), steps)).toBe('ok');
    const data: Step = { do: 'map', vm: 0, va: IPA, pa: PAGE, set: { MemAttr: 0n } };
    expect(verdictOf(ID, nested({ S2PTW: 1n }), [data, ...all, sees(PAGE)])).toBe('ok');
  });

  it('fetches the CD through stage 2', () => {
    const unmap: Step = { do: 'unmap', vm: 0, va: 0x4000_0000n, level: 2 };
    const cfgi: Step = { do: 'command', name: 'CMD_CFGI_ALL' };
    expect(verdict(unmap, ...all, sees(PAGE))).toBe('ok');
    const steps: readonly Told[] = [unmap, ...all, cfgi, sync, faults];
    expect(verdict(...steps, event(0x10n, CLASS.CD, 0x4014_0000n))).toBe('ok');
    expect(verdict(...steps, event(0x10n, CLASS.TT, 0x4014_0000n))).toMatch(/event-record/);
    expect(verdict(unmap, ...all, cfgi, sync, sees(PAGE))).toMatch(/dma-not-aborted/);
    expect(verdictOf(ID, nested({ S2R: 0n }), [unmap, ...all, cfgi, sync, silent])).toBe('ok');
  });

  it('asks stage 1 before the final stage 2', () => {
    const denied: readonly Told[] = [
      { do: 'map', cd: 0, va: 0x1000n, pa: IPA, set: { AF: 0n } },
      { do: 'unmap', vm: 0, va: IPA },
      ...all,
      faults,
    ];
    const stage1 = recorded([word0(0x12n), READ | CLASS.IN, 0x1000n, 0n]);
    expect(verdict(...denied, stage1)).toBe('ok');
    expect(verdict(...denied, event(0x10n, CLASS.IN, IPA))).toMatch(/event-record/);
  });

  it('reports an abort on a stage 2 descriptor with what it was for, on one of stage 1 as stage 1 does', () => {
    const hole = 0x7000_0000n;
    const table: Step = { do: 'table', vm: 0, va: IPA, level: 1, set: { NextTable: hole } };
    const at = hole + ((IPA >> 21n) & 0x1ffn) * 8n;
    expect(verdict(table, ...all, faults, event(0x0bn, CLASS.IN, at))).toBe('ok');
    const blocked: Step = { do: 'map', vm: 0, va: tables, pa: hole, level: 2 };
    const first = recorded([word0(0x0bn), READ | CLASS.TT, 0x1000n, hole + (start - tables)]);
    expect(verdict(blocked, ...all, faults, first)).toBe('ok');
    expect(verdict(blocked, ...all, faults, event(0x0bn, CLASS.TT, hole + (start - tables)))).toMatch(/event-record/);
  });

  it.each<[string, readonly Step[], Told]>([
    ['WALK-035', [{ do: 'map', cd: 0, va: 0x1000n, pa: 1n << 42n }], event(0x10n, CLASS.IN, 1n << 42n)],
    [
      'EVT-117',
      [{ do: 'table', vm: 0, va: tables, level: 1, set: { NextTable: 0x7000_0000n } }],
      event(0x0bn, CLASS.TT, 0x7000_0000n + (tables >> 21n) * 8n - ((tables >> 30n) << 12n)),
    ],
    [
      'WALK-144',
      [{ do: 'map', vm: 0, va: tables, pa: tables, level: 2, set: { AF: 0n } }],
      event(0x12n, CLASS.TT, start),
    ],
    ['WALK-145', [{ do: 'map', vm: 0, va: tables, pa: 1n << 45n, level: 2 }], event(0x11n, CLASS.TT, start)],
    [
      'WALK-152',
      [{ do: 'table', cd: 0, va: 0x1000n, level: 2, set: { NextTable: 1n << 45n } }],
      recorded([word0(0x11n), READ | CLASS.IN, 0x1000n, 0n]),
    ],
    ['PERM-083', [{ do: 'map', vm: 0, va: IPA, pa: PAGE, set: { S2AP: 2n } }], event(0x13n, CLASS.IN, IPA)],
    [
      'PERM-084',
      [
        { do: 'map', vm: 0, va: IPA, pa: PAGE, set: { S2AP: 2n } },
        { do: 'map', cd: 0, va: 0x1000n, pa: IPA, set: { AP: 0n } },
      ],
      recorded([word0(0x13n), READ | CLASS.IN, 0x1000n, 0n]),
    ],
    [
      'EVT-199',
      [
        { do: 'unmap', vm: 0, va: IPA },
        { do: 'map', cd: 0, va: 0x1000n, pa: IPA, set: { AP: 0n } },
      ],
      recorded([word0(0x13n), READ | CLASS.IN, 0x1000n, 0n]),
    ],
  ])('decides by %s', (rule, steps, shown) => {
    const { kind, decisive } = told([...nested(), ...steps, ...all, faults, shown], ID);
    expect(kind).toBe('ok');
    expect([...decisive]).toContain(rule);
  });

  it('fetches a CD from an address that aborts, or through tables that do', () => {
    const cfgi: readonly Step[] = [{ do: 'command', name: 'CMD_CFGI_ALL' }, sync, ...all];
    const hole: Step = { do: 'map', vm: 0, va: 0x4000_0000n, pa: 0x7000_0000n, level: 2 };
    const fetched = recorded([word0(0x09n), 0n, 0n, 0x7014_0000n]);
    expect(verdict(hole, ...cfgi, faults, fetched)).toBe('ok');
    const table: Step = { do: 'table', vm: 0, va: 0x4000_0000n, level: 1, set: { NextTable: 0x7000_0000n } };
    expect(verdict(table, ...cfgi, faults, event(0x0bn, CLASS.CD, 0x7000_0000n))).toBe('ok');
    expect(verdict(table, ...cfgi, faults, event(0x0bn, CLASS.TT, 0x7000_0000n))).toMatch(/event-record/);
  });

  it('keeps stage 2 Table descriptors over an invalidation of leaves only', () => {
    const table: Step = { do: 'table', vm: 0, va: IPA, level: 2, set: { NextTable: 0x4060_0000n } };
    const by = (Leaf: bigint): Step => ({
      ...{ do: 'command', name: 'CMD_TLBI_S2_IPA' },
      set: { VMID: 1n, Address: IPA, Leaf },
    });
    const nh: Step = { do: 'command', name: 'CMD_TLBI_NH_ALL', set: { VMID: 1n } };
    expect(verdict(sees(PAGE), table, by(1n), sync, nh, sync, sees(PAGE))).toBe('ok');
    expect(verdict(sees(PAGE), table, by(0n), sync, nh, sync, sees(PAGE))).toMatch(/dma-not-aborted/);
  });

  describe('with an old stage 2', () => {
    const remap: Step = { do: 'map', vm: 0, va: IPA, pa: OTHER };
    const ipa: Step = { do: 'command', name: 'CMD_TLBI_S2_IPA', set: { VMID: 1n, Address: IPA } };
    const va: Step = { do: 'command', name: 'CMD_TLBI_NH_VAA', set: { VMID: 1n, Address: 0x1000n } };
    const nh: Step = { do: 'command', name: 'CMD_TLBI_NH_ALL', set: { VMID: 1n } };
    const vmall: Step = { do: 'command', name: 'CMD_TLBI_S12_VMALL', set: { VMID: 1n } };

    it.each<[string, readonly Step[], 'stays' | 'goes']>([
      ['nothing', [], 'stays'],
      ['S2_IPA alone: a combined entry stays', [ipa, sync], 'stays'],
      ['NH_ALL alone: stage 2 is filled in again', [nh, sync], 'stays'],
      ['S2_IPA, CMD_SYNC, NH_ALL', [ipa, sync, nh, sync], 'goes'],
      ['S2_IPA, CMD_SYNC, NH_VAA', [ipa, sync, va, sync], 'goes'],
      ['NH_ALL, CMD_SYNC, S2_IPA', [nh, sync, ipa, sync], 'stays'],
      ['S2_IPA and NH_ALL in no order', [ipa, nh, sync], 'stays'],
      ['S12_VMALL', [vmall, sync], 'goes'],
    ])('after %s', (_, invalidations, fate) => {
      const old = verdict(sees(PAGE), remap, ...invalidations, sees(PAGE));
      if (fate === 'stays') expect(old).toBe('ok');
      else expect(old).toMatch(/dma-data/);
      expect(verdict(sees(PAGE), remap, ...invalidations, sees(OTHER))).toBe('ok');
    });

    it('under the tables, a copy of which lies where stage 2 leads now', () => {
      // The page of the level 3 table: its IPA leads to RAM that is zero, then back.
      const away: Step = { do: 'map', vm: 0, va: tables, pa: 0x4060_0000n, level: 2 };
      const other: Step = { do: 'command', name: 'CMD_TLBI_S2_IPA', set: { VMID: 1n, Address: tables } };
      expect(verdict(sees(PAGE), away, other, sync, sees(PAGE))).toBe('ok');
      expect(verdict(sees(PAGE), away, other, sync, nh, sync, sees(PAGE))).toMatch(/dma-not-aborted/);
      expect(verdict(sees(PAGE), away, nh, sync, sees(PAGE))).toBe('ok');
    });
  });

  it('shares entries with a stage 1-only stream of the same VMID, and not with another', () => {
    const single = (S2VMID: bigint): readonly Step[] => [
      { do: 'ste', stream: 9, set: { S2VMID } },
      { do: 'map', cd: 0, va: 0x3000n, pa: PAGE },
      { do: 'command', name: 'CMD_CFGI_ALL' },
      ...all,
    ];
    const other: Step = { do: 'dma', stream: 9, read: 0x3000n, bytes: 8 };
    const through: Told = [{ do: 'dma', stream: 8, read: 0x3000n, bytes: 8 }, { outcomes: [patternAt(PAGE)] }];
    const straight: Told = [other, { outcomes: [patternAt(PAGE)] }];
    expect(verdict(...single(1n), straight, through)).toBe('ok');
    expect(verdict(...single(2n), straight, through)).toMatch(/dma-not-aborted/);
  });
});
