/**
 * The client side of the qtest protocol (QEMU: docs/devel/testing/qtest.rst), pipelined.
 *
 * Commands are queued and go out in one write; each has exactly one answer, in order. `IRQ` lines come in between and
 * belong to the command whose answer follows, since QEMU prints them while it carries that command out. Lines are
 * built from typed values only, because QEMU ends itself on a malformed one. A link that once failed (closed, late,
 * unintelligible) stays failed: there is no way to get back in step.
 */
import type { Duplex } from 'node:stream';

export type AccessBytes = 1 | 2 | 4 | 8;

export interface Answer {
  /** What followed `OK `: a number (`0x...`), hexadecimal or base64 data, or nothing. */
  readonly text: string;
  /** Interrupt lines that rose while the command was carried out, in order. */
  readonly raised: readonly number[];
}

/** Why a link failed. */
export type Failure =
  | { readonly kind: 'closed' }
  | { readonly kind: 'timeout'; readonly afterMs: number }
  | { readonly kind: 'protocol'; readonly line: string };

export interface Batch {
  /** One a command, in order; fewer when the link failed. */
  readonly answers: readonly Answer[];
  /** Interrupt lines that rose after the last answer. */
  readonly trailing: readonly number[];
  readonly failed?: Failure;
}

const SUFFIX: Readonly<Record<AccessBytes, string>> = { 1: 'b', 2: 'w', 4: 'l', 8: 'q' };
const ADDRESS_END = 1n << 64n;
const LINE_CHARS_MAX = 64 * 1024 * 1024;

type Expected = 'nothing' | 'value';

export class QtestLink {
  readonly #stream: Duplex;
  #lines: string[] = [];
  #pending: Expected[] = [];
  #expected: Expected[] = [];
  #answers: Answer[] = [];
  #raised: number[] = [];
  #rest = '';
  #until: ((line: number) => boolean) | undefined;
  #untilMet = true;
  #failed: Failure | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.setEncoding('latin1');
    stream.on('data', (text: string) => this.#receive(text));
    stream.on('close', () => this.#fail({ kind: 'closed' }));
    stream.on('end', () => this.#fail({ kind: 'closed' }));
    stream.on('error', () => this.#fail({ kind: 'closed' }));
  }

  get failed(): Failure | undefined {
    return this.#failed;
  }

  /** Commands queued since the last flush: the index the next one's answer will have. */
  get queued(): number {
    return this.#lines.length;
  }

  read(bytes: AccessBytes, address: bigint): void {
    this.#queue(`read${SUFFIX[bytes]} ${hex(address)}`, 'value');
  }

  write(bytes: AccessBytes, address: bigint, value: bigint): void {
    this.#queue(`write${SUFFIX[bytes]} ${hex(address)} ${hex(BigInt.asUintN(bytes * 8, value))}`, 'nothing');
  }

  /** Reads `bytes` (at least 1) of memory; the answer is for `bytesOf`. */
  readMemory(address: bigint, bytes: number): void {
    if (bytes < 1) throw new RangeError('a memory read of no bytes');
    this.#queue(`b64read ${hex(address)} ${hex(BigInt(bytes))}`, 'value');
  }

  /** Writes `data` (at least 1 byte) to memory. */
  writeMemory(address: bigint, data: Uint8Array): void {
    if (data.length < 1) throw new RangeError('a memory write of no bytes');
    const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64');
    this.#queue(`b64write ${hex(address)} ${hex(BigInt(data.length))} ${text}`, 'nothing');
  }

  /** Fills `bytes` (at least 1) of memory. */
  fillMemory(address: bigint, bytes: number, value: number): void {
    if (bytes < 1) throw new RangeError('a memory fill of no bytes');
    this.#queue(`memset ${hex(address)} ${hex(BigInt(bytes))} ${hex(BigInt(value & 0xff))}`, 'nothing');
  }

  /** From now on report the inputs of the device at QOM path `path`. QEMU allows this once in its life. */
  interceptInputs(path: string): void {
    if (!/^\/[\w/[\].-]+$/.test(path)) throw new RangeError(`not a QOM path: ${path}`);
    this.#queue(`irq_intercept_in ${path}`, 'nothing');
  }

  /**
   * Sends what is queued and waits for every answer, and (with `until`) for the rise of a line that it accepts.
   * Never rejects: a link that fails gives the answers so far and says why.
   */
  async flush(timeoutMs: number, until?: (line: number) => boolean): Promise<Batch> {
    if (this.#wake !== undefined) throw new Error('a batch is already on its way');
    const count = this.#lines.length;
    this.#until = until;
    this.#untilMet = until === undefined;
    if (this.#failed === undefined) {
      this.#expected = this.#pending;
      if (count > 0) this.#stream.write(this.#lines.join('\n') + '\n', 'latin1');
      const late = setTimeout(() => this.#fail({ kind: 'timeout', afterMs: timeoutMs }), timeoutMs);
      if (!this.#complete) await new Promise<void>((wake) => (this.#wake = wake));
      this.#wake = undefined;
      clearTimeout(late);
    }
    this.#lines = [];
    this.#pending = [];
    this.#expected = [];
    const answers = this.#answers;
    const trailing = this.#raised;
    this.#answers = [];
    this.#raised = [];
    return this.#failed === undefined ? { answers, trailing } : { answers, trailing, failed: this.#failed };
  }

  /** Forgets interrupts that came between batches. */
  discardInterrupts(): void {
    this.#raised = [];
  }

  #queue(line: string, expected: Expected): void {
    this.#lines.push(line);
    this.#pending.push(expected);
  }

  get #complete(): boolean {
    return this.#failed !== undefined || (this.#expected.length === this.#answers.length && this.#untilMet);
  }

  #fail(failure: Failure): void {
    this.#failed ??= failure;
    this.#wake?.();
  }

  #receive(text: string): void {
    if (this.#failed !== undefined) return;
    let from = 0;
    let end = text.indexOf('\n');
    if (end < 0 && this.#rest.length + text.length > LINE_CHARS_MAX) {
      this.#fail({ kind: 'protocol', line: 'a line without end' });
      return;
    }
    while (end >= 0) {
      const line = from === 0 ? this.#rest + text.slice(0, end) : text.slice(from, end);
      if (from === 0) this.#rest = '';
      if (!this.#take(line)) {
        this.#fail({ kind: 'protocol', line: line.slice(0, 200) });
        return;
      }
      from = end + 1;
      end = text.indexOf('\n', from);
    }
    this.#rest += text.slice(from);
    if (this.#complete) this.#wake?.();
  }

  /** Takes one line; false when it is not one that may come now. */
  #take(line: string): boolean {
    if (line.startsWith('IRQ ')) {
      const match = /^IRQ (raise|lower) (\d+)$/.exec(line);
      if (match === null) return false;
      if (match[1] === 'raise') {
        const raised = Number(match[2]);
        this.#raised.push(raised);
        if (this.#until?.(raised) === true) this.#untilMet = true;
      }
      return true;
    }
    const expected = this.#expected[this.#answers.length];
    if (expected === undefined) return false;
    if (expected === 'nothing' ? line !== 'OK' : !/^OK [\w+/=]+$/.test(line)) return false;
    this.#answers.push({ text: line.slice(3), raised: this.#raised });
    this.#raised = [];
    return true;
  }
}

/** The number a `read` was answered with. */
export function valueOf(answer: Answer, bytes: AccessBytes): bigint {
  return BigInt.asUintN(bytes * 8, BigInt(answer.text));
}

/** The data a `readMemory` was answered with. */
export function bytesOf(answer: Answer): Uint8Array {
  const decoded = Buffer.from(answer.text, 'base64');
  return new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.length).slice();
}

function hex(value: bigint): string {
  if (value < 0n || value >= ADDRESS_END) throw new RangeError(`not a 64-bit number: ${value}`);
  return `0x${value.toString(16)}`;
}
