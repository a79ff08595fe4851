import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCommand } from './encode/commands.ts';
import { lower } from './lower.ts';
import { printAction, printDescriptor, printEvent, printEventQueue, printObservation, printStep } from './print.ts';
import type { Outcome } from './trace.ts';
import type { Step } from './steps.ts';
import { anyStep } from './test-arbitraries.ts';

describe('a step in words', () => {
  const cases: [Step, string][] = [
    [{ do: 'boot' }, 'boot'],
    [{ do: 'boot', cr0: 13 }, 'boot cr0=0xd'],
    [{ do: 'ste', stream: 8, set: { Config: 7n, or4: 1n } }, 'STE[8] of CD[0] Config=S1+S2 or4=0x1'],
    [{ do: 'cd', cd: 1, set: { ASID: 17n, TTB0: 0x1000n } }, 'CD[1] ASID=17 TTB0=0x1000'],
    [{ do: 'map', cd: 0, va: 0x1000n, pa: 0x4100_0000n }, 'map 0x1000 to 0x41000000 in CD[0] at level 3'],
    [{ do: 'unmap', cd: 0, va: 0x1000n, level: 2 }, 'unmap 0x1000 in CD[0] at level 2'],
    [{ do: 'dma', stream: 8, read: 0x1000n, bytes: 8 }, 'dma read 8 bytes at 0x1000 from stream 8'],
    [
      { do: 'dma', stream: 8, write: 0x1000n, bytes: 1, substream: 2, privileged: true, fill: 10 },
      'dma write 1 byte at 0x1000 from stream 8 substream 2 privileged fill 0xa',
    ],
    [
      { do: 'command', name: 'CMD_TLBI_NH_VA', set: { Address: 0x1000n, ASID: 1n } },
      'CMD_TLBI_NH_VA ASID=1 Address=0x1000',
    ],
    [{ do: 'command', name: 'CMD_SYNC', set: { CS: 1n }, at: 3 }, 'CMD_SYNC CS=IRQ (over slot 3)'],
    [{ do: 'raw-command', word0: 0xffn, word1: 0n, ring: false }, 'command 0xff 0x0 (PROD not written yet)'],
    [{ do: 'write', register: 'CR0', value: 5n }, 'CR0 = 0x5'],
    [{ do: 'read-offset', offset: 0x21, bytes: 1 }, 'read register 0x21 (1 byte)'],
    [{ do: 'poke', address: 0x4000_0000n, data: '0102' }, 'write 2 bytes at 0x40000000: 0102'],
    [{ do: 'events' }, 'read the Event queue'],
  ];
  test.each(cases)('%o', (step, text) => expect(printStep(step)).toBe(text));
});

describe('an action in words shows the structure that it writes', () => {
  const first = (step: Step) => lower({ 'smmu-crosscheck': 1, why: '', steps: [step] }).actions.map(printAction);
  const cases: [Step, string][] = [
    [{ do: 'ste', stream: 8 }, 'STE[8]: V=1 Config=S1 S1ContextPtr=0x40140000 S1CIR=1 S1COR=1 S1CSH=3 SHCFG=1'],
    [
      { do: 'table', cd: 1, va: 0n, level: 1 },
      'CD[1] TTB0 level 1 descriptor at 0x40221000: Table NextTable=0x40223000',
    ],
    [{ do: 'unmap', cd: 0, va: 0n }, 'CD[0] TTB0 level 3 descriptor at 0x40207000: invalid'],
    [{ do: 'command', name: 'CMD_CFGI_ALL' }, 'command slot 0: CMD_CFGI_ALL Range=31'],
    [{ do: 'write', register: 'CMDQ_BASE', value: 1n, bytes: 4 }, 'CMDQ_BASE = 0x1 (4 bytes)'],
    [{ do: 'read', register: 'IDR0' }, 'read IDR0'],
    [{ do: 'read-offset', offset: 0x84, bytes: 4 }, 'read register 0x84 (4 bytes)'],
  ];
  test.each(cases)('%o', (step, text) => expect(first(step)[0]).toBe(text));
});

test('descriptors as a walk at their level reads them', () => {
  expect(printDescriptor(3, 0x4100_0f43n)).toBe('Page AP=1 SH=3 AF=1 nG=1 OA=0x41000000');
  expect(printDescriptor(2, 0x4100_0001n)).toBe('Block OA=0x41000000');
  expect(printDescriptor(3, 0x1001n)).toBe('reserved OA=0x1000');
  expect(printDescriptor(1, 6n)).toBe('invalid 0x6');
});

test('event records', () => {
  const record = Buffer.alloc(32);
  record.writeBigUInt64LE(0x8_0000_0010n, 0);
  record.writeBigUInt64LE((1n << 35n) | (2n << 40n), 8);
  record.writeBigUInt64LE(0x1000n, 16);
  expect(printEvent(record)).toBe('F_TRANSLATION StreamID=8 RnW=1 CLASS=IN InputAddr=0x1000');
  expect(printEvent(Buffer.from(encodeCommand('CMD_SYNC', { CS: 1n })))).toBe('event 0x46 or0=0x1000');
  expect(printEventQueue(Buffer.concat([Buffer.alloc(32), record]))).toEqual([
    'slot 1: F_TRANSLATION StreamID=8 RnW=1 CLASS=IN InputAddr=0x1000',
  ]);
});

test('observations', () => {
  const print = (outcome: Outcome) => printObservation({ outcome, interrupts: [] });
  expect(print({ kind: 'done' })).toBe('done');
  expect(print({ kind: 'value', value: 255n })).toBe('0xff');
  expect(print({ kind: 'data', data: Uint8Array.of(1, 0xab) })).toBe('01ab');
  expect(print({ kind: 'data', data: new Uint8Array(8) })).toBe('8 zero bytes');
  expect(print({ kind: 'unclear', data: Uint8Array.of(0) })).toBe('abort, or 1 zero bytes');
  expect(
    printObservation({ outcome: { kind: 'abort' }, interrupts: ['EVTQ', 'GERROR'], outputAddress: 0x4100_0000n }),
  ).toBe('abort (output address 0x41000000) interrupts: EVTQ, GERROR');
});

test('whatever the step: one line', () => {
  fc.assert(fc.property(anyStep, (step) => void expect(printStep(step)).not.toMatch(/\n|undefined|NaN/)));
});
