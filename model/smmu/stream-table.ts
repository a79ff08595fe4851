/**
 * From a StreamID to its STE (3.3.1, 6.3.24, 6.3.25): linear Stream tables only.
 */
import type { Memory } from '../bus/memory.ts';
import type { Registers } from './registers.ts';
import { STE_BYTES, STE_WORDS } from './ste.ts';

/** Whether a StreamID lies inside the Stream table; nothing is fetched for one that does not. */
export function streamIdInRange(registers: Registers, streamId: number): boolean {
  return streamId < registers.strtabEntries;
}

/** Physical address of the STE of a StreamID that is in range. */
export function steAddress(registers: Registers, streamId: number): number {
  return registers.strtabBase + streamId * STE_BYTES;
}

/** Reads an STE into `words`; false when the read aborted. */
export function fetchSte(memory: Memory, address: number, words: Uint32Array): boolean {
  return memory.readWords(address, words, STE_WORDS);
}
