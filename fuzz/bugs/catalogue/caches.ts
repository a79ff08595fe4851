/** Seeded bugs of the TLB and the configuration cache: what is kept, under which tag, and what an invalidation drops (3.21, 4.3, 4.4). */
import { bug, edit } from '../bug.ts';

export const CONFIGURATION_CACHE_BUGS = [
  bug(
    'BUG-25',
    {
      title: 'CMD_CFGI_STE_RANGE does not align the StreamID',
      area: 'configuration cache',
      origin: 'BUG-25, QEMU',
      severity: 'isolation breach',
    },
    edit('config-cache', 'Math.floor(streamId / count) * count;', 'streamId;'),
  ),
  bug(
    'BUG-201',
    {
      title: 'CMD_CFGI_CD has no effect',
      area: 'configuration cache',
      origin: '4.3.3',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'this.#configCache.invalidateCd(get(words, STREAM_ID), get(words, SUBSTREAM_ID), flag(words, LEAF));',
      '',
    ),
  ),
  bug(
    'BUG-202',
    {
      title: 'CMD_CFGI_CD_ALL has no effect',
      area: 'configuration cache',
      origin: '4.3.4',
      severity: 'isolation breach',
    },
    edit('commands', 'this.#configCache.invalidateCds(get(words, STREAM_ID));', ''),
  ),
  bug(
    'BUG-203',
    {
      title: 'CMD_CFGI_STE has no effect',
      area: 'configuration cache',
      origin: '4.3.1',
      severity: 'isolation breach',
    },
    edit('commands', 'this.#configCache.invalidateSte(get(words, STREAM_ID), flag(words, LEAF));', ''),
  ),
  bug(
    'BUG-204',
    {
      title: 'CMD_CFGI_STE leaves the CD that was reached through the STE',
      area: 'configuration cache',
      origin: '4.3.1',
      severity: 'isolation breach',
    },
    edit(
      'config-cache',
      'if (entry !== undefined) entry.generation = -1;\n    if (leaf',
      'if (entry !== undefined) entry.generation = -1 - this.#generation;\n    if (leaf',
    ),
    edit(
      'config-cache',
      'entry.streamId = streamId;\n    entry.generation = this.#generation;\n    entry.ste = ste;\n    entry.epoch = -1;\n    entry.dropContexts();',
      'if (entry.streamId !== streamId || entry.generation !== -1 - this.#generation) entry.dropContexts();\n' +
        '    entry.streamId = streamId;\n    entry.generation = this.#generation;\n    entry.ste = ste;\n    entry.epoch = -1;',
    ),
  ),
  bug(
    'BUG-205',
    {
      title: 'CMD_CFGI_ALL invalidates one StreamID only',
      area: 'configuration cache',
      origin: '4.3.6',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'if (get(words, RANGE) === RANGE_ALL) this.#configCache.invalidateAll();',
      'if (get(words, RANGE) === RANGE_ALL) this.#configCache.invalidateSte(get(words, STREAM_ID), false);',
    ),
  ),
  bug(
    'BUG-206',
    {
      title: 'CMD_CFGI_STE_RANGE covers 2^Range StreamIDs',
      area: 'configuration cache',
      origin: '4.3.2',
      severity: 'isolation breach',
    },
    edit('commands', 'get(words, RANGE) + 1);', 'get(words, RANGE));'),
  ),
  bug(
    'BUG-207',
    {
      title: 'A CD is cached although its fetch aborted',
      area: 'configuration cache',
      origin: '3.21.3',
      severity: 'spurious fault',
    },
    edit(
      'translate',
      'else this.#reject(t, event);\n      return undefined;',
      'else this.#reject(t, event);\n      if (event !== events.F_CD_FETCH) return undefined;\n      const cd = decodeCd(new Uint32Array(STE_WORDS), this.#features, false);\n' +
        '      entry.insertContext(this.#cdIndex, { cd, epoch: -1, asidSpace: 0, globalSpace: 0, ipaSpace, stage2: ste.stage2 });\n' +
        '      return undefined;',
    ),
  ),
];

export const TLB_BUGS = [
  bug(
    'BUG-23',
    {
      title: 'A range invalidation of pages that are no power of two is cut to one',
      area: 'TLB',
      origin: 'BUG-23, QEMU',
      severity: 'isolation breach',
    },
    edit('commands', '(num + 1) * 2 ** scale', '2 ** Math.floor(Math.log2(num + 1)) * 2 ** scale'),
  ),
  bug(
    'BUG-90',
    {
      title: 'TLBI by VA with Leaf=0 leaves Table descriptors',
      area: 'TLB',
      origin: 'BUG-90, gem5',
      severity: 'isolation breach',
    },
    edit('commands', 'scope.leafOnly = flag(words, LEAF);', 'scope.leafOnly = true;'),
  ),
  bug(
    'BUG-92',
    {
      title: 'TLBI by VA does not reach level 3 entries',
      area: 'TLB',
      origin: 'BUG-92, gem5',
      severity: 'isolation breach',
    },
    edit(
      'tlb',
      'const held = this.#heldByAsid | this.#heldGlobal;\n    for (let kind = 0;',
      'const held = this.#heldByAsid | this.#heldGlobal;\n    for (let kind = 3;',
    ),
  ),
  bug(
    'BUG-94',
    {
      title: 'The tag drops the high address bits, so that the upper half hits the lower',
      area: 'TLB',
      origin: 'BUG-94, gem5',
      severity: 'isolation breach',
    },
    edit('tlb', 'KIND_SHIFT.map((shift) => 0x00ff_ffff &', 'KIND_SHIFT.map((shift) => 0x0000_ffff &'),
  ),
  bug(
    'BUG-210',
    { title: 'CMD_TLBI_NH_ASID has no effect', area: 'TLB', origin: '4.4.2', severity: 'isolation breach' },
    edit('commands', 'if (this.#inRange(words)) this.#tlb.invalidateAsid(this.#vmidOf(words), get(words, ASID));', ''),
  ),
  bug(
    'BUG-211',
    { title: 'CMD_TLBI_NSNH_ALL has no effect', area: 'TLB', origin: '4.4.4', severity: 'isolation breach' },
    edit(
      'commands',
      'case CMD_TLBI_NSNH_ALL:',
      'case CMD_TLBI_NSNH_ALL:\n        if (get(words, OPCODE) === CMD_TLBI_NSNH_ALL) return CERROR_NONE;',
    ),
  ),
  bug(
    'BUG-212',
    { title: 'CMD_TLBI_NH_VAA has no effect', area: 'TLB', origin: '4.4.2', severity: 'isolation breach' },
    edit('commands', 'if (this.#vmidInRange(words)) this.#tlb.invalidateVa(this.#scope, this.#vmidOf(words), -1);', ''),
  ),
  bug(
    'BUG-213',
    {
      title: 'CMD_TLBI_NH_VA leaves global entries',
      area: 'TLB',
      origin: '4.4.2',
      severity: 'isolation breach',
    },
    edit('tlb', '[asid, GLOBAL, GLOBAL | 1]', '[asid]'),
  ),
  bug(
    'BUG-214',
    {
      title: 'CMD_TLBI_NH_VAA leaves global entries',
      area: 'TLB',
      origin: '4.4.2',
      severity: 'isolation breach',
    },
    edit('tlb', 'return asid < 0 || owner === asid', 'return (asid < 0 && owner < GLOBAL) || owner === asid'),
    edit('tlb', '|| (owner & GLOBAL) !== 0;', '|| (asid >= 0 && (owner & GLOBAL) !== 0);'),
  ),
  bug(
    'BUG-215',
    { title: 'The ASID is left out of the tag', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('cd', 'asid: el2 ? 0 : get(words, ASID),', 'asid: 0,'),
    edit(
      'commands',
      'this.#tlb.invalidateAsid(this.#vmidOf(words), get(words, ASID));',
      'this.#tlb.invalidateAsid(this.#vmidOf(words), 0);',
    ),
    edit(
      'commands',
      'this.#vmidOf(words), get(words, ASID));\n        return CERROR_NONE;\n      case CMD_TLBI_NH_VAA:',
      'this.#vmidOf(words), 0);\n        return CERROR_NONE;\n      case CMD_TLBI_NH_VAA:',
    ),
  ),
  bug(
    'BUG-216',
    { title: 'ASID[15:8] is left out of the tag', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('cd', 'asid: el2 ? 0 : get(words, ASID),', 'asid: el2 ? 0 : get(words, ASID) & 0xff,'),
    edit(
      'commands',
      'this.#tlb.invalidateAsid(this.#vmidOf(words), get(words, ASID));',
      'this.#tlb.invalidateAsid(this.#vmidOf(words), get(words, ASID) & 0xff);',
    ),
    edit(
      'commands',
      'this.#vmidOf(words), get(words, ASID));\n        return CERROR_NONE;\n      case CMD_TLBI_NH_VAA:',
      'this.#vmidOf(words), get(words, ASID) & 0xff);\n        return CERROR_NONE;\n      case CMD_TLBI_NH_VAA:',
    ),
  ),
  bug(
    'BUG-217',
    {
      title: 'The walk cache has no ASID in its tag',
      area: 'TLB',
      origin: '3.17',
      severity: 'isolation breach',
    },
    edit('walk', 'granule.tableKind[cached]!, regime.asidSpace);', 'granule.tableKind[cached]!, regime.globalSpace);'),
    edit(
      'walk',
      'tlb.insertTable(high, low, granule.tableKind[above]!, regime.asidSpace,',
      'tlb.insertTable(high, low, granule.tableKind[above]!, regime.globalSpace,',
    ),
    edit(
      'tlb',
      'const held = this.#heldByAsid | this.#heldByIpa;',
      'const held = this.#heldByAsid | this.#heldByIpa | this.#heldGlobal;',
    ),
  ),
  bug(
    'BUG-218',
    { title: 'Every translation is taken as global', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('walk', 'this.#global = descriptor.global;', 'this.#global = true;'),
  ),
  bug(
    'BUG-219',
    {
      title: 'A descriptor that faulted by its Access flag is cached',
      area: 'TLB',
      origin: '3.21.1',
      severity: 'missing fault',
    },
    edit('walk', 'if (!descriptor.accessed && !cd.affd) return this.#stage1Fault(F_ACCESS);', ''),
    edit(
      'walk',
      'tlb.insertLeaf(high, low, this.kind, this.kind, space, this.outputBase, 0, this.permissions);\n    }',
      'tlb.insertLeaf(high, low, this.kind, this.kind, space, this.outputBase, 0, this.permissions);\n    }\n    if (!descriptor.accessed && !cd.affd) return this.#stage1Fault(F_ACCESS);',
    ),
  ),
  bug(
    'BUG-220',
    {
      title: 'An invalid descriptor is cached',
      area: 'TLB',
      origin: '3.21.1',
      severity: 'spurious fault',
    },
    edit(
      'walk',
      'if (kind === INVALID) return this.#stage1Fault(F_TRANSLATION);',
      'if (kind === INVALID) {\n        tlb.insertLeaf(high, low, 0, 0, regime.asidSpace, -1, 0, nested);\n        return this.#stage1Fault(F_TRANSLATION);\n      }',
    ),
    edit(
      'translate',
      'permissions = tlb.attributesOf(slot);',
      'permissions = tlb.attributesOf(slot);\n      if (tlb.addressOf(slot) < 0) return this.#fault1(t, cd, events.F_TRANSLATION);',
    ),
  ),
  bug(
    'BUG-221',
    {
      title: 'Permissions are not checked on a TLB hit',
      area: 'TLB',
      origin: '3.13',
      severity: 'isolation breach',
    },
    edit('translate', 'if (!permitted(permissions,', 'if (slot < 0 && !permitted(permissions,'),
  ),
  bug(
    'BUG-222',
    {
      title: 'The walk cache forgets the hierarchical restrictions',
      area: 'TLB',
      origin: '3.13',
      severity: 'isolation breach',
    },
    edit('walk', 'hierarchy = tlb.attributesOf(slot) & ~NESTED;', 'hierarchy = 0;'),
  ),
  bug(
    'BUG-223',
    { title: 'A range invalidation covers NUM pages', area: 'TLB', origin: '4.4.1.1', severity: 'isolation breach' },
    edit('commands', '(num + 1) * 2 ** scale', 'Math.max(1, num) * 2 ** scale'),
  ),
  bug(
    'BUG-224',
    { title: 'A range invalidation ignores SCALE', area: 'TLB', origin: '4.4.1.1', severity: 'isolation breach' },
    edit('commands', '(num + 1) * 2 ** scale', 'num + 1'),
  ),
  bug(
    'BUG-225',
    {
      title: 'Without TG, TTL still limits an invalidation to one level',
      area: 'TLB',
      origin: '4.4.1.1',
      severity: 'isolation breach',
    },
    edit('commands', 'scope.level = 0;\n', 'scope.level = get(words, TTL);\n'),
  ),
  bug(
    'BUG-226',
    {
      title: 'TLBI by VA compares the low half of the address only',
      area: 'TLB',
      origin: '4.4.2',
      severity: 'isolation breach',
    },
    edit('commands', 'scope.high = getAddressHigh(words, ADDRESS);', 'scope.high = 0;'),
  ),
  bug(
    'BUG-227',
    {
      title: 'TLBI by VA drops a block only when it is given its first page',
      area: 'TLB',
      origin: '4.4.2',
      severity: 'isolation breach',
    },
    edit('tlb', 'const firstUnit = Math.floor(first / pagesEach);', 'const firstUnit = Math.ceil(first / pagesEach);'),
  ),
];
