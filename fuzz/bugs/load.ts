/**
 * The model with a seeded bug in it: model/'s TypeScript sources are copied to a fresh folder with the patch applied, transpiled, imported from
 * there, and the folder is removed. Works on the sources of the package, which are shipped, from the sources as well as from dist/.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { System } from '../../model/system.ts';
import type { Bug } from './bug.ts';

/** The model cannot be built with this bug: its patch does not fit the sources. */
export class PatchError extends Error {}

/** Of each source file of the model, by its path from the package's root, the text. Tests are left out. */
export function modelSources(): ReadonlyMap<string, string> {
  const root = packageRoot();
  const names = readdirSync(join(root, 'model'), { recursive: true, encoding: 'utf8' });
  const sources = new Map<string, string>();
  for (const name of names.map((path) => path.replaceAll('\\', '/')).sort()) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    sources.set(`model/${name}`, readFileSync(join(root, 'model', name), 'utf8'));
  }
  return sources;
}

/** The sources with the bug's edits applied. @throws PatchError naming bug and file when an edit does not fit exactly once. */
export function patchedSources(bug: Bug, sources: ReadonlyMap<string, string> = modelSources()): Map<string, string> {
  const patched = new Map(sources);
  for (const { file, find, replace } of bug.edits) {
    const text = patched.get(file);
    if (text === undefined) throw new PatchError(`${bug.id} edits ${file}, which the model does not have`);
    const at = text.indexOf(find);
    if (at < 0) throw new PatchError(`${bug.id} does not apply to ${file}: this text is not there: ${find}`);
    if (text.includes(find, at + 1)) {
      throw new PatchError(`${bug.id} does not apply to ${file}: this text is there more than once: ${find}`);
    }
    patched.set(file, text.slice(0, at) + replace + text.slice(at + find.length));
  }
  return patched;
}

/**
 * The class System of a copy of the model with the bug in it. Each call makes a copy of its own, which stays in memory for
 * as long as the process lives. @throws PatchError
 */
export async function loadPatchedModel(bug: Bug): Promise<typeof System> {
  const temporary = mkdtempSync(join(tmpdir(), 'smmu-crosscheck-bug-'));
  // As if installed: test runners import modules below node_modules as they are, others they transform first.
  const folder = join(temporary, 'node_modules', bug.id);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    for (const [path, text] of patchedSources(bug)) {
      const to = join(folder, path.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, transpile(bug, path, text));
    }
    const url = pathToFileURL(join(folder, 'model/system.js')).href;
    // Only the type of the class itself is taken on trust: catalogue.test.ts type-checks every patched model.
    const module = (await import(/* @vite-ignore */ url)) as { readonly System: typeof System };
    return module.System;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** JavaScript by source text: all but one or two files of a patched model are those of the last one. */
const transpiled = new Map<string, string>();

function transpile(bug: Bug, path: string, text: string): string {
  const known = transpiled.get(text);
  if (known !== undefined) return known;
  const { outputText, diagnostics } = ts.transpileModule(text, {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  const wrong = diagnostics?.[0];
  if (wrong !== undefined) {
    throw new PatchError(`${bug.id} breaks ${path}: ${ts.flattenDiagnosticMessageText(wrong.messageText, ' ')}`);
  }
  transpiled.set(text, outputText);
  return outputText;
}

/** The nearest folder above this module that has the model's sources: dist/ has none. */
function packageRoot(): string {
  const from = dirname(fileURLToPath(import.meta.url));
  let at = from;
  while (!existsSync(join(at, 'model/system.ts'))) {
    const up = dirname(at);
    if (up === at) throw new Error(`no sources of the model above ${from}`);
    at = up;
  }
  return at;
}
