/**
 * Scenarios in which what a device sees follows from the steps alone, whatever caches do: laws that compare two runs of such a
 * scenario need no reference to tell them which outcomes were open, and hold for every subject.
 *
 * One boot; nothing but valid or plainly invalid structures; after a change of tables a TLBI of everything, after a change of
 * configuration a CFGI of everything before that, each with its CMD_SYNC; nothing shared between CDs that a TLB could mix up; and no
 * access to memory that holds structures.
 */
import { BOOT_DEFAULTS } from '../scenario/defaults.ts';
import { granuleLog2, levelShift } from '../scenario/layout.ts';
import { HOLE_BASE, HOLE_BYTES, PATTERN_BASE, PATTERN_BYTES } from '../scenario/memory-map.ts';
import type { Scenario, Step } from '../scenario/steps.ts';
import type { IdRegisters } from '../scenario/trace.ts';

type StepOf<Kind extends Step['do']> = Extract<Step, { do: Kind }>;
export type DmaStep = StepOf<'dma'>;
type MapStep = StepOf<'map'>;

const STE_FIELDS: ReadonlySet<string> = new Set(['V', 'Config', 'PRIVCFG', 'INSTCFG']);
/** Abort, bypass, stage 1: what needs no other structure. */
const STE_CONFIGS: readonly bigint[] = [0b000n, 0b100n, 0b101n];
const CD_FIELDS: ReadonlySet<string> = new Set(
  'V T0SZ T1SZ TG0 TG1 TBI0 TBI1 EPD0 EPD1 WXN PAN AFFD R A IPS'.split(' '),
);
const LEAF_FIELDS: ReadonlySet<string> = new Set(['AP', 'AF', 'UXN', 'PXN', 'SH', 'AttrIndx']);
const TSZ_MIN = 16n;
const TSZ_MAX = 39n;
const PAGE_BYTES = 4096;

/** Commands that empty a cache, when they have no fields. */
const TLBI_ALL: ReadonlySet<string> = new Set(['CMD_TLBI_NSNH_ALL', 'CMD_TLBI_NH_ALL']);

/** On an implementation with these ID registers, which is asked whether its Command queue is as long as `boot` makes it. */
export function isOrderly({ steps }: Scenario, { IDR1 }: IdRegisters): boolean {
  if (((IDR1 >>> 21) & 0x1f) < BOOT_DEFAULTS.cmdqLog2Size) return false;
  const bypasses = steps.some((step) => step.do === 'ste' && step.set?.Config === 0b100n);
  if (!steps.every((step) => isPlain(step, bypasses)) || steps.filter(({ do: kind }) => kind === 'boot').length !== 1) {
    return false;
  }
  const caches = new Caches();
  return steps.every((step) => caches.follow(step));
}

/** Whether the caches can hold nothing but what memory holds, as far as software has seen to that. */
class Caches {
  #booted = false;
  #config: 'clean' | 'dirty' | 'issued' = 'clean';
  #tables: 'clean' | 'dirty' | 'issued' = 'clean';

  /** False: a device looks while a cache may hold something else. */
  follow(step: Step): boolean {
    switch (step.do) {
      case 'boot':
        this.#booted = true;
        break;
      case 'ste':
      case 'cd':
        this.#config = this.#tables = this.#booted ? 'dirty' : 'clean';
        break;
      case 'map':
      case 'unmap':
        this.#tables = this.#booted ? 'dirty' : 'clean';
        break;
      case 'command':
        if (!this.#booted) return false;
        this.#command(step.name);
        break;
      case 'dma':
        return this.#booted && this.#config === 'clean' && this.#tables === 'clean';
      default:
    }
    return true;
  }

  #command(name: string): void {
    if (name === 'CMD_CFGI_ALL' && this.#config === 'dirty') this.#config = 'issued';
    // A stale CD may fill the TLB again for as long as it can be used (4.3.6).
    if (TLBI_ALL.has(name) && this.#tables === 'dirty' && this.#config === 'clean') this.#tables = 'issued';
    if (name !== 'CMD_SYNC') return;
    if (this.#config === 'issued') this.#config = 'clean';
    if (this.#tables === 'issued') this.#tables = 'clean';
  }
}

function isPlain(step: Step, bypasses: boolean): boolean {
  switch (step.do) {
    case 'boot':
      return Object.keys(step).every((key) => key === 'do' || key === 'strtabLog2Size');
    case 'ste':
      return (
        step.split === undefined &&
        step.vm === undefined &&
        onlyFields(step.set, STE_FIELDS) &&
        STE_CONFIGS.includes(step.set?.Config ?? 0b101n)
      );
    case 'cd': {
      const { T0SZ = TSZ_MIN, T1SZ = TSZ_MIN } = step.set ?? {};
      return onlyFields(step.set, CD_FIELDS) && isSize(T0SZ) && isSize(T1SZ);
    }
    case 'map':
      return isMapPlain(step);
    case 'unmap':
      return step.vm === undefined && (step.level ?? 3) >= 2;
    case 'command':
      return (
        (step.name === 'CMD_CFGI_ALL' || step.name === 'CMD_SYNC' || TLBI_ALL.has(step.name)) &&
        Object.keys(step).length === 2
      );
    case 'dma': {
      const address = step.read ?? step.write ?? 0n;
      const within = Number(address % BigInt(PAGE_BYTES)) + step.bytes <= PAGE_BYTES;
      return within && step.substream === undefined && (!bypasses || isHarmless(address, step.bytes));
    }
    case 'events':
    case 'peek':
    case 'settle':
      return true;
    default:
      return false;
  }
}

function onlyFields(set: object | undefined, fields: ReadonlySet<string>): boolean {
  return Object.keys(set ?? {}).every((key) => fields.has(key));
}

function isSize(tsz: bigint): boolean {
  return tsz >= TSZ_MIN && tsz <= TSZ_MAX;
}

/** A page, or a 2 MiB block, of memory that holds no structures. */
function isMapPlain(step: MapStep): boolean {
  const level = step.level ?? 3;
  if (step.vm !== undefined || level < 2 || (level === 2 && leafLog2(step) > 21)) return false;
  const bytes = 2 ** leafLog2(step);
  if ((step.pa & BigInt(bytes - 1)) !== 0n) return false;
  return onlyFields(step.set, LEAF_FIELDS) && isHarmless(step.pa, bytes);
}

function isHarmless(address: bigint, bytes: number): boolean {
  const within = (base: bigint, size: bigint): boolean => address >= base && address + BigInt(bytes) <= base + size;
  return within(PATTERN_BASE, PATTERN_BYTES) || within(HOLE_BASE, HOLE_BYTES);
}

function leafLog2({ level = 3, granule = '4K' }: MapStep): number {
  return level === 3 ? granuleLog2(granule) : levelShift(level, granule);
}

/** Whether two accesses can reach the same bytes through any leaf of an orderly scenario. */
export function mayMeet({ steps }: Scenario, one: DmaStep, two: DmaStep): boolean {
  const maps = steps.filter((step) => step.do === 'map');
  const reach = (dma: DmaStep): bigint[] => {
    const address = dma.read ?? dma.write ?? 0n;
    return [address, ...maps.map((map) => map.pa + BigInt.asUintN(leafLog2(map), address))];
  };
  const others = reach(two);
  return reach(one).some((at) =>
    others.some((other) => at < other + BigInt(two.bytes) && other < at + BigInt(one.bytes)),
  );
}
