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
      'if (!registers.smmuEnabled) return this.#disabled(t);',
      'if (!registers.smmuEnabled) return this.#disabled(t);\n    if (t.addressHi >>> 0 >= 0x1_0000) return ABORT;',
    ),
  ),
  bug(
    'BUG-38',
    { title: 'No Access flag fault', area: 'walk', origin: 'BUG-38, QEMU', severity: 'missing fault' },
    edit('walk', 'if (extract(descriptorLow, AF) === 0 && !cd.affd) return F_ACCESS;', ''),
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
    edit('cd', 'const startLevel = 3 - Math.floor((inputBits - 13) / 9);', 'const startLevel = 0;'),
    edit(
      'cd',
      'const startIndexBits = inputBits - (12 + 9 * (3 - startLevel));',
      'const startIndexBits = Math.max(0, inputBits - (12 + 9 * (3 - startLevel)));',
    ),
  ),
  bug(
    'BUG-270',
    { title: 'CD.AFFD is ignored', area: 'walk', origin: '5.4', severity: 'spurious fault' },
    edit('walk', 'if (extract(descriptorLow, AF) === 0 && !cd.affd)', 'if (extract(descriptorLow, AF) === 0)'),
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
    edit('cd', 'disabled: flag(words, half.epd),', 'disabled: false,'),
  ),
  bug(
    'BUG-277',
    {
      title: 'A block translates as if it were a page',
      area: 'walk',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit('translate', 'base + (low & OFFSET_MASK[level]!)', 'base + (low & OFFSET_MASK[3]! & OFFSET_MASK[level]!)'),
  ),
  bug(
    'BUG-278',
    {
      title: 'The low bits of the output address of a block are not masked',
      area: 'walk',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit('walk', 'descriptorLow & ADDRESS_LOW & ~OFFSET_MASK[level]!', 'descriptorLow & ADDRESS_LOW'),
  ),
  bug(
    'BUG-279',
    {
      title: 'A TLB hit of a block translates as if it were a page',
      area: 'TLB',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit('translate', 'level = tlb.levelOf(slot);', 'level = Math.max(tlb.levelOf(slot), 3);'),
  ),
  bug(
    'BUG-280',
    { title: 'A block at level 0 is taken', area: 'walk', origin: 'D8.3', severity: 'missing fault' },
    edit('walk', 'if (isLeaf && (level === 0 || (level', 'if (isLeaf && ((level'),
    edit('tlb', 'readonly number[] = [0, 0x3fff_ffff', 'readonly number[] = [0x3fff_ffff, 0x3fff_ffff'),
  ),
  bug(
    'BUG-281',
    {
      title: 'The Reserved descriptor at level 3 is taken as a page',
      area: 'walk',
      origin: 'D8.3',
      severity: 'missing fault',
    },
    edit(
      'walk',
      'if (isLeaf && (level === 0 || (level === LEAF_L3) !== ((descriptorLow & TABLE_OR_PAGE) === TABLE_OR_PAGE))) {',
      'if (isLeaf && level === 0) {',
    ),
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
      'if ((descriptorHigh & ADDRESS_HIGH) >= cd.ipsHighLimit)',
      'if (isLeaf && (descriptorHigh & ADDRESS_HIGH) >= cd.ipsHighLimit)',
    ),
  ),
  bug(
    'BUG-285',
    {
      title: 'The Access flag is checked before the address size',
      area: 'walk',
      origin: '3.13',
      severity: 'wrong event',
      rare: 'Takes a leaf with its Access flag clear and its output address above IPS.',
    },
    edit(
      'walk',
      'if ((descriptorHigh & ADDRESS_HIGH) >= cd.ipsHighLimit)',
      'if (isLeaf && extract(descriptorLow, AF) === 0 && !cd.affd) return F_ACCESS;\n      if ((descriptorHigh & ADDRESS_HIGH) >= cd.ipsHighLimit)',
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
    edit('cd', 'startIndexBits + 3,\n    ),', '12,\n    ),'),
  ),
  bug(
    'BUG-287',
    {
      title: 'Tables are never read as big-endian beyond their low word',
      area: 'walk',
      origin: '5.4',
      severity: 'wrong translation',
      rare: 'Takes big-endian tables with attributes in the high word of a descriptor.',
    },
    edit('walk', 'descriptorHigh = swapBytes(this.#descriptor[0]!);', 'descriptorHigh = this.#descriptor[0]!;'),
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
    edit('cd', 'features.had && flag(words, half.had)', 'features.s2p && flag(words, half.had)'),
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
    edit('walk', 'hierarchy |= hierarchyOf(descriptorHigh);', 'hierarchy = hierarchyOf(descriptorHigh);'),
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
