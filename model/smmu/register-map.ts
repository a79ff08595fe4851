/**
 * Register offsets (6.2.1, 6.2.3) and fields (6.3) of the Non-secure interface, Pages 0 and 1. What an access does is in registers.ts.
 */
import { bits, maskIn } from './layout.ts';

/** Pages 0 and 1, 64 KiB each: no VATOS page, no Command queue control pages. */
export const REGISTER_BYTES = 0x2_0000;

export const IDR0 = 0x0000;
export const IDR1 = 0x0004;
export const IDR2 = 0x0008;
export const IDR3 = 0x000c;
export const IDR4 = 0x0010;
export const IDR5 = 0x0014;
export const IIDR_OFFSET = 0x0018;
export const AIDR = 0x001c;
export const CR0 = 0x0020;
export const CR0ACK = 0x0024;
export const CR1 = 0x0028;
export const CR2 = 0x002c;
export const STATUSR = 0x0040;
export const GBPA = 0x0044;
export const AGBPA = 0x0048;
export const IRQ_CTRL = 0x0050;
export const IRQ_CTRLACK = 0x0054;
export const GERROR = 0x0060;
export const GERRORN = 0x0064;
export const STRTAB_BASE = 0x0080;
export const STRTAB_BASE_CFG = 0x0088;
export const CMDQ_BASE = 0x0090;
export const CMDQ_PROD = 0x0098;
export const CMDQ_CONS = 0x009c;
export const EVENTQ_BASE = 0x00a0;
export const ID_REGS_FIRST = 0x0fd0;
export const ID_REGS_LAST = 0x0ffc;
export const EVENTQ_PROD = 0x1_00a8;
export const EVENTQ_CONS = 0x1_00ac;

/** CR0 (6.3.9). PRIQEN, ATSCHK, VMW and DPT_WALK_EN are RES0 here. */
export const CR0_SMMUEN = 1 << 0;
export const CR0_EVENTQEN = 1 << 2;
export const CR0_CMDQEN = 1 << 3;
export const CR0_WRITABLE = CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN;

/** CR1 (6.3.11): TABLE_{SH,OC,IC} and QUEUE_{SH,OC,IC}, guarded apart. */
export const CR1_TABLE = maskIn(bits(11, 10), bits(9, 8), bits(7, 6));
export const CR1_QUEUE = maskIn(bits(5, 4), bits(3, 2), bits(1, 0));

/** CR2 (6.3.12). E2H is RES0 without Hyp; PTM and REC_CFG_ATS are RES0 here. */
export const CR2_E2H = 1 << 0;
export const CR2_RECINVSID = 1 << 1;

/** GBPA (6.3.14). SHCFG, ALLOCCFG, MTCFG and MemAttr are fixed as "use incoming" without ATTR_TYPES_OVR and read as zero. */
export const GBPA_UPDATE = 0x8000_0000;
export const GBPA_ABORT = 1 << 20;
export const GBPA_INSTCFG = bits(19, 18);
export const GBPA_PRIVCFG = bits(17, 16);

/** IRQ_CTRL (6.3.16). PRIQ_IRQEN is RES0 here. */
export const IRQ_GERROR_IRQEN = 1 << 0;
export const IRQ_EVENTQ_IRQEN = 1 << 2;
export const IRQ_WRITABLE = IRQ_GERROR_IRQEN | IRQ_EVENTQ_IRQEN;

/** GERROR and GERRORN (6.3.19, 6.3.20): the bits that exist without MSI, PRI, ECMDQ and DPT. */
export const GERROR_CMDQ_ERR = 1 << 0;
export const GERROR_EVENTQ_ABT_ERR = 1 << 2;
export const GERROR_SFM_ERR = 1 << 8;
export const GERROR_BITS = GERROR_CMDQ_ERR | GERROR_EVENTQ_ABT_ERR | GERROR_SFM_ERR;

/** *_BASE (6.3.24, 6.3.26, 6.3.29): bit 62 is the allocation hint; address bits as far as OAS are stored. */
export const BASE_HINT_HIGH = 1 << 30;
export const STRTAB_BASE_LOW = 0xffff_ffc0;
export const QUEUE_BASE_LOW = 0xffff_ffe0;
export const QUEUE_LOG2SIZE = bits(4, 0);

/** STRTAB_BASE_CFG (6.3.25): FMT and SPLIT are RES0 without 2-level tables. */
export const STRTAB_LOG2SIZE = bits(5, 0);
export const STRTAB_SPLIT = bits(10, 6);
export const STRTAB_FMT = bits(17, 16);
export const STRTAB_FMT_2LEVEL = 0b01;

/** Queue index registers (6.3.27, 6.3.28, 6.3.95, 6.3.96). */
export const INDEX_BITS = 0x000f_ffff;
export const OVERFLOW_FLAG = 0x8000_0000;
export const CMDQ_CONS_ERR = bits(30, 24);
