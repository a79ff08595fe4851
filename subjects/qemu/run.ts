/**
 * Runs one program on a machine that stands as after reset.
 *
 * Actions are queued and go out in as few batches as can be: a batch ends at each DMA, whose completion has to be awaited.
 * What DMA reads brought is known only at the end, when the devices' buffers are dumped.
 */
import { HOLE_BASE, HOLE_BYTES, RAM_BASE, RAM_BYTES } from '../../scenario/memory-map.ts';
import type { Action, Program } from '../../scenario/steps.ts';
import type { Interrupt, Observation, Outcome } from '../../scenario/trace.ts';
import { SubjectError } from '../errors.ts';
import { type Edu, SLOTS_MAX, SlotPlan } from './edu.ts';
import { type Machine, MachineLost } from './machine.ts';
import { type Answer, bytesOf, valueOf } from './qtest.ts';
import { SMMU_BASE, SMMU_BYTES } from './smmu.ts';

/** A transfer of the CPU that is longer goes out in pieces. */
const CHUNK_BYTES = 64 * 1024;
const DONE: Outcome = { kind: 'done' };

export interface Run {
  readonly observations: readonly Observation[];
  /** One line, when QEMU was lost during the action after the last observation. */
  readonly died?: string;
}

type DmaAction = Extract<Action, { op: 'dma-read' | 'dma-write' }>;

interface Slotted {
  readonly device: Edu;
  readonly plan: SlotPlan;
  readonly slot: number;
}

/** An action on its way: where in the batch its answers begin and end. */
interface Sent {
  readonly action: Action;
  readonly from: number;
  to: number;
}

/** An observation whose DMA data is still in the device. */
interface Draft {
  outcome: Outcome;
  readonly interrupts: readonly Interrupt[];
  readonly read?: { readonly slotted: Slotted; readonly bytes: number };
}

/** @throws SubjectError when the program makes more DMAs than the devices' buffers have room for. Does not reset the machine. */
export async function runProgram(machine: Machine, program: Program): Promise<Run> {
  const run = new ProgramRun(machine, program);
  try {
    await run.prepare();
    await run.execute();
    await run.collect();
  } catch (error) {
    if (!(error instanceof MachineLost)) throw error;
    return { observations: run.observations(), died: error.message };
  }
  return { observations: run.observations() };
}

class ProgramRun {
  readonly #machine: Machine;
  readonly #program: Program;
  readonly #plans: ReadonlyMap<number, { device: Edu; plan: SlotPlan }>;
  readonly #slots: ReadonlyMap<Action, Slotted>;
  readonly #drafts: Draft[] = [];
  #sent: Sent[] = [];

  constructor(machine: Machine, program: Program) {
    this.#machine = machine;
    this.#program = program;
    this.#plans = new Map(machine.devices.map((device) => [device.streamId, { device, plan: new SlotPlan() }]));
    this.#slots = this.#assignSlots();
  }

  #assignSlots(): Map<Action, Slotted> {
    const slots = new Map<Action, Slotted>();
    for (const action of this.#program.actions) {
      if (action.op !== 'dma-read' && action.op !== 'dma-write') continue;
      const port = this.#plans.get(action.streamId);
      if (port === undefined) throw new SubjectError(`no device with StreamID ${action.streamId}`);
      const slot = port.plan.next(action.op === 'dma-write' ? action.data : undefined);
      if (slot === undefined) {
        throw new SubjectError(
          `the program makes more than ${SLOTS_MAX} DMAs from StreamID ${action.streamId}; split it`,
        );
      }
      slots.set(action, { ...port, slot });
    }
    return slots;
  }

  /** Loads into the devices what they are to write. */
  async prepare(): Promise<void> {
    for (const { device, plan } of this.#plans.values()) {
      if (plan.hasWrites) await this.#machine.loadBuffer(device, plan.image.subarray(0, plan.usedBytes));
    }
  }

  async execute(): Promise<void> {
    const link = this.#machine.link;
    for (const action of this.#program.actions) {
      const sent: Sent = { action, from: link.queued, to: 0 };
      this.#sent.push(sent);
      const device = this.#queue(action);
      sent.to = link.queued;
      if (device !== undefined) {
        await this.#flush(device);
        device.acknowledge(link);
      }
    }
    await this.#flush();
  }

  /** Dumps the devices' buffers and fills in what DMA reads brought. */
  async collect(): Promise<void> {
    const dumps = new Map<Edu, Uint8Array>();
    for (const { device, plan } of this.#plans.values()) {
      if (plan.hasReads) dumps.set(device, await this.#machine.dumpBuffer(device, plan.usedBytes));
    }
    for (const draft of this.#drafts) {
      if (draft.read === undefined) continue;
      const { slotted, bytes } = draft.read;
      const dump = dumps.get(slotted.device);
      if (dump === undefined) continue;
      draft.outcome = this.#readOutcome(SlotPlan.contents(dump, slotted.slot, bytes));
    }
  }

  observations(): Observation[] {
    return this.#drafts.map(({ outcome, interrupts }) => ({ outcome, interrupts }));
  }

  /**
   * Data that an abort cannot have left is data; else it is unclear. It is one transaction, since it stays in its page.
   */
  #readOutcome(data: Uint8Array): Outcome {
    const proven = this.#machine.description.abortLeaves === 'zeros' && data.some((byte) => byte !== 0);
    return proven ? { kind: 'data', data } : { kind: 'unclear', data };
  }

  /** Queues the lines of one action; the device to wait for, if it is a DMA. */
  #queue(action: Action): Edu | undefined {
    const link = this.#machine.link;
    switch (action.op) {
      case 'write-register':
        if (isInSmmu(action)) link.write(action.bytes, SMMU_BASE + BigInt(action.offset), action.value);
        return undefined;
      case 'read-register':
        if (isInSmmu(action)) link.read(action.bytes, SMMU_BASE + BigInt(action.offset));
        return undefined;
      case 'write-memory':
        if (isMemory(action.address, action.data.length)) {
          for (let at = 0; at < action.data.length; at += CHUNK_BYTES) {
            link.writeMemory(action.address + BigInt(at), action.data.subarray(at, at + CHUNK_BYTES));
          }
        }
        return undefined;
      case 'read-memory':
        if (isMemory(action.address, action.bytes)) {
          for (let at = 0; at < action.bytes; at += CHUNK_BYTES) {
            link.readMemory(action.address + BigInt(at), Math.min(CHUNK_BYTES, action.bytes - at));
          }
        }
        return undefined;
      case 'dma-read':
      case 'dma-write':
        return this.#queueDma(action);
      case 'reset':
        throw new Error('a reset, which open.ts says QEMU cannot do');
      case 'settle': // QEMU's SMMU carries everything out inside the access that causes it
        return undefined;
    }
  }

  #queueDma(action: DmaAction): Edu {
    const slotted = this.#slots.get(action);
    if (slotted === undefined) throw new Error('a DMA without a slot');
    const { device, slot } = slotted;
    const link = this.#machine.link;
    if (action.op === 'dma-read') device.startRead(link, action.address, slot, action.bytes);
    else device.startWrite(link, action.address, slot, action.data.length);
    return device;
  }

  /** Sends the batch, waits, and takes the answers in. @throws MachineLost after taking in what was answered. */
  async #flush(device?: Edu): Promise<void> {
    const batch = await this.#machine.flush(device);
    const sent = this.#sent;
    this.#sent = [];
    // Interrupts of a batch belong to the next action that was answered after them: none is lost.
    let from = 0;
    for (const [index, one] of sent.entries()) {
      const isLast = index === sent.length - 1;
      if (one.to > batch.answers.length || (isLast && batch.failed !== undefined && device !== undefined)) break;
      const raised = batch.answers.slice(from, one.to).flatMap((answer) => answer.raised);
      if (isLast) raised.push(...batch.answers.slice(one.to).flatMap((answer) => answer.raised), ...batch.trailing);
      from = one.to;
      this.#drafts.push(this.#draft(one.action, batch.answers.slice(one.from, one.to), raised));
    }
    if (batch.failed !== undefined) throw new MachineLost(await this.#machine.lost(batch.failed));
  }

  #draft(action: Action, answers: readonly Answer[], raised: readonly number[]): Draft {
    const interrupts = this.#machine.interruptsIn(raised);
    switch (action.op) {
      case 'read-register': {
        const answer = answers[0];
        const value = answer === undefined ? 0n : valueOf(answer, action.bytes);
        return { outcome: { kind: 'value', value }, interrupts };
      }
      case 'read-memory':
        return { outcome: { kind: 'data', data: joined(answers, action.bytes) }, interrupts };
      case 'dma-read': {
        const slotted = this.#slots.get(action);
        if (slotted === undefined) throw new Error('a DMA without a slot');
        return {
          outcome: { kind: 'unclear' },
          interrupts,
          read: { slotted, bytes: action.bytes },
        };
      }
      case 'dma-write':
        return { outcome: { kind: 'unclear' }, interrupts };
      default:
        return { outcome: DONE, interrupts };
    }
  }
}

function isInSmmu(action: { readonly offset: number; readonly bytes: number }): boolean {
  return action.offset >= 0 && action.offset + action.bytes <= SMMU_BYTES;
}

/**
 * Whether the CPU's access goes to the machine: one to RAM or to the hole, where nothing is. Everywhere else a scenario has nothing
 * either, but the board has devices that scenarios know nothing of; such an access is answered here as one to the hole.
 */
function isMemory(address: bigint, bytes: number): boolean {
  const end = address + BigInt(bytes);
  const inRam = address >= RAM_BASE && end <= RAM_BASE + RAM_BYTES;
  return bytes > 0 && (inRam || (address >= HOLE_BASE && end <= HOLE_BASE + HOLE_BYTES));
}

function joined(answers: readonly Answer[], bytes: number): Uint8Array {
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const answer of answers) {
    const piece = bytesOf(answer);
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}
