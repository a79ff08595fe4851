import { expect, test } from 'vitest';
import { cdAddress, descriptorAddress, steAddress } from '../scenario/layout.ts';
import { PATTERN_BASE } from '../scenario/memory-map.ts';
import type { Step } from '../scenario/steps.ts';
import { patternAt, told } from './testing.ts';
import type { Told } from './testing.ts';
import type { Lint } from './verdict.ts';

const STREAM = 3;
const VA = 0x1000n;
const dma: Told = [{ do: 'dma', stream: STREAM, read: VA, bytes: 8 }, { outcomes: [patternAt(PATTERN_BASE)] }];
const SYNC: Step = { do: 'command', name: 'CMD_SYNC' };

/** The lints of a page that is mapped and read, then `changed`, and read as before: every cache held it. */
function lintsAfter(...changed: readonly Step[]): readonly Lint[] {
  const { kind, lints } = told([
    { do: 'cd', cd: 0 },
    { do: 'ste', stream: STREAM },
    { do: 'map', cd: 0, va: VA, pa: PATTERN_BASE },
    { do: 'boot' },
    dma,
    ...changed,
    dma,
  ]);
  expect(kind).toBe('ok');
  return lints;
}

const unmap: Step = { do: 'unmap', cd: 0, va: VA };

test('a leaf that changed without a TLBI is named, with the TLBI', () => {
  const [lint, ...others] = lintsAfter(unmap);
  expect(others).toEqual([]);
  expect(lint?.message).toContain('F_TRANSLATION');
  expect(lint?.changes?.map(({ address }) => address)).toEqual([descriptorAddress({ cd: 0 }, VA, 3)]);
  expect(lint?.missing).toMatch(/^CMD_TLBI_NH_VA.* and CMD_SYNC$/);
});

test('what was issued and not completed wants its CMD_SYNC', () => {
  const [lint] = lintsAfter(unmap, { do: 'command', name: 'CMD_TLBI_NH_ALL' });
  expect(lint?.missing).toMatch(/^CMD_SYNC/);
});

test('a CD that changed wants a CFGI and, for what it led to, a TLBI', () => {
  const [lint] = lintsAfter({ do: 'cd', cd: 0, set: { EPD0: 1n } });
  expect(lint?.changes?.[0]?.address).toBe(cdAddress(0));
  expect(lint?.missing).toContain('CMD_CFGI_CD');
});

test('an STE that changed wants CMD_CFGI_STE', () => {
  const [lint] = lintsAfter({ do: 'ste', stream: STREAM, set: { V: 0n } });
  expect(lint?.changes?.[0]?.address).toBe(steAddress(STREAM));
  expect(lint?.missing).toBe(`CMD_CFGI_STE of stream ${STREAM} and CMD_SYNC`);
});

test('what is invalidated leaves nothing to say', () => {
  const { lints } = told([
    { do: 'cd', cd: 0 },
    { do: 'ste', stream: STREAM },
    { do: 'map', cd: 0, va: VA, pa: PATTERN_BASE },
    { do: 'boot' },
    dma,
    unmap,
    { do: 'command', name: 'CMD_TLBI_NH_ALL' },
    SYNC,
    [
      { do: 'dma', stream: STREAM, read: VA, bytes: 8 },
      { outcomes: [{ kind: 'abort' }], interrupts: ['EVTQ'] },
    ],
  ]);
  expect(lints).toEqual([]);
});
