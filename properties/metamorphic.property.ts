import { describe, test } from 'vitest';
import { noninterference } from './isolation.ts';
import { blocksLikePages, extraInvalidations, invalidatedIsDeterminate, twiceTheSame } from './metamorphic.ts';
import { holds } from './testing.ts';

describe('laws that compare runs hold on the model', () => {
  test(extraInvalidations.title, () => holds(extraInvalidations, 200));
  test(invalidatedIsDeterminate.title, () => holds(invalidatedIsDeterminate, 200));
  test(twiceTheSame.title, () => holds(twiceTheSame, 400));
  test(blocksLikePages.title, () => holds(blocksLikePages, 200));
  test(noninterference.title, () => holds(noninterference, 400));
});
