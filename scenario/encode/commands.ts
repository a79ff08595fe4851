/**
 * Commands: 16 bytes each (chapter 4). Every command of table 4.1.1, those of absent features too.
 *
 * The text lost most diagrams of chapter 4. Positions are those of section 4.4.1.1 (NUM, SCALE, TTL128, TTL, TG), of the common
 * fields (4.1.6: Address[63:12] or [55:12] in their own places of bits [127:64]) and of public headers (QEMU, Linux, Renode).
 * Known from one source only: CMD_TLBI_S_S2_IPA.NS. Known from none, so not named here (use `or0`, `or1`): the SIZE and Leaf
 * of CMD_DPTI_PA, which an SMMU without DPT refuses by opcode.
 */
import { bytesToWords, decodeWords, encodeWords, wordsToBytes } from './fields.ts';
import type { FieldPlace, FieldValues, Layout } from './fields.ts';

export const COMMAND_BYTES = 16;

const SSec = [0, 10, 1] as const satisfies FieldPlace;
const SSV = [0, 11, 1] as const satisfies FieldPlace;
const SubstreamID = [0, 12, 20] as const satisfies FieldPlace;
const StreamID = [0, 32, 32] as const satisfies FieldPlace;
const VMID = [0, 32, 16] as const satisfies FieldPlace;
const ASID = [0, 48, 16] as const satisfies FieldPlace;
const Leaf = [1, 0, 1] as const satisfies FieldPlace;
const Range = [1, 0, 5] as const satisfies FieldPlace;
/** A virtual address, [63:12]. */
const Address = [1, 12, 52, 'address'] as const satisfies FieldPlace;
/** An IPA or PA, [55:12]. */
const AddressPa = [1, 12, 44, 'address'] as const satisfies FieldPlace;
/** Range invalidation and level hint (4.4.1.1). */
const RIL = {
  NUM: [0, 12, 5],
  SCALE: [0, 20, 6],
  TTL128: [1, 7, 1],
  TTL: [1, 8, 2],
  TG: [1, 10, 2],
} as const satisfies Layout;

const STE_RANGE = { SSec, StreamID, Range } as const;
const EL2_VA = { ...RIL, ASID, Leaf, Address } as const;
const EL2_VAA = { ...RIL, Leaf, Address } as const;

const NONE = {} as const;

/** Opcode and fields of each command. */
export const COMMANDS = {
  CMD_PREFETCH_CONFIG: { opcode: 0x01, fields: { SSec, SSV, SubstreamID, StreamID } },
  CMD_PREFETCH_ADDR: {
    opcode: 0x02,
    fields: { SSec, SSV, SubstreamID, StreamID, Size: [1, 0, 5], Stride: [1, 5, 5], NS: [1, 11, 1], Address },
  },
  CMD_CFGI_STE: { opcode: 0x03, fields: { SSec, StreamID, Leaf } },
  /** CMD_CFGI_STE_RANGE with Range 31; `Range` is settable, and makes it the other. */
  CMD_CFGI_ALL: { opcode: 0x04, fields: STE_RANGE },
  CMD_CFGI_STE_RANGE: { opcode: 0x04, fields: STE_RANGE },
  CMD_CFGI_CD: { opcode: 0x05, fields: { SSec, SubstreamID, StreamID, Leaf } },
  CMD_CFGI_CD_ALL: { opcode: 0x06, fields: { SSec, StreamID } },
  CMD_CFGI_VMS_PIDM: { opcode: 0x07, fields: { SSec, VMID } },
  CMD_TLBI_NH_ALL: { opcode: 0x10, fields: { VMID } },
  CMD_TLBI_NH_ASID: { opcode: 0x11, fields: { VMID, ASID } },
  CMD_TLBI_NH_VA: { opcode: 0x12, fields: { ...RIL, VMID, ASID, Leaf, Address } },
  CMD_TLBI_NH_VAA: { opcode: 0x13, fields: { ...RIL, VMID, Leaf, Address } },
  CMD_TLBI_EL3_ALL: { opcode: 0x18, fields: NONE },
  CMD_TLBI_EL3_VA: { opcode: 0x1a, fields: { ...RIL, Leaf, Address } },
  CMD_TLBI_EL2_ALL: { opcode: 0x20, fields: NONE },
  CMD_TLBI_EL2_ASID: { opcode: 0x21, fields: { ASID } },
  CMD_TLBI_EL2_VA: { opcode: 0x22, fields: EL2_VA },
  CMD_TLBI_EL2_VAA: { opcode: 0x23, fields: EL2_VAA },
  CMD_TLBI_S12_VMALL: { opcode: 0x28, fields: { VMID } },
  CMD_TLBI_S2_IPA: { opcode: 0x2a, fields: { ...RIL, VMID, Leaf, Address: AddressPa } },
  CMD_TLBI_NSNH_ALL: { opcode: 0x30, fields: NONE },
  CMD_ATC_INV: {
    opcode: 0x40,
    fields: { Global: [0, 9, 1], SSV, SubstreamID, StreamID, Size: [1, 0, 6], Address },
  },
  CMD_PRI_RESP: {
    opcode: 0x41,
    fields: { SSV, SubstreamID, StreamID, PRGIndex: [1, 0, 9], Resp: [1, 12, 2] },
  },
  CMD_RESUME: {
    opcode: 0x44,
    fields: { SSec, Ac: [0, 12, 1], Ab: [0, 13, 1], StreamID, STAG: [1, 0, 16] },
  },
  CMD_STALL_TERM: { opcode: 0x45, fields: { SSec, StreamID } },
  CMD_SYNC: {
    opcode: 0x46,
    fields: {
      CS: [0, 12, 2],
      MSH: [0, 22, 2],
      MSIAttr: [0, 24, 4],
      MSIData: [0, 32, 32],
      MSIAddress: [1, 2, 54, 'address'],
      MSI_NS: [1, 63, 1],
    },
  },
  CMD_TLBI_S_EL2_ALL: { opcode: 0x50, fields: NONE },
  CMD_TLBI_S_EL2_ASID: { opcode: 0x51, fields: { ASID } },
  CMD_TLBI_S_EL2_VA: { opcode: 0x52, fields: EL2_VA },
  CMD_TLBI_S_EL2_VAA: { opcode: 0x53, fields: EL2_VAA },
  CMD_TLBI_S_S12_VMALL: { opcode: 0x58, fields: { VMID } },
  CMD_TLBI_S_S2_IPA: {
    opcode: 0x5a,
    fields: { ...RIL, VMID, Leaf, NS: [1, 1, 1], Address: AddressPa },
  },
  CMD_TLBI_SNH_ALL: { opcode: 0x60, fields: NONE },
  CMD_DPTI_ALL: { opcode: 0x70, fields: NONE },
  CMD_DPTI_PA: { opcode: 0x73, fields: { Address: AddressPa } },
} as const satisfies Record<string, { opcode: number; fields: Layout }>;

export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

/** The names of every command's fields together; which command has which is in COMMANDS. */
export type CommandFieldName = KeysOf<(typeof COMMANDS)[CommandName]['fields']>;
type KeysOf<T> = T extends unknown ? keyof T : never;

/** Fields of a command by name, and `or0`, `or1` for the bits that have none (fields.ts). */
export type CommandFields = FieldValues<CommandFieldName | 'or0' | 'or1'>;

/** The 16 bytes of a command; fields not given are zero, names that the command lacks are skipped. */
export function encodeCommand(name: CommandName, fields: CommandFields): Uint8Array {
  const { opcode, fields: layout } = COMMANDS[name];
  const given = name === 'CMD_CFGI_ALL' ? { Range: 31n, ...fields } : fields;
  const [word0 = 0n, word1 = 0n] = encodeWords(layout, 2, given);
  return wordsToBytes([word0 | BigInt(opcode), word1]);
}

export interface DecodedCommand {
  /** Undefined: a Reserved or IMPLEMENTATION DEFINED opcode. */
  readonly name: CommandName | undefined;
  readonly opcode: number;
  readonly fields: CommandFields;
}

/** The command in `bytes`, for printing. */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const [word0 = 0n, word1 = 0n] = bytesToWords(bytes, 2);
  const opcode = Number(word0 & 0xffn);
  const name = commandOf(opcode, word1);
  const layout: Layout = name === undefined ? {} : COMMANDS[name].fields;
  return { name, opcode, fields: decodeWords(layout, [word0 & ~0xffn, word1]) };
}

function commandOf(opcode: number, word1: bigint): CommandName | undefined {
  if (opcode === COMMANDS.CMD_CFGI_ALL.opcode) {
    return (word1 & 0x1fn) === 31n ? 'CMD_CFGI_ALL' : 'CMD_CFGI_STE_RANGE';
  }
  return COMMAND_NAMES.find((name) => COMMANDS[name].opcode === opcode);
}
