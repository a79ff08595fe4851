/**
 * Field positions in structures, commands, events and registers, written as the architecture writes them: bits [high:low] of the
 * whole structure, which is held as little-endian 32-bit words. The only place of this room that turns positions into
 * masks and shifts. Fields that cross a word are addresses or ranges of whole words: see `addressField`.
 */

/** A field inside one 32-bit word. */
export interface Field {
  readonly word: number;
  readonly shift: number;
  /** Mask of the field after shifting down. */
  readonly mask: number;
}

/** An address whose bits [high:low] of the structure hold bits [top:bottom] of the address; it may cross a word. */
export interface AddressField {
  readonly word: number;
  /** What to keep of the word at `word` and of the one after it. */
  readonly lowMask: number;
  readonly highMask: number;
}

/** Bits [high:low] of a structure. Throws when they do not lie in one 32-bit word. */
export function bits(high: number, low: number = high): Field {
  const word = low >> 5;
  if (high < low || high >> 5 !== word) throw new RangeError(`field [${high}:${low}] is not inside one word`);
  const width = high - low + 1;
  return { word, shift: low & 31, mask: width === 32 ? 0xffff_ffff : 2 ** width - 1 };
}

/**
 * An address field [high:low] that is stored in place: bit n of its 64-bit half of the structure, counted from `base`
 * (a multiple of 32, default: of the double word), is bit n of the address.
 */
export function addressField(high: number, low: number, base: number = low & ~63): AddressField {
  if (high - base > 63) throw new RangeError(`address field [${high}:${low}] is longer than 64 bits`);
  return {
    word: base >> 5,
    lowMask: maskOf(high - base, low - base),
    highMask: maskOf(high - base - 32, low - base - 32),
  };
}

function maskOf(high: number, low: number): number {
  if (high < 0 || low > 31) return 0;
  const top = Math.min(high, 31);
  const bottom = Math.max(low, 0);
  return (2 ** (top + 1) - 2 ** bottom) >>> 0;
}

/** The value of a field, unsigned. */
export function get(words: Uint32Array, field: Field): number {
  return ((words[field.word]! >>> field.shift) & field.mask) >>> 0;
}

/** A one-bit field as a boolean. */
export function flag(words: Uint32Array, field: Field): boolean {
  return get(words, field) !== 0;
}

/** Replaces a field; bits of `value` above the field are dropped. */
export function set(words: Uint32Array, field: Field, value: number): void {
  const mask = (field.mask << field.shift) >>> 0;
  words[field.word] = ((words[field.word]! & ~mask) | ((value << field.shift) & mask)) >>> 0;
}

/** The low and high 32-bit halves of an address field. */
export function getAddressLow(words: Uint32Array, field: AddressField): number {
  return (words[field.word]! & field.lowMask) >>> 0;
}
export function getAddressHigh(words: Uint32Array, field: AddressField): number {
  return (words[field.word + 1]! & field.highMask) >>> 0;
}

/** The field of a single 32-bit value, such as a register. */
export function extract(value: number, field: Field): number {
  return ((value >>> field.shift) & field.mask) >>> 0;
}

/** The bits that a field of a 32-bit value occupies. */
export function maskIn(...fields: readonly Field[]): number {
  let mask = 0;
  for (const field of fields) mask |= field.mask << field.shift;
  return mask >>> 0;
}

/** A 52-bit (or shorter) address from its 32-bit halves. Exact: a double holds 53 bits. */
export function toAddress(high: number, low: number): number {
  return (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
}
/** `address` rounded down to a multiple of 2^log2. */
export function alignDown(address: number, log2: number): number {
  if (log2 >= 53) return 0;
  const size = 2 ** log2;
  return Math.floor(address / size) * size;
}
