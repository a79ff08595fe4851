/**
 * The scenario being drawn, step by step, with what the generator must remember of the steps so far: slots of the Command queue, errors
 * outstanding, what is mapped. The shadow is the plan of a driver, not a model of the SMMU; the steps it
 * leads to hold absolute values, so none of them depends on it afterwards.
 */
import type { CommandFields, CommandName } from '../../scenario/encode/commands.ts';
import type { CdFields } from '../../scenario/encode/cd.ts';
import { defaultLeaf, defaultStage2Leaf } from '../../scenario/defaults.ts';
import { encodeLeaf, encodeTable } from '../../scenario/encode/descriptor.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { descriptorAddress, granuleLog2, halfOf, levelShift, nodeAddress } from '../../scenario/layout.ts';
import type { Granule, Level, TableOwner } from '../../scenario/layout.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import { PATTERN_BASE, PATTERN_BYTES } from '../../scenario/memory-map.ts';
import type { RegisterName } from '../../scenario/registers.ts';
import type { AccessBytes, Step, TableLevel, Tables } from '../../scenario/steps.ts';
import type { Draw } from './draw.ts';
import { dressCommand, dressSte, stage2LeafOf } from './dressing.ts';
import { HALF_BITS, cdOf } from './shape.ts';
import type { Shape } from './shape.ts';
import type { Target } from './target.ts';

export const SMMUEN = 1n;
export const EVENTQEN = 1n << 2n;
export const CMDQEN = 1n << 3n;

/** What a CD, or in a world of stage 2 alone a VM, maps at one input address. */
export interface Mapping {
  readonly cd: number;
  readonly va: bigint;
  readonly pa: bigint;
  readonly level: Level;
  readonly granule: Granule;
}

export interface DmaOptions {
  readonly write?: boolean;
  readonly bytes?: number;
  readonly privileged?: boolean;
  readonly instruction?: boolean;
  readonly substream?: number;
  /** With no SubstreamID, whatever the shape of the world. */
  readonly bare?: boolean;
}

export interface CommandOptions {
  readonly at?: number;
  readonly ring?: boolean;
}

/** `boot` itself issues CFGI_ALL, TLBI_NSNH_ALL and CMD_SYNC. */
const BOOT_COMMANDS = 3;

export type BareSte = Omit<Extract<Step, { do: 'ste' }>, 'do' | 'stream'>;
export type BootOptions = Omit<Extract<Step, { do: 'boot' }>, 'do'>;

/** Something harmless that may stand between any two steps of a story. */
export type Aside = (world: World) => void;

export class World {
  readonly steps: Step[] = [];
  readonly draw: Draw;
  readonly target: Target;
  readonly shape: Shape;
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
  #prepared = false;
  /** SubstreamID that each stream's DMA needs, where its STE has a CD table. */
  readonly #substreams = new Map<number, number>();

  constructor(draw: Draw, target: Target, shape: Shape, asides: readonly Aside[] = [], asidePercent = 0) {
    this.draw = draw;
    this.target = target;
    this.shape = shape;
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
    const { split } = this.shape;
    this.cmdqLog2Size = Math.min(options.cmdqLog2Size ?? 6, this.target.cmdqs);
    this.eventqLog2Size = Math.min(options.eventqLog2Size ?? 5, this.target.eventqs);
    const shaped: Mutable<BootOptions> = { ...options };
    // A queue that were larger than can be would wrap elsewhere than `boot` and `command` take it to.
    if (this.cmdqLog2Size !== 6) shaped.cmdqLog2Size = this.cmdqLog2Size;
    if (this.eventqLog2Size !== 5) shaped.eventqLog2Size = this.eventqLog2Size;
    if (split !== undefined) {
      shaped.split = split;
      shaped.strtabLog2Size ??= split + this.draw.between(1, 3);
    }
    this.strtabLog2Size = shaped.strtabLog2Size ?? 5;
    this.cr0 = BigInt(options.cr0 ?? 0xd);
    this.cmdqRuns = (this.cr0 & CMDQEN) !== 0n;
    this.booted = true;
    this.slots = BOOT_COMMANDS;
    this.backlog = 0;
    this.push({ do: 'boot', ...shaped });
  }

  /** STRTAB_BASE_CFG as `boot` wrote it. */
  get strtabConfig(): bigint {
    const { split } = this.shape;
    return BigInt(this.strtabLog2Size) | (split === undefined ? 0n : 0x1_0000n | BigInt(split << 6));
  }

  /** An STE as the story has it in a world of one CD and stage 1 alone: what the shape adds is added here. */
  ste(stream: number, cd = 0, set?: SteFields): void {
    this.#prepare();
    this.streams.set(stream, cd);
    const { split, stage2 } = this.shape;
    const { substream, ...dressed } = dressSte(this, cd, set);
    if (substream === undefined) this.#substreams.delete(stream);
    else this.#substreams.set(stream, substream);
    const step: Mutable<Extract<Step, { do: 'ste' }>> = { do: 'ste', stream };
    if (split !== undefined) step.split = split;
    if (cd !== 0 && !this.shape.only) step.cd = cd;
    if (stage2 !== undefined && stage2.vm !== 0) step.vm = stage2.vm;
    if (dressed.set !== undefined) step.set = dressed.set;
    this.push(step);
  }

  /** An STE just as it is given, but for the order of bytes in stage 2 tables. */
  bareSte(stream: number, { split, cd = 0, vm = 0, set }: BareSte): void {
    this.streams.set(stream, cd);
    this.#substreams.delete(stream);
    const stage2 = ((set?.Config ?? 0n) & 2n) !== 0n;
    const all: SteFields = { ...(this.shape.bigEndian && stage2 ? { S2ENDI: 1n } : {}), ...set };
    const step: Mutable<Extract<Step, { do: 'ste' }>> = { do: 'ste', stream };
    if (split !== undefined) step.split = split;
    if (cd !== 0) step.cd = cd;
    if (vm !== 0) step.vm = vm;
    if (Object.keys(all).length > 0) step.set = all;
    this.push(step);
  }

  /** The SubstreamID that a DMA of a stream needs to be translated by its CD. */
  substreamOf(stream: number): number | undefined {
    return this.#substreams.get(stream);
  }

  cd(cd: number, set?: CdFields): void {
    // Some stories say what a CD would have had: nothing reads it.
    if (this.shape.only && this.draw.chance(80)) return;
    const all = { ...cdOf(this.shape), ...set };
    this.push({ do: 'cd', cd, ...(Object.keys(all).length === 0 ? {} : { set: all }) });
  }

  /** Maps in the tables of a CD; in a world of stage 2 alone in those of its VM, with `set` in the terms of stage 2. */
  map(cd: number, at: bigint, pa: bigint, wanted: Level = 3, set?: DescriptorFields): Mapping {
    const va = this.reachable(at);
    const granule = this.granuleOf(va);
    const level = this.#leafLevel(wanted, granule);
    const within = (1n << BigInt(levelShift(level, granule))) - 1n;
    const mapping: Mapping = { cd, va, pa: (pa & ~within) | (va & within), level, granule };
    this.mappings.push(mapping);
    const output = this.#stage1Output(pa & ~within, level);
    this.mapIn(this.#tables(cd, granule), va, output, level, this.shape.only ? stage2LeafOf(set) : set);
    return mapping;
  }

  /** Maps in any set of tables, as a `map` step does; byte for byte where tables are big-endian. */
  mapIn(tables: Tables, va: bigint, pa: bigint, level: Level = 3, set?: DescriptorFields): void {
    if (this.shape.bigEndian) {
      for (let above = tables.granule === '64K' ? 1 : 0; above < level; above += 1)
        this.tableIn(tables, va, above as TableLevel);
      const owner = ownerOf(tables);
      const defaults = 'vm' in owner ? defaultStage2Leaf(pa) : defaultLeaf(pa);
      const leaf = encodeLeaf(level, levelShift(level, tables.granule), { ...defaults, ...set });
      this.poke(descriptorAddress(owner, va, level, tables.granule), bigEndian(leaf));
      return;
    }
    const rest = { ...(level === 3 ? {} : { level }), ...(set === undefined ? {} : { set }) };
    this.push({ do: 'map', ...tables, va, pa, ...rest });
  }

  table(cd: number, at: bigint, level: TableLevel, set?: DescriptorFields): void {
    const va = this.reachable(at);
    this.tableIn(this.#tables(cd, this.granuleOf(va)), va, level, set);
  }

  tableIn(tables: Tables, va: bigint, level: TableLevel, set?: DescriptorFields): void {
    if (this.shape.bigEndian) {
      const owner = ownerOf(tables);
      const table = encodeTable({ NextTable: nodeAddress(owner, va, level + 1, tables.granule), ...set });
      this.poke(descriptorAddress(owner, va, level, tables.granule), bigEndian(table));
      return;
    }
    this.push({ do: 'table', ...tables, va, level, ...(set === undefined ? {} : { set }) });
  }

  unmap(cd: number, at: bigint, wanted: Level = 3): void {
    const va = this.reachable(at);
    const granule = this.granuleOf(va);
    const level = Math.max(wanted, granule === '64K' ? 1 : 0) as Level;
    this.push({ do: 'unmap', ...this.#tables(cd, granule), va, ...(level === 3 ? {} : { level }) });
  }

  /** The granule of the tables that translate an input address. */
  granuleOf(va: bigint): Granule {
    const { shape } = this;
    if (shape.only) return shape.stage2?.granule ?? '4K';
    return shape.granules[halfOf(va)];
  }

  /** A granule that the target has, the one of the lower half. */
  get granule(): Granule {
    return this.granuleOf(0n);
  }

  /**
   * The address with the same table indices as `va` of the 4 KiB granule, under the granule of its half: places that stories keep apart
   * stay apart.
   */
  place(va: bigint): bigint {
    const { only, stage2 } = this.shape;
    const granule = this.granuleOf(va);
    const upper = !only && halfOf(va) === 1;
    const low = BigInt.asUintN(39, va);
    const bits = HALF_BITS[granule];
    const moved = granule === '4K' ? low : spread(low, granule, bits);
    if (only) return BigInt.asUintN(stage2?.bits ?? 39, moved);
    return upper ? moved | (((1n << BigInt(64 - bits)) - 1n) << BigInt(bits)) : moved;
  }

  /** In a world of stage 2 alone, the part of an address that it translates; else the address. */
  reachable(va: bigint): bigint {
    const { only, stage2 } = this.shape;
    return only && stage2 !== undefined ? BigInt.asUintN(stage2.bits, va) : va;
  }

  /** The table that a Table descriptor on the path of `va` at `level` - 1 usually points at. */
  nodeOf(cd: number, va: bigint, level: number): bigint {
    const granule = this.granuleOf(va);
    return nodeAddress(ownerOf(this.#tables(cd, granule)), va, level, granule);
  }

  /** The descriptor of `va` at `level` in the tables of a CD. */
  descriptorOf(cd: number, va: bigint, level: number): bigint {
    const granule = this.granuleOf(va);
    return descriptorAddress(ownerOf(this.#tables(cd, granule)), va, level, granule);
  }

  #tables(cd: number, granule: Granule): Tables {
    const of = this.shape.only ? { vm: this.shape.stage2?.vm ?? 0 } : { cd };
    return granule === '4K' ? of : { ...of, granule };
  }

  /** Blocks of level 1 are the 4 KiB granule's; a leaf above the start level would never be read. */
  #leafLevel(wanted: Level, granule: Granule): Level {
    const least = granule === '4K' ? 0 : 2;
    const start = this.shape.only ? (this.shape.stage2?.startLevel ?? 1) : 0;
    return Math.max(wanted, least, start) as Level;
  }

  /** Where stage 1 has to lead for an access to reach a physical address. */
  #stage1Output(pa: bigint, level: Level): bigint {
    const offset = this.shape.only ? 0n : (this.shape.stage2?.offset ?? 0n);
    const inWindow = pa >= PATTERN_BASE && pa < PATTERN_BASE + PATTERN_BYTES;
    return inWindow && level >= 2 ? pa + offset : pa;
  }

  /** What the shape needs in memory, once, before the first STE. */
  #prepare(): void {
    if (this.#prepared) return;
    this.#prepared = true;
    this.quietly(() => {
      const { stage2, substreams } = this.shape;
      if (stage2 !== undefined) {
        const granule = stage2.granule === '4K' ? {} : { granule: stage2.granule };
        for (const { ipa, pa, level } of stage2.identity) this.mapIn({ vm: stage2.vm, ...granule }, ipa, pa, level);
      }
      if (substreams?.l1Index !== undefined) this.push({ do: 'l1cd', index: substreams.l1Index });
    });
  }

  /** Stores the descriptors on the path of a mapping again, most significant byte first, as CD.ENDI wants them. */
  swapTables({ cd, va, pa, level, granule }: Mapping): void {
    const owner: TableOwner = { cd };
    for (let above = granule === '64K' ? 1 : 0; above < level; above += 1) {
      const table = encodeTable({ NextTable: nodeAddress(owner, va, above + 1, granule) });
      this.poke(descriptorAddress(owner, va, above, granule), bigEndian(table));
    }
    const leaf = encodeLeaf(level, levelShift(level, granule), defaultLeaf(this.#stage1Output(pa, level)));
    this.poke(descriptorAddress(owner, va, level, granule), bigEndian(leaf));
  }

  poke(address: bigint, data: string): void {
    this.push({ do: 'poke', address, data });
  }

  /** A page of the pattern window that no mapping of this scenario uses yet. */
  freshPage(): bigint {
    this.#nextPage += 1;
    const page = 1n << BigInt(granuleLog2(this.granule));
    return PATTERN_BASE + ((BigInt(this.#nextPage) * page) % PATTERN_BYTES);
  }

  /** Puts a command in the queue, unless that would overrun a queue that is not being consumed. */
  command(name: CommandName, set?: CommandFields, options: CommandOptions = {}): void {
    if (options.at === undefined && !this.#takeSlot()) return;
    const dressed = dressCommand(this, name, set);
    this.push({ do: 'command', ...dressed, ...options });
  }

  /** A command just as it is given. */
  bareCommand(name: CommandName, set?: CommandFields, options: CommandOptions = {}): void {
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
    const substream = options.substream ?? this.#substreams.get(stream);
    if (substream !== undefined && substreams && options.bare !== true) step.substream = substream;
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

/** Table indices of the 4 KiB granule as the indices of another. */
function spread(low: bigint, granule: Granule, bits: number): bigint {
  const index = (level: Level): bigint =>
    ((low >> BigInt(levelShift(level))) & 0x1ffn) << BigInt(levelShift(level, granule));
  return (low & 0xfffn) | index(3) | index(2) | BigInt.asUintN(bits, index(1));
}

function ownerOf({ cd, vm }: Tables): TableOwner {
  return vm === undefined ? { cd: cd ?? 0 } : { vm };
}

function bigEndian(word: bigint): string {
  return word.toString(16).padStart(16, '0');
}

const DMA_SIZES = [1, 2, 3, 4, 12, 16, 32, 64];
