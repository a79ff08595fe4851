/** Register values by field (6.3), for stories that program queues and tables themselves. */
import { COMMAND_BYTES, encodeCommand } from '../../scenario/encode/commands.ts';
import type { CommandFields, CommandName } from '../../scenario/encode/commands.ts';
import { bytesToHex } from '../../scenario/lower.ts';
import type { World } from './world.ts';

export const GBPA_UPDATE = 1n << 31n;
export const GBPA_ABORT = 1n << 20n;
/** RA of STRTAB_BASE and CMDQ_BASE, WA of EVENTQ_BASE. */
export const ALLOCATE_HINT = 1n << 62n;
/** EVENTQ_PROD.OVFLG, EVENTQ_CONS.OVACKFLG. */
export const OVERFLOW_FLAG = 1n << 31n;

/** A command written to memory as data, for queues that no `command` step knows of. */
export function pokeCommand(
  world: World,
  base: bigint,
  index: number,
  name: CommandName,
  fields: CommandFields = {},
): void {
  world.poke(base + BigInt(index * COMMAND_BYTES), bytesToHex(encodeCommand(name, fields)));
}
