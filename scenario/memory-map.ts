/**
 * Where things are in the physical (Non-secure) address space of every scenario, and what memory holds at the start.
 *
 * RAM is zero but for the pattern window, whose bytes are derived from their address, so that the data a device reads
 * tells which physical address it was let reach.
 */

export const RAM_BASE = 0x4000_0000n;
export const RAM_BYTES = 0x0800_0000n;

/** Nothing answers here: an access is aborted by the memory system. */
export const HOLE_BASE = 0x7000_0000n;
export const HOLE_BYTES = 0x0100_0000n;

export const STRTAB_BASE = 0x4010_0000n;
/** A second place for a Stream table, for scenarios that move it. */
export const STRTAB_ALT_BASE = 0x4011_0000n;
export const CMDQ_BASE = 0x4012_0000n;
export const EVENTQ_BASE = 0x4013_0000n;
export const CD_BASE = 0x4014_0000n;
/** Level 1 CD tables: aligned to the largest there can be (2^14 entries). */
export const L1CD_BASE = 0x4018_0000n;
export const TABLES_BASE = 0x4020_0000n;

export const PATTERN_BASE = 0x4100_0000n;
export const PATTERN_BYTES = 0x0040_0000n;

/** Stage 1 tables of the 16 KiB and the 64 KiB granule, stage 2 tables, and second-level Stream tables. */
export const TABLES_16K_BASE = 0x4200_0000n;
export const TABLES_64K_BASE = 0x4280_0000n;
export const STAGE2_TABLES_BASE = 0x4400_0000n;
export const STAGE2_TABLES_16K_BASE = 0x4420_0000n;
export const STAGE2_TABLES_64K_BASE = 0x4500_0000n;
export const STRTAB_L2_BASE = 0x4700_0000n;

/** The 8 bytes of the pattern at an 8-byte aligned physical address, as two little-endian 32-bit words. Never zero. */
export function patternWords(address: bigint): readonly [low: number, high: number] {
  const index = Number((address - PATTERN_BASE) >> 3n) >>> 0;
  return [(mix(index ^ 0x9e37_79b9) | 1) >>> 0, (mix(index ^ 0x85eb_ca6b) | 1) >>> 0];
}

function mix(seed: number): number {
  let x = Math.imul(seed ^ (seed >>> 16), 0x7feb_352d);
  x = Math.imul(x ^ (x >>> 15), 0x846c_a68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Fills `page` (whose first byte is at physical `base`, 8-byte aligned) with what memory holds at the start. */
export function fillInitial(base: bigint, page: Uint8Array): void {
  page.fill(0);
  const end = base + BigInt(page.length);
  if (end <= PATTERN_BASE || base >= PATTERN_BASE + PATTERN_BYTES) return;
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  for (let at = 0; at + 8 <= page.length; at += 8) {
    const address = base + BigInt(at);
    if (address < PATTERN_BASE || address >= PATTERN_BASE + PATTERN_BYTES) continue;
    const [low, high] = patternWords(address);
    view.setUint32(at, low, true);
    view.setUint32(at + 4, high, true);
  }
}
