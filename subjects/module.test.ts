import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { PATTERN_BASE, RAM_BASE } from '../scenario/memory-map.ts';
import type { Action, Program } from '../scenario/steps.ts';
import { SubjectError } from './errors.ts';
import { openModel } from './model.ts';
import { openModule } from './module.ts';
import { SubjectDied } from './subject.ts';

const EXAMPLE = fileURLToPath(new URL('./example/bypass.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'smmu-crosscheck-'));
let files = 0;

afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this text. */
function file(text: string): string {
  const path = join(folder, `module-${files++}.mjs`);
  writeFileSync(path, text);
  return path;
}

/** A module whose subject has these parts replaced. */
function moduleWith(parts: string): string {
  return file(`
    const ids = { IDR0: 0, IDR1: 0, IDR2: 0, IDR3: 0, IDR4: 0, IDR5: 0, IIDR: 0, AIDR: 0 };
    const can = { substreams: false, attributes: false, dmaBytesMax: 4, registerAccessBytes: [4], memoryAborts: false };
    const done = { outcome: { kind: 'done' }, interrupts: [] };
    export function createSubject() {
      return {
        name: 'x', version: '1', idRegisters: ids, capabilities: can,
        run: ({ actions }) => ({ subject: 'x', idRegisters: ids, observations: actions.map(() => done) }),
        close: async () => {},
        ${parts}
      };
    }`);
}

const SETTLE: Program = { actions: [{ op: 'settle' }], stepOf: [0] };
const READ: Program = { actions: [{ op: 'read-register', offset: 0, bytes: 4 }], stepOf: [0] };

describe('the example', () => {
  const dma = { streamId: 8, privileged: false, instruction: false } as const;
  const actions: Action[] = [
    { op: 'write-register', offset: 0x44, bytes: 4, value: 0x8000_0000n },
    { op: 'dma-read', ...dma, address: PATTERN_BASE + 0x1238n, bytes: 8 },
    { op: 'dma-write', ...dma, address: RAM_BASE + 0x5000n, data: Uint8Array.of(1, 2, 3) },
    { op: 'read-memory', address: RAM_BASE + 0x5000n, bytes: 4 },
    { op: 'dma-read', ...dma, address: 0x7000_0000n, bytes: 4 },
    { op: 'write-register', offset: 0x44, bytes: 4, value: 0x8010_0000n },
    { op: 'dma-read', ...dma, address: PATTERN_BASE, bytes: 4 },
    { op: 'read-register', offset: 0x24, bytes: 4 },
  ];
  const program: Program = { actions, stepOf: actions.map(() => 0) };

  test('does what the model does while the SMMU is off', async () => {
    const example = await openModule({ file: EXAMPLE });
    const ours = await openModel().run(program);
    for (let time = 0; time < 2; time++) {
      const theirs = await example.run(program);
      expect(theirs.died).toBeUndefined();
      expect(theirs.observations.map(({ outcome }) => outcome)).toEqual(
        ours.observations.map(({ outcome }) => outcome),
      );
    }
    await example.close();
  });

  test('goes by the name it was opened under', async () => {
    const example = await openModule({ file: EXAMPLE, name: 'module:x' });
    expect(example.name).toBe('module:x');
    expect((await example.run(SETTLE)).subject).toBe('module:x');
  });
});

describe('a module that gives no subject is one line on what to do', () => {
  test.each<[string, () => string, RegExp]>([
    ['missing', () => join(folder, 'none.js'), /none\.js is not a file; give the path of an ES module/],
    ['a folder', () => folder, /is not a file/],
    ['broken', () => file('export function {'), /does not load: .*; mend the module/],
    [
      'throws on loading',
      () => file('\nthrow new Error("no licence\\nat all")'),
      /does not load: no licence \(line 2\); mend/,
    ],
    ['hangs on loading', () => file('await new Promise(() => undefined)'), /does not load: no end within 0.2 s/],
    ['imports what is not there', () => file('import "./gone.js"'), /does not load: Cannot find module/],
    ['exports nothing', () => file('export const x = 1'), /exports no function createSubject; add: export function/],
    ['exports no function', () => file('export const createSubject = {}'), /exports no function createSubject/],
    [
      'throws',
      () => file('export function createSubject() { null.x }'),
      /createSubject\(\) of .* failed: TypeError: .* \(line 1\)/,
    ],
    ['rejects', () => file('export const createSubject = async () => { throw "no" }'), /failed: no; mend the module/],
    ['hangs', () => file('export const createSubject = () => new Promise(() => {})'), /failed: no end within 0.2 s/],
    [
      'gives nothing',
      () => file('export const createSubject = () => undefined'),
      /gave no subject: it is not an object; see/,
    ],
    ['without run', () => moduleWith('run: undefined'), /run is not a function/],
    [
      'odd IDs',
      () => moduleWith('idRegisters: { ...ids, IDR1: -1 }'),
      /idRegisters\.IDR1 is not an unsigned 32-bit number/,
    ],
    ['no capabilities', () => moduleWith('capabilities: {}'), /capabilities\.substreams is not true or false/],
    ['odd streams', () => moduleWith('capabilities: { ...can, streams: [-1] }'), /capabilities\.streams/],
    ['odd widths', () => moduleWith('capabilities: { ...can, registerAccessBytes: [3] }'), /registerAccessBytes/],
  ])('%s', async (_, make, message) => {
    const opening = openModule({ file: make(), timeoutMs: 200 });
    await expect(opening).rejects.toThrow(SubjectError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/\n/);
  });
});

describe('a module whose trace is malformed is one line that names the place', () => {
  test.each([
    ['it is not an object', 'run: () => 7', SETTLE],
    ['observations is not a list', 'run: () => ({})', SETTLE],
    ['0 observations for 1 actions, and no died', 'run: () => ({ observations: [] })', SETTLE],
    ['2 observations for 1 actions', 'run: () => ({ observations: [done, done] })', SETTLE],
    ['observations[0], of a settle: it is not an object', 'run: () => ({ observations: [null] })', SETTLE],
    ['observations[0], of a read-register: outcome.kind is done, not value or abort', '', READ],
    [
      'observations[0], of a read-register: outcome.value is not a bigint of 4 bytes',
      'run: () => ({ observations: [{ outcome: { kind: "value", value: 5 }, interrupts: [] }] })',
      READ,
    ],
    [
      'observations[0], of a settle: interrupts is not a list of EVTQ, CMD_SYNC, GERROR, PRIQ',
      'run: () => ({ observations: [{ ...done, interrupts: ["IRQ"] }] })',
      SETTLE,
    ],
  ])('%s', async (wrong, parts, program) => {
    const subject = await openModule({ file: moduleWith(parts) });
    const running = Promise.resolve(subject.run(program));
    await expect(running).rejects.toThrow(SubjectError);
    await expect(running).rejects.toThrow(`gave no trace: ${wrong}; see scenario/trace.ts`);
  });
});

describe('a module that fails while it runs has died, and is created anew for the next program', () => {
  test.each([
    ['throws', 'throw new TypeError("oh")', /^run\(\) failed: TypeError: oh \(line \d+\)$/],
    ['rejects', 'return Promise.reject(new Error("oh"))', /^run\(\) failed: oh \(line \d+\)$/],
    ['hangs', 'return new Promise(() => {})', /^run\(\) failed: no end within 0.2 s$/],
  ])('%s', async (_, how, died) => {
    const text = `run: () => { if (createSubject.ran) return { observations: [done] }; createSubject.ran = true; ${how} }`;
    const subject = await openModule({ file: moduleWith(text), timeoutMs: 200 });
    const trace = await subject.run(SETTLE);
    expect(trace.died).toMatch(died);
    expect(trace.observations).toEqual([]);
    expect((await subject.run(SETTLE)).died).toBeUndefined();
  });

  test('unless that fails too', async () => {
    const path = file(`
      import { createSubject as make } from ${JSON.stringify(EXAMPLE)};
      let made = 0;
      export function createSubject() {
        if (made++ > 0) throw new Error('only once');
        return { ...make(), run() { throw new Error('oh'); } };
      }`);
    const subject = await openModule({ file: path });
    expect((await subject.run(SETTLE)).died).toMatch(/oh/);
    await expect(Promise.resolve(subject.run(SETTLE))).rejects.toThrow(SubjectDied);
  });

  test('what it says itself of its death is kept', async () => {
    const subject = await openModule({ file: moduleWith('run: () => ({ observations: [], died: "simulator gone" })') });
    expect(await subject.run(SETTLE)).toMatchObject({ observations: [], died: 'simulator gone' });
  });
});
