/** Whether what a user's module made has the shape of a subject, of a trace. Answers: what is wrong with it first, or undefined. */
import type { Action, Program } from '../scenario/steps.ts';

type Fields = Readonly<Record<string, unknown>>;

const ID_REGISTERS = ['IDR0', 'IDR1', 'IDR2', 'IDR3', 'IDR4', 'IDR5', 'IIDR', 'AIDR'];
const INTERRUPTS: readonly unknown[] = ['EVTQ', 'CMD_SYNC', 'GERROR', 'PRIQ'];
const ACCESS_BYTES: readonly unknown[] = [1, 2, 4, 8];

/** Against `Subject` of subject.ts. */
export function checkSubject(made: unknown): string | undefined {
  if (!isObject(made)) return 'it is not an object';
  if (typeof made['version'] !== 'string') return 'version is not a string';
  for (const method of ['run', 'close']) if (typeof made[method] !== 'function') return `${method} is not a function`;
  const ids = made['idRegisters'];
  if (!isObject(ids)) return 'idRegisters is not an object';
  for (const name of ID_REGISTERS) {
    const value = ids[name];
    if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 0xffff_ffff) {
      return `idRegisters.${name} is not an unsigned 32-bit number`;
    }
  }
  return checkCapabilities(made['capabilities']);
}

function checkCapabilities(can: unknown): string | undefined {
  if (!isObject(can)) return 'capabilities is not an object';
  for (const flag of ['substreams', 'attributes', 'memoryAborts']) {
    if (typeof can[flag] !== 'boolean') return `capabilities.${flag} is not true or false`;
  }
  const { streams, dmaBytesMax, dmaAddressBits, registerAccessBytes, reset } = can;
  if (reset !== undefined && typeof reset !== 'boolean')
    return 'capabilities.reset is neither undefined nor true or false';
  if (streams !== undefined && !(Array.isArray(streams) && streams.length > 0 && streams.every(isStreamId))) {
    return 'capabilities.streams is neither undefined nor a list of StreamIDs';
  }
  if (!Number.isInteger(dmaBytesMax) || Number(dmaBytesMax) < 1) return 'capabilities.dmaBytesMax is not 1 or more';
  if (dmaAddressBits !== undefined && !(Number.isInteger(dmaAddressBits) && Number(dmaAddressBits) <= 64)) {
    return 'capabilities.dmaAddressBits is neither undefined nor 64 or less';
  }
  if (!Array.isArray(registerAccessBytes) || !registerAccessBytes.every((bytes) => ACCESS_BYTES.includes(bytes))) {
    return 'capabilities.registerAccessBytes is not a list of 1, 2, 4, 8';
  }
  return undefined;
}

/** Against `Trace` of scenario/trace.ts, as the answer to `program`. */
export function checkTrace(made: unknown, program: Program): string | undefined {
  if (!isObject(made)) return 'it is not an object';
  const { observations, died } = made;
  if (died !== undefined && typeof died !== 'string') return 'died is not a string';
  if (!Array.isArray(observations)) return 'observations is not a list';
  const expected = program.actions.length;
  if (observations.length > expected) return `${observations.length} observations for ${expected} actions`;
  if (observations.length < expected && died === undefined) {
    return `${observations.length} observations for ${expected} actions, and no died`;
  }
  for (const [index, observation] of (observations as readonly unknown[]).entries()) {
    const action = program.actions[index];
    const wrong = action === undefined ? undefined : checkObservation(observation, action);
    if (wrong !== undefined) return `observations[${index}], of a ${action?.op}: ${wrong}`;
  }
  return undefined;
}

function checkObservation(observation: unknown, action: Action): string | undefined {
  if (!isObject(observation)) return 'it is not an object';
  const { outcome, interrupts, outputAddress } = observation;
  if (!Array.isArray(interrupts) || !interrupts.every((name) => INTERRUPTS.includes(name))) {
    return `interrupts is not a list of ${INTERRUPTS.join(', ')}`;
  }
  if (outputAddress !== undefined && typeof outputAddress !== 'bigint') return 'outputAddress is not a bigint';
  if (!isObject(outcome)) return 'outcome is not an object';
  const kinds = outcomeKinds(action);
  if (!kinds.includes(outcome['kind'])) return `outcome.kind is ${String(outcome['kind'])}, not ${kinds.join(' or ')}`;
  return checkOutcome(outcome, action);
}

/** The kinds of outcome that an action can have. */
function outcomeKinds(action: Action): readonly unknown[] {
  switch (action.op) {
    case 'write-register':
    case 'write-memory':
      return ['done', 'abort'];
    case 'reset':
    case 'settle':
      return ['done'];
    case 'read-register':
      return ['value', 'abort'];
    case 'read-memory':
      return ['data', 'abort'];
    case 'dma-read':
      return ['data', 'abort', 'unclear'];
    case 'dma-write':
      return ['done', 'abort', 'unclear'];
  }
}

function checkOutcome(outcome: Fields, action: Action): string | undefined {
  const { kind, value, data } = outcome;
  if (kind === 'value' && action.op === 'read-register') {
    const fits = typeof value === 'bigint' && value >= 0n && value >> BigInt(8 * action.bytes) === 0n;
    return fits ? undefined : `outcome.value is not a bigint of ${action.bytes} bytes`;
  }
  const carriesData = kind === 'data' || (kind === 'unclear' && data !== undefined);
  if (!carriesData) return undefined;
  if (action.op !== 'dma-read' && action.op !== 'read-memory') return 'outcome.data where nothing was read';
  if (!(data instanceof Uint8Array)) return 'outcome.data is not a Uint8Array';
  return data.length === action.bytes ? undefined : `outcome.data has ${data.length} bytes, not ${action.bytes}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isStreamId(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff;
}
