/**
 * One state the programming interface may be in: register contents and the work that is under way.
 *
 * The judge holds a small set of these (see judge.ts). A state is changed only on a copy of its own.
 */
import type { Interrupt } from '../scenario/trace.ts';
import type { EventRecord } from './events.ts';
import type { Invalidation } from './invalidations.ts';
import type { Content, Memory } from './memory.ts';
import type { CrossCell } from './rules/crosses.ts';
import type { RuleId } from './rules/ids.ts';
import {
  type DueInterrupt,
  eventsKey,
  historyKey,
  interruptsKey,
  overlayKey,
  type TableWindow,
} from './state-parts.ts';

/** One 32-bit register word. */
interface Cell {
  readonly value: number;
  readonly unknown: number;
  readonly reserved: number;
  readonly why: readonly RuleId[];
}

const NOTHING: ReadonlyMap<bigint, readonly Content[]> = new Map();
const EMPTY: Cell = { value: 0, unknown: 0, reserved: 0, why: [] };

const slots = new Map<number, number>();

/** Register words in the order in which they were first given a value, so that a state is a short array. */
function slotOf(offset: number): number {
  const known = slots.get(offset);
  if (known !== undefined) return known;
  slots.set(offset, slots.size);
  return slots.size - 1;
}

export class State {
  #cells: (Cell | undefined)[] = [];
  /** Whether interrupts can only be wired: an implementation with MSIs may have no wires (3.18). */
  readonly wired: boolean;
  /** The value of CR0 in force; between the write and the acknowledge it may be the old or the new one (6.3.9). */
  cr0InForce = 0;
  cr0Ack = 0;
  irqCtrlAck = 0;
  /** A GBPA value whose Update has not completed (6.3.14.1). */
  gbpaPending: number | undefined = undefined;
  /** GERROR bits that differ from GERRORN although no error is active (6.3.20). */
  ghostErrors = 0;
  /** The action at which a command error was last found. */
  cmdqErrorAt = -1;
  /** The action at which CMDQEN last took force as 0. */
  cmdqDisabledAt = -1;
  /** The action since which the commands waiting were there for the SMMU to read (3.21.2). */
  cmdqPublishedAt = -1;
  /** The action of the latest reset; -1 before any. */
  resetAt = -1;
  /** Consumption stopped after PROD was moved illegally, until the queue is disabled (3.21.2). */
  cmdqStuck = false;
  /** Events of terminated transactions that are on their way to the queue. */
  events: readonly EventRecord[] = [];
  /** Events recorded since the last CMD_SYNC that software has not consumed: an identical one may be merged into them. */
  recorded: readonly EventRecord[] = [];
  /** The Event queue was emptied by software after it held something. */
  drained = false;
  interrupts: Partial<Record<Interrupt, DueInterrupt>> = {};
  invalidations: readonly Invalidation[] = [];
  tables: readonly TableWindow[] = [];
  /** Cells of crosses that what the SMMU did since the last observation shows, for coverage (rules/crosses.ts). */
  shown: readonly CrossCell[] = [];
  /** Words that hold something else in this state than in others: what the SMMU or a device wrote here (state-set.ts). */
  overlay: ReadonlyMap<bigint, readonly Content[]> = NOTHING;

  constructor(wired: boolean) {
    this.wired = wired;
  }

  copy(): State {
    const other = new State(this.wired);
    other.#cells = this.#cells.slice();
    other.cr0InForce = this.cr0InForce;
    other.cr0Ack = this.cr0Ack;
    other.irqCtrlAck = this.irqCtrlAck;
    other.gbpaPending = this.gbpaPending;
    other.ghostErrors = this.ghostErrors;
    other.cmdqErrorAt = this.cmdqErrorAt;
    other.cmdqDisabledAt = this.cmdqDisabledAt;
    other.cmdqPublishedAt = this.cmdqPublishedAt;
    other.resetAt = this.resetAt;
    other.cmdqStuck = this.cmdqStuck;
    other.events = this.events;
    other.recorded = this.recorded;
    other.drained = this.drained;
    other.interrupts = this.interrupts;
    other.invalidations = this.invalidations;
    other.tables = this.tables;
    other.overlay = this.overlay;
    other.shown = this.shown;
    return other;
  }

  #cell(offset: number): Cell {
    const slot = slots.get(offset);
    return slot === undefined ? EMPTY : (this.#cells[slot] ?? EMPTY);
  }

  /** Contents of the 32-bit register word at `offset`. */
  word(offset: number): number {
    return this.#cell(offset).value;
  }

  /** Bits of it that are UNKNOWN. */
  unknown(offset: number): number {
    return this.#cell(offset).unknown;
  }

  /** Reserved bits of it that software has written as 1: RES0 lets them be stored or not (1.2, 6.2). */
  reserved(offset: number): number {
    return this.#cell(offset).reserved;
  }

  /** Rules that its present value rests on. */
  why(offset: number): readonly RuleId[] {
    return this.#cell(offset).why;
  }

  /** Whether anything is known of it. */
  has(offset: number): boolean {
    return this.#cell(offset) !== EMPTY;
  }

  change(offset: number, to: Partial<Cell>): void {
    const cell = { ...this.#cell(offset), ...to };
    this.#cells[slotOf(offset)] = { ...cell, value: cell.value >>> 0, unknown: cell.unknown >>> 0 };
  }

  /** What the word of memory at an 8-byte aligned address may hold, in this state. */
  content(memory: Memory, address: bigint): readonly Content[] {
    return this.overlay.get(address) ?? memory.now(address);
  }

  /** Words are written to memory in this state. */
  put(words: Iterable<readonly [address: bigint, contents: readonly Content[]]>): void {
    const overlay = new Map(this.overlay);
    for (const [address, contents] of words) overlay.set(address, contents);
    this.overlay = overlay;
  }

  /** A 64-bit register from its two halves. */
  double(offset: number): bigint {
    return (BigInt(this.word(offset + 4)) << 32n) | BigInt(this.word(offset));
  }

  set(offset: number, value: number, why: readonly RuleId[]): void {
    this.change(offset, { value, unknown: 0, why });
  }

  /** Active errors: GERROR bits that differ from GERRORN (7.5). */
  activeErrors(): number {
    return ((this.word(GERROR) ^ this.word(GERRORN)) & ~this.ghostErrors) >>> 0;
  }

  /** Something happens that an edge tells of. An edge seen before does not stand for it, but one edge may stand for several. */
  due(line: Interrupt, must: boolean, rules: readonly RuleId[]): void {
    const before = this.interrupts[line];
    const unmet = before !== undefined && before.seen === 0;
    this.interrupts = {
      ...this.interrupts,
      [line]: {
        must: (must && this.wired) || (unmet && before.must),
        max: (before === undefined ? 0 : before.max - before.seen) + 1,
        seen: 0,
        rules: unmet ? [...before.rules, ...rules] : rules,
      },
    };
  }

  /** Two states with the same key cannot be told apart by anything that follows. */
  key(): string {
    let cells = '';
    for (const cell of this.#cells) {
      cells += cell === undefined ? ';' : `${cell.value},${cell.unknown},${cell.reserved};`;
    }
    return [
      cells,
      this.cr0InForce,
      this.cr0Ack,
      this.irqCtrlAck,
      this.gbpaPending,
      this.ghostErrors,
      this.cmdqStuck,
      eventsKey(this.events),
      eventsKey(this.recorded),
      interruptsKey(this.interrupts),
      historyKey(this),
      overlayKey(this.overlay),
    ].join('|');
  }
}

export const IDR0 = 0x00;
export const CR0 = 0x20;
export const CR0ACK = 0x24;
export const CR1 = 0x28;
export const CR2 = 0x2c;
export const GBPA = 0x44;
export const IRQ_CTRL = 0x50;
export const IRQ_CTRLACK = 0x54;
export const GERROR = 0x60;
export const GERRORN = 0x64;
export const STRTAB_BASE = 0x80;
export const STRTAB_BASE_CFG = 0x88;
export const CMDQ_BASE = 0x90;
export const CMDQ_PROD = 0x98;
export const CMDQ_CONS = 0x9c;
export const EVENTQ_BASE = 0xa0;
export const EVENTQ_PROD = 0x100a8;
export const EVENTQ_CONS = 0x100ac;

export const SMMUEN = 1 << 0;
export const EVENTQEN = 1 << 2;
export const CMDQEN = 1 << 3;

export const GERROR_CMDQ_ERR = 1 << 0;
export const GERROR_EVENTQ_ABT_ERR = 1 << 2;

export const IRQEN_GERROR = 1 << 0;
export const IRQEN_PRIQ = 1 << 1;
export const IRQEN_EVENTQ = 1 << 2;
