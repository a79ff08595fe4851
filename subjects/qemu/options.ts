/** What may follow the path in `qemu:PATH,key=value...`. */
import { UsageError } from '../errors.ts';

export interface QemuOptions {
  /** The device that makes DMA. */
  readonly device: 'edu';
  /** What makes virtual time pass: `icount` needs nothing that a stock package lacks. */
  readonly clock: 'icount';
  /** The board, for a QEMU that has more than one version of it (`virt-9.1`). */
  readonly machine: string;
  /** How long one batch may stay unanswered before QEMU counts as hung, in milliseconds. */
  readonly timeoutMs: number;
}

const DEFAULTS: QemuOptions = { device: 'edu', clock: 'icount', machine: 'virt', timeoutMs: 10_000 };

/** @throws UsageError naming the option that is unknown or has a value it cannot have. */
export function parseQemuOptions(options: Readonly<Record<string, string>>): QemuOptions {
  let parsed = DEFAULTS;
  for (const [key, value] of Object.entries(options)) {
    switch (key) {
      case 'device':
        if (value !== 'edu') throw bad(key, value, 'edu');
        break;
      case 'clock':
        if (value !== 'icount') throw bad(key, value, 'icount');
        break;
      case 'machine':
        if (!/^virt(-\d+\.\d+)?$/.test(value)) throw bad(key, value, 'virt, or virt-MAJOR.MINOR such as virt-9.1');
        parsed = { ...parsed, machine: value };
        break;
      case 'timeout':
        if (!/^[1-9]\d{0,6}$/.test(value)) throw bad(key, value, 'milliseconds, 1 or more');
        parsed = { ...parsed, timeoutMs: Number(value) };
        break;
      default:
        throw new UsageError(`unknown QEMU option '${key}'; there are: device, clock, machine, timeout`);
    }
  }
  return parsed;
}

function bad(key: string, value: string, expected: string): UsageError {
  return new UsageError(`QEMU option ${key}=${value}: expected ${expected}`);
}
