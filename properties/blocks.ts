/** A scenario with 2 MiB blocks, and the same one with the 4 KiB pages of them that devices touch. */
import type { Scenario, Step, Tables } from '../scenario/steps.ts';

const REGION = 21n;
const PAGE_MASK = 0xfffn;

export interface Changed {
  readonly scenario: Scenario;
  /** For each step of the original, its place in the changed one. */
  readonly placeOf: readonly number[];
}

/**
 * The scenario with each block replaced by the pages of it that any DMA touches. Undefined where that would be another scenario: no
 * blocks, two regions whose level 3 tables are the same node (scenario/layout.ts), invalidation by address, leaf
 * fields or tables that mean something else for a page.
 */
export function pagesOfBlocks(scenario: Scenario): Changed | undefined {
  if (!scenario.steps.some(isBlock) || scenario.steps.some(isOutside) || !regionsApart(scenario)) return undefined;
  const touched = touchedPages(scenario);
  const steps: Step[] = [];
  const placeOf: number[] = [];
  for (const step of scenario.steps) {
    if (isBlock(step)) {
      for (const page of touched) {
        if (page >> REGION !== step.va >> REGION) continue;
        const { level: _, ...rest } = step;
        if (step.do === 'unmap') steps.push({ ...rest, va: page });
        else steps.push({ ...rest, va: page, pa: step.pa + (page - step.va) } as Step);
      }
      placeOf.push(steps.length - 1);
    } else {
      placeOf.push(steps.length);
      steps.push(step);
    }
  }
  return { scenario: { ...scenario, steps }, placeOf };
}

type BlockStep = Extract<Step, { do: 'map' | 'unmap' }> & { readonly pa: bigint };

function isBlock(step: Step): step is BlockStep {
  return (step.do === 'map' || step.do === 'unmap') && step.level === 2 && !isOtherTables(step);
}

/** Stage 2 tables and the other granules have blocks of other sizes, and other fields. */
function isOtherTables(step: Tables): boolean {
  return step.vm !== undefined || step.granule !== undefined;
}

const PAGE_FIELDS: ReadonlySet<string> = new Set(['AP', 'AF', 'nG', 'UXN', 'PXN', 'SH', 'AttrIndx']);

/** Steps of which the change is not known to keep the meaning. */
function isOutside(step: Step): boolean {
  switch (step.do) {
    case 'map':
      return (
        step.level !== 2 ||
        isOtherTables(step) ||
        (step.va & 0x1f_ffffn) !== 0n ||
        (step.pa & 0x1f_ffffn) !== 0n ||
        Object.keys(step.set ?? {}).some((key) => !PAGE_FIELDS.has(key))
      );
    case 'unmap':
      return step.level !== 2 || isOtherTables(step) || (step.va & 0x1f_ffffn) !== 0n;
    case 'command':
      return step.set !== undefined && 'Address' in step.set;
    case 'cd':
    case 'boot':
    case 'dma':
    case 'events':
    case 'settle':
    case 'ste':
      return false;
    default:
      return true;
  }
}

/** Whether no two regions of a CD share a level 3 node. */
function regionsApart(scenario: Scenario): boolean {
  const regionOf = new Map<string, bigint>();
  for (const step of scenario.steps) {
    if (!isBlock(step)) continue;
    const node = `${step.cd} ${(step.va >> 55n) & 1n} ${(step.va >> REGION) & 7n}`;
    const region = step.va >> REGION;
    if ((regionOf.get(node) ?? region) !== region) return false;
    regionOf.set(node, region);
  }
  return true;
}

function touchedPages(scenario: Scenario): bigint[] {
  const pages = new Set<bigint>();
  for (const step of scenario.steps) {
    if (step.do !== 'dma') continue;
    const first = step.read ?? step.write ?? 0n;
    const last = first + BigInt(step.bytes - 1);
    pages.add(first & ~PAGE_MASK);
    pages.add(last & ~PAGE_MASK);
  }
  return [...pages];
}
