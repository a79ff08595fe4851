/** The client side of QMP, as little of it as is needed: greeting, commands one at a time, events waited for. */
import type { Duplex } from 'node:stream';

/** QEMU's answer was an error, or there was none. */
export class QmpFailure extends Error {
  override readonly name = 'QmpFailure';
}

export interface QmpVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
  /** The distributor's own version, or empty. */
  readonly package: string;
}

type Json = Readonly<Record<string, unknown>>;

export class QmpLink {
  readonly #stream: Duplex;
  readonly #timeoutMs: number;
  #rest = '';
  #received: Json[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(stream: Duplex, timeoutMs: number) {
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#receive(text));
    for (const end of ['end', 'close', 'error']) {
      stream.on(end, () => {
        this.#closed = true;
        this.#wake?.();
      });
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Waits for the greeting, enters command mode. */
  async handshake(): Promise<QmpVersion> {
    const greeting = await this.#next((message) => 'QMP' in message, 'the QMP greeting');
    await this.execute('qmp_capabilities');
    const version = record(record(greeting['QMP'])['version']);
    const qemu = record(version['qemu']);
    return {
      major: Number(qemu['major']),
      minor: Number(qemu['minor']),
      micro: Number(qemu['micro']),
      package: typeof version['package'] === 'string' ? version['package'] : '',
    };
  }

  /** @throws QmpFailure on an error, a closed link, or no answer in time. */
  async execute(command: string, args: Json = {}): Promise<unknown> {
    this.#stream.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const answer = await this.#next((message) => 'return' in message || 'error' in message, `the answer to ${command}`);
    if ('error' in answer) throw new QmpFailure(`${command}: ${String(record(answer['error'])['desc'])}`);
    return answer['return'];
  }

  /** Resets the machine and waits until that is done. */
  async systemReset(): Promise<void> {
    this.#received = [];
    await this.execute('system_reset');
    await this.#next((message) => message['event'] === 'RESET', 'the RESET event');
  }

  /** Takes the first message that `wanted` accepts, which may have come already. */
  async #next(wanted: (message: Json) => boolean, what: string): Promise<Json> {
    const deadline = Date.now() + this.#timeoutMs;
    for (;;) {
      const at = this.#received.findIndex(wanted);
      const found = this.#received[at];
      if (found !== undefined) {
        this.#received.splice(at, 1);
        return found;
      }
      const leftMs = deadline - Date.now();
      if (this.#closed) throw new QmpFailure(`QMP closed before ${what}`);
      if (leftMs <= 0) throw new QmpFailure(`${what} did not come within ${this.#timeoutMs} ms`);
      await new Promise<void>((wake) => {
        const late = setTimeout(wake, leftMs);
        this.#wake = () => {
          clearTimeout(late);
          wake();
        };
      });
      this.#wake = undefined;
    }
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      try {
        this.#received.push(record(JSON.parse(line)));
      } catch {
        this.#closed = true;
      }
    }
    if (this.#rest.length > 16 * 1024 * 1024) this.#closed = true;
    this.#wake?.();
  }
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

/** The entries of a `qom-list` answer. */
export function qomChildren(answer: unknown): readonly { readonly name: string; readonly type: string }[] {
  if (!Array.isArray(answer)) return [];
  return answer.map(record).map((entry) => ({ name: String(entry['name']), type: String(entry['type']) }));
}
