import { describe, expect, test } from 'vitest';
import { CMDQ, Driver, HOLE, pack } from '../testing.ts';

const CR0 = 0x20;
const GERROR = 0x60;
const GERRORN = 0x64;
const CMDQ_BASE = 0x90;
const CMDQ_PROD = 0x98;
const CMDQ_CONS = 0x9c;
const SYNC = 0x46;
const CERROR_ILL = 1 << 24;
const CERROR_ABT = 2 << 24;

describe('consumption', () => {
  test('all 2^n entries are usable, and CONS wraps with its flag', () => {
    const d = Driver.booted({ cmdqLog2Size: 2 });
    for (let i = 0; i < 4; i++) d.fill(SYNC);
    d.ring();
    expect(d.read(CMDQ_CONS)).toBe(0b100);
    for (let i = 0; i < 3; i++) d.fill(SYNC);
    d.ring();
    expect(d.read(CMDQ_CONS)).toBe(0b111);
    d.command(SYNC);
    expect(d.read(CMDQ_CONS)).toBe(0b000);
  });

  test('a queue of one entry works by its wrap flag alone', () => {
    const d = Driver.booted({ cmdqLog2Size: 0 });
    for (const expected of [1, 0, 1, 0]) {
      d.command(SYNC, [13, 12, 1]);
      expect(d.read(CMDQ_CONS)).toBe(expected);
    }
    expect(d.system.takeInterrupts()).toEqual(['CMD_SYNC', 'CMD_SYNC', 'CMD_SYNC', 'CMD_SYNC']);
  });

  test('nothing is consumed while CMDQEN is 0; setting it starts what waits', () => {
    const d = Driver.booted({ cr0: 0 });
    d.command(SYNC);
    expect(d.read(CMDQ_CONS)).toBe(0);
    d.write(CR0, 8);
    expect(d.read(CMDQ_CONS)).toBe(1);
  });

  test('a queue that is full when it is enabled is consumed whole', () => {
    const d = new Driver();
    d.boot({ cmdqLog2Size: 3, cr0: 0 });
    for (let i = 0; i < 8; i++) d.poke(CMDQ + 16 * i, pack(4, [[7, 0, SYNC]]));
    d.write(CMDQ_CONS, 3);
    d.write(CMDQ_PROD, 3 ^ 8);
    d.write(CR0, 8);
    expect(d.read(CMDQ_CONS)).toBe(3 ^ 8);
  });

  test('the base is aligned down to the size of the queue', () => {
    const d = new Driver();
    d.boot({ cr0: 0, cmdqLog2Size: 8 });
    d.write64(CMDQ_BASE, CMDQ + 0xfe0 + 8);
    d.fill(SYNC, [13, 12, 1]);
    d.write(CR0, 8);
    d.ring();
    expect(d.read(CMDQ_CONS)).toBe(1);
  });

  test('index bits above the queue size have no effect', () => {
    const d = Driver.booted({ cmdqLog2Size: 2 });
    d.fill(SYNC);
    d.write(CMDQ_PROD, 0xf_fff9);
    expect(d.read(CMDQ_CONS)).toBe(1);
  });

  test('inconsistent indexes consume nothing and end', () => {
    const d = new Driver();
    d.boot({ cmdqLog2Size: 2, cr0: 0 });
    d.write(CMDQ_CONS, 2);
    d.write(CMDQ_PROD, 1);
    d.write(CR0, 8);
    expect(d.read(CMDQ_CONS)).toBe(2);
    expect(d.read(GERROR)).toBe(0);
  });

  test('the SMMU never writes the Command queue', () => {
    const d = Driver.booted();
    d.fill(SYNC, [13, 12, 1]);
    const before = d.peek(CMDQ, 4);
    d.ring();
    expect(d.peek(CMDQ, 4)).toEqual(before);
  });
});

describe('errors', () => {
  test('an illegal command stops the queue on it, with CERROR_ILL, GERROR.CMDQ_ERR and an interrupt', () => {
    const d = Driver.booted();
    d.fill(SYNC);
    d.fill(0x00);
    d.fill(SYNC, [13, 12, 1]);
    d.ring();
    expect(d.read(CMDQ_CONS)).toBe(CERROR_ILL | 1);
    expect(d.read(GERROR)).toBe(1);
    expect(d.system.takeInterrupts()).toEqual(['GERROR']);
  });

  test('without GERROR_IRQEN the error makes no interrupt, then or later', () => {
    const d = Driver.booted({ irqCtrl: 0 });
    d.command(0xff);
    d.write(0x50, 5);
    expect(d.read(GERROR)).toBe(1);
    expect(d.system.takeInterrupts()).toEqual([]);
  });

  test('nothing is consumed until GERRORN acknowledges, then the queue restarts without a PROD write', () => {
    const d = Driver.booted();
    d.command(0xff);
    d.command(SYNC);
    expect(d.read(CMDQ_CONS) & 0xff).toBe(0);
    d.replaceCommand(SYNC, [13, 12, 1]);
    d.system.takeInterrupts();
    d.acknowledgeErrors();
    expect(d.read(CMDQ_CONS) & 0xff).toBe(2);
    expect(d.system.takeInterrupts()).toEqual(['CMD_SYNC']);
  });

  test('an unmended command errs again, and GERROR toggles from 1 to 0', () => {
    const d = Driver.booted();
    d.command(0xff);
    d.acknowledgeErrors();
    expect(d.read(GERRORN)).toBe(1);
    expect(d.read(GERROR)).toBe(0);
    expect(d.read(CMDQ_CONS)).toBe(CERROR_ILL);
    expect(d.system.takeInterrupts()).toEqual(['GERROR', 'GERROR']);
  });

  test('toggling CMDQEN does not clear the error', () => {
    const d = Driver.booted();
    d.command(0xff);
    d.replaceCommand(SYNC);
    d.write(CR0, 5);
    d.write(CR0, 0xd);
    expect(d.read(CMDQ_CONS) & 0xff).toBe(0);
    d.acknowledgeErrors();
    expect(d.read(CMDQ_CONS) & 0xff).toBe(1);
  });

  test('acknowledged while CMDQEN is 0, the queue waits for CMDQEN', () => {
    const d = Driver.booted();
    d.command(0xff);
    d.replaceCommand(SYNC);
    d.write(CR0, 5);
    d.acknowledgeErrors();
    expect(d.read(CMDQ_CONS) & 0xff).toBe(0);
    d.write(CR0, 0xd);
    expect(d.read(CMDQ_CONS) & 0xff).toBe(1);
  });

  test('PROD may be moved back to CONS while the error is active', () => {
    const d = Driver.booted();
    d.command(0xff);
    d.write(CMDQ_PROD, 0);
    d.acknowledgeErrors();
    expect([d.read(CMDQ_CONS) & 0xff, d.read(GERROR) ^ d.read(GERRORN)]).toEqual([0, 0]);
  });

  test('a command that cannot be read is CERROR_ABT', () => {
    const d = new Driver();
    d.boot({ cr0: 0 });
    d.write64(CMDQ_BASE, HOLE + 6);
    d.write(CR0, 8);
    d.write(CMDQ_PROD, 1);
    expect(d.read(CMDQ_CONS)).toBe(CERROR_ABT);
    expect(d.read(GERROR)).toBe(1);
  });
});
