/**
 * How commands end: the exit statuses. Errors that are the user's to mend (subjects/errors.ts, ScenarioError) say in one
 * line what is wrong, where, and what to do, and are printed without a stack; main.ts maps them to a status.
 */

/** Nothing found; a violation found; bad usage or bad input; the subject died, hung or could not start. */
export const EXIT = { clean: 0, violation: 1, usage: 2, subject: 3, internal: 70, interrupted: 130 } as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** The first line of whatever was thrown: what a message to a user may hold of it. */
export function oneLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  const line = text.split('\n').find((part) => part.trim() !== '') ?? text;
  return line.trim();
}

/** The worse of two statuses: a subject that died outweighs bad input, which outweighs a violation. */
export function worse(a: ExitStatus, b: ExitStatus): ExitStatus {
  return a > b ? a : b;
}

let doing: string | undefined;

/** Says what the subject is run for in this process, in case it ends the process; nothing when it no longer is. */
export function nowDoing(what: string | undefined): void {
  doing = what;
}

/** What the subject was run for last. */
export function wasDoing(): string | undefined {
  return doing;
}
