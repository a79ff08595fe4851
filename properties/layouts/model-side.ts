/** The model as a side: all its probes, and whole programs run on it for what only a walk reads. */
import { isDeepStrictEqual } from 'node:util';
import { lower } from '../../scenario/lower.ts';
import { openModel } from '../../subjects/model.ts';
import { cachedBlock, descriptorProbes } from './descriptor-walks.ts';
import { PROFILE } from './programs.ts';
import type { Accepts } from './programs.ts';
import { l1cdProbes, l1stdProbes } from './table-walks.ts';
import { CD_PROBES, STE_PROBES, STRUCTURE_VIEWS } from './model-structures.ts';
import type { Side } from './side.ts';
import { COMMAND_PROBES } from './model-commands.ts';
import { EVENT_PROBES } from './model-events.ts';
import { REGISTER_PROBES } from './model-registers.ts';

const SUBJECT = openModel({ features: PROFILE });

const accepts: Accepts = (steps, last, outcome) => {
  const plain = [...steps.map((step) => ('do' in step ? step : step[0])), last];
  const program = lower({ 'smmu-crosscheck': 1, why: 'a descriptor', steps: plain });
  const trace = SUBJECT.run(program);
  if (trace instanceof Promise) throw new Error('the built-in model answers at once');
  const access = program.actions.findLastIndex(({ op }) => op.startsWith('dma'));
  return isDeepStrictEqual(trace.observations[access]?.outcome, outcome);
};

export const MODEL: Side = {
  name: 'model',
  probes: {
    ste: { ...STE_PROBES, ...l1stdProbes(accepts) },
    cd: { ...CD_PROBES, ...l1cdProbes(accepts) },
    commands: COMMAND_PROBES,
    events: EVENT_PROBES,
    registers: REGISTER_PROBES,
    descriptors: { ...descriptorProbes(accepts), 'descriptor.nT': cachedBlock(accepts) },
  },
  views: STRUCTURE_VIEWS,
};
