import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RULE_IDS } from './ids.ts';

test('ids.ts is what generate.mjs writes', () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('generate.mjs', import.meta.url)), '--check']);
});

test('no id stands twice in the inventory', () => {
  expect(new Set(RULE_IDS).size).toBe(RULE_IDS.length);
});
