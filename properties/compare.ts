/** Comparing two runs: which observations differ, in words. */
import { bytesToHex } from '../scenario/lower.ts';
import type { Program } from '../scenario/steps.ts';
import type { Observation, Outcome, Trace } from '../scenario/trace.ts';

/** The outcome in words: `data 0011..`, `abort`, `0x1f`. */
export function outcomeText(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case undefined:
      return 'nothing';
    case 'done':
    case 'abort':
      return outcome.kind;
    case 'value':
      return `0x${outcome.value.toString(16)}`;
    case 'data':
      return `data ${bytesToHex(outcome.data)}`;
    case 'unclear':
      return outcome.data === undefined ? 'unclear' : `unclear ${bytesToHex(outcome.data)}`;
  }
}

/** What a device sees, with the output address where the subject tells it. */
export function dmaText(observation: Observation | undefined): string {
  const address = observation?.outputAddress;
  return `${outcomeText(observation?.outcome)}${address === undefined ? '' : ` at 0x${address.toString(16)}`}`;
}

/** Everything observed at an action. */
export function observationText(observation: Observation | undefined): string {
  const interrupts = observation?.interrupts ?? [];
  return `${dmaText(observation)}${interrupts.length === 0 ? '' : ` with ${interrupts.join(', ')}`}`;
}

/** Actions of each step, in order. */
export function actionsByStep(program: Program): number[][] {
  const byStep: number[][] = [];
  program.stepOf.forEach((step, action) => (byStep[step] ??= []).push(action));
  return byStep;
}

/** DMA actions of a step. */
export function dmaActions(program: Program, actions: readonly number[] | undefined): number[] {
  return (actions ?? []).filter((at) => {
    const op = program.actions[at]?.op;
    return op === 'dma-read' || op === 'dma-write';
  });
}

/** The first action at which two traces of one program differ. */
export function firstDifference(one: Trace, two: Trace): number | undefined {
  const count = Math.max(one.observations.length, two.observations.length);
  for (let at = 0; at < count; at += 1) {
    if (observationText(one.observations[at]) !== observationText(two.observations[at])) return at;
  }
  return one.died === two.died ? undefined : count;
}
