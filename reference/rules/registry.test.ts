import { expect, test } from 'vitest';
import { RULE_IDS } from './ids.ts';
import { RULE_ROWS, ruleArea, ruleRow, ruleScope } from './registry.ts';

test('every id has a row with a section, a title, a condition and an outcome', () => {
  expect(RULE_ROWS).toHaveLength(RULE_IDS.length);
  for (const row of RULE_ROWS) {
    expect(row.section, row.id).not.toBe('');
    expect(row.title, row.id).not.toBe('');
    expect(row.when, row.id).not.toBe('');
    expect(row.then, row.id).not.toBe('');
  }
});

test('scope.tsv names every tier-1 rule and no other, and says why one is not in scope', () => {
  for (const { id, tier } of RULE_ROWS) {
    const { status, reason } = ruleScope(id);
    if (tier !== 1) expect({ status, reason }).toEqual({ status: 'later', reason: `tier ${tier}` });
    else {
      expect(reason, id).not.toMatch(/^tier/);
      expect(reason === '', id).toBe(status === 'in');
    }
  }
});

test('rules of the Secure bank are not in scope', () => {
  for (const { id, bank } of RULE_ROWS) if (bank === 'S') expect(ruleScope(id).status, id).toBe('later');
});

test('a row is found by its id', () => {
  expect(ruleRow('STRTAB-002')).toMatchObject({ section: '3.3.1.1', title: 'Linear STE address', tier: 1 });
  expect(ruleArea('STRTAB-002')).toBe('STRTAB');
});
