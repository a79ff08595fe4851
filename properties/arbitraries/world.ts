/**
 * The scenario being drawn, step by step, with what the generator must remember of the steps so far: slots of the Command queue, errors
 * outstanding, what is mapped. The shadow is the plan of a driver, not a model of the SMMU; the steps it
 * leads to hold absolute values, so none of them depends on it afterwards.
 */
import type { CommandFields, CommandName } from '../../scenario/encode/commands.ts';
import type { CdFields } from '../../scenario/encode/cd.ts';
import { defaultLeaf } from '../../scenario/defaults.ts';
import { encodeLeaf, encodeTable } from '../../scenario/encode/descriptor.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { descriptorAddress, levelShift, nodeAddress } from '../../scenario/layout.ts';
import type { Level } from '../../scenario/layout.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import type { RegisterName } from '../../scenario/registers.ts';
import type { AccessBytes, Step, TableLevel } from '../../scenario/steps.ts';
import type { Draw } from './draw.ts';
import type { Target } from './target.ts';

export const SMMUEN = 1n;
export const EVENTQEN = 1n << 2n;
export const CMDQEN = 1n << 3n;

/** What a CD maps at one input address. */
export interface Mapping {
  readonly cd: number;
  readonly va: bigint;
  readonly pa: bigint;
  readonly level: Level;
}

export interface DmaOptions {
  readonly write?: boolean;
  readonly bytes?: number;
  readonly privileged?: boolean;
  readonly instruction?: boolean;
  readonly substream?: number;
}

export interface CommandOptions {
  readonly at?: number;
  readonly ring?: boolean;
}

/** `boot` itself issues CFGI_ALL, TLBI_NSNH_ALL and CMD_SYNC. */
const BOOT_COMMANDS = 3;

export type BootOptions = Omit<Extract<Step, { do: 'boot' }>, 'do'>;

/** Something harmless that may stand between any two steps of a story. */
export type Aside = (world: World) => void;

export class World {
  readonly steps: Step[] = [];
  readonly draw: Draw;
  readonly target: Target;
  readonly mappings: Mapping[] = [];
  /** CD number of each stream that has a stage 1 STE. */
  readonly streams = new Map<number, number>();
  booted = false;
  cmdqLog2Size = 6;
  eventqLog2Size = 5;
  strtabLog2Size = 5;
  /** Commands put in the queue so far: the next goes to slot `slots` modulo the queue's size. */
  slots = 0;
  /** Commands in the queue that wait for the queue to be enabled or an error to be acknowledged. */
  backlog = 0;
  /** Slot of the command in error while CMDQ_ERR is active. */
  errorSlot: number | undefined;
  /** False while CR0.CMDQEN is 0, or the Command queue cannot be read. */
  cmdqRuns = true;
  /** GERROR as it should read now. */
  gerror = 0n;
  cr0 = SMMUEN | EVENTQEN | CMDQEN;
  readonly #asides: readonly Aside[];
  readonly #asidePercent: number;
  #inAside = false;
  #nextPage = 0;

  constructor(draw: Draw, target: Target, asides: readonly Aside[] = [], asidePercent = 0) {
    this.draw = draw;
    this.target = target;
    this.#asides = asides;
    this.#asidePercent = asides.length === 0 ? 0 : asidePercent;
  }

  /** Adds a step, and now and then an aside after it. */
  push(step: Step): void {
    this.steps.push(step);
    if (this.#inAside || !this.booted || this.#asidePercent === 0 || !this.draw.chance(this.#asidePercent)) return;
    this.#inAside = true;
    this.draw.pick(this.#asides)(this);
    this.#inAside = false;
  }

  /** Does something with no aside between its steps. */
  quietly(action: () => void): void {
    const before = this.#inAside;
    this.#inAside = true;
    action();
    this.#inAside = before;
  }

  /** Whether a command put in the queue now would be consumed at once. */
  get commandsRun(): boolean {
    return this.booted && this.cmdqRuns && this.errorSlot === undefined;
  }

  get cmdqSize(): number {
    return 2 ** Math.min(this.cmdqLog2Size, this.target.cmdqs);
  }

  boot(options: BootOptions = {}): void {
    this.cmdqLog2Size = options.cmdqLog2Size ?? 6;
    this.eventqLog2Size = options.eventqLog2Size ?? 5;
    this.strtabLog2Size = options.strtabLog2Size ?? 5;
    this.cr0 = BigInt(options.cr0 ?? 0xd);
    this.cmdqRuns = (this.cr0 & CMDQEN) !== 0n;
    this.booted = true;
    this.slots = BOOT_COMMANDS;
    this.backlog = 0;
    this.push({ do: 'boot', ...options });
  }

  ste(stream: number, cd = 0, set?: SteFields): void {
    this.streams.set(stream, cd);
    this.push({ do: 'ste', stream, ...(cd === 0 ? {} : { cd }), ...(set === undefined ? {} : { set }) });
  }

  cd(cd: number, set?: CdFields): void {
    this.push({ do: 'cd', cd, ...(set === undefined ? {} : { set }) });
  }

  map(cd: number, va: bigint, pa: bigint, level: Level = 3, set?: DescriptorFields): Mapping {
    const mapping: Mapping = { cd, va, pa, level };
    this.mappings.push(mapping);
    const rest = { ...(level === 3 ? {} : { level }), ...(set === undefined ? {} : { set }) };
    this.push({ do: 'map', cd, va, pa, ...rest });
    return mapping;
  }

  table(cd: number, va: bigint, level: TableLevel, set?: DescriptorFields): void {
    this.push({ do: 'table', cd, va, level, ...(set === undefined ? {} : { set }) });
  }

  unmap(cd: number, va: bigint, level: Level = 3): void {
    this.push({ do: 'unmap', cd, va, ...(level === 3 ? {} : { level }) });
  }

  /** Stores the descriptors on the path of a mapping again, most significant byte first, as CD.ENDI wants them. */
  swapTables(mapping: Mapping): void {
    for (let level = 0; level < mapping.level; level += 1) {
      const table = encodeTable({ NextTable: nodeAddress(mapping, mapping.va, level + 1) });
      this.poke(descriptorAddress(mapping, mapping.va, level), bigEndian(table));
    }
    const leaf = encodeLeaf(mapping.level, levelShift(mapping.level), defaultLeaf(mapping.pa));
    this.poke(descriptorAddress(mapping, mapping.va, mapping.level), bigEndian(leaf));
  }

  poke(address: bigint, data: string): void {
    this.push({ do: 'poke', address, data });
  }

  /** A page of the pattern window that no mapping of this scenario uses yet. */
  freshPage(): bigint {
    this.#nextPage += 1;
    return PATTERN_BASE + BigInt(this.#nextPage) * 0x1000n;
  }

  /** Puts a command in the queue, unless that would overrun a queue that is not being consumed. */
  command(name: CommandName, set?: CommandFields, options: CommandOptions = {}): void {
    if (options.at === undefined && !this.#takeSlot()) return;
    this.push({ do: 'command', name, ...(set === undefined ? {} : { set }), ...options });
  }

  rawCommand(word0: bigint, word1: bigint, options: CommandOptions = {}): void {
    if (options.at === undefined && !this.#takeSlot()) return;
    this.push({ do: 'raw-command', word0, word1, ...options });
  }

  sync(): void {
    this.command('CMD_SYNC');
  }

  /** Commands were consumed up to `slot`, whose command is in error. */
  noteCommandError(slot: number): void {
    this.errorSlot = slot;
    this.backlog = this.slots - slot;
    this.gerror ^= 1n;
  }

  /** Writes GERRORN so that no error is active; a Command queue in error runs again. */
  acknowledgeErrors(): void {
    this.errorSlot = undefined;
    if (this.cmdqRuns) this.backlog = 0;
    this.write('GERRORN', this.gerror);
  }

  dma(stream: number, wanted: bigint, options: DmaOptions = {}): void {
    const { attributes, substreams, dmaBytesMax, dmaAligned } = this.target.capabilities;
    const reaching = this.#reaching(wanted);
    const within = 0x1000 - Number(reaching & 0xfffn);
    const drawn = Math.min(
      options.bytes ?? (this.draw.chance(80) ? 8 : this.draw.pick(DMA_SIZES)),
      dmaBytesMax,
      within,
    );
    const bytes = dmaAligned === true ? 2 ** Math.floor(Math.log2(drawn)) : drawn;
    const address = dmaAligned === true ? reaching - (reaching % BigInt(bytes)) : reaching;
    // Built key by key: this is the step drawn most, and spreading costs.
    const step: Mutable<Extract<Step, { do: 'dma' }>> = { do: 'dma', stream, bytes };
    if (options.write === true) {
      step.write = address;
      step.fill = this.draw.between(1, 0x7fff_ffff);
    } else {
      step.read = address;
    }
    if (options.substream !== undefined && substreams) step.substream = options.substream;
    if (options.privileged === true && attributes) step.privileged = true;
    if (options.instruction === true && attributes) step.instruction = true;
    this.push(step);
  }

  /** An address that reaches the SMMU; now and then one that the bus cuts off before it, which is a find of its own. */
  #reaching(address: bigint): bigint {
    const bits = this.target.capabilities.dmaAddressBits ?? 64;
    if (address >> BigInt(bits) === 0n || this.draw.chance(2)) return address;
    return BigInt.asUintN(bits, address);
  }

  write(register: RegisterName, value: bigint, bytes?: AccessBytes): void {
    this.push({ do: 'write', register, value, ...(bytes === undefined ? {} : { bytes }) });
  }

  read(register: RegisterName, bytes?: AccessBytes): void {
    this.push({ do: 'read', register, ...(bytes === undefined ? {} : { bytes }) });
  }

  events(): void {
    this.push({ do: 'events' });
  }

  peek(address: bigint, bytes = 8): void {
    this.push({ do: 'peek', address, bytes });
  }

  settle(): void {
    this.push({ do: 'settle' });
  }

  /** Writes CR0 and reads the acknowledge, as a driver does. */
  enable(cr0: bigint): void {
    this.cr0 = cr0;
    this.cmdqRuns = (cr0 & CMDQEN) !== 0n;
    if (this.commandsRun) this.backlog = 0;
    this.write('CR0', cr0);
    this.read('CR0ACK');
  }

  #takeSlot(): boolean {
    if (!this.commandsRun) {
      if (this.backlog >= this.cmdqSize) return false;
      this.backlog += 1;
    }
    this.slots += 1;
    return true;
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function bigEndian(word: bigint): string {
  return word.toString(16).padStart(16, '0');
}

const DMA_SIZES = [1, 2, 3, 4, 12, 16, 32, 64];
