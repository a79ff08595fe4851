/**
 * Event numbers and records (7.3): 32 bytes, little-endian, every undefined bit zero.
 * Only the events that a terminate-only, Non-secure interface produces. Delivery is in event-queue.ts.
 */
import { bits, set } from './layout.ts';

/** No event: the step succeeded. */
export const NONE = 0x00;
export const C_BAD_STREAMID = 0x02;
export const F_STE_FETCH = 0x03;
export const C_BAD_STE = 0x04;
export const F_STREAM_DISABLED = 0x06;
export const C_BAD_SUBSTREAMID = 0x08;
export const F_CD_FETCH = 0x09;
export const C_BAD_CD = 0x0a;
export const F_WALK_EABT = 0x0b;
export const F_TRANSLATION = 0x10;
export const F_ADDR_SIZE = 0x11;
export const F_ACCESS = 0x12;
export const F_PERMISSION = 0x13;

const EVENT_NUMBER = bits(7, 0);
const SSV = bits(11);
const SUBSTREAM_ID = bits(31, 12);
const STREAM_ID = bits(63, 32);
const PNU = bits(97);
const IND = bits(98);
const RNW = bits(99);
const S2 = bits(103);
const CLASS = bits(105, 104);
const TTRNW = bits(108);
const INPUT_ADDR_LOW = bits(159, 128);
const INPUT_ADDR_HIGH = bits(191, 160);
/** FetchAddr[55:3] is at [247:195], so the address stands in words 6 and 7 as it is. */
const FETCH_ADDR_LOW = bits(223, 195);
const FETCH_ADDR_HIGH = bits(247, 224);
/** IPA[55:12] is at [247:204], likewise. */
const IPA_LOW = bits(223, 204);
const IPA_HIGH = bits(247, 224);

/** CLASS: what was being translated, or with F_WALK_EABT of stage 1 read: a CD, a stage 1 descriptor, the input of the transaction. */
export const CLASS_CD = 0b00;
export const CLASS_TT = 0b01;
export const CLASS_IN = 0b10;

/** What an event says of its transaction. `privileged` and `instruction` are those after the STE's overrides. */
export interface EventSource {
  readonly streamId: number;
  /** -1: none. */
  readonly substreamId: number;
  readonly addressHi: number;
  readonly addressLo: number;
  readonly write: boolean;
}

/** Where a fault arose. */
export interface FaultSource {
  /** At stage 2. */
  stage2: boolean;
  /** CLASS. */
  cause: number;
  /** The intermediate address that stage 2 was given; it counts for stage 2 alone. */
  ipa: number;
  /** Physical address of the structure or descriptor whose read aborted; it counts for F_STE_FETCH, F_CD_FETCH and F_WALK_EABT. */
  fetchAddress: number;
}

/** Fills `record` (8 words) for an event. Reason, STAG, Stall and NSIPA are zero. */
export function encodeEvent(
  record: Uint32Array,
  event: number,
  source: EventSource,
  privileged: boolean,
  instruction: boolean,
  fault: FaultSource,
): void {
  record.fill(0);
  set(record, EVENT_NUMBER, event);
  set(record, STREAM_ID, source.streamId);
  // F_STREAM_DISABLED does not name the substream (7.3.7).
  if (source.substreamId >= 0 && event !== F_STREAM_DISABLED) {
    // In C_BAD_SUBSTREAMID the SubstreamID is always valid and bit 11 is not a field (7.3.9).
    if (event !== C_BAD_SUBSTREAMID) set(record, SSV, 1);
    set(record, SUBSTREAM_ID, source.substreamId);
  }
  if (event === F_STE_FETCH || event === F_CD_FETCH || event === F_WALK_EABT) {
    set(record, FETCH_ADDR_LOW, Math.floor(fault.fetchAddress / 8) % 2 ** 29);
    set(record, FETCH_ADDR_HIGH, Math.floor(fault.fetchAddress / 2 ** 32));
  }
  if (event < F_WALK_EABT) return;
  set(record, PNU, privileged ? 1 : 0);
  set(record, IND, instruction ? 1 : 0);
  set(record, RNW, source.write ? 0 : 1);
  set(record, CLASS, fault.cause);
  set(record, INPUT_ADDR_LOW, source.addressLo);
  set(record, INPUT_ADDR_HIGH, source.addressHi);
  if (!fault.stage2) return;
  set(record, S2, 1);
  if (event === F_WALK_EABT) return;
  set(record, IPA_LOW, Math.floor(fault.ipa / 2 ** 12) % 2 ** 20);
  set(record, IPA_HIGH, Math.floor(fault.ipa / 2 ** 32));
  // Descriptors are only ever read.
  if (event === F_PERMISSION && fault.cause === CLASS_TT) set(record, TTRNW, 1);
}
