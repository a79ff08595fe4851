import { expect, test } from 'vitest';
import { PATTERN_BASE, RAM_BASE } from '../../scenario/memory-map.ts';
import type { Action } from '../../scenario/steps.ts';
import { dirtyRanges } from './memory.ts';

const dma = { streamId: 8, privileged: false, instruction: false } as const;

function dirty(...actions: Action[]): { from: bigint; to: bigint }[] {
  const ranges = dirtyRanges({ actions, stepOf: actions.map(() => 0) });
  return ranges.map(({ from, to }) => ({ from: RAM_BASE + BigInt(from), to: RAM_BASE + BigInt(to) }));
}

function covers(ranges: { from: bigint; to: bigint }[], address: bigint, bytes: number): boolean {
  return ranges.some(({ from, to }) => from <= address && address + BigInt(bytes) <= to);
}

/** One little-endian 64-bit word. */
function word(value: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([value]).buffer);
}

test('what the CPU writes is dirty, near places together, outside RAM nothing', () => {
  const ranges = dirty(
    { op: 'write-memory', address: RAM_BASE + 0x1000n, data: new Uint8Array(8) },
    { op: 'write-memory', address: RAM_BASE + 0x1010n, data: new Uint8Array(8) },
    { op: 'write-memory', address: RAM_BASE + 0x9000n, data: new Uint8Array(8) },
    { op: 'write-memory', address: 0x7000_0000n, data: new Uint8Array(8) },
    { op: 'write-memory', address: RAM_BASE - 4n, data: new Uint8Array(8) },
  );
  expect(ranges).toEqual([
    { from: RAM_BASE, to: RAM_BASE + 4n },
    { from: RAM_BASE + 0x1000n, to: RAM_BASE + 0x1018n },
    { from: RAM_BASE + 0x9000n, to: RAM_BASE + 0x9008n },
  ]);
});

test('a program that only reads leaves nothing dirty', () => {
  expect(
    dirty({ op: 'read-memory', address: RAM_BASE, bytes: 8 }, { op: 'dma-read', ...dma, address: RAM_BASE, bytes: 4 }),
  ).toEqual([]);
});

test('a DMA write may have gone to its own address, and to its offset in each page or block described', () => {
  const page = PATTERN_BASE + 0x5000n;
  const block = PATTERN_BASE + 0x20_0000n;
  const ranges = dirty(
    { op: 'write-memory', address: RAM_BASE + 0x20_0000n, data: word(page | 0x703n | (1n << 54n)) },
    { op: 'write-memory', address: RAM_BASE + 0x20_1000n, data: word(block | 0x701n) },
    { op: 'dma-write', ...dma, address: RAM_BASE + 0x1_2345n, data: new Uint8Array(4) },
  );
  expect(covers(ranges, RAM_BASE + 0x1_2345n, 4)).toBe(true);
  expect(covers(ranges, page + 0x345n, 4)).toBe(true);
  expect(covers(ranges, block + 0x1_2345n, 4)).toBe(true);
});

test('event records are dirty from each PROD value, around the end of the queue, as many as DMAs can cause', () => {
  const queue = RAM_BASE + 0x13_0000n;
  const ranges = dirty(
    { op: 'write-register', offset: 0xa0, bytes: 4, value: BigInt.asUintN(32, queue) | 5n },
    { op: 'write-register', offset: 0xa4, bytes: 4, value: 0n },
    { op: 'write-register', offset: 0x100a8, bytes: 4, value: 31n },
    { op: 'dma-read', ...dma, address: 0n, bytes: 2 },
  );
  expect(covers(ranges, queue + 31n * 32n, 32)).toBe(true);
  expect(covers(ranges, queue, 32)).toBe(true);
  expect(covers(ranges, queue + 512n, 32)).toBe(false);
});
