/**
 * One directed scenario at least for each tier-1 event and each command error: corpus/directed/<event>[-variant].json, the name in
 * small letters with hyphens. A variant says more of the record: `s1` or `s2`, and the CLASS.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { judge } from '../reference/judge.ts';
import { EVENT_BYTES, EVENT_NAMES, decodeEvent } from '../scenario/encode/events.ts';
import type { DecodedEvent } from '../scenario/encode/events.ts';
import { parseScenario } from '../scenario/json.ts';
import { lower } from '../scenario/lower.ts';
import { EVENTQ_BASE } from '../scenario/memory-map.ts';
import { REGISTERS } from '../scenario/registers.ts';
import type { RegisterName } from '../scenario/registers.ts';
import type { Program } from '../scenario/steps.ts';
import type { Trace } from '../scenario/trace.ts';
import { model } from './testing.ts';

const FOLDER = new URL('../corpus/directed/', import.meta.url);
const EVENTS_TABLE = new URL('../reference/rules/events.tsv', import.meta.url);

/** CERROR codes of CMDQ_CONS.ERR, and what GERROR.CMDQ_ERR is with them (4.1.3). */
const CERRORS: Readonly<Record<string, number>> = { CERROR_NONE: 0, CERROR_ILL: 1, CERROR_ABT: 2 };
const CLASSES: Readonly<Record<string, bigint>> = { cd: 0b00n, tt: 0b01n, in: 0b10n };

/** Tier-1 events and errors of which no scenario can make an implementation show one. */
const IMPOSSIBLE: Readonly<Record<string, string>> = {
  F_UUT:
    'which transactions an implementation does not support is its own choice, and none in this language is (7.3.2)',
  F_TLB_CONFLICT: 'an implementation may use either entry where two match, and need not detect it (3.17, 7.3.17)',
  F_CFG_CONFLICT: 'an implementation may use either structure where two match, and need not detect it (7.3.18)',
  IMPDEF_EVENTn: 'these belong to the implementation (7.3.21)',
  CERROR_ATC_INV_SYNC: 'a CMD_SYNC fails so only after CMD_ATC_INV, which needs ATS (4.1.3, IDR0.ATS)',
};

const files = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .sort();

/** The event or error that a file is named after, and the words of its variant. */
function namesOf(file: string): { readonly name: string; readonly variant: readonly string[] } {
  const text = file.replace('.json', '');
  const prefixes = [...EVENT_NAMES, ...Object.keys(CERRORS)].filter((name) =>
    `${text}-`.startsWith(`${hyphened(name)}-`),
  );
  const name = prefixes.sort((a, b) => b.length - a.length)[0];
  if (name === undefined) throw new Error(`corpus/directed/${file} is named after no event and no command error`);
  return { name, variant: text.slice(name.length + 1).split('-') };
}

function hyphened(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** The records in the Event queue, oldest first. */
function recordsIn(program: Program, trace: Trace): DecodedEvent[] {
  const records: DecodedEvent[] = [];
  for (const [at, action] of program.actions.entries()) {
    const outcome = trace.observations[at]?.outcome;
    if (action.op !== 'read-memory' || action.address !== EVENTQ_BASE || outcome?.kind !== 'data') continue;
    for (let from = 0; from < outcome.data.length; from += EVENT_BYTES) {
      const record = decodeEvent(outcome.data.subarray(from, from + EVENT_BYTES));
      if (record.number !== 0) records.push(record);
    }
  }
  return records;
}

/** What was last read from a register. */
function lastRead(register: RegisterName, program: Program, trace: Trace): number | undefined {
  const { offset } = REGISTERS[register];
  const at = program.actions.findLastIndex((action) => action.op === 'read-register' && action.offset === offset);
  const outcome = trace.observations[at]?.outcome;
  return outcome?.kind === 'value' ? Number(outcome.value) : undefined;
}

describe('each directed scenario shows what it is named after, and is judged right', () => {
  for (const file of files) {
    test(file, async () => {
      const scenario = parseScenario(readFileSync(new URL(file, FOLDER), 'utf8'), file);
      const program = lower(scenario);
      const trace = await model.run(program);
      expect(judge(program, trace)).toMatchObject({ kind: 'ok' });
      const { name, variant } = namesOf(file);
      if (name in CERRORS) {
        const cons = lastRead('CMDQ_CONS', program, trace) ?? 0;
        expect((cons >>> 24) & 0x7f).toBe(CERRORS[name]);
        expect((lastRead('GERROR', program, trace) ?? 0) & 1).toBe(name === 'CERROR_NONE' ? 0 : 1);
        return;
      }
      const [record, ...others] = recordsIn(program, trace);
      expect(record?.name).toBe(name);
      expect(others).toEqual([]);
      for (const word of variant) {
        if (word === 's1' || word === 's2') expect(record?.fields['S2'], 'S2').toBe(word === 's2' ? 1n : 0n);
        if (word in CLASSES) expect(record?.fields['CLASS'], 'CLASS').toBe(CLASSES[word]);
      }
    });
  }
});

describe('every tier-1 event and every command error has its scenario', () => {
  const rows = readFileSync(EVENTS_TABLE, 'utf8').trimEnd().split('\n').slice(1);
  const tier1 = rows.map((row) => row.split('\t')).filter((cells) => cells[5] === '1');
  const wanted = [...tier1.map(([, name = '']) => name), ...Object.keys(CERRORS), 'CERROR_ATC_INV_SYNC'];
  const shown = new Set(files.map((file) => namesOf(file).name));
  for (const name of wanted) {
    const reason = IMPOSSIBLE[name];
    test(reason === undefined ? name : `${name}: none, for ${reason}`, () => {
      expect(shown.has(name)).toBe(reason === undefined);
    });
  }

  test('every reason is given of an event or error there is', () => {
    expect(Object.keys(IMPOSSIBLE).filter((name) => !wanted.includes(name))).toEqual([]);
  });
});
