/** Every seeded bug. */
import type { Bug } from './bug.ts';
import { CONFIGURATION_CACHE_BUGS, TLB_BUGS } from './catalogue/caches.ts';
import { EVENT_BUGS, EVENT_QUEUE_BUGS, INTERRUPT_BUGS } from './catalogue/faults.ts';
import { COMMAND_BUGS, COMMAND_QUEUE_BUGS, REGISTER_BUGS } from './catalogue/programming.ts';
import { STAGE2_PERMISSION_BUGS, STAGE2_STE_BUGS, STAGE2_WALK_BUGS } from './catalogue/stage2.ts';
import { STAGE2_COMMAND_BUGS, STAGE2_EVENT_BUGS } from './catalogue/stage2-events.ts';
import { STAGE2_TLB_BUGS } from './catalogue/stage2-tlb.ts';
import { CONTEXT_BUGS, STREAM_TABLE_BUGS } from './catalogue/structures.ts';
import { SUBSTREAM_BUGS, TWO_LEVEL_BUGS } from './catalogue/tables.ts';
import { PERMISSION_BUGS, WALK_BUGS } from './catalogue/translation.ts';

export const CATALOGUE: readonly Bug[] = [
  ...STREAM_TABLE_BUGS,
  ...CONTEXT_BUGS,
  ...WALK_BUGS,
  ...PERMISSION_BUGS,
  ...CONFIGURATION_CACHE_BUGS,
  ...TLB_BUGS,
  ...EVENT_BUGS,
  ...EVENT_QUEUE_BUGS,
  ...INTERRUPT_BUGS,
  ...COMMAND_BUGS,
  ...COMMAND_QUEUE_BUGS,
  ...REGISTER_BUGS,
  ...TWO_LEVEL_BUGS,
  ...SUBSTREAM_BUGS,
  ...STAGE2_STE_BUGS,
  ...STAGE2_WALK_BUGS,
  ...STAGE2_PERMISSION_BUGS,
  ...STAGE2_TLB_BUGS,
  ...STAGE2_EVENT_BUGS,
  ...STAGE2_COMMAND_BUGS,
];
