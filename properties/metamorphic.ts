/**
 * Properties that compare runs of a scenario and of a changed one. Of an orderly scenario (orderly.ts) they compare alone; of others the
 * reference says which outcomes were open.
 */
import { judge } from '../reference/judge.ts';
import type { Verdict } from '../reference/verdict.ts';
import { lower } from '../scenario/lower.ts';
import type { Scenario } from '../scenario/steps.ts';
import type { Subject } from '../subjects/subject.ts';
import { pagesOfBlocks } from './blocks.ts';
import type { Changed } from './blocks.ts';
import { blockStories } from './arbitraries/blocks.ts';
import { scenarios } from './arbitraries/scenarios.ts';
import { actionsByStep, dmaActions, dmaText, firstDifference, observationText } from './compare.ts';
import { isOrderly } from './orderly.ts';
import { halfAndHalf, orderlyScenarios } from './orderly-stories.ts';
import { judgedResult, violated } from './property.ts';
import type { Property, PropertyResult, Run } from './property.ts';
import { run, sameInAllForms } from './same-for-devices.ts';
import { INVALIDATE_ALL, extraInvalidation, insertBeforeDma } from './transform.ts';

type JudgedRun = Run & { readonly verdict: Verdict };

async function runJudged(subject: Subject, scenario: Scenario): Promise<JudgedRun> {
  return withVerdict(await run(subject, scenario));
}

function withVerdict({ program, trace }: Run): JudgedRun {
  return { program, trace, verdict: judge(program, trace) };
}

/** Whether only one outcome was permitted at a DMA action. Judges again, with explanations, when the counts alone do not tell. */
function determinacyOf(run: JudgedRun): (action: number) => boolean {
  if (run.verdict.kind === 'ok' && run.verdict.determinateDmas === run.verdict.dmas) return () => true;
  const { actions = [] } = judge(run.program, run.trace, { explain: true });
  const forced = new Set(actions.filter(({ permitted }) => permitted.length === 1).map(({ action }) => action));
  return (action) => forced.has(action);
}

/** The run beside that of the changed scenario, without the judge; undefined when the scenario is not orderly. */
async function compareAlone(
  subject: Subject,
  scenario: Scenario,
  base: Run,
  changed: Changed | undefined,
  rule: string,
): Promise<PropertyResult | undefined> {
  if (!isOrderly(scenario, base.trace.idRegisters)) return undefined;
  return sameInAllForms(subject, scenario, base, changed === undefined ? [] : [changed], rule);
}

export const extraInvalidations: Property = {
  name: 'extra-invalidation',
  title: 'an invalidation that was not needed changes nothing for any device',
  arbitrary: (subject) => halfAndHalf(scenarios(subject), orderlyScenarios(subject)),
  async check(subject, scenario) {
    const inserted = insertBeforeDma(scenario, extraInvalidation);
    const alone = await run(subject, scenario);
    const compared = await compareAlone(subject, scenario, alone, inserted, 'TLBI-060');
    if (compared !== undefined) return compared;
    const base = withVerdict(alone);
    const result = judgedResult(scenario, base);
    if (result.kind !== 'ok') return result;
    const { scenario: changed, placeOf, preceded } = inserted;
    if (!preceded.includes(true)) return { kind: 'ok', run: base, vacuous: true };
    const other = await runJudged(subject, changed);
    return sameForDevices(scenario, base, other, placeOf, 'TLBI-060');
  },
};

/** Compares each DMA whose outcome was fixed in both runs. */
function sameForDevices(
  scenario: Scenario,
  base: JudgedRun,
  other: JudgedRun,
  placeOf: readonly number[],
  rule: string,
): PropertyResult {
  const determinate = determinacyOf(base);
  const alsoThere = determinacyOf(other);
  const here = actionsByStep(base.program);
  const there = actionsByStep(other.program);
  for (let step = 0; step < scenario.steps.length; step += 1) {
    const actions = dmaActions(base.program, here[step]);
    const others = dmaActions(other.program, there[placeOf[step] ?? -1]);
    for (const [at, action] of actions.entries()) {
      const twin = others[at] ?? -1;
      if (!determinate(action) || !alsoThere(twin)) continue;
      const permitted = dmaText(base.trace.observations[action]);
      const observed = dmaText(other.trace.observations[twin]);
      if (permitted === observed) continue;
      const difference = 'runs-differ';
      return violated(scenario, {
        program: base.program,
        run: base,
        rule,
        difference,
        action,
        observed,
        permitted: [permitted],
      });
    }
  }
  return { kind: 'ok', run: base };
}

export const invalidatedIsDeterminate: Property = {
  name: 'invalidate-all',
  title: 'after everything is invalidated one outcome is left, and the subject has it',
  arbitrary: (subject) => halfAndHalf(scenarios(subject), orderlyScenarios(subject)),
  async check(subject, scenario) {
    const inserted = insertBeforeDma(scenario, () => INVALIDATE_ALL);
    const { scenario: changed, placeOf, preceded } = inserted;
    const compared = await compareAlone(subject, scenario, await run(subject, scenario), inserted, 'CACHE-061');
    if (compared !== undefined) return compared;
    const judgedRun = await runJudged(subject, changed);
    // A step that was put in is blamed on the DMA it stands before.
    const blamed = (step: number): number => placeOf.findIndex((place) => place >= step);
    const result = judgedResult(scenario, judgedRun, blamed);
    const { determinateDmas, dmas } = judgedRun.verdict;
    if (result.kind !== 'ok' || determinateDmas === dmas) return result;
    if (sharesTranslations(scenario)) return { ...result, vacuous: true };
    return stillOpen(scenario, judgedRun, placeOf, preceded) ?? result;
  },
};

/** The first DMA after a full invalidation whose outcome still depends on what a cache holds. */
function stillOpen(
  scenario: Scenario,
  run: JudgedRun,
  placeOf: readonly number[],
  preceded: readonly boolean[],
): PropertyResult | undefined {
  const { program, trace } = run;
  const there = actionsByStep(program);
  const { actions = [] } = judge(program, trace, { explain: true });
  const open = new Map(actions.filter(({ pass }) => pass === 'stale').map((verdict) => [verdict.action, verdict]));
  for (let step = 0; step < scenario.steps.length; step += 1) {
    if (preceded[step] !== true) continue;
    for (const action of dmaActions(program, there[placeOf[step] ?? -1])) {
      const verdict = open.get(action);
      if (verdict === undefined) continue;
      const rule = verdict.rules[0] ?? 'CACHE-061';
      const { observed } = verdict;
      const permitted = verdict.permitted.map(({ outcome }) => outcome);
      return violated(scenario, {
        program,
        run,
        rule,
        difference: 'not-determinate',
        action,
        step,
        observed,
        permitted,
      });
    }
  }
  return undefined;
}

/**
 * Whether a access may rightly use translations that were made for another: global leaves, ASIDs set by hand, descriptors that may be
 * either, groups of contiguous leaves that differ. An invalidation does not keep the other's from being cached again at once (CACHE-066, TLBI-146).
 */
function sharesTranslations({ steps }: Scenario): boolean {
  return steps.some((step) => {
    if (step.do === 'poke') return true;
    if (step.do !== 'cd' && step.do !== 'map' && step.do !== 'table') return false;
    const { ASID, nG, Type, raw, Contiguous } = (step.set ?? {}) as Readonly<Record<string, bigint | undefined>>;
    return ASID !== undefined || nG === 0n || Type === 0n || raw !== undefined || Contiguous === 1n;
  });
}

export const twiceTheSame: Property = {
  name: 'twice',
  title: 'a scenario that is run twice gives the same trace',
  arbitrary: scenarios,
  async check(subject, scenario) {
    const program = lower(scenario);
    const first = await subject.run(program);
    const second = await subject.run(program);
    const run = { program, trace: first };
    const action = firstDifference(first, second);
    if (action === undefined) return { kind: 'ok', run };
    const observed = second.died ?? observationText(second.observations[action]);
    const permitted = [first.died ?? observationText(first.observations[action])];
    return violated(scenario, {
      program,
      run,
      rule: 'same-trace-twice',
      difference: 'runs-differ',
      action,
      observed,
      permitted,
    });
  },
};

export const blocksLikePages: Property = {
  name: 'block-and-pages',
  title: 'a block and the pages it could be made of translate alike',
  arbitrary: (subject) => scenarios(subject, blockStories),
  async check(subject, scenario) {
    const changed = pagesOfBlocks(scenario);
    const alone = await run(subject, scenario);
    const compared = await compareAlone(subject, scenario, alone, changed, 'WALK-089');
    if (compared !== undefined) return compared;
    const base = withVerdict(alone);
    const result = judgedResult(scenario, base);
    if (result.kind !== 'ok') return result;
    if (changed === undefined) return { kind: 'ok', run: base, vacuous: true };
    const other = await runJudged(subject, changed.scenario);
    return sameForDevices(scenario, base, other, changed.placeOf, 'WALK-089');
  },
};
