/** Seeded bugs of what a stream is configured with: Stream table, STE, CD (3.3.1, 5.2, 5.4, 6.3.24, 6.3.25). */
import { bug, edit } from '../bug.ts';

export const STREAM_TABLE_BUGS = [
  bug(
    'BUG-03',
    {
      title: 'A stream that is set to abort records an event',
      area: 'stream table',
      origin: 'BUG-03, QEMU',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'return entry.ste.kind === STE_ABORT ? undefined : entry;',
      'if (entry.ste.kind === STE_ABORT) {\n      this.#reject(t, events.C_BAD_STE);\n      return undefined;\n    }\n    return entry;',
    ),
  ),
  bug(
    'BUG-09',
    {
      title: 'STRTAB_BASE is used without masking the hint bit',
      area: 'stream table',
      origin: 'BUG-09, QEMU',
      severity: 'wrong translation',
    },
    edit('registers', 'toAddress(this.#strtabHigh & ~map.BASE_HINT_HIGH,', 'toAddress(this.#strtabHigh,'),
  ),
  bug(
    'BUG-11',
    {
      title: 'The StreamID one past the Stream table is in range',
      area: 'stream table',
      origin: 'BUG-11, QEMU',
      severity: 'isolation breach',
    },
    edit('stream-table', 'streamId < this.#registers.strtabEntries', 'streamId <= this.#registers.strtabEntries'),
  ),
  bug(
    'BUG-70',
    {
      title: 'Config 0b001 to 0b011 is ILLEGAL instead of abort',
      area: 'stream table',
      origin: 'BUG-70, openvmm',
      severity: 'wrong event',
    },
    edit(
      'ste',
      'if ((config & 0b100) === 0) return STE_ABORT;',
      'if ((config & 0b100) === 0) return config === 0 ? STE_ABORT : STE_ILLEGAL;',
    ),
  ),
  bug(
    'BUG-82',
    {
      title: 'STRTAB_BASE_CFG.FMT is honoured without 2-level support',
      area: 'stream table',
      origin: 'BUG-82, openvmm',
      severity: 'wrong translation',
    },
    edit(
      'registers',
      '...(this.#features.stLevel === 0 ? [] : [map.STRTAB_SPLIT, map.STRTAB_FMT])',
      'map.STRTAB_SPLIT, map.STRTAB_FMT',
    ),
  ),
  bug(
    'BUG-230',
    {
      title: 'STRTAB_BASE is not aligned to the size of the table',
      area: 'stream table',
      origin: '6.3.24',
      severity: 'wrong translation',
    },
    edit('registers', 'this.strtabSplit === 0 ? log2Size + 6', 'this.strtabSplit === 0 ? 6'),
  ),
  bug(
    'BUG-231',
    {
      title: 'CR2.RECINVSID is ignored: a StreamID out of range always records',
      area: 'stream table',
      origin: '6.3.12',
      severity: 'wrong event',
    },
    edit('translate', 'if (this.#registers.recordsInvalidStreamIds) this', 'this'),
  ),
  bug(
    'BUG-232',
    {
      title: 'An STE with V=0 aborts without an event',
      area: 'stream table',
      origin: '7.3.5',
      severity: 'wrong event',
    },
    edit('ste', 'if (!flag(words, V)) return STE_ILLEGAL;', 'if (!flag(words, V)) return STE_ABORT;'),
  ),
  bug(
    'BUG-233',
    {
      title: 'Stage 2 without IDR0.S2P is not ILLEGAL',
      area: 'stream table',
      origin: '5.2.2',
      severity: 'isolation breach',
    },
    edit('ste', 'if (stage2 && !features.s2p) return STE_ILLEGAL;', ''),
  ),
  bug(
    'BUG-234',
    {
      title: 'S1STALLD without the stall model is not ILLEGAL',
      area: 'stream table',
      origin: '5.2.2',
      severity: 'missing fault',
    },
    edit('ste', 'if (flag(words, S1STALLD) && features.stallModel !== 0b00) return true;', ''),
  ),
  bug(
    'BUG-235',
    {
      title: 'S1ContextPtr above OAS is not ILLEGAL',
      area: 'stream table',
      origin: '3.4.3',
      severity: 'wrong event',
    },
    edit('ste', 'S1_CONTEXT_PTR) >= 2 ** (features.oas - 32);', 'S1_CONTEXT_PTR) >= 2 ** 32;'),
  ),
  bug(
    'BUG-236',
    {
      title: 'A stream in bypass cannot access anything',
      area: 'stream table',
      origin: 'BUG-03, QEMU',
      severity: 'spurious fault',
    },
    edit(
      'translate',
      'if (stage2 === undefined) {',
      'if (stage2 === undefined) {\n      if (t.streamId >= 0) return ABORT;',
    ),
  ),
  bug(
    'BUG-237',
    {
      title: 'A stream in bypass reaches addresses above OAS without F_ADDR_SIZE',
      area: 'stream table',
      origin: '3.4',
      severity: 'wrong event',
    },
    edit('translate', 'return this.#reject(t, events.F_ADDR_SIZE);', 'return ABORT;'),
  ),
  bug(
    'BUG-238',
    { title: 'STE.PRIVCFG is ignored', area: 'stream table', origin: '5.2', severity: 'isolation breach' },
    edit('ste', 'privcfg: features.attrPermsOvr ?', 'privcfg: features.msi ?'),
  ),
  bug(
    'BUG-239',
    { title: 'STE.INSTCFG is ignored', area: 'stream table', origin: '5.2', severity: 'isolation breach' },
    edit('ste', 'instcfg: features.attrPermsOvr ?', 'instcfg: features.msi ?'),
  ),
  bug(
    'BUG-240',
    {
      title: 'STE.INSTCFG makes instruction accesses of writes',
      area: 'stream table',
      origin: '13.1.2',
      severity: 'spurious fault',
    },
    edit('translate', '!t.write && override(ste.instcfg', 'override(ste.instcfg'),
  ),
];

export const CONTEXT_BUGS = [
  bug(
    'BUG-62',
    {
      title: 'CD.AA64 is read from the place of CD.A',
      area: 'context',
      origin: 'BUG-62, openvmm',
      severity: 'spurious fault',
    },
    edit('cd', 'const AA64 = bits(41);', 'const AA64 = bits(46);'),
    edit('cd', 'const A = bits(46);', 'const A = bits(41);'),
  ),
  bug(
    'BUG-88',
    {
      title: 'The CD is fetched from half its address',
      area: 'context',
      origin: 'BUG-88, gem5',
      severity: 'wrong translation',
    },
    edit('cd-table', 'this.#address = s1ContextPtr;', 'this.#address = s1ContextPtr / 2;'),
  ),
  bug(
    'BUG-250',
    {
      title: 'Nothing of the upper half is checked: no C_BAD_CD for a bad T1SZ',
      area: 'context',
      origin: '5.4.2',
      severity: 'missing fault',
    },
    edit('cd', ' || (walks1 && rangeIllegal(words, HALF1, features));', ';'),
  ),
  bug(
    'BUG-251',
    {
      title: 'C_BAD_CD for a bad T1SZ waits for an access to the upper half',
      area: 'context',
      origin: '5.4.2',
      severity: 'missing fault',
    },
    edit('cd', ' || (walks1 && rangeIllegal(words, HALF1, features));', ';'),
    edit('cd', 'readonly illegal: boolean;', 'readonly illegal: boolean;\n  readonly highIllegal: boolean;'),
    edit(
      'cd',
      'illegal: cdIllegal(words, features, el2),',
      'illegal: cdIllegal(words, features, el2),\n    highIllegal: walks(words, HALF1, el2) && rangeIllegal(words, HALF1, features),',
    ),
    edit(
      'translate',
      'return this.#stage1(t, context);',
      'if ((t.addressHi & VA_55) !== 0 && context.cd.highIllegal) return this.#reject(t, events.C_BAD_CD);\n    return this.#stage1(t, context);',
    ),
  ),
  bug(
    'BUG-252',
    {
      title: 'A half that EPDx disables is checked all the same',
      area: 'context',
      origin: '5.4.1.1',
      severity: 'spurious fault',
    },
    edit(
      'cd',
      '(walks0 && rangeIllegal(words, HALF0, features)) || (walks1 && rangeIllegal',
      'rangeIllegal(words, HALF0, features) || (!el2 && rangeIllegal',
    ),
  ),
  bug(
    'BUG-253',
    { title: 'TxSZ below 16 is not ILLEGAL', area: 'context', origin: '5.4', severity: 'missing fault' },
    edit('cd', 'if (txsz < 16 || txsz >', 'if (txsz >'),
  ),
  bug(
    'BUG-254',
    {
      title: 'TxSZ up to 48 is taken without IDR3.STT',
      area: 'context',
      origin: '5.4',
      severity: 'missing fault',
    },
    edit('stage2-config', 'if (!features.stt) return 39;', ''),
  ),
  bug(
    'BUG-255',
    {
      title: 'Granules that are not supported are taken as 4KB',
      area: 'context',
      origin: '5.4',
      severity: 'missing fault',
    },
    edit('cd', 'if (granule === undefined) return true;', 'if (granule === undefined) return false;'),
  ),
  bug(
    'BUG-256',
    { title: 'TG1 is encoded like TG0', area: 'context', origin: '5.4', severity: 'spurious fault' },
    edit('cd', 'granules: GRANULE_OF_TG1,', 'granules: GRANULE_OF_TG0,'),
  ),
  bug(
    'BUG-257',
    { title: 'TTBx above IPS is not ILLEGAL', area: 'context', origin: '5.4', severity: 'missing fault' },
    edit(
      'cd',
      'return getAddressHigh(words, half.ttb) >= 2 ** (effectiveIps(words, features) - 32);',
      'return effectiveIps(words, features) === 0;',
    ),
  ),
  bug(
    'BUG-258',
    { title: 'CD.V is ignored', area: 'context', origin: '5.4.2', severity: 'missing fault' },
    edit('cd', 'if (!flag(words, V)) return true;', ''),
  ),
  bug(
    'BUG-259',
    {
      title: 'CD.S without the stall model is not ILLEGAL',
      area: 'context',
      origin: '5.4.2',
      severity: 'missing fault',
    },
    edit('cd', 'if (flag(words, S)) return true;', ''),
  ),
  bug(
    'BUG-260',
    {
      title: 'CD.HA and CD.HD without IDR0.HTTU are not ILLEGAL',
      area: 'context',
      origin: '5.4.2',
      severity: 'missing fault',
    },
    edit('cd', 'if (flag(words, HA) || flag(words, HD)) return true;', ''),
  ),
  bug(
    'BUG-261',
    { title: 'CD.AA64 is ignored', area: 'context', origin: '5.4.2', severity: 'missing fault' },
    edit('cd', 'if (!flag(words, AA64)) return true;', ''),
  ),
  bug(
    'BUG-262',
    { title: 'CD.ENDI is ignored', area: 'context', origin: '5.4', severity: 'wrong translation' },
    edit('cd', 'bigEndian: flag(words, ENDI),', 'bigEndian: false,'),
  ),
];
