/** Seeded bugs of 2-level Stream tables and of CD tables, and of what is cached of them (4.3, 5.1, 5.2, 5.3, 6.3.24, 6.3.25). */
import { bug, edit } from '../bug.ts';

export const TWO_LEVEL_BUGS = [
  bug(
    'BUG-453',
    {
      title: 'L1STD.Span counts all STEs, not half of them',
      area: 'stream table',
      origin: '5.1',
      severity: 'isolation breach',
    },
    edit(
      'stream-table',
      'if (index2 >= 2 ** (span - 1)) return OUT_OF_RANGE;',
      'if (index2 >= 2 ** span) return OUT_OF_RANGE;',
    ),
  ),
  bug(
    'BUG-454',
    { title: 'L1STD.Span above SPLIT+1 is taken', area: 'stream table', origin: '7.3.3', severity: 'missing fault' },
    edit('stream-table', 'span > split + 1) return', 'span > 11) return'),
  ),
  bug(
    'BUG-455',
    { title: 'L1STD.Span of SPLIT+1 is refused', area: 'stream table', origin: '5.1', severity: 'spurious fault' },
    edit('stream-table', 'span > split + 1) return', 'span > split) return'),
  ),
  bug(
    'BUG-456',
    { title: 'L1STD.Span of 0 is one STE', area: 'stream table', origin: '5.1', severity: 'isolation breach' },
    edit('stream-table', 'if (span === 0 || span >', 'if (span >'),
    edit('stream-table', 'if (index2 >= 2 ** (span - 1))', 'if (index2 >= 2 ** Math.max(0, span - 1))'),
  ),
  bug(
    'BUG-457',
    {
      title: 'L1STD.L2Ptr is not aligned to its array',
      area: 'stream table',
      origin: '5.1',
      severity: 'wrong translation',
    },
    edit('stream-table', 'alignDown(pointer, span + 5)', 'alignDown(pointer, 6)'),
  ),
  bug(
    'BUG-458',
    { title: 'SPLIT 8 is taken for 6', area: 'stream table', origin: '6.3.25', severity: 'wrong translation' },
    edit('registers', 'split === 8 || split === 10 ? split : 6', 'split === 10 ? split : 6'),
  ),
  bug(
    'BUG-459',
    {
      title: 'Reserved SPLIT values count as they are',
      area: 'stream table',
      origin: '6.3.25',
      severity: 'wrong translation',
    },
    edit('registers', 'return split === 8 || split === 10 ? split : 6;', 'return Math.max(1, split);'),
  ),
  bug(
    'BUG-460',
    {
      title: 'The first-level table is aligned like a linear one',
      area: 'stream table',
      origin: '6.3.24',
      severity: 'wrong translation',
    },
    edit(
      'registers',
      'this.strtabSplit === 0 ? log2Size + 6 : Math.max(6, log2Size - this.strtabSplit + 3)',
      'log2Size + 6',
    ),
  ),
  bug(
    'BUG-461',
    {
      title: 'With a 2-level table LOG2SIZE is not looked at',
      area: 'stream table',
      origin: '6.3.25',
      severity: 'isolation breach',
    },
    edit(
      'stream-table',
      'return streamId < this.#registers.strtabEntries;',
      'return this.#registers.strtabSplit !== 0 || streamId < this.#registers.strtabEntries;',
    ),
  ),
  bug(
    'BUG-462',
    {
      title: 'F_STE_FETCH of an L1STD gives the base of the table',
      area: 'stream table',
      origin: '7.3.4',
      severity: 'wrong event',
    },
    edit(
      'stream-table',
      'this.#descriptor, L1STD_WORDS)) return FETCH_ABORTED;',
      'this.#descriptor, L1STD_WORDS)) {\n        this.address = this.#registers.strtabBase;\n        return FETCH_ABORTED;\n      }',
    ),
  ),
  bug(
    'BUG-463',
    {
      title: 'A StreamID outside L1STD.Span is C_BAD_STE',
      area: 'stream table',
      origin: '7.3.3',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'if (found === OUT_OF_RANGE) return this.#badStreamId(t);',
      'if (found === OUT_OF_RANGE) {\n        this.#reject(t, events.C_BAD_STE);\n        return undefined;\n      }',
    ),
  ),
  bug(
    'BUG-464',
    {
      title: 'FMT is ignored: every Stream table is linear',
      area: 'stream table',
      origin: '6.3.25',
      severity: 'wrong translation',
    },
    edit('registers', '!== map.STRTAB_FMT_2LEVEL) return 0;', '!== 4) return 0;'),
  ),
  bug(
    'BUG-465',
    {
      title: 'CMD_CFGI_STE always leaves the L1STD',
      area: 'configuration cache',
      origin: '4.3.1',
      severity: 'isolation breach',
    },
    edit(
      'config-cache',
      'if (leaf || this.#l1stds.size === 0) return;',
      'if (leaf || this.#l1stds.size !== 0) return;',
    ),
  ),
  bug(
    'BUG-466',
    {
      title: 'CMD_CFGI_STE_RANGE leaves L1STDs',
      area: 'configuration cache',
      origin: '4.3.2',
      severity: 'isolation breach',
    },
    edit('config-cache', 'this.#l1stds.clear();\n    if (count', 'if (count'),
  ),
  bug(
    'BUG-467',
    { title: 'CMD_CFGI_ALL leaves L1STDs', area: 'configuration cache', origin: '4.3.6', severity: 'isolation breach' },
    edit('config-cache', 'this.#generation++;\n    this.#l1stds.clear();', 'this.#generation++;'),
  ),
];

export const SUBSTREAM_BUGS = [
  bug(
    'BUG-468',
    { title: 'S1DSS 0b00 and 0b01 are swapped', area: 'context', origin: '5.2', severity: 'isolation breach' },
    edit('ste', 'export const S1DSS_BYPASS = 0b01;', 'export const S1DSS_BYPASS = 0b00;'),
  ),
  bug(
    'BUG-469',
    { title: 'With S1DSS 0b10 SubstreamID 0 is usable', area: 'context', origin: '5.2', severity: 'isolation breach' },
    edit(
      'translate',
      'if (t.substreamId === 0 && ste.s1Dss === S1DSS_SUBSTREAM_0) return events.F_STREAM_DISABLED;',
      '',
    ),
  ),
  bug(
    'BUG-470',
    {
      title: 'S1DSS is ignored: no SubstreamID is SubstreamID 0',
      area: 'context',
      origin: '5.2',
      severity: 'isolation breach',
    },
    edit('translate', 'if (ste.s1CdMax !== 0) {', 'if (ste.s1CdMax < 0) {'),
  ),
  bug(
    'BUG-471',
    { title: 'S1DSS 0b01 bypasses stage 2 as well', area: 'context', origin: '5.2', severity: 'isolation breach' },
    edit(
      'translate',
      'const stage2 = entry.ste.stage2;',
      'const stage2 = entry.ste.stage1 ? undefined : entry.ste.stage2;',
    ),
  ),
  bug(
    'BUG-472',
    {
      title: 'The SubstreamID one past S1CDMax is in range',
      area: 'context',
      origin: '5.2',
      severity: 'isolation breach',
    },
    edit('translate', 't.substreamId >= 2 ** ste.s1CdMax', 't.substreamId > 2 ** ste.s1CdMax'),
  ),
  bug(
    'BUG-473',
    { title: 'S1CDMax above SSIDSIZE is not ILLEGAL', area: 'context', origin: '5.2.2', severity: 'missing fault' },
    edit('ste', 'if (cdMax > features.ssidsize) return true;', ''),
  ),
  bug(
    'BUG-474',
    { title: 'S1Fmt without IDR0.CD2L is not ILLEGAL', area: 'context', origin: '5.2.2', severity: 'missing fault' },
    edit('ste', 'cdMax !== 0 && !features.cd2l && (', 'cdMax < 0 && !features.cd2l && ('),
  ),
  bug(
    'BUG-475',
    { title: 'A 64KB leaf has 64 CDs', area: 'context', origin: '5.2', severity: 'wrong translation' },
    edit('cd-table', 'const SPLIT_64KB = 10;', 'const SPLIT_64KB = 6;'),
  ),
  bug(
    'BUG-476',
    { title: 'L1CD.V is ignored', area: 'context', origin: '5.3', severity: 'missing fault' },
    edit('cd-table', 'valid: flag(this.#descriptor, V) && high', 'valid: high'),
  ),
  bug(
    'BUG-477',
    {
      title: 'The low bits of an L1CD are part of L2Ptr',
      area: 'context',
      origin: '5.3',
      severity: 'wrong translation',
    },
    edit('cd-table', 'const L2_PTR = addressField(55, 12);', 'const L2_PTR = addressField(55, 6);'),
    edit('cd-table', 'alignDown(l1cd.pointer, split + 6)', 'alignDown(l1cd.pointer, 6)'),
  ),
  bug(
    'BUG-478',
    { title: 'L2Ptr above OAS is followed', area: 'context', origin: '3.4.3', severity: 'wrong event' },
    edit(
      'cd-table',
      'flag(this.#descriptor, V) && high < this.#oasHighLimit',
      'flag(this.#descriptor, V) && high < 2 ** 20 * this.#oasHighLimit',
    ),
  ),
  bug(
    'BUG-479',
    {
      title: 'A linear CD table is not aligned to its size',
      area: 'context',
      origin: '5.2',
      severity: 'wrong translation',
      rare: 'Takes S1ContextPtr with bits that S1CDMax makes RES0; any CD of the table is permitted then, none beyond it.',
    },
    edit('cd-table', 'alignDown(s1ContextPtr, s1CdMax + 6) + index', 's1ContextPtr + index'),
  ),
  bug(
    'BUG-480',
    {
      title: 'CDs of a nested stream are fetched from their IPA',
      area: 'context',
      origin: '5.4.1',
      severity: 'isolation breach',
    },
    edit('cd-table', 'physical = this.#stage2.outputOf(address);', 'physical = address;'),
  ),
  bug(
    'BUG-481',
    {
      title: 'CDs are cached without their SubstreamID',
      area: 'configuration cache',
      origin: '4.3.3',
      severity: 'isolation breach',
    },
    edit(
      'config-cache',
      'return index === 0 ? this.#first : this.#others?.get(index);',
      'return this.#first ?? this.#others?.get(index);',
    ),
  ),
  bug(
    'BUG-482',
    {
      title: 'CMD_CFGI_CD drops the CD of SubstreamID 0 whatever it is given',
      area: 'configuration cache',
      origin: '4.3.3',
      severity: 'isolation breach',
    },
    edit('config-cache', 'entry.dropContext(index);', 'entry.dropContext(0);'),
  ),
  bug(
    'BUG-483',
    {
      title: 'CMD_CFGI_CD_ALL drops the CD of SubstreamID 0 alone',
      area: 'configuration cache',
      origin: '4.3.4',
      severity: 'isolation breach',
    },
    edit('config-cache', 'this.lookup(streamId)?.dropContexts();', 'this.lookup(streamId)?.dropContext(0);'),
  ),
  bug(
    'BUG-484',
    {
      title: 'CMD_CFGI_CD always leaves the L1CD',
      area: 'configuration cache',
      origin: '4.3.3',
      severity: 'isolation breach',
    },
    edit('config-cache', 'if (!leaf) entry.dropL1cds();', ''),
  ),
  bug(
    'BUG-485',
    {
      title: 'An L1CD that stage 2 denies is cached as invalid',
      area: 'configuration cache',
      origin: '3.21.3',
      severity: 'spurious fault',
    },
    edit(
      'cd-table',
      'if (event !== NONE) return event;\n      entry',
      'if (event !== NONE) {\n        entry.insertL1cd(index1, { valid: false, pointer: 0 });\n        return event;\n      }\n      entry',
    ),
  ),
];
