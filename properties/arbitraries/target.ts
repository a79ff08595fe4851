/** What a scenario is drawn for: what can be done to the subject, and what its ID registers say it has (6.3.1-6.3.8). */
import type { Granule } from '../../scenario/layout.ts';
import type { IdRegisters } from '../../scenario/trace.ts';
import type { Capabilities } from '../../subjects/subject.ts';

export interface Target {
  readonly capabilities: Capabilities;
  /** StreamIDs that devices of the usual world use, in ascending order; at least one. */
  readonly streams: readonly number[];
  /** Whether DMA can be made with any StreamID. */
  readonly anyStream: boolean;
  /** Output address size in bits. */
  readonly oas: number;
  /** Input address size of stage 2 in bits (3.4). */
  readonly ias: number;
  readonly s1p: boolean;
  readonly s2p: boolean;
  /** Granules that IDR5 has. */
  readonly granules: readonly Granule[];
  readonly sidSize: number;
  readonly ssidSize: number;
  /** Whether IDR0.ST_LEVEL has 2-level Stream tables. */
  readonly twoLevel: boolean;
  /** Whether IDR0.CD2L has 2-level CD tables. */
  readonly cd2l: boolean;
  readonly asid16: boolean;
  readonly vmid16: boolean;
  /** IDR0.TTENDIAN: 0 either, 2 little-endian, 3 big-endian. */
  readonly ttendian: number;
  readonly xnx: boolean;
  readonly stt: boolean;
  readonly ril: boolean;
  readonly fwb: boolean;
  readonly bbml: number;
  /** AIDR.ArchMinorRev. */
  readonly minor: number;
  readonly cmdqs: number;
  readonly eventqs: number;
  /** Whether IDR0.TERM_MODEL is 0, so that CD.A == 0 gives RAZ/WI. */
  readonly razWi: boolean;
}

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

/** IDR5.{GRAN4K, GRAN16K, GRAN64K}. */
const GRANULE_BITS: readonly (readonly [granule: Granule, bit: number])[] = [
  ['4K', 4],
  ['16K', 5],
  ['64K', 6],
];

/** StreamIDs of the usual world when the subject takes any: neighbours, a pair that differs in one high bit, the last of 32. */
const USUAL_STREAMS = [0, 1, 2, 3, 5, 8, 16, 31];

export function targetOf(capabilities: Capabilities, ids: IdRegisters): Target {
  const idr0 = field(ids.IDR0);
  const idr1 = field(ids.IDR1);
  const idr3 = field(ids.IDR3);
  const idr5 = field(ids.IDR5);
  const oas = OAS_BITS[idr5(0, 3)] ?? 48;
  const sidSize = idr1(0, 6);
  return {
    capabilities,
    streams: capabilities.streams ?? USUAL_STREAMS.filter((stream) => stream < 2 ** sidSize),
    anyStream: capabilities.streams === undefined,
    oas,
    ias: Math.max((idr0(2, 2) & 1) === 1 ? 40 : 0, (idr0(2, 2) & 2) === 2 ? oas : 0),
    s1p: idr0(1, 1) === 1,
    s2p: idr0(0, 1) === 1,
    granules: GRANULE_BITS.flatMap(([granule, bit]) => (idr5(bit, 1) === 1 ? [granule] : [])),
    sidSize,
    ssidSize: idr1(6, 5),
    twoLevel: idr0(27, 2) === 1,
    cd2l: idr0(19, 1) === 1,
    asid16: idr0(12, 1) === 1,
    vmid16: idr0(18, 1) === 1,
    ttendian: idr0(21, 2),
    xnx: idr3(4, 1) === 1,
    stt: idr3(9, 1) === 1,
    ril: idr3(10, 1) === 1,
    fwb: idr3(8, 1) === 1,
    bbml: idr3(11, 2),
    minor: ids.AIDR & 0xf,
    cmdqs: idr1(21, 5),
    eventqs: idr1(16, 5),
    razWi: idr0(26, 1) === 0,
  };
}

/** Fields of a register: lowest bit and width. */
function field(register: number): (low: number, width: number) => number {
  return (low, width) => (register >>> low) & (2 ** width - 1);
}
