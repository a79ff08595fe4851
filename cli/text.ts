/** Text for people: colour, tables, numbers, wrapping. The only place that knows about terminals. */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Ink = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Colours `text` when the stream shows colours; NO_COLOR and pipes leave it plain. */
export function ink(style: Ink, text: string, stream: NodeJS.WritableStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true });
}

/** What must not be overlooked. */
export function alarm(text: string): string {
  return ink('bold', ink('red', text));
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows in columns two spaces apart, each as wide as its widest cell; no line ends in a space. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const head = columns.some((column) => column.title !== '') ? [columns.map((column) => ink('dim', column.title))] : [];
  const lines = [...head, ...rows];
  const widths = columns.map((_, at) => Math.max(0, ...lines.map((line) => width(line[at] ?? ''))));
  return lines
    .map((line) =>
      columns
        .map((column, at) => pad(line[at] ?? '', widths[at] ?? 0, column.align ?? 'left'))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, to: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'left' ? text + space : space + text;
}

/** `text` in indented lines of at most so many columns. */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/\s+/)) {
    if (line !== '' && width(indent) + width(line) + 1 + width(word) > columns) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

/** `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `3 scenarios`, `1 scenario`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A share in percent, rounded down so that 100 % means all; `-` of nothing. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '-';
  return `${(Math.floor((part / whole) * 1000) / 10).toFixed(1)} %`;
}

/** `850 ms`, `12.3 s`, `2 m 05 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
}

/** A path or subject as a shell word. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
