/**
 * The project's own `Arbitrary<Scenario>`: a valid world that one story perturbs, with a few kinds of asides (a swarm mix) strewn in.
 * Shrinking needs no context: any scenario, stored or written by hand, shrinks as one that was generated.
 */
import { Arbitrary, Stream, Value } from 'fast-check';
import type { Random } from 'fast-check';
import type { Scenario } from '../../scenario/steps.ts';
import type { Described } from '../../subjects/subject.ts';
import { shrinkScenario } from '../shrink.ts';
import { ASIDES, QUIET_ASIDES } from './asides.ts';
import { Draw } from './draw.ts';
import { drawBuild } from './profile.ts';
import { drawShape, streamsOf } from './shape.ts';
import { targetOf } from './target.ts';
import type { Target } from './target.ts';
import { THEMES } from './themes.ts';
import type { Theme } from './themes.ts';
import { World } from './world.ts';
import type { Aside } from './world.ts';

/** Scenarios for a subject with these capabilities and features. @param themes only these stories */
export function scenarios(subject: Described, themes: readonly Theme[] = THEMES): ScenarioArbitrary {
  return new ScenarioArbitrary(subject, themes);
}

export class ScenarioArbitrary extends Arbitrary<Scenario> {
  readonly #subject: Described;
  readonly #themes: readonly (readonly [weight: number, theme: Theme])[];

  constructor(subject: Described, themes: readonly Theme[]) {
    super();
    this.#subject = subject;
    this.#themes = themes.map((theme) => [theme.weight, theme] as const);
  }

  /** A scenario that depends on the random numbers alone. */
  draw(random: Random): Scenario {
    const draw = new Draw(random);
    const { features, idRegisters } = drawBuild(draw, this.#subject);
    const usual = targetOf(this.#subject.capabilities, idRegisters);
    const theme = draw.weighted(this.#themesFor(usual));
    const shape = drawShape(draw, usual, theme.suits ?? {});
    const target = { ...usual, streams: streamsOf(usual, shape.split) };
    const asides = asidesOf(draw, theme);
    const world = new World(draw, target, shape, asides, draw.pick([0, 0, 8, 20]));
    theme.story(world);
    const steps = world.steps.slice(0, STEPS_MAX);
    const why = `generated: ${theme.name}`;
    return { 'smmu-crosscheck': 1, why, ...(features === undefined ? {} : { features }), steps };
  }

  /** Those that have something to tell of a target. Where it has no stage 1, stories of that say little: C_BAD_STE. */
  #themesFor(target: Target): readonly (readonly [weight: number, theme: Theme])[] {
    const able = this.#themes.filter(([, { needs }]) => needs === undefined || needs(target));
    const themes = able.length === 0 ? this.#themes : able;
    if (target.s1p) return themes;
    return themes.map(([weight, theme]) => [
      theme.suits?.only === false && theme.needs === undefined ? 1 : weight,
      theme,
    ]);
  }

  override generate(random: Random): Value<Scenario> {
    return new Value(this.draw(random), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is Scenario {
    return typeof value === 'object' && value !== null && 'smmu-crosscheck' in value && 'steps' in value;
  }

  override shrink(value: Scenario): Stream<Value<Scenario>> {
    return new Stream(valuesOf(shrinkScenario(value)));
  }
}

/** Stories end well before this; a scenario stays short enough to read. */
const STEPS_MAX = 60;

function asidesOf(draw: Draw, theme: Theme): readonly Aside[] {
  if (theme.asides === 'none') return [];
  return draw.some(theme.asides === 'quiet' ? QUIET_ASIDES : ASIDES, 3);
}

function* valuesOf(from: Iterable<Scenario>): IterableIterator<Value<Scenario>> {
  for (const scenario of from) yield new Value(scenario, undefined);
}
