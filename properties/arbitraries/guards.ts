/**
 * Registers that may be written only while something is off (6.3.9, 6.3.11, 6.3.24-6.3.30): written on, off, and in the middle of a change of CR0
 * (`write-offset` leaves the SMMU no time); then the SMMU is used to see which value is in force.
 */
import { CMDQ_BASE, EVENTQ_BASE, STRTAB_BASE } from '../../scenario/memory-map.ts';
import { REGISTERS } from '../../scenario/registers.ts';
import type { RegisterName } from '../../scenario/registers.ts';
import { accessAll, look, touch } from './accesses.ts';
import { invalidateAll } from './invalidate.ts';
import { openWorld } from './opening.ts';
import type { Client } from './opening.ts';
import { doubleValue, wordValue } from './values.ts';
import { CMDQEN, EVENTQEN, SMMUEN } from './world.ts';
import type { World } from './world.ts';

const CR1_RESET = 0xd75n;

/** A guarded register, the enable that guards it, and its value in the usual world. */
const GUARDED: readonly (readonly [RegisterName, bigint, bigint])[] = [
  ['CR1', SMMUEN, CR1_RESET],
  ['CR1', CMDQEN | EVENTQEN, CR1_RESET],
  ['CR2', SMMUEN, 2n],
  ['STRTAB_BASE', SMMUEN, STRTAB_BASE],
  ['STRTAB_BASE_CFG', SMMUEN, 5n],
  ['CMDQ_BASE', CMDQEN, CMDQ_BASE | 6n],
  ['CMDQ_CONS', CMDQEN, 0n],
  ['EVENTQ_BASE', EVENTQEN, EVENTQ_BASE | 5n],
  ['EVENTQ_PROD', EVENTQEN, 0n],
];

function guarded(world: World): readonly [name: RegisterName, guard: bigint, usual: bigint] {
  const [name, guard, usual] = world.draw.pick(GUARDED);
  return [name, guard, name === 'STRTAB_BASE_CFG' ? world.strtabConfig : usual];
}

export function guards(world: World): void {
  const { draw } = world;
  const [client] = openWorld(world, { streams: 1, pages: 1 });
  if (draw.chance(60)) accessAll(world, client);
  const rounds = draw.between(2, 4);
  for (let round = 0; round < rounds; round += 1) {
    draw.weighted<() => void>([
      [5, () => writeWhileOn(world)],
      [3, () => writeWhileOff(world, client)],
      [5, () => writeInTransition(world)],
      [2, () => useInTransition(world, client)],
      [2, () => controlBits(world)],
    ])();
    if (draw.chance(40)) accessAll(world, client);
  }
  world.read('CR0ACK');
  accessAll(world, client);
  look(world);
}

function anyValue(world: World, name: RegisterName): bigint {
  return REGISTERS[name].bytes === 8 ? doubleValue(world.draw) : wordValue(world.draw);
}

/** Ignored: the value read back, and the one in force, stay. */
function writeWhileOn(world: World): void {
  const { draw } = world;
  const count = draw.between(1, 3);
  for (let at = 0; at < count; at += 1) {
    const [name] = draw.pick(GUARDED);
    if (draw.chance(10)) {
      // The Event queue's indices have no place in page 0, or are the same registers there (REG-394).
      world.push({ do: 'write-offset', offset: 0xa8, value: wordValue(draw), bytes: 4 });
      world.read('EVENTQ_PROD');
      continue;
    }
    if (REGISTERS[name].bytes === 8 && draw.chance(30)) {
      const offset = REGISTERS[name].offset + (draw.chance(50) ? 4 : 0);
      world.push({ do: 'write-offset', offset, value: wordValue(draw), bytes: 4 });
    } else {
      world.write(name, anyValue(world, name));
    }
    world.read(name);
  }
}

/** Accepted; then the usual value again, so that the story can go on. */
function writeWhileOff(world: World, client: Client): void {
  const { draw } = world;
  const on = world.cr0;
  const [name, guard, usual] = guarded(world);
  const off = draw.chance(60) ? on & ~guard : on & ~(SMMUEN | CMDQEN | EVENTQEN);
  world.enable(off);
  world.write(name, anyValue(world, name));
  world.read(name);
  if (name === 'CMDQ_CONS' || name === 'CMDQ_BASE') {
    // The queue goes on where it was only if its indices agree with the shadow: leave commands alone from here.
    world.write('CMDQ_BASE', CMDQ_BASE | BigInt(world.cmdqLog2Size));
    world.write('CMDQ_CONS', BigInt(world.slots % (2 * world.cmdqSize)));
    world.write('CMDQ_PROD', BigInt(world.slots % (2 * world.cmdqSize)));
  } else if (name === 'EVENTQ_PROD' || name === 'EVENTQ_BASE') {
    world.write('EVENTQ_BASE', usual === 0n ? EVENTQ_BASE | 5n : usual);
    world.write('EVENTQ_PROD', 0n);
    world.write('EVENTQ_CONS', 0n);
  } else {
    world.write(name, usual);
  }
  if (draw.chance(30)) world.read(name);
  world.enable(on);
  if (draw.chance(40)) accessAll(world, client);
}

/** CR0 is written, its acknowledge may still be out, and a guarded register follows at once (ACK-059, ACK-060, REG-271). */
function writeInTransition(world: World): void {
  const { draw } = world;
  const on = world.cr0;
  const [name, guard, usual] = guarded(world);
  const place = REGISTERS[name];
  const to = draw.chance(50) ? on & ~guard : on;
  if (to === on) world.enable(on & ~guard);
  world.quietly(() => {
    world.push({ do: 'write-offset', offset: REGISTERS.CR0.offset, value: to, bytes: 4 });
    if (draw.chance(30)) world.push({ do: 'read-offset', offset: REGISTERS.CR0ACK.offset, bytes: 4 });
    if (draw.chance(25))
      world.push({
        do: 'write-offset',
        offset: REGISTERS.CR0.offset,
        value: draw.chance(50) ? to : on ^ guard ^ 4n,
        bytes: 4,
      });
    world.push({
      do: 'write-offset',
      offset: place.offset,
      value: draw.chance(50) ? usual : anyValue(world, name),
      bytes: place.bytes,
    });
    world.push({ do: 'read-offset', offset: REGISTERS.CR0.offset, bytes: 4 });
    world.settle();
  });
  world.read(name);
  world.read('CR0ACK');
  // Which value was taken is open: begin again.
  world.boot();
  if (draw.chance(50)) invalidateAll(world);
}

/** A device that comes while CR0 is changing is served by the old value or by the new one (ACK-029). */
function useInTransition(world: World, client: Client): void {
  const { draw } = world;
  const on = world.cr0;
  const page = draw.pick(client.pages);
  world.quietly(() => {
    const value = on ^ draw.pick([SMMUEN, SMMUEN, EVENTQEN]);
    world.push({ do: 'write-offset', offset: REGISTERS.CR0.offset, value, bytes: 4 });
    if (draw.chance(30)) world.push({ do: 'write-offset', offset: REGISTERS.CR0.offset, value: on, bytes: 4 });
    touch(world, client.stream, page);
    if (draw.chance(40)) world.dma(client.stream, 0x9000n, { bytes: 4 });
  });
  world.enable(on);
  if (draw.chance(50)) world.events();
}

/** CR0, IRQ_CTRL and GBPA bits that are Reserved or belong to absent features. */
function controlBits(world: World): void {
  const { draw } = world;
  const on = world.cr0;
  draw.pick<() => void>([
    () => world.enable(on | (draw.bits(3) << 6n) | 2n),
    () => (world.enable(on | 0xffff_fff2n), world.read('CR0')),
    () => (world.enable(on | 0x5c0n), world.read('CR0')),
    () => (world.write('CR0', on | 2n | 16n), world.read('CR0'), world.read('CR0ACK')),
    () => (world.write('CR0ACK', 0n), world.read('CR0ACK')),
    () => (world.write('GERROR', draw.bits(32)), world.read('GERROR')),
    () => (world.write('IRQ_CTRLACK', 7n), world.read('IRQ_CTRLACK')),
  ])();
  world.cr0 = on;
  world.write('CR0', on);
}
