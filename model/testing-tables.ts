/**
 * Translation tables of any stage, granule and start level for the tests of this room, and STEs with stage 2. Like testing.ts, apart from layout.ts
 * and granule.ts, so that a position that is wrong there shows. Only for tests.
 */
import { CDS, Driver, pack, STE_VALID, STRTAB, steConfig } from './testing.ts';
import type { BootOptions, FieldValue } from './testing.ts';
import type { SystemOptions } from './system.ts';

const TABLES_AT = 0x4200_0000;
/** Stage 2 of the nested drivers here: IPA = PA + this, so that one taken for the other shows. */
export const IPA_OFFSET = 0x1_0000_0000;

/** CD.TG0 and STE.S2TG, by log2 of the granule; and S2SL0 for a start level. */
const TG0: Readonly<Record<number, number>> = { 12: 0b00, 14: 0b10, 16: 0b01 };
const SL0: Readonly<Record<number, readonly number[]>> = { 12: [2, 1, 0, 3], 14: [-1, 2, 1, 0], 16: [-1, 2, 1, 0] };

export interface Shape {
  /** log2 of the granule. */
  readonly granule: 12 | 14 | 16;
  readonly inputBits: number;
  readonly startLevel: number;
}

/** One set of tables, written to memory as it is built. */
export class Tables {
  readonly shape: Shape;
  /** Physical address of the start level. */
  readonly base: number;
  readonly #driver: Driver;
  readonly #pointerOffset: number;
  readonly #nodes = new Map<string, number>();
  #free: number;

  /** `area`: tables of the same driver need different ones. Pointers in Table descriptors are physical plus `pointerOffset`. */
  constructor(driver: Driver, shape: Shape, area = 0, pointerOffset = 0) {
    this.#driver = driver;
    this.shape = shape;
    this.#pointerOffset = pointerOffset;
    this.base = TABLES_AT + area * 0x80_0000;
    // Room for 16 concatenated tables of 64 KiB.
    this.#free = this.base + 0x10_0000;
  }

  /** log2 of what a descriptor of a level covers. */
  shift(level: number): number {
    return this.shape.granule + (this.shape.granule - 3) * (3 - level);
  }

  /** Table descriptors on the path and a leaf: AF, S2AP or AP = 0b11 or as given, MemAttr 0b1111. */
  map(input: number, output: number, level = 3, ...fields: readonly FieldValue[]): void {
    for (let above = this.shape.startLevel; above < level; above++) this.table(input, above);
    const type = level === 3 ? 0b11 : 0b01;
    this.#poke(input, level, [[47, 12, Math.floor(output / 4096)], [1, 0, type], [10, 10, 1], ...fields]);
  }

  table(input: number, level: number, ...fields: readonly FieldValue[]): void {
    const next = this.#node(input, level + 1) + this.#pointerOffset;
    this.#poke(input, level, [[47, 12, next / 4096], [1, 0, 0b11], ...fields]);
  }

  unmap(input: number, level = 3): void {
    this.#driver.poke(this.descriptorAt(input, level), new Uint32Array(2));
  }

  /** Physical address of the descriptor of an input address. */
  descriptorAt(input: number, level: number): number {
    const index = Math.floor(input / 2 ** this.shift(level));
    const bits = level === this.shape.startLevel ? this.shape.inputBits - this.shift(level) : this.shape.granule - 3;
    return this.#node(input, level) + 8 * (index % 2 ** bits);
  }

  #poke(input: number, level: number, fields: readonly FieldValue[]): void {
    this.#driver.poke(this.descriptorAt(input, level), pack(2, fields));
  }

  #node(input: number, level: number): number {
    if (level === this.shape.startLevel) return this.base;
    const key = `${level}/${Math.floor(input / 2 ** this.shift(level - 1))}`;
    let at = this.#nodes.get(key);
    if (at === undefined) {
      this.#nodes.set(key, (at = this.#free));
      this.#free += 2 ** this.shape.granule;
    }
    return at;
  }
}

/** Stage 2 leaf fields: Normal Write-Back, read and write. */
export const S2_RW: readonly FieldValue[] = [
  [7, 6, 0b11],
  [5, 2, 0b1111],
];
/** Stage 1 leaf fields: read and write for all, non-global. */
export const S1_RW: readonly FieldValue[] = [
  [7, 6, 0b01],
  [11, 11, 1],
];

/** The STE fields that select a set of stage 2 tables: S2VMID 7, S2PS 44 bits, S2R. */
export function stage2Fields(tables: Tables): FieldValue[] {
  const { granule, inputBits, startLevel } = tables.shape;
  return [
    [143, 128, 7],
    [165, 160, 64 - inputBits],
    [167, 166, SL0[granule]![startLevel]!],
    [175, 174, TG0[granule]!],
    [178, 176, 0b100],
    [179, 179, 1],
    [186, 186, 1],
    [247, 196, tables.base / 16],
  ];
}

/** The CD fields that select a set of tables for the lower half. */
export function ttb0Fields(tables: Tables, offset = 0): FieldValue[] {
  return [
    [5, 0, 64 - tables.shape.inputBits],
    [7, 6, TG0[tables.shape.granule]!],
    [115, 68, (tables.base + offset) / 16],
  ];
}

export const FOUR_KB: Shape = { granule: 12, inputBits: 44, startLevel: 0 };
const EVERYTHING = { s2p: true, gran16k: true, gran64k: true, vmid16: true } as const;

export type NestedOptions = BootOptions & Omit<SystemOptions, 'ram'>;

/** An interface that has both stages and all granules. */
export function bootBoth(options: NestedOptions = {}): Driver {
  return Driver.booted({ ...options, features: { ...EVERYTHING, ...options.features } });
}

/** A valid STE for stage 2 alone, or with `config` 0b111 for both: then S1ContextPtr is the IPA of CD 0. */
export function pokeSte(d: Driver, stream: number, config: number, tables: Tables, ...fields: FieldValue[]): void {
  d.poke(
    STRTAB + 64 * stream,
    pack(16, [STE_VALID, steConfig(config), [55, 6, (CDS + IPA_OFFSET) / 64], ...stage2Fields(tables), ...fields]),
  );
}

/** A driver with stage 2-only stream 1: its IPAs from IPA_OFFSET + 0x4000_0000 are the RAM, by one 1 GiB block. */
export function stage2Only(options: NestedOptions = {}): { d: Driver; s2: Tables } {
  const d = bootBoth(options);
  const s2 = new Tables(d, FOUR_KB);
  s2.map(0x4000_0000 + IPA_OFFSET, 0x4000_0000, 1, ...S2_RW);
  pokeSte(d, 1, 0b110, s2);
  return { d, s2 };
}

/** A driver with nested stream 1: the same stage 2, and stage 1 tables of `shape` whose pointers are IPAs. */
export function nested(options: NestedOptions & { readonly shape?: Shape } = {}): {
  d: Driver;
  s1: Tables;
  s2: Tables;
} {
  const { d, s2 } = stage2Only(options);
  const s1 = new Tables(d, options.shape ?? { ...FOUR_KB, inputBits: 48 }, 1, IPA_OFFSET);
  d.cd(0, ...ttb0Fields(s1, IPA_OFFSET), [30, 30, 1]);
  pokeSte(d, 1, 0b111, s2);
  return { d, s1, s2 };
}
