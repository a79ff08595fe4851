// Writes ids.ts, the type of rule ids, from the rows of rules-*.tsv beside it.
//   node reference/rules/generate.mjs           writes the file
//   node reference/rules/generate.mjs --check   exits 1 when the file is not current
// Plain JavaScript, because the build needs what it writes.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const here = new URL('.', import.meta.url);
const target = new URL('ids.ts', here);

const ids = readdirSync(here)
  .filter((name) => /^rules-.*\.tsv$/.test(name))
  .sort()
  .flatMap((name) => readFileSync(new URL(name, here), 'utf8').trimEnd().split('\n').slice(1))
  .map((line) => line.slice(0, line.indexOf('\t')));

const text = [
  '/** Every rule of the inventory by its id. Generated from rules-*.tsv by generate.mjs: change those, then run it. */',
  'export const RULE_IDS = [',
  ...ids.map((id) => `  '${id}',`),
  '] as const;',
  '',
  'export type RuleId = (typeof RULE_IDS)[number];',
  '',
].join('\n');

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('reference/rules/ids.ts is not current: run `node reference/rules/generate.mjs`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
  console.log(`${ids.length} rules`);
}
