#!/usr/bin/env node
/**
 * Stands in for QEMU in tests: speaks qtest on descriptor 3 and QMP on 4, has RAM, two edu devices, and an SMMU that is a
 * row of 32-bit words and lets everything through. What it does wrong is chosen by FAKE_QEMU (from the start), or by the
 * value that a test writes to CR2 (while a program runs).
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

const MODE = process.env.FAKE_QEMU ?? '';
const CRASH = 0xdead;
const HANG = 0xbeef;
const BABBLE = 0xbad0;
const DROP_DMA = 0xd3ad;

if (MODE === 'refuse') {
  writeSync(2, 'fake-qemu: -machine virt: unsupported machine type\n');
  process.exit(1);
}

const qtest = new Socket({ fd: 3 });
const qmp = new Socket({ fd: 4 });
for (const socket of [qtest, qmp]) socket.on('close', () => process.exit(0)).on('error', () => process.exit(0));

const ram = Buffer.alloc(0x0800_0000);
const SMMU = 0x0905_0000;
const IDS = { 0x00: 0x0d40101a, 0x04: 0x02730010, 0x14: 0x74, 0x1c: 1 };
let registers = new Map();
const edus = [1, 2].map((slot) => ({
  bar: 0x1000_0000 + slot * 0x10_0000,
  line: 3 + slot,
  set: {},
  buffer: Buffer.alloc(4096),
}));
let dropDma = false;

const hex = (value) => `OK 0x${value.toString(16).padStart(16, '0')}`;
const memory = (address, bytes) => {
  const at = address - 0x4000_0000;
  return at >= 0 && at + bytes <= ram.length ? ram.subarray(at, at + bytes) : Buffer.alloc(bytes);
};

function read(address, bytes) {
  const device = edus.find(({ bar }) => address >= bar && address < bar + 0x10_0000);
  if (device !== undefined) return address === device.bar ? 0x010000edn : 0n;
  if (address < SMMU || address >= SMMU + 0x2_0000) return 0n;
  const word = (offset) => BigInt(IDS[offset] ?? registers.get(offset) ?? 0);
  if (bytes === 4) return word(address - SMMU);
  return bytes === 8 ? word(address - SMMU) | (word(address - SMMU + 4) << 32n) : 0n;
}

function write(address, bytes, value) {
  const device = edus.find(({ bar }) => address >= bar && address < bar + 0x10_0000);
  if (device !== undefined) {
    device.set[address - device.bar] = Number(value);
    if (address - device.bar === 0x98) setImmediate(() => dma(device));
    if (address - device.bar === 0x64) say(`IRQ lower ${device.line}`);
    return;
  }
  if (address < SMMU || address >= SMMU + 0x2_0000) return;
  registers.set(address - SMMU, Number(value & 0xffff_ffffn));
  if (bytes === 8) registers.set(address - SMMU + 4, Number(value >> 32n));
  // A write to CMDQ_PROD pulses the CMD_SYNC interrupt.
  if (address - SMMU === 0x98) say('IRQ raise 76\nIRQ lower 76');
  if (address - SMMU === 0x2c) misbehave(Number(value));
}

function misbehave(value) {
  if (value === CRASH) {
    writeSync(2, "fake-qemu: smmuv3.c:1: decode: Assertion `false' failed.\n");
    process.kill(process.pid, 'SIGABRT');
    for (;;);
  }
  if (value === HANG) for (;;);
  if (value === BABBLE) say('HELLO');
  if (value === DROP_DMA) dropDma = true;
}

function dma(device) {
  if (dropDma) return;
  const { 0x80: source, 0x88: destination, 0x90: count, 0x98: command } = device.set;
  if (command & 2) device.buffer.copy(memory(destination, count), 0, source - 0x40000, source - 0x40000 + count);
  else memory(source, count).copy(device.buffer, destination - 0x40000);
  say(`IRQ raise ${device.line}`);
}

function answer(line) {
  const [command, ...words] = line.split(' ');
  const [address = 0, second = 0] = words.map(Number);
  const width = { b: 1, w: 2, l: 4, q: 8 }[command.at(-1)];
  if (/^read[bwlq]$/.test(command)) return hex(read(address, width));
  if (/^write[bwlq]$/.test(command)) return (write(address, width, BigInt(words[1])), 'OK');
  switch (command) {
    case 'b64read':
      return `OK ${memory(address, second).toString('base64')}`;
    case 'b64write':
      Buffer.from(words[2], 'base64').copy(memory(address, second));
      return 'OK';
    case 'memset':
      memory(address, second).fill(Number(words[2]));
      return 'OK';
    case 'irq_intercept_in':
      return 'OK';
    default:
      return `FAIL Unknown command '${command}'`;
  }
}

let pending = '';
function say(line) {
  pending += `${line}\n`;
  if (MODE !== 'dribble') {
    qtest.write(pending);
    pending = '';
    return;
  }
  for (const char of pending) qtest.write(char);
  pending = '';
}

let qtestRest = '';
qtest.setEncoding('latin1').on('data', (text) => {
  const lines = (qtestRest + text).split('\n');
  qtestRest = lines.pop();
  for (const line of lines) say(answer(line));
});

const tell = (message) => qmp.write(`${JSON.stringify(message)}\r\n`);
const SMMU_PATH = '/machine/unattached/device[6]';

function execute({ execute: command, arguments: words = {} }) {
  switch (command) {
    case 'qmp_capabilities':
      return tell({ return: {} });
    case 'qom-list':
      return tell({ return: MODE === 'no-smmu' ? [] : [{ name: 'device[6]', type: 'child<arm-smmuv3>' }] });
    case 'qom-get': {
      const output = Number(/\[(\d)\]$/.exec(words.property)[1]);
      return tell(
        words.path === SMMU_PATH
          ? { return: `/machine/unattached/device[1]/unnamed-gpio-in[${74 + output}]` }
          : { error: { desc: 'no such device' } },
      );
    }
    case 'system_reset':
      registers = new Map();
      tell({ return: {} });
      return tell({ event: 'RESET', data: {} });
    default:
      return tell({ error: { class: 'CommandNotFound', desc: `no ${command}` } });
  }
}

let qmpRest = '';
qmp.setEncoding('utf8').on('data', (text) => {
  const lines = (qmpRest + text).split('\n');
  qmpRest = lines.pop();
  for (const line of lines) execute(JSON.parse(line));
});
if (MODE !== 'silent') tell({ QMP: { version: { qemu: { major: 99, minor: 1, micro: 2 }, package: 'fake' } } });
