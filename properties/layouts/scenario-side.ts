/** The builder of scenarios: its encoders, and its decoder of events, under the names that the facts have too. */
import { CD_LAYOUT, encodeCd } from '../../scenario/encode/cd.ts';
import { COMMANDS, encodeCommand } from '../../scenario/encode/commands.ts';
import type { CommandName } from '../../scenario/encode/commands.ts';
import { DESCRIPTOR_LAYOUT, encodeTable } from '../../scenario/encode/descriptor.ts';
import { decodeEvent, EVENT_BYTES, EVENTS } from '../../scenario/encode/events.ts';
import { isAddress } from '../../scenario/encode/fields.ts';
import type { FieldPlace, Layout } from '../../scenario/encode/fields.ts';
import { encodeL1cd, L1CD_LAYOUT } from '../../scenario/encode/l1cd.ts';
import { encodeL1std, L1STD_LAYOUT } from '../../scenario/encode/l1std.ts';
import { encodeSte, STE_LAYOUT } from '../../scenario/encode/ste.ts';
import { REGISTERS } from '../../scenario/registers.ts';
import { fromBytes, toBytes } from './facts.ts';
import type { Side } from './side.ts';
import { constant, writes } from './side.ts';
import type { ProbeOf } from './side.ts';

/** Writers of all fields of a layout. Addresses are given whole, so the bits of the field move up to where they belong. */
function writersOf(structure: string, layout: Layout, encode: (fields: Record<string, bigint>) => bigint) {
  const entries = Object.entries(layout).map(([name, place]): [string, ProbeOf] => {
    const shift = isAddress(place) ? BigInt(place[1]) : 0n;
    return [`${structure}.${name}`, writes((value) => encode({ [name]: value << shift }))];
  });
  return Object.fromEntries(entries);
}

function commandProbes(): Record<string, ProbeOf> {
  const entries = Object.entries(COMMANDS).flatMap(([name, { fields }]) => [
    [`${name}.opcode`, opcodeOf(name as CommandName)] as const,
    ...Object.entries(
      // Range is given always: CMD_CFGI_ALL would otherwise set it.
      writersOf(name, fields, (given) => fromBytes(encodeCommand(name as CommandName, { Range: 0n, ...given }))),
    ),
  ]);
  return Object.fromEntries(entries);
}

/** A command without fields is its opcode alone. */
function opcodeOf(name: CommandName): ProbeOf {
  const alone = fromBytes(encodeCommand(name, { Range: 0n }));
  return (fact) => writes((value) => (value === 0n ? 0n : alone), [BigInt(fact.at ?? 0)])(fact);
}

/** A record of nothing but its number has the name of its event. */
function numberOf(name: string): ProbeOf {
  return (fact) => ({
    kind: 'reads',
    read: (structure) => decodeEvent(toBytes(structure, EVENT_BYTES)).name,
    values: [BigInt(fact.at ?? 0)],
    expected: () => name,
  });
}

function eventProbes(): Record<string, ProbeOf> {
  const readers = Object.entries(EVENTS).flatMap(([name, { number, fields }]) => [
    [`${name}.number`, numberOf(name)] as const,
    ...Object.entries<FieldPlace>(fields).map(([field, place]): [string, ProbeOf] => [
      `${name}.${field}`,
      () => ({
        kind: 'reads',
        read: (structure) => {
          const shown = decodeEvent(toBytes(structure, EVENT_BYTES)).fields[field] ?? 0n;
          return isAddress(place) ? shown >> BigInt(place[1]) : shown;
        },
        given: BigInt(number),
      }),
    ]),
  ]);
  return Object.fromEntries(readers);
}

function registerProbes(): Record<string, ProbeOf> {
  return Object.fromEntries(
    Object.entries(REGISTERS).map(([name, { offset }]) => [`${name}.offset`, constant(offset)] as const),
  );
}

export const SCENARIO: Side = {
  name: 'scenario',
  probes: {
    ste: {
      ...writersOf('STE', STE_LAYOUT, (fields) => fromBytes(encodeSte(fields))),
      ...writersOf('L1STD', L1STD_LAYOUT, (fields) => fromBytes(encodeL1std(fields))),
    },
    cd: {
      ...writersOf('CD', CD_LAYOUT, (fields) => fromBytes(encodeCd(fields))),
      ...writersOf('L1CD', L1CD_LAYOUT, (fields) => fromBytes(encodeL1cd(fields))),
    },
    commands: commandProbes(),
    events: eventProbes(),
    registers: {
      ...registerProbes(),
      '*': () => ({ kind: 'unused', why: 'registers are whole values here' }),
    },
    descriptors: writersOf('descriptor', DESCRIPTOR_LAYOUT, (fields) =>
      encodeTable({ Valid: 0n, Type: 0n, ...fields }),
    ),
  },
  views: {},
};
