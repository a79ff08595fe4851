/** `npm run docs:support`: writes docs/architecture-support.md. */
import { writeFileSync } from 'node:fs';
import { architectureSupport, SUPPORT_FILE } from './architecture-support.ts';

writeFileSync(SUPPORT_FILE, await architectureSupport());
