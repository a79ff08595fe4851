/**
 * Reading the Non-secure registers (6.2, 6.3): what each 32-bit word may show. Other access sizes are taken apart in accesses.ts.
 */
import type { IdRegisters } from '../scenario/trace.ts';
import type { Features } from './features.ts';
import { idRulesOf } from './id-registers.ts';
import {
  type Context,
  GBPA_UPDATE,
  gbpaLoose,
  idWindow,
  INDEX_BITS,
  PAGE1,
  waitingCommands,
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
  GBPA,
  GERROR,
  GERROR_CMDQ_ERR,
  GERRORN,
  IRQ_CTRL,
  IRQ_CTRLACK,
  type State,
  STRTAB_BASE,
  STRTAB_BASE_CFG,
} from './state.ts';

/** One permitted result of reading a word: `known` bits of `value` are certain. */
export interface ReadOption {
  readonly value: number;
  readonly known: number;
  readonly rules: readonly RuleId[];
  /** Reserved bits that software wrote as 1, and the rules shown if they read as zero all the same. */
  readonly reserved?: { readonly bits: number; readonly rules: readonly RuleId[] };
}

const ID_NAMES: Readonly<Record<number, keyof IdRegisters>> = {
  0x00: 'IDR0',
  0x04: 'IDR1',
  0x08: 'IDR2',
  0x0c: 'IDR3',
  0x10: 'IDR4',
  0x14: 'IDR5',
  0x18: 'IIDR',
  0x1c: 'AIDR',
};

/** Registers of features that may be absent: first and last byte, whether the feature is there, the rule that makes them RES0. */
function absences(f: Features): readonly (readonly [number, number, boolean, RuleId])[] {
  return [
    [0x30, 0x37, f.s2pi, 'REG-011'],
    [0x40, 0x43, f.dormhint, 'REG-173'],
    [0x68, 0x77, f.msi, 'REG-237'],
    [0xb0, 0xbf, f.msi, 'REG-242'],
    [0xc0, 0xdf, f.pri, 'REG-374'],
    [0x100, 0x11f, f.atos, 'REG-036'],
    [0x130, 0x13f, f.mpam, 'REG-077'],
    [0x180, 0x183, f.vatos, 'REG-011'],
    [0x190, 0x193, f.ecmdq, 'REG-092'],
    [0x200, 0x217, f.dpt, 'REG-011'],
    [0x4000, 0x5fff, f.ecmdq, 'REG-011'],
  ];
}

/** What a read of the word at `offset` may show. */
export function readWord(state: State, context: Context, offset: number): readonly ReadOption[] {
  const { features: f } = context;
  const idName = ID_NAMES[offset];
  if (idName !== undefined) {
    const applied = idRulesOf(offset, f, context.id).filter((rule) => rule.applies);
    const rules: RuleId[] = [
      'REG-016',
      ...(offset === 0x10 ? (['REG-078'] as const) : []),
      ...applied.map((rule) => rule.rule),
    ];
    return [{ value: context.id[idName], known: ~0, rules: [...rules, ...state.why(offset)] }];
  }
  // A LOG2SIZE that is UNKNOWN, or preset, may be anything up to the cap.
  const qs = (base: number, cap: number): number => (unsized(base) ? 19 : Math.min(state.word(base) & 0x1f, cap));
  const unsized = (base: number): boolean => (state.unknown(base) & 0x1f) !== 0 || f.queuesPreset;
  // Of an index written while LOG2SIZE is not known any high bits may have been dropped.
  const kept = (option: ReadOption, base: number): ReadOption =>
    unsized(base) ? { ...option, known: option.known & ~(option.value & INDEX_BITS) } : option;
  switch (offset) {
    case CR0:
      return [plain(state, CR0, state.word(CR0) === state.cr0Ack ? [] : ['ACK-012'])];
    case CR0ACK:
      return [
        {
          value: state.cr0Ack,
          known: ~0,
          rules: [
            ...(state.reserved(CR0) === 0 ? [] : (['REG-108', 'ACK-018'] as const)),
            ...state.why(CR0ACK).filter((rule) => rule !== 'REG-015'),
          ],
        },
      ];
    case GBPA: {
      const pending = state.gbpaPending;
      if (pending === undefined) {
        const option = plain(state, GBPA, []);
        // What reset left in ABORT shows in what becomes of traffic, not here.
        return [{ ...option, rules: option.rules.filter((rule) => rule !== 'RESET-011' && rule !== 'RESET-013') }];
      }
      return [
        {
          value: (pending | GBPA_UPDATE) >>> 0,
          known: ~(gbpaLoose(pending, f) | state.reserved(GBPA)),
          rules: ['ACK-045'],
        },
      ];
    }
    case IRQ_CTRLACK:
      return [
        {
          value: state.irqCtrlAck,
          known: ~0,
          rules: [
            ...(state.reserved(IRQ_CTRL) === 0 ? [] : (['ACK-040'] as const)),
            ...(state.word(IRQ_CTRL) === state.irqCtrlAck ? [] : (['ACK-061'] as const)),
            ...state.why(IRQ_CTRLACK),
          ],
        },
      ];
    case GERROR: {
      const option = plain(state, GERROR, ['REG-228']);
      const loose = (f.msi ? 0xf0 : 0) | (f.pri ? 0x48 : 0) | (f.ecmdq ? 0x200 : 0) | (f.dpt ? 0x400 : 0) | 0x100;
      return [{ ...option, known: option.known & ~loose }];
    }
    case GERRORN:
      return [plain(state, GERRORN, ['REG-187'])];
    case IRQ_CTRL:
      return [plain(state, IRQ_CTRL, state.word(IRQ_CTRL) === state.irqCtrlAck ? [] : ['ACK-061'])];
    case CR1:
    case CR2:
    case STRTAB_BASE:
    case STRTAB_BASE + 4:
    case STRTAB_BASE_CFG:
    case CMDQ_BASE:
    case CMDQ_BASE + 4:
    case EVENTQ_BASE:
    case EVENTQ_BASE + 4:
      return [plain(state, offset, [])];
    case CMDQ_PROD: {
      const stored = 2 ** (qs(CMDQ_BASE, f.cmdqs) + 1) - 1;
      return [
        masked(
          kept(plain(state, offset, ['REG-395']), CMDQ_BASE),
          ~(INDEX_BITS & ~stored),
          state.word(offset) & INDEX_BITS & ~stored ? 'REG-316' : undefined,
        ),
      ];
    }
    case CMDQ_CONS: {
      const size = qs(CMDQ_BASE, f.cmdqs);
      const base = kept(plain(state, offset, []), CMDQ_BASE);
      const active = (state.activeErrors() & GERROR_CMDQ_ERR) !== 0;
      const value = (base.value & ~(INDEX_BITS & ~(2 ** (size + 1) - 1))) >>> 0;
      const known = active ? base.known : base.known & ~0x7f00_0000;
      const rules: RuleId[] = [
        'REG-318',
        ...(active ? [] : (['CMDQ-052'] as const)),
        ...occupancyRules(state, f),
        ...base.rules,
      ];
      // Bits above the wrap flag read as zero whatever reset left in the register.
      return [{ value, known: known | (INDEX_BITS & ~(2 ** (size + 1) - 1)), rules }];
    }
    case EVENTQ_PROD: {
      const stored = 2 ** (qs(EVENTQ_BASE, f.eventqs) + 1) - 1;
      const base = kept(plain(state, offset, ['EVQ-021']), EVENTQ_BASE);
      return [
        {
          value: (base.value & ~(INDEX_BITS & ~stored)) >>> 0,
          known: base.known | (INDEX_BITS & ~stored),
          rules: ['REG-356', ...base.rules],
        },
      ];
    }
    case EVENTQ_CONS: {
      const stored = 2 ** (qs(EVENTQ_BASE, f.eventqs) + 1) - 1;
      const option = kept(plain(state, offset, ['REG-396', 'EVQ-021']), EVENTQ_BASE);
      const own = { ...option, rules: option.rules.filter((rule) => rule !== 'EVQ-027' && rule !== 'EVQ-028') };
      return [masked(own, ~(INDEX_BITS & ~stored), state.word(offset) & INDEX_BITS & ~stored ? 'REG-357' : undefined)];
    }
    case 0x48:
      return [
        { value: 0, known: ~0, rules: ['REG-183'] },
        { value: 0, known: 0, rules: ['RESET-026'] },
      ];
    case 0xa8:
    case 0xac:
      return [
        { value: 0, known: ~0, rules: ['REG-013'] },
        ...readWord(state, context, offset + PAGE1).map((option) => ({ ...option, rules: ['REG-013' as const] })),
      ];
    default:
      break;
  }
  for (const [first, last, present, rule] of absences(f)) {
    if (offset < first || offset > last) continue;
    const all: RuleId[] = rule === 'REG-237' || rule === 'REG-242' ? [rule, 'REG-037'] : [rule];
    return [present ? { value: 0, known: 0, rules: [] } : reservedWord(state, offset, all)];
  }
  if (idWindow(offset) && state.has(offset)) return [plain(state, offset, ['REG-094'])];
  if (implementationDefined(offset)) {
    return [{ value: 0, known: 0, rules: [offset >= 0xfd0 && offset < 0x1000 ? 'REG-094' : 'REG-019'] }];
  }
  // S_INIT may be exposed to Non-secure accesses (3.11).
  if (offset === 0x803c) return [{ value: 0, known: 0, rules: [] }];
  if (offset >= 0x8000 && offset < PAGE1) return [reservedWord(state, offset, ['STRTAB-052'])];
  if (offset >= PAGE1 && offset < 2 * PAGE1) {
    const aliases = readWord(state, context, offset - PAGE1);
    return [
      reservedWord(state, offset, ['REG-012']),
      ...aliases.map((option) => ({ ...option, rules: ['REG-012' as const] })),
    ];
  }
  if (offset < PAGE1) return [reservedWord(state, offset, ['REG-011'])];
  return [{ value: 0, known: 0, rules: [] }];
}

/** Rules that reading back zero in Reserved bits shows, where software wrote ones there. */
const RESERVED_RULES: ReadonlySet<RuleId> = new Set<RuleId>([
  'REG-015',
  'REG-109',
  'REG-110',
  'REG-111',
  'REG-112',
  'REG-129',
  'REG-162',
  'REG-166',
  'REG-170',
  'REG-172',
  'REG-177',
  'REG-189',
  'REG-273',
  'REG-290',
  'REG-314',
  'REG-317',
  'REG-355',
  'SEC-019',
  'STRTAB-011',
]);

function plain(state: State, offset: number, rules: readonly RuleId[]): ReadOption {
  const reserved = state.reserved(offset);
  const why = state.why(offset);
  return {
    value: state.word(offset),
    known: ~(state.unknown(offset) | reserved),
    rules: [...rules, ...why.filter((rule) => !RESERVED_RULES.has(rule))],
    reserved: { bits: reserved, rules: why.filter((rule) => RESERVED_RULES.has(rule)) },
  };
}

function masked(option: ReadOption, known: number, rule: RuleId | undefined): ReadOption {
  return { ...option, known: option.known & known, rules: rule === undefined ? option.rules : [rule, ...option.rules] };
}

/** A word of which nothing is defined: RES0, so that ones written there read back as zero or as written (1.2). */
function reservedWord(state: State, offset: number, rules: readonly RuleId[]): ReadOption {
  const bits = state.reserved(offset);
  return { value: 0, known: ~bits, rules: bits === 0 ? rules : [], reserved: { bits, rules } };
}

/** What the Command queue's occupancy says of where CONS is. */
function occupancyRules(state: State, f: Features): RuleId[] {
  const waiting = waitingCommands(state, f);
  if (waiting === 0) return ['CMDQ-001'];
  if ((state.cr0InForce & CMDQEN) === 0) return ['CMDQ-032'];
  return (state.activeErrors() & GERROR_CMDQ_ERR) !== 0 ? ['CMDQ-056'] : [];
}

function implementationDefined(offset: number): boolean {
  return (offset >= 0xe00 && offset < 0xf00) || idWindow(offset) || (offset >= 0x1000 && offset < 0x4000);
}
