/**
 * Physical memory of one address space: RAM regions held sparsely by 4 KiB page, everything else a hole that aborts.
 * A page is created at its first access, filled by `initialPage`, and restored by reset(). Accesses are little-endian
 * and never partial: all bytes are there, or nothing is read or written. No attributes, no ordering, no devices.
 */

export const PAGE_BYTES = 4096;
/** `&` takes the low bits of any address below 2^53 exactly, and much faster than `%`. */
const OFFSET_MASK = PAGE_BYTES - 1;

export interface RamRegion {
  /** Physical address of the first byte, a multiple of 4096. */
  readonly base: number;
  /** A multiple of 4096. */
  readonly bytes: number;
}

/** Fills `page`, which is zero, with what memory at physical `base` holds at reset. */
export type InitialPage = (base: number, page: Uint8Array) => void;

class Page {
  readonly base: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  dirty = false;

  constructor(base: number) {
    this.base = base;
    this.bytes = new Uint8Array(PAGE_BYTES);
    this.view = new DataView(this.bytes.buffer);
  }
}

class Region {
  readonly base: number;
  readonly end: number;
  /** By page number inside the region. */
  readonly pages: (Page | undefined)[] = [];

  constructor(base: number, bytes: number) {
    this.base = base;
    this.end = base + bytes;
  }
}

export class Memory {
  readonly #regions: readonly Region[];
  readonly #initialPage: InitialPage | undefined;
  #dirty: Page[] = [];
  /** The region of the last access: most accesses are to one region. */
  #last: Region | undefined;

  constructor(ram: readonly RamRegion[], initialPage?: InitialPage) {
    for (const region of ram) {
      if (region.base % PAGE_BYTES !== 0 || region.bytes % PAGE_BYTES !== 0 || region.base < 0 || region.bytes <= 0) {
        throw new RangeError(`RAM at ${region.base}, ${region.bytes} bytes: base and size must be multiples of 4096`);
      }
      if (region.base + region.bytes > 2 ** 52)
        throw new RangeError('RAM ends above the 52-bit physical address space');
    }
    this.#regions = ram.map((region) => new Region(region.base, region.bytes));
    this.#initialPage = initialPage;
  }

  /** Every page back to what `initialPage` gives. */
  reset(): void {
    for (const page of this.#dirty) {
      page.bytes.fill(0);
      page.dirty = false;
      this.#initialPage?.(page.base, page.bytes);
    }
    this.#dirty = [];
  }

  /** Copies from physical `address`; false when any byte of it is not RAM (`into` is then unchanged). */
  read(address: number, into: Uint8Array): boolean {
    const offset = address & OFFSET_MASK;
    if (offset + into.length <= PAGE_BYTES) {
      const page = this.#page(address);
      if (page === undefined) return false;
      const bytes = page.bytes;
      if (into.length <= 64) for (let i = 0; i < into.length; i++) into[i] = bytes[offset + i]!;
      else into.set(bytes.subarray(offset, offset + into.length));
      return true;
    }
    if (!this.#allThere(address, into.length)) return false;
    for (let done = 0; done < into.length;) {
      const at = (address + done) & OFFSET_MASK;
      const count = Math.min(PAGE_BYTES - at, into.length - done);
      into.set(this.#page(address + done)!.bytes.subarray(at, at + count), done);
      done += count;
    }
    return true;
  }

  /** Copies to physical `address`; false when any byte of it is not RAM (nothing is then written). */
  write(address: number, data: Uint8Array): boolean {
    const offset = address & OFFSET_MASK;
    if (offset + data.length <= PAGE_BYTES) {
      const page = this.#page(address);
      if (page === undefined) return false;
      this.#touch(page);
      const bytes = page.bytes;
      if (data.length <= 64) for (let i = 0; i < data.length; i++) bytes[offset + i] = data[i]!;
      else bytes.set(data, offset);
      return true;
    }
    if (!this.#allThere(address, data.length)) return false;
    for (let done = 0; done < data.length;) {
      const at = (address + done) & OFFSET_MASK;
      const count = Math.min(PAGE_BYTES - at, data.length - done);
      const page = this.#page(address + done)!;
      this.#touch(page);
      page.bytes.set(data.subarray(done, done + count), at);
      done += count;
    }
    return true;
  }

  /** Reads `count` little-endian 32-bit words at a 4-byte aligned address that does not cross a page. */
  readWords(address: number, into: Uint32Array, count: number): boolean {
    const page = this.#page(address);
    if (page === undefined) return false;
    const offset = address & OFFSET_MASK;
    for (let i = 0; i < count; i++) into[i] = page.view.getUint32(offset + 4 * i, true);
    return true;
  }

  /** Writes `count` little-endian 32-bit words at a 4-byte aligned address that does not cross a page. */
  writeWords(address: number, from: Uint32Array, count: number): boolean {
    const page = this.#page(address);
    if (page === undefined) return false;
    this.#touch(page);
    const offset = address & OFFSET_MASK;
    for (let i = 0; i < count; i++) page.view.setUint32(offset + 4 * i, from[i]!, true);
    return true;
  }

  #touch(page: Page): void {
    if (page.dirty) return;
    page.dirty = true;
    this.#dirty.push(page);
  }

  #allThere(address: number, bytes: number): boolean {
    for (let at = address - (address & OFFSET_MASK); at < address + bytes; at += PAGE_BYTES) {
      if (this.#page(at) === undefined) return false;
    }
    return true;
  }

  #page(address: number): Page | undefined {
    let region = this.#last;
    if (region === undefined || address < region.base || address >= region.end) {
      region = this.#find(address);
      if (region === undefined) return undefined;
      this.#last = region;
    }
    const index = Math.floor((address - region.base) / PAGE_BYTES);
    return region.pages[index] ?? this.#create(region, index);
  }

  #find(address: number): Region | undefined {
    for (const region of this.#regions) if (address >= region.base && address < region.end) return region;
    return undefined;
  }

  #create(region: Region, index: number): Page {
    const page = new Page(region.base + index * PAGE_BYTES);
    this.#initialPage?.(page.base, page.bytes);
    region.pages[index] = page;
    return page;
  }
}
