/**
 * Permissions (13.4.1, 13.4.3; D8.4). Stage 1, with two privilege levels or at NS-EL2 with one: direct permissions of a leaf, hierarchical restrictions, WXN, PAN. Stage 2:
 * S2AP, XN, and whether the memory is Device. Held as bits, so that a TLB entry can carry those of both and each access is judged anew.
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

/**
 * Of a leaf at NS-EL2, where every access is to be judged as privileged: AP[1] and APTable[0] count for nothing, there is one XN, in the
 * place of UXN, and nothing is unprivileged, so that PAN and the implicit PXN do not arise.
 */
export function permissionsAtEl2(low: number, high: number, hierarchy: number): number {
  const readOnly = extract(low, LEAF_AP2) !== 0 || (hierarchy & AP_TABLE_READ_ONLY) !== 0;
  const xn = extract(high, LEAF_UXN) !== 0 || (hierarchy & UXN_TABLE) !== 0;
  return (readOnly ? READ_ONLY : 0) | (xn ? PXN : 0);
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

/** Stage 2, beside those of stage 1. S2AP: readable, writable. */
const S2_READ = 1 << 4;
const S2_WRITE = 1 << 5;
const S2_UXN = 1 << 6;
const S2_PXN = 1 << 7;
const S2_DEVICE = 1 << 8;
/** The entry went through both stages; of a Table descriptor: its address is an IPA. */
export const NESTED = 1 << 9;

// Stage 2 leaf descriptor: MemAttr at [5:2], S2AP at [7:6], XN[1:0] at [54:53].
const S2_MEM_ATTR = bits(5, 2);
const S2_AP = bits(7, 6);
const S2_XN = bits(54 - 32, 53 - 32);

/** Permissions of a stage 2 leaf. Without XNX bit 53 is not looked at; with FWB MemAttr[2] alone tells Device memory (D8.6.6). */
export function stage2PermissionsOf(low: number, high: number, xnx: boolean, fwb: boolean): number {
  const ap = extract(low, S2_AP);
  const xn = extract(high, S2_XN);
  const memAttr = extract(low, S2_MEM_ATTR);
  const uxn = xnx ? xn === 0b10 || xn === 0b11 : xn >= 0b10;
  const pxn = xnx ? xn === 0b01 || xn === 0b10 : xn >= 0b10;
  const device = fwb ? (memAttr & 0b0100) === 0 : (memAttr & 0b1100) === 0;
  return (
    ((ap & 0b01) !== 0 ? S2_READ : 0) |
    ((ap & 0b10) !== 0 ? S2_WRITE : 0) |
    (uxn ? S2_UXN : 0) |
    (pxn ? S2_PXN : 0) |
    (device ? S2_DEVICE : 0)
  );
}

/** Whether stage 2 permits an access of the device. Execution does not need read permission. */
export function permittedAtStage2(
  permissions: number,
  privileged: boolean,
  instruction: boolean,
  write: boolean,
): boolean {
  if (instruction) return (permissions & (privileged ? S2_PXN : S2_UXN)) === 0;
  return (permissions & (write ? S2_WRITE : S2_READ)) !== 0;
}

/** Whether stage 2 permits a read of a CD or of a stage 1 descriptor; with S2PTW these must not be in Device memory (5.2). */
export function walkPermittedAtStage2(permissions: number, s2ptw: boolean): boolean {
  return (permissions & S2_READ) !== 0 && !(s2ptw && (permissions & S2_DEVICE) !== 0);
}
