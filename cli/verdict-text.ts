/**
 * One replayed scenario for people, on at most 40 lines: what is wrong, what was done, why it must be otherwise. Every
 * part is cut to its share of the lines; `--as json` and the file hold everything.
 */
import type { Lint, Permitted, Violation } from '../reference/verdict.ts';
import type { Property, PropertyResult, Violated } from '../properties/property.ts';
import { RULE_IDS } from '../reference/rules/ids.ts';
import type { RuleId } from '../reference/rules/ids.ts';
import { isRuleId, ruleRow } from '../reference/rules/registry.ts';
import { profileKey } from '../scenario/features.ts';
import { whatIsAt } from '../scenario/layout.ts';
import { hex, printEventQueue, printObservation, printStep } from '../scenario/print.ts';
import type { Program, Scenario } from '../scenario/steps.ts';
import type { Trace } from '../scenario/trace.ts';
import { alarm, count, ink, percent, plural, wrap } from './text.ts';

const LINES_MAX = 40;
const COLUMNS_MAX = 118;
const PERMITTED_SHOWN = 3;
const RULES_SHOWN = 14;
const STEPS_SHOWN_MIN = 6;

export interface Replayed {
  readonly scenario: Scenario;
  readonly property: Property;
  /** Its verdict, where it has one, was made with `explain`. */
  readonly result: PropertyResult;
  /** Name and version of the subject. */
  readonly subject: string;
}

/** The report but for its last line, the replay command. */
export function verdictText(replayed: Replayed, explain: boolean): string {
  const head = headLines(replayed);
  const why = explain ? whyLines(replayed) : [];
  const blankLines = 3;
  // A derivation that was asked for is never cut where nothing went wrong.
  const whyRoom = replayed.result.kind === 'violation' ? why.length : 0;
  const room = Math.max(STEPS_SHOWN_MIN, LINES_MAX - 1 - blankLines - head.length - whyRoom);
  return [head, stepLines(replayed, room), why]
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n');
}

function headLines(replayed: Replayed): string[] {
  const { result, property, scenario, subject } = replayed;
  if (result.kind === 'violation') return violationLines(result, replayed);
  const { program, verdict } = result.run;
  const lines = [
    scenario.why,
    ...(scenario.features === undefined ? [] : [`made for ${profileKey(scenario.features)}`]),
    `${subject}: ${plural(scenario.steps.length, 'step')}, ${plural(program.actions.length, 'action')}`,
  ];
  if (verdict !== undefined) {
    const { forced, stale, unpred, impdef } = verdict.passes;
    lines[lines.length - 1] +=
      `, ${plural(verdict.dmas, 'DMA')}, determinacy ${percent(verdict.determinateDmas, verdict.dmas)}, ${plural(verdict.decisive.size, 'rule')} reached`;
    lines.push(
      `accepted: ${count(forced)} forced, ${count(stale)} by a cache that may be stale, ${count(unpred)} UNPREDICTABLE, ${count(impdef)} IMPLEMENTATION DEFINED`,
    );
  }
  if (result.kind === 'undetermined') lines.push(ink('yellow', `UNDETERMINED: ${result.reason}`));
  else if (result.vacuous) lines.push(ink('yellow', `OK, but the law says nothing of it: ${property.title}`));
  else lines.push(ink('green', `OK: ${property.title}`));
  return lines.map(cut);
}

function violationLines(violated: Violated, { property, subject, scenario }: Replayed): string[] {
  const { rule, step: at, difference, observed } = violated;
  const named = isRuleId(rule) ? `${rule}, ${ruleRow(rule).title} (${ruleRow(rule).section})` : property.title;
  const step = scenario.steps[at];
  const permitted = violated.permitted.slice(0, PERMITTED_SHOWN);
  const more = violated.permitted.length - permitted.length;
  if (more > 0) permitted.push(`... ${plural(more, 'more outcome')}`);
  const outcomes = violated.permitted.length === 1 ? ' (1 outcome)' : '';
  return [
    difference === 'died' ? alarm(`THE SUBJECT DIED: ${subject}`) : `${alarm(`VIOLATION of ${named}`)} by ${subject}`,
    `  where      step ${at}${step === undefined ? '' : `: ${printStep(step)}`} (${difference})`,
    ...(scenario.features === undefined ? [] : [`  made for   ${profileKey(scenario.features)}`]),
    `  observed   ${observed}`,
    ...permitted.map((outcome, index) => `  ${index === 0 ? 'permitted' : '       or'}  ${outcome}${outcomes}`),
  ].map(cut);
}

/** The steps in words with what was observed, the failing one marked; the ones nearest to it when there are too many. */
function stepLines({ scenario, result }: Replayed, room: number): string[] {
  const { program, trace } = result.run;
  const failing = result.kind === 'violation' ? result.step : undefined;
  const seen = observedByStep(scenario, program, trace);
  const end = failing === undefined ? scenario.steps.length : failing + 1;
  const failingObserved = result.kind === 'violation' ? result.observed : undefined;
  const lines = scenario.steps.slice(0, end).map((step, index) => {
    const mark = index === failing ? '>' : ' ';
    const observed = index === failing && step.do !== 'events' ? failingObserved : seen.get(index);
    const text = cut(
      `${mark} ${String(index).padStart(3)}  ${printStep(step)}${observed === undefined ? '' : `  -> ${observed}`}`,
    );
    return index === failing ? ink('bold', text) : text;
  });
  const later = scenario.steps.length - end;
  if (later > 0) lines.push(ink('dim', `       ${plural(later, 'later step')}`));
  if (lines.length <= room) return ['Steps', ...lines];
  const kept = room - 2;
  const first = Math.min(2, kept);
  const hidden = lines.length - kept;
  return [
    'Steps',
    ...lines.slice(0, first),
    ink('dim', `       ... ${plural(hidden, 'step')} not shown`),
    ...lines.slice(lines.length - (kept - first)),
  ];
}

/** By step, the last thing seen that was more than the end of a write; of an Event queue, its records. */
function observedByStep(scenario: Scenario, program: Program, trace: Trace): Map<number, string> {
  const seen = new Map<number, string>();
  trace.observations.forEach((observation, action) => {
    const step = program.stepOf[action];
    if (step === undefined) return;
    const { outcome } = observation;
    if (outcome.kind === 'data' && scenario.steps[step]?.do === 'events') {
      const records = printEventQueue(outcome.data);
      seen.set(step, records.length === 0 ? 'no records' : records.join('; '));
    } else if (outcome.kind !== 'done' || observation.interrupts.length > 0) {
      seen.set(step, printObservation(observation));
    }
  });
  return seen;
}

/** The derivation: at a violation the rules of each permitted outcome, else those that each thing seen rests on. */
function whyLines({ result, property, scenario }: Replayed): string[] {
  const { program, verdict } = result.run;
  if (verdict === undefined) return ['Why', cut(`  the law ${property.name}: ${property.title}`)];
  if (verdict.violation !== undefined) return violationWhy(verdict.violation);
  const lines = ['Why (what was seen, how far it was fixed, and the rules it rests on)'];
  const used = new Set<RuleId>();
  for (const { action, observed, pass, rules } of verdict.actions ?? []) {
    if (observed === 'done' || rules.length === 0) continue;
    lines.push(cut(`  step ${program.stepOf[action] ?? '?'}, ${pass}: ${observed}`));
    lines.push(...wrap(rules.join(' '), COLUMNS_MAX, '    '));
    for (const rule of rules) used.add(rule);
  }
  for (const lint of verdict.lints) lines.push(...lintLines(lint, scenario, program));
  return [...lines, '', 'Those rules', ...RULE_IDS.filter((id) => used.has(id)).map((id) => ruleLine(id, false))];
}

/** A DMA whose outcome hung on the caches: what changed, at which step, and what would have settled it. */
export function lintLines(lint: Lint, scenario: Scenario, program: Program): string[] {
  const stepText = (action: number): string => {
    const at = program.stepOf[action];
    const step = scenario.steps[at ?? -1];
    return step === undefined ? 'before the first step' : `at step ${at}: ${printStep(step)}`;
  };
  const changes = (lint.changes ?? []).map(
    ({ address, at }) => `  changed ${hex(address)}${placeText(address)} ${stepText(at)}`,
  );
  if (changes.length === 0) changes.push('  changed more than one word, or a register');
  const missing = lint.missing ?? 'nothing would: it may be cached again at once';
  return [`  lint    ${stepText(lint.action)}: ${lint.message}`, ...changes, `  missing ${missing}`].map(cut);
}

/** What belongs at an address that steps name by handles. */
function placeText(address: bigint): string {
  // Structures are longer than a word.
  const place = whatIsAt(address) ?? whatIsAt(address & ~63n);
  switch (place?.kind) {
    case undefined:
      return '';
    case 'ste':
      return ` (STE of stream ${place.stream})`;
    case 'cd':
      return ` (CD ${place.cd})`;
    case 'l1cd':
      return ` (level 1 CD descriptor ${place.index})`;
    case 'command':
      return ` (command slot ${place.slot})`;
    case 'descriptor': {
      const owner = 'cd' in place.owner ? `CD ${place.owner.cd}` : `VM ${place.owner.vm}`;
      return ` (level ${place.level} descriptor of ${owner}, ${place.granule})`;
    }
  }
}

function violationWhy(violation: Violation): string[] {
  const lines = ['Why (the rules in the order they were applied, the decisive one marked)'];
  for (const permitted of violation.permitted.slice(0, PERMITTED_SHOWN)) {
    if (violation.permitted.length > 1) lines.push(cut(`  ${permitted.outcome}`));
    lines.push(...ruleLines(chain(permitted, violation.rule), violation.rule));
  }
  if (violation.permitted.length === 0) lines.push(...ruleLines([violation.rule], violation.rule));
  const { when, then } = ruleRow(violation.rule);
  lines.push(...wrap(`${violation.rule}: when ${when}: ${then}`, COLUMNS_MAX, '    '));
  return lines;
}

function chain(permitted: Permitted, decisive: RuleId): readonly RuleId[] {
  return permitted.rules.includes(decisive) ? permitted.rules : [...permitted.rules, decisive];
}

/** The last of a chain of rules; the decisive one wherever it is. */
function ruleLines(rules: readonly RuleId[], decisive: RuleId): string[] {
  const shown = rules.slice(-RULES_SHOWN);
  if (!shown.includes(decisive)) shown[0] = decisive;
  const hidden = rules.length - shown.length;
  const lines = shown.map((id) => ruleLine(id, id === decisive));
  return hidden === 0 ? lines : [ink('dim', `    ... ${plural(hidden, 'rule')} before`), ...lines];
}

function ruleLine(id: RuleId, decisive: boolean): string {
  const { section, title } = ruleRow(id);
  const text = cut(`  ${decisive ? '*' : ' '} ${id.padEnd(11)} ${section.padEnd(10)} ${title}`);
  return decisive ? ink('bold', text) : text;
}

function cut(text: string): string {
  return text.length <= COLUMNS_MAX ? text : `${text.slice(0, COLUMNS_MAX - 3)}...`;
}
