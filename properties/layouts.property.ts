/**
 * Bit positions: the builder, the model and the reference against tables of facts (layouts/). A position that two of them had
 * wrong alike no scenario would show, since what one writes the other reads.
 */
import { describe, expect, test } from 'vitest';
import { maskOf, ones, readFacts, TABLES } from './layouts/facts.ts';
import type { Fact, Table } from './layouts/facts.ts';
import { storedByModel } from './layouts/model-registers.ts';
import { MODEL } from './layouts/model-side.ts';
import { refuted, shifted } from './layouts/probes.ts';
import { reservedInCommand } from './layouts/reference-commands.ts';
import { storedByReference, TOGETHER } from './layouts/reference-registers.ts';
import { REFERENCE } from './layouts/reference-side.ts';
import { RESERVED_IN } from './layouts/reference-structures.ts';
import { SCENARIO } from './layouts/scenario-side.ts';
import { probeFor } from './layouts/side.ts';
import type { Side } from './layouts/side.ts';

const SIDES: readonly Side[] = [SCENARIO, MODEL, REFERENCE];
const FACTS = Object.fromEntries(TABLES.map((table) => [table, readFacts(table)])) as Record<Table, Fact[]>;

/** Bits of a structure. */
function sizeOf(table: Table, { structure }: Fact): number {
  if (structure === 'L1STD' || structure === 'L1CD') return 64;
  return { ste: 512, cd: 512, commands: 128, events: 256, registers: 64, descriptors: 64 }[table];
}

const named = (fact: Fact): string => `${fact.structure}.${fact.field}`;

describe('the tables', () => {
  test.each(TABLES)('%s: each field once, inside its structure, with its section and a source', (table) => {
    const facts = FACTS[table];
    expect(new Set(facts.map(named)).size).toBe(facts.length);
    for (const fact of facts) {
      expect(maskOf(fact) >> BigInt(sizeOf(table, fact)), named(fact)).toBe(0n);
      expect(fact.section, named(fact)).toMatch(/\d/);
      expect(fact.sources, named(fact)).not.toEqual(['-']);
    }
  });
});

describe.each(SIDES)('$name', (side) => {
  describe.each(TABLES)('%s', (table) => {
    const facts = FACTS[table];

    test('every fact is asked about, or said to be of no use here', () => {
      expect(facts.filter((fact) => probeFor(side, table, fact) === undefined).map(named)).toEqual([]);
    });

    test('nothing is asked about that there is no fact of', () => {
      const known = new Set(facts.flatMap(({ structure, field }) => [`${structure}.${field}`, `*.${field}`, '*']));
      expect(
        Object.keys(side.probes[table]).filter((key) => !known.has(key) && !outOfTables(side, table, key)),
      ).toEqual([]);
    });

    test('each field is where the facts say', () => {
      const wrong = facts.flatMap((fact) => {
        const probe = probeFor(side, table, fact);
        const why = probe === undefined ? undefined : refuted(fact, probe);
        return why === undefined ? [] : [`${named(fact)} [${fact.high}:${fact.low}], ${fact.section}: ${why}`];
      });
      expect(wrong).toEqual([]);
    });

    test('a fact that is wrong by one bit is refused', () => {
      const accepted = facts.flatMap((fact) => {
        const probe = probeFor(side, table, fact);
        if (probe === undefined || probe.kind === 'unused') return [];
        const twins = probe.kind === 'reads' ? (probe.twins ?? []) : [];
        const taken = facts.filter(({ structure, field }) => structure === fact.structure && twins.includes(field));
        return mutants(table, fact).filter((mutant) => {
          if (taken.some((twin) => maskOf(twin) === maskOf(mutant))) return false;
          const asked = probeFor(side, table, mutant);
          return asked === undefined || refuted(mutant, asked) === undefined;
        });
      });
      expect(accepted.map((fact) => `${named(fact)} [${fact.high}:${fact.low}] at ${fact.at}`)).toEqual([]);
    });

    test('a field that is said to be of no use changes nothing', () => {
      const isUnused = (fact: Fact): boolean => probeFor(side, table, fact)?.kind === 'unused';
      // Some bits have two meanings, of which one is of use.
      const elsewhere = (fact: Fact): bigint =>
        facts
          .filter((other) => other.structure === fact.structure && !isUnused(other))
          .reduce((all, other) => all | maskOf(other), 0n);
      const used = facts.filter((fact) => {
        const view = side.views[fact.structure];
        if (view === undefined || !isUnused(fact)) return false;
        const nothing = shown(view(0n));
        const others = elsewhere(fact);
        return bitsOf(fact).some((bit) => (bit & others) === 0n && shown(view(bit)) !== nothing);
      });
      expect(used.map(named)).toEqual([]);
    });
  });
});

/** The fact with its bits moved by one; of an offset, opcode or number also with another value. */
function mutants(table: Table, fact: Fact): Fact[] {
  if (fact.field === 'offset') return [-4, 4].map((by) => ({ ...fact, at: (fact.at ?? 0) + by }));
  if (fact.field !== 'opcode' && fact.field !== 'number') return shifted(fact, sizeOf(table, fact));
  return [...shifted(fact, sizeOf(table, fact)), { ...fact, at: (fact.at ?? 0) ^ 0x80 }];
}

function bitsOf(fact: Fact): bigint[] {
  return Array.from({ length: fact.high - fact.low + 1 }, (_, n) => 1n << BigInt(fact.low + n));
}

function shown(view: unknown): string {
  return JSON.stringify(view, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
}

/** Layouts of the builder for features that the tables leave out, and fields that an event of the group lacks. */
function outOfTables(side: Side, table: Table, key: string): boolean {
  const [structure = ''] = key.split('.');
  if (FACTS[table].some((fact) => fact.structure === structure) && side !== SCENARIO) return table === 'events';
  return side === SCENARIO;
}

describe('what registers store', () => {
  /** The register and the fields that are stored whatever the features, among them those that no probe tells apart. */
  const STORED: readonly (readonly [register: string, fields: string])[] = [
    ['CR0', 'SMMUEN EVENTQEN CMDQEN'],
    ['CR1', 'TABLE_SH TABLE_OC TABLE_IC QUEUE_SH QUEUE_OC QUEUE_IC'],
    ['CR2', 'E2H RECINVSID'],
    ['IRQ_CTRL', 'EVENTQ_IRQEN GERROR_IRQEN'],
    ['STRTAB_BASE_CFG', 'LOG2SIZE SPLIT FMT'],
  ];
  test.each(STORED)('%s stores %s and nothing else', (register, fields) => {
    const facts = FACTS.registers.filter(({ structure }) => structure === register);
    const masks = facts.filter(({ field }) => fields.split(' ').includes(field)).map(maskOf);
    expect(masks.length).toBe(fields.split(' ').length);
    const whole = Number(masks.reduce((all, mask) => all | mask, 0n) & ones(32));
    const offset = facts[0]?.at ?? -1;
    expect(storedByModel(offset), 'the model').toBe(whole);
    expect(storedByReference(offset), 'the reference').toBe(whole);
  });
});

describe('what the reference calls Reserved', () => {
  const whole = (structure: string, table: Table): bigint =>
    FACTS[table].filter((fact) => fact.structure === structure).reduce((all, fact) => all | maskOf(fact), 0n);
  const bits = (from: number, to: number): bigint[] =>
    Array.from({ length: to - from }, (_, n) => 1n << BigInt(from + n));

  test.each([
    ['STE', 'ste'],
    ['CD', 'cd'],
  ] as const)('no field of %s', (structure, table) => {
    const reserved = bits(0, 512).filter((bit) => RESERVED_IN[structure](bit));
    expect(reserved.length).toBeGreaterThan(0);
    expect(reserved.filter((bit) => (bit & whole(structure, table)) !== 0n)).toEqual([]);
  });

  test('every bit of a command that no fact names', () => {
    const commands = new Set(FACTS.commands.map(({ structure }) => structure));
    const free = [...commands].flatMap((name) =>
      bits(8, 128)
        .filter((bit) => (bit & whole(name, 'commands')) === 0n && reservedInCommand(name, bit) === false)
        .map((bit) => `${name} bit ${bit.toString(2).length - 1}`),
    );
    expect(free).toEqual([]);
    expect([...commands].filter((name) => reservedInCommand(name, 1n << 8n) === true).length).toBeGreaterThan(10);
  });
});

test.each(TOGETHER)('%s: %s are where the reference has them together', (register, fields, mask) => {
  const facts = FACTS.registers.filter(
    ({ structure, field }) => structure === register && fields.split(' ').includes(field),
  );
  expect(facts.length).toBe(fields.split(' ').length);
  expect(facts.reduce((all, fact) => all | maskOf(fact), 0n)).toBe(BigInt(mask));
});
