import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCd, encodeCd } from './encode/cd.ts';
import { decodeL1cd } from './encode/l1cd.ts';
import { decodeL1std } from './encode/l1std.ts';
import { decodeSte } from './encode/ste.ts';
import {
  cdAddress,
  commandSlotAddress,
  descriptorAddress,
  granuleLog2,
  levelShift,
  nodeAddress,
  stage2StartLevel,
  steAddress,
} from './layout.ts';
import { lower, startsWork } from './lower.ts';
import { CMDQ_BASE, EVENTQ_BASE, STRTAB_BASE } from './memory-map.ts';
import { printAction } from './print.ts';
import { REGISTERS, registerAt } from './registers.ts';
import type { Action, Scenario, Step } from './steps.ts';
import { anyScenario } from './test-arbitraries.ts';

const TOP = (1n << 64n) - 1n;

function actionsOf(...steps: Step[]): readonly Action[] {
  const scenario: Scenario = { 'smmu-crosscheck': 1, why: '', steps };
  return lower(scenario).actions;
}

/** Register writes by name, memory writes as addresses, settles: the skeleton of a program. */
function skeleton(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    if (action.op === 'write-register') return `${registerAt(action.offset)}=0x${action.value.toString(16)}`;
    return action.op === 'write-memory' ? `[0x${action.address.toString(16)}]` : action.op;
  });
}

function written(actions: readonly Action[], address: bigint): Uint8Array {
  const last = actions.findLast((action) => action.op === 'write-memory' && action.address === address);
  if (last?.op !== 'write-memory') throw new Error(`nothing written at 0x${address.toString(16)}`);
  return last.data;
}

function word(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

describe('boot', () => {
  test('brings the interface up in the order of 3.11, settling after each step that must be acknowledged', () => {
    expect(skeleton(actionsOf({ do: 'boot' }))).toEqual([
      'CR0=0x0',
      'settle',
      '[0x40130000]',
      'CR1=0xd75',
      'CR2=0x2',
      'STRTAB_BASE=0x40100000',
      'STRTAB_BASE_CFG=0x5',
      'CMDQ_BASE=0x40120006',
      'CMDQ_PROD=0x0',
      'CMDQ_CONS=0x0',
      'EVENTQ_BASE=0x40130005',
      'EVENTQ_PROD=0x0',
      'EVENTQ_CONS=0x0',
      'IRQ_CTRL=0x5',
      'settle',
      'CR0=0x8',
      'settle',
      '[0x40120000]',
      '[0x40120010]',
      '[0x40120020]',
      'CMDQ_PROD=0x3',
      'settle',
      'CR0=0xd',
      'settle',
    ]);
  });
  test('takes the sizes and values of the step', () => {
    const boot = skeleton(
      actionsOf({ do: 'boot', strtabLog2Size: 8, cmdqLog2Size: 3, eventqLog2Size: 2, cr0: 5, cr2: 0 }),
    );
    expect(boot).toEqual(expect.arrayContaining(['STRTAB_BASE_CFG=0x8', 'CMDQ_BASE=0x40120003', 'CR2=0x0']));
    expect(boot.at(-2)).toBe('CR0=0x5');
  });
  test('clears the Event queue, all of it', () => {
    const clear = actionsOf({ do: 'boot', eventqLog2Size: 7 }).find((action) => action.op === 'write-memory');
    expect(clear).toEqual({ op: 'write-memory', address: EVENTQ_BASE, data: new Uint8Array(32 * 128) });
  });
  test.each([
    [0, ['CMDQ_PROD=0x1', 'CMDQ_PROD=0x0', 'CMDQ_PROD=0x1']],
    [1, ['CMDQ_PROD=0x2', 'CMDQ_PROD=0x3']],
    [2, ['CMDQ_PROD=0x3']],
  ])('with a Command queue of 2^%i entries never has more commands in it than fit', (cmdqLog2Size, rings) => {
    const all = skeleton(actionsOf({ do: 'boot', cmdqLog2Size }));
    expect(all.filter((line) => line.startsWith('CMDQ_PROD')).slice(1)).toEqual(rings);
  });
  test('a second one starts the Command queue again', () => {
    const [once, twice] = [actionsOf({ do: 'boot' }), actionsOf({ do: 'boot' }, { do: 'boot' })];
    expect(twice).toEqual([...once, ...once]);
  });
});

describe('the Command queue', () => {
  const sync: Step = { do: 'command', name: 'CMD_SYNC' };
  test('fills slots in turn, and flips the wrap bit at the end', () => {
    const lines = skeleton(actionsOf({ do: 'boot', cmdqLog2Size: 2 }, sync, sync)).slice(-6);
    expect(lines).toEqual(['[0x40120030]', 'CMDQ_PROD=0x4', 'settle', '[0x40120000]', 'CMDQ_PROD=0x5', 'settle']);
  });
  test('`ring: false` leaves PROD to the next that rings', () => {
    const lines = skeleton(actionsOf({ ...sync, ring: false }, sync));
    expect(lines).toEqual(['[0x40120000]', '[0x40120010]', 'CMDQ_PROD=0x2', 'settle']);
  });
  test('`at` writes that slot and nothing else, modulo the size of the queue', () => {
    const at = skeleton(actionsOf({ ...sync, at: 65 }, { do: 'raw-command', word0: 1n, word1: 2n, at: 0 }, sync));
    expect(at).toEqual(['[0x40120010]', '[0x40120000]', '[0x40120000]', 'CMDQ_PROD=0x1', 'settle']);
  });
});

describe('DMA', () => {
  test('is split where it crosses a page, and each part settles', () => {
    const actions = actionsOf({ do: 'dma', stream: 8, write: 0x1ffcn, bytes: 12, fill: 0x0403_0201 });
    const common = { op: 'dma-write', streamId: 8, privileged: false, instruction: false };
    expect(actions).toEqual([
      { ...common, address: 0x1ffcn, data: Uint8Array.of(1, 2, 3, 4) },
      { op: 'settle' },
      { ...common, address: 0x2000n, data: Uint8Array.of(2, 2, 3, 4, 3, 2, 3, 4) },
      { op: 'settle' },
    ]);
  });
  test('wraps at the top of the address space', () => {
    const reads = actionsOf({ do: 'dma', stream: 1, read: TOP, bytes: 2, substream: 3, privileged: true });
    const common = { op: 'dma-read', streamId: 1, substreamId: 3, privileged: true, instruction: false, bytes: 1 };
    expect(reads[0]).toEqual({ ...common, address: TOP });
    expect(reads[2]).toEqual({ ...common, address: 0n });
  });
});

describe('structures', () => {
  test('the default STE is stage 1 through its CD, without stage 2 fields', () => {
    const ste = decodeSte(written(actionsOf({ do: 'ste', stream: 8, cd: 3 }), steAddress(8)));
    expect(ste).toMatchObject({ V: 1n, Config: 5n, S1ContextPtr: cdAddress(3), S1CDMax: 0n, STRW: 0n, S2T0SZ: 0n });
    expect(steAddress(8)).toBe(STRTAB_BASE + 512n);
  });
  test('an STE that asks for stage 2 gets one', () => {
    const ste = decodeSte(written(actionsOf({ do: 'ste', stream: 0, set: { Config: 7n, S2PS: 2n } }), STRTAB_BASE));
    expect(ste).toMatchObject({
      Config: 7n,
      S2AA64: 1n,
      S2T0SZ: 25n,
      S2SL0: 1n,
      S2PS: 2n,
      S2VMID: 1n,
      S2TTB: nodeAddress({ vm: 0 }, 0n, 1),
    });
  });
  test('the default CD is the one of the documentation', () => {
    const bytes = written(actionsOf({ do: 'cd', cd: 2 }), cdAddress(2));
    expect(decodeCd(bytes)).toMatchObject({ V: 1n, AA64: 1n, ASID: 3n, IPS: 4n, A: 1n, R: 1n, S: 0n, ASET: 0n });
    expect(decodeCd(bytes)).toMatchObject({ T0SZ: 25n, T1SZ: 25n, TG0: 0n, TG1: 2n, HAD0: 0n, HAD1: 0n, EPD0: 0n });
    expect(decodeCd(bytes)).toMatchObject({
      TTB0: nodeAddress({ cd: 2 }, 0n, 1),
      TTB1: nodeAddress({ cd: 2 }, TOP, 1),
    });
  });
  test('`set` replaces fields, and `or` adds bits', () => {
    const plain = written(actionsOf({ do: 'cd', cd: 0 }), cdAddress(0));
    const set = written(actionsOf({ do: 'cd', cd: 0, set: { ASID: 9n, or5: 1n } }), cdAddress(0));
    expect(set).toEqual(encodeCd({ ...decodeCd(plain), ASID: 9n, or5: 1n }));
  });
});

describe('translation tables', () => {
  /** A walk by hand, as the architecture does it: from TTB at the start level, by the bits of the region. */
  function walk(actions: readonly Action[], ttb: bigint, tsz: number, va: bigint): bigint | undefined {
    let table = ttb;
    let top = 64 - tsz;
    const start = top > 39 ? 0 : top > 30 ? 1 : top > 21 ? 2 : 3;
    for (let level = start; level <= 3; level++) {
      const shift = 39 - 9 * level;
      const index = (va >> BigInt(shift)) & ((1n << BigInt(top - shift)) - 1n);
      const descriptor = word(written(actions, table + 8n * index));
      const address = descriptor & 0xffff_ffff_f000n;
      if ((descriptor & 3n) === 0n) return undefined;
      if (level === 3 || (descriptor & 3n) === 1n) return address | (va & ((1n << BigInt(shift)) - 1n));
      table = address;
      top = shift;
    }
    return undefined;
  }

  test('whatever TxSZ, level and half: a walk from the default TTB finds what was mapped', () => {
    const input = fc.record({
      cd: fc.nat(7),
      tsz: fc.integer({ min: 16, max: 39 }),
      high: fc.boolean(),
      level: fc.constantFrom(1, 2, 3),
      page: fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }),
    });
    fc.assert(
      fc.property(input, ({ cd, tsz, high, level, page }) => {
        const region = (1n << BigInt(64 - tsz)) - 1n;
        const va = high ? TOP - (page & region) : page & region;
        if (level < 4 - Math.ceil((52 - tsz) / 9)) return;
        const set = { T0SZ: BigInt(tsz), T1SZ: BigInt(tsz) };
        const pa = 0x1234_5678_9000n;
        const actions = actionsOf({ do: 'cd', cd, set }, { do: 'map', cd, va, pa, level: level });
        const { TTB0 = 0n, TTB1 = 0n } = decodeCd(written(actions, cdAddress(cd)));
        const inLeaf = (1n << BigInt(39 - 9 * level)) - 1n;
        expect(walk(actions, high ? TTB1 : TTB0, tsz, va)).toBe((pa & ~inLeaf) | (va & inLeaf));
      }),
    );
  });
  test('whatever the granule, S2T0SZ and start level: a stage 2 walk over concatenated tables finds what was mapped', () => {
    const input = fc.record({
      vm: fc.nat(3),
      granule: fc.constantFrom('4K' as const, '16K' as const, '64K' as const),
      level: fc.constantFrom(1, 2, 3),
      S2SL0: fc.constantFrom(0n, 1n, 2n),
      extra: fc.integer({ min: 0, max: 4 }),
      page: fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }),
    });
    fc.assert(
      fc.property(input, ({ vm, granule, level, S2SL0, extra, page }) => {
        const start = stage2StartLevel(Number(S2SL0), granule);
        // The first table resolves up to 4 bits more than one node does, but for a level 0 one.
        const bits = levelShift(start, granule) + granuleLog2(granule) - 3 + (start === 0 ? 0 : extra);
        if (level < start || bits > 48) return;
        const ipa = page & ((1n << BigInt(bits)) - 1n);
        const S2TG = { '4K': 0n, '64K': 1n, '16K': 2n }[granule];
        const set = { Config: 7n, S2T0SZ: BigInt(64 - bits), S2SL0, S2TG };
        const pa = 0x1234_5678_0000n;
        const actions = actionsOf({ do: 'ste', stream: 0, vm, set }, { do: 'map', vm, granule, va: ipa, pa, level });
        const { S2TTB = 0n } = decodeSte(written(actions, STRTAB_BASE));
        let table = S2TTB;
        for (let at: number = start; at <= level; at++) {
          const shift = BigInt(levelShift(at, granule));
          const width = BigInt(at === start ? bits : levelShift(at - 1, granule)) - shift;
          const descriptor = word(written(actions, table + 8n * ((ipa >> shift) & ((1n << width) - 1n))));
          expect(descriptor & 1n).toBe(1n);
          table = descriptor & 0xffff_ffff_f000n;
        }
        const inLeaf = (1n << BigInt(levelShift(level, granule))) - 1n;
        expect(table).toBe(pa & ~inLeaf & ~((1n << BigInt(granuleLog2(granule))) - 1n));
      }),
    );
  });
  test('a stream of a 2-level table is found through its level 1 descriptor', () => {
    const actions = actionsOf({ do: 'ste', stream: 0x345, split: 8 });
    const { Span, L2Ptr = 0n } = decodeL1std(written(actions, STRTAB_BASE + 8n * 3n));
    expect(Span).toBe(9n);
    expect(decodeSte(written(actions, L2Ptr + 64n * 0x45n))).toMatchObject({ V: 1n, Config: 5n });
    expect(skeleton(actionsOf({ do: 'boot', split: 8, strtabLog2Size: 12 }))).toContain('STRTAB_BASE_CFG=0x1020c');
  });
  test('a CD table holds the CDs in the order of their numbers', () => {
    const linear = decodeSte(written(actionsOf({ do: 'ste', stream: 0, set: { S1CDMax: 3n } }), STRTAB_BASE));
    expect(linear.S1ContextPtr).toBe(cdAddress(0));
    const set = { S1CDMax: 8n, S1Fmt: 1n };
    const actions = actionsOf({ do: 'ste', stream: 0, set }, { do: 'l1cd', index: 2 });
    const { S1ContextPtr = 0n } = decodeSte(written(actions, STRTAB_BASE));
    expect(decodeL1cd(written(actions, S1ContextPtr + 16n))).toEqual({ V: 1n, L2Ptr: cdAddress(0) });
  });
  test('nodes are where the documentation of the layout says', () => {
    const base = 0x4020_0000n + BigInt(3 * 2 + 1) * 0x1_0000n;
    const va = TOP ^ (1n << 30n) ^ (1n << 22n);
    const nodes = [0, 1, 2, 3].map((level) => nodeAddress({ cd: 3 }, va, level) - base);
    expect(nodes).toEqual([0n, 0x2000n, 0x5000n, 0xc000n]);
    expect(nodeAddress({ cd: 0 }, 0n, 3)).toBe(0x4020_7000n);
  });
  test('`unmap` clears one descriptor, `table` points at the next node', () => {
    const actions = actionsOf({ do: 'table', cd: 0, va: 0x4000_0000n, level: 1 }, { do: 'unmap', cd: 0, va: 0x1000n });
    expect(word(written(actions, descriptorAddress({ cd: 0 }, 0x4000_0000n, 1)))).toBe(
      nodeAddress({ cd: 0 }, 0x4000_0000n, 2) | 3n,
    );
    expect(word(written(actions, descriptorAddress({ cd: 0 }, 0x1000n, 3)))).toBe(0n);
    expect(actions).toHaveLength(2);
  });
  test('the default leaf can be read and written at both privileges', () => {
    const actions = actionsOf({ do: 'map', cd: 0, va: 0x1000n, pa: 0x4100_0000n });
    expect(word(written(actions, descriptorAddress({ cd: 0 }, 0x1000n, 3)))).toBe(0x4100_0f43n);
    expect(actions).toHaveLength(4);
  });
});

describe('registers', () => {
  test('what starts work settles, when written by name and not by offset', () => {
    const { offset } = REGISTERS.GBPA;
    expect(actionsOf({ do: 'write', register: 'GBPA', value: 0n }).at(-1)).toEqual({ op: 'settle' });
    expect(actionsOf({ do: 'write-offset', offset, value: 0n, bytes: 4 })).toHaveLength(1);
    expect(actionsOf({ do: 'write', register: 'CR1', value: 0n })).toHaveLength(1);
    expect(startsWork('CMDQ_PROD')).toBe(true);
  });
  test('the width is the register’s own unless the step says', () => {
    const value = TOP;
    const writes = actionsOf(
      { do: 'write', register: 'CMDQ_BASE', value },
      { do: 'write', register: 'CMDQ_BASE', value, bytes: 4 },
      { do: 'write', register: 'CR1', value },
    );
    expect(writes.map((action) => action.op === 'write-register' && [action.bytes, action.value])).toEqual([
      [8, TOP],
      [4, 0xffff_ffffn],
      [4, 0xffff_ffffn],
    ]);
  });
  test('`events` reads both indices in Page 1 and the whole queue', () => {
    expect(actionsOf({ do: 'boot', eventqLog2Size: 3 }, { do: 'events' }).slice(-3)).toEqual([
      { op: 'read-register', offset: 0x100a8, bytes: 4 },
      { op: 'read-register', offset: 0x100ac, bytes: 4 },
      { op: 'read-memory', address: EVENTQ_BASE, bytes: 256 },
    ]);
  });
});

describe('any scenario at all', () => {
  test('can be lowered, always to the same program, whose actions name their steps in order', () => {
    fc.assert(
      fc.property(anyScenario, (scenario) => {
        const program = lower(scenario);
        expect(lower(scenario)).toEqual(program);
        expect(program.stepOf).toEqual(program.stepOf.toSorted((a, b) => a - b));
        expect(new Set(program.stepOf).size).toBe(scenario.steps.length);
        expect(program.stepOf).toHaveLength(program.actions.length);
      }),
    );
  });
  test('a step other than boot and commands lowers to the same actions wherever it stands', () => {
    fc.assert(
      fc.property(anyScenario, (scenario) => {
        const { actions, stepOf } = lower(scenario);
        scenario.steps.forEach((step, index) => {
          if (['boot', 'command', 'raw-command', 'events'].includes(step.do)) return;
          expect(actions.filter((_, at) => stepOf[at] === index)).toEqual(actionsOf(step));
        });
      }),
    );
  });
  test('asks for no more than 64 bytes a DMA, never across a page, and for register widths that exist', () => {
    fc.assert(
      fc.property(anyScenario, (scenario) => {
        for (const action of lower(scenario).actions) {
          if (action.op === 'dma-read' || action.op === 'dma-write') {
            const bytes = action.op === 'dma-read' ? action.bytes : action.data.length;
            expect((action.address % 4096n) + BigInt(bytes)).toBeLessThanOrEqual(4096n);
          }
          if (action.op === 'write-register') expect(action.value >> BigInt(8 * action.bytes)).toBe(0n);
          expect(printAction(action)).not.toMatch(/[\n]|undefined|NaN/);
        }
      }),
    );
  });
  test('commands stay in the memory of the queue', () => {
    expect(commandSlotAddress(2 ** 13, 12)).toBe(CMDQ_BASE);
  });
});
