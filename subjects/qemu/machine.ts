/**
 * A `virt` board with an SMMUv3 and two `edu` devices, in one QEMU process: brought up, described, reset.
 *
 * After `start` and after `reset` the board is as the hardware reset leaves it, with the devices' BARs placed and RAM as
 * scenario/memory-map.ts says. QEMU's system reset empties the SMMU's caches but keeps RAM and some of the registers; those are
 * cleared first, by hand, so that a used machine answers as a new one.
 */
import {
  EVENTQ_BASE as EVENTQ_ADDRESS,
  HOLE_BASE,
  RAM_BASE,
  RAM_BYTES,
  STRTAB_BASE as STRTAB_ADDRESS,
} from '../../scenario/memory-map.ts';
import type { IdRegisters, Interrupt } from '../../scenario/trace.ts';
import { SubjectError, firstLine } from '../errors.ts';
import { Edu } from './edu.ts';
import { type DirtyRange, restore, writePattern } from './memory.ts';
import type { QemuOptions } from './options.ts';
import { QMP_FD, QTEST_FD, QemuProcess } from './process.ts';
import { QmpLink, type QmpVersion, qomChildren } from './qmp.ts';
import { type AccessBytes, type Batch, type Failure, QtestLink, bytesOf } from './qtest.ts';

export const SMMU_BASE = 0x0905_0000n;
export const SMMU_BYTES = 0x2_0000;

/** The order of the SMMU's interrupt outputs in QEMU. */
const INTERRUPT_OUTPUTS: readonly Interrupt[] = ['EVTQ', 'PRIQ', 'CMD_SYNC', 'GERROR'];

const ID_OFFSETS = { IDR0: 0x00, IDR1: 0x04, IDR2: 0x08, IDR3: 0x0c, IDR4: 0x10, IDR5: 0x14, IIDR: 0x18, AIDR: 0x1c };

const CR0 = 0x20n;
const GBPA = 0x44n;
const STRTAB_BASE = 0x80n;
const STRTAB_BASE_CFG = 0x88n;
const EVENTQ_BASE = 0xa0n;
const EVENTQ_PROD = 0x100a8n;
const CR0_SMMUEN = 1n;
const CR0_EVENTQEN = 4n;
const GBPA_UPDATE_AND_RESET_VALUE = 0x8000_1000n;
/** Registers that QEMU's system reset leaves as they are: CR1, CR2, the IRQ configurations, table and queue bases. */
const KEPT_OVER_RESET_4 = [0x28n, 0x2cn, 0x70n, 0x74n, STRTAB_BASE_CFG, 0xb8n, 0xbcn];
const KEPT_OVER_RESET_8 = [0x68n, STRTAB_BASE, 0x90n, EVENTQ_BASE, 0xb0n];

/** The page through which the devices' buffers are loaded and dumped while no program runs. */
const STAGE_ADDRESS = RAM_BASE + RAM_BYTES - 0x1000n;
const STAGE_RANGE: DirtyRange = { from: Number(RAM_BYTES) - 0x1000, to: Number(RAM_BYTES) };
const EVENTQ_LOG2SIZE = 5n;
const EVENTQ_RANGE: DirtyRange = {
  from: Number(EVENTQ_ADDRESS - RAM_BASE),
  to: Number(EVENTQ_ADDRESS - RAM_BASE) + (32 << Number(EVENTQ_LOG2SIZE)),
};
const FDT_MAGIC = 0xd00dfeed;
const SENTINEL = Uint8Array.of(0xa5, 0x5a, 0xc3, 0x3c);

const EDU_SLOTS = [1, 2];

/** QEMU ended, hung, or answered nonsense. The message is one line. */
export class MachineLost extends Error {
  override readonly name = 'MachineLost';
}

export class Machine {
  readonly process: QemuProcess;
  readonly link: QtestLink;
  readonly devices: readonly Edu[] = EDU_SLOTS.map((slot) => new Edu(slot));
  readonly #options: QemuOptions;
  readonly #qmp: QmpLink;
  #deviceTree: DirtyRange = { from: 0, to: 0 };
  /** Of the SMMU's outputs, by GIC input. */
  readonly interrupts = new Map<number, Interrupt>();
  version: QmpVersion = { major: 0, minor: 0, micro: 0, package: '' };
  idRegisters: IdRegisters = { IDR0: 0, IDR1: 0, IDR2: 0, IDR3: 0, IDR4: 0, IDR5: 0, IIDR: 0, AIDR: 0 };
  registerAccessBytes: readonly AccessBytes[] = [];
  /** Input addresses of more bits than this do not reach the SMMU; undefined: all 64 bits do. */
  dmaAddressBits: number | undefined;
  /** What an aborted DMA read leaves in the device's buffer. */
  abortLeaves: 'zeros' | 'old data' = 'zeros';

  private constructor(process: QemuProcess, options: QemuOptions) {
    this.process = process;
    this.#options = options;
    this.link = new QtestLink(process.qtest);
    this.#qmp = new QmpLink(process.qmp, options.timeoutMs);
  }

  /**
   * Starts `executable` and brings the board up.
   * @throws SubjectError with one line on what is wrong with that QEMU.
   */
  static async start(executable: string, options: QemuOptions): Promise<Machine> {
    const process = await QemuProcess.start(executable, commandLine(options));
    const machine = new Machine(process, options);
    try {
      await machine.#bringUp();
      return machine;
    } catch (error) {
      const why = machine.link.failed?.kind === 'closed' ? await process.obituary() : firstLine(error);
      await process.kill();
      if (error instanceof SubjectError) throw error;
      throw new SubjectError(
        `${executable} does not come up as a 'virt' board with an SMMUv3 (${why}); give the path of a qemu-system-aarch64, 7.2 or newer`,
      );
    }
  }

  /** Sends what is queued. With `device`, also waits for that device's interrupt. Failure is in the batch. */
  async flush(device?: Edu): Promise<Batch> {
    const line = device?.interruptLine;
    return this.link.flush(this.#options.timeoutMs, device === undefined ? undefined : (raised) => raised === line);
  }

  /** The interrupts of the SMMU among GIC inputs that rose. */
  interruptsIn(raised: readonly number[]): Interrupt[] {
    const named: Interrupt[] = [];
    for (const line of raised) {
      const interrupt = this.interrupts.get(line);
      if (interrupt !== undefined) named.push(interrupt);
    }
    return named;
  }

  /** Loads the start of a device's buffer. The SMMU must be off. @throws MachineLost */
  async loadBuffer(device: Edu, image: Uint8Array): Promise<void> {
    this.link.writeMemory(STAGE_ADDRESS, image);
    device.startRead(this.link, STAGE_ADDRESS, 0, image.length);
    await this.#mustFlush(device);
    device.acknowledge(this.link);
    restore(this.link, { from: STAGE_RANGE.from, to: STAGE_RANGE.from + image.length });
  }

  /** The first `bytes` of a device's buffer. Turns the SMMU off. @throws MachineLost */
  async dumpBuffer(device: Edu, bytes: number): Promise<Uint8Array> {
    this.turnSmmuOff();
    device.startWrite(this.link, STAGE_ADDRESS, 0, bytes);
    await this.#mustFlush(device);
    device.acknowledge(this.link);
    this.link.readMemory(STAGE_ADDRESS, bytes);
    restore(this.link, { from: STAGE_RANGE.from, to: STAGE_RANGE.from + bytes });
    const { answers } = await this.#mustFlush();
    const data = answers[1];
    if (data === undefined) throw new MachineLost('the dump of a device buffer is missing');
    return bytesOf(data);
  }

  /** Queues disabling of translation, bypass for everything. */
  turnSmmuOff(): void {
    this.link.write(4, SMMU_BASE + CR0, 0n);
    this.link.write(4, SMMU_BASE + GBPA, GBPA_UPDATE_AND_RESET_VALUE);
  }

  /** Back to the state after `start`. @throws MachineLost */
  async reset(dirty: readonly DirtyRange[]): Promise<void> {
    this.turnSmmuOff();
    for (const offset of KEPT_OVER_RESET_4) this.link.write(4, SMMU_BASE + offset, 0n);
    for (const offset of KEPT_OVER_RESET_8) this.link.write(8, SMMU_BASE + offset, 0n);
    for (const range of dirty) restore(this.link, range);
    await this.#mustFlush();
    try {
      await this.#qmp.systemReset();
    } catch (error) {
      throw new MachineLost(`no reset: ${await this.#lost(this.link.failed, firstLine(error))}`);
    }
    this.#configureDevices();
    restore(this.link, this.#deviceTree);
    await this.#mustFlush();
    this.link.discardInterrupts();
  }

  async stop(): Promise<void> {
    await this.process.kill();
  }

  /** One line on why the link failed; the process is gone afterwards. */
  async lost(failure: Failure): Promise<string> {
    return this.#lost(failure, '');
  }

  async #lost(failure: Failure | undefined, otherwise: string): Promise<string> {
    switch (failure?.kind) {
      case 'closed':
        return `QEMU ${await this.process.obituary()}`;
      case 'timeout':
        await this.process.kill();
        return `QEMU gave no answer within ${failure.afterMs} ms and was killed`;
      case 'protocol':
        await this.process.kill();
        return `QEMU sent a line that is not qtest: ${failure.line}`;
      default:
        await this.process.kill();
        return otherwise;
    }
  }

  async #mustFlush(device?: Edu): Promise<Batch> {
    const batch = await this.flush(device);
    if (batch.failed !== undefined) throw new MachineLost(await this.lost(batch.failed));
    return batch;
  }

  async #bringUp(): Promise<void> {
    this.version = await this.#qmp.handshake();
    await this.#findDeviceTree();
    const gic = await this.#findInterrupts();
    this.link.interceptInputs(gic);
    this.#configureDevices();
    await this.#mustFlush();
    await this.#identify();
    writePattern(this.link);
    await this.#mustFlush();
    for (const device of this.devices) await this.#learnInterrupt(device);
    await this.#learnAbort();
    await this.#learnAddressBits();
    await this.reset([STAGE_RANGE, EVENTQ_RANGE]);
  }

  #configureDevices(): void {
    for (const device of this.devices) device.configure(this.link);
  }

  /** QEMU puts the device tree, with new random seeds in it, at the start of RAM at every reset; scenarios have zeros there. */
  async #findDeviceTree(): Promise<void> {
    this.link.readMemory(RAM_BASE, 8);
    const { answers } = await this.#mustFlush();
    const header = answers[0] === undefined ? new Uint8Array(8) : bytesOf(answers[0]);
    const view = new DataView(header.buffer);
    if (view.getUint32(0) === FDT_MAGIC) this.#deviceTree = { from: 0, to: view.getUint32(4) };
  }

  /** Finds the SMMU and the GIC inputs it is wired to; the GIC's QOM path. */
  async #findInterrupts(): Promise<string> {
    const parent = '/machine/unattached';
    const children = qomChildren(await this.#qmp.execute('qom-list', { path: parent }));
    const smmu = children.find((child) => child.type === 'child<arm-smmuv3>');
    if (smmu === undefined) throw new Error('it has no arm-smmuv3');
    let gic = '';
    for (const [output, interrupt] of INTERRUPT_OUTPUTS.entries()) {
      const property = `sysbus-irq[${output}]`;
      const link = String(await this.#qmp.execute('qom-get', { path: `${parent}/${smmu.name}`, property }));
      const match = /^(.+)\/unnamed-gpio-in\[(\d+)\]$/.exec(link);
      if (match === null) throw new Error(`the SMMU's ${interrupt} interrupt is not wired to the GIC`);
      gic = match[1] ?? '';
      this.interrupts.set(Number(match[2]), interrupt);
    }
    return gic;
  }

  async #identify(): Promise<void> {
    for (const device of this.devices) device.identify(this.link);
    for (const offset of Object.values(ID_OFFSETS)) this.link.read(4, SMMU_BASE + BigInt(offset));
    // STRTAB_BASE is a register of 64 bits on which nothing depends yet; the reset that follows clears it.
    this.link.write(8, SMMU_BASE + STRTAB_BASE, RAM_BASE);
    const probes: readonly AccessBytes[] = [1, 2, 4];
    for (const bytes of probes) this.link.read(bytes, SMMU_BASE + BigInt(ID_OFFSETS.AIDR));
    this.link.read(8, SMMU_BASE + STRTAB_BASE);
    const { answers } = await this.#mustFlush();
    const value = (index: number): bigint => BigInt(answers[index]?.text ?? '0');
    for (const [index, device] of this.devices.entries()) {
      if (!device.isPresent(value(index))) throw new Error(`no edu device answers in slot ${device.slot}`);
    }
    const names = Object.keys(ID_OFFSETS);
    const first = this.devices.length;
    const ids = Object.fromEntries(names.map((name, index) => [name, Number(value(first + index))]));
    this.idRegisters = ids as unknown as IdRegisters;
    if (this.idRegisters.IDR0 === 0) throw new Error(`no SMMU answers at 0x${SMMU_BASE.toString(16)}`);
    // A width that the device does not take is answered with zeros; AIDR has bit 0 set from SMMUv3.1 on.
    const probed = first + names.length + 1;
    this.registerAccessBytes = ([1, 2, 4, 8] as const).filter((_, i) => value(probed + i) !== 0n);
    if (!this.registerAccessBytes.includes(4)) this.registerAccessBytes = [4, ...this.registerAccessBytes];
  }

  /** Makes one DMA in bypass and takes note of the line that rises. */
  async #learnInterrupt(device: Edu): Promise<void> {
    this.link.discardInterrupts();
    device.startRead(this.link, STAGE_ADDRESS, 0, SENTINEL.length);
    let line: number | undefined;
    const batch = await this.link.flush(this.#options.timeoutMs, (raised) => {
      line ??= raised;
      return true;
    });
    if (batch.failed !== undefined) throw new Error(`the edu device in slot ${device.slot} does not complete a DMA`);
    device.interruptLine = line;
    device.acknowledge(this.link);
    await this.#mustFlush();
  }

  /** Finds out what a read that nothing answers leaves in the buffer. */
  async #learnAbort(): Promise<void> {
    const device = this.devices[0];
    if (device === undefined) return;
    await this.loadBuffer(device, SENTINEL);
    device.startRead(this.link, HOLE_BASE, 0, SENTINEL.length);
    await this.#mustFlush(device);
    device.acknowledge(this.link);
    const left = await this.dumpBuffer(device, SENTINEL.length);
    if (left.every((byte) => byte === 0)) this.abortLeaves = 'zeros';
    else if (left.every((byte, index) => byte === SENTINEL[index])) this.abortLeaves = 'old data';
    else throw new Error('a DMA read of unmapped memory brought data');
  }

  /**
   * Finds the input addresses that reach the SMMU, by whether it records an event: with a Stream table of zeros every access
   * it sees is one with a bad STE.
   */
  async #learnAddressBits(): Promise<void> {
    this.link.write(8, SMMU_BASE + STRTAB_BASE, STRTAB_ADDRESS);
    this.link.write(4, SMMU_BASE + STRTAB_BASE_CFG, 5n);
    this.link.write(8, SMMU_BASE + EVENTQ_BASE, EVENTQ_ADDRESS | EVENTQ_LOG2SIZE);
    this.link.write(4, SMMU_BASE + CR0, CR0_SMMUEN | CR0_EVENTQEN);
    let reached = 0;
    let beyond = 65;
    while (beyond - reached > 1) {
      const bits = (reached + beyond) >> 1;
      if (await this.#recordsEvent(1n << BigInt(bits - 1))) reached = bits;
      else beyond = bits;
    }
    // Not even the lowest: this SMMU does not record such events, and nothing was learnt.
    this.dmaAddressBits = reached === 0 || reached === 64 ? undefined : reached;
  }

  async #recordsEvent(address: bigint): Promise<boolean> {
    const device = this.devices[0];
    if (device === undefined) return false;
    this.link.read(4, SMMU_BASE + EVENTQ_PROD);
    device.startRead(this.link, address, 0, 1);
    const before = await this.#mustFlush(device);
    device.acknowledge(this.link);
    this.link.read(4, SMMU_BASE + EVENTQ_PROD);
    const after = await this.#mustFlush();
    return before.answers[0]?.text !== after.answers[1]?.text;
  }
}

function commandLine(options: QemuOptions): string[] {
  return [
    ...['-machine', `${options.machine},iommu=smmuv3`, '-m', `${RAM_BYTES >> 20n}M`],
    ...['-accel', 'tcg', '-cpu', 'max,start-powered-off=on', '-icount', 'shift=0,sleep=off'],
    // Flash lies where scenarios have nothing. So set it takes no writes of devices, and reads as zeros: as nothing would.
    ...['-global', 'driver=cfi.pflash01,property=secure,value=on'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'none'],
    ...EDU_SLOTS.flatMap((slot) => ['-device', `edu,addr=${slot},dma_mask=0xffffffffffffffff`]),
    ...['-chardev', `socket,id=qtest,fd=${QTEST_FD}`, '-object', 'qtest,id=qtest0,chardev=qtest,log=none'],
    ...['-chardev', `socket,id=qmp,fd=${QMP_FD}`, '-mon', 'chardev=qmp,mode=control'],
  ];
}
