/** The stories a scenario may tell: by name, how often, and whether asides may disturb them. */
import { commandErrors, errorInBatch } from './command-errors.ts';
import {
  commandAltered,
  commandFetchAborts,
  commandQueueByHand,
  producerMoves,
  queueMisuse,
  twoErrors,
} from './command-queue.ts';
import { batches, commands } from './commands.ts';
import { contextFaults, faultControlsChange, oddFromTheStart } from './context-faults.ts';
import { disabled, enableSteps } from './disabled.ts';
import { eventOverflow, eventQueueElsewhere, eventQueueOff, interrupts, repeatedFaults } from './event-queue.ts';
import { contiguous } from './contiguous.ts';
import { geometry } from './geometry.ts';
import { guards } from './guards.ts';
import { permissions } from './permissions.ts';
import { afterReset, registersIdle, registersRunning } from './registers.ts';
import { acrossDisable, lateStructures, staleConfig } from './stale-config.ts';
import { addressSpaces, staleTables } from './stale-tables.ts';
import { contiguousStes, sharedStructures, streamFaults } from './stream-faults.ts';
import { streamRange, streamTableMoves } from './stream-table.ts';
import { bigEndian, walkFaults } from './walk-faults.ts';
import { nestedFaults } from './nested-faults.ts';
import { resets } from './resets.ts';
import { smallFirstTable, stage2Geometry } from './stage2-geometry.ts';
import { stage2Permissions } from './stage2-permissions.ts';
import { everyConfig, stage2Ste } from './stage2-ste.ts';
import { substreams } from './substreams.ts';
import { twoLevelStreams } from './two-level-streams.ts';
import { vmids } from './vmids.ts';
import { OWN_SHAPE } from './shape.ts';
import type { Suits } from './shape.ts';
import type { Target } from './target.ts';
import type { World } from './world.ts';

export interface Theme {
  readonly name: string;
  readonly weight: number;
  readonly story: (world: World) => void;
  /** Which asides fit: any, only those that leave queues and events alone, or none. */
  readonly asides: 'any' | 'quiet' | 'none';
  /** Which parts of the world's shape suit it (shape.ts); all of them when not given. */
  readonly suits?: Suits;
  /** Whether it has anything to tell of a target; every target when not given. */
  readonly needs?: (target: Target) => boolean;
}

/** What the story says of CDs or of stage 1 leaves would mean nothing without stage 1. */
const STAGE1: Suits = { only: false };
/** The Stream table is this story's own. */
const LINEAR: Suits = { split: false };

const STAGE2: Suits = { stage2: true };
/** Stage 1 and stage 2 in shapes of their own. */
const OWN = OWN_SHAPE;
const s2p = (target: Target): boolean => target.s2p;
const both = (target: Target): boolean => target.s1p && target.s2p;
const tabled = (target: Target): boolean => target.s1p && target.ssidSize > 0 && target.capabilities.substreams;
const twoLevel = (target: Target): boolean => target.twoLevel;
/** A Command queue of four entries. */
const roomy = (target: Target): boolean => target.cmdqs >= 2;
const resettable = (target: Target): boolean => target.capabilities.reset === true;

export const THEMES: readonly Theme[] = [
  { name: 'geometry', weight: 10, story: geometry, asides: 'any', suits: OWN_SHAPE },
  { name: 'contiguous', weight: 3, story: contiguous, asides: 'quiet', suits: STAGE1 },
  { name: 'permissions', weight: 12, story: permissions, asides: 'any', suits: STAGE1 },
  { name: 'walk-faults', weight: 12, story: walkFaults, asides: 'any' },
  { name: 'big-endian', weight: 2, story: bigEndian, asides: 'quiet', suits: STAGE1 },
  { name: 'context-faults', weight: 8, story: contextFaults, asides: 'any', suits: STAGE1 },
  { name: 'odd-from-the-start', weight: 7, story: oddFromTheStart, asides: 'quiet', suits: STAGE1 },
  { name: 'fault-controls', weight: 3, story: faultControlsChange, asides: 'any', suits: STAGE1 },
  { name: 'stream-faults', weight: 10, story: streamFaults, asides: 'any' },
  { name: 'contiguous-stes', weight: 5, story: contiguousStes, asides: 'quiet' },
  { name: 'shared-structures', weight: 4, story: sharedStructures, asides: 'quiet' },
  { name: 'stale-tables', weight: 9, story: staleTables, asides: 'any' },
  { name: 'address-spaces', weight: 6, story: addressSpaces, asides: 'quiet', suits: STAGE1 },
  { name: 'stale-config', weight: 7, story: staleConfig, asides: 'any' },
  { name: 'across-disable', weight: 4, story: acrossDisable, asides: 'quiet' },
  { name: 'late-structures', weight: 3, story: lateStructures, asides: 'quiet', suits: STAGE1 },
  { name: 'commands', weight: 7, story: commands, asides: 'any' },
  { name: 'batches', weight: 4, story: batches, asides: 'quiet' },
  { name: 'command-errors', weight: 9, story: commandErrors, asides: 'any' },
  { name: 'error-in-batch', weight: 2, story: errorInBatch, asides: 'quiet', needs: roomy },
  { name: 'command-queue-by-hand', weight: 5, story: commandQueueByHand, asides: 'quiet' },
  { name: 'command-fetch-aborts', weight: 2, story: commandFetchAborts, asides: 'quiet', needs: roomy },
  { name: 'producer-moves', weight: 3, story: producerMoves, asides: 'quiet', needs: roomy },
  { name: 'command-altered', weight: 3, story: commandAltered, asides: 'none', needs: roomy },
  { name: 'two-errors', weight: 3, story: twoErrors, asides: 'none' },
  { name: 'queue-misuse', weight: 2, story: queueMisuse, asides: 'none' },
  { name: 'event-overflow', weight: 6, story: eventOverflow, asides: 'quiet' },
  { name: 'event-queue-off', weight: 6, story: eventQueueOff, asides: 'quiet' },
  { name: 'event-queue-elsewhere', weight: 4, story: eventQueueElsewhere, asides: 'quiet' },
  { name: 'repeated-faults', weight: 3, story: repeatedFaults, asides: 'quiet' },
  { name: 'interrupts', weight: 8, story: interrupts, asides: 'quiet' },
  { name: 'registers-running', weight: 8, story: registersRunning, asides: 'quiet' },
  { name: 'registers-idle', weight: 8, story: registersIdle, asides: 'none' },
  { name: 'after-reset', weight: 4, story: afterReset, asides: 'quiet' },
  { name: 'guards', weight: 14, story: guards, asides: 'quiet' },
  { name: 'disabled', weight: 9, story: disabled, asides: 'quiet' },
  { name: 'enable-steps', weight: 3, story: enableSteps, asides: 'quiet' },
  { name: 'stage2-geometry', weight: 16, story: stage2Geometry, asides: 'quiet', suits: OWN, needs: s2p },
  { name: 'small-first-table', weight: 3, story: smallFirstTable, asides: 'quiet', suits: OWN, needs: s2p },
  { name: 'stage2-permissions', weight: 14, story: stage2Permissions, asides: 'any', suits: STAGE2, needs: s2p },
  { name: 'nested-faults', weight: 20, story: nestedFaults, asides: 'quiet', suits: OWN, needs: both },
  { name: 'stage2-ste', weight: 14, story: stage2Ste, asides: 'quiet', suits: STAGE2, needs: s2p },
  { name: 'every-config', weight: 6, story: everyConfig, asides: 'quiet' },
  { name: 'vmids', weight: 22, story: vmids, asides: 'quiet', suits: OWN, needs: s2p },
  {
    name: 'substreams',
    weight: 30,
    story: substreams,
    asides: 'quiet',
    suits: { ...STAGE1, substreams: false },
    needs: tabled,
  },
  {
    name: 'two-level-streams',
    weight: 24,
    story: twoLevelStreams,
    asides: 'quiet',
    suits: { split: false, nested: false, substreams: false },
    needs: twoLevel,
  },
  { name: 'resets', weight: 6, story: resets, asides: 'quiet', needs: resettable },
  { name: 'stream-range', weight: 5, story: streamRange, asides: 'any', suits: LINEAR },
  { name: 'stream-table-moves', weight: 5, story: streamTableMoves, asides: 'quiet', suits: LINEAR },
];
