import { Duplex, PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { QtestLink, bytesOf, valueOf } from './qtest.ts';

/** A link and the other end of its stream. */
function linked(): { link: QtestLink; say: (text: string) => void; heard: () => string; hangUp: () => void } {
  const toServer = new PassThrough();
  const toClient = new PassThrough();
  let heard = '';
  toServer.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  const link = new QtestLink(Duplex.from({ writable: toServer, readable: toClient }));
  return { link, say: (text) => toClient.write(text), heard: () => heard, hangUp: () => toClient.end() };
}

const TIMEOUT_MS = 2000;

test('a batch is one line a command, built from numbers', async () => {
  const { link, say, heard } = linked();
  link.write(4, 0x0905_0020n, 0xdn);
  link.read(8, 0x0905_0080n);
  link.writeMemory(0x4000_0000n, Uint8Array.of(1, 2, 3));
  link.readMemory(0x4000_0000n, 3);
  link.fillMemory(0x4000_0000n, 16, 0x1ff);
  link.interceptInputs('/machine/unattached/device[1]');
  const batch = link.flush(TIMEOUT_MS);
  say('OK\nOK 0x0000000000000040\nOK\nOK AQID\nOK\nOK\n');
  const { answers, failed } = await batch;
  expect(failed).toBeUndefined();
  expect(heard()).toBe(
    [
      'writel 0x9050020 0xd',
      'readq 0x9050080',
      'b64write 0x40000000 0x3 AQID',
      'b64read 0x40000000 0x3',
      'memset 0x40000000 0x10 0xff',
      'irq_intercept_in /machine/unattached/device[1]',
      '',
    ].join('\n'),
  );
  expect(answers[1] && valueOf(answers[1], 8)).toBe(0x40n);
  expect(answers[3] && bytesOf(answers[3])).toEqual(Uint8Array.of(1, 2, 3));
});

test('what QEMU would end itself on is never sent', () => {
  const { link, heard } = linked();
  expect(() => link.readMemory(0n, 0)).toThrow(RangeError);
  expect(() => link.writeMemory(0n, new Uint8Array(0))).toThrow(RangeError);
  expect(() => link.fillMemory(0n, 0, 0)).toThrow(RangeError);
  expect(() => link.read(4, -1n)).toThrow(RangeError);
  expect(() => link.read(4, 1n << 64n)).toThrow(RangeError);
  expect(() => link.interceptInputs('/machine\nquit')).toThrow(RangeError);
  expect(link.queued).toBe(0);
  expect(heard()).toBe('');
});

test('a value is cut to the width of the access', async () => {
  const { link, say, heard } = linked();
  link.write(2, 0n, 0x1_2345n);
  const batch = link.flush(TIMEOUT_MS);
  say('OK\n');
  await batch;
  expect(heard()).toBe('writew 0x0 0x2345\n');
});

test('interrupt lines belong to the command whose answer follows, and those after the last answer to none', async () => {
  const { link, say } = linked();
  link.write(4, 0n, 0n);
  link.write(4, 0n, 0n);
  const batch = link.flush(TIMEOUT_MS, (line) => line === 4);
  say('IRQ raise 76\nIRQ lower 76\nOK\nOK\nIRQ raise 74\nIRQ lower 74\nIRQ raise 4\n');
  const { answers, trailing } = await batch;
  expect(answers.map(({ raised }) => raised)).toEqual([[76], []]);
  expect(trailing).toEqual([74, 4]);
});

test('waits for the interrupt even when every command is answered', async () => {
  const { link, say } = linked();
  link.write(4, 0n, 0n);
  const batch = link.flush(TIMEOUT_MS, (line) => line === 4);
  say('OK\nIRQ raise 5\n');
  let done = false;
  void batch.then(() => (done = true));
  await new Promise((soon) => setTimeout(soon, 20));
  expect(done).toBe(false);
  say('IRQ raise 4\n');
  expect((await batch).trailing).toEqual([5, 4]);
});

test('answers may arrive in any pieces', async () => {
  const { link, say } = linked();
  link.read(4, 0n);
  link.readMemory(0n, 3);
  const batch = link.flush(TIMEOUT_MS);
  for (const char of 'IRQ raise 74\nOK 0x0000000000000007\nOK AQID\n') {
    say(char);
    await new Promise((soon) => setImmediate(soon));
  }
  const { answers } = await batch;
  expect(answers.map(({ text }) => text)).toEqual(['0x0000000000000007', 'AQID']);
  expect(answers[0]?.raised).toEqual([74]);
});

test.each([
  ['an error', 'FAIL Unknown command\n'],
  ['a value where none is due', 'OK 0x0\n'],
  ['an interrupt that is none', 'IRQ raise x\n'],
  ['nothing', '\n'],
])('%s in place of an answer fails the link, and names the line', async (_, text) => {
  const { link, say } = linked();
  link.write(4, 0n, 0n);
  const batch = link.flush(TIMEOUT_MS);
  say(text);
  expect((await batch).failed).toEqual({ kind: 'protocol', line: text.trim() });
});

test('an answer to nothing fails the link', async () => {
  const { link, say } = linked();
  link.write(4, 0n, 0n);
  const batch = link.flush(TIMEOUT_MS);
  say('OK\nOK\n');
  await batch;
  expect(link.failed).toEqual({ kind: 'protocol', line: 'OK' });
});

test('a link that closes gives what was answered, and stays failed', async () => {
  const { link, say, hangUp } = linked();
  link.write(4, 0n, 0n);
  link.write(4, 0n, 0n);
  const batch = link.flush(TIMEOUT_MS);
  say('OK\n');
  await new Promise((soon) => setTimeout(soon, 10));
  hangUp();
  expect(await batch).toEqual({ answers: [{ text: '', raised: [] }], trailing: [], failed: { kind: 'closed' } });
  link.write(4, 0n, 0n);
  expect((await link.flush(TIMEOUT_MS)).failed).toEqual({ kind: 'closed' });
});

test('no answer in time fails the link', async () => {
  const { link } = linked();
  link.write(4, 0n, 0n);
  expect((await link.flush(30)).failed).toEqual({ kind: 'timeout', afterMs: 30 });
});
