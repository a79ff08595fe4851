/**
 * The builder's one field-layout helper: structures of little-endian 64-bit words, and where each named field sits.
 *
 * A layout is a table `name: [word, low, width]`: the 64-bit word counted from 0, the lowest bit in that word, the width in
 * bits. A fourth element qualifies the field:
 * - 'address': the field holds bits [low+width-1:low] of an address at their own positions, so its value is the whole
 *   address (`TTB0: 0x4020_1000n`), whose bits outside the field are dropped;
 * - 'alias': a second meaning of bits that another field names already; it can be encoded, decoding does not report it;
 * - 'address-alias': both.
 *
 * Bits that no field names (RES0, IMPLEMENTATION DEFINED) are set with `or0`, `or1`, ...: 64-bit values ORed into word 0, 1, ...
 * after the fields. Decoding returns such bits under the same names, so encoding what was decoded gives the same bytes.
 */

export type FieldPlace = readonly [word: number, low: number, width: number, kind?: FieldKind];
export type FieldKind = 'address' | 'alias' | 'address-alias';

export type Layout = Readonly<Record<string, FieldPlace>>;

/** The names under which the bits of word n that no field names are set. */
export type OrName = 'or0' | 'or1' | 'or2' | 'or3' | 'or4' | 'or5' | 'or6' | 'or7';

const OR_NAMES: readonly OrName[] = ['or0', 'or1', 'or2', 'or3', 'or4', 'or5', 'or6', 'or7'];

export type FieldValues<Name extends string> = Readonly<Partial<Record<Name, bigint>>>;

/** The `or` names of a structure of `words` words. */
export function orNames(words: number): readonly OrName[] {
  return OR_NAMES.slice(0, words);
}

/** Whether the field's value is a whole address. */
export function isAddress(place: FieldPlace): boolean {
  return place[3] === 'address' || place[3] === 'address-alias';
}

/** Whether the field is a second name of bits that another field has. */
export function isAlias(place: FieldPlace): boolean {
  return place[3] === 'alias' || place[3] === 'address-alias';
}

/** The bits of its word that a field occupies. */
export function fieldMask(place: FieldPlace): bigint {
  return ((1n << BigInt(place[2])) - 1n) << BigInt(place[1]);
}

/** A layout ready for encoding: primary fields share no bits, so their order is of no account; aliases come after them. */
interface Plan {
  readonly primary: ReadonlyMap<string, PlannedField>;
  readonly aliases: readonly (readonly [name: string, field: PlannedField])[];
}

interface PlannedField {
  readonly word: number;
  readonly mask: bigint;
  /** How far left the value goes. */
  readonly shift: bigint;
}

const plans = new WeakMap<Layout, Plan>();

function planOf(layout: Layout): Plan {
  const known = plans.get(layout);
  if (known !== undefined) return known;
  const primary = new Map<string, PlannedField>();
  const aliases: [string, PlannedField][] = [];
  for (const [name, place] of Object.entries(layout)) {
    const field = { word: place[0], mask: fieldMask(place), shift: isAddress(place) ? 0n : BigInt(place[1]) };
    if (isAlias(place)) aliases.push([name, field]);
    else primary.set(name, field);
  }
  const plan = { primary, aliases };
  plans.set(layout, plan);
  return plan;
}

/**
 * The words of a structure. A value wider than its field is cut to the field's width. Names that the layout lacks are skipped.
 * Aliases, in the order of the layout, replace the fields that they share bits with.
 */
export function encodeWords(
  layout: Layout,
  words: number,
  fields: Readonly<Record<string, bigint | undefined>>,
): bigint[] {
  const { primary, aliases } = planOf(layout);
  const out = new Array<bigint>(words).fill(0n);
  for (const name in fields) {
    const value = fields[name];
    const field = primary.get(name);
    if (value !== undefined && field !== undefined) {
      out[field.word] = (out[field.word] ?? 0n) | ((value << field.shift) & field.mask);
    }
  }
  for (const [name, { word, mask, shift }] of aliases) {
    const value = fields[name];
    if (value !== undefined) out[word] = ((out[word] ?? 0n) & ~mask) | ((value << shift) & mask);
  }
  for (let word = 0; word < words; word++) {
    const bits = fields[OR_NAMES[word] ?? ''];
    if (bits !== undefined) out[word] = BigInt.asUintN(64, (out[word] ?? 0n) | bits);
  }
  return out;
}

/** Every field of the layout but the aliases, and the remaining non-zero bits as `or0`, `or1`, ... */
export function decodeWords(layout: Layout, words: readonly bigint[]): Record<string, bigint> {
  const out: Record<string, bigint> = {};
  const rest = [...words];
  for (const name in layout) {
    const place = layout[name] as FieldPlace;
    const [word, low] = place;
    if (isAlias(place)) continue;
    const mask = fieldMask(place);
    const bits = (words[word] ?? 0n) & mask;
    out[name] = isAddress(place) ? bits : bits >> BigInt(low);
    rest[word] = (rest[word] ?? 0n) & ~mask;
  }
  orNames(words.length).forEach((name, word) => {
    const bits = rest[word] ?? 0n;
    if (bits !== 0n) out[name] = bits;
  });
  return out;
}

/** Little-endian bytes of 64-bit words, word 0 first. */
export function wordsToBytes(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setBigUint64(index * 8, BigInt.asUintN(64, word), true));
  return bytes;
}

/** The 64-bit words of little-endian bytes; what is missing at the end counts as zero. */
export function bytesToWords(bytes: Uint8Array, words: number): bigint[] {
  const padded = new Uint8Array(words * 8);
  padded.set(bytes.subarray(0, padded.length));
  const view = new DataView(padded.buffer);
  return Array.from({ length: words }, (_, index) => view.getBigUint64(index * 8, true));
}

/** Whether `value` can stand in the field: for an address no bit above it, otherwise no more bits than its width. */
export function fieldFits(place: FieldPlace, value: bigint): boolean {
  const [, low, width] = place;
  return value >= 0n && value >> BigInt(isAddress(place) ? low + width : width) === 0n;
}

/** The highest value that fits the field. */
export function fieldMax(place: FieldPlace): bigint {
  return isAddress(place) ? fieldMask(place) : (1n << BigInt(place[2])) - 1n;
}
