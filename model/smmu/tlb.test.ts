import { describe, expect, test } from 'vitest';
import { KIND_LEVEL, KIND_SHIFT, KIND_TG } from './granule.ts';
import { GLOBAL, IPA, NS_EL2 } from './tlb-spaces.ts';
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
  kind: number;
  /** Of the stage 1 leaf that it is a piece of. */
  leafKind: number;
  vmid: number;
  owner: number;
  address: number;
}
const LEAF_4K = 0;
const LEAF_2M = 3;
const LEAF_1G = 6;
const unit = (kind: number): number => 2 ** (KIND_SHIFT[kind]! - 12);
const high = (page: number): number => Math.floor(page / 2 ** 20);
const low = (page: number): number => ((page % 2 ** 20) * 4096) >>> 0;
const scopeOf = (page: number, pages = 1) => ({
  ...{ high: high(page), low: low(page), pages },
  ...{ leafOnly: true, tg: 0, level: 0 },
});

describe('against a list', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'a TLB that never evicts holds exactly what was inserted and not invalidated (seed %i)',
    (seed) => {
      const next = random(seed);
      const tlb = new Tlb();
      let known: Known[] = [];
      const anyPage = (): number => next(8) * 2 ** 32 + next(3) * 2 ** 18 + next(4) * 512 + next(20);
      const covers = (k: Known, first: number, pages: number, kind = k.kind): boolean => {
        const start = Math.floor(k.page / unit(kind)) * unit(kind);
        return start < first + pages && start + unit(kind) > first;
      };
      for (let step = 0; step < 4000; step++) {
        const page = anyPage();
        const asid = next(4);
        // Of the worlds one is NS-EL2.
        const vmid = [0, 1, NS_EL2][next(3)]!;
        switch (next(16)) {
          case 0:
            if (next(20) === 0) {
              tlb.invalidateAll();
              known = [];
            } else if (next(10) === 0) {
              tlb.invalidateEl1();
              known = known.filter((k) => k.vmid === NS_EL2);
            } else if (next(4) === 0) {
              tlb.invalidateEl2();
              known = known.filter((k) => k.vmid !== NS_EL2);
            }
            break;
          case 1:
            tlb.invalidateAsid(vmid, asid);
            known = known.filter((k) => k.vmid !== vmid || k.owner !== asid);
            break;
          case 2: {
            const ipas = next(2) === 0;
            if (next(4) !== 0) break;
            tlb.invalidateVmid(vmid, ipas);
            known = known.filter((k) => k.vmid !== vmid || (!ipas && k.owner === IPA));
            break;
          }
          case 3:
          case 4:
          case 5: {
            const any = next(2) === 0;
            const byIpa = next(3) === 0;
            const pages = [1, 3, 600, 2 ** 20, 2 ** 36][next(5)]!;
            const tg = next(4);
            const level = tg === 0 ? 0 : next(4);
            const scope = { ...scopeOf(page, pages), tg, level };
            if (byIpa) tlb.invalidateIpa(scope, vmid);
            else tlb.invalidateVa(scope, vmid, any ? -1 : asid);
            known = known.filter((k) => {
              const reach = byIpa ? k.owner === IPA : k.owner !== IPA && (any || k.owner === asid || k.owner >= GLOBAL);
              if (k.vmid !== vmid || !reach) return true;
              const named = (kind: number): boolean =>
                covers(k, page, pages, kind) &&
                (tg === 0 || tg === KIND_TG[kind]) &&
                (level === 0 || level === KIND_LEVEL[kind]);
              return !named(k.kind) && !named(k.leafKind);
            });
            break;
          }
          default: {
            const kind = next(7);
            const owner = [asid, asid, GLOBAL | next(2), IPA][next(4)]!;
            const leafKind = owner === IPA || next(3) > 0 ? kind : kind + next(7 - kind);
            const start = Math.floor(page / unit(kind)) * unit(kind);
            const space = tlb.space(vmid, owner);
            tlb.insertLeaf(high(page), low(page), kind, leafKind, space, step * 4096, 0, step % 16);
            known = known.filter((k) => !(k.page === start && k.kind === kind && k.vmid === vmid && k.owner === owner));
            known.push({ page: start, kind, leafKind, vmid, owner, address: step * 4096 });
          }
        }
        const probe = anyPage();
        const aset = next(2);
        const byIpa = next(3) === 0;
        const slot = byIpa
          ? tlb.lookupIpa(high(probe), low(probe), tlb.space(vmid, IPA))
          : tlb.lookupLeaf(high(probe), low(probe), tlb.space(vmid, asid), tlb.space(vmid, GLOBAL | aset));
        const owners = byIpa ? [IPA] : [asid, GLOBAL | aset];
        const matches = known.filter((k) => k.vmid === vmid && covers(k, probe, 1) && owners.includes(k.owner));
        if (slot < 0) expect(matches).toEqual([]);
        else expect(matches.map((k) => k.address)).toContain(tlb.addressOf(slot));
      }
    },
  );
});

describe('capacity', () => {
  test('grows to hold 2^16 pages, all found', () => {
    const tlb = new Tlb();
    const space = (page: number): number => tlb.space(0, page % 7);
    for (let page = 0; page < 65536; page++) {
      tlb.insertLeaf(0, page * 4096, LEAF_4K, LEAF_4K, space(page), page * 4096, 0, 0);
    }
    let found = 0;
    for (let page = 0; page < 65536; page++) {
      const slot = tlb.lookupLeaf(0, page * 4096, space(page), tlb.space(0, GLOBAL));
      if (slot >= 0 && tlb.addressOf(slot) === page * 4096) found++;
    }
    expect(found).toBeGreaterThan(65000);
  });

  test('an invalidated table is filled again without growing stale', () => {
    const tlb = new Tlb();
    const space = tlb.space(0, 1);
    for (let round = 0; round < 50; round++) {
      for (let page = 0; page < 500; page++) {
        tlb.insertLeaf(0, page * 4096, LEAF_4K, LEAF_4K, space, round * 4096, 0, 0);
      }
      for (let page = 0; page < 500; page++) {
        const slot = tlb.lookupLeaf(0, page * 4096, space, tlb.space(0, GLOBAL));
        if (slot >= 0) expect(tlb.addressOf(slot)).toBe(round * 4096);
      }
      if (round % 2 === 0) tlb.invalidateAsid(0, 1);
      else tlb.invalidateVa(scopeOf(0, 500), 0, -1);
      expect(tlb.lookupLeaf(0, 77 * 4096, space, tlb.space(0, GLOBAL))).toBe(-1);
    }
  });

  test('a reset forgets all entries and all spaces', () => {
    const tlb = new Tlb();
    const before = tlb.epoch;
    tlb.insertLeaf(0, 0, LEAF_1G, LEAF_1G, tlb.space(3, 5), 0, 0, 0);
    tlb.reset();
    expect(tlb.epoch).not.toBe(before);
    expect(tlb.lookupLeaf(0, 0, tlb.space(3, 5), tlb.space(3, GLOBAL))).toBe(-1);
  });
});

test('Table descriptors are found by kind and space, and leaf-only invalidation keeps them', () => {
  const tlb = new Tlb();
  const kind4KbLevel1 = 8;
  tlb.insertTable(0x00ff_0000, 0, kind4KbLevel1, tlb.space(0, 5), 0x1000, 3);
  const find = (kind: number, asid: number): number =>
    tlb.lookupTable(0x00ff_0000, 0x3fff_f000, kind, tlb.space(0, asid));
  expect(tlb.addressOf(find(kind4KbLevel1, 5))).toBe(0x1000);
  expect([find(9, 5), find(7, 5), find(kind4KbLevel1, 6)]).toEqual([-1, -1, -1]);
  const scope = { high: 0x00ff_0000, low: 0, pages: 1, leafOnly: true, tg: 0, level: 0 };
  tlb.invalidateVa(scope, 0, -1);
  expect(find(kind4KbLevel1, 5)).toBeGreaterThanOrEqual(0);
  tlb.invalidateVa({ ...scope, leafOnly: false, tg: 1, level: 1 }, 0, -1);
  expect(find(kind4KbLevel1, 5)).toBeGreaterThanOrEqual(0);
  tlb.invalidateVa({ ...scope, leafOnly: false, tg: 1, level: 2 }, 0, -1);
  expect(find(kind4KbLevel1, 5)).toBe(-1);
});

test('all pieces of a stage 1 leaf go with any address inside it, also those elsewhere', () => {
  const tlb = new Tlb();
  const space = tlb.space(1, 2);
  for (const page of [0, 7, 511]) tlb.insertLeaf(0, page * 4096, LEAF_4K, LEAF_2M, space, page * 4096, 0, 0);
  tlb.insertLeaf(0, 512 * 4096, LEAF_4K, LEAF_2M, space, 0, 0, 0);
  tlb.invalidateVa({ ...scopeOf(100), tg: 1, level: 2 }, 1, 2);
  const found = [0, 7, 511, 512].filter((page) => tlb.lookupLeaf(0, page * 4096, space, tlb.space(1, GLOBAL)) >= 0);
  expect(found).toEqual([512]);
});
