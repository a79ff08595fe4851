/**
 * A seeded bug: a fault of the model as a source patch, applied while a copy of the model is loaded (load.ts). The model has no switches.
 * Title and origin say what the fault recreates; the patch is the smallest wrong edit that does it.
 */

/** Which part of the SMMU the fault is in. */
export type BugArea =
  | 'registers'
  | 'stream table'
  | 'context'
  | 'walk'
  | 'permissions'
  | 'TLB'
  | 'configuration cache'
  | 'commands'
  | 'Command queue'
  | 'Event queue'
  | 'events'
  | 'interrupts';

/** What the fault costs whoever relies on the SMMU. */
export type BugSeverity =
  /** A device reaches memory that software keeps or took from it. */
  | 'isolation breach'
  /** A device reaches the wrong place. */
  | 'wrong translation'
  /** An access or a command that has to fail does not. */
  | 'missing fault'
  /** One that has to succeed fails. */
  | 'spurious fault'
  /** Software is told something wrong of a fault, or nothing. */
  | 'wrong event'
  /** A register reads wrong or takes what it must not. */
  | 'wrong register'
  /** Software waits for ever. */
  | 'hang'
  /** The implementation itself fails. */
  | 'crash';

/** One replacement in a source file. */
export interface Edit {
  /** From the package's root: `model/smmu/tlb.ts`. */
  readonly file: string;
  /** Source text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Plain data: it can be posted to a worker. */
export interface Bug {
  readonly id: `BUG-${number}`;
  /** What the faulty model does, in a phrase. */
  readonly title: string;
  readonly area: BugArea;
  /**
   * Where it comes from: the id of a bug that was found and mended in a public implementation, with the implementation; or the
   * section of the architecture that it breaks.
   */
  readonly origin: string;
  readonly severity: BugSeverity;
  /** The situation that shows it, when scenarios seldom come to it: then it takes thousands of them to find it. */
  readonly rare?: string;
  /** Applied in order. */
  readonly edits: readonly Edit[];
}

/** A catalogue entry: `bug('BUG-31', { title, area, origin, severity }, edit(file, find, replace))`. */
export function bug(id: Bug['id'], what: Omit<Bug, 'id' | 'edits'>, ...edits: readonly Edit[]): Bug {
  return { id, ...what, edits };
}

/** An edit of a file of model/smmu/, named without folder and ending: `edit('tlb', find, replace)`. */
export function edit(file: string, find: string, replace: string): Edit {
  return { file: `model/smmu/${file}.ts`, find, replace };
}
