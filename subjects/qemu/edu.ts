/**
 * QEMU's `edu` device (docs/specs/edu) as a DMA engine.
 *
 * It copies 1 to 4095 bytes between an input address and its 4 KiB buffer, 100 ms of virtual time after the command,
 * and raises its interrupt when done. The CPU cannot see the buffer: what a program's reads brought, and what its writes are
 * to send, goes through a staging page while the SMMU is off (before and after the program), so that during the program the
 * device makes the program's own accesses and no others. Every DMA of a program has its own slot of the buffer.
 * The device gives no error: QEMU fills the buffer with zeros when a read is aborted, and drops a write.
 */
import type { QtestLink } from './qtest.ts';

/** Bytes of the largest DMA of a program: QEMU turns one aborted access into an event record for each 4 bytes. */
export const DMA_BYTES_MAX = 4;

const SLOT_BYTES = 4;
/** 4095 bytes is the longest transfer that the device carries out correctly. */
export const SLOTS_MAX = 1023;

const ECAM_BASE = 0x40_1000_0000n;
const PCI_MMIO_BASE = 0x1000_0000n;
const BAR_BYTES = 0x10_0000n;

const PCI_COMMAND = 0x04n;
const PCI_COMMAND_MEMORY_AND_BUS_MASTER = 0x6n;
const PCI_BAR0 = 0x10n;

const ID = 0x00n;
const ID_VALUE = 0x010000ed;
const INTERRUPT_ACKNOWLEDGE = 0x64n;
const DMA_SOURCE = 0x80n;
const DMA_DESTINATION = 0x88n;
const DMA_COUNT = 0x90n;
const DMA_COMMAND = 0x98n;
const DMA_COMMAND_START = 1n;
const DMA_COMMAND_TO_MEMORY = 2n;
const DMA_COMMAND_INTERRUPT = 4n;
const DMA_BUFFER = 0x40000n;

export class Edu {
  /** Requester ID of function 0 in this slot of bus 0, which is the StreamID on the `virt` board. */
  readonly streamId: number;
  /** The GIC input of its interrupt pin; learnt from the first DMA. */
  interruptLine: number | undefined;
  readonly slot: number;
  readonly #config: bigint;
  readonly #bar: bigint;

  constructor(slot: number) {
    this.slot = slot;
    this.streamId = slot << 3;
    this.#config = ECAM_BASE + (BigInt(slot) << 15n);
    this.#bar = PCI_MMIO_BASE + BigInt(slot) * BAR_BYTES;
  }

  /** Queues what firmware does: place BAR 0, allow memory accesses and bus mastering. A reset undoes it. */
  configure(link: QtestLink): void {
    link.write(4, this.#config + PCI_BAR0, this.#bar);
    link.write(2, this.#config + PCI_COMMAND, PCI_COMMAND_MEMORY_AND_BUS_MASTER);
  }

  /** Queues a read of the identification register; `isPresent` judges the answer. */
  identify(link: QtestLink): void {
    link.read(4, this.#bar + ID);
  }

  isPresent(id: number | undefined): boolean {
    return id === ID_VALUE;
  }

  /** Whether the rise of GIC input `line` is this device's; any is while that is not known. */
  isInterrupt(line: number): boolean {
    return this.interruptLine === undefined || line === this.interruptLine;
  }

  /** Queues a DMA read of `bytes` at `address` into `slot`. The caller waits for the interrupt, then acknowledges. */
  startRead(link: QtestLink, address: bigint, slot: number, bytes: number): void {
    this.#start(link, address, DMA_BUFFER + BigInt(slot * SLOT_BYTES), bytes, DMA_COMMAND_INTERRUPT);
  }

  /** Queues a DMA write of `bytes` of `slot` to `address`. */
  startWrite(link: QtestLink, address: bigint, slot: number, bytes: number): void {
    const command = DMA_COMMAND_INTERRUPT | DMA_COMMAND_TO_MEMORY;
    this.#start(link, DMA_BUFFER + BigInt(slot * SLOT_BYTES), address, bytes, command);
  }

  acknowledge(link: QtestLink): void {
    link.write(4, this.#bar + INTERRUPT_ACKNOWLEDGE, 0xffff_ffffn);
  }

  #start(link: QtestLink, source: bigint, destination: bigint, bytes: number, command: bigint): void {
    link.write(8, this.#bar + DMA_SOURCE, source);
    link.write(8, this.#bar + DMA_DESTINATION, destination);
    link.write(8, this.#bar + DMA_COUNT, BigInt(bytes));
    link.write(8, this.#bar + DMA_COMMAND, command | DMA_COMMAND_START);
  }
}

/** The buffer of one device during one program: which slot each DMA has, and what the buffer is to hold at the start. */
export class SlotPlan {
  readonly image = new Uint8Array(SLOTS_MAX * SLOT_BYTES);
  #used = 0;
  /** Whether a DMA of the program writes, so that the image must be loaded. */
  hasWrites = false;
  hasReads = false;

  get usedBytes(): number {
    return this.#used * SLOT_BYTES;
  }

  /** The slot for the program's next DMA by this device, or undefined when there are too many. */
  next(data?: Uint8Array): number | undefined {
    if (this.#used >= SLOTS_MAX) return undefined;
    const slot = this.#used++;
    if (data === undefined) this.hasReads = true;
    else {
      this.hasWrites = true;
      this.image.set(data.subarray(0, SLOT_BYTES), slot * SLOT_BYTES);
    }
    return slot;
  }

  /** What a read left in its slot, out of a dump of the buffer's used part. */
  static contents(dump: Uint8Array, slot: number, bytes: number): Uint8Array {
    return dump.slice(slot * SLOT_BYTES, slot * SLOT_BYTES + bytes);
  }
}
