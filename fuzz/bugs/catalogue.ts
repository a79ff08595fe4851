/** Every seeded bug. */
import type { Bug } from './bug.ts';
import { CONFIGURATION_CACHE_BUGS, TLB_BUGS } from './catalogue/caches.ts';
import { EVENT_BUGS, EVENT_QUEUE_BUGS, INTERRUPT_BUGS } from './catalogue/faults.ts';
import { COMMAND_BUGS, COMMAND_QUEUE_BUGS, REGISTER_BUGS } from './catalogue/programming.ts';
import { CONTEXT_BUGS, STREAM_TABLE_BUGS } from './catalogue/structures.ts';
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
];
