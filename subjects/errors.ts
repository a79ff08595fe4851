/**
 * The two ways in which asking for a subject goes wrong. Both carry one line that says what to do, and the exit status
 * the command line ends with.
 */

/** What was asked for does not exist or makes no sense: an unknown kind of subject, a misspelt option. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

/** The subject could not be started, or cannot be talked to. (One that dies while running is a find: see `Trace.died`.) */
export class SubjectError extends Error {
  override readonly name = 'SubjectError';
  readonly exitCode = 3;
}

/** The first line of whatever was thrown, for use inside a one-line message. Kinds of mistakes in code (`TypeError`) are named. */
export function firstLine(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown).split('\n', 1)[0] ?? '';
  const line = thrown.message.split('\n', 1)[0] ?? '';
  return /^(Type|Range|Reference|Syntax)Error$/.test(thrown.name) ? `${thrown.name}: ${line}` : line;
}
