import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { architectureSupport, SUPPORT_FILE } from './architecture-support.ts';

test('docs/architecture-support.md is what the inventory and the model say now', async () => {
  const wanted = await architectureSupport();
  expect(readFileSync(SUPPORT_FILE, 'utf8'), 'out of date: npm run docs:support').toBe(wanted);
  expect(wanted, 'an area without a title').not.toMatch(/\| [A-Z]+: +\|/);
});
