/** What every step of the judge knows of its surroundings: the implementation, the time, memory. */
import type { Memory } from './memory.ts';
import type { Context } from './register-words.ts';

export interface Environment extends Context {
  readonly memory: Memory;
  /** Told why anything at all is permitted from here on besides what the states show. */
  readonly chaos: (reason: string) => void;
}
