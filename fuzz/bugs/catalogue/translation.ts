/** Seeded bugs of the stage 1 translation: input range, walk, output address, permissions (3.4, 3.13, 13.4; D8 of the A-profile architecture). */
import { bug, edit } from '../bug.ts';

export const WALK_BUGS = [
  bug(
    'BUG-33',
    {
      title: 'Input addresses of 2^48 and above are refused, without an event',
      area: 'walk',
      origin: 'BUG-33, QEMU',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'if (!this.#registers.smmuEnabled) return this.#disabled(t);',
      'if (!this.#registers.smmuEnabled) return this.#disabled(t);\n    if (t.addressHi >>> 0 >= 0x1_0000) return ABORT;',
    ),
  ),
  bug(
    'BUG-38',
    { title: 'No Access flag fault', area: 'walk', origin: 'BUG-38, QEMU', severity: 'missing fault' },
    edit('walk', 'if (!descriptor.accessed && !cd.affd) return this.#stage1Fault(F_ACCESS);', ''),
  ),
  bug(
    'BUG-68',
    {
      title: 'The highest page of the lower half is refused',
      area: 'walk',
      origin: 'BUG-68, openvmm',
      severity: 'spurious fault',
    },
    edit(
      'translate',
      'if ((high & VA_55) === 0) return',
      'if ((high & VA_55) === 0 && ((high | maskHigh) & (low | maskLow | 0xfff)) === -1) return false;\n  if ((high & VA_55) === 0) return',
    ),
  ),
  bug(
    'BUG-86',
    { title: 'The walk always starts at level 0', area: 'walk', origin: 'BUG-86, gem5', severity: 'wrong translation' },
    edit('cd', 'const startLevel = Math.min(', 'const startLevel = 0 * Math.min('),
    edit(
      'cd',
      'const startIndexBits = inputBits - granule.shift[startLevel]!;',
      'const startIndexBits = Math.max(0, inputBits - granule.shift[startLevel]!);',
    ),
  ),
  bug(
    'BUG-270',
    { title: 'CD.AFFD is ignored', area: 'walk', origin: '5.4', severity: 'spurious fault' },
    edit('walk', 'if (!descriptor.accessed && !cd.affd)', 'if (!descriptor.accessed)'),
  ),
  bug(
    'BUG-271',
    {
      title: 'Addresses between the two halves reach the upper one',
      area: 'walk',
      origin: '3.4.1',
      severity: 'missing fault',
    },
    edit('translate', 'return (~high & maskHigh) === 0 && (~low & maskLow) === 0;', 'return true;'),
  ),
  bug(
    'BUG-272',
    {
      title: 'Addresses between the two halves reach the lower one',
      area: 'walk',
      origin: '3.4.1',
      severity: 'missing fault',
    },
    edit('translate', 'return (high & maskHigh) === 0 && (low & maskLow) === 0;', 'return true;'),
  ),
  bug(
    'BUG-273',
    { title: 'The upper half is as large as T0SZ says', area: 'walk', origin: '3.4.1', severity: 'wrong translation' },
    edit('cd', 'txsz: bits(21, 16),', 'txsz: bits(5, 0),'),
  ),
  bug(
    'BUG-274',
    { title: 'Top Byte Ignore is always on', area: 'walk', origin: '3.4.1', severity: 'missing fault' },
    edit('cd', 'flag(words, half.tbi) ? 0x00ff_ffff : 0xffff_ffff', '0x00ff_ffff'),
  ),
  bug(
    'BUG-275',
    {
      title: 'With Top Byte Ignore the half is chosen by bit 63',
      area: 'walk',
      origin: '3.4.1',
      severity: 'wrong translation',
    },
    edit('translate', 'const VA_55 = 1 << 23;', 'const VA_55 = 1 << 31;'),
  ),
  bug(
    'BUG-276',
    { title: 'CD.EPDx is ignored', area: 'walk', origin: '5.4', severity: 'missing fault' },
    edit('cd', 'disabled: !walked,', 'disabled: false,'),
  ),
  bug(
    'BUG-277',
    {
      title: 'A block translates as if it were a page',
      area: 'walk',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit('translate', 'const offset = low & OFFSET_MASK[', 'const offset = low & 0xfff & OFFSET_MASK['),
  ),
  bug(
    'BUG-278',
    {
      title: 'The low bits of the output address of a block are not masked',
      area: 'walk',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit(
      'walk',
      'this.outputBase = descriptor.address(granule.shift[level]!);',
      'this.outputBase = descriptor.address(granule.bits);',
    ),
  ),
  bug(
    'BUG-279',
    {
      title: 'A TLB hit of a block translates as if it were a page',
      area: 'TLB',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit('translate', 'OFFSET_MASK[hit ? tlb.kindOf(slot) : walker.kind]!', 'OFFSET_MASK[hit ? 0 : walker.kind]!'),
  ),
  bug(
    'BUG-280',
    { title: 'A block at level 0 is taken', area: 'walk', origin: 'D8.3', severity: 'missing fault' },
    edit('granule', 'granule(1, 12, 1)', 'granule(1, 12, 0)'),
    edit('walk', 'this.kind = granule.leafKind[level]!;', 'this.kind = granule.leafKind[Math.max(1, level)]!;'),
  ),
  bug(
    'BUG-281',
    {
      title: 'The Reserved descriptor at level 3 is taken as a page',
      area: 'walk',
      origin: 'D8.3',
      severity: 'missing fault',
    },
    edit('descriptor', 'if (level === 3) return tableOrPage ? LEAF : INVALID;', 'if (level === 3) return LEAF;'),
  ),
  bug(
    'BUG-282',
    {
      title: 'Output addresses are checked against OAS, not IPS',
      area: 'walk',
      origin: '3.4',
      severity: 'missing fault',
    },
    edit('cd', 'Math.min(ADDRESS_SIZES[get(words, IPS)]!, features.oas)', 'features.oas'),
  ),
  bug(
    'BUG-283',
    { title: 'IPS above OAS counts as it is', area: 'walk', origin: '3.4', severity: 'missing fault' },
    edit('cd', 'Math.min(ADDRESS_SIZES[get(words, IPS)]!, features.oas)', 'ADDRESS_SIZES[get(words, IPS)]!'),
  ),
  bug(
    'BUG-284',
    {
      title: 'The address of a Table descriptor is not checked against IPS',
      area: 'walk',
      origin: '3.4',
      severity: 'wrong event',
    },
    edit(
      'walk',
      'if (descriptor.addressHigh >= cd.ipsHighLimit)',
      'if (kind === LEAF && descriptor.addressHigh >= cd.ipsHighLimit)',
    ),
  ),
  bug(
    'BUG-285',
    {
      title: 'The Access flag is checked before the address size',
      area: 'walk',
      origin: '3.13',
      severity: 'wrong event',
    },
    edit(
      'walk',
      'if (descriptor.addressHigh >= cd.ipsHighLimit)',
      'if (kind === LEAF && !descriptor.accessed && !cd.affd) return this.#stage1Fault(F_ACCESS);\n      if (descriptor.addressHigh >= cd.ipsHighLimit)',
    ),
  ),
  bug(
    'BUG-286',
    {
      title: 'The first table is always aligned to a page',
      area: 'walk',
      origin: '5.4',
      severity: 'wrong translation',
    },
    edit('cd', 'alignDown(ttb, startIndexBits + 3)', 'alignDown(ttb, 12)'),
  ),
  bug(
    'BUG-287',
    {
      title: 'Tables are never read as big-endian beyond their low word',
      area: 'walk',
      origin: '5.4',
      severity: 'wrong translation',
    },
    edit(
      'descriptor',
      'bigEndian ? swapBytes(this.#words[0]!) : this.#words[1]!',
      'bigEndian ? this.#words[0]! : this.#words[1]!',
    ),
  ),
  bug(
    'BUG-288',
    {
      title: 'With the SMMU disabled an address above OAS passes',
      area: 'walk',
      origin: '3.4',
      severity: 'missing fault',
    },
    edit(
      'translate',
      'if (t.addressHi >>> 0 >= this.#oasHighLimit) return ABORT;',
      'if (t.addressHi >>> 0 >= this.#oasHighLimit) return RAZ_WI;',
    ),
  ),
];

export const PERMISSION_BUGS = [
  bug(
    'BUG-300',
    { title: 'CD.WXN is ignored', area: 'permissions', origin: '5.4', severity: 'missing fault' },
    edit('cd', 'wxn: flag(words, WXN),', 'wxn: false,'),
  ),
  bug(
    'BUG-301',
    { title: 'CD.PAN is ignored', area: 'permissions', origin: '5.4', severity: 'missing fault' },
    edit('cd', 'pan: flag(words, PAN),', 'pan: false,'),
  ),
  bug(
    'BUG-302',
    { title: 'APTable is ignored', area: 'permissions', origin: 'D8.4', severity: 'isolation breach' },
    edit('permissions', 'return extract(high, TABLE_HIERARCHY);', 'return extract(high, TABLE_HIERARCHY) & 0b0011;'),
  ),
  bug(
    'BUG-303',
    { title: 'UXNTable and PXNTable are ignored', area: 'permissions', origin: 'D8.4', severity: 'missing fault' },
    edit('permissions', 'return extract(high, TABLE_HIERARCHY);', 'return extract(high, TABLE_HIERARCHY) & 0b1100;'),
  ),
  bug(
    'BUG-304',
    { title: 'CD.HADx is ignored', area: 'permissions', origin: '5.4', severity: 'spurious fault' },
    edit('cd', 'features.had && flag(words, half.had)', 'features.msi && flag(words, half.had)'),
  ),
  bug(
    'BUG-305',
    { title: 'UXN and PXN are swapped', area: 'permissions', origin: 'D8.4', severity: 'isolation breach' },
    edit('permissions', 'const LEAF_PXN = bits(53 - 32);', 'const LEAF_PXN = bits(54 - 32);'),
    edit('permissions', 'const LEAF_UXN = bits(54 - 32);', 'const LEAF_UXN = bits(53 - 32);'),
  ),
  bug(
    'BUG-306',
    {
      title: 'The Table descriptor closest to the leaf alone restricts',
      area: 'permissions',
      origin: 'D8.4',
      severity: 'isolation breach',
    },
    edit('walk', 'hierarchy |= hierarchyOf(descriptor.high);', 'hierarchy = hierarchyOf(descriptor.high);'),
  ),
  bug(
    'BUG-307',
    {
      title: 'An unprivileged access reaches privileged pages',
      area: 'permissions',
      origin: 'D8.4',
      severity: 'isolation breach',
    },
    edit('permissions', '!(pan && unprivilegedAccess) : unprivilegedAccess;', '!(pan && unprivilegedAccess) : true;'),
  ),
  bug(
    'BUG-308',
    { title: 'AP[2] does not stop writes', area: 'permissions', origin: 'D8.4', severity: 'isolation breach' },
    edit('permissions', 'if (write && !writable) return false;', ''),
  ),
  bug(
    'BUG-309',
    {
      title: 'What is writable unprivileged is executed privileged',
      area: 'permissions',
      origin: 'D8.4',
      severity: 'missing fault',
    },
    edit('permissions', '!(writable && (unprivilegedAccess || wxn))', '!(writable && wxn)'),
  ),
  bug(
    'BUG-310',
    { title: 'Execution needs read permission', area: 'permissions', origin: 'D8.4', severity: 'spurious fault' },
    edit(
      'permissions',
      'if (instruction) {',
      'if (instruction) {\n    if (!privileged && !unprivilegedAccess) return false;',
    ),
  ),
];
