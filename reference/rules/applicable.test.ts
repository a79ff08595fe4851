import { describe, expect, test } from 'vitest';
import type { IdRegisters } from '../../scenario/trace.ts';
import { isApplicable, parseNeeds } from './applicable.ts';
import { RULE_ROWS, ruleRow } from './registry.ts';

/** Stage 1 only, 16-bit ASIDs, terminate only, 44-bit output, SMMUv3.1. */
const stage1: IdRegisters = {
  IDR0: (1 << 1) | (2 << 2) | (1 << 12) | (1 << 24) | (1 << 26),
  IDR1: 16,
  IDR2: 0,
  IDR3: 1 << 2,
  IDR4: 0,
  IDR5: (1 << 4) | 4,
  IIDR: 0,
  AIDR: 1,
};

test('the needs of every tier-1 rule are understood', () => {
  const unknown = RULE_ROWS.filter((row) => row.tier === 1 && parseNeeds(row.needs) === undefined);
  expect(unknown.map((row) => `${row.id}: ${row.needs}`)).toEqual([]);
});

describe('the forms of needs, on a stage 1 only SMMUv3.1 with a 44-bit output', () => {
  test.each([
    ['-', true],
    ['S1P', true],
    ['IDR0.S2P=1', false],
    ['S2P==0', true],
    ['S1P=S2P=1', false],
    ['S1P,S2P', false],
    ['IDR0.S1P and S2P', false],
    ['IDR0.S1P=1 IDR0.S2P=1', false],
    ['IDR0.S1P=0 or IDR0.S2P=0', true],
    ['IDR0.S1P=1 IDR0.S2P=0 or SECURE_IMPL=1 SEL2=0', true],
    ['TTF[0]=0', true],
    ['TTF[1]==0', false],
    ['STALL_MODEL==0b01', true],
    ['STALL_MODEL!=0b00', true],
    ['SSIDSIZE>0', false],
    ['AIDR.ArchMinorRev>=2', false],
    ['v3.1+', true],
    ['v3.0', false],
    ['S_IDR1.SECURE_IMPL', false],
    ['OAS<52', true],
    ['OAS>=48', false],
  ])('%s', (needs, expected) => {
    expect(parseNeeds(needs)?.(stage1)).toBe(expected);
  });
});

test('what is not understood is not guessed', () => {
  expect(parseNeeds('far atomics')).toBeUndefined();
  expect(parseNeeds('S1P, far')).toBeUndefined();
});

test('a rule that needs what the subject lacks is not applicable', () => {
  expect(isApplicable(ruleRow('PERM-067'), stage1)).toBe(false);
  expect(isApplicable(ruleRow('CD-042'), stage1)).toBe(true);
});
