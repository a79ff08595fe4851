/**
 * STE.CONT (5.2): a hint that lets a cache of one STE answer for its neighbours, and what follows where they differ.
 *
 * CONT does not widen any invalidation: each neighbour is remembered until its own StreamID is named.
 */
import { field, small } from './bits.ts';
import type { Features } from './features.ts';
import type { Memory } from './memory.ts';
import type { State } from './state.ts';
import type { Ste } from './ste.ts';
import { currentTable, fetchSte, writtenStes } from './stream-table.ts';
import type { Fetched } from './structures.ts';

/** STEs of other streams that CONT lets a cache match for a stream (5.2), and whether one in its span was never written. */
export interface Neighbours {
  readonly stes: readonly Fetched<Ste>[];
  readonly unwritten: boolean;
}

/**
 * The neighbours that may be used in place of the STE of `streamId`: those in the span of its own CONT, and those whose CONT
 * spans it.
 * @param own what the stream's own STE may be
 */
export function contiguousNeighbours(
  state: State,
  memory: Memory,
  f: Features,
  streamId: number,
  own: readonly Fetched<Ste>[],
): Neighbours {
  const { log2Size } = currentTable(state);
  const spanOf = (stream: number, cont: number): readonly [first: number, size: number] => {
    const size = 2 ** Math.min(cont, log2Size);
    return [Math.floor(stream / size) * size, size];
  };
  const spans = own.filter(({ structure }) => structure.v && structure.cont > 0);
  const written = writtenStes(state, memory, f);
  const hinting = written.filter(({ word }) => ((word >> 3n) & 7n) === 1n && everHints(memory, word));
  if (spans.length === 0 && hinting.every((other) => other.streamId === streamId)) return NO_NEIGHBOURS;
  const streams = new Set(written.map((other) => other.streamId));
  const covered = (other: number): boolean =>
    spans.some(({ structure: { cont } }) => {
      const [first, size] = spanOf(streamId, cont);
      return other >= first && other < first + size;
    });
  const stes: Fetched<Ste>[] = [];
  for (const other of streams) {
    if (other === streamId || other >= 2 ** log2Size) continue;
    for (const ste of fetchSte(state, memory, f, other).seen) {
      const [first, size] = spanOf(other, ste.structure.v ? ste.structure.cont : 0);
      const hinted = streamId >= first && streamId < first + size;
      if (hinted || covered(other)) stes.push(ste);
    }
  }
  const largest = Math.max(1, ...spans.map(({ structure: { cont } }) => spanOf(streamId, cont)[1]));
  const first = Math.floor(streamId / largest) * largest;
  const inside = [...streams].filter((other) => other >= first && other < first + largest).length;
  return { stes, unwritten: spans.length > 0 && inside < largest };
}

/** Whether the CONT of an STE in the table would span a StreamID beyond the table, were it not capped (5.2). */
export function reachedByContiguous(state: State, memory: Memory, f: Features, streamId: number): boolean {
  return writtenStes(state, memory, f).some(({ streamId: other, word }) => {
    if (((word >> 3n) & 7n) !== 1n) return false;
    const cont = small(memory.now(word)[0]?.value ?? 0n, 16, 13);
    return cont > 0 && Math.floor(other / 2 ** cont) === Math.floor(streamId / 2 ** cont);
  });
}

const NO_NEIGHBOURS: Neighbours = { stes: [], unwritten: false };

/** Whether word 1 of an STE ever had a CONT other than 0. */
function everHints(memory: Memory, word: bigint): boolean {
  return memory.held(word, -2).some(({ value }) => field(value, 16, 13) !== 0n);
}

/** Whether two STEs say the same but for CONT. */
export function identicalStes(a: Ste, b: Ste): boolean {
  return a.words.every((word, at) => ((word ^ (b.words[at] ?? 0n)) & (at === 1 ? ~(0xfn << 13n) : ~0n)) === 0n);
}
