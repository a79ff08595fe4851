import { describe, expect, it } from 'vitest';
import { encodeSte, type SteFields } from '../scenario/encode/ste.ts';
import type { IdRegisters } from '../scenario/trace.ts';
import { features } from './features.ts';
import { decodeSte, judgeSte } from './ste.ts';
import { aborted, bytes, ID_V32, patternAt, told, type Told } from './testing.ts';

/** SMMUv3.2 with both stages, every granule, 8-bit VMIDs, 44-bit output, 2-bit SubstreamIDs. */
const ID: IdRegisters = {
  ...ID_V32,
  IDR0: ID_V32.IDR0 | 1 | (1 << 9),
  IDR1: ID_V32.IDR1 | (2 << 6),
  IDR3: ID_V32.IDR3 | (1 << 4),
  IDR5: 0x74,
};
const stt = { ...ID, IDR3: ID.IDR3 | (1 << 9) };
const oas40 = { ...ID, IDR5: 0x72 };
const only4k = { ...ID, IDR5: 0x14 };
const only1 = ID_V32;
const only2 = { ...ID, IDR0: ID.IDR0 & ~2 & ~(1 << 9) };
const vmid16 = { ...ID, IDR0: ID.IDR0 | (1 << 18) };
const bothEndian = { ...ID, IDR0: ID.IDR0 & ~(3 << 21) };
const littleEndian = { ...ID, IDR0: (ID.IDR0 & ~(3 << 21)) | (2 << 21) };

/** A legal nested STE: 4 KiB granule, 39-bit IPAs from level 1. */
const legal: SteFields = {
  V: 1n,
  Config: 0b111n,
  S1ContextPtr: 0x4014_0000n,
  S2VMID: 1n,
  S2T0SZ: 25n,
  S2SL0: 1n,
  S2PS: 4n,
  S2AA64: 1n,
  S2R: 1n,
  S2TTB: 0x4400_0000n,
};

function judged(set: SteFields, id: IdRegisters = ID): string {
  const data = encodeSte({ ...legal, ...set });
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const words = Array.from({ length: 8 }, (_, at) => view.getBigUint64(at * 8, true));
  const verdict = judgeSte(decodeSte(words), features(id));
  if (verdict === 'outside') return 'outside';
  return verdict.kind === 'illegal' ? `illegal ${verdict.rules[0] ?? ''}` : verdict.kind;
}

const config = (number: bigint): SteFields => ({ Config: number });
const geometry = (S2TG: bigint, S2SL0: bigint, S2T0SZ: bigint): SteFields => ({ S2TG, S2SL0, S2T0SZ });

describe('an STE', () => {
  it.each<[string, SteFields, IdRegisters, string]>([
    ['V 0', { V: 0n }, ID, 'illegal STE-001'],
    ['Config 0b000', { ...config(0b000n), S2TG: 3n }, ID, 'abort'],
    ['Config 0b011', { ...config(0b011n), S2TG: 3n }, ID, 'abort'],
    ['bypass, whatever stage 2 says', { ...config(0b100n), S2TG: 3n, S2T0SZ: 63n, S2VMID: 0x100n }, ID, 'bypass'],
    ['stage 1', config(0b101n), ID, 'stage 1'],
    ['stage 1, whatever stage 2 says', { ...config(0b101n), S2TG: 3n, S2T0SZ: 63n, S2TTB: 1n << 50n }, ID, 'stage 1'],
    ['stage 2', config(0b110n), ID, 'stage 2'],
    ['stage 2, whatever stage 1 says', { ...config(0b110n), S1CDMax: 31n, S1STALLD: 1n, S1Fmt: 1n }, ID, 'stage 2'],
    ['both stages', {}, ID, 'nested'],
    ['stage 1 that is absent', config(0b101n), only2, 'illegal STE-023'],
    ['both stages without stage 1', {}, only2, 'illegal STE-023'],
    ['stage 2 that is absent', config(0b110n), only1, 'illegal STE-024'],
    ['S1CDMax beyond SSIDSIZE', { S1CDMax: 3n }, ID, 'illegal STE-056'],
    ['S1STALLD without stalls', { S1STALLD: 1n }, ID, 'illegal STE-101'],
    ['S2S without stalls', { S2S: 1n }, ID, 'illegal STE-253'],
    ['a VMID of 9 bits', { S2VMID: 0x100n }, ID, 'illegal STE-152'],
    ['a VMID of 9 bits, stage 1 only', { ...config(0b101n), S2VMID: 0x100n }, ID, 'illegal STE-152'],
    ['a VMID of 16 bits', { S2VMID: 0xffffn }, vmid16, 'nested'],
    ['VMSAv8-32', { S2AA64: 0n }, ID, 'illegal STE-227'],
    ['S2HA without HTTU', { S2HA: 1n }, ID, 'illegal STE-244'],
    ['S2HD without HTTU', { S2HD: 1n }, ID, 'illegal STE-245'],
    ['big-endian tables', { S2ENDI: 1n }, bothEndian, 'nested'],
    ['big-endian tables where there are none', { S2ENDI: 1n }, littleEndian, 'illegal STE-231'],
    ['a table beyond S2PS', { S2PS: 0n, S2TTB: 1n << 32n }, ID, 'illegal STE-266'],
    ['a table beyond OAS', { S2PS: 5n, S2TTB: 1n << 44n }, ID, 'illegal STE-266'],
    ['S2PS beyond OAS', { S2PS: 7n }, ID, 'nested'],
    ['STRW, ignored with stage 2', { STRW: 3n }, ID, 'nested'],
    ['a Reserved STRW', { ...config(0b101n), STRW: 1n }, ID, 'illegal STE-131'],
    ['S1ContextPtr beyond OAS', { ...config(0b101n), S1ContextPtr: 1n << 44n }, ID, 'illegal STE-047'],
  ])('with %s', (_, set, id, expected) => {
    expect(judged(set, id)).toBe(expected);
  });

  it.each<[SteFields, IdRegisters, string]>([
    [geometry(0n, 0n, 30n), ID, 'nested'],
    [geometry(0n, 0n, 29n), ID, 'illegal STE-180'],
    [geometry(0n, 0n, 39n), ID, 'nested'],
    [geometry(0n, 0n, 40n), ID, 'illegal STE-167'],
    [geometry(0n, 0n, 42n), stt, 'nested'],
    [geometry(0n, 0n, 43n), stt, 'illegal STE-180'],
    [geometry(0n, 1n, 21n), ID, 'nested'],
    [geometry(0n, 1n, 20n), ID, 'illegal STE-182'],
    [geometry(0n, 1n, 33n), ID, 'nested'],
    [geometry(0n, 1n, 34n), ID, 'illegal STE-182'],
    [geometry(0n, 2n, 24n), ID, 'nested'],
    [geometry(0n, 2n, 25n), ID, 'illegal STE-184'],
    [geometry(0n, 2n, 20n), ID, 'nested'],
    [geometry(0n, 2n, 19n), ID, 'illegal STE-172'],
    [geometry(0n, 3n, 39n), ID, 'illegal STE-197'],
    [geometry(0n, 3n, 40n), stt, 'nested'],
    [geometry(2n, 0n, 35n), ID, 'nested'],
    [geometry(2n, 0n, 34n), ID, 'illegal STE-186'],
    [geometry(2n, 1n, 24n), ID, 'nested'],
    [geometry(2n, 1n, 23n), ID, 'illegal STE-188'],
    [geometry(2n, 2n, 20n), ID, 'nested'],
    [geometry(2n, 2n, 28n), ID, 'illegal STE-190'],
    [geometry(2n, 3n, 20n), ID, 'illegal STE-199'],
    [geometry(1n, 0n, 31n), ID, 'nested'],
    [geometry(1n, 0n, 30n), ID, 'illegal STE-192'],
    [geometry(1n, 1n, 34n), ID, 'nested'],
    [geometry(1n, 1n, 35n), ID, 'illegal STE-194'],
    [geometry(1n, 2n, 21n), ID, 'nested'],
    [geometry(1n, 2n, 22n), ID, 'illegal STE-196'],
    [geometry(1n, 3n, 22n), ID, 'illegal STE-206'],
    [geometry(1n, 2n, 19n), ID, 'illegal STE-173'],
    [geometry(3n, 1n, 25n), ID, 'illegal STE-216'],
    [geometry(1n, 1n, 25n), only4k, 'illegal STE-217'],
    [geometry(2n, 1n, 25n), only4k, 'illegal STE-217'],
    [geometry(0n, 2n, 24n), oas40, 'nested'],
  ])('with the stage 2 geometry %o', (set, id, expected) => {
    expect(judged(set, id)).toBe(expected);
  });
});

describe('what a device sees of an STE', () => {
  const PAGE = 0x4100_0000n;
  const dma = { do: 'dma', stream: 8, read: PAGE, bytes: 8 } as const;
  const works: Told = [dma, { outcomes: [patternAt(PAGE)] }];
  const record = (number: number): Told => {
    const data = new Uint8Array(32);
    data.set([number, 0, 0, 0, 8]);
    return [{ do: 'peek', address: 0x4013_0000n, bytes: 32 }, { outcomes: [bytes(data)] }];
  };
  const fails: Told = [dma, { outcomes: [aborted], interrupts: ['EVTQ'] }];
  const run = (set: SteFields, id: IdRegisters, ...steps: readonly Told[]): string => {
    const world: readonly Told[] = [
      { do: 'ste', stream: 8, set: { Config: 0b110n, ...set } },
      { do: 'map', vm: 0, va: PAGE, pa: PAGE },
      { do: 'boot' },
    ];
    const { kind, violation, undetermined } = told([...world, ...steps], id);
    return violation === undefined ? (undetermined?.reason ?? kind) : `${violation.rule} ${violation.difference}`;
  };

  it('is stage 2 alone, or C_BAD_STE where it is ILLEGAL', () => {
    expect(run({}, ID, works)).toBe('ok');
    expect(run({}, ID, fails)).toMatch(/dma-abort/);
    expect(run({ S2TG: 3n }, ID, fails, record(0x04))).toBe('ok');
    expect(run({ S2TG: 3n }, ID, works)).toBe('STE-216 dma-not-aborted');
    expect(run({ S2T0SZ: 34n }, ID, works)).toBe('STE-182 dma-not-aborted');
  });

  it('is either where the start level is reserved for PEs of that size', () => {
    const set = { S2SL0: 2n, S2T0SZ: 24n, S2PS: 2n };
    expect(run(set, oas40, fails, record(0x04))).toBe('ok');
    expect(run({ S2PS: 2n }, oas40, fails, record(0x04))).toMatch(/dma-abort|event-record/);
  });

  it('is C_BAD_SUBSTREAMID with a SubstreamID, whatever stage 2 holds', () => {
    const with1: Told = [
      { ...dma, substream: 1 },
      { outcomes: [aborted], interrupts: ['EVTQ'] },
    ];
    expect(run({}, ID, with1)).toBe('ok');
    expect(run({}, ID, [{ ...dma, substream: 1 }, { outcomes: [patternAt(PAGE)] }])).toBe('STE-031 dma-not-aborted');
  });
});
