import { describe, expect, test } from 'vitest';
import { DATA, Driver } from '../testing.ts';
import type { FieldValue } from '../testing.ts';

/** Which accesses pass, as letters: r, w, x unprivileged and R, W, X privileged. */
function allowed(d: Driver): string {
  const ways = [
    ['r', false, false, false],
    ['w', false, true, false],
    ['x', false, false, true],
    ['R', true, false, false],
    ['W', true, true, false],
    ['X', true, false, true],
  ] as const;
  let letters = '';
  for (const [letter, privileged, write, instruction] of ways) {
    const access = write ? d.dmaWrite(1, 0x1000, { privileged }) : d.dmaRead(1, 0x1000, { privileged, instruction });
    if (access.result === 'ok') letters += letter;
  }
  return letters;
}

const ap = (value: number): FieldValue => [7, 6, value];
const UXN: FieldValue = [54, 54, 1];
const PXN: FieldValue = [53, 53, 1];
const WXN: FieldValue = [36, 36, 1];
const PAN: FieldValue = [40, 40, 1];
const HAD0: FieldValue = [65, 65, 1];
const apTable = (value: number): FieldValue => [62, 61, value];
const UXNTABLE: FieldValue = [60, 60, 1];
const PXNTABLE: FieldValue = [59, 59, 1];

function page(leaf: FieldValue[], cd: FieldValue[] = [], tables: [number, FieldValue][] = []): Driver {
  const d = Driver.mapped({ eventqLog2Size: 7 });
  d.map(0x1000, DATA, 3, 0, ...leaf);
  for (const [level, field] of tables) d.table(0x1000, level, 0, field);
  d.cd(0, ...cd);
  return d;
}

describe('a leaf', () => {
  test.each<[string, FieldValue[], string]>([
    ['AP 00', [ap(0b00)], 'xRWX'],
    ['AP 01: privileged never executes what is writable unprivileged', [ap(0b01)], 'rwxRW'],
    ['AP 10', [ap(0b10)], 'xRX'],
    ['AP 11', [ap(0b11)], 'rxRX'],
    ['AP 00 UXN', [ap(0b00), UXN], 'RWX'],
    ['AP 00 PXN', [ap(0b00), PXN], 'xRW'],
    ['AP 11 UXN PXN', [ap(0b11), UXN, PXN], 'rR'],
  ])('%s', (_name, leaf, letters) => {
    expect(allowed(page(leaf))).toBe(letters);
  });
});

describe('WXN', () => {
  test.each<[number, string]>([
    [0b00, 'xRW'],
    [0b01, 'rwRW'],
    [0b10, 'xRX'],
    [0b11, 'rxRX'],
  ])('with AP %i', (value, letters) => {
    expect(allowed(page([ap(value)], [WXN]))).toBe(letters);
  });

  test('sees what APTable leaves', () => {
    expect(allowed(page([ap(0b01)], [WXN], [[1, apTable(0b10)]]))).toBe('rxRX');
    expect(allowed(page([ap(0b01)], [WXN], [[1, apTable(0b01)]]))).toBe('xRW');
  });
});

describe('PAN', () => {
  test.each<[number, string]>([
    [0b00, 'xRWX'],
    [0b01, 'rwx'],
    [0b10, 'xRX'],
    [0b11, 'rxX'],
  ])('with AP %i', (value, letters) => {
    expect(allowed(page([ap(value)], [PAN]))).toBe(letters);
  });

  test('sees what APTable leaves', () => {
    expect(allowed(page([ap(0b01)], [PAN], [[0, apTable(0b01)]]))).toBe('xRWX');
  });
});

describe('Table descriptors', () => {
  test.each<[string, [number, FieldValue][], string]>([
    ['APTable 01', [[0, apTable(0b01)]], 'xRWX'],
    ['APTable 10', [[2, apTable(0b10)]], 'rxRX'],
    ['APTable 11', [[1, apTable(0b11)]], 'xRX'],
    [
      'APTable 01 and 10 at two levels',
      [
        [0, apTable(0b01)],
        [2, apTable(0b10)],
      ],
      'xRX',
    ],
    ['UXNTable', [[1, UXNTABLE]], 'rwRW'],
    [
      'PXNTable under APTable 10',
      [
        [0, apTable(0b10)],
        [1, PXNTABLE],
      ],
      'rxR',
    ],
  ])('%s restricts the leaf', (_name, tables, letters) => {
    expect(allowed(page([ap(0b01)], [], tables))).toBe(letters);
    // The same from the TLB, and from the walk cache for a neighbour.
    const d = page([ap(0b01)], [], tables);
    d.map(0x2000, DATA);
    for (const [level, field] of tables) d.table(0x1000, level, 0, field);
    d.dmaRead(1, 0x2000, { privileged: true });
    expect([allowed(d), allowed(d)]).toEqual([letters, letters]);
  });

  test('are without effect under HAD0, which leaves the upper half alone', () => {
    expect(
      allowed(
        page(
          [ap(0b01)],
          [HAD0],
          [
            [0, apTable(0b11)],
            [1, UXNTABLE],
            [2, PXNTABLE],
          ],
        ),
      ),
    ).toBe('rwxRW');
    expect(allowed(page([ap(0b01)], [[129, 129, 1]], [[0, apTable(0b11)]]))).toBe('xRX');
  });

  test('never fault early: a later fault is the one reported', () => {
    const d = page([[0, 0, 0]], [], [[0, apTable(0b11)]]);
    d.dmaWrite(1, 0x1000);
    expect(d.takeEventNumbers()).toEqual([0x10]);
  });
});

test('permissions are judged anew at each TLB hit', () => {
  const d = page([ap(0b10)]);
  d.dmaRead(1, 0x1000, { privileged: true });
  d.unmap(0x1000);
  expect(allowed(d)).toBe('xRX');
  expect(d.takeEventNumbers()).toEqual([0x13, 0x13, 0x13]);
});
