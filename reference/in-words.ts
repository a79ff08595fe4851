/** Outcomes and observations in words, for verdicts. */
import type { Action } from '../scenario/steps.ts';
import type { Observation } from '../scenario/trace.ts';
import type { Content } from './memory.ts';
import type { TransactionOutcome } from './outcomes.ts';

/** What was seen, as a kind: without addresses and values. */
export function kindOf(action: Action, { outcome }: Observation): string {
  const dma = action.op === 'dma-read' || action.op === 'dma-write';
  switch (outcome.kind) {
    case 'abort':
      return 'abort';
    case 'value':
      return outcome.value === 0n ? 'reads as zero' : 'reads as a value';
    case 'data':
      return dma ? 'access' : 'memory as it is';
    case 'done':
      return dma ? 'access' : 'done';
    case 'unclear':
      return 'unclear';
  }
}

export function inWords(outcome: TransactionOutcome): string {
  const event = outcome.event === undefined ? '' : ` with ${outcome.event.name}`;
  switch (outcome.result.kind) {
    case 'access':
      return `access to ${hex(outcome.result.address)}`;
    case 'abort':
      return `abort${event}`;
    case 'raz/wi':
      return `RAZ/WI${event}`;
  }
}

export function observed(observation: Observation): string {
  const { outcome, interrupts } = observation;
  const lines = interrupts.length === 0 ? '' : `, interrupts ${interrupts.join(' ')}`;
  const address = observation.outputAddress === undefined ? '' : ` from ${hex(observation.outputAddress)}`;
  switch (outcome.kind) {
    case 'value':
      return `${hex(outcome.value)}${lines}`;
    case 'data':
      return `data ${bytes(outcome.data)}${address}${lines}`;
    case 'unclear':
      return `unclear${outcome.data === undefined ? '' : ` ${bytes(outcome.data)}`}${lines}`;
    case 'done':
    case 'abort':
      return `${outcome.kind}${address}${lines}`;
  }
}

export function unknownBits(content: Content): string {
  return content.known === (1n << 64n) - 1n ? '' : ` (known bits ${hex(content.known)})`;
}

export function bytes(data: Uint8Array): string {
  const text = Buffer.from(data.subarray(0, 64)).toString('hex');
  return data.length > 64 ? `${text}... (${data.length} bytes)` : text;
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
