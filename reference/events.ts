/**
 * Event records (7.3): which fields each event has and where, and which of their bits software can rely on.
 *
 * A record is four 64-bit words and, for each, the bits that are known; the others are UNKNOWN or IMPLEMENTATION DEFINED.
 */
import { field, ones } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';

export type EventName =
  | 'C_BAD_STREAMID'
  | 'F_STE_FETCH'
  | 'C_BAD_STE'
  | 'F_STREAM_DISABLED'
  | 'C_BAD_SUBSTREAMID'
  | 'F_CD_FETCH'
  | 'C_BAD_CD'
  | 'F_WALK_EABT'
  | 'F_TRANSLATION'
  | 'F_ADDR_SIZE'
  | 'F_ACCESS'
  | 'F_PERMISSION'
  | 'F_TLB_CONFLICT'
  | 'F_CFG_CONFLICT';

const NUMBER: Readonly<Record<EventName, bigint>> = {
  C_BAD_STREAMID: 0x02n,
  F_STE_FETCH: 0x03n,
  C_BAD_STE: 0x04n,
  F_STREAM_DISABLED: 0x06n,
  C_BAD_SUBSTREAMID: 0x08n,
  F_CD_FETCH: 0x09n,
  C_BAD_CD: 0x0an,
  F_WALK_EABT: 0x0bn,
  F_TRANSLATION: 0x10n,
  F_ADDR_SIZE: 0x11n,
  F_ACCESS: 0x12n,
  F_PERMISSION: 0x13n,
  F_TLB_CONFLICT: 0x20n,
  F_CFG_CONFLICT: 0x21n,
};

/** The rule that lays the record out. */
const LAYOUT_RULE: Readonly<Record<EventName, RuleId>> = {
  C_BAD_STREAMID: 'EVT-066',
  F_STE_FETCH: 'EVT-072',
  C_BAD_STE: 'EVT-079',
  F_STREAM_DISABLED: 'EVT-087',
  C_BAD_SUBSTREAMID: 'EVT-099',
  F_CD_FETCH: 'EVT-107',
  C_BAD_CD: 'EVT-112',
  F_WALK_EABT: 'EVT-122',
  F_TRANSLATION: 'EVT-133',
  F_ADDR_SIZE: 'EVT-133',
  F_ACCESS: 'EVT-133',
  F_PERMISSION: 'EVT-133',
  F_TLB_CONFLICT: 'EVT-173',
  F_CFG_CONFLICT: 'EVT-176',
};

const LAYOUT_RULES: ReadonlySet<RuleId> = new Set(Object.values(LAYOUT_RULE));

/** Whether a rule is about the fields of one kind of record. */
export function isLayout(rule: RuleId): boolean {
  return LAYOUT_RULES.has(rule);
}

/** What a transaction brings into an event (7.3): attributes after the STE's overrides. */
export interface EventSource {
  readonly streamId: number;
  readonly substreamId: number | undefined;
  readonly inputAddress: bigint;
  readonly write: boolean;
  readonly privileged: boolean;
  readonly instruction: boolean;
}

export interface EventRecord {
  readonly name: EventName;
  readonly words: readonly bigint[];
  readonly known: readonly bigint[];
  readonly rules: readonly RuleId[];
  /** The rule that made the event happen. */
  readonly cause: RuleId;
  /** Whether the architecture lets it be merged with an identical one (7.3.1). */
  readonly mergeable: RuleId | undefined;
  /** For coverage: log2 of the granule of the walk, where there was one. */
  readonly granule?: 12 | 14 | 16 | undefined;
}

const CLASS = { CD: 0n, TT: 1n, IN: 2n } as const;
const PAGE = 12;

/** IPA, when it is not valid. */
const IPA_UNKNOWN = ~(ones(44) << BigInt(PAGE)) & ones(64);
/** S2 of a conflict says where an implementation's TLB geometry found it. */
const CONFLICT_STAGE = 1n << 39n;

/** A fault of stage 2: translating this IPA for that purpose. */
export interface Stage2Cause {
  readonly cause: 'CD' | 'TT' | 'IN';
  readonly ipa: bigint;
}

/** Has PnU, InD, RnW and InputAddr. */
const WITH_ACCESS: ReadonlySet<EventName> = new Set([
  'F_WALK_EABT',
  'F_TRANSLATION',
  'F_ADDR_SIZE',
  'F_ACCESS',
  'F_PERMISSION',
  'F_TLB_CONFLICT',
]);

/**
 * The record of an event.
 * @param fetchAddress physical address of the fetch that aborted, for the F_*_FETCH and F_WALK_EABT events
 * @param f output address size and version: FetchAddr bits above the size are zero, or UNKNOWN up to some bit (7.3.4)
 * @param stage2 of a stage 2 event, what was translated; else it is one of stage 1, or from before translation
 * @param cause the rule that made the event happen
 * @param mergeable the rule of 7.3.1 that lets this event be merged, if one does
 */
export function eventRecord(
  name: EventName,
  source: EventSource,
  f: Pick<Features, 'oas' | 'minor' | 's2p'>,
  options: {
    cause: RuleId;
    fetchAddress?: bigint;
    mergeable?: RuleId | undefined;
    stage2?: Stage2Cause | undefined;
    granule?: 12 | 14 | 16 | undefined;
  },
): EventRecord {
  const words: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n];
  const known: [bigint, bigint, bigint, bigint] = [ones(64), ones(64), ones(64), ones(64)];
  const rules: RuleId[] = [LAYOUT_RULE[name], 'EVT-001', 'EVT-002', 'EVT-005'];

  words[0] = NUMBER[name] | (BigInt(source.streamId) << 32n);
  if (name === 'C_BAD_SUBSTREAMID') {
    words[0] |= BigInt(source.substreamId ?? 0) << 12n;
  } else if (name === 'F_STREAM_DISABLED') {
    // Has neither SSV nor SubstreamID (7.3.7).
  } else if (source.substreamId !== undefined) {
    words[0] |= (1n << 11n) | (BigInt(source.substreamId) << 12n);
    rules.push('EVT-007');
  } else {
    known[0] &= ~(ones(20) << 12n); // SubstreamID is UNKNOWN when SSV is 0
    rules.push('EVT-006');
  }

  if (WITH_ACCESS.has(name)) {
    if (source.privileged) words[1] |= 1n << 33n;
    if (source.instruction && !source.write) words[1] |= 1n << 34n;
    if (!source.write) words[1] |= 1n << 35n;
    words[2] = source.inputAddress;
    rules.push('EVT-009', 'EVT-012', 'EVT-015', 'EVT-018');
  }

  const { stage2 } = options;
  if (stage2 !== undefined) {
    words[1] |= 1n << 39n;
    rules.push(...stage2Rules(stage2, f));
  }
  switch (name) {
    case 'F_TRANSLATION':
    case 'F_ADDR_SIZE':
    case 'F_ACCESS':
    case 'F_PERMISSION':
      words[1] |= CLASS[stage2?.cause ?? 'IN'] << 40n;
      known[1] &= ~ones(16); // STAG means nothing when Stall is 0
      if (stage2 === undefined) {
        known[3] = IPA_UNKNOWN; // IPA is UNKNOWN when S2 is 0
        rules.push('EVT-020', 'EVT-021', 'EVT-022', 'EVT-134');
      } else words[3] = field(stage2.ipa, 55, PAGE) << BigInt(PAGE);
      if (name !== 'F_PERMISSION') break;
      // The SMMU only reads descriptors: without HTTU every fault of a table access is that of a read.
      if (stage2?.cause === 'TT') words[1] |= 1n << 44n;
      else {
        known[1] &= ~(1n << 44n); // TTRnW is UNKNOWN unless CLASS is TT
        rules.push('EVT-159');
      }
      break;
    case 'F_WALK_EABT':
      words[1] |= CLASS[stage2?.cause ?? 'TT'] << 40n;
      known[1] &= ~ones(16); // Reason is IMPLEMENTATION DEFINED
      rules.push(...(stage2 === undefined ? (['EVT-020', 'EVT-120'] as const) : []), 'EVT-036');
      break;
    case 'F_STE_FETCH':
    case 'F_CD_FETCH':
      known[1] &= ~ones(16);
      rules.push('EVT-036');
      break;
    case 'F_TLB_CONFLICT':
    case 'F_CFG_CONFLICT':
      known[1] &= ~ones(32); // Reason, 32 bits wide here
      if (name === 'F_TLB_CONFLICT') known[3] = IPA_UNKNOWN;
      if (name === 'F_TLB_CONFLICT' && f.s2p) known[1] &= ~CONFLICT_STAGE;
      break;
    case 'C_BAD_STREAMID':
    case 'C_BAD_STE':
    case 'F_STREAM_DISABLED':
    case 'C_BAD_SUBSTREAMID':
    case 'C_BAD_CD':
      break;
  }

  if (options.fetchAddress !== undefined) {
    words[3] = options.fetchAddress & ~7n;
    const top = unknownTop(name, f.minor);
    if (top >= f.oas) known[3] &= ~(ones(top - f.oas + 1) << BigInt(f.oas));
    rules.push('EVT-073');
  }
  return { name, words, known, rules, cause: options.cause, mergeable: options.mergeable, granule: options.granule };
}

/** The highest bit of FetchAddr that is UNKNOWN where it is not below OAS; -1: they are zero (7.3.4, 7.3.10, 7.3.12). */
function unknownTop(name: EventName, minor: number): number {
  if (name === 'F_WALK_EABT') return 47;
  if (minor === 0) return 47;
  return name === 'F_STE_FETCH' && minor === 1 ? 51 : -1;
}

function stage2Rules({ cause, ipa }: Stage2Cause, f: Pick<Features, 'oas'>): RuleId[] {
  const rules: RuleId[] = ['EVT-019', 'EVT-030'];
  if (field(ipa, PAGE - 1, 0) !== 0n) rules.push('EVT-027');
  if (ipa >> BigInt(f.oas) === 0n) rules.push('EVT-028');
  if (cause !== 'IN') rules.push('EVT-017');
  return rules;
}
