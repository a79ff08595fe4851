/**
 * Finding out what a QEMU has, by asking it over QMP and by trying: each probe leaves its traces in RAM and registers, so a reset
 * follows. Nothing here is specific to a version of QEMU.
 */
import {
  EVENTQ_BASE as EVENTQ_ADDRESS,
  HOLE_BASE,
  RAM_BASE,
  STRTAB_BASE as STRTAB_ADDRESS,
} from '../../scenario/memory-map.ts';
import type { IdRegisters, Interrupt } from '../../scenario/trace.ts';
import type { Edu } from './edu.ts';
import type { DirtyRange } from './memory.ts';
import { type QmpLink, qomChildren } from './qmp.ts';
import { type AccessBytes, type Batch, type QtestLink, bytesOf } from './qtest.ts';
import {
  CR0,
  CR0_EVENTQEN,
  CR0_SMMUEN,
  EVENTQ_BASE,
  EVENTQ_PROD,
  ID_OFFSETS,
  SMMU_BASE,
  STRTAB_BASE,
  STRTAB_BASE_CFG,
} from './smmu.ts';

export interface Description {
  readonly idRegisters: IdRegisters;
  readonly registerAccessBytes: readonly AccessBytes[];
  /** Input addresses of more bits than this do not reach the SMMU; undefined: all 64 bits do. */
  readonly dmaAddressBits: number | undefined;
  /** What an aborted DMA read leaves in the device's buffer. */
  readonly abortLeaves: 'zeros' | 'old data';
}

/** What the probes need of a machine. */
export interface Board {
  readonly link: QtestLink;
  readonly devices: readonly Edu[];
  mustFlush(device?: Edu): Promise<Batch>;
  loadBuffer(device: Edu, image: Uint8Array): Promise<void>;
  dumpBuffer(device: Edu, bytes: number): Promise<Uint8Array>;
}

/** The order of the SMMU's interrupt outputs in QEMU. */
const INTERRUPT_OUTPUTS: readonly Interrupt[] = ['EVTQ', 'PRIQ', 'CMD_SYNC', 'GERROR'];

const FDT_MAGIC = 0xd00dfeed;
const SENTINEL = Uint8Array.of(0xa5, 0x5a, 0xc3, 0x3c);
const STRTAB_LOG2SIZE = 5n;
const EVENTQ_LOG2SIZE = 5n;

/** The part of RAM that the probes dirty, but for the page that buffers go through. */
export const EVENTQ_RANGE: DirtyRange = {
  from: Number(EVENTQ_ADDRESS - RAM_BASE),
  to: Number(EVENTQ_ADDRESS - RAM_BASE) + (32 << Number(EVENTQ_LOG2SIZE)),
};

/** The QOM path of the GIC, and which of its inputs the SMMU's outputs are wired to. */
export async function findSmmu(qmp: QmpLink): Promise<{ gic: string; interrupts: Map<number, Interrupt> }> {
  const parent = '/machine/unattached';
  const children = qomChildren(await qmp.execute('qom-list', { path: parent }));
  const smmu = children.find((child) => child.type === 'child<arm-smmuv3>');
  if (smmu === undefined) throw new Error('it has no arm-smmuv3');
  const interrupts = new Map<number, Interrupt>();
  let gic = '';
  for (const [output, interrupt] of INTERRUPT_OUTPUTS.entries()) {
    const property = `sysbus-irq[${output}]`;
    const link = String(await qmp.execute('qom-get', { path: `${parent}/${smmu.name}`, property }));
    const match = /^(.+)\/unnamed-gpio-in\[(\d+)\]$/.exec(link);
    if (match === null) throw new Error(`the SMMU's ${interrupt} interrupt is not wired to the GIC`);
    gic = match[1] ?? '';
    interrupts.set(Number(match[2]), interrupt);
  }
  return { gic, interrupts };
}

/** QEMU puts the device tree, with new random seeds in it, at the start of RAM at every reset; scenarios have zeros there. */
export async function findDeviceTree(board: Board): Promise<DirtyRange> {
  const at = board.link.queued;
  board.link.readMemory(RAM_BASE, 8);
  const { answers } = await board.mustFlush();
  const header = answers[at] === undefined ? new Uint8Array(8) : bytesOf(answers[at]);
  const view = new DataView(header.buffer);
  return { from: 0, to: view.getUint32(0) === FDT_MAGIC ? view.getUint32(4) : 0 };
}

/** Makes one DMA in bypass and takes note of the line that rises. */
export async function learnInterrupt(board: Board, device: Edu): Promise<void> {
  board.link.discardInterrupts();
  device.interruptLine = undefined;
  device.startRead(board.link, RAM_BASE, 0, 1);
  const { answers, trailing } = await board.mustFlush(device);
  device.interruptLine = [...answers.flatMap((answer) => answer.raised), ...trailing][0];
  device.acknowledge(board.link);
  await board.mustFlush();
}

/** Tries the rest. The machine is to be as after reset, and is to be reset afterwards. */
export async function describe(board: Board): Promise<Description> {
  const registers = await readRegisters(board);
  const [device] = board.devices;
  if (device === undefined) throw new Error('it has no device that makes DMA');
  const abortLeaves = await learnAbort(board, device);
  const dmaAddressBits = await learnAddressBits(board, device);
  return { ...registers, abortLeaves, dmaAddressBits };
}

async function readRegisters(board: Board): Promise<Pick<Description, 'idRegisters' | 'registerAccessBytes'>> {
  const { link, devices } = board;
  for (const device of devices) device.identify(link);
  for (const offset of Object.values(ID_OFFSETS)) link.read(4, SMMU_BASE + offset);
  // A width that is not taken is answered with zeros. AIDR has bit 0 set from SMMUv3.1 on; STRTAB_BASE is one of 64 bits.
  for (const bytes of [1, 2, 4] as const) link.read(bytes, SMMU_BASE + ID_OFFSETS.AIDR);
  link.write(8, SMMU_BASE + STRTAB_BASE, RAM_BASE);
  link.read(8, SMMU_BASE + STRTAB_BASE);
  const { answers } = await board.mustFlush();
  const values = answers.filter(({ text }) => text !== '').map(({ text }) => Number(text));
  for (const [index, device] of devices.entries()) {
    if (!device.isPresent(values[index])) throw new Error(`no edu device answers in slot ${device.slot}`);
  }
  const names = Object.keys(ID_OFFSETS);
  const ids = Object.fromEntries(names.map((name, index) => [name, values[devices.length + index]]));
  const idRegisters = ids as unknown as IdRegisters;
  if (idRegisters.IDR0 === 0) throw new Error(`no SMMU answers at 0x${SMMU_BASE.toString(16)}`);
  const probed = values.slice(devices.length + names.length);
  const widths: readonly AccessBytes[] = [1, 2, 4, 8];
  return { idRegisters, registerAccessBytes: widths.filter((bytes, index) => bytes === 4 || probed[index] !== 0) };
}

/** Finds out what a read that nothing answers leaves in the buffer. */
async function learnAbort(board: Board, device: Edu): Promise<Description['abortLeaves']> {
  await board.loadBuffer(device, SENTINEL);
  device.startRead(board.link, HOLE_BASE, 0, SENTINEL.length);
  await board.mustFlush(device);
  device.acknowledge(board.link);
  const left = await board.dumpBuffer(device, SENTINEL.length);
  if (left.every((byte) => byte === 0)) return 'zeros';
  if (left.every((byte, index) => byte === SENTINEL[index])) return 'old data';
  throw new Error('a DMA read of unmapped memory brought data');
}

/**
 * Finds the input addresses that reach the SMMU, by whether it records an event: with a Stream table of zeros every access it
 * sees is one with a bad STE.
 */
async function learnAddressBits(board: Board, device: Edu): Promise<number | undefined> {
  const { link } = board;
  link.write(8, SMMU_BASE + STRTAB_BASE, STRTAB_ADDRESS);
  link.write(4, SMMU_BASE + STRTAB_BASE_CFG, STRTAB_LOG2SIZE);
  link.write(8, SMMU_BASE + EVENTQ_BASE, EVENTQ_ADDRESS | EVENTQ_LOG2SIZE);
  link.write(4, SMMU_BASE + CR0, CR0_SMMUEN | CR0_EVENTQEN);
  let reached = 0;
  let beyond = 65;
  while (beyond - reached > 1) {
    const bits = (reached + beyond) >> 1;
    if (await recordsEvent(board, device, 1n << BigInt(bits - 1))) reached = bits;
    else beyond = bits;
  }
  // Not even the lowest: this SMMU does not record such events, and nothing was learnt.
  return reached === 0 || reached === 64 ? undefined : reached;
}

async function recordsEvent(board: Board, device: Edu, address: bigint): Promise<boolean> {
  const { link } = board;
  const first = link.queued;
  link.read(4, SMMU_BASE + EVENTQ_PROD);
  device.startRead(link, address, 0, 1);
  const before = await board.mustFlush(device);
  device.acknowledge(link);
  link.read(4, SMMU_BASE + EVENTQ_PROD);
  const after = await board.mustFlush();
  return before.answers[first]?.text !== after.answers[1]?.text;
}
