import { expect, test } from 'vitest';
import { cellText, judgeCells, registerCells, registerRows } from './registers-exhaustive.ts';
import { model } from './testing.ts';

/** What a write of no supported size, or of many enables at once, leaves open: the rest of such a cell cannot be judged. */
const OPEN: readonly string[] = [
  'translation was enabled before the Stream table was set up',
  'a queue was used before its base was set',
  'more than 256 possible states',
];

test('every register, by every size and alignment, in every state of the enables, on v3.1 and v3.2: no cell is empty', async () => {
  const rows = registerRows();
  const { cells, whole, inPart, empty, violations } = await judgeCells(model, registerCells(rows));
  expect(violations).toEqual([]);
  expect(empty.map(cellText), 'cells of which nothing was judged').toEqual([]);
  expect([...inPart.keys()].filter((reason) => !OPEN.includes(reason))).toEqual([]);
  const parts = [...inPart].map(([reason, { length, [0]: first }]) => {
    const example = first === undefined ? '' : `; the first: ${cellText(first)}`;
    return `${length} in part (${reason}${example})`;
  });
  console.log(`${rows.length} registers, ${cells} cells, ${whole} judged whole, ${parts.join(', ')}`);
  expect(rows.length).toBeGreaterThanOrEqual(44);
  // Sizes by first byte, by enables, by version.
  const accesses = rows.reduce((sum, { bytes }) => sum + 4 * bytes, 0);
  expect(cells).toBe(accesses * (16 + 8) * 2);
  expect(whole / cells).toBeGreaterThan(0.995);
});
