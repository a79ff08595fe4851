import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REGISTERS, REGISTER_NAMES, registerAt } from './registers.ts';

/** The inventory of registers, made by other hands from 6.2 and 6.3. */
const INVENTORY = new URL('../reference/rules/registers.tsv', import.meta.url);

test('every Non-secure and Secure register with a fixed offset has its name, offset and width', () => {
  const rows = readFileSync(INVENTORY, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([offset = '', , , , bank]) => (bank === 'NS' || bank === 'S') && /^0x\w+$/.test(offset));
  const expected = rows.map(([offset = '', name = '', width]) => {
    const alias = /^\(alias of SMMU_(\w+)\)$/.exec(name);
    const plain = alias ? `${alias[1]}_ALIAS` : name.replace('SMMU_', '');
    return [plain, { offset: Number(offset), bytes: Number(width) / 8 }];
  });
  expect(REGISTERS).toEqual(Object.fromEntries(expected));
});

test('a register is found by its offset', () => {
  for (const name of REGISTER_NAMES) expect(registerAt(REGISTERS[name].offset)).toBe(name);
  expect(registerAt(0x84)).toBeUndefined();
});
