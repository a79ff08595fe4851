/**
 * Steps, actions, observations and event records in words, one line each, for `replay` and reports.
 *
 * Structures are shown by what they hold: memory that an action writes at a known handle is decoded, fields that are zero
 * are left out.
 */
import { CD_LAYOUT, decodeCd } from './encode/cd.ts';
import { COMMANDS, decodeCommand } from './encode/commands.ts';
import { DESCRIPTOR_LAYOUT, decodeDescriptor } from './encode/descriptor.ts';
import { EVENTS, EVENT_BYTES, decodeEvent } from './encode/events.ts';
import { bytesToWords, isAddress } from './encode/fields.ts';
import type { Layout } from './encode/fields.ts';
import { L1CD_LAYOUT, decodeL1cd } from './encode/l1cd.ts';
import { L1STD_LAYOUT } from './encode/l1std.ts';
import { STE_LAYOUT, decodeSte } from './encode/ste.ts';
import { whatIsAt } from './layout.ts';
import type { Place } from './layout.ts';
import { bytesToHex } from './lower.ts';
import { REGISTERS, registerAt } from './registers.ts';
import type { Action, Step, Tables } from './steps.ts';
import type { Observation, Outcome } from './trace.ts';

type Values = Readonly<Record<string, bigint | undefined>>;

/** Meanings of values that are easier to read than the number; the number is the index. */
const MEANINGS: Readonly<Record<string, readonly string[]>> = {
  Config: ['abort', 'abort', 'abort', 'abort', 'bypass', 'S1', 'S2', 'S1+S2'],
  CLASS: ['CD', 'TT', 'IN'],
  CS: ['NONE', 'IRQ', 'SEV'],
};

/** `0x1000` */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** `Config=S1 S1ContextPtr=0x40140000`: the fields that are given, zeros too; unlike decoded ones, they were chosen. */
function given(layout: Layout, values: Values): string {
  const names = [...Object.keys(layout), ...Object.keys(values).filter((name) => !(name in layout))];
  return names.flatMap((name) => oneField(layout, name, values[name])).join(' ');
}

/** As `given`, without the zeros. */
function nonZero(layout: Layout, values: Values): string {
  return given(layout, Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0n)));
}

function oneField(layout: Layout, name: string, value: bigint | undefined): string[] {
  if (value === undefined) return [];
  const place = layout[name];
  const meaning = MEANINGS[name]?.[Number(value)];
  const plain = place !== undefined && !isAddress(place) && (place[2] <= 16 || value < 10n);
  return [`${name}=${meaning ?? (plain ? value.toString() : hex(value))}`];
}

/** Joins what is not empty with spaces. */
function words(...parts: readonly (string | undefined | false)[]): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join(' ');
}

/** A step in words: what software or the device does. */
export function printStep(step: Step): string {
  switch (step.do) {
    case 'boot': {
      const { do: _, ...sizes } = step;
      const set = Object.entries(sizes).map(([name, value]) => `${name}=${hex(value)}`);
      return words('boot', ...set);
    }
    case 'ste':
      return words(
        `STE[${step.stream}] of CD[${step.cd ?? 0}]`,
        step.vm !== undefined && `and VM[${step.vm}]`,
        step.split !== undefined && `in 2 levels, SPLIT ${step.split}`,
        given(STE_LAYOUT, step.set ?? {}),
      );
    case 'l1std':
      return words(`L1STD of stream ${step.stream}, SPLIT ${step.split}`, given(L1STD_LAYOUT, step.set ?? {}));
    case 'l1cd':
      return words(`L1CD[${step.index}]`, given(L1CD_LAYOUT, step.set ?? {}));
    case 'cd':
      return words(`CD[${step.cd}]`, given(CD_LAYOUT, step.set ?? {}));
    case 'map': {
      const what = `map ${hex(step.va)} to ${hex(step.pa)} in ${tablesWords(step)} at level ${step.level ?? 3}`;
      return words(what, given(DESCRIPTOR_LAYOUT, step.set ?? {}));
    }
    case 'table': {
      const what = `table for ${hex(step.va)} in ${tablesWords(step)} at level ${step.level}`;
      return words(what, given(DESCRIPTOR_LAYOUT, step.set ?? {}));
    }
    case 'unmap':
      return `unmap ${hex(step.va)} in ${tablesWords(step)} at level ${step.level ?? 3}`;
    case 'command':
      return words(step.name, given(COMMANDS[step.name].fields, step.set ?? {}), slotWords(step));
    case 'raw-command':
      return words(`command ${hex(step.word0)} ${hex(step.word1)}`, slotWords(step));
    case 'dma':
      return printDma(step);
    case 'write':
      return words(`${step.register} = ${hex(step.value)}`, widthWords(step.bytes));
    case 'write-offset':
      return words(`${offsetWords(step.offset)} = ${hex(step.value)}`, widthWords(step.bytes));
    case 'read':
      return words(`read ${step.register}`, widthWords(step.bytes));
    case 'read-offset':
      return words(`read ${offsetWords(step.offset)}`, widthWords(step.bytes));
    case 'poke':
      return `write ${step.data.length / 2} bytes at ${hex(step.address)}: ${shortHex(step.data)}`;
    case 'peek':
      return `read ${step.bytes} bytes at ${hex(step.address)}`;
    case 'events':
      return 'read the Event queue';
    case 'reset':
      return 'reset';
    case 'settle':
      return 'settle';
  }
}

function tablesWords({ cd, vm, granule }: Tables): string {
  const owner = vm === undefined ? `CD[${cd ?? 0}]` : `VM[${vm}]`;
  return granule === undefined ? owner : `${owner}, ${granule} granule,`;
}

function slotWords(step: { readonly at?: number; readonly ring?: boolean }): string {
  if (step.at !== undefined) return `(over slot ${step.at})`;
  return step.ring === false ? '(PROD not written yet)' : '';
}

function widthWords(bytes: number | undefined): string {
  return bytes === undefined ? '' : `(${bytes} byte${bytes === 1 ? '' : 's'})`;
}

/** A register by its name where one starts, else by its offset. */
function offsetWords(offset: number): string {
  const name = registerAt(offset);
  return name === undefined ? `register ${hex(offset)}` : name;
}

function printDma(step: Extract<Step, { do: 'dma' }>): string {
  const address = step.write ?? step.read ?? 0n;
  const attributes = {
    privileged: step.privileged ?? false,
    instruction: step.instruction ?? false,
    ...(step.substream === undefined ? {} : { substreamId: step.substream }),
  };
  const kind = step.write === undefined ? 'read' : 'write';
  return dmaWords(kind, step.bytes, address, step.stream, attributes, step.fill);
}

interface Attributes {
  readonly substreamId?: number;
  readonly privileged: boolean;
  readonly instruction: boolean;
}

function dmaWords(
  kind: 'read' | 'write',
  bytes: number,
  address: bigint,
  streamId: number,
  { substreamId, privileged, instruction }: Attributes,
  fill?: number,
): string {
  return words(
    `dma ${kind} ${bytes} byte${bytes === 1 ? '' : 's'} at ${hex(address)} from stream ${streamId}`,
    substreamId !== undefined && `substream ${substreamId}`,
    privileged && 'privileged',
    instruction && 'instruction',
    fill !== undefined && `fill ${hex(fill)}`,
  );
}

/** An action in words; memory at a known handle is shown as the structure that belongs there. */
export function printAction(action: Action): string {
  switch (action.op) {
    case 'write-register':
      return `${offsetWords(action.offset)} = ${hex(action.value)}${odd(action.offset, action.bytes)}`;
    case 'read-register':
      return `read ${offsetWords(action.offset)}${odd(action.offset, action.bytes)}`;
    case 'write-memory':
      return printWrite(action.address, action.data);
    case 'read-memory':
      return `read ${action.bytes} bytes at ${hex(action.address)}`;
    case 'dma-read':
      return dmaWords('read', action.bytes, action.address, action.streamId, action);
    case 'dma-write':
      return words(
        dmaWords('write', action.data.length, action.address, action.streamId, action),
        shortHex(bytesToHex(action.data)),
      );
    case 'reset':
      return 'reset';
    case 'settle':
      return 'settle';
  }
}

/** The width of an access where it is not the register's own. */
function odd(offset: number, bytes: number): string {
  const name = registerAt(offset);
  return name !== undefined && REGISTERS[name].bytes === bytes ? '' : ` ${widthWords(bytes)}`;
}

function printWrite(address: bigint, data: Uint8Array): string {
  const what = whatIsAt(address);
  if (what?.kind === 'ste' && data.length === 64) return `STE[${what.stream}]: ${printSte(data)}`;
  if (what?.kind === 'cd' && data.length === 64) return `CD[${what.cd}]: ${printCd(data)}`;
  if (what?.kind === 'command' && data.length === 16) return `command slot ${what.slot}: ${printCommand(data)}`;
  if (what?.kind === 'l1cd' && data.length === 8)
    return `L1CD[${what.index}]: ${nonZero(L1CD_LAYOUT, decodeL1cd(data)) || 'all zero'}`;
  if (what?.kind === 'descriptor' && data.length === 8) {
    const { level } = what;
    const [word = 0n] = bytesToWords(data, 1);
    return `${placeWords(what)} level ${level} descriptor at ${hex(address)}: ${printDescriptor(level, word)}`;
  }
  return `write ${data.length} bytes at ${hex(address)}: ${shortHex(bytesToHex(data))}`;
}

function placeWords({ owner, granule }: Extract<Place, { kind: 'descriptor' }>): string {
  const set = 'vm' in owner ? `VM[${owner.vm}] S2TTB` : `CD[${owner.cd}] TTB${owner.half}`;
  return granule === '4K' ? set : `${set} (${granule})`;
}

/** `V=1 Config=S1 ...`, without the fields that are zero. */
export function printSte(bytes: Uint8Array): string {
  return nonZero(STE_LAYOUT, decodeSte(bytes)) || 'all zero';
}

export function printCd(bytes: Uint8Array): string {
  return nonZero(CD_LAYOUT, decodeCd(bytes)) || 'all zero';
}

/** A descriptor as a walk at `level` reads it: invalid, Table, Block or Page, and its fields. */
export function printDescriptor(level: number, word: bigint): string {
  if ((word & 1n) === 0n) return word === 0n ? 'invalid' : `invalid ${hex(word)}`;
  const type = (word & 2n) === 0n ? (level === 3 ? 'reserved' : 'Block') : level === 3 ? 'Page' : 'Table';
  const { Valid: _valid, Type: _type, ...fields } = decodeDescriptor(level, word);
  return words(type, nonZero(DESCRIPTOR_LAYOUT, fields));
}

/** `CMD_TLBI_NH_VA ASID=1 Address=0x1000` */
export function printCommand(bytes: Uint8Array): string {
  const { name, opcode, fields } = decodeCommand(bytes);
  return words(
    name ?? `reserved opcode ${hex(opcode)}`,
    nonZero(name === undefined ? {} : COMMANDS[name].fields, fields),
  );
}

/** `F_TRANSLATION StreamID=8 RnW=1 CLASS=IN InputAddr=0x1000` */
export function printEvent(bytes: Uint8Array): string {
  const { name, number, fields } = decodeEvent(bytes);
  const layout: Layout = name === undefined ? {} : EVENTS[name].fields;
  // Zero says something in these two: stream 0, a fault of a CD fetch.
  const told = Object.entries(fields).filter(
    ([field, value]) => value !== 0n || field === 'StreamID' || field === 'CLASS',
  );
  return words(name ?? `event ${hex(number)}`, given(layout, Object.fromEntries(told)));
}

/** The records of an Event queue's memory that are not all zero, each with its slot. */
export function printEventQueue(memory: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at + EVENT_BYTES <= memory.length; at += EVENT_BYTES) {
    const record = memory.subarray(at, at + EVENT_BYTES);
    if (record.some((byte) => byte !== 0)) lines.push(`slot ${at / EVENT_BYTES}: ${printEvent(record)}`);
  }
  return lines;
}

/** An observation in words: the outcome, the output address when known, the interrupts. */
export function printObservation(observation: Observation): string {
  return words(
    printOutcome(observation.outcome),
    observation.outputAddress !== undefined && `(output address ${hex(observation.outputAddress)})`,
    observation.interrupts.length > 0 && `interrupts: ${observation.interrupts.join(', ')}`,
  );
}

export function printOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'done':
      return 'done';
    case 'value':
      return hex(outcome.value);
    case 'data':
      return printData(outcome.data);
    case 'abort':
      return 'abort';
    case 'unclear':
      return outcome.data === undefined ? 'done or abort' : `abort, or ${printData(outcome.data)}`;
  }
}

function printData(data: Uint8Array): string {
  return data.every((byte) => byte === 0) ? `${data.length} zero bytes` : shortHex(bytesToHex(data));
}

/** Hexadecimal digits, the middle left out when there are more than 64. */
function shortHex(digits: string): string {
  return digits.length <= 64 ? digits : `${digits.slice(0, 48)}..${digits.slice(-8)} (${digits.length / 2} bytes)`;
}
