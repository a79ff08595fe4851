/**
 * What each step does: from a scenario to the primitive actions a subject performs, whole-scenario and deterministic.
 *
 * The one thing that carries from step to step is the Command queue: its size, and the producer index, which counts the entries
 * that steps have put in it since the last `boot`. Everything else follows from the step alone.
 *
 * A `settle` follows each action that starts work which a subject may do later: DMA, and writes to the registers in STARTS_WORK.
 * `write-offset` is raw: nothing follows it. Lowering accepts every scenario that json.ts does, and never throws on one.
 */
import { encodeCd } from './encode/cd.ts';
import { encodeCommand } from './encode/commands.ts';
import type { CommandName } from './encode/commands.ts';
import { encodeL1cd } from './encode/l1cd.ts';
import { encodeL1std } from './encode/l1std.ts';
import { descriptorBytes, encodeLeaf, encodeTable } from './encode/descriptor.ts';
import type { DescriptorFields } from './encode/descriptor.ts';
import { wordsToBytes } from './encode/fields.ts';
import { encodeSte } from './encode/ste.ts';
import {
  BOOT_DEFAULTS,
  CR0_CMDQEN,
  CR1_VALUE,
  DMA_FILL_DEFAULT,
  DEFAULT_L1CD,
  defaultCd,
  defaultL1std,
  defaultLeaf,
  defaultStage2Leaf,
  defaultSte,
} from './defaults.ts';
import {
  EVENT_SLOT_BYTES,
  cdAddress,
  commandSlotAddress,
  descriptorAddress,
  l1cdAddress,
  l1stdAddress,
  levelShift,
  nodeAddress,
  steAddress,
} from './layout.ts';
import type { Split, TableOwner } from './layout.ts';
import { CMDQ_BASE, EVENTQ_BASE, STRTAB_BASE } from './memory-map.ts';
import { REGISTERS } from './registers.ts';
import type { RegisterName } from './registers.ts';
import type { AccessBytes, Action, Program, Scenario, Step, Tables } from './steps.ts';

type StepOf<Kind extends Step['do']> = Extract<Step, { do: Kind }>;

const DMA_PAGE_BYTES = 4096n;

/** Registers whose write makes the SMMU start something that need not be over when the write is. */
const STARTS_WORK: ReadonlySet<RegisterName> = new Set<RegisterName>([
  'CR0',
  'GBPA',
  'IRQ_CTRL',
  'GERRORN',
  'CMDQ_PROD',
  'EVENTQ_CONS',
  'EVENTQ_CONS_ALIAS',
  'PRIQ_CONS',
  'PRIQ_CONS_ALIAS',
  'GATOS_CTRL',
  'S_CR0',
  'S_INIT',
  'S_GBPA',
  'S_IRQ_CTRL',
  'S_GERRORN',
  'S_CMDQ_PROD',
  'S_EVENTQ_CONS',
  'S_GATOS_CTRL',
]);

/** Whether `settle` follows a write of this register. */
export function startsWork(register: RegisterName): boolean {
  return STARTS_WORK.has(register);
}

/** The program of a scenario. */
export function lower(scenario: Scenario): Program {
  const lowering = new Lowering();
  scenario.steps.forEach((step, index) => lowering.step(step, index));
  const program = { actions: lowering.actions, stepOf: lowering.stepOf };
  return scenario.features === undefined ? program : { ...program, features: scenario.features };
}

class Lowering {
  readonly actions: Action[] = [];
  readonly stepOf: number[] = [];
  private current = 0;
  private cmdqLog2Size: number = BOOT_DEFAULTS.cmdqLog2Size;
  private eventqLog2Size: number = BOOT_DEFAULTS.eventqLog2Size;
  /** As CMDQ_PROD.WR: index and wrap bit. */
  private cmdqProd = 0;

  step(step: Step, index: number): void {
    this.current = index;
    switch (step.do) {
      case 'boot':
        return this.boot(step);
      case 'ste':
        return this.ste(step);
      case 'l1std':
        return this.l1std(step);
      case 'l1cd':
        return this.writeMemory(l1cdAddress(step.index), encodeL1cd({ ...DEFAULT_L1CD, ...step.set }));
      case 'cd':
        return this.writeMemory(cdAddress(step.cd), encodeCd({ ...defaultCd(step.cd, step.set), ...step.set }));
      case 'map':
        return this.map(step);
      case 'table':
        return this.table(step, step.va, step.level, step.set);
      case 'unmap':
        return this.writeMemory(
          descriptorAddress(ownerOf(step), step.va, step.level ?? 3, step.granule),
          descriptorBytes(0n),
        );
      case 'command':
        return this.command(encodeCommand(step.name, step.set ?? {}), step.at, step.ring ?? true);
      case 'raw-command':
        return this.command(wordsToBytes([step.word0, step.word1]), step.at, step.ring ?? true);
      case 'dma':
        return this.dma(step);
      case 'write':
        return this.writeRegister(step.register, step.value, step.bytes);
      case 'write-offset':
        return this.emit({
          op: 'write-register',
          offset: step.offset,
          bytes: step.bytes,
          value: BigInt.asUintN(8 * step.bytes, step.value),
        });
      case 'read':
        return this.readRegister(step.register, step.bytes);
      case 'read-offset':
        return this.emit({ op: 'read-register', offset: step.offset, bytes: step.bytes });
      case 'poke':
        return this.writeMemory(step.address, hexToBytes(step.data));
      case 'peek':
        return this.emit({ op: 'read-memory', address: step.address, bytes: step.bytes });
      case 'events':
        return this.events();
      case 'reset':
        this.emit({ op: 'reset' });
        return this.settle();
      case 'settle':
        return this.settle();
    }
  }

  private boot(step: StepOf<'boot'>): void {
    const { strtabLog2Size, cmdqLog2Size, eventqLog2Size, cr0, cr2, irqCtrl } = { ...BOOT_DEFAULTS, ...step };
    this.cmdqLog2Size = cmdqLog2Size;
    this.eventqLog2Size = eventqLog2Size;
    this.cmdqProd = 0;
    this.writeRegister('CR0', 0n);
    this.writeMemory(EVENTQ_BASE, new Uint8Array(this.eventqBytes()));
    this.writeRegister('CR1', CR1_VALUE);
    this.writeRegister('CR2', BigInt(cr2));
    this.writeRegister('STRTAB_BASE', STRTAB_BASE);
    this.writeRegister('STRTAB_BASE_CFG', BigInt(strtabLog2Size | strtabFormat(step.split)));
    this.writeRegister('CMDQ_BASE', CMDQ_BASE | BigInt(cmdqLog2Size));
    this.writeRegister('CMDQ_PROD', 0n, undefined, false);
    this.writeRegister('CMDQ_CONS', 0n);
    this.writeRegister('EVENTQ_BASE', EVENTQ_BASE | BigInt(eventqLog2Size));
    this.writeRegister('EVENTQ_PROD', 0n);
    this.writeRegister('EVENTQ_CONS', 0n, undefined, false);
    this.writeRegister('IRQ_CTRL', BigInt(irqCtrl));
    this.writeRegister('CR0', CR0_CMDQEN);
    this.initialCommands(['CMD_CFGI_ALL', 'CMD_TLBI_NSNH_ALL', 'CMD_SYNC']);
    this.writeRegister('CR0', BigInt(cr0));
  }

  /** The commands with one ring, or, in a queue too small for them, a ring each time it is full. */
  private initialCommands(names: readonly CommandName[]): void {
    const capacity = 2 ** this.cmdqLog2Size;
    names.forEach((name, index) => {
      const last = index + 1 === names.length;
      this.command(encodeCommand(name, {}), undefined, last || (index + 1) % capacity === 0);
    });
  }

  private command(entry: Uint8Array, at: number | undefined, ring: boolean): void {
    const slot = at ?? this.cmdqProd;
    this.writeMemory(commandSlotAddress(slot, this.cmdqLog2Size), entry);
    if (at !== undefined) return;
    // Index and wrap bit together count modulo twice the size (3.5.1).
    this.cmdqProd = (this.cmdqProd + 1) % 2 ** (this.cmdqLog2Size + 1);
    if (ring) this.writeRegister('CMDQ_PROD', BigInt(this.cmdqProd));
  }

  private ste(step: StepOf<'ste'>): void {
    const { stream, split, cd = 0, vm = 0, set } = step;
    if (split !== undefined) this.l1std({ stream, split });
    this.writeMemory(steAddress(stream, split), encodeSte({ ...defaultSte(cd, vm, set), ...set }));
  }

  private l1std({ stream, split, set }: Pick<StepOf<'l1std'>, 'stream' | 'split' | 'set'>): void {
    this.writeMemory(l1stdAddress(stream, split), encodeL1std({ ...defaultL1std(stream, split), ...set }));
  }

  private map(step: StepOf<'map'>): void {
    const { va, pa, granule, level = 3, set } = step;
    // The 64 KiB granule has no level 0.
    for (let above = granule === '64K' ? 1 : 0; above < level; above++) this.table(step, va, above, undefined);
    const owner = ownerOf(step);
    const defaults = 'vm' in owner ? defaultStage2Leaf(pa) : defaultLeaf(pa);
    const leaf = encodeLeaf(level, levelShift(level, granule), { ...defaults, ...set });
    this.writeMemory(descriptorAddress(owner, va, level, granule), descriptorBytes(leaf));
  }

  private table(tables: Tables, va: bigint, level: number, set: DescriptorFields | undefined): void {
    const owner = ownerOf(tables);
    const table = encodeTable({ NextTable: nodeAddress(owner, va, level + 1, tables.granule), ...set });
    this.writeMemory(descriptorAddress(owner, va, level, tables.granule), descriptorBytes(table));
  }

  private dma(step: StepOf<'dma'>): void {
    const start = step.write ?? step.read;
    if (start === undefined) return;
    const data = step.write === undefined ? undefined : fillBytes(step.fill ?? DMA_FILL_DEFAULT, step.bytes);
    for (let done = 0; done < step.bytes;) {
      const address = BigInt.asUintN(64, start + BigInt(done));
      const toPageEnd = Number(DMA_PAGE_BYTES - (address % DMA_PAGE_BYTES));
      const bytes = Math.min(step.bytes - done, toPageEnd);
      const transaction = {
        streamId: step.stream,
        ...(step.substream === undefined ? {} : { substreamId: step.substream }),
        address,
        privileged: step.privileged ?? false,
        instruction: step.instruction ?? false,
      };
      if (data === undefined) this.emit({ op: 'dma-read', ...transaction, bytes });
      else this.emit({ op: 'dma-write', ...transaction, data: data.slice(done, done + bytes) });
      this.settle();
      done += bytes;
    }
  }

  private events(): void {
    this.readRegister('EVENTQ_PROD');
    this.readRegister('EVENTQ_CONS');
    this.emit({ op: 'read-memory', address: EVENTQ_BASE, bytes: this.eventqBytes() });
  }

  private eventqBytes(): number {
    return EVENT_SLOT_BYTES * 2 ** this.eventqLog2Size;
  }

  private writeRegister(
    register: RegisterName,
    value: bigint,
    width?: AccessBytes,
    settle = startsWork(register),
  ): void {
    const place = REGISTERS[register];
    const bytes = width ?? place.bytes;
    this.emit({ op: 'write-register', offset: place.offset, bytes, value: BigInt.asUintN(8 * bytes, value) });
    if (settle) this.settle();
  }

  private readRegister(register: RegisterName, width?: AccessBytes): void {
    const place = REGISTERS[register];
    this.emit({ op: 'read-register', offset: place.offset, bytes: width ?? place.bytes });
  }

  private writeMemory(address: bigint, data: Uint8Array): void {
    this.emit({ op: 'write-memory', address, data });
  }

  private settle(): void {
    this.emit({ op: 'settle' });
  }

  private emit(action: Action): void {
    this.actions.push(action);
    this.stepOf.push(this.current);
  }
}

/** FMT and SPLIT of STRTAB_BASE_CFG (6.3.25). */
function strtabFormat(split: Split | undefined): number {
  return split === undefined ? 0 : (1 << 16) | (split << 6);
}

/** The owner of the tables that a step names. */
export function ownerOf({ cd, vm }: Tables): TableOwner {
  return vm === undefined ? { cd: cd ?? 0 } : { vm };
}

/** What a DMA of `bytes` bytes writes: little-endian 32-bit words `fill`, `fill + 1`, ... */
export function fillBytes(fill: number, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) out[at] = ((fill + (at >> 2)) >>> (8 * (at & 3))) & 0xff;
  return out;
}

/** The bytes of hexadecimal digits, lowest address first; a last odd digit is dropped. */
export function hexToBytes(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The inverse of hexToBytes. */
export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
