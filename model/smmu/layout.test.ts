import { expect, test } from 'vitest';
import { addressField, alignDown, bits, extract, get, getAddressHigh, getAddressLow, maskIn, set } from './layout.ts';

test('a field is read and replaced without touching its neighbours', () => {
  const words = new Uint32Array([0, 0xffff_ffff, 0]);
  const field = bits(47, 36);
  set(words, field, 0x1abc);
  expect([...words]).toEqual([0, 0xffff_abcf, 0]);
  expect(get(words, field)).toBe(0xabc);
  expect(get(words, bits(63, 32))).toBe(0xffff_abcf);
});

test('a field that crosses a word is refused', () => {
  expect(() => bits(33, 31)).toThrow(/\[33:31\]/);
  expect(() => bits(3, 4)).toThrow(RangeError);
});

test('an address field stands in place and may cross a word', () => {
  const words = new Uint32Array([0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff]);
  expect([getAddressLow(words, addressField(55, 6)), getAddressHigh(words, addressField(55, 6))]).toEqual([
    0xffff_ffc0, 0x00ff_ffff,
  ]);
  expect([getAddressLow(words, addressField(115, 68)), getAddressHigh(words, addressField(115, 68))]).toEqual([
    0xffff_fff0, 0x000f_ffff,
  ]);
});

test('values, masks and alignment reach bit 31 and beyond 32 bits', () => {
  expect(extract(0x8000_0000, bits(31))).toBe(1);
  expect(maskIn(bits(31), bits(3, 0))).toBe(0x8000_000f);
  expect(alignDown(0x12_3456_7890, 36)).toBe(0x10_0000_0000);
  expect(alignDown(0x12_3456_7890, 63)).toBe(0);
});
