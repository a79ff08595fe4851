/** Seeded bugs of the programming interface: commands, the Command queue and its errors, registers and their guards (4, 6, 7.1). */
import { bug, edit } from '../bug.ts';

export const COMMAND_BUGS = [
  bug(
    'BUG-74',
    {
      title: 'CMD_TLBI_S12_VMALL is accepted without stage 2',
      area: 'commands',
      origin: 'BUG-74, openvmm',
      severity: 'missing fault',
    },
    edit('commands', 'if (!s2p) return CERROR_ILL;', ''),
  ),
  bug(
    'BUG-102',
    {
      title: 'Unknown opcodes are ignored',
      area: 'commands',
      origin: 'BUG-102, cloud-hypervisor',
      severity: 'missing fault',
    },
    edit('commands', 'default:\n        return CERROR_ILL;', 'default:\n        return CERROR_NONE;'),
  ),
  bug(
    'BUG-104',
    {
      title: 'CMD_ATC_INV is accepted without ATS',
      area: 'commands',
      origin: 'BUG-104, cloud-hypervisor',
      severity: 'missing fault',
    },
    edit(
      'commands',
      'default:\n        return CERROR_ILL;',
      'case 0x40:\n        return CERROR_NONE;\n      default:\n        return CERROR_ILL;',
    ),
  ),
  bug(
    'BUG-360',
    {
      title: 'CMD_RESUME is accepted without the stall model',
      area: 'commands',
      origin: '4.6.1',
      severity: 'missing fault',
    },
    edit(
      'commands',
      'default:\n        return CERROR_ILL;',
      'case 0x44:\n        return CERROR_NONE;\n      default:\n        return CERROR_ILL;',
    ),
  ),
  bug(
    'BUG-361',
    {
      title: 'CMD_TLBI_EL2_ALL is accepted without IDR0.HYP',
      area: 'commands',
      origin: '4.4.2',
      severity: 'missing fault',
      rare: 'The opcode alone of the illegal commands is drawn about once in 1,500 scenarios.',
    },
    edit('commands', 'case CMD_TLBI_NSNH_ALL:', 'case CMD_TLBI_NSNH_ALL:\n      case 0x20:'),
  ),
  bug(
    'BUG-362',
    {
      title: 'CMD_CFGI_STE with SSec=1 is taken from the Non-secure queue',
      area: 'commands',
      origin: '4.3.1',
      severity: 'isolation breach',
    },
    edit(
      'commands',
      'if (flag(words, SSEC)) return CERROR_ILL;\n        this.#configCache.invalidateSte',
      'this.#configCache.invalidateSte',
    ),
  ),
  bug(
    'BUG-363',
    {
      title: 'CMD_SYNC with a Reserved CS is taken as SIG_NONE',
      area: 'commands',
      origin: '4.7.3',
      severity: 'missing fault',
    },
    edit('commands', 'if (get(words, CS) === CS_RESERVED) return CERROR_ILL;', ''),
  ),
  bug(
    'BUG-364',
    {
      title: 'The Reserved range NUM=0, SCALE=0, TTL=0 is no error',
      area: 'commands',
      origin: '4.4.1.1',
      severity: 'missing fault',
      rare: 'Takes a TLBI by VA with TG other than 0 and NUM, SCALE and TTL all 0.',
    },
    edit('commands', 'if (num === 0 && scale === 0 && ttl === 0) return true;', ''),
  ),
  bug(
    'BUG-365',
    {
      title: 'CMD_PREFETCH_ADDR is CERROR_ILL',
      area: 'commands',
      origin: '4.2.2',
      severity: 'spurious fault',
    },
    edit('commands', 'const CMD_PREFETCH_ADDR = 0x02;', 'const CMD_PREFETCH_ADDR = 0x102;'),
  ),
];

export const COMMAND_QUEUE_BUGS = [
  bug(
    'BUG-370',
    { title: 'CMDQ_CONS moves past a bad command', area: 'Command queue', origin: '7.1', severity: 'missing fault' },
    edit(
      'command-queue',
      'registers.commandError(error);',
      'registers.cmdqCons = nextIndex(cons, log2Size);\n        registers.commandError(error);',
    ),
  ),
  bug(
    'BUG-371',
    { title: 'CMDQ_CONS.ERR is not set', area: 'Command queue', origin: '7.1', severity: 'wrong register' },
    edit('registers', 'this.#cmdqErr = reason;', ''),
  ),
  bug(
    'BUG-372',
    {
      title: 'An aborted read of a command is CERROR_ILL',
      area: 'Command queue',
      origin: '7.1',
      severity: 'wrong register',
    },
    edit('commands', 'export const CERROR_ABT = 2;', 'export const CERROR_ABT = 1;'),
  ),
  bug(
    'BUG-373',
    {
      title: 'The acknowledgement of CMDQ_ERR does not restart the queue',
      area: 'Command queue',
      origin: '7.1',
      severity: 'hang',
    },
    edit(
      'registers',
      'this.gerrorn = value & map.GERROR_BITS;\n        this.#effects.considerCommandQueue();',
      'this.gerrorn = value & map.GERROR_BITS;',
    ),
  ),
  bug(
    'BUG-374',
    {
      title: 'CMDQ_CONS loses its wrap flag',
      area: 'Command queue',
      origin: '3.5.1',
      severity: 'hang',
    },
    edit(
      'command-queue',
      'registers.cmdqCons = nextIndex(cons, log2Size);',
      'registers.cmdqCons = slotOf(nextIndex(cons, log2Size), log2Size);\n      if (registers.cmdqCons === slotOf(registers.cmdqProd, log2Size)) return;',
    ),
  ),
  bug(
    'BUG-375',
    { title: 'Commands are consumed with CMDQEN=0', area: 'Command queue', origin: '6.3.9', severity: 'missing fault' },
    edit('command-queue', 'registers.cmdqEnabled && !registers', '!registers'),
  ),
  bug(
    'BUG-376',
    {
      title: 'Enabling the Command queue does not start it',
      area: 'Command queue',
      origin: '6.3.9',
      severity: 'hang',
    },
    edit(
      'registers',
      'this.cr0 = value & map.CR0_WRITABLE;\n        this.#effects.considerCommandQueue();',
      'this.cr0 = value & map.CR0_WRITABLE;',
    ),
  ),
  bug(
    'BUG-377',
    {
      title: 'A Command queue error does not stop the queue',
      area: 'Command queue',
      origin: '7.1',
      severity: 'missing fault',
    },
    edit('command-queue', ' && !registers.errorActive(GERROR_CMDQ_ERR)) {', ') {'),
  ),
  bug(
    'BUG-378',
    {
      title: 'CMDQ_BASE is not aligned to the size of the queue',
      area: 'Command queue',
      origin: '6.3.26',
      severity: 'wrong translation',
    },
    edit('registers', 'Math.max(5, this.cmdqLog2Size + 4),', '5,'),
  ),
];

export const REGISTER_BUGS = [
  bug(
    'BUG-602',
    { title: 'IDR0.Hyp is 0 although EL2 is there', area: 'registers', origin: '6.3.1', severity: 'wrong register' },
    edit('features', 'bit(f.hyp, 9) +', ''),
  ),
  bug(
    'BUG-603',
    { title: 'CR2.E2H is RES0 with Hyp', area: 'registers', origin: '6.3.12', severity: 'wrong register' },
    edit(
      'registers',
      'return map.CR2_RECINVSID | (this.#features.hyp ? map.CR2_E2H : 0);',
      'return map.CR2_RECINVSID;',
    ),
  ),
  bug(
    'BUG-17',
    {
      title: 'IIDR and AIDR change places',
      area: 'registers',
      origin: 'BUG-17, QEMU',
      severity: 'wrong register',
    },
    edit('register-map', 'export const IIDR_OFFSET = 0x0018;', 'export const IIDR_OFFSET = 0x001c;'),
    edit('register-map', 'export const AIDR = 0x001c;', 'export const AIDR = 0x0018;'),
  ),
  bug(
    'BUG-66',
    {
      title: 'CMDQ_CONS is never writable',
      area: 'registers',
      origin: 'BUG-66, openvmm',
      severity: 'hang',
    },
    edit('registers', 'if (!this.cmdqEnabled) this.#cmdqCons = value & map.INDEX_BITS;', ''),
  ),
  bug(
    'BUG-72',
    {
      title: 'GBPA written without Update takes effect',
      area: 'registers',
      origin: 'BUG-72, openvmm',
      severity: 'isolation breach',
    },
    edit('registers', 'if ((value & map.GBPA_UPDATE) !== 0) this.gbpa', 'this.gbpa'),
  ),
  bug(
    'BUG-84',
    {
      title: 'CMDQ_BASE is writable while the queue is enabled',
      area: 'registers',
      origin: 'BUG-84, gem5',
      severity: 'wrong register',
    },
    edit('registers', 'if (this.cmdqEnabled) return;\n        this.#cmdqLow', 'this.#cmdqLow'),
  ),
  bug(
    'BUG-110',
    {
      title: 'AIDR has the minor revision where the major belongs',
      area: 'registers',
      origin: 'BUG-110, hafnium',
      severity: 'wrong register',
    },
    edit('features', 'return f.archMinorRev;', 'return f.archMinorRev * 16;'),
  ),
  bug(
    'BUG-380',
    {
      title: 'STRTAB_BASE is writable while SMMUEN is 1',
      area: 'registers',
      origin: '6.3.24',
      severity: 'wrong register',
    },
    edit('registers', 'if (this.smmuEnabled) return;\n        this.#strtabLow', 'this.#strtabLow'),
  ),
  bug(
    'BUG-381',
    {
      title: 'STRTAB_BASE_CFG is writable while SMMUEN is 1',
      area: 'registers',
      origin: '6.3.25',
      severity: 'wrong register',
    },
    edit('registers', 'if (this.smmuEnabled) return;\n        this.#strtabCfg', 'this.#strtabCfg'),
  ),
  bug(
    'BUG-382',
    {
      title: 'EVENTQ_BASE is writable while the queue is enabled',
      area: 'registers',
      origin: '6.3.29',
      severity: 'wrong register',
    },
    edit('registers', 'if (this.eventqEnabled) return;\n        this.#eventqLow', 'this.#eventqLow'),
  ),
  bug(
    'BUG-383',
    {
      title: 'EVENTQ_PROD is writable while the queue is enabled',
      area: 'registers',
      origin: '6.3.95',
      severity: 'wrong register',
    },
    edit('registers', 'if (this.eventqEnabled) return;\n        this.#eventqProd', 'this.#eventqProd'),
  ),
  bug(
    'BUG-384',
    {
      title: 'CMDQ_CONS is writable while the queue is enabled',
      area: 'registers',
      origin: '6.3.28',
      severity: 'wrong register',
    },
    edit('registers', 'if (!this.cmdqEnabled) this.#cmdqCons', 'this.#cmdqCons'),
  ),
  bug(
    'BUG-385',
    { title: 'CR2 is writable while SMMUEN is 1', area: 'registers', origin: '6.3.12', severity: 'wrong register' },
    edit('registers', 'if (!this.smmuEnabled) this.cr2', 'this.cr2'),
  ),
  bug(
    'BUG-386',
    { title: 'CR1 is writable at any time', area: 'registers', origin: '6.3.11', severity: 'wrong register' },
    edit(
      'registers',
      '(this.smmuEnabled ? 0 : map.CR1_TABLE) | (this.cmdqEnabled || this.eventqEnabled ? 0 : map.CR1_QUEUE)',
      'map.CR1_TABLE | map.CR1_QUEUE',
    ),
  ),
  bug(
    'BUG-387',
    { title: 'Reserved bits of CR0 are kept', area: 'registers', origin: '6.3.9', severity: 'wrong register' },
    edit('registers', 'this.cr0 = value & map.CR0_WRITABLE;', 'this.cr0 = value;'),
  ),
  bug(
    'BUG-389',
    { title: 'GERROR is writable', area: 'registers', origin: '6.3.19', severity: 'wrong register' },
    edit(
      'registers',
      'case map.GERRORN:\n        this.gerrorn =',
      'case map.GERROR:\n        this.gerror = value & map.GERROR_BITS;\n        return;\n      case map.GERRORN:\n        this.gerrorn =',
    ),
  ),
  bug(
    'BUG-390',
    { title: 'IRQ_CTRLACK does not follow', area: 'registers', origin: '6.3.17', severity: 'hang' },
    edit('registers', 'case map.IRQ_CTRLACK:\n        return this.irqCtrl;', 'return this.irqCtrl;'),
  ),
  bug(
    'BUG-391',
    { title: 'CR0ACK does not follow EVENTQEN', area: 'registers', origin: '6.3.10', severity: 'hang' },
    edit(
      'registers',
      'case map.CR0ACK:\n        return this.cr0;',
      'return this.cr0;\n      case map.CR0ACK:\n        return this.cr0 & ~map.CR0_EVENTQEN;',
    ),
  ),
  bug(
    'BUG-392',
    {
      title: 'A 64-bit write leaves the high half as it was',
      area: 'registers',
      origin: '6.2',
      severity: 'wrong register',
    },
    edit('smmu', 'if (bytes === 8) this.#registers.write32(offset + 4, hi >>> 0);', ''),
  ),
  bug(
    'BUG-393',
    { title: 'A 64-bit read has no high half', area: 'registers', origin: '6.2', severity: 'wrong register' },
    edit('smmu', 'legal && bytes === 8 ? this.#registers.read32(offset + 4) >>> 0 : 0;', '0;'),
  ),
  bug(
    'BUG-394',
    {
      title: 'GBPA.ABORT is ignored while SMMUEN is 0',
      area: 'registers',
      origin: '6.3.14',
      severity: 'isolation breach',
    },
    edit('translate', 'if ((this.#registers.gbpa & GBPA_ABORT) !== 0) return ABORT;', ''),
  ),
  bug(
    'BUG-395',
    {
      title: 'Errors are active whatever GERRORN says',
      area: 'registers',
      origin: '7.5',
      severity: 'hang',
    },
    edit('registers', 'return ((this.gerror ^ this.gerrorn) & error) !== 0;', 'return (this.gerror & error) !== 0;'),
  ),
  bug(
    'BUG-396',
    {
      title: 'The allocation hint of STRTAB_BASE is not kept',
      area: 'registers',
      origin: '6.3.24',
      severity: 'wrong register',
    },
    edit(
      'registers',
      'this.#strtabHigh = (value & this.#baseHigh) >>> 0;',
      'this.#strtabHigh = (value & this.#baseHigh & ~map.BASE_HINT_HIGH) >>> 0;',
    ),
  ),
  bug(
    'BUG-397',
    {
      title: 'EVENTQ_CONS.OVACKFLG is not kept',
      area: 'registers',
      origin: '6.3.96',
      severity: 'wrong register',
    },
    edit('registers', 'this.#ovackflg = value >>> 31;', ''),
  ),
];
