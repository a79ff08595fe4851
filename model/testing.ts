/**
 * A bare-metal driver for the tests of this room: writes registers, structures and tables as software does, and plays the devices.
 * Bit positions are given where they are used and packed by `pack` below, apart from layout.ts, so that a position that is wrong
 * there shows. Only for tests.
 */
import { System } from './system.ts';
import type { SystemOptions } from './system.ts';
import type { Transaction } from './smmu/transaction.ts';

export const RAM_BASE = 0x4000_0000;
export const RAM_BYTES = 0x0800_0000;
/** Nothing is there. */
export const HOLE = 0x7000_0000;
export const STRTAB = 0x4010_0000;
export const CMDQ = 0x4012_0000;
export const EVENTQ = 0x4013_0000;
export const CDS = 0x4014_0000;
export const TABLES = 0x4020_0000;
/** Each 8-byte word here holds its own address. */
export const DATA = 0x4100_0000;
const DATA_BYTES = 0x0040_0000;

/** An input address: below 2^53 as a number, else [high, low] words. */
export type Va = number | readonly [high: number, low: number];

/** The address `offset` bytes above the bottom of the upper 48-bit range. */
export function upper(offset: number): Va {
  return [0xffff_0000 + Math.floor(offset / 2 ** 32), offset % 2 ** 32];
}

function words(va: Va): readonly [number, number] {
  return typeof va === 'number' ? [Math.floor(va / 2 ** 32), va % 2 ** 32] : va;
}

/** A structure of 32-bit words from its fields: [high bit, low bit, value below 2^53]. Later fields replace earlier ones. */
export type FieldValue = readonly [high: number, low: number, value: number];
export function pack(wordCount: number, fields: readonly FieldValue[]): Uint32Array {
  const result = new Uint32Array(wordCount);
  for (const [high, low, value] of fields) {
    for (let position = low; position <= high; position++) {
      const bit = Math.floor(value / 2 ** (position - low)) % 2;
      const word = position >> 5;
      const mask = (1 << (position & 31)) >>> 0;
      result[word] = bit === 1 ? result[word]! | mask : result[word]! & ~mask;
    }
  }
  return result;
}

/** Bits [high:low] of a structure; at most 53 of them. */
export function unpack(from: Uint32Array, high: number, low: number = high): number {
  let value = 0;
  for (let position = high; position >= low; position--)
    value = value * 2 + ((from[position >> 5]! >>> (position & 31)) & 1);
  return value;
}

export const STE_VALID: FieldValue = [0, 0, 1];
export const steConfig = (config: number): FieldValue => [3, 1, config];

/** What an access came to. */
export interface Access {
  readonly result: 'ok' | 'abort';
  readonly outputAddress: number;
  /** First 8 bytes read, as a number: in DATA the physical address. */
  readonly data: number;
}

export interface AccessOptions {
  readonly substreamId?: number;
  readonly privileged?: boolean;
  readonly instruction?: boolean;
}

export interface BootOptions {
  readonly strtabLog2Size?: number;
  readonly cmdqLog2Size?: number;
  readonly eventqLog2Size?: number;
  readonly cr0?: number;
  readonly cr2?: number;
  readonly irqCtrl?: number;
}

export class Driver {
  readonly system: System;
  cmdqLog2Size = 6;
  eventqLog2Size = 5;
  #prod = 0;
  readonly #nodes = new Map<string, number>();

  constructor(options: Omit<SystemOptions, 'ram'> = {}) {
    this.system = new System({ ram: [{ base: RAM_BASE, bytes: RAM_BYTES }], initialPage: fillData, ...options });
  }

  /** A driver whose interface is up: 32 streams, 64 commands, 32 events, all interrupts, RECINVSID. */
  static booted(options: BootOptions & Omit<SystemOptions, 'ram'> = {}): Driver {
    const driver = new Driver(options.features === undefined ? {} : { features: options.features });
    driver.boot(options);
    return driver;
  }

  /** One with stream 1 at stage 1 through CD 0 and 4 KiB at VA 0x1000 mapped to DATA, read-write for all, non-global. */
  static mapped(options: BootOptions & Omit<SystemOptions, 'ram'> = {}): Driver {
    const driver = Driver.booted(options);
    driver.ste(1);
    driver.cd();
    driver.map(0x1000, DATA);
    return driver;
  }

  boot(options: BootOptions): void {
    this.cmdqLog2Size = options.cmdqLog2Size ?? 6;
    this.eventqLog2Size = options.eventqLog2Size ?? 5;
    this.write(0x28, 0xd75);
    this.write64(0x80, STRTAB);
    this.write(0x88, options.strtabLog2Size ?? 5);
    this.write64(0x90, CMDQ + this.cmdqLog2Size);
    this.write(0x98, 0);
    this.write(0x9c, 0);
    this.write64(0xa0, EVENTQ + this.eventqLog2Size);
    this.write(0x1_00a8, 0);
    this.write(0x1_00ac, 0);
    this.write(0x2c, options.cr2 ?? 2);
    this.write(0x50, options.irqCtrl ?? 5);
    this.write(0x20, options.cr0 ?? 0xd);
  }

  // Registers.

  read(offset: number, bytes = 4): number {
    const value = this.system.readRegister(offset, bytes);
    if (value === 'abort') throw new Error(`read of register ${offset} aborted`);
    return value.hi * 2 ** 32 + value.lo;
  }
  write(offset: number, value: number, bytes = 4): void {
    if (!this.system.writeRegister(offset, bytes, 0, value >>> 0))
      throw new Error(`write of register ${offset} aborted`);
  }
  write64(offset: number, value: number): void {
    this.system.writeRegister(offset, 8, Math.floor(value / 2 ** 32), value % 2 ** 32);
  }

  // Memory.

  poke(address: number, data: Uint32Array): void {
    const bytes = new Uint8Array(data.length * 4);
    const view = new DataView(bytes.buffer);
    data.forEach((word, index) => view.setUint32(4 * index, word, true));
    if (!this.system.writeMemory(address, bytes)) throw new Error(`no memory at ${address}`);
  }
  peek(address: number, wordCount: number): Uint32Array {
    const bytes = new Uint8Array(wordCount * 4);
    if (!this.system.readMemory(address, bytes)) throw new Error(`no memory at ${address}`);
    const view = new DataView(bytes.buffer);
    return new Uint32Array(wordCount).map((_, index) => view.getUint32(4 * index, true));
  }

  // Structures.

  /** A valid stage 1 STE that points at CD 0; `fields` replace. */
  ste(stream: number, ...fields: readonly FieldValue[]): void {
    // S1ContextPtr is [55:6] of both the structure and the address.
    const at = STRTAB + 64 * stream;
    this.poke(at, pack(16, [STE_VALID, [55, 6, CDS / 64], steConfig(0b101), ...fields]));
  }

  /** A valid CD: T0SZ = T1SZ = 16, 4 KiB granules, IPS 44 bits, A = R = 1, AA64, ASID = number + 1, ASET 0. */
  cd(number = 0, ...fields: readonly FieldValue[]): void {
    this.poke(
      CDS + 64 * number,
      pack(16, [
        [5, 0, 16],
        [7, 6, 0b00],
        [21, 16, 16],
        [23, 22, 0b10],
        [31, 31, 1],
        [34, 32, 0b100],
        [41, 41, 1],
        [45, 45, 1],
        [46, 46, 1],
        [63, 48, number + 1],
        [115, 68, this.root(number, 0) / 16],
        [179, 132, this.root(number, 1) / 16],
        ...fields,
      ]),
    );
  }

  /** The level 0 table of a CD's lower or upper half. */
  root(cd: number, half: number): number {
    return this.#node(`${cd}/${half}`);
  }

  /** Maps with Table descriptors on the path and a leaf at `level`: AF, nG, AP[2:1] = 0b01, valid; `fields` replace leaf fields. */
  map(va: Va, pa: number, level = 3, cd = 0, ...fields: readonly FieldValue[]): void {
    for (let above = 0; above < level; above++) this.table(va, above, cd);
    const type = level === 3 ? 0b11 : 0b01;
    this.poke(
      this.descriptorAt(va, level, cd),
      pack(2, [[47, 12, pa / 4096], [1, 0, type], [7, 6, 0b01], [10, 10, 1], [11, 11, 1], ...fields]),
    );
  }

  /** One Table descriptor on the path of `va`, pointing at its usual next table. */
  table(va: Va, level: number, cd = 0, ...fields: readonly FieldValue[]): void {
    const next = this.#node(this.#path(va, level + 1, cd));
    this.poke(this.descriptorAt(va, level, cd), pack(2, [[47, 12, next / 4096], [1, 0, 0b11], ...fields]));
  }

  unmap(va: Va, level = 3, cd = 0): void {
    this.poke(this.descriptorAt(va, level, cd), new Uint32Array(2));
  }

  /** Physical address of the descriptor of `va` at `level`. */
  descriptorAt(va: Va, level: number, cd = 0): number {
    return this.#node(this.#path(va, level, cd)) + 8 * indexOf(va, level);
  }

  #path(va: Va, level: number, cd: number): string {
    let path = `${cd}/${(words(va)[0] >>> 23) & 1}`;
    for (let above = 0; above < level; above++) path += `/${indexOf(va, above)}`;
    return path;
  }

  #node(path: string): number {
    let at = this.#nodes.get(path);
    if (at === undefined) this.#nodes.set(path, (at = TABLES + 4096 * this.#nodes.size));
    return at;
  }

  // Commands.

  /** Puts a command in the next slot and rings. */
  command(opcode: number, ...fields: readonly FieldValue[]): void {
    this.fill(opcode, ...fields);
    this.ring();
  }
  /** Puts a command in the next slot; CMDQ_PROD is not written. */
  fill(opcode: number, ...fields: readonly FieldValue[]): void {
    const size = 2 ** this.cmdqLog2Size;
    this.poke(CMDQ + 16 * (this.#prod % size), pack(4, [[7, 0, opcode], ...fields]));
    this.#prod = (this.#prod + 1) % (2 * size);
  }
  ring(): void {
    this.write(0x98, this.#prod);
  }
  /** Replaces the command at CMDQ_CONS.RD. */
  replaceCommand(opcode: number, ...fields: readonly FieldValue[]): void {
    const slot = (this.read(0x9c) & 0xf_ffff) % 2 ** this.cmdqLog2Size;
    this.poke(CMDQ + 16 * slot, pack(4, [[7, 0, opcode], ...fields]));
  }
  /** GERRORN := GERROR. */
  acknowledgeErrors(): void {
    this.write(0x64, this.read(0x60));
  }
  cfgiSte(stream: number): void {
    this.command(0x03, [63, 32, stream], [64, 64, 1]);
  }
  cfgiCd(stream: number): void {
    this.command(0x05, [63, 32, stream], [64, 64, 1]);
  }
  cfgiAll(): void {
    this.command(0x04, [68, 64, 31]);
  }
  tlbiAll(): void {
    this.command(0x30);
  }
  /** CMD_TLBI_NH_VA, without range; Leaf as given. */
  tlbiVa(asid: number, va: Va, leaf: boolean, ...fields: readonly FieldValue[]): void {
    this.command(0x12, [63, 48, asid], ...addressFields(va), [64, 64, leaf ? 1 : 0], ...fields);
  }
  tlbiVaa(va: Va, leaf: boolean, ...fields: readonly FieldValue[]): void {
    this.command(0x13, ...addressFields(va), [64, 64, leaf ? 1 : 0], ...fields);
  }

  // Events.

  /** The records between EVENTQ_CONS and EVENTQ_PROD; consumes them. */
  takeEvents(): Uint32Array[] {
    const size = 2 ** this.eventqLog2Size;
    const prod = this.read(0x1_00a8);
    let cons = this.read(0x1_00ac) & 0xf_ffff;
    const records: Uint32Array[] = [];
    while (cons !== (prod & 0xf_ffff)) {
      records.push(this.peek(EVENTQ + 32 * (cons % size), 8));
      cons = (cons + 1) % (2 * size);
    }
    this.write(0x1_00ac, cons + (prod >= 2 ** 31 ? 2 ** 31 : 0));
    return records;
  }
  /** Their numbers only. */
  takeEventNumbers(): number[] {
    return this.takeEvents().map((record) => unpack(record, 7, 0));
  }

  // Devices.

  dmaRead(stream: number, va: Va, options: AccessOptions = {}): Access {
    const t = transaction(stream, va, options);
    const buffer = new Uint8Array(8).fill(0xee);
    const result = this.system.dmaRead(t, buffer);
    const view = new DataView(buffer.buffer);
    return {
      result,
      outputAddress: t.outputAddress,
      data: view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32,
    };
  }
  dmaWrite(stream: number, va: Va, options: AccessOptions & { readonly data?: Uint8Array } = {}): Access {
    const t = transaction(stream, va, options);
    const result = this.system.dmaWrite(t, options.data ?? new Uint8Array(8).fill(0x5a));
    return { result, outputAddress: t.outputAddress, data: 0 };
  }
}

function transaction(streamId: number, va: Va, options: AccessOptions): Transaction {
  const [addressHi, addressLo] = words(va);
  return {
    streamId,
    substreamId: options.substreamId ?? -1,
    addressHi,
    addressLo,
    write: false,
    privileged: options.privileged ?? false,
    instruction: options.instruction ?? false,
    outputAddress: 0,
  };
}

/** Address[127:76] of a command: VA[63:12]. */
function addressFields(va: Va): FieldValue[] {
  const [high, low] = words(va);
  return [
    [127, 96, high],
    [95, 76, Math.floor(low / 4096)],
  ];
}

function indexOf(va: Va, level: number): number {
  const [high, low] = words(va);
  const page = (high % 2 ** 16) * 2 ** 20 + Math.floor(low / 4096);
  return Math.floor(page / 2 ** (9 * (3 - level))) % 512;
}

function fillData(base: number, page: Uint8Array): void {
  if (base < DATA || base >= DATA + DATA_BYTES) return;
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  for (let at = 0; at < page.length; at += 8) view.setUint32(at, base + at, true);
}
