/**
 * Registers are not sampled: every tier-1 register of the Non-secure interface (reference/rules/registers.tsv), by each size of access and
 * alignment that reaches it, with each enable off and on, acknowledged or still moving, on SMMUv3.1 and v3.2 (6.2, 6.3).
 *
 * A register access in this language has no attributes; the Secure registers and those of absent features are not here.
 */
import { readFileSync } from 'node:fs';
import { Arbitrary, Value } from 'fast-check';
import type { Random, Stream } from 'fast-check';
import { judge } from '../reference/judge.ts';
import { CR1_VALUE } from '../scenario/defaults.ts';
import type { Profile } from '../scenario/features.ts';
import { lower } from '../scenario/lower.ts';
import { CMDQ_BASE, EVENTQ_BASE, STRTAB_BASE } from '../scenario/memory-map.ts';
import { REGISTERS } from '../scenario/registers.ts';
import type { AccessBytes, Scenario, Step } from '../scenario/steps.ts';
import type { Described, Subject } from '../subjects/subject.ts';
import { scenarios } from './arbitraries/scenarios.ts';
import { judged } from './judged.ts';
import type { DrawableArbitrary, Property } from './property.ts';

/** A register of the table, or one word of a range that belongs to the implementation. */
export interface RegisterRow {
  readonly name: string;
  readonly offset: number;
  readonly bytes: 4 | 8;
}

/** CR0 and IRQ_CTRL as they have settled, and what was written to them then without waiting for the acknowledge. */
export interface Enables {
  readonly cr0: number;
  readonly irqCtrl: number;
  readonly moving?: { readonly register: 'CR0' | 'IRQ_CTRL'; readonly value: number };
}

export interface RegisterCell {
  readonly register: RegisterRow;
  /** The access: from the SMMU base, aligned or not. */
  readonly offset: number;
  readonly bytes: AccessBytes;
  readonly enables: Enables;
  /** AIDR: SMMUv3.1 or v3.2. */
  readonly minor: 1 | 2;
}

const TABLE = new URL('../reference/rules/registers.tsv', import.meta.url);

/** The tier-1 Non-secure rows. Of a range its first and last word. */
export function registerRows(): RegisterRow[] {
  const lines = readFileSync(TABLE, 'utf8').trimEnd().split('\n').slice(1);
  return lines.flatMap((line) => {
    const [offset = '', name = '', width = '', , bank = '', , , tier = ''] = line.split('\t');
    if (bank !== 'NS' || tier !== '1') return [];
    const [first = 0, last] = offset.split('-').map(Number);
    if (last === undefined) return [{ name, offset: first, bytes: width === '64' ? 8 : 4 }];
    return [
      { name: `${name} ${offset}, first`, offset: first, bytes: 4 },
      { name: `${name} ${offset}, last`, offset: last - 3, bytes: 4 },
    ];
  });
}

const SMMUEN = 1;
const EVENTQEN = 4;
const CMDQEN = 8;
const CR0_BITS = [SMMUEN, EVENTQEN, CMDQEN];
const CR0_ALL = SMMUEN | EVENTQEN | CMDQEN;
/** GERROR_IRQEN and EVENTQ_IRQEN. */
const IRQ_CTRL_ALL = 5;

/** Every combination at rest; and each enable of CR0, and those of IRQ_CTRL, on their way on and off. */
const ENABLES: readonly Enables[] = [
  ...[0, SMMUEN, EVENTQEN, CMDQEN, SMMUEN | EVENTQEN, SMMUEN | CMDQEN, EVENTQEN | CMDQEN, CR0_ALL].flatMap((cr0) => [
    { cr0, irqCtrl: 0 },
    { cr0, irqCtrl: IRQ_CTRL_ALL },
  ]),
  ...CR0_BITS.flatMap((bit): Enables[] => [
    { cr0: 0, irqCtrl: 0, moving: { register: 'CR0', value: bit } },
    { cr0: CR0_ALL, irqCtrl: 0, moving: { register: 'CR0', value: CR0_ALL & ~bit } },
  ]),
  { cr0: 0, irqCtrl: 0, moving: { register: 'IRQ_CTRL', value: IRQ_CTRL_ALL } },
  { cr0: 0, irqCtrl: IRQ_CTRL_ALL, moving: { register: 'IRQ_CTRL', value: 0 } },
];

const SIZES: readonly AccessBytes[] = [1, 2, 4, 8];

/** Every access that touches the register first at one of its own bytes. */
function accessesOf({ offset, bytes }: RegisterRow): { offset: number; bytes: AccessBytes }[] {
  return SIZES.flatMap((size) =>
    Array.from({ length: bytes }, (_, within) => ({ offset: offset + within, bytes: size })),
  );
}

export function* registerCells(rows: readonly RegisterRow[] = registerRows()): Generator<RegisterCell> {
  for (const register of rows) {
    for (const access of accessesOf(register)) {
      for (const minor of [1, 2] as const) {
        for (const enables of ENABLES) yield { register, ...access, enables, minor };
      }
    }
  }
}

/** What SMMUv3.2 made mandatory is absent before it. */
const PROFILES: Readonly<Record<1 | 2, Profile>> = {
  1: { ArchMinorRev: 1, FWB: 0, RIL: 0, BBML: 0, STT: 0 },
  2: { ArchMinorRev: 2 },
};

/** Queues of 8 entries in their places, and an empty linear Stream table. */
const SETUP: readonly Step[] = [
  { do: 'write', register: 'CR1', value: CR1_VALUE },
  { do: 'write', register: 'STRTAB_BASE', value: STRTAB_BASE },
  { do: 'write', register: 'STRTAB_BASE_CFG', value: 5n },
  { do: 'write', register: 'CMDQ_BASE', value: CMDQ_BASE | 3n },
  { do: 'write', register: 'CMDQ_PROD', value: 0n },
  { do: 'write', register: 'CMDQ_CONS', value: 0n },
  { do: 'write', register: 'EVENTQ_BASE', value: EVENTQ_BASE | 3n },
  { do: 'write', register: 'EVENTQ_PROD', value: 0n },
  { do: 'write', register: 'EVENTQ_CONS', value: 0n },
];

/** Read, write ones, read, write zeros, read. */
const ACCESSES = 5;

/** After reset: the enables, then read, write ones, read, write zeros, read. */
export function scenarioOfCell(cell: RegisterCell): Scenario {
  const { offset, bytes, enables, minor } = cell;
  const write = (register: 'CR0' | 'IRQ_CTRL', value: number): Step => ({
    do: 'write-offset',
    offset: REGISTERS[register].offset,
    bytes: 4,
    value: BigInt(value),
  });
  const { cr0, irqCtrl, moving } = enables;
  const settled: Step[] = [
    ...(irqCtrl === 0 ? [] : [write('IRQ_CTRL', irqCtrl)]),
    ...(cr0 === 0 ? [] : [write('CR0', cr0)]),
    { do: 'settle' },
  ];
  const read: Step = { do: 'read-offset', offset, bytes };
  const ones = (1n << BigInt(8 * bytes)) - 1n;
  const steps: Step[] = [
    ...SETUP,
    ...settled,
    ...(moving === undefined ? [] : [write(moving.register, moving.value)]),
    read,
    { do: 'write-offset', offset, bytes, value: ones },
    read,
    { do: 'write-offset', offset, bytes, value: 0n },
    read,
  ];
  return { 'smmu-crosscheck': 1, why: cellText(cell), features: PROFILES[minor], steps };
}

/** The cell in words, as holes are listed. */
export function cellText({ register, offset, bytes, enables, minor }: RegisterCell): string {
  const within = offset - register.offset;
  const place = `${register.name}${within === 0 ? '' : `+${within}`}`;
  const { cr0, irqCtrl, moving } = enables;
  const on = `CR0 0x${cr0.toString(16)}, IRQ_CTRL ${irqCtrl}`;
  const to = moving === undefined ? '' : `, ${moving.register} moving to 0x${moving.value.toString(16)}`;
  return `${place} by ${bytes} bytes, ${on}${to}, SMMUv3.${minor}`;
}

/** How far the reference judged the five accesses of each cell. */
export interface CellCount {
  readonly cells: number;
  /** All five. */
  readonly whole: number;
  /** Cells of which the reference could not say what follows the first accesses, by its reason. */
  readonly inPart: ReadonlyMap<string, readonly RegisterCell[]>;
  /** Cells of which not one access was judged. */
  readonly empty: readonly RegisterCell[];
  readonly violations: readonly string[];
}

/** Runs and judges every cell. @throws SubjectDied, SubjectError */
export async function judgeCells(subject: Subject, cells: Iterable<RegisterCell>): Promise<CellCount> {
  const inPart = new Map<string, RegisterCell[]>();
  const empty: RegisterCell[] = [];
  const violations: string[] = [];
  let count = 0;
  let whole = 0;
  for (const cell of cells) {
    count += 1;
    const program = lower(scenarioOfCell(cell));
    const { violation, undetermined } = judge(program, await subject.run(program));
    if (violation !== undefined) {
      const permitted = violation.permitted.map(({ outcome }) => outcome).join(' or ');
      violations.push(`${cellText(cell)}: ${violation.rule}, observed ${violation.observed}, permitted ${permitted}`);
    }
    const judged = (undetermined ?? violation)?.action ?? program.actions.length;
    if (judged <= program.actions.length - ACCESSES) empty.push(cell);
    else if (undetermined === undefined) whole += 1;
    else inPart.set(undetermined.reason, [...(inPart.get(undetermined.reason) ?? []), cell]);
  }
  return { cells: count, whole, inPart, empty, violations };
}

/** The cells of the table without misaligned accesses and moving enables, on v3.2: few enough for every `coverage`. */
export function restingCells(): RegisterCell[] {
  return [...registerCells()].filter(
    ({ register, offset, minor, enables }) =>
      offset === register.offset && minor === 2 && enables.moving === undefined && enables.irqCtrl === 0,
  );
}

/** As a suite: cells of the table in any order. */
export const registers: Property = {
  name: 'registers',
  title: 'every register does what it must by every access in every state of the enables',
  arbitrary: (subject) => new CellArbitrary(scenarios(subject), cellsFor(subject)),
  check: (subject, scenario) => judged.check(subject, scenario),
};

/** The accesses that can be made to the subject; its version is its own where it cannot be built to another. */
function cellsFor({ capabilities, configure }: Described): RegisterCell[] {
  return [...registerCells()].filter(
    ({ bytes, offset, minor }) =>
      capabilities.registerAccessBytes.includes(bytes) &&
      // A subject that makes no byte accesses makes aligned ones only.
      (capabilities.registerAccessBytes.includes(1) || offset % bytes === 0) &&
      (configure !== undefined || minor === 2),
  );
}

/** Shrinks as every scenario does. */
class CellArbitrary extends Arbitrary<Scenario> {
  readonly #shrinks: DrawableArbitrary;
  readonly #cells: readonly RegisterCell[];

  constructor(shrinks: DrawableArbitrary, cells: readonly RegisterCell[]) {
    super();
    this.#shrinks = shrinks;
    this.#cells = cells;
  }

  draw(random: Random): Scenario {
    const cell = this.#cells[random.nextInt(0, this.#cells.length - 1)];
    if (cell === undefined) throw new RangeError('the table of registers is empty');
    return scenarioOfCell(cell);
  }

  override generate(random: Random): Value<Scenario> {
    return new Value(this.draw(random), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is Scenario {
    return this.#shrinks.canShrinkWithoutContext(value);
  }

  override shrink(value: Scenario, context: unknown): Stream<Value<Scenario>> {
    return this.#shrinks.shrink(value, context);
  }
}
