import { describe, expect, test } from 'vitest';
import { Tlb } from './tlb.ts';

/** A small deterministic generator: tests must not depend on the weather. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Known {
  page: number;
  level: number;
  global: boolean;
  owner: number;
  address: number;
}
const unit = (level: number): number => 2 ** (9 * (3 - level));
const high = (page: number): number => Math.floor(page / 2 ** 20);
const low = (page: number): number => ((page % 2 ** 20) * 4096) >>> 0;

describe('against a list', () => {
  test.each([1, 2, 3, 4])(
    'a TLB that never evicts holds exactly what was inserted and not invalidated (seed %i)',
    (seed) => {
      const next = random(seed);
      const tlb = new Tlb();
      let known: Known[] = [];
      const anyPage = (): number => next(8) * 2 ** 32 + next(3) * 2 ** 18 + next(4) * 512 + next(8);
      const covers = (k: Known, first: number, pages: number): boolean =>
        k.page < first + pages && k.page + unit(k.level) > first;
      for (let step = 0; step < 4000; step++) {
        const page = anyPage();
        const asid = next(5);
        switch (next(12)) {
          case 0:
            if (next(20) === 0) {
              tlb.invalidateAll();
              known = [];
            }
            break;
          case 1:
            tlb.invalidateAsid(asid);
            known = known.filter((k) => k.global || k.owner !== asid);
            break;
          case 2:
          case 3: {
            const any = next(2) === 0;
            const pages = [1, 3, 600, 2 ** 20, 2 ** 36][next(5)]!;
            const level = next(4);
            tlb.invalidateAddress({ high: high(page), low: low(page), pages, leafOnly: true, level }, any ? -1 : asid);
            known = known.filter(
              (k) =>
                !(
                  covers(k, page, pages) &&
                  (level === 0 || level === k.level) &&
                  (any || k.global || k.owner === asid)
                ),
            );
            break;
          }
          default: {
            const level = 1 + next(3);
            const global = next(4) === 0;
            const owner = global ? next(2) : asid;
            const start = Math.floor(page / unit(level)) * unit(level);
            tlb.insertLeaf(high(page), low(page), level, global, asid, owner, step * 4096, step % 16);
            known = known.filter(
              (k) => !(k.page === start && k.level === level && k.global === global && k.owner === owner),
            );
            known.push({ page: start, level, global, owner, address: step * 4096 });
          }
        }
        const probe = anyPage();
        const aset = next(2);
        const slot = tlb.lookupLeaf(high(probe), low(probe), asid, aset);
        const matches = known.filter((k) => covers(k, probe, 1) && k.owner === (k.global ? aset : asid));
        if (slot < 0) expect(matches).toEqual([]);
        else expect(matches.map((k) => k.address)).toContain(tlb.addressOf(slot));
      }
    },
  );
});

describe('capacity', () => {
  test('grows to hold 2^16 pages, all found', () => {
    const tlb = new Tlb();
    for (let page = 0; page < 65536; page++) tlb.insertLeaf(0, page * 4096, 3, false, page % 7, 0, page * 4096, 0);
    let found = 0;
    for (let page = 0; page < 65536; page++) {
      const slot = tlb.lookupLeaf(0, page * 4096, page % 7, 0);
      if (slot >= 0 && tlb.addressOf(slot) === page * 4096) found++;
    }
    expect(found).toBeGreaterThan(65000);
  });

  test('an invalidated table is filled again without growing stale', () => {
    const tlb = new Tlb();
    for (let round = 0; round < 50; round++) {
      for (let page = 0; page < 500; page++) tlb.insertLeaf(0, page * 4096, 3, false, 1, 0, round * 4096, 0);
      for (let page = 0; page < 500; page++) {
        const slot = tlb.lookupLeaf(0, page * 4096, 1, 0);
        if (slot >= 0) expect(tlb.addressOf(slot)).toBe(round * 4096);
      }
      if (round % 2 === 0) tlb.invalidateAsid(1);
      else tlb.invalidateAddress({ high: 0, low: 0, pages: 500, leafOnly: false, level: 0 }, -1);
      expect(tlb.lookupLeaf(0, 77 * 4096, 1, 0)).toBe(-1);
    }
  });
});

test('Table descriptors are found by level and ASID, and leaf-only invalidation keeps them', () => {
  const tlb = new Tlb();
  tlb.insertTable(0x00ff_0000, 0, 1, 5, 0x1000, 3);
  const find = (level: number, asid: number): number => tlb.lookupTable(0x00ff_0000, 0x3fff_f000, level, asid);
  expect(tlb.addressOf(find(1, 5))).toBe(0x1000);
  expect([find(0, 5), find(2, 5), find(1, 6)]).toEqual([-1, -1, -1]);
  const scope = { high: 0x00ff_0000, low: 0, pages: 1, leafOnly: true, level: 0 };
  tlb.invalidateAddress(scope, -1);
  expect(find(1, 5)).toBeGreaterThanOrEqual(0);
  tlb.invalidateAddress({ ...scope, leafOnly: false }, -1);
  expect(find(1, 5)).toBe(-1);
});
