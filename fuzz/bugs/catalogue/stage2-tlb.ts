/** Seeded bugs of the TLB with both stages: VMIDs, entries by IPA, combined entries, and what an invalidation drops (3.17, 3.21, 4.4). */
import { bug, edit } from '../bug.ts';

export const STAGE2_TLB_BUGS = [
  bug(
    'BUG-400',
    { title: 'The VMID is left out of the tag', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit(
      'stage2-config',
      'return features.s2p ? get(words, S2VMID) : 0;',
      'return features.msi ? get(words, S2VMID) : 0;',
    ),
    edit(
      'commands',
      'return this.#features.s2p ? get(words, VMID) : 0;',
      'return this.#features.msi ? get(words, VMID) : 0;',
    ),
    edit(
      'stage2-config',
      '!features.vmid16 && vmidOf(words, features) > 0xff',
      '!features.vmid16 && get(words, S2VMID) > 0xff',
    ),
  ),
  bug(
    'BUG-401',
    { title: 'S2VMID[15:8] is left out of the tag', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit('stage2-config', 'get(words, S2VMID) : 0;', 'get(words, S2VMID) & 0xff : 0;'),
    edit('commands', 'get(words, VMID) : 0;', 'get(words, VMID) & 0xff : 0;'),
  ),
  bug(
    'BUG-402',
    {
      title: 'A stage 1-only stream is not tagged by its VMID',
      area: 'TLB',
      origin: '5.2',
      severity: 'isolation breach',
    },
    edit(
      'translate',
      'context.asidSpace = this.#tlb.space(ste.world,',
      'context.asidSpace = this.#tlb.space(ste.stage2 === undefined ? 0 : ste.world,',
    ),
  ),
  bug(
    'BUG-403',
    { title: 'Global entries are shared by all VMIDs', area: 'TLB', origin: '3.17', severity: 'isolation breach' },
    edit(
      'translate',
      'this.#tlb.space(ste.world, GLOBAL | context.cd.aset)',
      'this.#tlb.space(0, GLOBAL | context.cd.aset)',
    ),
  ),
  bug(
    'BUG-404',
    { title: 'CMD_TLBI_S2_IPA has no effect', area: 'TLB', origin: '4.4.3.1', severity: 'isolation breach' },
    edit('commands', 'if (this.#vmidInRange(words)) this.#tlb.invalidateIpa(this.#scope, this.#vmidOf(words));', ''),
  ),
  bug(
    'BUG-405',
    {
      title: 'CMD_TLBI_S2_IPA drops entries by VA in place of those by IPA',
      area: 'TLB',
      origin: '4.4.3.1',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'this.#tlb.invalidateIpa(this.#scope, this.#vmidOf(words));',
      'this.#tlb.invalidateVa(this.#scope, this.#vmidOf(words), -1);',
    ),
  ),
  bug(
    'BUG-406',
    {
      title: 'CMD_TLBI_S2_IPA of one VMID is one of VMID 0',
      area: 'TLB',
      origin: '4.4.3.1',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'this.#tlb.invalidateIpa(this.#scope, this.#vmidOf(words));',
      'this.#tlb.invalidateIpa(this.#scope, 0);',
    ),
  ),
  bug(
    'BUG-407',
    {
      title: 'CMD_TLBI_S2_IPA always leaves Table descriptors',
      area: 'TLB',
      origin: '4.4.3.1',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'if (!s2p || this.#scopeIllegal(words)) return CERROR_ILL;',
      'if (!s2p || this.#scopeIllegal(words)) return CERROR_ILL;\n        this.#scope.leafOnly = true;',
    ),
  ),
  bug(
    'BUG-408',
    {
      title: 'CMD_TLBI_S12_VMALL leaves stage 2 entries',
      area: 'TLB',
      origin: '4.4.3.2',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'this.#tlb.invalidateVmid(this.#vmidOf(words), true);',
      'this.#tlb.invalidateVmid(this.#vmidOf(words), false);',
    ),
  ),
  bug(
    'BUG-409',
    { title: 'CMD_TLBI_S12_VMALL leaves entries by VA', area: 'TLB', origin: '4.4.3.2', severity: 'isolation breach' },
    edit(
      'commands',
      'this.#tlb.invalidateVmid(this.#vmidOf(words), true);',
      'this.#tlb.invalidateIpa({ high: 0, low: 0, pages: 2 ** 44, leafOnly: false, tg: 0, level: 0 }, this.#vmidOf(words));',
    ),
  ),
  bug(
    'BUG-410',
    { title: 'CMD_TLBI_NH_ALL has no effect', area: 'TLB', origin: '4.4.2.1', severity: 'isolation breach' },
    edit('commands', 'if (this.#vmidInRange(words)) this.#tlb.invalidateVmid(this.#vmidOf(words), false);', ''),
  ),
  bug(
    'BUG-411',
    { title: 'CMD_TLBI_NH_ALL leaves global entries', area: 'TLB', origin: '4.4.2.1', severity: 'isolation breach' },
    edit('tlb-spaces', 'if (ipas || this.ownerOf(space) !== IPA)', 'if (ipas || this.ownerOf(space) < GLOBAL)'),
  ),
  bug(
    'BUG-412',
    { title: 'CMD_TLBI_NH_VA leaves combined entries', area: 'TLB', origin: '4.4.2.4', severity: 'isolation breach' },
    edit(
      'tlb',
      'for (const space of spaces) this.#remove(this.#find(high, low, kind, space));',
      'for (const space of spaces) {\n          const slot = this.#find(high, low, kind, space);\n          if (slot >= 0 && (this.#attributes[slot]! & 512) === 0) this.#remove(slot);\n        }',
    ),
  ),
  bug(
    'BUG-413',
    {
      title: 'TLBI by VA leaves the other pieces of a stage 1 block that stage 2 splits',
      area: 'TLB',
      origin: 'D8.17',
      severity: 'isolation breach',
      rare: 'Takes a stage 1 block over smaller stage 2 pages, two of them used, and an invalidation at another address of the block.',
    },
    edit('tlb', 'if (leafKind !== kind) this.#splintered |= 1 << leafKind;', ''),
  ),
  bug(
    'BUG-414',
    {
      title: 'A combined entry is as large as its stage 1 leaf',
      area: 'TLB',
      origin: 'D8.2',
      severity: 'isolation breach',
    },
    edit(
      'walk',
      'this.kind = Math.min(leafKind, this.#stage2.kind);',
      'this.kind = Math.max(leafKind, this.#stage2.kind);',
    ),
  ),
  bug(
    'BUG-415',
    {
      title: 'A range is counted in 4KB pages whatever the granule',
      area: 'TLB',
      origin: '4.4.1.1',
      severity: 'isolation breach',
    },
    edit('commands', '(num + 1) * 2 ** scale * 4 ** (granule - 1)', '(num + 1) * 2 ** scale'),
  ),
  bug(
    'BUG-416',
    {
      title: 'TG is ignored but for ranges: TTL counts levels of 4KB tables',
      area: 'TLB',
      origin: '4.4.1.1',
      severity: 'isolation breach',
    },
    edit(
      'tlb',
      'if (scope.tg !== 0 && scope.tg !== KIND_TG[kind]) return false;',
      'if (scope.tg > 1 && KIND_TG[kind] !== 1) return false;',
    ),
  ),
  bug(
    'BUG-417',
    { title: 'Range fields are taken without IDR3.RIL', area: 'TLB', origin: '4.4.1.1', severity: 'missing fault' },
    edit('commands', 'this.#features.ril ? get(words, TG) : 0', 'get(words, TG)'),
  ),
  bug(
    'BUG-418',
    {
      title: 'The walk cache of a nested stream serves stage 1-only streams',
      area: 'TLB',
      origin: '3.17',
      severity: 'wrong translation',
      rare: 'Takes a nested and a stage 1-only stream with the same VMID and ASID.',
    },
    edit('walk', 'if (slot < 0 || (tlb.attributesOf(slot) & NESTED) !== nested) continue;', 'if (slot < 0) continue;'),
  ),
  bug(
    'BUG-419',
    {
      title: 'A stage 2 entry keeps no Access flag: one with AF=0 is cached',
      area: 'TLB',
      origin: '3.21.1',
      severity: 'missing fault',
    },
    edit('stage2-walk', 'if (!descriptor.accessed && !config.affd) return F_ACCESS;\n    this.kind', 'this.kind'),
    edit(
      'stage2-walk',
      'ipaSpace, this.outputBase, 0, this.permissions);\n    }',
      'ipaSpace, this.outputBase, 0, this.permissions);\n    }\n    if (!descriptor.accessed && !config.affd) return F_ACCESS;',
    ),
  ),
  bug(
    'BUG-420',
    {
      title: 'Stage 2 permissions are not checked on a combined hit',
      area: 'TLB',
      origin: 'D8.4',
      severity: 'isolation breach',
    },
    edit(
      'translate',
      'if (stage2 !== undefined && !permittedAtStage2(permissions,',
      'if (!hit && stage2 !== undefined && !permittedAtStage2(permissions,',
    ),
  ),
  bug(
    'BUG-540',
    {
      title: 'CMD_TLBI_S2_IPA misses a block unless it names its first address',
      area: 'TLB',
      origin: '4.4',
      severity: 'isolation breach',
    },
    edit(
      'tlb',
      'if ((this.#heldByIpa & (1 << kind)) === 0 || !inScope(scope, kind)) continue;',
      'if ((this.#heldByIpa & (1 << kind)) === 0 || !inScope(scope, kind)) continue;\n      if (kind < LEAF_KINDS && KIND_LEVEL[kind] !== 3 && (scope.low & ~KEY_LOW[kind]!) !== 0) continue;',
    ),
  ),
  bug(
    'BUG-541',
    {
      title: 'The combined entry of a global leaf is tagged by its ASID',
      area: 'TLB',
      origin: '3.17',
      severity: 'isolation breach',
    },
    edit(
      'walk',
      'const space = this.#global ? regime.globalSpace : regime.asidSpace;\n      this.#tlb.insertLeaf(high, low, this.kind, leafKind',
      'const space = regime.asidSpace;\n      this.#tlb.insertLeaf(high, low, this.kind, leafKind',
    ),
  ),
  bug(
    'BUG-542',
    {
      title: 'A level hint leaves the Table descriptor just above the leaf',
      area: 'TLB',
      origin: '4.4.1.1',
      severity: 'isolation breach',
    },
    edit('tlb', 'KIND_LEVEL[kind]! < scope.level)', 'KIND_LEVEL[kind]! < scope.level - 1)'),
  ),
  bug(
    'BUG-543',
    {
      title: 'Table descriptors of level 0 survive an invalidation by address',
      area: 'TLB',
      origin: '4.4',
      severity: 'isolation breach',
    },
    edit('tlb', 'return !scope.leafOnly && (scope', 'return !scope.leafOnly && KIND_LEVEL[kind] !== 0 && (scope'),
  ),
  bug(
    'BUG-544',
    {
      title: 'The last granule of a range is spared',
      area: 'TLB',
      origin: '4.4.1.1',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'scope.pages = (num + 1) * 2 ** scale * 4 ** (granule - 1);',
      'scope.pages = Math.max(1, (num + 1) * 2 ** scale - 1) * 4 ** (granule - 1);',
    ),
  ),
];
