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
    edit('commands', 'if (get(words, SUBSTREAM_ID) === 0) this.#configCache.invalidateCd(get(words, STREAM_ID));', ''),
  ),
  bug(
    'BUG-202',
    {
      title: 'CMD_CFGI_CD_ALL has no effect',
      area: 'configuration cache',
      origin: '4.3.4',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'this.#configCache.invalidateCd(get(words, STREAM_ID));\n        return CERROR_NONE;\n      case CMD_TLBI_NH_ALL:',
      'return CERROR_NONE;\n      case CMD_TLBI_NH_ALL:',
    ),
  ),
  bug(
    'BUG-203',
    {
      title: 'CMD_CFGI_STE has no effect',
      area: 'configuration cache',
      origin: '4.3.1',
      severity: 'isolation breach',
    },
    edit('commands', 'this.#configCache.invalidateSte(get(words, STREAM_ID));', ''),
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
      'if (entry !== undefined) entry.generation = -1;',
      'if (entry !== undefined) entry.generation = -1 - this.#generation;',
    ),
    edit(
      'config-cache',
      'entry.streamId = streamId;\n    entry.generation = this.#generation;\n    entry.ste = ste;\n    entry.cd = undefined;',
      'if (entry.streamId !== streamId || entry.generation !== -1 - this.#generation) entry.cd = undefined;\n' +
        '    entry.streamId = streamId;\n    entry.generation = this.#generation;\n    entry.ste = ste;',
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
      'if (get(words, RANGE) === RANGE_ALL) this.#configCache.invalidateSte(get(words, STREAM_ID));',
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
      'if (!this.#memory.readWords(this.#fetchAddress, this.#words, CD_WORDS)) return undefined;',
      'if (!this.#memory.readWords(this.#fetchAddress, this.#words, CD_WORDS)) {\n' +
        '      entry.cd = decodeCd(new Uint32Array(CD_WORDS), this.#features);\n      return undefined;\n    }',
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
      rare: 'Takes a stale mapping in the last part of a range whose NUM+1 is no power of two.',
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
      'for (let level = LEAF_L1; level <= LEAF_L3; level++) {\n      if (scope',
      'for (let level = LEAF_L1; level < LEAF_L3; level++) {\n      if (scope',
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
    edit(
      'tlb',
      '[0x00ff_ff80, 0x00ff_ffff, 0x00ff_ffff, 0x00ff_ffff]',
      '[0x0000_ff80, 0x0000_ffff, 0x0000_ffff, 0x0000_ffff]',
    ),
  ),
  bug(
    'BUG-210',
    { title: 'CMD_TLBI_NH_ASID has no effect', area: 'TLB', origin: '4.4.2', severity: 'isolation breach' },
    edit('commands', 'if (this.#asidInRange(words)) this.#tlb.invalidateAsid(get(words, ASID));', ''),
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
    edit('commands', 'return this.#invalidateAddress(words, -1);', 'return CERROR_NONE;'),
  ),
  bug(
    'BUG-213',
    {
      title: 'CMD_TLBI_NH_VA leaves global entries',
      area: 'TLB',
      origin: '4.4.2',
      severity: 'isolation breach',
    },
    edit(
      'tlb',
      'this.#remove(this.#find(high, low, entryClass, GLOBAL | 0));\n        this.#remove(this.#find(high, low, entryClass, GLOBAL | 1));',
      '',
    ),
  ),
  bug(
    'BUG-214',
    {
      title: 'CMD_TLBI_NH_VAA leaves global entries',
      area: 'TLB',
      origin: '4.4.2',
      severity: 'isolation breach',
    },
    edit(
      'tlb',
      'this.#keyHigh[slot] === keyHigh &&\n        this.#tag[slot]! >>> CLASS_SHIFT',
      'this.#keyHigh[slot] === keyHigh &&\n        (this.#tag[slot]! & GLOBAL) === 0 &&\n        this.#tag[slot]! >>> CLASS_SHIFT',
    ),
  ),
  bug(
    'BUG-215',
    { title: 'The ASID is left out of the tag', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('cd', 'asid: get(words, ASID),', 'asid: 0,'),
    edit('commands', 'this.#tlb.invalidateAsid(get(words, ASID));', 'this.#tlb.invalidateAsid(0);'),
    edit(
      'commands',
      'return this.#invalidateAddress(words, get(words, ASID));',
      'return this.#invalidateAddress(words, 0);',
    ),
  ),
  bug(
    'BUG-216',
    { title: 'ASID[15:8] is left out of the tag', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('cd', 'asid: get(words, ASID),', 'asid: get(words, ASID) & 0xff,'),
    edit(
      'commands',
      'this.#tlb.invalidateAsid(get(words, ASID));',
      'this.#tlb.invalidateAsid(get(words, ASID) & 0xff);',
    ),
    edit(
      'commands',
      'return this.#invalidateAddress(words, get(words, ASID));',
      'return this.#invalidateAddress(words, get(words, ASID) & 0xff);',
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
    edit('tlb', 'this.#find(high, low, entryClass, asid) : -1;', 'this.#find(high, low, entryClass, 0) : -1;'),
    edit('tlb', 'TABLE_L0 + level, asid, address, attributes);', 'TABLE_L0 + level, 0, address, attributes);'),
  ),
  bug(
    'BUG-218',
    { title: 'Every translation is taken as global', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('walk', 'const global = extract(descriptorLow, NG) === 0;', 'const global = true;'),
  ),
  bug(
    'BUG-219',
    {
      title: 'A descriptor that faulted by its Access flag is cached',
      area: 'TLB',
      origin: '3.21.1',
      severity: 'missing fault',
    },
    edit(
      'walk',
      'if (extract(descriptorLow, AF) === 0 && !cd.affd) return F_ACCESS;\n        this.level = level;',
      'this.level = level;',
    ),
    edit(
      'walk',
      'this.#insert(cd, high, low, firstLevel, descriptorLow);\n        return NONE;',
      'this.#insert(cd, high, low, firstLevel, descriptorLow);\n        return extract(descriptorLow, AF) === 0 && !cd.affd ? F_ACCESS : NONE;',
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
      'if ((descriptorLow & VALID) === 0) return F_TRANSLATION;',
      'if ((descriptorLow & VALID) === 0) {\n        tlb.insertLeaf(high, low, LEAF_L3, false, cd.asid, cd.aset, -1, 0);\n        return F_TRANSLATION;\n      }',
    ),
    edit(
      'translate',
      'base = tlb.addressOf(slot);',
      'base = tlb.addressOf(slot);\n      if (base < 0) return this.#fault(t, cd, events.F_TRANSLATION);',
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
    edit('walk', 'hierarchy = tlb.attributesOf(slot);', 'hierarchy = 0;'),
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
      rare: 'Takes a TLBI by VA with TG=0 and TTL other than 0 after a change to what another level holds.',
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
