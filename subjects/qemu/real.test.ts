/** On a real QEMU: that programs do not show each other, that memory is put back, that a lost process is replaced. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { RAM_BASE, RAM_BYTES, PATTERN_BASE, fillInitial } from '../../scenario/memory-map.ts';
import { lower } from '../../scenario/lower.ts';
import type { Program, Step } from '../../scenario/steps.ts';
import type { Observation } from '../../scenario/trace.ts';
import { qemuForTests } from '../testing.ts';
import { Machine } from './machine.ts';
import { dirtyRanges } from './memory.ts';
import { openQemu } from './open.ts';
import { parseQemuOptions } from './options.ts';
import { bytesOf } from './qtest.ts';
import { runProgram } from './run.ts';

const qemu = qemuForTests('tests on a real QEMU') ?? '';

const options = parseQemuOptions({});

function programOf(...steps: Step[]): Program {
  return lower({ 'smmu-crosscheck': 1, why: 'test', steps });
}

const WORLD: Step[] = [
  { do: 'boot' },
  { do: 'ste', stream: 8 },
  { do: 'ste', stream: 16 },
  { do: 'cd', cd: 0 },
  { do: 'map', cd: 0, va: 0x1000n, pa: PATTERN_BASE },
  { do: 'map', cd: 0, va: 0x20_0000n, pa: PATTERN_BASE + 0x20_0000n, level: 2 },
];

/** Programs that leave as much behind as they can: errors, odd registers, full queues, writes in odd places. */
const LEAVERS: readonly Program[] = [
  programOf(
    ...WORLD,
    { do: 'dma', stream: 8, read: 0x1000n, bytes: 4 },
    { do: 'dma', stream: 16, write: 0x1008n, bytes: 4, fill: 7 },
    { do: 'dma', stream: 8, write: 0x20_1230n, bytes: 3, fill: 9 },
    { do: 'dma', stream: 8, read: 0x9000n, bytes: 4 },
    { do: 'peek', address: PATTERN_BASE, bytes: 32 },
    { do: 'events' },
  ),
  programOf(
    ...WORLD,
    { do: 'raw-command', word0: 0xffn, word1: 0n },
    { do: 'read', register: 'GERROR' },
    { do: 'read', register: 'CMDQ_CONS' },
    { do: 'write', register: 'EVENTQ_PROD', value: 31n },
    { do: 'dma', stream: 8, read: 0x9000n, bytes: 4 },
    { do: 'dma', stream: 8, read: 0x9000n, bytes: 4 },
    { do: 'events' },
  ),
  programOf(
    ...[0x28, 0x2c, 0x44, 0x50, 0x64, 0x68, 0x6c, 0x70, 0x74, 0x80, 0x84, 0x88, 0x90, 0x94, 0x98, 0x9c, 0xa0, 0xa4].map(
      (offset): Step => ({ do: 'write-offset', offset, value: 0xffff_ffffn, bytes: 4 }),
    ),
    { do: 'dma', stream: 8, write: PATTERN_BASE + 0x40n, bytes: 4, fill: 1 },
    // 0x20 as a command to the flash: erase a block.
    { do: 'dma', stream: 8, write: 0x10_0000n, bytes: 1, fill: 0x20 },
    { do: 'dma', stream: 8, read: 0x10_0000n, bytes: 4 },
    { do: 'peek', address: RAM_BASE, bytes: 64 },
  ),
  programOf(
    ...[
      0x00, 0x20, 0x24, 0x28, 0x2c, 0x44, 0x50, 0x54, 0x60, 0x64, 0x68, 0x80, 0x88, 0x90, 0x98, 0x9c, 0xa0, 0x100a8,
    ].map((offset): Step => ({ do: 'read-offset', offset, bytes: 4 })),
    { do: 'dma', stream: 16, read: PATTERN_BASE, bytes: 4 },
  ),
];

async function freshObservations(program: Program): Promise<readonly Observation[]> {
  const machine = await Machine.start(qemu, options);
  try {
    return (await runProgram(machine, program)).observations;
  } finally {
    await machine.stop();
  }
}

/** The first byte of RAM that is not what it is at the start. */
async function firstChanged(machine: Machine): Promise<bigint | undefined> {
  const chunk = 1 << 20;
  const expected = new Uint8Array(chunk);
  for (let at = RAM_BASE; at < RAM_BASE + RAM_BYTES; at += BigInt(chunk)) {
    machine.link.readMemory(at, chunk);
    const { answers } = await machine.mustFlush();
    const found = answers[0] === undefined ? new Uint8Array(0) : bytesOf(answers[0]);
    fillInitial(at, expected);
    if (Buffer.compare(found, expected) === 0) continue;
    return at + BigInt(found.findIndex((byte, index) => byte !== expected[index]));
  }
  return undefined;
}

/** The process ids of the QEMUs that this process started. */
function childQemus(): number[] {
  const lines = execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(process.pid)], { encoding: 'utf8' }).split(
    '\n',
  );
  return lines.filter((line) => line.includes('qemu-system')).map((line) => Number.parseInt(line, 10));
}

describe.skipIf(qemu === '')('a real QEMU', () => {
  test('a program gives the same trace after others, in any order, as in a new process', async () => {
    const fresh = await Promise.all(LEAVERS.map(freshObservations));
    const machine = await Machine.start(qemu, options);
    try {
      const order = [0, 1, 2, 3, 2, 1, 0, 3, 3, 1, 2, 0];
      for (const index of order) {
        const program = LEAVERS[index];
        if (program === undefined) continue;
        const { observations, died } = await runProgram(machine, program);
        expect(died).toBeUndefined();
        expect(observations, `program ${index}`).toEqual(fresh[index]);
        await machine.reset(dirtyRanges(program));
      }
      expect(await firstChanged(machine), 'all of RAM is as at the start').toBeUndefined();
    } finally {
      await machine.stop();
    }
  });

  test('DMA goes through the SMMU: data, address of a write, an event with its interrupt', async () => {
    const subject = await openQemu({ path: qemu });
    const program = LEAVERS[0];
    if (program === undefined) return;
    const { observations } = await subject.run(program);
    const of = (op: string): Observation[] => observations.filter((_, index) => program.actions[index]?.op === op);
    const initial = new Uint8Array(4096);
    fillInitial(PATTERN_BASE, initial);
    expect(of('dma-read').map(({ outcome, interrupts }) => [outcome, interrupts])).toEqual([
      [{ kind: 'data', data: initial.slice(0, 4) }, []],
      [{ kind: 'unclear', data: new Uint8Array(4) }, ['EVTQ']],
    ]);
    const peeked = of('read-memory')[0]?.outcome;
    expect(peeked?.kind === 'data' && peeked.data.subarray(0, 8)).toEqual(initial.subarray(0, 8));
    expect(peeked?.kind === 'data' && peeked.data.subarray(8, 12)).not.toEqual(initial.subarray(8, 12));
    await subject.close();
  });

  test.each([
    ['SIGABRT', /^QEMU was ended by SIGABRT/],
    ['SIGSTOP', /^QEMU gave no answer within 500 ms and was killed$/],
  ] as const)('a QEMU that gets %s has died; the next programs run', async (signal, reason) => {
    const subject = await openQemu({ path: qemu, options: { timeout: '500' }, processes: 1 });
    const program = LEAVERS[0];
    if (program === undefined) return;
    const before = await subject.run(program);
    await new Promise((soon) => setTimeout(soon, 100)); // the reset is over
    for (const pid of childQemus()) process.kill(pid, signal);
    const trace = await subject.run(program);
    expect(trace.died).toMatch(reason);
    expect(trace.observations.length).toBeLessThan(program.actions.length);
    expect((await subject.run(program)).observations).toEqual(before.observations);
    await subject.close();
    expect(childQemus()).toEqual([]);
  });
});
