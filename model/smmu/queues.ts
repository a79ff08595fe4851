/**
 * Circular queue arithmetic (3.5.1): indexes whose bit [QS] is the wrap flag. Shared by the Command and the Event queue.
 */

/** Bits [QS:0]: the index with its wrap flag. */
export function indexMask(log2Size: number): number {
  return 2 ** (log2Size + 1) - 1;
}

/**
 * How many entries lie between `cons` and `prod`. More than 2^log2Size means that the indexes are inconsistent:
 * no sequence of legal moves leads there.
 */
export function entriesBetween(prod: number, cons: number, log2Size: number): number {
  return (prod - cons) & indexMask(log2Size);
}

/** The index after `index`, wrapped. */
export function nextIndex(index: number, log2Size: number): number {
  return (index + 1) & indexMask(log2Size);
}

/** Position of the entry that `index` names, without its wrap flag. */
export function slotOf(index: number, log2Size: number): number {
  return index & (2 ** log2Size - 1);
}
