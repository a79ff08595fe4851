/**
 * A fingerprint of traces: two runs with the same one saw the same, byte for byte. Fingerprints add up in any order, so that
 * ranges of scenarios can be run apart.
 */
import { createHash } from 'node:crypto';
import type { Observation, Trace } from '../scenario/trace.ts';

const MODULUS = 1n << 256n;

/** The fingerprint of no trace: 64 hexadecimal digits. */
export const NO_DIGEST = '0'.repeat(64);

/** SHA-256 of everything observed, with the scenario's index so that equal traces of two scenarios do not cancel out. */
export function traceDigest(index: number, trace: Trace): string {
  const hash = createHash('sha256').update(`${index} ${trace.died ?? ''}\n`);
  for (const observation of trace.observations) hash.update(line(observation));
  return hash.digest('hex');
}

/** The fingerprint of both: the sum modulo 2^256. */
export function addDigests(one: string, two: string): string {
  return ((BigInt(`0x${one}`) + BigInt(`0x${two}`)) % MODULUS).toString(16).padStart(64, '0');
}

function line({ outcome, interrupts, outputAddress }: Observation): string {
  const value = outcome.kind === 'value' ? outcome.value.toString(16) : '';
  const data =
    outcome.kind === 'data' || outcome.kind === 'unclear' ? Buffer.from(outcome.data ?? []).toString('hex') : '';
  return `${outcome.kind} ${value} ${data} ${interrupts.join()} ${outputAddress?.toString(16) ?? ''}\n`;
}
