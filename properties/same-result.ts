/**
 * Laws that need no reference: an orderly scenario (orderly.ts) shows devices the same in every form that software could have given it.
 * They hold for every subject; where it lacks what the other form needs they say nothing.
 */
import { bytesToHex } from '../scenario/lower.ts';
import type { Scenario } from '../scenario/steps.ts';
import type { Subject } from '../subjects/subject.ts';
import type { Changed } from './blocks.ts';
import { actionsByStep, dmaActions, dmaText } from './compare.ts';
import { canSplit, cdTableForms, nestedForms, reorderDma, splitDma, twoLevelStreamTables } from './forms.ts';
import { isOrderly } from './orderly.ts';
import type { DmaStep } from './orderly.ts';
import { orderlyScenarios } from './orderly-stories.ts';
import type { Property, PropertyResult, Run } from './property.ts';
import { run, sameInAllForms, seenAt } from './same-for-devices.ts';
import type { SeenThere } from './same-for-devices.ts';

/** Compares an orderly scenario with its forms; of another the law says nothing. */
async function compare(
  subject: Subject,
  scenario: Scenario,
  rule: string,
  formsOf: (base: Run) => readonly Changed[],
  seenThere: SeenThere = seenAt,
): Promise<PropertyResult> {
  const base = await run(subject, scenario);
  const forms = isOrderly(scenario, base.trace.idRegisters) ? formsOf(base) : [];
  return sameInAllForms(subject, scenario, base, forms, rule, seenThere);
}

/** Of every kind of neighbourhood in tables of 2^6, 2^8 and 2^10 STEs; the last is beyond the table. */
const SPREAD_STREAMS = [31, 63, 64, 65, 127, 128, 255, 256, 257, 320, 511, 700];

export const linearAndTwoLevel: Property = {
  name: 'linear-and-2-level',
  title: 'a linear and a 2-level Stream table of the same STEs give the same',
  arbitrary: (subject) =>
    orderlyScenarios(subject, {
      features: { ST_LEVEL: 1, SIDSIZE: 16 },
      streams: SPREAD_STREAMS,
      strtabLog2Size: 9,
      clients: 2,
    }),
  check: (subject, scenario) =>
    compare(subject, scenario, 'STRTAB-013', ({ trace }) => twoLevelStreamTables(scenario, trace.idRegisters)),
};

export const stage1AndNested: Property = {
  name: 'stage-1-and-nested',
  title: 'stage 1 alone and stage 1 over an identity stage 2 give the same',
  arbitrary: (subject) => orderlyScenarios(subject, { features: { S2P: 1 } }),
  check: (subject, scenario) =>
    compare(subject, scenario, 'STE-022', ({ trace }) => nestedForms(scenario, trace.idRegisters)),
};

export const oneCdAndTables: Property = {
  name: 'one-cd-and-tables',
  title: 'a single CD and the same CD in a linear or a 2-level CD table give the same',
  arbitrary: (subject) => orderlyScenarios(subject, { features: { SSIDSIZE: 8, CD2L: 1 } }),
  check: (subject, scenario) =>
    compare(subject, scenario, 'STE-069', ({ trace }) =>
      cdTableForms(scenario, trace.idRegisters, subject.capabilities.substreams),
    ),
};

export const wholeAndSplit: Property = {
  name: 'whole-and-split',
  title: 'a DMA and the same bytes in two give the same',
  arbitrary: (subject) => orderlyScenarios(subject),
  check: (subject, scenario) =>
    compare(subject, scenario, 'whole-and-split', () => list(splitDma(scenario)), seenInTwo),
};

export const anyOrder: Property = {
  name: 'any-order',
  title: 'the DMA of independent streams gives the same in either order',
  arbitrary: (subject) => orderlyScenarios(subject, { clients: 2 }),
  check: (subject, scenario) => compare(subject, scenario, 'any-order', () => list(reorderDma(scenario))),
};

function list<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

/** Of a DMA in two steps, the second at `place`: what it would have been in one. */
function seenInTwo(other: Run, place: number, step: DmaStep): string {
  if (!canSplit(step)) return seenAt(other, place);
  const byStep = actionsByStep(other.program);
  const [first, second] = [place - 1, place].map((at) => {
    const [action = -1] = dmaActions(other.program, byStep[at]);
    return other.trace.observations[action];
  });
  if (first === undefined || second === undefined) return 'nothing';
  const [one, two] = [first.outcome, second.outcome];
  const at = first.outputAddress;
  const address = at === undefined ? '' : ` at 0x${at.toString(16)}`;
  const follows = at === undefined || at + BigInt(step.bytes / 2) === second.outputAddress;
  if (one.kind !== two.kind || !follows) return `${dmaText(first)} then ${dmaText(second)}`;
  const hex = [one, two].map((outcome) => ('data' in outcome ? bytesToHex(outcome.data) : '')).join('');
  return `${one.kind}${hex === '' ? '' : ` ${hex}`}${address}`;
}
