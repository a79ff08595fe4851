import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test, vi } from 'vitest';
import { System } from '../../model/system.ts';
import { bug, edit } from './bug.ts';
import { CATALOGUE } from './catalogue.ts';
import { loadPatchedModel, modelSources, PatchError, patchedSources } from './load.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = modelSources();
const ABOUT = { title: 'nothing', area: 'TLB', origin: 'none', severity: 'crash' } as const;

/** Finds type errors in the files that a patch changed, with the options of the package. */
class TypeChecker {
  #files: ReadonlyMap<string, string> = SOURCES;
  readonly #options: ts.CompilerOptions;
  readonly #service: ts.LanguageService;

  constructor() {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
      config: unknown;
    };
    this.#options = ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, ROOT).options;
    const read = (path: string) => this.#files.get(this.#relative(path)) ?? ts.sys.readFile(path);
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => this.#options,
      getScriptFileNames: () => [...this.#files.keys()].map((path) => join(ROOT, path)),
      // The text stands for itself: what is unchanged between two bugs is not checked again.
      getScriptVersion: (path) => this.#files.get(this.#relative(path)) ?? '',
      getScriptSnapshot: (path) => {
        const text = read(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
      fileExists: (path) => ts.sys.fileExists(path),
      readFile: read,
    });
  }

  errors(files: ReadonlyMap<string, string>): string[] {
    this.#files = files;
    return [...files.keys()]
      .filter((path) => files.get(path) !== SOURCES.get(path))
      .flatMap((path) => this.#service.getSemanticDiagnostics(join(ROOT, path)))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  }

  #relative(path: string): string {
    return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
  }
}

/** Registers of a System that has just been reset, and what a device reads through it. */
function boot(SystemClass: typeof System): unknown {
  const system = new SystemClass({ ram: [{ base: 0x4000_0000, bytes: 0x1_0000 }] });
  system.reset();
  const registers = [0x00, 0x04, 0x14, 0x20, 0x50, 0x60, 0x98].map((offset) => ({
    offset,
    value: { ...(system.readRegister(offset, 4) as object) },
  }));
  const data = new Uint8Array(8);
  system.writeMemory(0x4000_1000, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const transaction = {
    ...{ streamId: 1, substreamId: -1, addressHi: 0, addressLo: 0x4000_1000, outputAddress: -1 },
    ...{ write: false, privileged: false, instruction: false },
  };
  return { registers, dma: system.dmaRead(transaction, data), data };
}

test('ids are unique, and titles', () => {
  expect(new Set(CATALOGUE.map(({ id }) => id)).size).toBe(CATALOGUE.length);
  expect(new Set(CATALOGUE.map(({ title }) => title)).size).toBe(CATALOGUE.length);
});

test('each bug changes the model', () => {
  for (const entry of CATALOGUE) {
    const changed = [...patchedSources(entry, SOURCES)].filter(([path, text]) => text !== SOURCES.get(path));
    expect(changed.length, entry.id).toBeGreaterThan(0);
  }
});

test('each patched model type-checks as the model does', () => {
  const checker = new TypeChecker();
  expect(checker.errors(patchedSources(bug('BUG-0', ABOUT, edit('ste', 'flag(words, V)', 'flog(words, V)'))))).toEqual([
    "Cannot find name 'flog'.",
  ]);
  for (const entry of CATALOGUE) expect(checker.errors(patchedSources(entry, SOURCES)), entry.id).toEqual([]);
});

test('each patched model loads and boots, and is not the model', async () => {
  for (const entry of CATALOGUE) {
    const Patched = await loadPatchedModel(entry);
    expect(Patched, entry.id).not.toBe(System);
    expect(boot(Patched), entry.id).toBeDefined();
  }
});

test('a model with nothing patched behaves as the model, and shares nothing with it', async () => {
  const Copy = await loadPatchedModel(bug('BUG-0', ABOUT));
  expect(Copy).not.toBe(System);
  expect(boot(Copy)).toEqual(boot(System));
});

test('an edit whose text is missing, or there twice, names bug and file', () => {
  expect(() => patchedSources(bug('BUG-0', ABOUT, edit('ste', 'no such text', '')))).toThrow(
    new PatchError('BUG-0 does not apply to model/smmu/ste.ts: this text is not there: no such text'),
  );
  expect(() => patchedSources(bug('BUG-0', ABOUT, edit('ste', 'return STE_ILLEGAL;', '')))).toThrow(
    'BUG-0 does not apply to model/smmu/ste.ts: this text is there more than once: return STE_ILLEGAL;',
  );
  expect(() => patchedSources(bug('BUG-0', ABOUT, edit('stage2', 'a', 'b')))).toThrow(
    'BUG-0 edits model/smmu/stage2.ts, which the model does not have',
  );
});

test('an edit that is not TypeScript names bug and file, and nothing stays on disk', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'smmu-crosscheck-test-'));
  vi.stubEnv('TMPDIR', folder);
  try {
    await expect(loadPatchedModel(bug('BUG-0', ABOUT, edit('ste', 'export interface', 'export }')))).rejects.toThrow(
      /^BUG-0 breaks model\/smmu\/ste.ts: /,
    );
    await loadPatchedModel(bug('BUG-0', ABOUT));
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
  }
});
