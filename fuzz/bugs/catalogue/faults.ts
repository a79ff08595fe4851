/** Seeded bugs of how faults are answered and told: responses, event records, the Event queue, interrupts (5.5, 7, 3.18). */
import { bug, edit } from '../bug.ts';

export const EVENT_BUGS = [
  bug(
    'BUG-01',
    {
      title: 'Words that an event does not define keep what the last one left',
      area: 'events',
      origin: 'BUG-01, QEMU',
      severity: 'isolation breach',
    },
    edit('events', 'record.fill(0);', ''),
  ),
  bug(
    'BUG-13',
    {
      title: 'FetchAddr is packed into one word',
      area: 'events',
      origin: 'BUG-13, QEMU',
      severity: 'wrong event',
    },
    edit('events', 'set(record, FETCH_ADDR_LOW, Math.floor(fault.fetchAddress / 8) % 2 ** 29);', ''),
    edit(
      'events',
      'set(record, FETCH_ADDR_HIGH, Math.floor(fault.fetchAddress / 2 ** 32));',
      'record[7] = ((Math.floor(fault.fetchAddress / 2 ** 16) << 3) | (fault.fetchAddress & 0xffff)) >>> 0;',
    ),
  ),
  bug(
    'BUG-31',
    {
      title: 'CD.R is lost once the configuration is cached',
      area: 'events',
      origin: 'BUG-31, QEMU',
      severity: 'wrong event',
    },
    edit('translate', 'return cached;', 'return { ...cached, cd: { ...cached.cd, record: false } };'),
  ),
  bug(
    'BUG-98',
    { title: 'A translation fault ends the program', area: 'events', origin: 'BUG-98, gem5', severity: 'crash' },
    edit(
      'translate',
      'if (cd.record) this.#reject(t, event);',
      "if (event === events.F_TRANSLATION) throw new Error('no translation');\n    if (cd.record) this.#reject(t, event);",
    ),
  ),
  bug(
    'BUG-320',
    { title: 'RnW is inverted', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit('events', 'set(record, RNW, source.write ? 0 : 1);', 'set(record, RNW, source.write ? 1 : 0);'),
  ),
  bug(
    'BUG-321',
    { title: 'StreamID is left out of translation faults', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit(
      'events',
      'set(record, STREAM_ID, source.streamId);',
      'if (event < F_TRANSLATION) set(record, STREAM_ID, source.streamId);',
    ),
  ),
  bug(
    'BUG-322',
    { title: 'PnU and InD are swapped', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit('events', 'const PNU = bits(97);', 'const PNU = bits(98);'),
    edit('events', 'const IND = bits(98);', 'const IND = bits(97);'),
  ),
  bug(
    'BUG-323',
    {
      title: 'PnU tells the attribute that came in, not the one after STE.PRIVCFG',
      area: 'events',
      origin: '7.3.13',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'events.encodeEvent(this.#record, event, t, this.#privileged,',
      'events.encodeEvent(this.#record, event, t, t.privileged,',
    ),
  ),
  bug(
    'BUG-324',
    { title: 'InputAddr is aligned to a page', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit(
      'events',
      'set(record, INPUT_ADDR_LOW, source.addressLo);',
      'set(record, INPUT_ADDR_LOW, source.addressLo & ~0xfff);',
    ),
  ),
  bug(
    'BUG-325',
    { title: 'InputAddr lacks its high half', area: 'events', origin: '7.3', severity: 'wrong event' },
    edit('events', 'set(record, INPUT_ADDR_HIGH, source.addressHi);', ''),
  ),
  bug(
    'BUG-326',
    { title: 'F_WALK_EABT says CLASS=IN', area: 'events', origin: '7.3.12', severity: 'wrong event' },
    edit(
      'events',
      'set(record, CLASS, fault.cause);',
      'set(record, CLASS, event === F_WALK_EABT ? CLASS_IN : fault.cause);',
    ),
  ),
  bug(
    'BUG-327',
    {
      title: 'An aborted walk is reported as F_TRANSLATION',
      area: 'events',
      origin: '7.3.12',
      severity: 'wrong event',
    },
    edit(
      'walk',
      'this.#fault.cause = CLASS_TT;\n    return F_WALK_EABT;',
      'this.#fault.cause = CLASS_IN;\n    return F_TRANSLATION;',
    ),
  ),
  bug(
    'BUG-328',
    {
      title: 'An aborted CD fetch is reported as C_BAD_CD',
      area: 'events',
      origin: '7.3.10',
      severity: 'wrong event',
    },
    edit('cd-table', '? NONE : F_CD_FETCH;', '? NONE : 0x0a;'),
  ),
  bug(
    'BUG-329',
    {
      title: 'F_STE_FETCH gives the base of the Stream table',
      area: 'events',
      origin: '7.3.4',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'this.#fault.fetchAddress = this.#streamTable.address;',
      'this.#fault.fetchAddress = this.#registers.strtabBase;',
    ),
  ),
  bug(
    'BUG-330',
    { title: 'CD.R is ignored: every fault is recorded', area: 'events', origin: '5.5', severity: 'wrong event' },
    edit('translate', 'if (cd.record) this.#reject(t, event);', 'this.#reject(t, event);'),
  ),
  bug(
    'BUG-331',
    {
      title: 'CD.A=0 aborts instead of RAZ/WI',
      area: 'events',
      origin: '5.5',
      severity: 'spurious fault',
    },
    edit('translate', 'return cd.abort ? ABORT : RAZ_WI;', 'return ABORT;'),
  ),
  bug(
    'BUG-332',
    { title: 'CD.A=1 is RAZ/WI', area: 'events', origin: '5.5', severity: 'missing fault' },
    edit('translate', 'return cd.abort ? ABORT : RAZ_WI;', 'return RAZ_WI;'),
  ),
  bug(
    'BUG-333',
    {
      title: 'An aborted fetch is not recorded when CD.R is 0',
      area: 'events',
      origin: '5.5',
      severity: 'wrong event',
    },
    edit(
      'translate',
      'if (event === events.F_WALK_EABT) return this.#reject(t, event);',
      'if (event === events.F_WALK_EABT) return context.cd.record ? this.#reject(t, event) : ABORT;',
    ),
  ),
  bug(
    'BUG-335',
    {
      title: 'CMD_PREFETCH_CONFIG records an event for a stream it cannot use',
      area: 'events',
      origin: '4.2.1',
      severity: 'wrong event',
    },
    edit(
      'translate',
      't.substreamId = substreamId;\n    this.#silent = true;\n    const entry',
      't.substreamId = substreamId;\n    const entry',
    ),
  ),
];

export const EVENT_QUEUE_BUGS = [
  bug(
    'BUG-76',
    {
      title: 'Overflow of the Event queue is signalled as EVENTQ_ABT_ERR',
      area: 'Event queue',
      origin: 'BUG-76, openvmm',
      severity: 'wrong event',
    },
    edit('event-queue', 'registers.eventOverflow();', 'registers.activateError(GERROR_EVENTQ_ABT_ERR);'),
  ),
  bug(
    'BUG-78',
    {
      title: 'The increment of EVENTQ_PROD wipes OVFLG',
      area: 'Event queue',
      origin: 'BUG-78, openvmm',
      severity: 'wrong event',
    },
    edit('registers', 'this.#eventqProd = index;', 'this.#eventqProd = index;\n    this.#ovflg = 0;'),
  ),
  bug(
    'BUG-80',
    {
      title: 'Events are written while EVENTQ_ABT_ERR is active',
      area: 'Event queue',
      origin: 'BUG-80, openvmm',
      severity: 'wrong event',
      rare: 'Takes a fault while EVENTQ_ABT_ERR is active and the queue lies in memory again.',
    },
    edit('event-queue', ' || registers.errorActive(GERROR_EVENTQ_ABT_ERR)) return;', ') return;'),
  ),
  bug(
    'BUG-106',
    {
      title: 'Overflow sets OVFLG instead of toggling it',
      area: 'Event queue',
      origin: 'BUG-106, cloud-hypervisor',
      severity: 'wrong event',
    },
    edit('registers', 'this.#ovflg ^= 1;', 'this.#ovflg = 1;'),
  ),
  bug(
    'BUG-112',
    {
      title: 'A full queue counts as empty: the wrap flag is not compared',
      area: 'Event queue',
      origin: 'BUG-112, bao-hypervisor',
      severity: 'hang',
    },
    edit('queues', 'return (prod - cons) & indexMask(log2Size);', 'return (prod - cons) & indexMask(log2Size - 1);'),
  ),
  bug(
    'BUG-340',
    { title: 'EVENTQ_PROD loses its wrap flag', area: 'Event queue', origin: '3.5.1', severity: 'hang' },
    edit(
      'event-queue',
      'registers.eventqProd = nextIndex(prod, log2Size);',
      'registers.eventqProd = slotOf(nextIndex(prod, log2Size), log2Size);',
    ),
  ),
  bug(
    'BUG-341',
    {
      title: 'OVFLG toggles with every event that is lost',
      area: 'Event queue',
      origin: '7.4',
      severity: 'wrong event',
    },
    edit('registers', 'if (this.#ovflg === this.#ovackflg) this.#ovflg ^= 1;', 'this.#ovflg ^= 1;'),
  ),
  bug(
    'BUG-342',
    { title: 'Overflow is not told', area: 'Event queue', origin: '7.4', severity: 'wrong event' },
    edit('event-queue', 'if (waiting === 2 ** log2Size) registers.eventOverflow();', ''),
  ),
  bug(
    'BUG-343',
    {
      title: 'The Event queue overflows with one entry free',
      area: 'Event queue',
      origin: '3.5.1',
      severity: 'wrong event',
    },
    edit('event-queue', 'if (waiting >= 2 ** log2Size) {', 'if (waiting >= Math.max(1, 2 ** log2Size - 1)) {'),
    edit('event-queue', 'if (waiting === 2 ** log2Size) registers', 'if (waiting <= 2 ** log2Size) registers'),
  ),
  bug(
    'BUG-344',
    { title: 'CR0.EVENTQEN is ignored', area: 'Event queue', origin: '7.2.1', severity: 'wrong event' },
    edit('event-queue', 'if (!registers.eventqEnabled || registers', 'if (registers'),
  ),
  bug(
    'BUG-345',
    {
      title: 'An aborted write of an event is not signalled',
      area: 'Event queue',
      origin: '7.2.2',
      severity: 'wrong event',
    },
    edit('event-queue', 'registers.activateError(GERROR_EVENTQ_ABT_ERR);', ''),
  ),
  bug(
    'BUG-346',
    {
      title: 'EVENTQ_BASE is not aligned to the size of the queue',
      area: 'Event queue',
      origin: '6.3.29',
      severity: 'wrong event',
    },
    edit('registers', 'this.eventqLog2Size + 5,', '5,'),
  ),
  bug(
    'BUG-347',
    {
      title: 'EVENTQ_BASE.LOG2SIZE is not capped to IDR1.EVENTQS',
      area: 'Event queue',
      origin: '6.3.29',
      severity: 'wrong event',
    },
    edit(
      'registers',
      'Math.min(extract(this.#eventqLow, map.QUEUE_LOG2SIZE), this.#features.eventqs)',
      'extract(this.#eventqLow, map.QUEUE_LOG2SIZE)',
    ),
  ),
];

export const INTERRUPT_BUGS = [
  bug(
    'BUG-07',
    {
      title: 'The Event queue interrupt comes only when the queue is empty after the write',
      area: 'interrupts',
      origin: 'BUG-07, QEMU',
      severity: 'hang',
    },
    edit(
      'event-queue',
      'if (waiting === 0 &&',
      'if (entriesBetween(registers.eventqProd, registers.eventqCons, log2Size) === 0 &&',
    ),
  ),
  bug(
    'BUG-100',
    {
      title: 'IRQ_CTRL.EVENTQ_IRQEN is ignored',
      area: 'interrupts',
      origin: 'BUG-100, gem5',
      severity: 'wrong event',
    },
    edit('event-queue', 'if (waiting === 0 && (registers.irqCtrl & IRQ_EVENTQ_IRQEN) !== 0)', 'if (waiting === 0)'),
  ),
  bug(
    'BUG-350',
    {
      title: 'Every event interrupts, also while the queue is not empty',
      area: 'interrupts',
      origin: 'BUG-100, gem5',
      severity: 'wrong event',
    },
    edit('event-queue', 'if (waiting === 0 && (registers', 'if ((registers'),
  ),
  bug(
    'BUG-351',
    { title: 'CMD_SYNC with CS=SIG_IRQ does not interrupt', area: 'interrupts', origin: '4.7.3', severity: 'hang' },
    edit('commands', "if (get(words, CS) === CS_SIG_IRQ) this.#interrupts.raise('CMD_SYNC');", ''),
  ),
  bug(
    'BUG-352',
    { title: 'CMD_SYNC with CS=SIG_SEV interrupts', area: 'interrupts', origin: '4.7.3', severity: 'wrong event' },
    edit('commands', 'if (get(words, CS) === CS_SIG_IRQ) this', 'if (get(words, CS) >= CS_SIG_IRQ) this'),
  ),
  bug(
    'BUG-353',
    {
      title: 'The enable of the Event queue interrupt enables the one of global errors',
      area: 'interrupts',
      origin: '6.3.16',
      severity: 'hang',
    },
    edit('registers', '(this.irqCtrl & map.IRQ_GERROR_IRQEN)', '(this.irqCtrl & map.IRQ_EVENTQ_IRQEN)'),
  ),
  bug(
    'BUG-354',
    { title: 'IRQ_CTRL.GERROR_IRQEN is ignored', area: 'interrupts', origin: '3.18.2', severity: 'wrong event' },
    edit('registers', 'if ((this.irqCtrl & map.IRQ_GERROR_IRQEN) !== 0) this', 'this'),
  ),
  bug(
    'BUG-355',
    { title: 'A global error does not interrupt', area: 'interrupts', origin: '7.5', severity: 'hang' },
    edit('registers', "if ((this.irqCtrl & map.IRQ_GERROR_IRQEN) !== 0) this.#interrupts.raise('GERROR');", ''),
  ),
];
