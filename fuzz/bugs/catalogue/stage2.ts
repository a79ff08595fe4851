/** Seeded bugs of stage 2 and nested translation: STE fields, walk, permissions (3.4, 5.2; D8). */
import { bug, edit } from '../bug.ts';

export const STAGE2_STE_BUGS = [
  bug(
    'BUG-601',
    {
      title: 'STRW counts although stage 2 or bypass has it ignored',
      area: 'stream table',
      origin: '5.2',
      severity: 'spurious fault',
    },
    edit('ste', 'features.hyp && get(words, CONFIG) === 0b101 ? get(words, STRW)', 'features.hyp ? get(words, STRW)'),
  ),
  bug(
    'BUG-486',
    {
      title: 'A VMID above 8 bits without IDR0.VMID16 is not ILLEGAL',
      area: 'stream table',
      origin: '5.2.2',
      severity: 'missing fault',
    },
    edit('ste', 'if (strw === STRW_EL1 && (stage1 || stage2) && vmidIllegal(words, features)) return STE_ILLEGAL;', ''),
  ),
  bug(
    'BUG-487',
    {
      title: 'A VMID above 8 bits is ILLEGAL with stage 2 alone',
      area: 'stream table',
      origin: '5.2.2',
      severity: 'missing fault',
    },
    edit('ste', '(stage1 || stage2) && vmidIllegal', 'stage2 && vmidIllegal'),
  ),
  bug(
    'BUG-488',
    {
      title: 'S2T0SZ, S2SL0 and S2TG are not checked against each other',
      area: 'stream table',
      origin: '5.2.2',
      severity: 'missing fault',
    },
    edit('stage2-config', 'return indexBits < 1 || indexBits > granule.stride + 4;', 'return indexBits < 1;'),
  ),
  bug(
    'BUG-489',
    { title: 'S2T0SZ may reach beyond IAS', area: 'stream table', origin: '5.2', severity: 'missing fault' },
    edit('stage2-config', 't0sz < Math.max(16, 64 - features.oas)', 't0sz < 16'),
  ),
  bug(
    'BUG-490',
    { title: 'S2TTB above S2PS is not ILLEGAL', area: 'stream table', origin: '5.2', severity: 'missing fault' },
    edit(
      'stage2-config',
      'return getAddressHigh(words, S2TTB) >= 2 ** (outputBits(words, features) - 32);',
      'return outputBits(words, features) === 0;',
    ),
  ),
  bug(
    'BUG-491',
    {
      title: 'S2S without the stall model is not ILLEGAL',
      area: 'stream table',
      origin: '5.5',
      severity: 'missing fault',
    },
    edit('stage2-config', 'if (flag(words, S2S) || !flag', 'if (!flag'),
  ),
  bug(
    'BUG-492',
    {
      title: 'S2HA and S2HD without IDR0.HTTU are not ILLEGAL',
      area: 'stream table',
      origin: '5.2',
      severity: 'missing fault',
    },
    edit('stage2-config', ' || flag(words, S2HA) || flag(words, S2HD)) return true;', ') return true;'),
  ),
  bug(
    'BUG-493',
    {
      title: 'S2TG of a granule that is not there is not ILLEGAL',
      area: 'stream table',
      origin: '5.2',
      severity: 'missing fault',
    },
    edit(
      'stage2-config',
      'const granule = supportedGranule(GRANULE_OF_TG0[get(words, S2TG)], features);',
      'const granule = GRANULE_OF_TG0[get(words, S2TG)];',
    ),
  ),
  bug(
    'BUG-494',
    { title: 'S2TG is encoded like TG1 of a CD', area: 'stream table', origin: '5.2', severity: 'wrong translation' },
    edit(
      'granule',
      '[GRANULE_4KB, GRANULE_64KB, GRANULE_16KB, undefined]',
      '[GRANULE_4KB, GRANULE_16KB, GRANULE_64KB, undefined]',
    ),
  ),
  bug(
    'BUG-495',
    {
      title: 'The stage 2 fields are checked without stage 2',
      area: 'stream table',
      origin: '5.2',
      severity: 'spurious fault',
    },
    edit('ste', 'if (stage2 && stage2Illegal(words, features))', 'if (features.s2p && stage2Illegal(words, features))'),
  ),
  bug(
    'BUG-496',
    {
      title: 'S1 fields are checked with stage 2 alone',
      area: 'stream table',
      origin: '5.2',
      severity: 'spurious fault',
    },
    edit('ste', 'if (stage1 && stage1Illegal(words, features))', 'if (stage1Illegal(words, features))'),
  ),
  bug(
    'BUG-497',
    {
      title: 'A SubstreamID on a stage 2-only stream is ignored',
      area: 'stream table',
      origin: '5.2',
      severity: 'missing fault',
    },
    edit(
      'translate',
      'if (!ste.stage1 || ste.s1CdMax === 0) return events.C_BAD_SUBSTREAMID;',
      'if (!ste.stage1 && ste.stage2 !== undefined) return events.NONE;\n      if (!ste.stage1 || ste.s1CdMax === 0) return events.C_BAD_SUBSTREAMID;',
    ),
  ),
  bug(
    'BUG-550',
    {
      title: 'S2SL0 0b11 of the 4KB granule is taken without IDR3.STT',
      area: 'context',
      origin: '5.2',
      severity: 'missing fault',
    },
    edit('stage2-config', '(granule.bits === 12 && startLevel === 3 && !features.stt)', 'granule.stride === 0'),
  ),
];

export const STAGE2_WALK_BUGS = [
  bug(
    'BUG-421',
    { title: 'Concatenated tables are taken for one', area: 'walk', origin: 'D8.2', severity: 'wrong translation' },
    edit(
      'stage2-config',
      'start: { granule, startLevel, tableBase: alignDown(ttb, startIndexBits + 3), startIndexBits },',
      'start: { granule, startLevel, tableBase: alignDown(ttb, startIndexBits + 3), startIndexBits: Math.min(startIndexBits, granule.stride) },',
    ),
  ),
  bug(
    'BUG-422',
    {
      title: 'Concatenated tables are aligned to one table',
      area: 'walk',
      origin: 'D8.2',
      severity: 'wrong translation',
    },
    edit(
      'stage2-config',
      'alignDown(ttb, startIndexBits + 3)',
      'alignDown(ttb, Math.min(startIndexBits + 3, granule.bits))',
    ),
  ),
  bug(
    'BUG-423',
    {
      title: 'S2SL0 is ignored: stage 2 starts where stage 1 would',
      area: 'walk',
      origin: '5.2',
      severity: 'wrong translation',
    },
    edit(
      'stage2-config',
      'const startLevel = START_LEVELS[granule.tg]![get(words, S2SL0)]!;\n  const startIndexBits',
      'const startLevel = Math.max(0, 3 - Math.floor((ipaBits - 1 - granule.bits) / granule.stride));\n  const startIndexBits',
    ),
  ),
  bug(
    'BUG-424',
    {
      title: 'S2SL0 of the 64KB granule is encoded like that of 4KB',
      area: 'walk',
      origin: 'D8.2',
      severity: 'wrong translation',
    },
    edit('stage2-config', '3: [3, 2, 1, -1],', '3: [2, 1, 1, -1],'),
  ),
  bug(
    'BUG-425',
    { title: 'The 64KB granule has blocks at level 1', area: 'walk', origin: 'D8.3', severity: 'missing fault' },
    edit('granule', 'granule(3, 16, 2)', 'granule(3, 16, 1)'),
    edit(
      'granule',
      'leafKind: levels.map(kindAt(0, LEAF_KINDS)),',
      'leafKind: levels.map(kindAt(0, LEAF_KINDS)).map((kind) => Math.max(kind, 0)),',
    ),
  ),
  bug(
    'BUG-426',
    { title: 'The 16KB granule has blocks at level 1', area: 'walk', origin: 'D8.3', severity: 'missing fault' },
    edit('granule', 'granule(2, 14, 2)', 'granule(2, 14, 1)'),
    edit(
      'granule',
      'leafKind: levels.map(kindAt(0, LEAF_KINDS)),',
      'leafKind: levels.map(kindAt(0, LEAF_KINDS)).map((kind) => Math.max(kind, 0)),',
    ),
  ),
  bug(
    'BUG-427',
    {
      title: 'Tables of the 64KB granule are 4KB aligned',
      area: 'walk',
      origin: 'D8.3',
      severity: 'wrong translation',
    },
    edit('walk', 'table = descriptor.address(granule.bits);', 'table = descriptor.address(12);'),
    edit('stage2-walk', 'table = descriptor.address(granule.bits);', 'table = descriptor.address(12);'),
  ),
  bug(
    'BUG-428',
    {
      title: 'The 64KB granule has tables of 512 entries',
      area: 'walk',
      origin: 'D8.2',
      severity: 'wrong translation',
    },
    edit('walk', 'indexBits = granule.stride;\n      this.#tableAddress', 'indexBits = 9;\n      this.#tableAddress'),
  ),
  bug(
    'BUG-429',
    { title: 'An IPA beyond S2T0SZ wraps around', area: 'walk', origin: '3.4', severity: 'isolation breach' },
    edit('stage2-walk', 'if (ipa >= config.ipaLimit) return F_TRANSLATION;', ''),
  ),
  bug(
    'BUG-430',
    { title: 'An IPA above IAS is a stage 2 fault', area: 'walk', origin: '3.4', severity: 'wrong event' },
    edit(
      'translate',
      'if (t.addressHi >>> 0 >= this.#oasHighLimit) return this.#reject(t, events.F_ADDR_SIZE);',
      'if (t.addressHi >>> 0 >= this.#oasHighLimit && entry.ste.stage2 === undefined) {\n      return this.#reject(t, events.F_ADDR_SIZE);\n    }',
    ),
  ),
  bug(
    'BUG-431',
    {
      title: 'An address above IAS that bypasses stage 1 is recorded by STE.S2R',
      area: 'walk',
      origin: '3.4',
      severity: 'wrong event',
    },
    edit(
      'translate',
      '>= this.#oasHighLimit) return this.#reject(t, events.F_ADDR_SIZE);',
      '>= this.#oasHighLimit) {\n      return entry.ste.stage2?.record === false ? ABORT : this.#reject(t, events.F_ADDR_SIZE);\n    }',
    ),
  ),
  bug(
    'BUG-432',
    { title: 'S2PS is ignored', area: 'walk', origin: '5.2', severity: 'missing fault' },
    edit(
      'stage2-config',
      'psHighLimit: 2 ** (outputBits(words, features) - 32),',
      'psHighLimit: 2 ** (features.oas - 32),',
    ),
  ),
  bug(
    'BUG-433',
    { title: 'S2PS above OAS counts as it is', area: 'walk', origin: '5.2', severity: 'missing fault' },
    edit(
      'stage2-config',
      'return Math.min(ADDRESS_SIZES[get(words, S2PS)]!, features.oas);',
      'return ADDRESS_SIZES[get(words, S2PS)]!;',
    ),
  ),
  bug(
    'BUG-434',
    {
      title: 'The address of a stage 2 Table descriptor is not checked against S2PS',
      area: 'walk',
      origin: '3.4',
      severity: 'wrong event',
    },
    edit(
      'stage2-walk',
      'if (descriptor.addressHigh >= config.psHighLimit)',
      'if (kind === LEAF && descriptor.addressHigh >= config.psHighLimit)',
    ),
  ),
  bug(
    'BUG-435',
    { title: 'Stage 2 has no Access flag fault', area: 'walk', origin: '7.3.15', severity: 'missing fault' },
    edit('stage2-walk', 'if (!descriptor.accessed && !config.affd) return F_ACCESS;', ''),
  ),
  bug(
    'BUG-436',
    { title: 'STE.S2AFFD is ignored', area: 'walk', origin: '5.2', severity: 'spurious fault' },
    edit('stage2-config', 'affd: flag(words, S2AFFD),', 'affd: false,'),
  ),
  bug(
    'BUG-437',
    { title: 'STE.S2ENDI is ignored', area: 'walk', origin: '5.2', severity: 'wrong translation' },
    edit('stage2-config', 'bigEndian: flag(words, S2ENDI),', 'bigEndian: false,'),
  ),
  bug(
    'BUG-438',
    { title: 'CD.ENDI decides over stage 2 tables, too', area: 'walk', origin: '5.2', severity: 'wrong translation' },
    edit(
      'walk',
      'const event = this.#stage2.translate(regime.stage2, regime.ipaSpace, address);',
      'const event = this.#stage2.translate({ ...regime.stage2, bigEndian: cd.bigEndian }, regime.ipaSpace, address);',
    ),
  ),
  bug(
    'BUG-439',
    {
      title: 'Stage 1 tables of a nested stream are read at their IPA',
      area: 'walk',
      origin: '5.4.1',
      severity: 'isolation breach',
    },
    edit('walk', 'physical = this.#stage2.outputOf(address);', 'physical = address;'),
  ),
  bug(
    'BUG-440',
    {
      title: 'The output of stage 1 is not translated at stage 2 when it lies in a page that stage 2 maps',
      area: 'walk',
      origin: '3.4',
      severity: 'isolation breach',
    },
    edit('walk', 'this.outputBase = this.#stage2.outputOf(ipa) - offset;', 'this.outputBase = ipa - offset;'),
  ),
  bug(
    'BUG-545',
    { title: 'CD.IPS is ignored in a nested walk', area: 'walk', origin: '3.4', severity: 'missing fault' },
    edit(
      'walk',
      'if (descriptor.addressHigh >= cd.ipsHighLimit)',
      'if (nested === 0 && descriptor.addressHigh >= cd.ipsHighLimit)',
    ),
  ),
  bug(
    'BUG-546',
    {
      title: 'At stage 2 the Access flag is checked before the output address',
      area: 'walk',
      origin: '7.3.22',
      severity: 'wrong event',
    },
    edit(
      'stage2-walk',
      'if (descriptor.addressHigh >= config.psHighLimit)',
      'if (kind === LEAF && !descriptor.accessed && !config.affd) return F_ACCESS;\n      if (descriptor.addressHigh >= config.psHighLimit)',
    ),
  ),
  bug(
    'BUG-547',
    {
      title: 'The fetch of a CD does not look at the Access flag of stage 2',
      area: 'walk',
      origin: '7.3.15',
      severity: 'missing fault',
    },
    edit(
      'cd-table',
      'this.#stage2.translate(stage2, ipaSpace, address);',
      'this.#stage2.translate({ ...stage2, affd: true }, ipaSpace, address);',
    ),
  ),
];

export const STAGE2_PERMISSION_BUGS = [
  bug(
    'BUG-441',
    {
      title: 'S2AP is ignored on stage 1 table walks and CD fetches',
      area: 'permissions',
      origin: '7.3.16',
      severity: 'missing fault',
    },
    edit('permissions', 'return (permissions & S2_READ) !== 0 && !(s2ptw', 'return !(s2ptw'),
  ),
  bug(
    'BUG-442',
    {
      title: 'Stage 1 table walks of a write need write permission at stage 2',
      area: 'permissions',
      origin: '7.3.16',
      severity: 'spurious fault',
    },
    edit(
      'permissions',
      'return (permissions & S2_READ) !== 0 && !(s2ptw',
      'return (permissions & S2_READ) !== 0 && (permissions & S2_WRITE) !== 0 && !(s2ptw',
    ),
  ),
  bug(
    'BUG-443',
    { title: 'S2AP[1] does not stop writes', area: 'permissions', origin: 'D8.4', severity: 'isolation breach' },
    edit('permissions', '(write ? S2_WRITE : S2_READ)', '(write ? S2_READ | S2_WRITE : S2_READ)'),
  ),
  bug(
    'BUG-444',
    { title: 'S2AP is read like AP of stage 1', area: 'permissions', origin: 'D8.4', severity: 'isolation breach' },
    edit(
      'permissions',
      'const ap = extract(low, S2_AP);',
      'const ap = (extract(low, S2_AP) & 0b10) !== 0 ? 0b01 : 0b11;',
    ),
  ),
  bug(
    'BUG-445',
    { title: 'Stage 2 XN is ignored', area: 'permissions', origin: 'D8.4', severity: 'isolation breach' },
    edit(
      'permissions',
      'if (instruction) return (permissions & (privileged ? S2_PXN : S2_UXN)) === 0;',
      'if (instruction) return true;',
    ),
  ),
  bug(
    'BUG-446',
    {
      title: 'Stage 2 XN[0] is ignored although IDR3.XNX is 1',
      area: 'permissions',
      origin: 'D8.4',
      severity: 'isolation breach',
    },
    edit('stage2-config', 'xnx: features.xnx,', 'xnx: false,'),
  ),
  bug(
    'BUG-447',
    {
      title: 'Stage 2 XN 0b01 and 0b11 are swapped',
      area: 'permissions',
      origin: 'D8.4',
      severity: 'isolation breach',
    },
    edit('permissions', 'xnx ? xn === 0b10 || xn === 0b11', 'xnx ? xn === 0b10 || xn === 0b01'),
    edit('permissions', 'xnx ? xn === 0b01 || xn === 0b10', 'xnx ? xn === 0b11 || xn === 0b10'),
  ),
  bug(
    'BUG-448',
    {
      title: 'Execution at stage 2 needs read permission',
      area: 'permissions',
      origin: '5.2',
      severity: 'spurious fault',
    },
    edit(
      'permissions',
      'if (instruction) return (permissions',
      'if (instruction && (permissions & S2_READ) === 0) return false;\n  if (instruction) return (permissions',
    ),
  ),
  bug(
    'BUG-449',
    { title: 'STE.S2PTW is ignored', area: 'permissions', origin: '5.2', severity: 'missing fault' },
    edit('stage2-config', 'ptw: flag(words, S2PTW),', 'ptw: false,'),
  ),
  bug(
    'BUG-450',
    { title: 'STE.S2PTW stops device accesses, too', area: 'permissions', origin: '5.2', severity: 'spurious fault' },
    edit(
      'translate',
      'if (!permittedAtStage2(this.#stage2.permissions,',
      'if (stage2.ptw && (this.#stage2.permissions & 256) !== 0) return this.#stage2Fault(t, stage2, events.F_PERMISSION);\n    if (!permittedAtStage2(this.#stage2.permissions,',
    ),
  ),
  bug(
    'BUG-451',
    {
      title: 'With S2FWB Device memory is told as without',
      area: 'permissions',
      origin: 'D8.6.6',
      severity: 'missing fault',
      rare: 'Takes S2PTW with S2FWB and a table or CD in memory that is Device for one reading of MemAttr alone.',
    },
    edit('stage2-config', 'fwb: features.fwb && flag(words, S2FWB),', 'fwb: false,'),
  ),
  bug(
    'BUG-452',
    {
      title: 'Stage 2 is asked before the permissions of stage 1',
      area: 'permissions',
      origin: '7.3.22',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'if (!permitted(permissions, this.#privileged || cd.el2, this.#instruction, t.write, cd.wxn, cd.pan)) {',
      'if (!hit && stage2 !== undefined) {\n      const early = walker.combine(stage2, context, high, low);\n      if (early !== events.NONE) return this.#stage2Fault(t, stage2, early);\n      walker.walk(cd, range, context, high, low);\n    }\n    if (!permitted(permissions, this.#privileged || cd.el2, this.#instruction, t.write, cd.wxn, cd.pan)) {',
    ),
  ),
  bug(
    'BUG-548',
    {
      title: 'Without S2FWB only MemAttr 0 is Device memory',
      area: 'permissions',
      origin: 'D8.6.5',
      severity: 'missing fault',
    },
    edit('permissions', ': (memAttr & 0b1100) === 0;', ': memAttr === 0;'),
  ),
  bug(
    'BUG-549',
    {
      title: 'With S2FWB MemAttr[3] counts',
      area: 'permissions',
      origin: 'D8.6.6',
      severity: 'missing fault',
    },
    edit('permissions', '(memAttr & 0b0100) === 0 :', '(memAttr & 0b1100) === 0 :'),
  ),
];
