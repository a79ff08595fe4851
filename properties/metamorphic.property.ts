import { describe, expect, test } from 'vitest';
import { runRange } from './campaign.ts';
import { noninterference } from './isolation.ts';
import { blocksLikePages, extraInvalidations, invalidatedIsDeterminate, twiceTheSame } from './metamorphic.ts';
import type { Property } from './property.ts';
import { anyOrder, linearAndTwoLevel, oneCdAndTables, stage1AndNested, wholeAndSplit } from './same-result.ts';
import { holds, model } from './testing.ts';

describe('laws that compare runs hold on the model', () => {
  test(extraInvalidations.title, () => holds(extraInvalidations, 200));
  test(invalidatedIsDeterminate.title, () => holds(invalidatedIsDeterminate, 200));
  test(twiceTheSame.title, () => holds(twiceTheSame, 400));
  test(blocksLikePages.title, () => holds(blocksLikePages, 400));
  test(noninterference.title, () => holds(noninterference, 400));
  test(wholeAndSplit.title, () => holds(wholeAndSplit, 400));
  test(anyOrder.title, () => holds(anyOrder, 400));
  test(linearAndTwoLevel.title, () => holds(linearAndTwoLevel, 400));
  test(stage1AndNested.title, () => holds(stage1AndNested, 400));
  test(oneCdAndTables.title, () => holds(oneCdAndTables, 400));
});

describe('the laws say something of most of their scenarios', () => {
  const laws: readonly Property[] = [
    wholeAndSplit,
    anyOrder,
    blocksLikePages,
    linearAndTwoLevel,
    stage1AndNested,
    oneCdAndTables,
  ];
  for (const law of laws) {
    test(law.name, async () => {
      const { outcomes, scenarios, vacuous } = await runRange({
        subject: model,
        properties: [law],
        seed: 1,
        from: 0,
        to: 200,
      });
      expect(vacuous / scenarios).toBeLessThan(0.4);
      expect(outcomes.translated).toBeGreaterThan(200);
      expect(outcomes.faulted).toBeGreaterThan(100);
    });
  }
});
