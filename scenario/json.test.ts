import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ScenarioError, formatScenario, parseScenario } from './json.ts';
import { jsonSchema } from './schema.ts';
import type { Scenario } from './steps.ts';
import { anyScenario } from './test-arbitraries.ts';

const SCHEMA_FILE = new URL('./schema.json', import.meta.url);

function errorOf(steps: string): string {
  try {
    parseScenario(`{ "smmu-crosscheck": 1, "why": "w", "steps": [${steps}] }`, 'corpus/a.json');
  } catch (thrown) {
    if (thrown instanceof ScenarioError) return thrown.message;
    throw thrown;
  }
  return 'accepted';
}

describe('a file that is wrong says where, what is expected and what stands there, in one line', () => {
  const cases: [steps: string, message: string][] = [
    ['{ "do": "cd", "cd": 9 }', 'steps[0].cd: expected a whole number from 0 to 7, got 9'],
    ['{ "do": "settle" }, { "do": "cd", "cd": null }', 'steps[1].cd: expected a whole number from 0 to 7, got null'],
    ['{ "do": "cd" }', 'steps[0].cd: expected a whole number from 0 to 7, got nothing'],
    ['{ "do": "dmaa" }', 'steps[0].do: expected the kind of a step, got "dmaa"; did you mean "dma"?'],
    ['{}', 'steps[0].do: expected the kind of a step, got nothing'],
    ['5', 'steps[0]: expected an object, got 5'],
    [
      '{ "do": "dma", "stream": 8, "read": "0x1000", "bites": 8, "bytes": 8 }',
      'steps[0]: no such key as "bites" here; did you mean "bytes"?',
    ],
    [
      '{ "do": "dma", "stream": 8, "bytes": 8 }',
      'steps[0]: expected exactly one of "read" and "write", got {"do":"dma","stream":8,"bytes":8}',
    ],
    [
      '{ "do": "dma", "stream": 8, "read": "4096x", "bytes": 8 }',
      'steps[0].read: expected a whole number below 2^64, as "0x.." when above 2^53, got "4096x"',
    ],
    [
      '{ "do": "dma", "stream": 8, "read": -1, "bytes": 8 }',
      'steps[0].read: expected a whole number below 2^64, as "0x.." when above 2^53, got -1',
    ],
    [
      '{ "do": "dma", "stream": 8, "read": 0, "bytes": 65 }',
      'steps[0].bytes: expected a whole number from 1 to 64, got 65',
    ],
    [
      '{ "do": "ste", "stream": 8, "set": { "Confg": 5 } }',
      'steps[0].set: no such key as "Confg" here; did you mean "Config"?',
    ],
    [
      '{ "do": "ste", "stream": 8, "set": { "Config": 8 } }',
      'steps[0].set.Config: expected a value that fits the field, at most 0x7, got 8',
    ],
    [
      '{ "do": "cd", "cd": 0, "set": { "TTB0": "0x100000000000000" } }',
      'steps[0].set.TTB0: expected a value that fits the field, at most 0xfffffffffffff0, got "0x100000000000000"',
    ],
    [
      '{ "do": "command", "name": "CMD_SINC" }',
      'steps[0].name: expected the name of a command, got "CMD_SINC"; did you mean "CMD_SYNC"?',
    ],
    ['{ "do": "command", "name": "CMD_SYNC", "set": { "ASID": 1 } }', 'steps[0].set: no such key as "ASID" here'],
    [
      '{ "do": "read", "register": "CR9" }',
      'steps[0].register: expected the name of a register, got "CR9"; did you mean "CR0"?',
    ],
    ['{ "do": "read", "register": "CR0", "bytes": 3 }', 'steps[0].bytes: expected 1, 2, 4 or 8, got 3'],
    ['{ "do": "poke", "address": 0, "data": "abc" }', 'steps[0].data: expected pairs of hexadecimal digits, got "abc"'],
  ];
  test.each(cases)('%s', (steps, message) => expect(errorOf(steps)).toBe(`corpus/a.json: ${message}`));

  test('text that is not JSON', () => {
    expect(() => parseScenario('{\n"a":\n', 'x.json')).toThrow(
      /^x\.json: expected one JSON object, got text that is not JSON \(.+\)$/,
    );
  });
  test('another version of the format', () => {
    expect(() => parseScenario('{ "smmu-crosscheck": 2, "why": "", "steps": [] }', 'x.json')).toThrow(
      'x.json: ["smmu-crosscheck"]: expected 1, the version of the format, got 2',
    );
  });
  test('an unknown key at the top', () => {
    expect(() => parseScenario('{ "smmu-crosscheck": 1, "wy": "", "why": "", "steps": [] }', 'x.json')).toThrow(
      'x.json: no such key as "wy" here; did you mean "why"?',
    );
  });
});

test('numbers may be written in hexadecimal or decimal', () => {
  const text = (number: string) =>
    `{ "smmu-crosscheck": 1, "why": "", "steps": [{ "do": "ste", "stream": ${number}, "set": { "S2VMID": ${number}, "or0": ${number} } }] }`;
  expect(parseScenario(text('"0x1A"'), '')).toEqual(parseScenario(text('26'), ''));
});

test('the written form is short: one step a line, keys and fields in a fixed order', () => {
  const scenario: Scenario = {
    'smmu-crosscheck': 1,
    why: 'a "quoted" reason',
    steps: [
      { do: 'boot', irqCtrl: 0, cr0: 13 },
      { set: { or7: 1n, S1ContextPtr: 0x4014_0000n, Config: 5n }, stream: 8, do: 'ste' },
      { do: 'cd', cd: 0, set: { MAIR0: 0xffn, ASID: 17n, TTB0: 0n } },
      { do: 'map', pa: 0x4100_0000n, va: 0x1000n, cd: 0, set: {} },
      { do: 'command', name: 'CMD_TLBI_NH_VA', set: { Address: 0x1000n, ASID: 1n } },
      { do: 'write-offset', offset: 0x44, value: 0x8000_0000n, bytes: 4 },
      { do: 'poke', address: 0x4000_0000n, data: 'A5' },
      { do: 'settle' },
    ],
  };
  expect(formatScenario(scenario)).toBe(`{ "smmu-crosscheck": 1, "why": "a \\"quoted\\" reason", "steps": [
  { "do": "boot", "cr0": "0xd", "irqCtrl": "0x0" },
  { "do": "ste", "stream": 8, "set": { "Config": 5, "S1ContextPtr": "0x40140000", "or7": "0x1" } },
  { "do": "cd", "cd": 0, "set": { "ASID": 17, "TTB0": "0x0", "MAIR0": "0xff" } },
  { "do": "map", "cd": 0, "va": "0x1000", "pa": "0x41000000", "set": {} },
  { "do": "command", "name": "CMD_TLBI_NH_VA", "set": { "ASID": 1, "Address": "0x1000" } },
  { "do": "write-offset", "offset": "0x44", "value": "0x80000000", "bytes": 4 },
  { "do": "poke", "address": "0x40000000", "data": "A5" },
  { "do": "settle" }
] }
`);
  expect(parseScenario(formatScenario(scenario), '')).toEqual(scenario);
});

test('schema.json is current (to renew it: UPDATE_SCHEMA=1 npx vitest run scenario)', () => {
  if (process.env['UPDATE_SCHEMA']) writeFileSync(SCHEMA_FILE, `${JSON.stringify(jsonSchema())}\n`);
  expect(JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'))).toEqual(jsonSchema());
});

test('reading what was written gives the same scenario, and writing that the same text', () => {
  fc.assert(
    fc.property(anyScenario, (scenario) => {
      const text = formatScenario(scenario);
      const read = parseScenario(text, '');
      expect(read).toEqual(scenario);
      expect(formatScenario(read)).toBe(text);
    }),
  );
});
