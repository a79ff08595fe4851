/**
 * Progress of long work, on standard error: one line that is rewritten on a terminal, a plain line now and then elsewhere.
 */
import { count, duration, plural } from './text.ts';

export interface Standing {
  readonly scenarios: number;
  readonly rules: number;
  readonly violations: number;
  /** Scenarios to do in all, or when the time is up (milliseconds since the start). */
  readonly until: { readonly scenarios: number } | { readonly ms: number };
}

const TERMINAL_EVERY_MS = 100;
const PLAIN_EVERY_MS = 10_000;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  #shownAt = this.#startedAt;
  #lineOpen = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Shows the standing if it is time to. */
  show(standing: Standing): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#stream.isTTY ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS)) return;
    this.#shownAt = now;
    const text = line(standing, this.elapsedMs);
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[2K${text.slice(0, (this.#stream.columns || 80) - 1)}`);
      this.#lineOpen = true;
    } else this.#stream.write(`${text}\n`);
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }

  /** Takes the rewritten line away. */
  clear(): void {
    if (this.#lineOpen) this.#stream.write('\r\x1b[2K');
    this.#lineOpen = false;
  }
}

function line(standing: Standing, elapsedMs: number): string {
  const rate = standing.scenarios / Math.max(elapsedMs / 1000, 0.001);
  const parts = [
    plural(standing.scenarios, 'scenario'),
    `${count(Math.round(rate))}/s`,
    `${plural(standing.rules, 'rule')} reached`,
    plural(standing.violations, 'violation'),
  ];
  const leftMs =
    'ms' in standing.until
      ? standing.until.ms - elapsedMs
      : rate === 0
        ? undefined
        : ((standing.until.scenarios - standing.scenarios) / rate) * 1000;
  if (leftMs !== undefined && leftMs > 0) parts.push(`${duration(leftMs)} left`);
  return parts.join(', ');
}
