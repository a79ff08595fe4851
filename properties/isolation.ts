/** Noninterference of two streams: what one device sees does not depend on what another, with its own tables and ASID, does. */
import { BOOT_DEFAULTS } from '../scenario/defaults.ts';
import { lower } from '../scenario/lower.ts';
import { EVENTQ_BASE } from '../scenario/memory-map.ts';
import type { Program, Scenario, Step } from '../scenario/steps.ts';
import type { Observation, Trace } from '../scenario/trace.ts';
import { twoStreams } from './arbitraries/two-streams.ts';
import { scenarios } from './arbitraries/scenarios.ts';
import { actionsByStep, dmaActions, dmaText } from './compare.ts';
import { bytesToHex } from '../scenario/lower.ts';
import { violated } from './property.ts';
import type { Property } from './property.ts';
import { isLegalCommand } from './transform.ts';

const RECORD_BYTES = 32;
/** What nothing can be said of: the Event queue was full, and some records may be lost. */
const UNKNOWN = 'unknown';

export const noninterference: Property = {
  name: 'noninterference',
  title: 'what a device sees and the events with its StreamID do not depend on another stream',
  arbitrary: (subject) => scenarios(subject, twoStreams),
  async check(subject, scenario) {
    const program = lower(scenario);
    const trace = await subject.run(program);
    const run = { program, trace };
    const parts = split(scenario);
    if (parts === undefined) return { kind: 'ok', run, vacuous: true };
    const alone: Scenario = { ...scenario, steps: parts.kept.map((at) => scenario.steps[at] as Step) };
    const aloneProgram = lower(alone);
    const aloneTrace = await subject.run(aloneProgram);
    const here = actionsByStep(program);
    const there = actionsByStep(aloneProgram);
    for (const [place, at] of parts.kept.entries()) {
      const step = scenario.steps[at] as Step;
      const seen = viewOf(step, parts.stream, program, trace, here[at]);
      const seenAlone = viewOf(step, parts.stream, aloneProgram, aloneTrace, there[place]);
      const difference = seen.findIndex((text, index) => {
        const other = seenAlone[index];
        return text !== UNKNOWN && other !== UNKNOWN && text !== other;
      });
      if (difference < 0) continue;
      const action = here[at]?.[0] ?? 0;
      const observed = seen[difference] ?? 'nothing';
      const permitted = [seenAlone[difference] ?? 'nothing'];
      return violated(scenario, {
        program,
        run,
        rule: 'TLBI-137',
        difference: 'runs-differ',
        action,
        observed,
        permitted,
      });
    }
    return { kind: 'ok', run };
  },
};

interface Parts {
  /** The stream observed. */
  readonly stream: number;
  /** Steps that are not the other streams' doing. */
  readonly kept: readonly number[];
}

/**
 * The lowest stream and everything that is not the others'. Undefined where the law does not hold of the scenario: CDs or ASIDs
 * shared, global leaves, the other device writing to memory, commands in error, queues or registers touched.
 */
function split(scenario: Scenario): Parts | undefined {
  const { steps } = scenario;
  const streams = new Set(steps.flatMap((step) => (step.do === 'ste' || step.do === 'dma' ? [step.stream] : [])));
  const stream = Math.min(...streams);
  if (streams.size < 2 || steps.some((step) => breaksIsolation(step, stream)) || !bootedOnce(steps)) return undefined;
  const cdsOf = (own: boolean): Set<number> =>
    new Set(steps.flatMap((step) => (step.do === 'ste' && (step.stream === stream) === own ? [step.cd ?? 0] : [])));
  const own = cdsOf(true);
  if ([...cdsOf(false)].some((cd) => own.has(cd))) return undefined;
  const kept: number[] = [];
  steps.forEach((step, at) => {
    if (!isOthers(step, stream, own)) kept.push(at);
  });
  return { stream, kept };
}

function bootedOnce(steps: readonly Step[]): boolean {
  return steps.filter((step) => step.do === 'boot').length === 1;
}

/** Fields through which one stream may rightly matter to another. */
const SHARED_FIELDS: ReadonlySet<string> = new Set([
  'ASID',
  'nG',
  'CONT',
  'S1ContextPtr',
  'TTB0',
  'TTB1',
  'NextTable',
  'OA',
  'raw',
  'Type',
]);

function breaksIsolation(step: Step, stream: number): boolean {
  switch (step.do) {
    case 'ste':
    case 'cd':
    case 'map':
    case 'table':
      return Object.keys(step.set ?? {}).some((key) => SHARED_FIELDS.has(key));
    case 'dma':
      return step.stream !== stream && step.write !== undefined;
    case 'command':
      return !isLegalCommand(step) || step.at !== undefined;
    case 'boot':
      return Object.keys(step).length > 1;
    case 'unmap':
    case 'events':
    case 'settle':
      return false;
    default:
      return true;
  }
}

/** Whether a step is the doing of the other streams: their structures, tables, accesses and invalidations. */
function isOthers(step: Step, stream: number, own: ReadonlySet<number>): boolean {
  switch (step.do) {
    case 'ste':
    case 'dma':
      return step.stream !== stream;
    case 'cd':
    case 'map':
    case 'table':
    case 'unmap':
      return step.cd !== undefined && !own.has(step.cd);
    case 'command': {
      const { StreamID, ASID } = step.set ?? {};
      if (step.name === 'CMD_CFGI_STE_RANGE' || step.name === 'CMD_CFGI_ALL') return false;
      if (StreamID !== undefined) return StreamID !== BigInt(stream);
      return ASID !== undefined && !own.has(Number(ASID) - 1);
    }
    default:
      return false;
  }
}

/** What the stream sees at a step: its DMA, and its records in the Event queue. */
function viewOf(
  step: Step,
  stream: number,
  program: Program,
  trace: Trace,
  actions: readonly number[] | undefined,
): string[] {
  if (step.do === 'dma') return dmaActions(program, actions).map((at) => dmaText(trace.observations[at]));
  if (step.do !== 'events') return [];
  return [recordsOf(stream, program, trace, actions ?? [])];
}

/** The stream's event records, oldest first. */
function recordsOf(stream: number, program: Program, trace: Trace, actions: readonly number[]): string {
  const prod = valueOf(trace.observations[actions[0] ?? -1]);
  const queue = actions.find((at) => {
    const action = program.actions[at];
    return action?.op === 'read-memory' && action.address === EVENTQ_BASE;
  });
  const outcome = trace.observations[queue ?? -1]?.outcome;
  const entries = 2 ** Math.min(BOOT_DEFAULTS.eventqLog2Size, (trace.idRegisters.IDR1 >>> 16) & 0x1f);
  if (prod === undefined || prod >= entries || outcome?.kind !== 'data') return UNKNOWN;
  const records: string[] = [];
  for (let at = 0; at < prod; at += 1) {
    const record = outcome.data.subarray(at * RECORD_BYTES, (at + 1) * RECORD_BYTES);
    if (record.length < RECORD_BYTES) break;
    const streamId = new DataView(record.buffer, record.byteOffset).getUint32(4, true);
    if (streamId === stream) records.push(bytesToHex(record));
  }
  return records.join(' ');
}

function valueOf(observation: Observation | undefined): number | undefined {
  return observation?.outcome.kind === 'value' ? Number(observation.outcome.value) : undefined;
}
