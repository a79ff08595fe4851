import { expect, test } from 'vitest';
import type { IdRegisters } from '../../scenario/trace.ts';
import { coverage, isInScope, type CrossHits } from './coverage.ts';
import { COMMANDS, CROSS_NAMES, crossesOf, EVENTS, IMPOSSIBLE } from './crosses.ts';
import type { RuleId } from './ids.ts';
import { RULE_ROWS, ruleRow, ruleScope } from './registry.ts';

/** Stage 1 only, terminate only, SMMUv3.1. */
const stage1: IdRegisters = {
  IDR0: (1 << 1) | (2 << 2) | (1 << 12) | (1 << 24),
  IDR1: 16,
  IDR2: 0,
  IDR3: 1 << 2,
  IDR4: 0,
  IDR5: (1 << 4) | 4,
  IIDR: 0,
  AIDR: 1,
};

const nothing: ReadonlySet<RuleId> = new Set();

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, next) => total + next, 0);
}

test('with nothing hit, every rule in scope is unreached', () => {
  const { tiers, areas, unreached, outside } = coverage({ decisive: nothing, consulted: nothing }, [stage1]);
  const inScope = RULE_ROWS.filter((row) => isInScope(row, [stage1])).length;
  expect(unreached).toHaveLength(inScope);
  expect(sum(tiers.map((tier) => tier.inScope))).toBe(inScope);
  expect(sum(areas.map((area) => area.inScope))).toBe(inScope);
  expect(sum(tiers.map((tier) => tier.rules))).toBe(RULE_ROWS.length);
  expect(sum(tiers.map((tier) => tier.applied + tier.reached))).toBe(0);
  expect(outside).toEqual([]);
});

test('decisive rules are reached, consulted ones only applied', () => {
  const { tiers, areas, unreached } = coverage(
    { decisive: new Set<RuleId>(['STRTAB-002']), consulted: new Set<RuleId>(['STRTAB-005', 'STRTAB-002']) },
    [stage1],
  );
  expect(tiers.find(({ tier, bank }) => tier === 1 && bank === 'any')).toMatchObject({ applied: 2, reached: 1 });
  expect(areas.find(({ area }) => area === 'STRTAB')).toMatchObject({ reached: 1 });
  expect(unreached.map(({ id }) => id)).not.toContain('STRTAB-002');
  expect(unreached).toContainEqual({ id: 'STRTAB-005', section: '6.3.25', title: 'Single-entry linear table' });
});

test('the denominator leaves out what the subject lacks', () => {
  expect(ruleScope('REG-265').status).toBe('in');
  expect(isInScope(ruleRow('REG-265'), [stage1])).toBe(false);
  expect(isInScope(ruleRow('REG-265'), [{ ...stage1, AIDR: 2 }])).toBe(true);
});

test('a decisive tier-1 rule that is not counted is named', () => {
  const decisive = new Set<RuleId>(['REG-265', 'TLBI-058', 'STRTAB-002', 'CD-115']);
  expect(coverage({ decisive, consulted: nothing }, [stage1]).outside).toEqual(['REG-265', 'TLBI-058']);
});

test('crosses count the cells seen, and name the holes', () => {
  const hits: CrossHits = new Map([[COMMANDS, new Set(['CMD_SYNC, CERROR_NONE', 'CMD_SYNC, CERROR_ABT'])]]);
  const { crosses, strange } = coverage({ decisive: nothing, consulted: nothing }, [stage1], hits);
  expect(crosses.map(({ name }) => name)).toEqual(CROSS_NAMES);
  const commands = crosses.find(({ name }) => name === COMMANDS);
  expect(commands).toMatchObject({ reached: 1 });
  expect(commands?.holes).toHaveLength((commands?.cells ?? 0) - 1);
  expect(commands?.holes).toContain('CMD_SYNC, CERROR_ILL');
  expect(strange).toEqual(['CMD_SYNC, CERROR_ABT']);
});

test('crosses leave out what no build of the subject can show', () => {
  const eventsOf = (...builds: IdRegisters[]): readonly string[] =>
    crossesOf(builds).find(({ name }) => name === EVENTS)?.cells ?? [];
  expect(eventsOf(stage1)).toContain('F_TRANSLATION stage 1 4K IN');
  expect(eventsOf(stage1).filter((cell) => /stage 2|64K|F_STREAM_DISABLED/.test(cell))).toEqual([]);
  const nested = { ...stage1, IDR0: stage1.IDR0 | 1, IDR5: stage1.IDR5 | (1 << 6) };
  expect(eventsOf(stage1, nested)).toContain('F_PERMISSION stage 2 64K TT');
});

test('every cell left out of a cross has its reason', () => {
  for (const { cross, reason, section } of IMPOSSIBLE) {
    expect(CROSS_NAMES).toContain(cross);
    expect(reason).not.toBe('');
    expect(section).toMatch(/^\d+(\.\d+)*$/);
  }
});
