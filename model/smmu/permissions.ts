/**
 * Stage 1 permissions of the EL1 world (13.4.1; D8.4): direct permissions of a leaf, hierarchical restrictions, WXN, PAN.
 * Held as four bits, so that a TLB entry can carry them and each access is judged anew.
 */
import { bits, extract } from './layout.ts';

/** AP[1]: unprivileged access too. AP[2]: read-only. */
const UNPRIVILEGED = 1 << 0;
const READ_ONLY = 1 << 1;
const UXN = 1 << 2;
const PXN = 1 << 3;

// Leaf descriptor: AP[2:1] at [7:6] of its low word, PXN and UXN at [54:53], so [22:21] of its high word.
const LEAF_AP1 = bits(6);
const LEAF_AP2 = bits(7);
const LEAF_PXN = bits(53 - 32);
const LEAF_UXN = bits(54 - 32);
// Table descriptor: APTable at [62:61], UXNTable at 60, PXNTable at 59.
const TABLE_HIERARCHY = bits(62 - 32, 59 - 32);

// The same four bits, as accumulated over the levels of a walk.
const PXN_TABLE = 1 << 0;
const UXN_TABLE = 1 << 1;
const AP_TABLE_NO_UNPRIVILEGED = 1 << 2;
const AP_TABLE_READ_ONLY = 1 << 3;

/** The hierarchical restrictions of a Table descriptor, from its high word. Those of a walk are ORed together. */
export function hierarchyOf(high: number): number {
  return extract(high, TABLE_HIERARCHY);
}

/** Permissions of a leaf under the restrictions `hierarchy` (0 with HADx). */
export function permissionsOf(low: number, high: number, hierarchy: number): number {
  const unprivileged = extract(low, LEAF_AP1) !== 0 && (hierarchy & AP_TABLE_NO_UNPRIVILEGED) === 0;
  const readOnly = extract(low, LEAF_AP2) !== 0 || (hierarchy & AP_TABLE_READ_ONLY) !== 0;
  const uxn = extract(high, LEAF_UXN) !== 0 || (hierarchy & UXN_TABLE) !== 0;
  const pxn = extract(high, LEAF_PXN) !== 0 || (hierarchy & PXN_TABLE) !== 0;
  return (unprivileged ? UNPRIVILEGED : 0) | (readOnly ? READ_ONLY : 0) | (uxn ? UXN : 0) | (pxn ? PXN : 0);
}

/** Whether an access is permitted. A write is never an instruction access. */
export function permitted(
  permissions: number,
  privileged: boolean,
  instruction: boolean,
  write: boolean,
  wxn: boolean,
  pan: boolean,
): boolean {
  const unprivilegedAccess = (permissions & UNPRIVILEGED) !== 0;
  const writable = (permissions & READ_ONLY) === 0;
  if (instruction) {
    // Execution does not need read permission. What is writable unprivileged is never executed privileged; what is
    // writable at a privilege is not executed at it under WXN.
    if (privileged) return (permissions & PXN) === 0 && !(writable && (unprivilegedAccess || wxn));
    return (permissions & UXN) === 0 && !(writable && unprivilegedAccess && wxn);
  }
  if (write && !writable) return false;
  return privileged ? !(pan && unprivilegedAccess) : unprivilegedAccess;
}
