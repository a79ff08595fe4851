/** The profile of a subject: what it chose where the architecture leaves it a choice. Two builds that differ here differ, though neither is wrong. */
import type { Statistics } from '../properties/campaign.ts';
import type { PassKind } from '../reference/verdict.ts';
import { isRuleId, ruleRow } from '../reference/rules/registry.ts';
import type { RuleKind } from '../reference/rules/registry.ts';
import { count, ink, table } from './text.ts';

export interface ProfiledRule {
  readonly rule: string;
  readonly section: string;
  readonly title: string;
  readonly kind: RuleKind;
  /** How often each was chosen. */
  readonly chosen: Readonly<Record<string, number>>;
}

export interface ChoiceProfile {
  readonly passes: Readonly<Record<PassKind, number>>;
  /** In the order of the rules' ids. */
  readonly choices: readonly ProfiledRule[];
}

export function choiceProfile({ passes, choices }: Statistics): ChoiceProfile {
  const byRule = new Map<string, Record<string, number>>();
  for (const [key, times] of Object.entries(choices)) {
    const at = key.indexOf('|');
    const rule = key.slice(0, at);
    const chosen = byRule.get(rule) ?? {};
    chosen[key.slice(at + 1)] = times;
    byRule.set(rule, chosen);
  }
  const rules = [...byRule].flatMap(([rule, chosen]): ProfiledRule[] => {
    if (!isRuleId(rule)) return [];
    const { section, title, kind } = ruleRow(rule);
    return [{ rule, section, title, kind, chosen }];
  });
  return { passes, choices: rules };
}

const RULES_SHOWN = 8;

/** The choices made most often, and how many there are; --json has all. */
export function profileText(profile: ChoiceProfile): string {
  const often = ({ chosen }: ProfiledRule): number => Object.values(chosen).reduce((sum, times) => sum + times, 0);
  const rules = [...profile.choices].sort((a, b) => often(b) - often(a));
  if (rules.length === 0) return '';
  const rows = rules.slice(0, RULES_SHOWN).map(({ rule, section, title, kind, chosen }) => [
    rule,
    kind,
    section,
    Object.entries(chosen)
      .sort(([, a], [, b]) => b - a)
      .map(([what, times]) => `${what} ${count(times)}`)
      .join(', '),
    title,
  ]);
  const lines = [
    ink('bold', 'What it chose where rules leave a choice'),
    table([{ title: 'rule' }, { title: 'kind' }, { title: 'section' }, { title: 'chosen' }, { title: 'title' }], rows),
  ];
  const more = rules.length - rows.length;
  if (more > 0) lines.push(ink('dim', `... and ${count(more)} more rules: --json has them all.`));
  return lines.join('\n');
}
