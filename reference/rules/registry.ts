/**
 * The inventory of testable rules, and which of them the present reference covers.
 *
 * rules-*.tsv holds a row for each rule; scope.tsv says of each tier-1 row whether it is in the scope of the reference,
 * comes later, or cannot be observed, and why. The files lie beside this module, in the sources and in the build.
 */
import { readFileSync } from 'node:fs';
import { RULE_IDS, type RuleId } from './ids.ts';

/** MUST: one outcome. UNPRED: CONSTRAINED UNPREDICTABLE or UNKNOWN, the permitted outcomes listed. IMPDEF: the implementation chooses. */
export type RuleKind = 'MUST' | 'UNPRED' | 'IMPDEF';
export type RuleBank = 'NS' | 'S' | 'any' | 'R' | 'Root';
/** 1: every implementation. 2: widely implemented options. 3: one row a capability. */
export type RuleTier = 1 | 2 | 3;

export interface RuleRow {
  readonly id: RuleId;
  /** Of IHI 0070, or of DDI 0487 where it begins with a letter. */
  readonly section: string;
  readonly title: string;
  readonly when: string;
  readonly then: string;
  readonly bank: RuleBank;
  /** ID register fields without which the rule says nothing; applicable.ts reads it. */
  readonly needs: string;
  readonly kind: RuleKind;
  readonly tier: RuleTier;
}

export type ScopeStatus =
  /** The reference judges it. */
  | 'in'
  /** It needs something the reference does not have yet. */
  | 'later'
  /** No register, memory content, interrupt or DMA outcome could contradict it. */
  | 'unobservable';

export interface RuleScope {
  readonly status: ScopeStatus;
  /** Empty for `in`. */
  readonly reason: string;
}

const FILES = ['rules-commands.tsv', 'rules-events.tsv', 'rules-registers.tsv', 'rules-ste.tsv', 'rules-walk.tsv'];
const BANKS: readonly string[] = ['NS', 'S', 'any', 'R', 'Root'] satisfies RuleBank[];
const KINDS: readonly string[] = ['MUST', 'UNPRED', 'IMPDEF'] satisfies RuleKind[];
const STATUSES: readonly string[] = ['in', 'later', 'unobservable'] satisfies ScopeStatus[];

const knownIds: ReadonlySet<string> = new Set(RULE_IDS);
const rows = new Map<RuleId, RuleRow>();
for (const file of FILES) for (const cells of readTsv(file, 9)) addRow(file, cells);
const scopes = new Map<RuleId, RuleScope>();
for (const cells of readTsv('scope.tsv', 3)) addScope(cells);

/** Every rule, in the order of RULE_IDS. */
export const RULE_ROWS: readonly RuleRow[] = RULE_IDS.map(ruleRow);

export function isRuleId(text: string): text is RuleId {
  return knownIds.has(text);
}

export function ruleRow(id: RuleId): RuleRow {
  const row = rows.get(id);
  if (row === undefined) throw new Error(`no row for rule ${id}: run generate.mjs`);
  return row;
}

export function ruleScope(id: RuleId): RuleScope {
  return scopes.get(id) ?? { status: 'later', reason: `tier ${ruleRow(id).tier}` };
}

/** The letters of an id: `CMDQ` of `CMDQ-047`. */
export function ruleArea(id: RuleId): string {
  return id.slice(0, id.indexOf('-'));
}

function readTsv(file: string, columns: number): string[][] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const lines = text.replace(/\n+$/, '').split('\n').slice(1);
  return lines.map((line, index) => {
    const cells = line.split('\t');
    if (cells.length !== columns) throw new Error(`${file}:${index + 2}: ${cells.length} columns, not ${columns}`);
    return cells;
  });
}

function addRow(file: string, cells: string[]): void {
  const [id = '', section = '', title = '', when = '', then = '', bank = '', needs = '', kind = '', tier = ''] = cells;
  const tierNumber = Number(tier);
  if (!isRuleId(id) || !isBank(bank) || !isKind(kind) || !isTier(tierNumber)) {
    throw new Error(`${file}: rule ${id}: id, bank ${bank}, kind ${kind} or tier ${tier} is not a known one`);
  }
  rows.set(id, { id, section, title, when, then, bank, needs, kind, tier: tierNumber });
}

function addScope(cells: string[]): void {
  const [id = '', status = '', reason = ''] = cells;
  if (!isRuleId(id) || !isStatus(status)) throw new Error(`scope.tsv: ${id} ${status}: not a known rule or status`);
  if (scopes.has(id)) throw new Error(`scope.tsv: ${id} stands twice`);
  scopes.set(id, { status, reason });
}

function isBank(text: string): text is RuleBank {
  return BANKS.includes(text);
}

function isKind(text: string): text is RuleKind {
  return KINDS.includes(text);
}

function isTier(value: number): value is RuleTier {
  return value === 1 || value === 2 || value === 3;
}

function isStatus(text: string): text is ScopeStatus {
  return STATUSES.includes(text);
}
