// The smallest thing that may call itself a subject: an SMMUv3 that knows its registers, the two queues, and Stream table entries
// that bypass or abort. A first day's work; what is missing is for `check` to say (see README.md beside this file).
//
// Everything happens inside the access that causes it, and nothing is cached: `settle` and invalidations have nothing to do.
import { Memory } from './memory.js';

const ID_REGISTERS = {
  IDR0: 0x0540_101a, // stage 1, VMSAv8-64, coherent, 16-bit ASIDs, little-endian, no stall, linear Stream table
  IDR1: 0x0273_0006, // queues of up to 2^19 entries, 6 bits of StreamID
  IDR2: 0,
  IDR3: 0x04, // HAD
  IDR4: 0,
  IDR5: 0x15, // 48-bit addresses, 4 KiB granule
  IIDR: 0,
  AIDR: 1, // SMMUv3.1
};

const CR0 = 0x20;
const CR0ACK = 0x24;
const GBPA = 0x44;
const IRQ_CTRL = 0x50;
const IRQ_CTRLACK = 0x54;
const GERROR = 0x60;
const GERRORN = 0x64;
const STRTAB_BASE = 0x80;
const STRTAB_BASE_CFG = 0x88;
const CMDQ_BASE = 0x90;
const CMDQ_PROD = 0x98;
const CMDQ_CONS = 0x9c;
const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0x100a8;
const EVENTQ_CONS = 0x100ac;

const SMMUEN = 1;
const EVENTQEN = 1 << 2;
const CMDQEN = 1 << 3;

/** For each word that software can write: the bits that take, and the bits of CR0 that guard it against changes. */
const WRITABLE = {
  [CR0]: { bits: 0x0d },
  0x28: { bits: 0x0fff, guard: SMMUEN | EVENTQEN | CMDQEN }, // CR1
  0x2c: { bits: 0x0006, guard: SMMUEN }, // CR2
  [IRQ_CTRL]: { bits: 0x05 },
  [GERRORN]: { bits: 0x1fd },
  [STRTAB_BASE]: { bits: 0xffff_ffc0, guard: SMMUEN },
  [STRTAB_BASE + 4]: { bits: 0x4000_ffff, guard: SMMUEN },
  [STRTAB_BASE_CFG]: { bits: 0x3f, guard: SMMUEN },
  [CMDQ_BASE]: { bits: 0xffff_ffff, guard: CMDQEN },
  [CMDQ_BASE + 4]: { bits: 0x4000_ffff, guard: CMDQEN },
  [CMDQ_PROD]: { bits: 0x000f_ffff },
  [CMDQ_CONS]: { bits: 0x7f0f_ffff, guard: CMDQEN },
  [EVENTQ_BASE]: { bits: 0xffff_ffff, guard: EVENTQEN },
  [EVENTQ_BASE + 4]: { bits: 0x4000_ffff, guard: EVENTQEN },
  [EVENTQ_PROD]: { bits: 0x800f_ffff, guard: EVENTQEN },
  [EVENTQ_CONS]: { bits: 0x800f_ffff },
};

class BypassSmmu {
  memory = new Memory();
  interrupts = [];
  #registers = new Map(Object.values(ID_REGISTERS).map((value, i) => [4 * i, value]));

  read32(offset) {
    return this.#registers.get(offset) ?? 0;
  }

  #set(offset, value) {
    this.#registers.set(offset, value >>> 0);
  }

  #read64(offset) {
    return (BigInt(this.read32(offset + 4)) << 32n) | BigInt(this.read32(offset));
  }

  write32(offset, value) {
    if (offset === GBPA) {
      // Taken when UPDATE is set, which reads as 0 once that is done (6.3.15).
      if (value & 0x8000_0000) this.#set(GBPA, value & 0x001f_3f1f);
      return;
    }
    const rule = WRITABLE[offset];
    if (rule === undefined || (this.read32(CR0) & (rule.guard ?? 0)) !== 0) return;
    this.#set(offset, value & rule.bits);
    if (offset === CR0) this.#set(CR0ACK, this.read32(CR0));
    if (offset === IRQ_CTRL) this.#set(IRQ_CTRLACK, this.read32(IRQ_CTRL));
    if (offset === CR0 || offset === CMDQ_PROD || offset === GERRORN) this.#consumeCommands();
  }

  /** Every command is legal and does nothing, but for CMD_SYNC that asks for an interrupt (4.7.3), and opcode 0 (4.1.3). */
  #consumeCommands() {
    while (this.read32(CR0) & CMDQEN && !((this.read32(GERROR) ^ this.read32(GERRORN)) & 1)) {
      const base = this.#read64(CMDQ_BASE);
      const wrap = 2 ** Number(base & 0x1fn);
      const prod = this.read32(CMDQ_PROD) & (2 * wrap - 1);
      const cons = this.read32(CMDQ_CONS) & (2 * wrap - 1);
      if (prod === cons) return;
      const address = (base & 0xffff_ffff_ffe0n & ~(16n * BigInt(wrap) - 1n)) + 16n * BigInt(cons % wrap);
      const command = this.memory.read(address, 16);
      if (command === undefined || command[0] === 0) {
        this.#set(CMDQ_CONS, cons | ((command === undefined ? 2 : 1) << 24)); // CERROR_ABT, CERROR_ILL
        this.#set(GERROR, this.read32(GERROR) ^ 1);
        if (this.read32(IRQ_CTRL) & 1) this.interrupts.push('GERROR');
        return;
      }
      const isSyncWithInterrupt = command[0] === 0x46 && (command[1] >> 4) % 4 === 1;
      if (isSyncWithInterrupt) this.interrupts.push('CMD_SYNC');
      this.#set(CMDQ_CONS, (cons + 1) & (2 * wrap - 1));
    }
  }

  /** Whether a device's access goes through, at the address it has. */
  admits(streamId) {
    if (!(this.read32(CR0) & SMMUEN)) return (this.read32(GBPA) & (1 << 20)) === 0;
    if (streamId >= 2 ** (this.read32(STRTAB_BASE_CFG) & 0x3f)) return false;
    const ste = this.memory.read((this.#read64(STRTAB_BASE) & 0xffff_ffff_ffc0n) + 64n * BigInt(streamId), 8);
    const config = ste === undefined ? 0 : (ste[0] >> 1) & 7;
    if (ste !== undefined && (ste[0] & 1) === 1 && config === 4) return true;
    if (ste !== undefined && (ste[0] & 1) === 0) this.#recordEvent(0x04, streamId); // C_BAD_STE
    return false;
  }

  #recordEvent(id, streamId) {
    if (!(this.read32(CR0) & EVENTQEN)) return;
    const base = this.#read64(EVENTQ_BASE);
    const wrap = 2 ** Number(base & 0x1fn);
    const prod = this.read32(EVENTQ_PROD) & (2 * wrap - 1);
    const cons = this.read32(EVENTQ_CONS) & (2 * wrap - 1);
    if (prod === (cons ^ wrap)) return; // full
    const record = new DataView(new ArrayBuffer(32));
    record.setUint32(0, id, true);
    record.setUint32(4, streamId, true);
    const address = (base & 0xffff_ffff_ffe0n & ~(32n * BigInt(wrap) - 1n)) + 32n * BigInt(prod % wrap);
    this.memory.write(address, new Uint8Array(record.buffer));
    this.#set(EVENTQ_PROD, (prod + 1) & (2 * wrap - 1));
    if (prod === cons && this.read32(IRQ_CTRL) & 4) this.interrupts.push('EVTQ');
  }
}

/** Carries out one action (scenario/steps.ts); its outcome (scenario/trace.ts). */
function perform(smmu, action) {
  switch (action.op) {
    case 'write-register':
      smmu.write32(action.offset, Number(action.value & 0xffff_ffffn));
      if (action.bytes === 8) smmu.write32(action.offset + 4, Number(action.value >> 32n));
      return { kind: 'done' };
    case 'read-register': {
      const high = action.bytes === 8 ? smmu.read32(action.offset + 4) : 0;
      return { kind: 'value', value: (BigInt(high) << 32n) | BigInt(smmu.read32(action.offset)) };
    }
    case 'write-memory':
      return smmu.memory.write(action.address, action.data) ? { kind: 'done' } : { kind: 'abort' };
    case 'read-memory': {
      const data = smmu.memory.read(action.address, action.bytes);
      return data === undefined ? { kind: 'abort' } : { kind: 'data', data };
    }
    case 'dma-read': {
      const data = smmu.admits(action.streamId) ? smmu.memory.read(action.address, action.bytes) : undefined;
      return data === undefined ? { kind: 'abort' } : { kind: 'data', data };
    }
    case 'dma-write': {
      const done = smmu.admits(action.streamId) && smmu.memory.write(action.address, action.data);
      return done ? { kind: 'done' } : { kind: 'abort' };
    }
    case 'settle':
      return { kind: 'done' };
    default:
      throw new Error(`no such action: ${action.op}`);
  }
}

/** What `module:` looks for. May also be async. */
export function createSubject() {
  return {
    name: 'bypass example',
    version: '1',
    idRegisters: ID_REGISTERS,
    capabilities: {
      substreams: false,
      attributes: true,
      dmaBytesMax: 64,
      registerAccessBytes: [4, 8],
      memoryAborts: true,
    },
    /** One program, from the state after reset. May also be async. */
    run(program) {
      const smmu = new BypassSmmu();
      const observations = program.actions.map((action) => {
        const outcome = perform(smmu, action);
        return { outcome, interrupts: smmu.interrupts.splice(0) };
      });
      return { subject: 'bypass example', idRegisters: ID_REGISTERS, observations };
    },
    async close() {},
  };
}
