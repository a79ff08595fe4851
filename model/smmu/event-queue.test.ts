import { describe, expect, test } from 'vitest';
import { CDS, DATA, Driver, EVENTQ, HOLE, STRTAB, steConfig, unpack, upper } from '../testing.ts';

const CR0 = 0x20;
const IRQ_CTRL = 0x50;
const GERROR = 0x60;
const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0x1_00a8;
const EVENTQ_CONS = 0x1_00ac;
const OVFLG = 2 ** 31;

/** Makes one event: stream 0's STE is zero. */
const fault = (d: Driver): void => void d.dmaRead(0, 0);

describe('the queue', () => {
  test('fills all 2^n entries in order and wraps with its flag', () => {
    const d = Driver.booted({ eventqLog2Size: 2 });
    for (let i = 0; i < 4; i++) fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(0b100);
    d.write(EVENTQ_CONS, 0b010);
    fault(d);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(0b110);
    d.write(EVENTQ_CONS, 0b110);
    fault(d);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(0b000);
  });

  test('of one entry is full with one record', () => {
    const d = Driver.booted({ eventqLog2Size: 0 });
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(1);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(OVFLG + 1);
  });

  test('full: discards, toggles OVFLG once until it is acknowledged, writes no memory, and is no global error', () => {
    const d = Driver.booted({ eventqLog2Size: 1 });
    fault(d);
    d.dmaRead(2, 0);
    expect(d.read(EVENTQ_PROD)).toBe(2);
    const before = d.peek(EVENTQ, 16);
    d.dmaRead(3, 0);
    expect(d.read(EVENTQ_PROD)).toBe(OVFLG + 2);
    d.dmaRead(3, 0);
    expect(d.read(EVENTQ_PROD)).toBe(OVFLG + 2);
    expect(d.peek(EVENTQ, 16)).toEqual(before);
    expect(d.read(GERROR)).toBe(0);
    d.write(EVENTQ_CONS, OVFLG);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(2);
  });

  test('records again once there is room, though the overflow is not acknowledged', () => {
    const d = Driver.booted({ eventqLog2Size: 0 });
    fault(d);
    fault(d);
    d.write(EVENTQ_CONS, 1);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(OVFLG);
  });

  test('disabled: discards silently, and replays nothing when it is enabled', () => {
    const d = Driver.booted({ cr0: 0x9 });
    fault(d);
    d.write(CR0, 0xd);
    expect([d.read(EVENTQ_PROD), d.system.takeInterrupts()]).toEqual([0, []]);
  });

  test('has its base aligned down to its size', () => {
    const d = new Driver();
    d.boot({ cr0: 0, eventqLog2Size: 5 });
    d.write64(EVENTQ_BASE, EVENTQ + 0x3e0 + 5);
    d.write(CR0, 0xd);
    fault(d);
    expect(d.takeEventNumbers()).toEqual([0x04]);
  });

  test('with inconsistent indexes nothing is written', () => {
    const d = new Driver();
    d.boot({ cr0: 0, eventqLog2Size: 2 });
    d.write(EVENTQ_CONS, 2);
    d.write(EVENTQ_PROD, 1);
    d.write(CR0, 0xd);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(1);
    expect(d.peek(EVENTQ, 32)).toEqual(new Uint32Array(32));
  });
});

describe('an aborted record write', () => {
  function inHole(irqCtrl = 5): Driver {
    const d = new Driver();
    d.boot({ cr0: 0, irqCtrl });
    d.write64(EVENTQ_BASE, HOLE + 5);
    d.write(CR0, 0xd);
    fault(d);
    return d;
  }

  test('activates EVENTQ_ABT_ERR, leaves PROD, and interrupts for GERROR only', () => {
    const d = inHole();
    expect(d.read(GERROR)).toBe(4);
    expect(d.read(EVENTQ_PROD)).toBe(0);
    expect(d.system.takeInterrupts()).toEqual(['GERROR']);
  });

  test('stops delivery until it is acknowledged', () => {
    const d = inHole();
    d.write(CR0, 9);
    d.write64(EVENTQ_BASE, EVENTQ + 5);
    d.write(CR0, 0xd);
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(0);
    d.acknowledgeErrors();
    fault(d);
    expect(d.read(EVENTQ_PROD)).toBe(1);
  });

  test('does not stop the Command queue', () => {
    const d = inHole(0);
    d.command(0x46);
    expect(d.read(0x9c)).toBe(1);
  });
});

describe('its interrupt', () => {
  test('comes when the queue stops being empty, and only then', () => {
    const d = Driver.booted();
    fault(d);
    fault(d);
    expect(d.system.takeInterrupts()).toEqual(['EVTQ']);
    d.takeEvents();
    fault(d);
    expect(d.system.takeInterrupts()).toEqual(['EVTQ']);
  });

  test('does not come while EVENTQ_IRQEN is 0, nor afterwards for what was missed', () => {
    const d = Driver.booted({ irqCtrl: 1 });
    fault(d);
    d.write(IRQ_CTRL, 5);
    fault(d);
    expect(d.system.takeInterrupts()).toEqual([]);
  });
});

describe('records, byte for byte', () => {
  test('configuration errors carry only number, StreamID and SubstreamID', () => {
    const d = Driver.booted();
    d.dmaRead(33, upper(0x1234), { substreamId: 0xabcde, privileged: true });
    d.dmaRead(0, upper(0x1234), { privileged: true });
    d.ste(2, steConfig(0b100));
    d.dmaRead(2, 0, { substreamId: 5 });
    d.ste(3);
    d.dmaWrite(3, 0x1000);
    expect(d.takeEvents().map((record) => [...record])).toEqual([
      [0xabcd_e802, 33, 0, 0, 0, 0, 0, 0],
      [0x04, 0, 0, 0, 0, 0, 0, 0],
      [0x0000_5008, 2, 0, 0, 0, 0, 0, 0],
      [0x0a, 3, 0, 0, 0, 0, 0, 0],
    ]);
  });

  test('aborted fetches carry FetchAddr at [247:195]', () => {
    const d = new Driver();
    d.boot({ cr0: 0 });
    d.write64(0x80, 0x12_7000_0000);
    d.write(CR0, 0xd);
    d.dmaRead(3, 0x1000);
    d.write(CR0, 0xc);
    d.write64(0x80, STRTAB);
    d.write(CR0, 0xd);
    d.ste(4, [55, 6, (HOLE + 0x40) / 64]);
    d.dmaRead(4, 0x1000);
    expect(d.takeEvents().map((record) => [...record])).toEqual([
      [0x03, 3, 0, 0, 0, 0, 0x7000_00c0, 0x12],
      [0x09, 4, 0, 0, 0, 0, 0x7000_0040, 0],
    ]);
  });

  test('an aborted descriptor read is CLASS TT, with the input and the descriptor address', () => {
    const d = Driver.mapped();
    d.table(0x1000, 2, 0, [47, 12, HOLE / 4096]);
    d.dmaWrite(1, 0x1678, { privileged: true, instruction: true });
    const words = (1 << 1) | (0b01 << 8);
    expect(d.takeEvents().map((record) => [...record])).toEqual([[0x0b, 1, 0, words, 0x1678, 0, HOLE + 8, 0]]);
  });

  test('translation faults carry RnW, InD, PnU, S2 = 0, CLASS IN and the unmodified input address', () => {
    const d = Driver.mapped();
    d.dmaRead(1, [0xffff_8123, 0x4567_89ab], { privileged: true, instruction: true });
    d.dmaWrite(1, 0x7777_0123, { instruction: true });
    const [read, write] = d.takeEvents();
    expect([...read!]).toEqual([
      0x10,
      1,
      0,
      (1 << 1) | (1 << 2) | (1 << 3) | (0b10 << 8),
      0x4567_89ab,
      0xffff_8123,
      0,
      0,
    ]);
    expect([...write!]).toEqual([0x10, 1, 0, 0b10 << 8, 0x7777_0123, 0, 0, 0]);
  });

  test('are little-endian whatever CD.ENDI says', () => {
    const d = Driver.mapped();
    d.cd(0, [15, 15, 1]);
    d.dmaRead(1, 0x1000);
    expect(d.takeEventNumbers()).toEqual([0x10]);
    expect(unpack(d.peek(EVENTQ, 8), 63, 32)).toBe(1);
  });

  test('one transaction makes one record', () => {
    const d = Driver.booted();
    d.ste(1, [55, 6, CDS / 64]);
    d.cd(0, [31, 31, 0], [44, 44, 1]);
    d.dmaRead(1, upper(0), { substreamId: 1 });
    expect(d.takeEventNumbers()).toEqual([0x08]);
  });
});

test('an access that the memory system aborts downstream is an abort without event', () => {
  const d = Driver.mapped();
  d.map(0x3000, HOLE);
  expect(d.dmaRead(1, 0x3010)).toMatchObject({ result: 'abort', outputAddress: HOLE + 0x10 });
  expect(d.dmaWrite(1, 0x3010).result).toBe('abort');
  expect(d.takeEvents()).toEqual([]);
  expect(d.dmaRead(1, 0x1008).data).toBe(DATA + 8);
});
