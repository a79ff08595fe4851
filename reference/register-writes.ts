/**
 * Writing the Non-secure registers (6.2, 6.3): the states that a write of each 32-bit word may lead to. What it sets in motion
 * (an Update, command processing) happens in progress.ts.
 */
import type { Features } from './features.ts';
import { type Guard, guarded, guardState } from './guards.ts';
import { index, occupancy } from './queues.ts';
import {
  type Context,
  GBPA_ABORT,
  GBPA_PERMISSIONS,
  GBPA_TYPES,
  gbpaLoose,
  idWindow,
  INDEX_BITS,
  note,
  noted,
  OVERFLOW_FLAG,
  PAGE1,
  single,
  type WriteResult,
} from './register-words.ts';
import type { RuleId } from './rules/ids.ts';
import {
  CMDQ_BASE,
  CMDQ_CONS,
  CMDQ_PROD,
  CMDQEN,
  CR0,
  CR0ACK,
  CR1,
  CR2,
  EVENTQ_BASE,
  EVENTQ_CONS,
  EVENTQ_PROD,
  EVENTQEN,
  GBPA,
  GERROR,
  GERROR_CMDQ_ERR,
  GERRORN,
  IRQ_CTRL,
  IRQ_CTRLACK,
  IRQEN_GERROR,
  SMMUEN,
  type State,
  STRTAB_BASE,
  STRTAB_BASE_CFG,
} from './state.ts';

/** A write of the word at `offset`. */
/** CMDQ_CONS.ERR. */
const ERR_BITS = 0x7f00_0000;

export function writeWord(state: State, context: Context, offset: number, value: number): WriteResult {
  const { features: f } = context;
  const unsigned = value >>> 0;
  switch (offset) {
    case CR0:
      return writeCr0(state, f, unsigned);
    case CR1:
      return writeCr1(state, f, unsigned);
    case CR2:
      return writeCr2(state, f, unsigned);
    case GBPA:
      return writeGbpa(state, f, unsigned);
    case IRQ_CTRL: {
      const mask = 0b101 | (f.pri ? 0b010 : 0);
      const absent = !f.pri && (unsigned & 0b010) !== 0;
      return single(state, (s) => store(s, IRQ_CTRL, unsigned, mask, absent ? ['ACK-039'] : []));
    }
    case GERRORN:
      return writeGerrorn(state, f, unsigned, context.now);
    case STRTAB_BASE:
    case STRTAB_BASE + 4:
      return guarded(state, f, SMMUEN, f.tablesPreset, ['REG-265', 'REG-271', 'REG-272'], (s) => {
        storeAddressHalf(s, f, STRTAB_BASE, offset, unsigned, 0xffff_ffc0, ['REG-263', 'REG-273', 'REG-274']);
      });
    case STRTAB_BASE_CFG:
      return guarded(state, f, SMMUEN, f.tablesPreset, ['REG-269', 'REG-271', 'REG-272'], (s) => {
        const mask = f.stLevel === 0 ? 0x3f : 0x3_07ff;
        store(s, offset, unsigned, mask, ['REG-267', 'REG-290', ...(f.stLevel === 0 ? (['STRTAB-011'] as const) : [])]);
      });
    case CMDQ_BASE:
    case CMDQ_BASE + 4:
      return guarded(state, f, CMDQEN, f.queuesPreset, ['REG-294', 'REG-308', 'REG-309'], (s) => {
        const before = Math.min(s.word(CMDQ_BASE) & 0x1f, f.cmdqs);
        storeAddressHalf(s, f, CMDQ_BASE, offset, unsigned, 0xffff_ffff, ['REG-292', 'REG-314', 'REG-313']);
        resized(s, before, Math.min(s.word(CMDQ_BASE) & 0x1f, f.cmdqs), [CMDQ_PROD, CMDQ_CONS], ['REG-324', 'REG-325']);
      });
    case CMDQ_PROD:
      return writeCmdqProd(state, f, unsigned, context.now);
    case CMDQ_CONS:
      return guarded(state, f, CMDQEN, false, ['REG-298', 'REG-308', 'REG-309'], (s) => {
        const wider = unsigned & INDEX_BITS & ~(2 ** (Math.min(s.word(CMDQ_BASE) & 0x1f, f.cmdqs) + 1) - 1);
        const extra: RuleId[] = [
          ...(wider !== 0 ? (['REG-329'] as const) : []),
          ...(unsigned >>> 24 !== 0 ? (['REG-322'] as const) : []),
        ];
        // ERR may take the written value or keep its own.
        const err = s.word(CMDQ_CONS) & ERR_BITS;
        const unknown = (s.unknown(CMDQ_CONS) | (err ^ unsigned)) & ERR_BITS;
        s.set(CMDQ_CONS, (unsigned & INDEX_BITS) | err, ['REG-296', ...extra]);
        s.change(CMDQ_CONS, { unknown });
        s.change(CMDQ_CONS, { reserved: (s.reserved(CMDQ_CONS) | (unsigned & 0x80f0_0000)) >>> 0 });
      });
    case EVENTQ_BASE:
    case EVENTQ_BASE + 4:
      return guarded(state, f, EVENTQEN, f.queuesPreset, ['REG-332', 'REG-351', 'REG-352'], (s) => {
        const before = Math.min(s.word(EVENTQ_BASE) & 0x1f, f.eventqs);
        storeAddressHalf(s, f, EVENTQ_BASE, offset, unsigned, 0xffff_ffff, ['REG-330', 'REG-355', 'REG-355']);
        const after = Math.min(s.word(EVENTQ_BASE) & 0x1f, f.eventqs);
        resized(s, before, after, [EVENTQ_PROD, EVENTQ_CONS], ['REG-360', 'REG-360']);
      });
    case EVENTQ_PROD:
      return guarded(state, f, EVENTQEN, false, ['REG-336', 'REG-351', 'REG-352'], (s) => {
        store(s, offset, unsigned, INDEX_BITS | OVERFLOW_FLAG, ['REG-334']);
      });
    case EVENTQ_CONS:
      return writeEventqCons(state, f, unsigned);
    case 0xa8:
    case 0xac: {
      const alias = writeWord(state, context, offset + PAGE1, value);
      const guards = offset === 0xa8 && (state.word(CR0) & EVENTQEN) !== 0;
      return { ...alias, states: [state, ...alias.states.map((s) => (guards ? noted(s, EVENTQ_PROD, 'REG-394') : s))] };
    }
    default:
      break;
  }
  // Read-only, absent, reserved or IMPLEMENTATION DEFINED: nothing the reference models changes.
  if (offset >= PAGE1 && offset < 2 * PAGE1) {
    const alias = writeWord(state, context, offset - PAGE1, value);
    const kept = state.copy();
    kept.change(offset, { reserved: (kept.reserved(offset) | unsigned) >>> 0 });
    return { ...alias, states: [kept, ...alias.states] };
  }
  if (idWindow(offset) && state.has(offset)) return single(state, (s) => note(s, offset, 'REG-093'));
  if (offset < 0x20 || offset === CR0ACK || offset === IRQ_CTRLACK || offset === GERROR) {
    return single(state, (s) => note(s, offset, writeIgnored(offset)));
  }
  if (value === 0 || offset >= 2 * PAGE1 || idWindow(offset)) return { states: [state] };
  return single(state, (s) => s.change(offset, { reserved: (s.reserved(offset) | unsigned) >>> 0 }));
}

function writeIgnored(offset: number): RuleId {
  if (offset === GERROR) return 'REG-185';
  return offset === CR0ACK || offset === IRQ_CTRLACK ? 'ACK-019' : 'REG-017';
}

function writeCr0(state: State, f: Features, value: number): WriteResult {
  const mask =
    SMMUEN | EVENTQEN | CMDQEN | (f.pri ? 2 : 0) | (f.ats ? 16 : 0) | (f.vmw ? 0x1c0 : 0) | (f.dpt ? 0x400 : 0);
  const before = state.word(CR0);
  const pending = (before ^ state.cr0Ack) & mask;
  const altered = pending & (before ^ value);
  const fields = cr0FieldRules(before ^ value);
  const rules: RuleId[] = [
    ...(fields.length > 1 ? (['ACK-014'] as const) : []),
    ...fields,
    ...cr0AbsentRules(f, value),
  ];
  if (pending !== 0 && (pending & (before ^ value)) === 0) rules.push('ACK-015');
  const written = (bits: number): State => {
    const next = state.copy();
    store(next, CR0, bits, mask, altered === 0 ? rules : [...rules, f.minor >= 2 ? 'ACK-016' : 'ACK-017']);
    next.change(CR0, { reserved: next.reserved(CR0) | (value & ~mask) });
    return next;
  };
  if (altered === 0) return { states: [written(value)] };
  const kept = (value & ~altered) | (before & altered);
  const result = { states: [written(kept), written(value)] };
  return f.minor >= 2 ? result : { ...result, chaos: 'a CR0 field was altered again before its Update completed' };
}

function cr0FieldRules(changed: number): RuleId[] {
  const rules: RuleId[] = [];
  if (changed & SMMUEN) rules.push('ACK-001');
  if (changed & CMDQEN) rules.push('ACK-003');
  if (changed & EVENTQEN) rules.push('ACK-005');
  return rules;
}

function cr0AbsentRules(f: Features, value: number): RuleId[] {
  const rules: RuleId[] = [];
  if (value & ~0x5df) rules.push('ACK-018');
  if (!f.vmw && value & 0x1c0) rules.push('REG-109');
  if (!f.ats && value & 0x10) rules.push('REG-110');
  if (!f.pri && value & 0x2) rules.push('REG-111');
  if (!f.dpt && value & 0x400) rules.push('REG-112');
  return rules;
}

function writeCr1(state: State, f: Features, value: number): WriteResult {
  const tables = guardState(state, SMMUEN);
  const queues = guardState(state, CMDQEN | EVENTQEN | (f.pri ? 2 : 0));
  let forks = [state.copy()];
  const part = (mask: number, guard: Guard, preset: boolean, open: RuleId, closed: RuleId, old: RuleId): void => {
    const take = (s: State): void => {
      s.change(CR1, { value: ((s.word(CR1) & ~mask) | (value & mask)) >>> 0 });
      s.change(CR1, { unknown: s.unknown(CR1) & ~mask });
      note(s, CR1, open);
    };
    if (preset) return;
    if (guard === 'open') forks.forEach(take);
    else if (f.minor >= 2) {
      if (((state.word(CR1) ^ value) & mask) !== 0) forks.forEach((s) => note(s, CR1, closed));
    } else {
      const applied = forks.map((s) => s.copy());
      applied.forEach(take);
      [...forks, ...applied].forEach((s) => note(s, CR1, old));
      forks = [...forks, ...applied];
    }
  };
  part(0xfc0, tables, f.tablesPreset, 'REG-123', 'REG-124', 'REG-140');
  const queueRule: RuleId = (state.word(CR0) | state.cr0Ack) & CMDQEN ? 'REG-126' : 'REG-127';
  part(0x03f, queues, f.queuesPreset, 'REG-125', queueRule, 'REG-141');
  const changed = state.word(CR1) ^ value;
  for (const fork of forks) {
    if (tables !== queues && changed & 0xfc0 && changed & 0x3f) note(fork, CR1, 'REG-128');
    reserve(fork, CR1, value, 0xfff, 'REG-129');
  }
  return { states: forks };
}

function writeCr2(state: State, f: Features, value: number): WriteResult {
  const mask = 0b10 | (f.hyp ? 1 : 0) | (f.btm ? 4 : 0) | (f.atsRecErr ? 8 : 0);
  const absent: RuleId[] = [];
  if (!f.hyp && value & 1) absent.push('REG-162');
  if (!f.btm && value & 4) absent.push('REG-166');
  if (!f.atsRecErr && value & 8) absent.push('REG-170');
  const take = (s: State): void => {
    store(s, CR2, value, mask, ['REG-149', 'REG-172', ...absent]);
  };
  const guard = guardState(state, SMMUEN);
  if (guard === 'open') return single(state, take);
  if (guard === 'closed') return single(state, (s) => note(s, CR2, 'REG-150'));
  if (f.minor >= 2) return single(state, (s) => note(s, CR2, 'REG-157'));
  const applied = state.copy();
  take(applied);
  return { states: [state, applied].map((s) => noted(s, CR2, 'REG-158')) };
}

function writeGbpa(state: State, f: Features, value: number): WriteResult {
  const fields = value & (GBPA_ABORT | GBPA_PERMISSIONS | GBPA_TYPES);
  const begin = (s: State): void => {
    s.gbpaPending = fields;
    s.change(GBPA, { reserved: s.reserved(GBPA) | (value & 0x7fe0_c0e0) });
  };
  if (state.gbpaPending !== undefined) {
    if (f.minor >= 2) return single(state, (s) => note(s, GBPA, 'ACK-052'));
    return { states: [noted(state, GBPA, 'ACK-053')], chaos: 'GBPA was written while its Update was pending' };
  }
  if (value >>> 31 === 1) {
    const rules: RuleId[] = state.cr0Ack & SMMUEN ? ['ACK-055'] : [];
    return single(state, (s) => {
      begin(s);
      rules.forEach((rule) => note(s, GBPA, rule));
    });
  }
  if (f.minor >= 2) return single(state, (s) => note(s, GBPA, 'ACK-049'));
  const applied = state.copy();
  begin(applied);
  applied.gbpaPending = undefined;
  applied.set(GBPA, fields, ['ACK-051']);
  return { states: [noted(state, GBPA, 'ACK-051'), applied], chaos: 'GBPA was written without Update' };
}

/** A GBPA Update completes (6.3.14.1). */
export function completeGbpa(state: State, f: Features): void {
  const value = state.gbpaPending;
  if (value === undefined) return;
  state.gbpaPending = undefined;
  const rules: RuleId[] = ['ACK-045', 'ACK-047', 'ACK-056', 'REG-181'];
  if (state.cr0InForce & SMMUEN) rules.push('ACK-055');
  if (!f.attrPermsOvr) rules.push('REG-180');
  if (!f.attrTypesOvr) rules.push('REG-179');
  if (state.reserved(GBPA)) rules.push('REG-177', 'SEC-019');
  state.set(GBPA, value, rules);
  state.change(GBPA, { unknown: gbpaLoose(value, f) });
}

function writeGerrorn(state: State, f: Features, value: number, now: number): WriteResult {
  const mask = (1 << 0) | (1 << 2) | (1 << 8) | (f.pri ? 1 << 3 : 0) | (f.msi ? 0xb0 : 0) | (f.msi && f.pri ? 0x40 : 0);
  const before = state.word(GERRORN);
  const active = state.activeErrors();
  const toggled = (before ^ value) & mask;
  const acknowledged = state.copy();
  const rules: RuleId[] = ['REG-187', 'REG-189', 'GERR-001'];
  if (toggled & active) rules.push('GERR-004', 'GERR-040');
  if (toggled & active && active & ~toggled) rules.push('REG-201');
  acknowledged.change(GERRORN, { reserved: state.reserved(GERRORN) | (value & ~mask) });
  acknowledged.set(GERRORN, value & mask, rules);
  if (toggled & active & GERROR_CMDQ_ERR) {
    acknowledged.cmdqPublishedAt = now;
    acknowledged.change(CMDQ_CONS, {
      why: (state.cr0InForce & CMDQEN) !== 0 ? ['CMDQ-057'] : ['CMDQ-062'],
    });
  }
  const differing = acknowledged.word(GERROR) ^ acknowledged.word(GERRORN);
  acknowledged.ghostErrors = state.ghostErrors & differing;
  const invited = toggled & ~active & differing;
  if (invited === 0) return { states: [acknowledged] };
  // Software toggled the bit of an error that is not active: whether it becomes active is UNPREDICTABLE.
  const rule: RuleId = invited & GERROR_CMDQ_ERR ? 'CMDQ-064' : 'GERR-007';
  if ((acknowledged.irqCtrlAck & IRQEN_GERROR) !== 0) acknowledged.due('GERROR', false, [rule]);
  const ghost = acknowledged.copy();
  ghost.ghostErrors |= invited;
  return { states: [noted(acknowledged, GERRORN, rule), noted(ghost, GERRORN, rule)] };
}

function writeCmdqProd(state: State, f: Features, value: number, now: number): WriteResult {
  const log2Size = Math.min(state.word(CMDQ_BASE) & 0x1f, f.cmdqs);
  const next = state.copy();
  const enabled = (state.cr0InForce & CMDQEN) !== 0;
  const error = (state.activeErrors() & GERROR_CMDQ_ERR) !== 0;
  store(next, CMDQ_PROD, value, INDEX_BITS, ['REG-300', 'REG-317', ...(enabled ? [] : (['CMDQ-035'] as const))]);
  if (enabled && !error) note(next, CMDQ_CONS, 'CMDQ-034');
  if (!enabled) return { states: [next] };
  const cons = state.word(CMDQ_CONS);
  const before = occupancy(state.word(CMDQ_PROD), cons, log2Size);
  if (before === 0) next.cmdqPublishedAt = now;
  const after = occupancy(value, cons, log2Size);
  if (after <= 2 ** log2Size && (after >= before || error)) {
    if (after < before) note(next, CMDQ_PROD, 'CMDQ-059');
    if (after === 2 ** log2Size) note(next, CMDQ_CONS, 'CMDQ-003');
    return { states: [next] };
  }
  next.cmdqStuck = true;
  note(next, CMDQ_PROD, 'CMDQ-021');
  return { states: [next], chaos: 'CMDQ_PROD was moved in a way that does not add entries' };
}

function writeEventqCons(state: State, f: Features, value: number): WriteResult {
  const log2Size = Math.min(state.word(EVENTQ_BASE) & 0x1f, f.eventqs);
  const next = state.copy();
  const rules: RuleId[] = ['REG-338'];
  const prod = state.word(EVENTQ_PROD);
  if ((state.word(EVENTQ_CONS) ^ value) & OVERFLOW_FLAG && ((prod ^ value) & OVERFLOW_FLAG) === 0) {
    rules.push('EVQ-027');
    if (index(value, log2Size) === index(state.word(EVENTQ_CONS), log2Size)) rules.push('EVQ-028');
  }
  store(next, EVENTQ_CONS, value, INDEX_BITS | OVERFLOW_FLAG, rules);
  // What software has consumed nothing can be merged into.
  next.recorded = [];
  const enabled = (state.word(CR0) & EVENTQEN) !== 0;
  const left = occupancy(prod, value, log2Size);
  if (!enabled || left <= occupancy(prod, state.word(EVENTQ_CONS), log2Size)) return { states: [next] };
  note(next, EVENTQ_CONS, 'CMDQ-022');
  return { states: [next], chaos: 'EVENTQ_CONS was moved in a way that does not consume entries' };
}

function storeAddressHalf(
  state: State,
  f: Features,
  base: number,
  offset: number,
  value: number,
  lowMask: number,
  rules: readonly [RuleId, RuleId, RuleId],
): void {
  const half = offset === base ? lowMask : 0x40ff_ffff;
  store(state, offset, value, half, [rules[0], rules[1]]);
  if (offset === base) return;
  const stored = f.oas >= 56 ? 0x00ff_ffff : 2 ** Math.max(0, f.oas - 32) - 1;
  const above = value & 0x00ff_ffff & ~stored;
  if (above === 0) return;
  // Bits above OAS are RES0: storing them is optional, and they are no part of the address.
  state.change(offset, { unknown: state.unknown(offset) | above });
  note(state, offset, rules[2]);
}

/** PROD and CONS when LOG2SIZE changes (6.3.27, 6.3.95): new bits UNKNOWN, or truncation. */
function resized(
  state: State,
  before: number,
  after: number,
  offsets: readonly number[],
  rules: readonly [RuleId, RuleId],
): void {
  if (before === after) return;
  for (const offset of offsets) {
    const kept = 2 ** (before + 1) - 1;
    const width = 2 ** (after + 1) - 1;
    if (after > before) {
      state.change(offset, { unknown: state.unknown(offset) | (width & ~kept) });
      note(state, offset, rules[0]);
    } else {
      const flags = state.word(offset) & ~INDEX_BITS;
      state.change(offset, { value: (flags | (state.word(offset) & width)) >>> 0 });
      note(state, offset, rules[1]);
    }
  }
}

function store(state: State, offset: number, value: number, mask: number, why: readonly RuleId[]): void {
  state.set(offset, value & mask, why);
  reserve(state, offset, value, mask, 'REG-015');
}

function reserve(state: State, offset: number, value: number, mask: number, rule: RuleId): void {
  const reserved = (value & ~mask) >>> 0;
  state.change(offset, { reserved: (state.reserved(offset) | reserved) >>> 0 });
  note(state, offset, rule);
}
