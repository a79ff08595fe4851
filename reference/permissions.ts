/**
 * Stage 1 permissions of VMSAv8-64 in a translation regime with two privilege levels (13.4.1, DDI 0487 D8.4).
 */
import { field, flag } from './bits.ts';
import type { Features } from './features.ts';
import type { RuleId } from './rules/ids.ts';
import type { Root } from './regime.ts';
import type { TableLimits } from './walk-results.ts';

export interface Access {
  readonly write: boolean;
  readonly privileged: boolean;
  /** An instruction read; never with `write`. */
  readonly instruction: boolean;
}

/** What permissions depend on: the leaf, the tables above it, and the CD. */
export interface Permissions {
  readonly descriptor: bigint;
  readonly limits: TableLimits;
  readonly root: Root;
}

export interface PermissionResult {
  readonly allowed: boolean;
  readonly rules: readonly RuleId[];
}

/** What the leaf and the tables above it permit: for each privilege, read, write and execute before WXN and PAN. */
function base(leaf: Permissions): { unprivileged: boolean; writable: boolean; uxn: boolean; pxn: boolean } {
  const ap = field(leaf.descriptor, 7, 6);
  return {
    unprivileged: (ap & 1n) === 1n && !leaf.limits.noUnprivileged,
    writable: (ap & 2n) === 0n && !leaf.limits.noWrite,
    uxn: flag(leaf.descriptor, 54) || leaf.limits.uxn,
    pxn: flag(leaf.descriptor, 53) || leaf.limits.pxn,
  };
}

/** Whether stage 1 lets an access through a leaf. */
export function checkPermission(leaf: Permissions, access: Access, f: Features): PermissionResult {
  const result = access.instruction ? checkFetch(leaf, access) : checkData(leaf, access, f);
  if (result.allowed) return result;
  const rules: RuleId[] = [...result.rules, 'EVT-153'];
  if (flag(leaf.descriptor, 51) && flag(leaf.descriptor, 7) && access.write) rules.push('PERM-087');
  if (leaf.limits.apTables > 1 && !access.instruction) rules.push('PERM-048');
  return { allowed: false, rules };
}

function checkData(leaf: Permissions, access: Access, f: Features): PermissionResult {
  const { unprivileged, writable, uxn, pxn } = base(leaf);
  const { cd } = leaf.root;
  const rules: RuleId[] = [];
  const apLow = flag(leaf.descriptor, 6);
  const apHigh = flag(leaf.descriptor, 7);
  if (uxn && pxn) rules.push('PERM-016');
  if (access.write && !writable) {
    return {
      allowed: false,
      rules: apHigh ? ['PERM-006'] : ['PERM-045', ...(leaf.limits.noUnprivileged ? (['PERM-047'] as const) : [])],
    };
  }
  if (!access.privileged && !unprivileged)
    return { allowed: false, rules: refusedUnprivileged(leaf, access, apLow, apHigh, uxn) };
  if (leaf.limits.noWrite && !access.write) rules.push('PERM-046');
  if (access.privileged && cd.pan) {
    const enhanced = f.epan && cd.epan && !uxn;
    if (unprivileged || enhanced) return { allowed: false, rules: [leaf.limits.disabled ? 'PERM-030' : 'PERM-025'] };
    rules.push('PERM-026');
    if (apLow) rules.push('PERM-029');
  }
  if (!access.privileged && cd.pan) rules.push('PERM-027');
  rules.push(allowedData(apLow, apHigh));
  return { allowed: true, rules };
}

function refusedUnprivileged(
  leaf: Permissions,
  access: Access,
  apLow: boolean,
  apHigh: boolean,
  uxn: boolean,
): RuleId[] {
  const rules: RuleId[] = [];
  if (apLow) {
    rules.push('PERM-044');
    if (leaf.limits.noWrite) rules.push('PERM-047');
  } else rules.push(apHigh ? 'PERM-004' : 'PERM-001');
  if (!apLow && !uxn && !access.write) rules.push('PERM-015');
  return rules;
}

function allowedData(apLow: boolean, apHigh: boolean): RuleId {
  if (!apHigh) return apLow ? 'PERM-003' : 'PERM-002';
  return apLow ? 'PERM-007' : 'PERM-005';
}

function checkFetch(leaf: Permissions, access: Access): PermissionResult {
  const { unprivileged, writable, uxn, pxn } = base(leaf);
  const { cd } = leaf.root;
  const ownUxn = flag(leaf.descriptor, 54);
  const ownPxn = flag(leaf.descriptor, 53);
  const apLow = flag(leaf.descriptor, 6);
  const apHigh = flag(leaf.descriptor, 7);
  const rules: RuleId[] = [];
  if (access.privileged) {
    if (pxn) return { allowed: false, rules: [ownPxn ? 'PERM-009' : 'PERM-051'] };
    // A page that unprivileged software can write is never executable by privileged software.
    if (unprivileged && writable) return { allowed: false, rules: ['PERM-012'] };
    if (cd.wxn && writable) return { allowed: false, rules: ['PERM-017'] };
    if (apLow && !apHigh) rules.push('PERM-013');
    if (uxn) rules.push(leaf.limits.uxn && !ownUxn ? 'PERM-108' : 'PERM-010');
    if (cd.pan && apLow) rules.push('PERM-028');
  } else {
    if (uxn) return { allowed: false, rules: [ownUxn ? 'PERM-008' : 'PERM-050'] };
    if (cd.wxn && unprivileged && writable) return { allowed: false, rules: ['PERM-018'] };
    if (cd.wxn && writable) rules.push('PERM-019');
    if (pxn) rules.push(leaf.limits.pxn && !ownPxn ? 'PERM-108' : 'PERM-011');
    if (!unprivileged && !apLow) rules.push('PERM-014');
  }
  if (cd.wxn && !writable) rules.push(apHigh ? 'PERM-020' : 'PERM-021');
  return { allowed: true, rules };
}
