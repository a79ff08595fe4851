/**
 * How a translation fault terminates a transaction, and whether it is recorded: stage 1 faults as CD.A and CD.R say, stage 2
 * faults as STE.S2R says (5.5).
 */
import { field } from './bits.ts';
import type { Cd } from './cd.ts';
import { type EventName, eventRecord, type EventSource } from './events.ts';
import type { Features } from './features.ts';
import { ABORT, type Outcomes } from './outcomes.ts';
import type { RuleId } from './rules/ids.ts';
import { selectHalf } from './stage1.ts';
import { effectiveAccess, merging, recordsStage2, type Ste } from './ste.ts';
import type { Fetched } from './structures.ts';
import type { WalkFault } from './walk-results.ts';

/** STE.S2TG. */
const S2_GRANULES = [12, 16, 14] as const;

/** Log2 of the granule of the tables that a VA is walked in. */
export function granuleOf(cd: Cd, va: bigint): 12 | 14 | 16 | undefined {
  return selectHalf(cd, va).half.granule;
}

/** A fault on the way of a transaction: what events of it are made of. */
export interface Termination {
  readonly ste: Fetched<Ste>;
  readonly source: EventSource;
  readonly stale: boolean;
  readonly rules: readonly RuleId[];
}

/**
 * A stage 1 fault of the four kinds that CD.A and CD.R govern.
 * @param nested stage 2 translates too
 */
export function terminateStage1(
  out: Outcomes,
  f: Features,
  name: EventName,
  { ste, source, stale, rules }: Termination,
  cd: Cd,
  nested: boolean,
  unpredictable = false,
): void {
  const { address, substreamId } = out.transaction;
  const rule: RuleId = cd.r ? (cd.a ? 'CD-128' : 'CD-126') : cd.a ? 'CD-127' : 'CD-125';
  const top = field(address, 63, 56);
  const tagged = top !== 0n && top !== 0xffn;
  const event = cd.r
    ? eventRecord(name, source, f, {
        cause: rules[0] ?? rule,
        mergeable: merging(ste.structure) === undefined ? undefined : 'EVT-207',
        granule: granuleOf(cd, address),
      })
    : undefined;
  const tags: RuleId[] = tagged && event !== undefined ? ['EVT-016'] : [];
  const s2Faults = field(ste.structure.words[2] ?? 0n, 58, 57) !== 0n;
  if (!nested && s2Faults) tags.push('STALL-012');
  if (nested && s2Faults && !cd.r) tags.push('CD-136');
  if (substreamId !== undefined) tags.push('STALL-013');
  out.add(cd.a ? ABORT : { kind: 'raz/wi' }, event, stale, [...rules, rule, ...tags], unpredictable);
}

/**
 * A fault of stage 2 aborts, and is recorded as the STE says, whatever the CD says.
 * @param cdRecords CD.R, when a CD was used
 */
export function terminateStage2(
  out: Outcomes,
  f: Features,
  fault: WalkFault,
  { ste, source, stale, rules: common }: Termination,
  cdRecords?: boolean,
): void {
  const records = recordsStage2(ste.structure);
  const all: RuleId[] = [...fault.rules, ...common];
  const mergeable = merging(ste.structure);
  const { stage2 } = fault;
  const late = stale || fault.stale;
  const granule = S2_GRANULES[Number(field(ste.structure.words[2] ?? 0n, 47, 46))];
  if (fault.event === 'F_WALK_EABT') {
    if (!records) all.push('STE-260');
    const fetchAddress = fault.fetchAddress ?? 0n;
    out.abortWith('F_WALK_EABT', late, all, { source, fetchAddress, mergeable, stage2, granule });
    return;
  }
  const rules: RuleId[] = ['STE-257', records ? 'STE-259' : 'STE-258'];
  if (!records && cdRecords === true && stage2?.cause !== 'IN') rules.push('STE-261');
  const event = records
    ? eventRecord(fault.event, source, f, {
        cause: all[0] ?? 'STE-259',
        mergeable: mergeable === undefined ? undefined : 'EVT-207',
        stage2,
        granule,
      })
    : undefined;
  out.add(ABORT, event, late, [...all, ...rules], fault.unpredictable);
}

/** The attributes of a transaction that an event of a stream shows: after the STE's overrides. */
export function sourceOf(out: Outcomes, f: Features, ste: Ste): EventSource {
  const { privileged, instruction } = effectiveAccess(ste, f, out.transaction);
  return out.source(privileged, instruction);
}
