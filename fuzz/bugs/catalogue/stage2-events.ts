/** Seeded bugs of what is told of stage 2 and of substreams, and of the commands of the stages (4.3, 4.4, 5.5, 7.3). */
import { bug, edit } from '../bug.ts';

export const STAGE2_EVENT_BUGS = [
  bug(
    'BUG-498',
    { title: 'S2 is missing from stage 2 events', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit('events', 'set(record, S2, 1);', ''),
  ),
  bug(
    'BUG-499',
    { title: 'Stage 2 events have no IPA', area: 'events', origin: '7.3.13', severity: 'wrong event' },
    edit('events', 'set(record, IPA_LOW, Math.floor(fault.ipa / 2 ** 12) % 2 ** 20);', ''),
    edit('events', 'set(record, IPA_HIGH, Math.floor(fault.ipa / 2 ** 32));', ''),
  ),
  bug(
    'BUG-500',
    {
      title: 'The IPA of a stage 2 event has its offset in the page',
      area: 'events',
      origin: '7.3.13',
      severity: 'wrong event',
    },
    edit('events', 'set(record, IPA_LOW, Math.floor(fault.ipa / 2 ** 12) % 2 ** 20);', 'record[6] = fault.ipa >>> 0;'),
    edit('events', 'const IPA_LOW = bits(223, 204);', ''),
  ),
  bug(
    'BUG-501',
    {
      title: 'The IPA of a permission fault on a combined hit is that of the page',
      area: 'events',
      origin: '7.3.16',
      severity: 'wrong event',
      rare: 'Takes a stage 2 permission fault on a TLB hit inside a block, beyond its first page.',
    },
    edit('translate', 'if (hit) fault.ipa = tlb.ipaOf(slot) + offset;', 'if (hit) fault.ipa = tlb.ipaOf(slot);'),
  ),
  bug(
    'BUG-502',
    {
      title: 'The IPA of a stage 2 event is the input address',
      area: 'events',
      origin: '7.3.13',
      severity: 'wrong event',
    },
    edit(
      'walk',
      'this.#fault.ipa = ipa;\n    const event',
      'this.#fault.ipa = toAddress(high & 0xffff, low);\n    const event',
    ),
  ),
  bug(
    'BUG-503',
    {
      title: 'A stage 2 fault of a stage 1 descriptor says CLASS=IN',
      area: 'events',
      origin: '7.3.13',
      severity: 'wrong event',
    },
    edit(
      'walk',
      'if (event !== NONE) return this.#stage2Fault(event, CLASS_TT);',
      'if (event !== NONE) return this.#stage2Fault(event, CLASS_IN);',
    ),
  ),
  bug(
    'BUG-504',
    { title: 'A stage 2 fault of a CD fetch says CLASS=TT', area: 'events', origin: '7.3.13', severity: 'wrong event' },
    edit('cd-table', 'fault.cause = CLASS_CD;', 'fault.cause = 0b01;'),
  ),
  bug(
    'BUG-505',
    {
      title: 'The IPA of a stage 2 fault of a stage 1 table is that of the table, not of the entry',
      area: 'events',
      origin: '7.3.13',
      severity: 'wrong event',
    },
    edit('walk', 'this.#fault.ipa = address;', 'this.#fault.ipa = address - (address & 0xffff);'),
  ),
  bug(
    'BUG-506',
    { title: 'TTRnW says write', area: 'events', origin: '7.3.16', severity: 'wrong event' },
    edit('events', 'if (event === F_PERMISSION && fault.cause === CLASS_TT) set(record, TTRNW, 1);', ''),
  ),
  bug(
    'BUG-507',
    {
      title: 'STE.S2R is ignored: every stage 2 fault is recorded',
      area: 'events',
      origin: '5.5',
      severity: 'wrong event',
    },
    edit('translate', 'if (stage2.record || event', 'if (!this.#silent || event'),
  ),
  bug(
    'BUG-508',
    { title: 'STE.S2R suppresses F_WALK_EABT', area: 'events', origin: '5.5', severity: 'wrong event' },
    edit('translate', 'if (stage2.record || event === events.F_WALK_EABT) this', 'if (stage2.record) this'),
  ),
  bug(
    'BUG-509',
    {
      title: 'CD.R and CD.A decide over stage 2 faults of a nested stream',
      area: 'events',
      origin: '5.5',
      severity: 'wrong event',
    },
    edit('translate', 'if (this.#fault.stage2) return this.#stage2Fault(t, context.stage2!, event);', ''),
  ),
  bug(
    'BUG-510',
    {
      title: 'F_WALK_EABT of a stage 2 descriptor says S2=0',
      area: 'events',
      origin: '7.3.12',
      severity: 'wrong event',
    },
    edit('events', 'if (!fault.stage2) return;', 'if (!fault.stage2 || event === F_WALK_EABT) return;'),
  ),
  bug(
    'BUG-511',
    {
      title: 'FetchAddr of a stage 1 descriptor of a nested stream is its IPA',
      area: 'events',
      origin: '7.3.12',
      severity: 'wrong event',
    },
    edit('walk', 'this.#fault.fetchAddress = physical;', 'this.#fault.fetchAddress = address;'),
  ),
  bug(
    'BUG-512',
    {
      title: 'FetchAddr of a CD of a nested stream is its IPA',
      area: 'events',
      origin: '7.3.10',
      severity: 'wrong event',
    },
    edit('cd-table', 'fault.fetchAddress = physical;', 'fault.fetchAddress = address;'),
  ),
  bug(
    'BUG-513',
    { title: 'F_STREAM_DISABLED names the substream', area: 'events', origin: '7.3.7', severity: 'wrong event' },
    edit('events', 'if (source.substreamId >= 0 && event !== F_STREAM_DISABLED) {', 'if (source.substreamId >= 0) {'),
  ),
  bug(
    'BUG-514',
    { title: 'Events of substreams lack SSV', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit('events', 'if (event !== C_BAD_SUBSTREAMID) set(record, SSV, 1);', ''),
  ),
];

export const STAGE2_COMMAND_BUGS = [
  bug(
    'BUG-515',
    {
      title: 'Stage 1 commands are taken without stage 1',
      area: 'commands',
      origin: '4.4.2',
      severity: 'missing fault',
    },
    edit(
      'commands',
      'if (!s1p) return CERROR_ILL;\n        if (this.#vmidInRange(words)) this.#tlb.invalidateVmid',
      'if (this.#vmidInRange(words)) this.#tlb.invalidateVmid',
    ),
  ),
  bug(
    'BUG-516',
    { title: 'CMD_CFGI_CD is taken without stage 1', area: 'commands', origin: '4.3.3', severity: 'missing fault' },
    edit(
      'commands',
      'if (flag(words, SSEC) || !s1p) return CERROR_ILL;\n        this.#configCache.invalidateCd(',
      'if (flag(words, SSEC)) return CERROR_ILL;\n        this.#configCache.invalidateCd(',
    ),
  ),
  bug(
    'BUG-517',
    {
      title: 'CMD_TLBI_S2_IPA is taken without stage 2',
      area: 'commands',
      origin: '4.4.3.1',
      severity: 'missing fault',
    },
    edit(
      'commands',
      'if (!s2p || this.#scopeIllegal(words)) return CERROR_ILL;',
      'if (this.#scopeIllegal(words)) return CERROR_ILL;',
    ),
  ),
];
