/** The life of a QEMU subject, on a stand-in that misbehaves on command (testing/fake-qemu.mjs). */
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PATTERN_BASE, patternWords } from '../../scenario/memory-map.ts';
import type { Action, Program } from '../../scenario/steps.ts';
import { SubjectError } from '../errors.ts';
import type { Subject } from '../subject.ts';
import { openQemu } from './open.ts';

const FAKE = fileURLToPath(new URL('./testing/fake-qemu.mjs', import.meta.url));
/** What the stand-in does when it is written to CR2. */
const CRASH = 0xdeadn;
const HANG = 0xbeefn;
const BABBLE = 0xbad0n;
const DROP_DMA = 0xd3adn;

const dma = { streamId: 8, privileged: false, instruction: false } as const;
const open: Subject[] = [];

async function openFake(mode = '', options: Record<string, string> = {}): Promise<Subject> {
  vi.stubEnv('FAKE_QEMU', mode);
  const subject = await openQemu({ path: FAKE, name: 'qemu:fake', options });
  open.push(subject);
  return subject;
}

function program(...actions: Action[]): Program {
  return { actions, stepOf: actions.map((_, index) => index) };
}

function writeRegister(offset: number, value: bigint): Action {
  return { op: 'write-register', offset, bytes: 4, value };
}

/** The pattern's 4 bytes at an address. */
function patternBytes(address: bigint): Uint8Array {
  return new Uint8Array(new Uint32Array([patternWords(address)[0]]).buffer);
}

const READS = program(
  { op: 'dma-read', ...dma, address: PATTERN_BASE, bytes: 4 },
  writeRegister(0x98, 1n),
  { op: 'dma-write', ...dma, streamId: 16, address: PATTERN_BASE + 8n, data: Uint8Array.of(1, 2, 3, 4) },
  { op: 'read-memory', address: PATTERN_BASE + 8n, bytes: 4 },
  { op: 'dma-read', ...dma, address: 0x7000_0000n, bytes: 4 },
  { op: 'settle' },
);

const READS_SEEN = [
  { outcome: { kind: 'data', data: patternBytes(PATTERN_BASE) }, interrupts: [] },
  { outcome: { kind: 'done' }, interrupts: ['CMD_SYNC'] },
  { outcome: { kind: 'unclear' }, interrupts: [] },
  { outcome: { kind: 'data', data: Uint8Array.of(1, 2, 3, 4) }, interrupts: [] },
  { outcome: { kind: 'unclear', data: new Uint8Array(4) }, interrupts: [] },
  { outcome: { kind: 'done' }, interrupts: [] },
];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map(async (subject) => subject.close()));
});

test('says what it has', async () => {
  const subject = await openFake();
  expect(subject.version).toBe('QEMU 99.1.2 (fake)');
  expect(subject.idRegisters).toMatchObject({ IDR0: 0x0d40101a, IDR1: 0x02730010, IDR5: 0x74, AIDR: 1, IIDR: 0 });
  expect(subject.capabilities).toEqual({
    streams: [8, 16],
    substreams: false,
    attributes: false,
    dmaBytesMax: 4,
    dmaAligned: true,
    registerAccessBytes: [4, 8],
    memoryAborts: false,
  });
});

test.each(['', 'dribble'])('observes DMA, memory and interrupts, time and again the same (%s)', async (mode) => {
  const subject = await openFake(mode);
  for (let time = 0; time < 5; time++) {
    const trace = await subject.run(READS);
    expect(trace.died).toBeUndefined();
    expect(trace.observations).toEqual(READS_SEEN);
  }
});

describe('a QEMU that fails in the middle of a program', () => {
  test.each([
    ['crashes', CRASH, /^QEMU was ended by SIGABRT: .*Assertion `false' failed\.$/],
    ['hangs', HANG, /^QEMU gave no answer within 300 ms and was killed$/],
    ['babbles', BABBLE, /^QEMU sent a line that is not qtest: HELLO$/],
  ])('and %s has died, after what it did until then; the next program runs', async (_, value, reason) => {
    const subject = await openFake('', { timeout: '300' });
    const trace = await subject.run(
      program(writeRegister(0x28, 1n), writeRegister(0x2c, value), writeRegister(0x28, 2n)),
    );
    expect(trace.died).toMatch(reason);
    expect(trace.observations).toEqual([{ outcome: { kind: 'done' }, interrupts: [] }]);
    for (let time = 0; time < 3; time++) expect((await subject.run(READS)).observations).toEqual(READS_SEEN);
  });

  test('and does not complete a DMA has died during the DMA', async () => {
    const subject = await openFake('', { timeout: '300' });
    const trace = await subject.run(program(writeRegister(0x2c, DROP_DMA), ...READS.actions));
    expect(trace.died).toMatch(/no answer/);
    expect(trace.observations).toHaveLength(1);
  });
});

describe('a program beyond what it can do is refused, naming the step, and costs nothing', () => {
  test.each<[string, Action, RegExp]>([
    ['StreamID', { op: 'dma-read', ...dma, streamId: 9, address: 0n, bytes: 4 }, /step 0 .*StreamID 9 .*8, 16/],
    ['size', { op: 'dma-read', ...dma, address: 0n, bytes: 8 }, /a DMA of 8 bytes/],
    ['privilege', { op: 'dma-read', ...dma, privileged: true, address: 0n, bytes: 4 }, /privileged/],
    ['SubstreamID', { op: 'dma-read', ...dma, substreamId: 0, address: 0n, bytes: 4 }, /SubstreamID/],
    ['page end', { op: 'dma-read', ...dma, address: 0xffen, bytes: 4 }, /4 KiB/],
    ['width', { op: 'read-register', offset: 0, bytes: 1 }, /1-byte register access/],
  ])('%s', async (_, action, message) => {
    const subject = await openFake();
    const running = Promise.resolve(subject.run(program(action)));
    await expect(running).rejects.toThrow(SubjectError);
    await expect(running).rejects.toThrow(message);
    expect((await subject.run(READS)).observations).toEqual(READS_SEEN);
  });
});

describe('a QEMU that cannot be used is one line on what to do', () => {
  test.each([
    [
      'does not exist',
      '/no/such/qemu',
      /^\/no\/such\/qemu is not an executable file; give the path of a qemu-system-aarch64/,
    ],
    ['is not on PATH', 'no-such-qemu', /^no-such-qemu is not on PATH; give the path of a qemu-system-aarch64/],
    ['is a directory', '/', /^\/ is not an executable file/],
    ['is another program', '/bin/true', /^\/bin\/true does not come up as a 'virt' board .*ended with status 0/],
  ])('%s', async (_, path, message) => {
    const opening = openQemu({ path });
    await expect(opening).rejects.toThrow(SubjectError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/\n/);
  });

  test.each([
    ['refuse', /ended with status 1: fake-qemu: -machine virt: unsupported machine type/],
    ['no-smmu', /it has no arm-smmuv3/],
    ['silent', /the QMP greeting did not come within 200 ms/],
  ])('%s', async (mode, message) => {
    await expect(openFake(mode, { timeout: '200' })).rejects.toThrow(message);
  });
});
