/**
 * A `virt` board with an SMMUv3 and two `edu` devices, in one QEMU process: brought up, described, reset.
 *
 * After `start` and after `reset` the board is as the hardware reset leaves it, with the devices' BARs placed and RAM as
 * scenario/memory-map.ts says. QEMU's system reset empties the SMMU's caches but keeps RAM and some of the registers; those are
 * cleared first, by hand, so that a used machine answers as a new one.
 */
import { RAM_BASE, RAM_BYTES } from '../../scenario/memory-map.ts';
import type { Interrupt } from '../../scenario/trace.ts';
import { SubjectError, firstLine } from '../errors.ts';
import {
  type Board,
  type Description,
  EVENTQ_RANGE,
  describe,
  findDeviceTree,
  findSmmu,
  learnInterrupt,
} from './discover.ts';
import { Edu } from './edu.ts';
import { type DirtyRange, restore, writePattern } from './memory.ts';
import type { QemuOptions } from './options.ts';
import { QMP_FD, QTEST_FD, QemuProcess } from './process.ts';
import { QmpLink, type QmpVersion } from './qmp.ts';
import { type Batch, type Failure, QtestLink, bytesOf } from './qtest.ts';
import { CR0, GBPA, GBPA_UPDATE_AND_RESET_VALUE, KEPT_OVER_RESET_4, KEPT_OVER_RESET_8, SMMU_BASE } from './smmu.ts';

/** The page through which the devices' buffers are loaded and dumped while no program runs. */
const STAGE_ADDRESS = RAM_BASE + RAM_BYTES - 0x1000n;
const STAGE_RANGE: DirtyRange = { from: Number(RAM_BYTES) - 0x1000, to: Number(RAM_BYTES) };
const EDU_SLOTS = [1, 2];

/** QEMU ended, hung, or answered nonsense. The message is one line. */
export class MachineLost extends Error {
  override readonly name = 'MachineLost';
}

export class Machine implements Board {
  readonly process: QemuProcess;
  readonly link: QtestLink;
  readonly devices: readonly Edu[] = EDU_SLOTS.map((slot) => new Edu(slot));
  version: QmpVersion = { major: 0, minor: 0, micro: 0, package: '' };
  readonly #options: QemuOptions;
  readonly #qmp: QmpLink;
  #interrupts: ReadonlyMap<number, Interrupt> = new Map();
  #deviceTree: DirtyRange = { from: 0, to: 0 };
  #description: Description | undefined;

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
      const hasEnded = machine.link.failed?.kind === 'closed' || machine.#qmp.closed;
      const why = hasEnded ? `it ${await process.obituary()}` : firstLine(error);
      await process.kill();
      throw new SubjectError(
        `${executable} does not come up as a 'virt' board with an SMMUv3 (${why}); give the path of a qemu-system-aarch64, 7.2 or newer`,
      );
    }
  }

  /** Sends what is queued. With `device`, also waits for that device's interrupt. Failure is in the batch. */
  async flush(device?: Edu): Promise<Batch> {
    return this.link.flush(this.#options.timeoutMs, device && ((raised) => device.isInterrupt(raised)));
  }

  /** As `flush`. @throws MachineLost */
  async mustFlush(device?: Edu): Promise<Batch> {
    const batch = await this.flush(device);
    if (batch.failed !== undefined) throw new MachineLost(await this.lost(batch.failed));
    return batch;
  }

  /** What this QEMU has; known from `start` on. */
  get description(): Description {
    if (this.#description === undefined) throw new Error('the machine is not up yet');
    return this.#description;
  }

  /** The interrupts of the SMMU among GIC inputs that rose. */
  interruptsIn(raised: readonly number[]): Interrupt[] {
    const named: Interrupt[] = [];
    for (const line of raised) {
      const interrupt = this.#interrupts.get(line);
      if (interrupt !== undefined) named.push(interrupt);
    }
    return named;
  }

  /** Loads the start of a device's buffer. The SMMU must be off. @throws MachineLost */
  async loadBuffer(device: Edu, image: Uint8Array): Promise<void> {
    this.link.writeMemory(STAGE_ADDRESS, image);
    device.startRead(this.link, STAGE_ADDRESS, 0, image.length);
    await this.mustFlush(device);
    device.acknowledge(this.link);
    restore(this.link, { from: STAGE_RANGE.from, to: STAGE_RANGE.from + image.length });
  }

  /** The first `bytes` of a device's buffer. Turns the SMMU off. @throws MachineLost */
  async dumpBuffer(device: Edu, bytes: number): Promise<Uint8Array> {
    this.turnSmmuOff();
    device.startWrite(this.link, STAGE_ADDRESS, 0, bytes);
    await this.mustFlush(device);
    device.acknowledge(this.link);
    this.link.readMemory(STAGE_ADDRESS, bytes);
    restore(this.link, { from: STAGE_RANGE.from, to: STAGE_RANGE.from + bytes });
    const { answers } = await this.mustFlush();
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
    await this.mustFlush();
    try {
      await this.#qmp.systemReset();
    } catch (error) {
      throw new MachineLost(`no reset: ${await this.#lost(this.link.failed, firstLine(error))}`);
    }
    this.#configureDevices();
    restore(this.link, this.#deviceTree);
    await this.mustFlush();
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

  async #bringUp(): Promise<void> {
    this.version = await this.#qmp.handshake();
    const { gic, interrupts } = await findSmmu(this.#qmp);
    this.#interrupts = interrupts;
    this.link.interceptInputs(gic);
    this.#deviceTree = await findDeviceTree(this);
    this.#configureDevices();
    writePattern(this.link);
    await this.mustFlush();
    for (const device of this.devices) await learnInterrupt(this, device);
    this.#description = await describe(this);
    await this.reset([STAGE_RANGE, EVENTQ_RANGE]);
  }

  #configureDevices(): void {
    for (const device of this.devices) device.configure(this.link);
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
