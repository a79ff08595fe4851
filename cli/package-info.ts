/** Where this package is and which version: the same from the sources and from dist/. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const PACKAGE_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

/** As in package.json. */
export const VERSION = readVersion();

/** The scenarios that come with the package; relative to where the user is when that is within reach. */
export function corpusFolder(): string {
  const folder = join(PACKAGE_ROOT, 'corpus');
  const near = relative(process.cwd(), folder);
  return near.startsWith('..') ? folder : near;
}

function findRoot(from: string): string {
  let at = from;
  while (!existsSync(join(at, 'package.json'))) {
    const up = dirname(at);
    if (up === at) throw new Error(`no package.json above ${from}`);
    at = up;
  }
  return at;
}

function readVersion(): string {
  const description: unknown = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  if (typeof description === 'object' && description !== null && 'version' in description) {
    if (typeof description.version === 'string') return description.version;
  }
  throw new Error('package.json holds no version');
}
