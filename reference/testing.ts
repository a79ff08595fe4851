/** Traces made by hand, for tests of the judge: what a subject would have shown, without any subject. */
import { lower } from '../scenario/lower.ts';
import { patternWords } from '../scenario/memory-map.ts';
import type { Step } from '../scenario/steps.ts';
import type { IdRegisters, Interrupt, Observation, Outcome, Trace } from '../scenario/trace.ts';
import { judge } from './judge.ts';
import type { Verdict } from './verdict.ts';

/** SMMUv3.2, stage 1 only, VMSAv8-64 with 4 KiB granules, linear Stream tables, 44-bit OAS, terminate only. */
export const ID_V32: IdRegisters = {
  IDR0: 0x0100_101a,
  IDR1: 0x0507_0006,
  IDR2: 0,
  IDR3: 0x0000_0d04,
  IDR4: 0,
  IDR5: 0x0000_0014,
  IIDR: 0,
  AIDR: 2,
};

/** The same as SMMUv3.1. */
export const ID_V31: IdRegisters = { ...ID_V32, IDR3: 0x0000_0004, AIDR: 1 };

/** What one step showed: an outcome for each of its actions that is not simply done, and interrupts with any of them. */
export interface Seen {
  readonly outcomes?: readonly Outcome[];
  readonly interrupts?: readonly Interrupt[];
  /** Interrupts come with the first action of the step, not the last (its settle). */
  readonly early?: boolean;
}

export const aborted: Outcome = { kind: 'abort' };

export function value(number: bigint | number): Outcome {
  return { kind: 'value', value: BigInt(number) };
}

/** The 8 bytes that memory holds at the start at a physical address in the pattern window. */
export function patternAt(address: bigint): Outcome {
  const data = new Uint8Array(8);
  const view = new DataView(data.buffer);
  const [low, high] = patternWords(address);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
  return { kind: 'data', data };
}

export function bytes(data: Uint8Array): Outcome {
  return { kind: 'data', data };
}

/** Steps, each with what it showed; a plain step was done and showed nothing. */
export type Told = Step | readonly [Step, Seen];

/** Judges steps as if a subject had shown what stands beside them. */
export function told(steps: readonly Told[], idRegisters: IdRegisters = ID_V32): Verdict {
  const plain = steps.map((step) => ('do' in step ? step : step[0]));
  const seen = steps.map((step) => ('do' in step ? {} : step[1]));
  const program = lower({ 'smmu-crosscheck': 1, why: 'told', steps: plain });
  const taken = new Map<number, number>();
  const observations = program.actions.map((action, at): Observation => {
    const step = program.stepOf[at] ?? 0;
    const mine = seen[step] ?? {};
    const first = program.stepOf[at - 1] !== step;
    const last = program.stepOf[at + 1] !== step;
    const interrupts = (mine.early === true ? first : last) ? (mine.interrupts ?? []) : [];
    const tells = action.op.startsWith('read') || action.op.startsWith('dma');
    if (!tells) return { outcome: { kind: 'done' }, interrupts };
    const number = taken.get(step) ?? 0;
    taken.set(step, number + 1);
    return { outcome: mine.outcomes?.[number] ?? { kind: 'done' }, interrupts };
  });
  const trace: Trace = { subject: 'told', idRegisters, observations };
  return judge(program, trace, { explain: true });
}
