/** Changes to a scenario that a metamorphic property says must not matter. */
import type { CommandFields, CommandName } from '../scenario/encode/commands.ts';
import type { Scenario, Step } from '../scenario/steps.ts';

type CommandStep = Extract<Step, { do: 'command' | 'raw-command' }>;
type DmaStep = Extract<Step, { do: 'dma' }>;

/** `boot` itself puts three commands in the queue. */
const BOOT_COMMANDS = 3;
const CMDQEN = 8;

/** Commands that an SMMU with stage 1 never refuses. */
const LEGAL: ReadonlySet<CommandName> = new Set<CommandName>([
  'CMD_PREFETCH_CONFIG',
  'CMD_PREFETCH_ADDR',
  'CMD_CFGI_STE',
  'CMD_CFGI_STE_RANGE',
  'CMD_CFGI_ALL',
  'CMD_CFGI_CD',
  'CMD_CFGI_CD_ALL',
  'CMD_TLBI_NH_ALL',
  'CMD_TLBI_NH_ASID',
  'CMD_TLBI_NH_VA',
  'CMD_TLBI_NH_VAA',
  'CMD_TLBI_NSNH_ALL',
  'CMD_SYNC',
]);

/** Whether a command must be consumed without error. */
export function isLegalCommand(step: CommandStep): boolean {
  if (step.do === 'raw-command' || !LEGAL.has(step.name)) return false;
  const { SSec, CS, MSI_NS, NS, or0, or1, TG, NUM, SCALE, TTL } = step.set ?? {};
  // A range of one granule without a level hint is a Reserved combination (4.4.1.1).
  if (TG && !NUM && !SCALE && !TTL) return false;
  return !SSec && CS !== 3n && !MSI_NS && !NS && !or0 && !or1;
}

export interface Inserted {
  readonly scenario: Scenario;
  /** For each step of the original, its place in the changed one. */
  readonly placeOf: readonly number[];
  /** For each step of the original, whether commands were put before it. */
  readonly preceded: readonly boolean[];
}

/**
 * The scenario with commands put before each DMA at a point where the Command queue is known to consume them at once. Slots that later
 * steps name move along.
 */
export function insertBeforeDma(scenario: Scenario, commandsFor: (dma: DmaStep) => readonly Step[]): Inserted {
  const steps: Step[] = [];
  const placeOf: number[] = [];
  const preceded: boolean[] = [];
  let runs = false;
  let broken = false;
  /** The present slot of each command that was put in the queue since the last boot. */
  let slots: number[] = [];
  let used = 0;
  for (const step of scenario.steps) {
    const before = step.do === 'dma' && runs && !broken ? commandsFor(step) : [];
    steps.push(...before);
    used += before.length;
    preceded.push(before.length > 0);
    placeOf.push(steps.length);
    switch (step.do) {
      case 'boot':
        runs = ((step.cr0 ?? 0xd) & CMDQEN) !== 0;
        slots = [0, 1, 2];
        used = BOOT_COMMANDS;
        break;
      case 'command':
      case 'raw-command':
        if (step.at === undefined) {
          slots.push(used);
          used += 1;
          broken ||= !isLegalCommand(step);
        } else {
          steps.push({ ...step, at: slots[step.at] ?? used + step.at - slots.length });
          continue;
        }
        break;
      case 'write':
        broken ||= QUEUE_REGISTERS.has(step.register);
        break;
      case 'write-offset':
        broken = true;
        break;
      default:
    }
    steps.push(step);
  }
  return { scenario: { ...scenario, steps }, placeOf, preceded };
}

/** Whose writes may stop the Command queue, or move it. */
const QUEUE_REGISTERS: ReadonlySet<string> = new Set(['CR0', 'CMDQ_BASE', 'CMDQ_PROD', 'CMDQ_CONS', 'GERRORN']);

/** Everything that a cache of the Non-secure interface may hold, and the CMD_SYNC that completes it. */
export const INVALIDATE_ALL: readonly Step[] = [
  { do: 'command', name: 'CMD_CFGI_ALL' },
  // Nothing orders the two without a CMD_SYNC between them, and a stale CD may make a translation in between (4.3.6).
  { do: 'command', name: 'CMD_SYNC' },
  { do: 'command', name: 'CMD_TLBI_NSNH_ALL' },
  { do: 'command', name: 'CMD_SYNC' },
];

/** One invalidation and its CMD_SYNC, which one depends on the DMA alone, so that it stays when other steps go. */
export function extraInvalidation(dma: DmaStep): readonly Step[] {
  const address = dma.read ?? dma.write ?? 0n;
  const Address = address & ~0xfffn;
  const StreamID = BigInt(dma.stream);
  const choices: readonly (readonly [CommandName, CommandFields?])[] = [
    ['CMD_CFGI_ALL'],
    ['CMD_CFGI_STE', { StreamID, Leaf: 1n }],
    ['CMD_CFGI_STE_RANGE', { StreamID, Range: 3n }],
    ['CMD_CFGI_CD', { StreamID }],
    ['CMD_CFGI_CD_ALL', { StreamID }],
    ['CMD_TLBI_NSNH_ALL'],
    ['CMD_TLBI_NH_ALL'],
    ['CMD_TLBI_NH_ASID', { ASID: 1n }],
    ['CMD_TLBI_NH_VA', { ASID: 1n, Address }],
    ['CMD_TLBI_NH_VAA', { Address, Leaf: 1n }],
    ['CMD_TLBI_NH_VAA', { Address, TG: 1n, NUM: 3n, SCALE: 1n }],
    ['CMD_TLBI_NH_VA', { ASID: 2n, Address, Leaf: 1n }],
  ];
  const at = Number((address >> 12n) % 5n) * 3 + dma.bytes + Number((address >> 3n) % 7n);
  const [name, set] = choices[at % choices.length] ?? choices[0] ?? (['CMD_CFGI_ALL'] as const);
  return [
    { do: 'command', name, ...(set === undefined ? {} : { set }) },
    { do: 'command', name: 'CMD_SYNC' },
  ];
}
