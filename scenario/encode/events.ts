/**
 * Event records: 32 bytes each (7.3). Decoding only, and only for people to read; nothing is judged by it.
 *
 * The text lost some diagrams (7.3.10, 7.3.12 to 7.3.17); those positions are the ones on which the listing of similar events and
 * public headers agree. F_BAD_ATS_TREQ beyond its StreamID is known from none, and comes out as `or` bits.
 */
import { bytesToWords, decodeWords } from './fields.ts';
import type { FieldPlace, Layout } from './fields.ts';

export const EVENT_WORDS = 4;
export const EVENT_BYTES = 32;

const StreamID = [0, 32, 32] as const satisfies FieldPlace;
const SubstreamID = [0, 12, 20] as const satisfies FieldPlace;
const SOURCE = { StreamID, SSV: [0, 11, 1], SubstreamID } as const satisfies Layout;
const Reason = [1, 0, 16] as const satisfies FieldPlace;
const WideReason = [1, 0, 32] as const satisfies FieldPlace;
const GPCF = [1, 16, 1] as const satisfies FieldPlace;
const PnU = [1, 33, 1] as const satisfies FieldPlace;
const InD = [1, 34, 1] as const satisfies FieldPlace;
const RnW = [1, 35, 1] as const satisfies FieldPlace;
const NSIPA = [1, 38, 1] as const satisfies FieldPlace;
const S2 = [1, 39, 1] as const satisfies FieldPlace;
const CLASS = [1, 40, 2] as const satisfies FieldPlace;
const InputAddr = [2, 0, 64, 'address'] as const satisfies FieldPlace;
const FetchAddr = [3, 3, 53, 'address'] as const satisfies FieldPlace;
const IPA = [3, 12, 44, 'address'] as const satisfies FieldPlace;

const FETCH = { ...SOURCE, Reason, GPCF, FetchAddr } as const;
const TRANSLATION_FAULT = {
  ...SOURCE,
  STAG: [1, 0, 16],
  Stall: [1, 31, 1],
  PnU,
  InD,
  RnW,
  NSIPA,
  S2,
  CLASS,
  InputAddr,
  IPA,
} as const satisfies Layout;

/** Number and fields of each event; the number itself is bits [7:0]. */
export const EVENTS = {
  F_UUT: { number: 0x01, fields: { ...SOURCE, Reason, PnU, InD, RnW, InputAddr } },
  C_BAD_STREAMID: { number: 0x02, fields: SOURCE },
  F_STE_FETCH: { number: 0x03, fields: FETCH },
  C_BAD_STE: { number: 0x04, fields: SOURCE },
  F_BAD_ATS_TREQ: { number: 0x05, fields: SOURCE },
  F_STREAM_DISABLED: { number: 0x06, fields: { StreamID } },
  F_TRANSL_FORBIDDEN: { number: 0x07, fields: { StreamID, RnW, InputAddr } },
  C_BAD_SUBSTREAMID: { number: 0x08, fields: { StreamID, SubstreamID } },
  F_CD_FETCH: { number: 0x09, fields: FETCH },
  C_BAD_CD: { number: 0x0a, fields: SOURCE },
  F_WALK_EABT: {
    number: 0x0b,
    fields: { ...SOURCE, Reason, GPCF, PnU, InD, RnW, S2, CLASS, InputAddr, FetchAddr },
  },
  F_TRANSLATION: { number: 0x10, fields: TRANSLATION_FAULT },
  F_ADDR_SIZE: { number: 0x11, fields: TRANSLATION_FAULT },
  F_ACCESS: { number: 0x12, fields: TRANSLATION_FAULT },
  F_PERMISSION: { number: 0x13, fields: { ...TRANSLATION_FAULT, TTRnW: [1, 44, 1] } },
  F_TLB_CONFLICT: {
    number: 0x20,
    fields: { ...SOURCE, Reason: WideReason, PnU, InD, RnW, NSIPA, S2, InputAddr, IPA },
  },
  F_CFG_CONFLICT: { number: 0x21, fields: { ...SOURCE, Reason: WideReason } },
  E_PAGE_REQUEST: {
    number: 0x24,
    fields: {
      ...SOURCE,
      uX: [1, 33, 1],
      uW: [1, 34, 1],
      uR: [1, 35, 1],
      pX: [1, 37, 1],
      pW: [1, 38, 1],
      pR: [1, 39, 1],
      Span: [1, 44, 8],
      InputAddr: [2, 12, 52, 'address'],
    },
  },
  F_VMS_FETCH: { number: 0x25, fields: FETCH },
} as const satisfies Record<string, { number: number; fields: Layout }>;

export type EventName = keyof typeof EVENTS;
export const EVENT_NAMES = Object.keys(EVENTS) as EventName[];

export interface DecodedEvent {
  /** Undefined: no architected event has this number. */
  readonly name: EventName | undefined;
  readonly number: number;
  /** Architected fields by name; what is set outside them as `or0`..`or3`. */
  readonly fields: Readonly<Record<string, bigint>>;
}

/** The event record in the first 32 of `bytes`. */
export function decodeEvent(bytes: Uint8Array): DecodedEvent {
  const [word0 = 0n, ...words] = bytesToWords(bytes, EVENT_WORDS);
  const number = Number(word0 & 0xffn);
  const name = EVENT_NAMES.find((candidate) => EVENTS[candidate].number === number);
  const layout: Layout = name === undefined ? {} : EVENTS[name].fields;
  return { name, number, fields: decodeWords(layout, [word0 & ~0xffn, ...words]) };
}
