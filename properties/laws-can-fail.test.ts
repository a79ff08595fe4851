import { describe, expect, test } from 'vitest';
import type { Action, Program } from '../scenario/steps.ts';
import type { Observation, Trace } from '../scenario/trace.ts';
import type { Subject } from '../subjects/subject.ts';
import { noninterference } from './isolation.ts';
import { judged } from './judged.ts';
import { blocksLikePages, extraInvalidations, twiceTheSame } from './metamorphic.ts';
import type { Property, Violated, ViolationKind } from './property.ts';
import { drawn, model } from './testing.ts';

/** The model with each observation passed through `edit`. */
function tampered(
  edit: (observation: Observation, action: Action, program: Program, at: number) => Observation,
): Subject {
  return {
    ...model,
    capabilities: model.capabilities,
    idRegisters: model.idRegisters,
    close: async () => undefined,
    async run(program): Promise<Trace> {
      const trace = await model.run(program);
      const observations = trace.observations.map((observation, at) => {
        const action = program.actions[at];
        return action === undefined ? observation : edit(observation, action, program, at);
      });
      return { ...trace, observations };
    },
  };
}

const ABORT: Observation = { outcome: { kind: 'abort' }, interrupts: [] };

/** The first violation of a kind in a hundred scenarios. */
async function violationOf(property: Property, subject: Subject, kind: ViolationKind): Promise<Violated | undefined> {
  for (const scenario of drawn(property, 100)) {
    const result = await property.check(subject, scenario);
    if (result.kind === 'violation' && result.difference === kind) return result;
  }
  return undefined;
}

function isRead(action: Action): action is Extract<Action, { op: 'dma-read' }> {
  return action.op === 'dma-read';
}

describe('each law finds a subject that breaks it', () => {
  test(judged.title, async () => {
    const subject = tampered((seen, action) => (isRead(action) && seen.outcome.kind === 'data' ? ABORT : seen));
    const violation = await violationOf(judged, subject, 'dma-abort');
    expect(violation).toMatchObject({ difference: 'dma-abort' });
    expect(violation?.message).toContain(violation?.rule);
  });

  test(extraInvalidations.title, async () => {
    // Loses a translation once two CMD_SYNC have stood directly behind invalidations.
    const syncs = (program: Program, at: number): number =>
      program.actions
        .slice(0, at)
        .filter((action) => action.op === 'write-memory' && action.data.length === 16 && action.data[0] === 0x46)
        .length;
    const subject = tampered((seen, action, program, at) =>
      isRead(action) && seen.outcome.kind === 'data' && syncs(program, at) > 11 ? ABORT : seen,
    );
    expect(await violationOf(extraInvalidations, subject, 'runs-differ')).toBeDefined();
  });

  test(twiceTheSame.title, async () => {
    let runs = 0;
    const subject = tampered((seen, action, _, at) => {
      if (at === 0) runs += 1;
      return isRead(action) && runs % 2 === 0 ? ABORT : seen;
    });
    expect(await violationOf(twiceTheSame, subject, 'runs-differ')).toMatchObject({ difference: 'runs-differ' });
  });

  test(blocksLikePages.title, async () => {
    // A fault at level 3 alone, which a scenario of blocks never shows.
    const hasPages = (program: Program): boolean =>
      program.actions.some(
        (action) => action.op === 'write-memory' && action.data.length === 8 && (action.address >> 12n) % 16n >= 7n,
      );
    const subject = tampered((seen, action, program) => (isRead(action) && hasPages(program) ? ABORT : seen));
    expect(await violationOf(blocksLikePages, subject, 'runs-differ')).toMatchObject({ difference: 'runs-differ' });
  });

  test(noninterference.title, async () => {
    // A fault of one stream poisons the next access of any other.
    const subject = tampered((seen, action, program, at) => {
      if (!isRead(action)) return seen;
      const last = program.actions.slice(0, at).findLast(isRead);
      return last !== undefined && last.streamId !== action.streamId ? ABORT : seen;
    });
    expect(await violationOf(noninterference, subject, 'runs-differ')).toMatchObject({
      rule: 'TLBI-137',
      difference: 'runs-differ',
    });
  });
});
