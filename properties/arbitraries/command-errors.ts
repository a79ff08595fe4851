/** Commands in error (7.1): what stops, what is reported, and the recovery a driver makes. */
import { COMMANDS } from '../../scenario/encode/commands.ts';
import type { CommandFields, CommandName } from '../../scenario/encode/commands.ts';
import { access, accessAll, look } from './accesses.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { CMDQEN } from './world.ts';
import type { World } from './world.ts';

export function commandErrors(world: World): void {
  const { draw } = world;
  const boot = { cmdqLog2Size: draw.pick([1, 2, 3, 6]), ...(draw.chance(25) ? { irqCtrl: draw.pick([0, 4]) } : {}) };
  const [client] = openWorld(world, { boot, pages: 2 });
  accessAll(world, client);
  const rounds = draw.between(1, 3);
  for (let round = 0; round < rounds; round += 1) {
    if (draw.chance(30)) world.command('CMD_TLBI_NSNH_ALL');
    illegalCommand(world);
    whileInError(world, client);
    recover(world, client);
  }
  accessAll(world, client);
  look(world);
}

/** Names that no Non-secure queue accepts. */
const ALWAYS_ILLEGAL: readonly CommandName[] = [
  'CMD_TLBI_EL3_ALL',
  'CMD_TLBI_EL3_VA',
  'CMD_TLBI_S_EL2_ALL',
  'CMD_TLBI_S_EL2_ASID',
  'CMD_TLBI_S_EL2_VA',
  'CMD_TLBI_S_EL2_VAA',
  'CMD_TLBI_S_S2_IPA',
  'CMD_TLBI_S_S12_VMALL',
  'CMD_TLBI_SNH_ALL',
];

/** Accepted only with a feature that no target has. */
const FEATURES_ABSENT: readonly CommandName[] = [
  'CMD_TLBI_EL2_ALL',
  'CMD_TLBI_EL2_ASID',
  'CMD_TLBI_EL2_VA',
  'CMD_TLBI_EL2_VAA',
  'CMD_ATC_INV',
  'CMD_PRI_RESP',
  'CMD_DPTI_ALL',
  'CMD_DPTI_PA',
  'CMD_CFGI_VMS_PIDM',
  'CMD_RESUME',
  'CMD_STALL_TERM',
];

/** Those of a stage, for targets without it. */
const STAGE1_ONLY: readonly CommandName[] = [
  'CMD_TLBI_NH_ALL',
  'CMD_TLBI_NH_ASID',
  'CMD_TLBI_NH_VA',
  'CMD_TLBI_NH_VAA',
  'CMD_CFGI_CD',
  'CMD_CFGI_CD_ALL',
];
const STAGE2_ONLY: readonly CommandName[] = ['CMD_TLBI_S2_IPA', 'CMD_TLBI_S12_VMALL'];

const WITH_SSEC: readonly CommandName[] = [
  'CMD_PREFETCH_CONFIG',
  'CMD_PREFETCH_ADDR',
  'CMD_CFGI_STE',
  'CMD_CFGI_STE_RANGE',
  'CMD_CFGI_ALL',
  'CMD_CFGI_CD',
  'CMD_CFGI_CD_ALL',
  'CMD_RESUME',
  'CMD_STALL_TERM',
];

/** Reserved opcodes (4.1.1): the edges of each gap, and those absent from the table. */
const RESERVED_OPCODES = [
  0x00, 0x08, 0x0a, 0x0b, 0x0f, 0x14, 0x17, 0x19, 0x1b, 0x1f, 0x24, 0x27, 0x29, 0x2b, 0x2f, 0x31, 0x3f, 0x42, 0x43,
  0x47, 0x4f, 0x54, 0x57, 0x59, 0x5b, 0x5f, 0x61, 0x6f, 0x71, 0x72, 0x74, 0x7f, 0x90, 0xaa, 0xff,
];

/** A command that must be refused, put in the queue. */
function illegalCommand(world: World): void {
  const { draw, target } = world;
  const StreamID = BigInt(draw.pick(target.streams));
  const running = world.commandsRun;
  const slot = world.slots;
  world.quietly(() =>
    draw.weighted<() => void>([
      [2, () => named(world, draw.pick(ALWAYS_ILLEGAL), {})],
      [3, () => named(world, draw.pick(FEATURES_ABSENT), { StreamID })],
      [target.s1p ? 0 : 5, () => named(world, draw.pick(STAGE1_ONLY), { StreamID })],
      [target.s2p ? 0 : 2, () => named(world, draw.pick(STAGE2_ONLY), {})],
      [3, () => named(world, draw.pick(WITH_SSEC), { SSec: 1n, StreamID })],
      [3, () => world.command('CMD_SYNC', { CS: 3n })],
      [4, () => world.rawCommand(BigInt(draw.pick(RESERVED_OPCODES)), draw.chance(50) ? 0n : draw.bits(64))],
      [1, () => world.rawCommand(0n, 0n)],
    ])(),
  );
  if (running) world.noteCommandError(slot);
}

/** The command with those of the fields that it has. */
function named(world: World, name: CommandName, set: CommandFields): void {
  const has = COMMANDS[name].fields;
  const own = Object.fromEntries(Object.entries(set).filter(([field]) => field in has));
  world.bareCommand(name, Object.keys(own).length === 0 ? undefined : own);
}

/** The Command queue stands still; translations and everything else go on. */
function whileInError(world: World, client: Client): void {
  const { draw } = world;
  world.read('CMDQ_CONS');
  if (draw.chance(60)) world.read('GERROR');
  if (draw.chance(15)) {
    // Enabled now, an error of before raises no interrupt (GERR-038).
    world.write('IRQ_CTRL', 0n);
    world.write('IRQ_CTRL', draw.chance(70) ? 5n : 1n);
    world.read('GERROR');
  }
  if (draw.chance(40)) access(world, client.stream, draw.pick(client.pages));
  const more = draw.between(0, Math.min(2, world.cmdqSize - 1));
  for (let at = 0; at < more; at += 1) {
    if (draw.chance(50)) world.sync();
    else world.command('CMD_CFGI_ALL');
  }
  if (more > 0) world.read('CMDQ_CONS');
  if (draw.chance(20)) {
    // Disabling and enabling the queue does not clear the error (CMDQ-061, ACK-022).
    world.enable(world.cr0 & ~CMDQEN);
    if (draw.chance(40)) acknowledgeDisabled(world);
    world.enable(world.cr0 | CMDQEN);
    world.read('CMDQ_CONS');
  }
}

function acknowledgeDisabled(world: World): void {
  mend(world);
  world.acknowledgeErrors();
  world.read('CMDQ_CONS');
}

function recover(world: World, client: Client): void {
  const { draw } = world;
  if (world.errorSlot === undefined) {
    world.sync();
    return;
  }
  if (draw.chance(25)) retryUnchanged(world);
  const page = draw.pick(client.pages);
  const moved = draw.chance(30);
  if (moved) world.map(page.cd, page.va, world.freshPage());
  mend(world, moved);
  world.acknowledgeErrors();
  world.read('GERROR');
  world.sync();
  if (moved) {
    world.command('CMD_TLBI_NH_VA', { ASID: BigInt(client.cd + 1), Address: page.va });
    world.sync();
  }
  if (draw.chance(60)) world.read('CMDQ_CONS');
  access(world, client.stream, page);
}

/** Acknowledged without mending: the same command is refused again, and GERROR toggles again (CMDQ-060, REG-197). */
function retryUnchanged(world: World): void {
  world.write('GERRORN', world.gerror);
  world.gerror ^= 1n;
  world.read('GERROR');
  world.read('CMDQ_CONS');
}

/** Puts a legal command in the slot of the one in error. */
function mend(world: World, invalidating = false): void {
  const at = world.errorSlot;
  if (at === undefined) return;
  const name = invalidating
    ? 'CMD_TLBI_NSNH_ALL'
    : world.draw.pick<CommandName>(['CMD_SYNC', 'CMD_CFGI_ALL', 'CMD_TLBI_NH_ALL']);
  world.command(name, undefined, { at });
}

/** The error comes while interrupts of it are off, or commands lie behind it in one batch (CMDQ-092, SYNC-017). */
export function errorInBatch(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { pages: 2, boot: { cmdqLog2Size: draw.pick([2, 3]) } });
  accessAll(world, client);
  const page = draw.pick(client.pages);
  world.unmap(page.cd, page.va);
  let slot = 0;
  world.quietly(() => {
    world.command('CMD_TLBI_NH_ALL', undefined, { ring: false });
    slot = world.slots;
    world.command('CMD_SYNC', { CS: 3n }, { ring: false });
    world.command('CMD_SYNC', draw.chance(50) ? { CS: 1n } : undefined);
  });
  world.noteCommandError(slot);
  world.read('CMDQ_CONS');
  world.read('GERROR');
  if (draw.chance(40)) access(world, client.stream, page);
  world.command('CMD_CFGI_ALL', undefined, { at: slot });
  world.acknowledgeErrors();
  world.read('CMDQ_CONS');
  access(world, client.stream, page);
  look(world);
}
