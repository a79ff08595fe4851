/** For tests of all rooms: the QEMU to test on, where there is one. */
import { findExecutable } from './qemu/process.ts';

const NAME = process.env['SMMU_CROSSCHECK_QEMU'] ?? 'qemu-system-aarch64';

/**
 * The path of the QEMU to test on; undefined when there is none, so that tests skip. `what` says which, for the reason printed.
 * @throws Error instead where CI=true: a run that is to count must not skip.
 */
export function qemuForTests(what: string): string | undefined {
  const path = findExecutable(NAME);
  if (path !== undefined) return path;
  const reason = `${NAME} is not on PATH; install Debian's qemu-system-arm, or name one in SMMU_CROSSCHECK_QEMU`;
  if (process.env['CI'] === 'true') throw new Error(`${what}: ${reason}`);
  console.warn(`skipped: ${what}: ${reason}`);
  return undefined;
}
