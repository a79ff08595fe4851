import { describe, expect, it } from 'vitest';
import type { Step } from '../scenario/steps.ts';
import { aborted, patternAt, told, type Told, value } from './testing.ts';

const PAGE = 0x4100_0000n;
const world: readonly Step[] = [
  { do: 'cd', cd: 0 },
  { do: 'ste', stream: 8 },
  { do: 'map', cd: 0, va: 0x1000n, pa: PAGE },
  { do: 'boot' },
];
const reset: Step = { do: 'reset' };
const dma: Step = { do: 'dma', stream: 8, read: 0x1000n, bytes: 8 };
const through: Told = [{ ...dma, read: PAGE }, { outcomes: [patternAt(PAGE)] }];

function verdict(...steps: readonly Told[]): string {
  const { kind, violation, undetermined } = told([...world, ...steps]);
  return violation === undefined ? (undetermined?.reason ?? kind) : `${violation.rule} ${violation.difference}`;
}

describe('a reset', () => {
  const reads = (register: 'CR0' | 'CR0ACK' | 'IRQ_CTRL' | 'CR2', number: number): Told => [
    { do: 'read', register },
    { outcomes: [value(number)] },
  ];

  it('clears the enables and their acknowledges', () => {
    expect(verdict(reset, reads('CR0', 0), reads('CR0ACK', 0), reads('IRQ_CTRL', 0))).toBe('ok');
    expect(verdict(reset, reads('CR0', 0xd))).toBe('RESET-001 register-value');
    expect(verdict(reset, reads('CR0ACK', 0xd))).toBe('RESET-001 register-value');
    expect(verdict(reset, reads('IRQ_CTRL', 5))).toBe('RESET-003 register-value');
  });

  it('leaves what is UNKNOWN open', () => {
    expect(verdict(reset, reads('CR2', 2))).toBe('ok');
    expect(verdict(reset, reads('CR2', 0))).toBe('ok');
    expect(verdict(reset, reads('CR2', 0x10))).toMatch(/register-value/);
  });

  it('ends translation: GBPA decides, either way', () => {
    expect(verdict(reset, through)).toBe('ok');
    expect(verdict(reset, [dma, { outcomes: [aborted] }])).toBe('ok');
    expect(verdict(reset, [dma, { outcomes: [aborted], interrupts: ['EVTQ'] }])).toMatch(/interrupt-unexpected/);
  });

  it('keeps memory, so that the same tables serve again', () => {
    expect(verdict(reset, { do: 'boot' }, [dma, { outcomes: [patternAt(PAGE)] }])).toBe('ok');
    expect(verdict(reset, { do: 'boot' }, [dma, { outcomes: [patternAt(PAGE + 0x1000n)] }])).toMatch(/dma-data/);
  });

  it('says nothing of the caches before everything was invalidated', () => {
    // As boot does, but without its invalidations.
    const registers: readonly Step[] = [
      { do: 'write', register: 'CR2', value: 2n },
      { do: 'write', register: 'STRTAB_BASE', value: 0x4010_0000n },
      { do: 'write', register: 'STRTAB_BASE_CFG', value: 5n },
      { do: 'write', register: 'CR0', value: 1n },
    ];
    expect(verdict(reset, ...registers, [dma, { outcomes: [patternAt(PAGE)] }])).toBe('ok');
    expect(verdict(reset, ...registers, [dma, { outcomes: [patternAt(PAGE + 0x1000n)] }])).toMatch(/^translation was/);
  });

  it('forgets commands and events that were on their way', () => {
    const late: readonly Step[] = [
      { do: 'command', name: 'CMD_SYNC', set: { CS: 1n }, ring: false },
      { do: 'write-offset', offset: 0x98, value: 4n, bytes: 4 },
    ];
    expect(verdict(...late, reset)).toBe('ok');
    expect(verdict(...late, { do: 'settle' })).toMatch(/interrupt-missing/);
  });
});
