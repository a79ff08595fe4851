/**
 * The language of scenarios: what software and devices do, as pure data.
 *
 * A step names entities by fixed handles (StreamID, CD number, input address), never "the second one now", so any step
 * can be removed without changing what the others mean. No step depends on an observation.
 * The JSON form is in json.ts; what each step does to the machine is in lower.ts.
 */
import type { CommandName, CommandFields } from './encode/commands.ts';
import type { CdFields } from './encode/cd.ts';
import type { DescriptorFields } from './encode/descriptor.ts';
import type { L1cdFields } from './encode/l1cd.ts';
import type { L1stdFields } from './encode/l1std.ts';
import type { SteFields } from './encode/ste.ts';
import type { Profile } from './features.ts';
import type { Granule, Level, Split } from './layout.ts';
import type { RegisterName } from './registers.ts';

export type TableLevel = 0 | 1 | 2;

/** A set of tables (layout.ts): exactly one of `cd` (stage 1) and `vm` (stage 2); `granule` is 4K when not given. */
export interface Tables {
  readonly cd?: number;
  readonly vm?: number;
  readonly granule?: Granule;
}

export type Step =
  /**
   * Bring the Non-secure interface up as software does after reset (3.11): CR1, STRTAB_BASE(_CFG), CMDQ, EVENTQ, CR2,
   * IRQ_CTRL; enable the queues; CFGI_ALL, TLBI_NSNH_ALL, CMD_SYNC; enable translation.
   * `split`: a 2-level Stream table of that SPLIT, else a linear one. Defaults: strtabLog2Size 5, cmdqLog2Size 6 (at most 12), eventqLog2Size 5 (at most 11), cr0 0xd, cr2 0x2 (RECINVSID),
   * irqCtrl 0x5; GBPA and GERRORN not written. It first disables everything (CR0 = 0), and clears the memory of the Event queue;
   * the queues start again at index 0.
   */
  | {
      do: 'boot';
      strtabLog2Size?: number;
      split?: Split;
      cmdqLog2Size?: number;
      eventqLog2Size?: number;
      cr0?: number;
      cr2?: number;
      irqCtrl?: number;
    }
  /**
   * Write the STE of `stream`: a valid stage 1 one that points at CD number `cd` (default 0), with the fields of `set` replaced.
   * Where `set.Config` turns stage 2 on, also a valid stage 2 of the tables of VM number `vm` (default 0), VMID = vm + 1.
   * With `split` the stream is found through a level 1 descriptor, which is written too: it points at the stream's usual
   * second-level table, of 2^split STEs.
   * Here and below: what is written without `set` is in defaults.ts; bits without a name are set by `or0`, `or1`, ... (fields.ts).
   */
  | { do: 'ste'; stream: number; split?: Split; cd?: number; vm?: number; set?: SteFields }
  /** Write the level 1 Stream table descriptor that `stream` is found by, as `ste` with that `split` does; `set` replaces fields. */
  | { do: 'l1std'; stream: number; split: Split; set?: L1stdFields }
  /** Write entry `index` of the level 1 CD table: valid, pointing at the array of all CDs; `set` replaces fields. */
  | { do: 'l1cd'; index: number; set?: L1cdFields }
  /** Write CD number `cd` (0..7): valid, 4 KiB granules, TTB0 and TTB1 at the CD's own table nodes, ASID = cd + 1; `set` replaces fields. */
  | { do: 'cd'; cd: number; set?: CdFields }
  /**
   * Write the Table descriptors down to `level` (default 3) and a leaf that maps `va` (an IPA in the tables of a VM) to `pa`;
   * half is chosen by VA[55]. `set` replaces leaf fields. A leaf is a Page at level 3, else a Block, legal or not.
   */
  | ({ do: 'map'; va: bigint; pa: bigint; level?: Level; set?: DescriptorFields } & Tables)
  /** Write one Table descriptor on the path of `va` at `level`, pointing at its usual next node; `set` replaces fields. */
  | ({ do: 'table'; va: bigint; level: TableLevel; set?: DescriptorFields } & Tables)
  /** Write zero over the descriptor of `va` at `level` (default 3). */
  | ({ do: 'unmap'; va: bigint; level?: Level } & Tables)
  /**
   * Put a command in the next slot of the Command queue and write CMDQ_PROD. `at`: write that slot instead (software
   * mending a command), PROD untouched. `ring: false`: fill the slot, PROD is not written now but by the next one that rings.
   */
  | { do: 'command'; name: CommandName; set?: CommandFields; at?: number; ring?: boolean }
  /** Sixteen bytes in the next slot (word0 is bits [63:0]), for encodings that no name has. */
  | { do: 'raw-command'; word0: bigint; word1: bigint; at?: number; ring?: boolean }
  /** One device access, split where it crosses a 4 KiB page. Exactly one of `read` / `write` is the input address. `bytes` 1..64. */
  | {
      do: 'dma';
      stream: number;
      read?: bigint;
      write?: bigint;
      bytes: number;
      /** Bytes to write are derived from this number (default 0xa5a5a5a5): 32-bit words fill, fill + 1, ..., little-endian. */
      fill?: number;
      substream?: number;
      privileged?: boolean;
      instruction?: boolean;
    }
  /** Register access by name, or by offset from the SMMU base when no name has it. Width is the register's own unless `bytes` says. */
  | { do: 'write'; register: RegisterName; value: bigint; bytes?: AccessBytes }
  | { do: 'write-offset'; offset: number; value: bigint; bytes: AccessBytes }
  | { do: 'read'; register: RegisterName; bytes?: AccessBytes }
  | { do: 'read-offset'; offset: number; bytes: AccessBytes }
  /** Plain memory, by the CPU. `data` is hexadecimal, lowest address first. */
  | { do: 'poke'; address: bigint; data: string }
  | { do: 'peek'; address: bigint; bytes: number }
  /** Read EVENTQ_PROD, EVENTQ_CONS and every record slot of the Event queue. */
  | { do: 'events' }
  /** Reset the SMMU (3.11): its registers and whatever it was doing. Memory stays as it is. */
  | { do: 'reset' }
  /** Wait until the subject has nothing left to do. */
  | { do: 'settle' };

export type StepKind = Step['do'];
export type AccessBytes = 1 | 2 | 4 | 8;

export interface Scenario {
  /** Version of the format. */
  readonly 'smmu-crosscheck': 1;
  /** One line: why this scenario exists. */
  readonly why: string;
  /** What the implementation has, where the scenario rests on it. */
  readonly features?: Profile;
  readonly steps: readonly Step[];
}

/** What a subject is asked to do: the primitive form of a step. Addresses are physical, in the Non-secure space, or the device's input address. */
export type Action =
  | { readonly op: 'write-register'; readonly offset: number; readonly bytes: AccessBytes; readonly value: bigint }
  | { readonly op: 'read-register'; readonly offset: number; readonly bytes: AccessBytes }
  | { readonly op: 'write-memory'; readonly address: bigint; readonly data: Uint8Array }
  | { readonly op: 'read-memory'; readonly address: bigint; readonly bytes: number }
  | {
      readonly op: 'dma-read';
      readonly streamId: number;
      readonly substreamId?: number;
      readonly address: bigint;
      readonly bytes: number;
      readonly privileged: boolean;
      readonly instruction: boolean;
    }
  | {
      readonly op: 'dma-write';
      readonly streamId: number;
      readonly substreamId?: number;
      readonly address: bigint;
      readonly data: Uint8Array;
      readonly privileged: boolean;
      readonly instruction: boolean;
    }
  | { readonly op: 'reset' }
  | { readonly op: 'settle' };

/** A scenario lowered: what the subject does, and for each action the step it came from. */
export interface Program {
  /** For a subject that can be configured. */
  readonly features?: Profile;
  readonly actions: readonly Action[];
  readonly stepOf: readonly number[];
}
