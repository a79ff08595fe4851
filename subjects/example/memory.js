// What memory holds at the start of every scenario: 128 MiB of zeros at 0x40000000, but for a window of 4 MiB whose
// words are derived from their address. Whatever language a subject is written in, it needs these twenty lines.

const PAGE_BYTES = 0x1000n;
const RAM_BASE = 0x4000_0000n;
const RAM_END = 0x4800_0000n;
const PATTERN_BASE = 0x4100_0000n;
const PATTERN_END = 0x4140_0000n;

function mix(seed) {
  let x = Math.imul(seed ^ (seed >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

function newPage(base) {
  const page = new DataView(new ArrayBuffer(Number(PAGE_BYTES)));
  if (base < PATTERN_BASE || base >= PATTERN_END) return page;
  for (let at = 0; at < page.byteLength; at += 8) {
    const index = Number((base + BigInt(at) - PATTERN_BASE) >> 3n) >>> 0;
    page.setUint32(at, mix(index ^ 0x9e3779b9) | 1, true);
    page.setUint32(at + 4, mix(index ^ 0x85ebca6b) | 1, true);
  }
  return page;
}

/** RAM, made page by page as it is used. Addresses are BigInts; an access that is not wholly in RAM answers undefined or false. */
export class Memory {
  #pages = new Map();

  read(address, bytes) {
    if (address < RAM_BASE || address + BigInt(bytes) > RAM_END) return undefined;
    return Uint8Array.from({ length: bytes }, (_, i) => {
      const { view, at } = this.#byte(address + BigInt(i));
      return view.getUint8(at);
    });
  }

  write(address, data) {
    if (address < RAM_BASE || address + BigInt(data.length) > RAM_END) return false;
    data.forEach((byte, i) => {
      const { view, at } = this.#byte(address + BigInt(i));
      view.setUint8(at, byte);
    });
    return true;
  }

  #byte(address) {
    const at = Number(address % PAGE_BYTES);
    const base = address - BigInt(at);
    let view = this.#pages.get(base);
    if (view === undefined) this.#pages.set(base, (view = newPage(base)));
    return { view, at };
  }
}
