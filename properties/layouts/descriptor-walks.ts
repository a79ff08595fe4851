/**
 * Where a side has the fields of translation table descriptors (D8.3.1): descriptors made from the facts are put in memory, and
 * what becomes of accesses through them tells what the walk read. Both stages, 4 KiB granule.
 */
import { PATTERN_BASE, RAM_BASE } from '../../scenario/memory-map.ts';
import { nodeAddress } from '../../scenario/layout.ts';
import type { Step } from '../../scenario/steps.ts';
import type { Outcome } from '../../scenario/trace.ts';
import { patternAt } from '../../reference/testing.ts';
import type { Told } from '../../reference/testing.ts';
import { readFacts, structureOf } from './facts.ts';
import { DATA, passes, VA } from './programs.ts';
import type { Accepts } from './programs.ts';
import { effect, unused } from './side.ts';
import type { ProbeOf } from './side.ts';

const PAGE = PATTERN_BASE >> 12n;

const FACTS = readFacts('descriptors');
const descriptor = (fields: Readonly<Record<string, bigint>>): bigint => structureOf(FACTS, fields);

/** A page that everyone may read and write. */
const LEAF = { Valid: 1n, Type: 1n, AP: 0b01n, AF: 1n, nG: 1n, OA: PAGE };
/** One that everyone may read and execute, and none write. */
const CODE = { ...LEAF, AP: 0b11n };
const BLOCK = { ...LEAF, Type: 0n };
/** In the block that a Block at level 2 maps, what VA reads. */
const IN_BLOCK = patternAt(PATTERN_BASE + VA);
const NEXT = nodeAddress({ cd: 0 }, VA, 3) >> 12n;
/** Pages of RAM one bit away, in which there are no descriptors. */
const EMPTY = [4, 5, 6, 7, 8, 9, 10, 11, 13, 14].map((bit) => NEXT ^ (1n << BigInt(bit)));
const TABLE = { Valid: 1n, Type: 1n, NextTable: NEXT };

/**
 * A stream whose stage 1 maps VA through a descriptor at a level. All is in place before translation is enabled, so nothing else can
 * be cached; no events are told of, so no interrupts either.
 */
function world(level: 2 | 3, raw: bigint, leaf: Readonly<Record<string, bigint>> = LEAF): Step[] {
  const page: Step = { do: 'map', cd: 0, va: VA, pa: PATTERN_BASE, set: { raw: level === 3 ? raw : descriptor(leaf) } };
  const above: Step[] = level === 3 ? [] : [{ do: 'table', cd: 0, va: VA, level, set: { raw } }];
  return [{ do: 'ste', stream: 1 }, { do: 'cd', cd: 0 }, page, ...above, { do: 'boot', irqCtrl: 0 }];
}

const read = (privileged = false, instruction = false, va = VA): Step => ({
  do: 'dma',
  stream: 1,
  read: va,
  bytes: 8,
  privileged,
  instruction,
});
const write = (privileged = false): Step => ({ do: 'dma', stream: 1, write: VA, bytes: 8, privileged });

/** A page at stage 2 that everyone may read, write and execute. */
const LEAF2 = { Valid: 1n, Type: 1n, MemAttr: 0b1111n, S2AP: 0b11n, AF: 1n, OA: PAGE };
/** The first gigabyte of RAM and all that is in it, at its own address. */
const BLOCK2 = { ...LEAF2, Type: 0n, OA: RAM_BASE >> 12n };
const EXECUTES = ['11', '10', '00', '01'];

/** A stream whose stage 2 alone maps VA, by a leaf at level 3. */
function stage2(raw: bigint): Step[] {
  return [
    { do: 'ste', stream: 1, set: { Config: 0b110n } },
    { do: 'map', vm: 0, va: VA, pa: PATTERN_BASE, set: { raw } },
    { do: 'boot', irqCtrl: 0 },
  ];
}

/** A stream of both stages, the second of which maps RAM by one Block, tables and all, under S2PTW. */
function nested(raw: bigint): Step[] {
  return [
    { do: 'ste', stream: 1, set: { Config: 0b111n, S2PTW: 1n } },
    { do: 'cd', cd: 0 },
    { do: 'map', cd: 0, va: VA, pa: PATTERN_BASE },
    { do: 'map', vm: 0, va: RAM_BASE, pa: RAM_BASE, level: 1, set: { raw } },
    { do: 'boot', irqCtrl: 0 },
  ];
}

export function descriptorProbes(accepts: Accepts): Record<string, ProbeOf> {
  const goes = (steps: readonly Told[], last: Step, outcome?: Outcome): bigint =>
    outcome === undefined ? passes(accepts, steps, last) : passes(accepts, steps, last, outcome);
  const given = (fields: Readonly<Record<string, bigint>>) => ({ given: descriptor(fields) });
  return {
    // A Block: were the two taken for each other, it would be a Table, or nothing.
    'descriptor.Valid': effect((raw) => goes(world(2, raw), read(), IN_BLOCK), given(BLOCK)),
    'descriptor.Type': effect((raw) => 1n - goes(world(2, raw), read(), IN_BLOCK), given(BLOCK)),
    'descriptor.AF': effect((raw) => goes(world(3, raw), read()), given(LEAF)),
    'descriptor.AP': effect((raw) => goes(world(3, raw), read(false)) + 2n * (1n - goes(world(3, raw), write(true))), {
      ...given(LEAF),
      values: [0n, 1n, 2n, 3n],
    }),
    'descriptor.UXN': effect((raw) => 1n - goes(world(3, raw), read(false, true)), given(CODE)),
    'descriptor.PXN': effect((raw) => 1n - goes(world(3, raw), read(true, true)), given(CODE)),
    // Only pages whose data is known can be told apart.
    'descriptor.OA': effect((raw) => pages().find((page) => accepts(world(3, raw), read(), patternAt(page << 12n))), {
      ...given(LEAF),
      values: pages(),
    }),
    'descriptor.NextTable': effect((raw) => goes(world(2, raw), read()), {
      ...given(TABLE),
      values: [NEXT, ...EMPTY],
      expected: (page) => (page === NEXT ? 1n : 0n),
    }),
    'descriptor.APTable': effect(
      (raw) => 1n - goes(world(2, raw), read(false)) + 2n * (1n - goes(world(2, raw), write(true))),
      { ...given(TABLE), values: [0n, 1n, 2n, 3n] },
    ),
    'descriptor.UXNTable': effect((raw) => 1n - goes(world(2, raw, CODE), read(false, true)), given(TABLE)),
    'descriptor.PXNTable': effect((raw) => 1n - goes(world(2, raw, CODE), read(true, true)), given(TABLE)),
    // A global leaf of one ASID serves another, whose own tables have nothing there.
    'descriptor.nG': effect(
      (raw) =>
        1n -
        goes([...world(3, raw), { do: 'ste', stream: 2, cd: 1 }, { do: 'cd', cd: 1 }, [read(), { outcomes: [DATA] }]], {
          do: 'dma',
          stream: 2,
          read: VA,
          bytes: 8,
        }),
      given(LEAF),
    ),
    'descriptor.S2AP': effect((raw) => goes(stage2(raw), read()) + 2n * goes(stage2(raw), write()), {
      ...given(LEAF2),
      values: [0n, 1n, 2n, 3n],
    }),
    // Who may execute: all, EL0, nobody, EL1.
    'descriptor.XN': effect(
      (raw) => EXECUTES.indexOf(`${goes(stage2(raw), read(false, true))}${goes(stage2(raw), read(true, true))}`),
      { ...given(LEAF2), values: [0n, 1n, 2n, 3n] },
    ),
    // With S2PTW no table may be in Device memory: MemAttr 0b00xx.
    'descriptor.MemAttr': effect((raw) => goes(nested(raw), read()), {
      ...given(BLOCK2),
      values: Array.from({ length: 16 }, (_, n) => BigInt(n)),
      expected: (attributes) => (attributes < 4n ? 0n : 1n),
    }),
    ...unused('descriptor', 'memory attributes are not modelled', 'AttrIndx SH'),
    ...unused('descriptor', 'without effect in Non-secure state', 'NS NSTable'),
    ...unused('descriptor', 'without effect: no BTI, no hardware update', 'GP DBM'),
    ...unused('descriptor', 'a hint', 'Contiguous'),
    ...unused('descriptor', 'for software, or for the bus', 'SW PBHA'),
  };
}

/** Page numbers in the pattern: the first, and those that differ from it in one bit. */
function pages(): bigint[] {
  return [PAGE, ...Array.from({ length: 10 }, (_, bit) => PAGE ^ (1n << BigInt(bit)))];
}

/** A Block at level 2, read once before its descriptor is cleared: read again it shows whether it was cached. */
export function cachedBlock(accepts: Accepts): ProbeOf {
  return effect(
    (raw) => {
      const cleared: Step = { do: 'unmap', cd: 0, va: VA, level: 2 };
      const steps: Told[] = [...world(2, raw), [read(), { outcomes: [IN_BLOCK] }], cleared];
      return accepts(steps, read(), IN_BLOCK) ? 0n : 1n;
    },
    { given: descriptor(BLOCK) },
  );
}
