/** Hunting a seeded bug: scenarios are run on the model that has it until the first violation. */
import { openModel } from '../../subjects/model.ts';
import { runRange } from '../../properties/campaign.ts';
import type { Find } from '../../properties/campaign.ts';
import type { Property } from '../../properties/property.ts';
import type { Seed } from '../../properties/random.ts';
import type { Bug } from './bug.ts';
import { loadPatchedModel } from './load.ts';

export interface HuntOptions {
  /** As for `runRange`: scenarios are dealt out to them in turn. */
  readonly properties: readonly Property[];
  readonly seed: Seed;
  /** Give up after this many scenarios. */
  readonly scenariosMax: number;
}

interface HuntCounts {
  readonly id: Bug['id'];
  /** How many were run, the violating one included. */
  readonly scenarios: number;
  readonly seconds: number;
}

export type Hunt =
  | (HuntCounts & {
      readonly caught: true;
      /** Of the first violation. */
      readonly property: string;
      readonly rule: string;
      readonly find: Find;
    })
  | (HuntCounts & { readonly caught: false });

/** Hunts one bug. @throws PatchError when it does not apply */
export async function huntBug(bug: Bug, options: HuntOptions): Promise<Hunt> {
  const started = performance.now();
  const { seed, properties, scenariosMax } = options;
  const subject = openModel({ systemClass: await loadPatchedModel(bug), name: `model with ${bug.id}` });
  let find: Find | undefined;
  const { scenarios } = await runRange({
    subject,
    properties,
    seed,
    from: 0,
    to: scenariosMax,
    onFind: (first) => {
      find ??= first;
    },
    stop: () => find !== undefined,
  });
  const seconds = (performance.now() - started) / 1000;
  const counts = { id: bug.id, scenarios, seconds };
  if (find === undefined) return { ...counts, caught: false };
  return { ...counts, caught: true, property: find.property, rule: find.rule, find };
}
