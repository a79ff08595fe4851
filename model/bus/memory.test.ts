import { expect, test } from 'vitest';
import { Memory } from './memory.ts';

const fill = (base: number, page: Uint8Array): void => void page.fill(base / 4096);
const memory = (): Memory =>
  new Memory(
    [
      { base: 0x1000, bytes: 0x3000 },
      { base: 2 ** 51, bytes: 0x1000 },
    ],
    fill,
  );

test('holds what initialPage gives until it is written, and again after reset', () => {
  const m = memory();
  const bytes = new Uint8Array(2);
  expect(m.read(0x2000, bytes)).toBe(true);
  expect([...bytes]).toEqual([2, 2]);
  m.write(0x2000, new Uint8Array([7]));
  m.read(0x2000, bytes);
  expect([...bytes]).toEqual([7, 2]);
  m.reset();
  m.read(0x2000, bytes);
  expect([...bytes]).toEqual([2, 2]);
});

test('an access may cross pages, and is all or nothing at the edge', () => {
  const m = memory();
  const long = new Uint8Array(0x1002);
  expect(m.read(0x1fff, long)).toBe(true);
  expect([long[0], long[1], long[0x1001]]).toEqual([1, 2, 3]);
  expect(m.write(0x3ffe, new Uint8Array([9, 9, 9]))).toBe(false);
  const bytes = new Uint8Array(2);
  m.read(0x3ffe, bytes);
  expect([...bytes]).toEqual([3, 3]);
  expect(m.write(0x2fff, new Uint8Array([8, 9]))).toBe(true);
  m.read(0x2fff, bytes);
  expect([...bytes]).toEqual([8, 9]);
});

test('reaches to the top of the 52-bit space, and nothing answers elsewhere', () => {
  const m = memory();
  const word = new Uint32Array(1);
  expect(m.writeWords(2 ** 51 + 8, new Uint32Array([0x8765_4321]), 1)).toBe(true);
  expect(m.readWords(2 ** 51 + 8, word, 1)).toBe(true);
  expect(word[0]).toBe(0x8765_4321);
  for (const hole of [0, 0xfff, 0x4000, 2 ** 51 - 4, 2 ** 51 + 0x1000])
    expect(m.readWords(hole - (hole % 4), word, 1)).toBe(false);
});

test('RAM that is not whole pages is refused', () => {
  expect(() => new Memory([{ base: 1, bytes: 4096 }])).toThrow(RangeError);
  expect(() => new Memory([{ base: 0, bytes: 100 }])).toThrow(RangeError);
});
