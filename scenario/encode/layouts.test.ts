import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CD_LAYOUT, decodeCd, encodeCd } from './cd.ts';
import { COMMANDS, COMMAND_NAMES, decodeCommand, encodeCommand } from './commands.ts';
import { DESCRIPTOR_LAYOUT, decodeDescriptor, encodeLeaf, encodeTable } from './descriptor.ts';
import { EVENTS, EVENT_NAMES, decodeEvent } from './events.ts';
import { fieldMask, isAlias } from './fields.ts';
import type { FieldPlace, Layout } from './fields.ts';
import { CD_FACTS, COMMAND_FACTS, DESCRIPTOR_FACTS, STE_FACTS } from './layouts.facts.ts';
import { STE_LAYOUT, decodeSte, encodeSte } from './ste.ts';

/** `S1Fmt 5:4 ALQR; ...` to `{ S1Fmt: '5:4' }`. */
function parseFacts(text: string): Record<string, string> {
  const entries = text.split(/[;\n]/).map((entry) => entry.trim().split(' '));
  return Object.fromEntries(entries.flatMap(([name = '', bits = '']) => (name === '' ? [] : [[name, bits] as const])));
}

/** The same form, of a layout. */
function bitsOf(layout: Layout): Record<string, string> {
  const shown = ([word, low, width]: FieldPlace) => `${64 * word + low + width - 1}:${64 * word + low}`;
  return Object.fromEntries(Object.entries(layout).map(([name, place]) => [name, shown(place)]));
}

describe('layouts agree with the tables of facts, field by field, none missing', () => {
  test('STE', () => expect(bitsOf(STE_LAYOUT)).toEqual(parseFacts(STE_FACTS)));
  test('CD', () => expect(bitsOf(CD_LAYOUT)).toEqual(parseFacts(CD_FACTS)));
  test('descriptors', () => expect(bitsOf(DESCRIPTOR_LAYOUT)).toEqual(parseFacts(DESCRIPTOR_FACTS)));

  const commands = COMMAND_FACTS.trim()
    .split('\n')
    .map((line) => /^\s*(\S+) (\S+) ?(.*)$/.exec(line) ?? []);
  test('the commands are those of table 4.1.1', () => {
    expect(new Set(COMMAND_NAMES)).toEqual(new Set(commands.map(([, name]) => name)));
  });
  test.each(commands.map(([, name = '', opcode = '', fields = '']) => ({ name, opcode, fields })))(
    '$name',
    ({ name, opcode, fields }) => {
      const command = COMMANDS[name as keyof typeof COMMANDS];
      expect(command.opcode).toBe(Number(opcode));
      expect(bitsOf(command.fields)).toEqual(parseFacts(fields));
    },
  );
});

describe('the fields of a structure do not overlap, but for those marked as aliases', () => {
  const layouts: [string, Layout][] = [
    ['STE', STE_LAYOUT],
    ['CD', CD_LAYOUT],
    ['descriptor', DESCRIPTOR_LAYOUT],
    ...COMMAND_NAMES.map((name): [string, Layout] => [name, COMMANDS[name].fields]),
    ...EVENT_NAMES.map((name): [string, Layout] => [name, EVENTS[name].fields]),
  ];
  test.each(layouts)('%s', (_, layout) => {
    const taken: bigint[] = [];
    for (const place of Object.values(layout)) {
      if (isAlias(place)) continue;
      const mask = fieldMask(place);
      expect((taken[place[0]] ?? 0n) & mask).toBe(0n);
      expect(mask >> 64n).toBe(0n);
      taken[place[0]] = (taken[place[0]] ?? 0n) | mask;
    }
  });
});

describe('encoding what was decoded gives the same bytes, reserved bits too', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  test('STE', () => {
    fc.assert(fc.property(bytes(64), (ste) => void expect(encodeSte(decodeSte(ste))).toEqual(ste)));
  });
  test('CD', () => {
    fc.assert(fc.property(bytes(64), (cd) => void expect(encodeCd(decodeCd(cd))).toEqual(cd)));
  });
  test('commands', () => {
    const command = fc.tuple(fc.constantFrom(...COMMAND_NAMES), bytes(16));
    fc.assert(
      fc.property(command, ([name, entry]) => {
        entry[0] = COMMANDS[name].opcode;
        const decoded = decodeCommand(entry);
        expect(encodeCommand(decoded.name ?? 'CMD_SYNC', decoded.fields)).toEqual(entry);
      }),
    );
  });
  test('descriptors at every level', () => {
    const descriptor = fc.tuple(fc.constantFrom(1, 2, 3), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
    fc.assert(
      fc.property(descriptor, ([level, word]) => {
        const fields = decodeDescriptor(level, word);
        expect(encodeTable(fields)).toBe(word);
      }),
    );
  });
});

test('a value wider than its field is cut, and touches no other', () => {
  expect(decodeSte(encodeSte({ Config: 0xffn }))).toEqual({ ...decodeSte(encodeSte({})), Config: 7n });
});

test('an alias replaces what it shares bits with, whatever the order in which they are given', () => {
  const [one, other] = [encodeCd({ HWU061: 1n, SKL0: 2n }), encodeCd({ SKL0: 2n, HWU061: 1n })];
  expect(one).toEqual(other);
  expect(decodeCd(one)).toMatchObject({ HWU061: 0n, HWU062: 1n });
});

test('address fields hold their own bits of the whole address', () => {
  expect(decodeSte(encodeSte({ S1ContextPtr: 0xff_1234_5678_9abf_ffffn })).S1ContextPtr).toBe(0x34_5678_9abf_ffc0n);
  expect(decodeCd(encodeCd({ TTB1: 0x4021_200fn })).TTB1).toBe(0x4021_2000n);
  expect(encodeCommand('CMD_TLBI_NH_VA', { Address: 0xffff_ff80_0000_1fffn }).slice(8)).toEqual(
    Uint8Array.of(0, 0x10, 0, 0, 0x80, 0xff, 0xff, 0xff),
  );
});

describe('descriptors', () => {
  test('a leaf is a Block above level 3 and a Page there, aligned to its size', () => {
    expect(encodeLeaf(3, 12, { OA: 0x4012_3456n })).toBe(0x4012_3003n);
    expect(encodeLeaf(2, 21, { OA: 0x4012_3456n })).toBe(0x4000_0001n);
    expect(encodeLeaf(1, 30, { OA: 0x7fff_ffffn, AF: 1n })).toBe(0x4000_0401n);
    expect(encodeLeaf(2, 21, { OA: 0x4000_0000n, nT: 1n })).toBe(0x4001_0001n);
  });
  test('`raw` replaces the whole, `or0` adds', () => {
    expect(encodeLeaf(3, 12, { OA: 0x1000n, raw: 6n })).toBe(6n);
    expect(encodeTable({ NextTable: 0x4020_1000n, or0: 1n << 63n })).toBe((1n << 63n) | 0x4020_1003n);
    expect(encodeTable({ NextTable: 0x4020_1000n, Valid: 0n })).toBe(0x4020_1002n);
  });
});

test('CMD_CFGI_ALL is CMD_CFGI_STE_RANGE with Range 31', () => {
  expect(encodeCommand('CMD_CFGI_ALL', {})).toEqual(encodeCommand('CMD_CFGI_STE_RANGE', { Range: 31n }));
  expect(decodeCommand(encodeCommand('CMD_CFGI_STE_RANGE', { Range: 31n })).name).toBe('CMD_CFGI_ALL');
  expect(decodeCommand(encodeCommand('CMD_CFGI_STE_RANGE', { Range: 30n })).name).toBe('CMD_CFGI_STE_RANGE');
});

test('an event record comes out field by field', () => {
  const record = new Uint8Array(32);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, 0x0000_0008_0000_5810n, true);
  view.setBigUint64(8, (1n << 35n) | (2n << 40n) | (1n << 60n), true);
  view.setBigUint64(16, 0x1234_5678n, true);
  view.setBigUint64(24, 0x4000_0000n, true);
  const { name, number, fields } = decodeEvent(record);
  expect([name, number]).toEqual(['F_TRANSLATION', 0x10]);
  expect(fields).toMatchObject({ StreamID: 8n, SSV: 1n, SubstreamID: 5n, RnW: 1n, CLASS: 2n, InputAddr: 0x1234_5678n });
  expect(fields).toMatchObject({ IPA: 0x4000_0000n, or1: 1n << 60n });
});
