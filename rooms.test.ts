/**
 * The import rule of the rooms, in full: model/ and reference/ share no module of this package, not even through others,
 * for what both shared would be wrong on both sides and so not seen. The other rules are in .dependency-cruiser.cjs.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';

const root = fileURLToPath(new URL('.', import.meta.url));

const cruiseResult = z.object({
  modules: z.array(z.object({ source: z.string(), dependencies: z.array(z.object({ resolved: z.string() })) })),
});

/** Of each module, the modules it imports, types included. */
function importGraph(): Map<string, string[]> {
  const json = execFileSync(
    process.execPath,
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      ...['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'model', 'reference'],
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const { modules } = cruiseResult.parse(JSON.parse(json));
  return new Map(modules.map(({ source, dependencies }) => [source, dependencies.map(({ resolved }) => resolved)]));
}

/** Modules of ours that code of `room` (its tests aside) reaches, its own included. */
function reachedFrom(room: string, graph: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const todo = [...graph.keys()].filter((path) => path.startsWith(`${room}/`) && !path.endsWith('.test.ts'));
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (reached.has(path) || !path.endsWith('.ts') || path.startsWith('node_modules/')) continue;
    reached.add(path);
    todo.push(...(graph.get(path) ?? []));
  }
  return reached;
}

test('no module of ours is reachable from both model/ and reference/', () => {
  const graph = importGraph();
  const fromModel = reachedFrom('model', graph);
  const fromReference = reachedFrom('reference', graph);
  expect(fromModel.size).toBeGreaterThan(0);
  expect(fromReference.has('scenario/trace.ts'), 'the reference reads traces').toBe(true);
  expect([...fromModel].filter((path) => fromReference.has(path))).toEqual([]);
});

test('what a room reaches is followed through other rooms', () => {
  const graph = new Map([
    ['model/a.ts', ['scenario/b.ts', 'fs']],
    ['scenario/b.ts', ['reference/c.ts', 'node_modules/zod/index.d.ts']],
    ['model/a.test.ts', ['scenario/d.ts']],
  ]);
  expect(reachedFrom('model', graph)).toEqual(new Set(['model/a.ts', 'scenario/b.ts', 'reference/c.ts']));
});
