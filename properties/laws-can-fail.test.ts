import { describe, expect, test } from 'vitest';
import type { Action, Program } from '../scenario/steps.ts';
import type { Observation, Trace } from '../scenario/trace.ts';
import type { Subject } from '../subjects/subject.ts';
import { bug, edit } from '../fuzz/bugs/bug.ts';
import type { Edit } from '../fuzz/bugs/bug.ts';
import { loadPatchedModel } from '../fuzz/bugs/load.ts';
import { openModel } from '../subjects/model.ts';
import { noninterference } from './isolation.ts';
import { judged } from './judged.ts';
import { blocksLikePages, extraInvalidations, invalidatedIsDeterminate, twiceTheSame } from './metamorphic.ts';
import type { Property, Violated, ViolationKind } from './property.ts';
import { anyOrder, linearAndTwoLevel, oneCdAndTables, stage1AndNested, wholeAndSplit } from './same-result.ts';
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

const ASIDS_MIXED = edit('translate', 'this.#tlb.space(ste.world, context.cd.asid)', 'this.#tlb.space(ste.world, 0)');

/** Faults of the model, each of which shows in what one law compares. */
const FAULTS: readonly (readonly [Property, title: string, ...edits: Edit[]])[] = [
  [
    extraInvalidations,
    'CMD_CFGI_CD loses where the CDs of the stream are',
    edit(
      'config-cache',
      '    entry.dropContext(index);\n    if',
      '    entry.dropContext(index);\n    entry.ste = { ...entry.ste, s1ContextPtr: 0 };\n    if',
    ),
  ],
  [
    invalidatedIsDeterminate,
    'what CMD_CFGI_ALL dropped is back after the next one',
    edit('config-cache', 'this.#generation++;', 'this.#generation ^= 1;'),
  ],
  [
    twiceTheSame,
    'memory that was written is zero after the reset',
    {
      file: 'model/bus/memory.ts',
      find: 'page.dirty = false;\n      this.#initialPage?.(page.base, page.bytes);',
      replace: 'page.dirty = false;',
    },
  ],
  [
    blocksLikePages,
    'a block passes no more address bits on than a page',
    edit('translate', 'low & OFFSET_MASK[hit', 'low & 0xfff & OFFSET_MASK[hit'),
  ],
  [noninterference, 'entries of the TLB match whatever their ASID', ASIDS_MIXED],
  [
    linearAndTwoLevel,
    'second-level Stream tables have 64 STEs whatever SPLIT is',
    edit('stream-table', 'const index2 = streamId % 2 ** split;', 'const index2 = streamId % 64;'),
  ],
  [
    stage1AndNested,
    'both stages together have a leaf as large as the larger of theirs',
    edit('walk', 'Math.min(leafKind, this.#stage2.kind)', 'Math.max(leafKind, this.#stage2.kind)'),
  ],
  [
    oneCdAndTables,
    'S1DSS 0b10 leads to the second CD',
    edit('translate', '    this.#cdIndex = 0;', '    this.#cdIndex = ste.s1CdMax === 0 ? 0 : 1;'),
  ],
  [
    wholeAndSplit,
    'the second access to a page starts at its beginning',
    edit('translate', 'const offset = low & ', 'const offset = hit ? low & 0xfc0 : low & '),
  ],
  [anyOrder, 'entries of the TLB match whatever their ASID', ASIDS_MIXED],
];

/** More than any of them needs. */
const SCENARIOS = 150;

describe('each law that compares runs finds a fault by the comparison alone', () => {
  for (const [property, title, ...edits] of FAULTS) {
    test(`${property.name}: ${title}`, async () => {
      const fault = bug('BUG-0', { title, area: 'TLB', origin: 'none', severity: 'wrong translation' }, ...edits);
      const subject = openModel({ systemClass: await loadPatchedModel(fault) });
      let found: Violated | undefined;
      for (const scenario of drawn(property, SCENARIOS)) {
        const sound = await property.check(model, scenario);
        expect(sound.kind, 'on the model as it is').not.toBe('violation');
        const result = await property.check(subject, scenario);
        // One that the judge had a part in shows nothing of the comparison.
        if (result.kind !== 'violation' || result.run.verdict !== undefined) continue;
        found = result;
        break;
      }
      expect(found).toMatchObject({ difference: 'runs-differ' });
    });
  }
});
