/** Whether a program stays within what a subject can do. Generators and replays ask before running; `run` refuses what does not fit. */
import type { Action, Program } from '../scenario/steps.ts';
import type { Capabilities, Described } from './subject.ts';

/**
 * Why `program` cannot be run on this subject, or undefined when it can: for want of a capability, or because a subject that
 * is built to a profile cannot be built to that of the program.
 * The reason names the first action that does not fit, and the step it comes from (both counted from 0).
 */
export function misfit(program: Program, subject: Pick<Described, 'capabilities' | 'configure'>): string | undefined {
  const { capabilities } = subject;
  if (program.features !== undefined && subject.configure !== undefined) {
    if (subject.configure(program.features) === undefined) return 'its "features" cannot be combined';
  }
  for (const [index, action] of program.actions.entries()) {
    const why = actionMisfit(action, capabilities);
    if (why !== undefined) return `step ${program.stepOf[index] ?? '?'} (action ${index}): ${why}`;
  }
  return undefined;
}

function actionMisfit(action: Action, can: Capabilities): string | undefined {
  switch (action.op) {
    case 'write-register':
    case 'read-register':
      return can.registerAccessBytes.includes(action.bytes)
        ? undefined
        : `a ${action.bytes}-byte register access (this subject makes those of ${can.registerAccessBytes.join(', ')} bytes)`;
    case 'dma-read':
    case 'dma-write': {
      const bytes = action.op === 'dma-read' ? action.bytes : action.data.length;
      if (can.streams !== undefined && !can.streams.includes(action.streamId)) {
        return `DMA from StreamID ${action.streamId} (this subject has devices at ${can.streams.join(', ')})`;
      }
      if (action.substreamId !== undefined && !can.substreams) return 'DMA with a SubstreamID';
      if ((action.privileged || action.instruction) && !can.attributes) return 'a privileged or instruction DMA';
      if (bytes < 1 || bytes > can.dmaBytesMax) {
        return `a DMA of ${bytes} bytes (this subject makes those of 1 to ${can.dmaBytesMax})`;
      }
      if ((action.address & 0xfffn) + BigInt(bytes) > 0x1000n) return 'a DMA across a 4 KiB boundary';
      return undefined;
    }
    case 'reset':
      return can.reset === true ? undefined : 'a reset of the SMMU alone';
    default:
      return undefined;
  }
}
