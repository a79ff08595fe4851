/** What a scenario is drawn for: what can be done to the subject, and what its ID registers say it has (6.3.1-6.3.8). */
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
  readonly sidSize: number;
  readonly cmdqs: number;
  readonly eventqs: number;
  /** Whether IDR0.TERM_MODEL is 0, so that CD.A == 0 gives RAZ/WI. */
  readonly razWi: boolean;
}

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

/** StreamIDs of the usual world when the subject takes any: neighbours, a pair that differs in one high bit, the last of 32. */
const USUAL_STREAMS = [0, 1, 2, 3, 5, 8, 16, 31];

export function targetOf(capabilities: Capabilities, idRegisters: IdRegisters): Target {
  return {
    capabilities,
    streams: capabilities.streams ?? USUAL_STREAMS,
    anyStream: capabilities.streams === undefined,
    oas: OAS_BITS[idRegisters.IDR5 & 7] ?? 48,
    sidSize: idRegisters.IDR1 & 0x3f,
    cmdqs: (idRegisters.IDR1 >>> 21) & 0x1f,
    eventqs: (idRegisters.IDR1 >>> 16) & 0x1f,
    razWi: ((idRegisters.IDR0 >>> 26) & 1) === 0,
  };
}
