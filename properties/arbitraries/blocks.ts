/** Stories about 2 MiB blocks only, for the law that pages in their place would translate alike. */
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import { PATTERN_BASE } from '../../scenario/memory-map.ts';
import { OWN_SHAPE } from './shape.ts';
import { addClient } from './opening.ts';
import { HIGH } from './places.ts';
import type { Theme } from './themes.ts';
import type { World } from './world.ts';

/** One in each level 3 node of scenario/layout.ts. */
const REGIONS = [0x20_0000n, 0x60_0000n, 0x80_0000n, 0xc0_0000n];

function blocks(world: World): void {
  const { draw, target } = world;
  const clients = draw
    .some(target.streams, draw.between(1, 2))
    .map((stream, cd) => addClient(world, stream, cd, { pages: 0 }));
  const mapped = clients.flatMap((client) =>
    draw.some(REGIONS, 2).map((region) => {
      const va = draw.chance(30) ? region | HIGH : region;
      world.map(client.cd, va, output(world), 2, leaf(world));
      return { ...client, va };
    }),
  );
  world.boot();
  const rounds = draw.between(3, 6);
  for (let round = 0; round < rounds; round += 1) {
    const one = draw.pick(mapped);
    if (draw.chance(35)) {
      if (draw.chance(60)) world.map(one.cd, one.va, output(world), 2, leaf(world));
      else world.unmap(one.cd, one.va, 2);
      world.command(draw.chance(50) ? 'CMD_TLBI_NH_ALL' : 'CMD_TLBI_NSNH_ALL');
      world.sync();
    }
    const at = one.va + BigInt(draw.between(0, 511)) * 0x1000n + BigInt(draw.between(0, 500)) * 8n;
    world.dma(one.stream, at, { write: draw.chance(35), privileged: draw.chance(30), instruction: draw.chance(20) });
    if (draw.chance(40)) world.dma(one.stream, at ^ 0x1000n);
    if (draw.chance(20)) world.events();
  }
}

function output(world: World): bigint {
  return PATTERN_BASE + BigInt(world.draw.between(0, 1)) * 0x20_0000n;
}

function leaf(world: World): DescriptorFields | undefined {
  const { draw } = world;
  if (draw.chance(50)) return undefined;
  const set: Record<string, bigint> = { AP: BigInt(draw.between(0, 3)) };
  if (draw.chance(30)) set['UXN'] = 1n;
  if (draw.chance(30)) set['PXN'] = 1n;
  if (draw.chance(15)) set['AF'] = 0n;
  return set;
}

export const blockStories: readonly Theme[] = [
  { name: 'blocks', weight: 1, story: blocks, asides: 'none', suits: OWN_SHAPE },
];
