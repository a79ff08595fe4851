/** The reference as a side: all its probes, and programs that it judges for what only a walk reads. */
import { told } from '../../reference/testing.ts';
import { descriptorProbes } from './descriptor-walks.ts';
import type { Accepts } from './programs.ts';
import { l1cdProbes, l1stdProbes } from './table-walks.ts';
import { CD_PROBES, ID, STE_PROBES, STRUCTURE_VIEWS } from './reference-structures.ts';
import { unused } from './side.ts';
import type { Side } from './side.ts';
import { COMMAND_PROBES } from './reference-commands.ts';
import { EVENT_PROBES } from './reference-events.ts';
import { REGISTER_PROBES } from './reference-registers.ts';

const accepts: Accepts = (steps, last, outcome) => told([...steps, [last, { outcomes: [outcome] }]], ID).kind === 'ok';

export const REFERENCE: Side = {
  name: 'reference',
  probes: {
    ste: { ...STE_PROBES, ...l1stdProbes(accepts) },
    cd: { ...CD_PROBES, ...l1cdProbes(accepts) },
    commands: COMMAND_PROBES,
    events: EVENT_PROBES,
    registers: REGISTER_PROBES,
    descriptors: {
      ...descriptorProbes(accepts),
      ...unused('descriptor', 'only named by a rule', 'nT'),
    },
  },
  views: STRUCTURE_VIEWS,
};
