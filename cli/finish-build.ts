/**
 * The last part of `npm run build`: what the compiler does not do. Data files that the code reads from beside itself are
 * copied into dist/, the command is made executable, and linked so that `npm run check` and `npx smmu-crosscheck`
 * find it in a fresh checkout (npm links the commands of dependencies, not the package's own).
 */
import { chmodSync, cpSync, existsSync, lstatSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from './package-info.ts';

const ROOMS_WITH_DATA = ['scenario', 'reference', 'subjects', 'properties', 'fuzz'];
const COMMAND = join(PACKAGE_ROOT, 'dist/cli/main.js');

for (const room of ROOMS_WITH_DATA) {
  const from = join(PACKAGE_ROOT, room);
  if (!existsSync(from)) continue;
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (/\.(tsv|json)$/.test(name)) cpSync(join(from, name), join(PACKAGE_ROOT, 'dist', room, name));
  }
}

chmodSync(COMMAND, 0o755);

const bin = join(PACKAGE_ROOT, 'node_modules/.bin');
if (existsSync(bin) && process.platform !== 'win32') {
  const link = join(bin, 'smmu-crosscheck');
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link);
  symlinkSync('../../dist/cli/main.js', link);
}
