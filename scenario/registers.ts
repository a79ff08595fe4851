/**
 * Registers by name: offset from the SMMU base and width (6.2, 6.3), names without the SMMU_ prefix.
 *
 * Non-secure Page 0 and Page 1, and the Secure bank at 0x8000, with the registers of features that an implementation may lack.
 * Not here, since their place depends on ID registers: VATOS pages, ECMDQ pages, Realm and Root pages.
 */

export interface RegisterPlace {
  readonly offset: number;
  readonly bytes: 4 | 8;
}

export const REGISTERS = {
  // Non-secure. `_ALIAS`: the optional Page 0 alias of a Page 1 index (6.2.1).
  IDR0: { offset: 0x00000, bytes: 4 },
  IDR1: { offset: 0x00004, bytes: 4 },
  IDR2: { offset: 0x00008, bytes: 4 },
  IDR3: { offset: 0x0000c, bytes: 4 },
  IDR4: { offset: 0x00010, bytes: 4 },
  IDR5: { offset: 0x00014, bytes: 4 },
  IIDR: { offset: 0x00018, bytes: 4 },
  AIDR: { offset: 0x0001c, bytes: 4 },
  CR0: { offset: 0x00020, bytes: 4 },
  CR0ACK: { offset: 0x00024, bytes: 4 },
  CR1: { offset: 0x00028, bytes: 4 },
  CR2: { offset: 0x0002c, bytes: 4 },
  S2PII: { offset: 0x00030, bytes: 8 },
  STATUSR: { offset: 0x00040, bytes: 4 },
  GBPA: { offset: 0x00044, bytes: 4 },
  AGBPA: { offset: 0x00048, bytes: 4 },
  IRQ_CTRL: { offset: 0x00050, bytes: 4 },
  IRQ_CTRLACK: { offset: 0x00054, bytes: 4 },
  GERROR: { offset: 0x00060, bytes: 4 },
  GERRORN: { offset: 0x00064, bytes: 4 },
  GERROR_IRQ_CFG0: { offset: 0x00068, bytes: 8 },
  GERROR_IRQ_CFG1: { offset: 0x00070, bytes: 4 },
  GERROR_IRQ_CFG2: { offset: 0x00074, bytes: 4 },
  STRTAB_BASE: { offset: 0x00080, bytes: 8 },
  STRTAB_BASE_CFG: { offset: 0x00088, bytes: 4 },
  CMDQ_BASE: { offset: 0x00090, bytes: 8 },
  CMDQ_PROD: { offset: 0x00098, bytes: 4 },
  CMDQ_CONS: { offset: 0x0009c, bytes: 4 },
  EVENTQ_BASE: { offset: 0x000a0, bytes: 8 },
  EVENTQ_PROD_ALIAS: { offset: 0x000a8, bytes: 4 },
  EVENTQ_CONS_ALIAS: { offset: 0x000ac, bytes: 4 },
  EVENTQ_IRQ_CFG0: { offset: 0x000b0, bytes: 8 },
  EVENTQ_IRQ_CFG1: { offset: 0x000b8, bytes: 4 },
  EVENTQ_IRQ_CFG2: { offset: 0x000bc, bytes: 4 },
  PRIQ_BASE: { offset: 0x000c0, bytes: 8 },
  PRIQ_PROD_ALIAS: { offset: 0x000c8, bytes: 4 },
  PRIQ_CONS_ALIAS: { offset: 0x000cc, bytes: 4 },
  PRIQ_IRQ_CFG0: { offset: 0x000d0, bytes: 8 },
  PRIQ_IRQ_CFG1: { offset: 0x000d8, bytes: 4 },
  PRIQ_IRQ_CFG2: { offset: 0x000dc, bytes: 4 },
  GATOS_CTRL: { offset: 0x00100, bytes: 4 },
  GATOS_SID: { offset: 0x00108, bytes: 8 },
  GATOS_ADDR: { offset: 0x00110, bytes: 8 },
  GATOS_PAR: { offset: 0x00118, bytes: 8 },
  MPAMIDR: { offset: 0x00130, bytes: 4 },
  GMPAM: { offset: 0x00138, bytes: 4 },
  GBPMPAM: { offset: 0x0013c, bytes: 4 },
  VATOS_SEL: { offset: 0x00180, bytes: 4 },
  IDR6: { offset: 0x00190, bytes: 4 },
  DPT_BASE: { offset: 0x00200, bytes: 8 },
  DPT_BASE_CFG: { offset: 0x00208, bytes: 4 },
  DPT_CFG_FAR: { offset: 0x00210, bytes: 8 },
  PIDR4: { offset: 0x00fd0, bytes: 4 },
  PIDR5: { offset: 0x00fd4, bytes: 4 },
  PIDR6: { offset: 0x00fd8, bytes: 4 },
  PIDR7: { offset: 0x00fdc, bytes: 4 },
  PIDR0: { offset: 0x00fe0, bytes: 4 },
  PIDR1: { offset: 0x00fe4, bytes: 4 },
  PIDR2: { offset: 0x00fe8, bytes: 4 },
  PIDR3: { offset: 0x00fec, bytes: 4 },
  CIDR0: { offset: 0x00ff0, bytes: 4 },
  CIDR1: { offset: 0x00ff4, bytes: 4 },
  CIDR2: { offset: 0x00ff8, bytes: 4 },
  CIDR3: { offset: 0x00ffc, bytes: 4 },
  EVENTQ_PROD: { offset: 0x100a8, bytes: 4 },
  EVENTQ_CONS: { offset: 0x100ac, bytes: 4 },
  PRIQ_PROD: { offset: 0x100c8, bytes: 4 },
  PRIQ_CONS: { offset: 0x100cc, bytes: 4 },
  // Secure
  S_IDR0: { offset: 0x08000, bytes: 4 },
  S_IDR1: { offset: 0x08004, bytes: 4 },
  S_IDR2: { offset: 0x08008, bytes: 4 },
  S_IDR3: { offset: 0x0800c, bytes: 4 },
  S_IDR4: { offset: 0x08010, bytes: 4 },
  S_CR0: { offset: 0x08020, bytes: 4 },
  S_CR0ACK: { offset: 0x08024, bytes: 4 },
  S_CR1: { offset: 0x08028, bytes: 4 },
  S_CR2: { offset: 0x0802c, bytes: 4 },
  S_S2PII: { offset: 0x08030, bytes: 8 },
  S_INIT: { offset: 0x0803c, bytes: 4 },
  S_GBPA: { offset: 0x08044, bytes: 4 },
  S_AGBPA: { offset: 0x08048, bytes: 4 },
  S_IRQ_CTRL: { offset: 0x08050, bytes: 4 },
  S_IRQ_CTRLACK: { offset: 0x08054, bytes: 4 },
  S_GERROR: { offset: 0x08060, bytes: 4 },
  S_GERRORN: { offset: 0x08064, bytes: 4 },
  S_GERROR_IRQ_CFG0: { offset: 0x08068, bytes: 8 },
  S_GERROR_IRQ_CFG1: { offset: 0x08070, bytes: 4 },
  S_GERROR_IRQ_CFG2: { offset: 0x08074, bytes: 4 },
  S_STRTAB_BASE: { offset: 0x08080, bytes: 8 },
  S_STRTAB_BASE_CFG: { offset: 0x08088, bytes: 4 },
  S_CMDQ_BASE: { offset: 0x08090, bytes: 8 },
  S_CMDQ_PROD: { offset: 0x08098, bytes: 4 },
  S_CMDQ_CONS: { offset: 0x0809c, bytes: 4 },
  S_EVENTQ_BASE: { offset: 0x080a0, bytes: 8 },
  S_EVENTQ_PROD: { offset: 0x080a8, bytes: 4 },
  S_EVENTQ_CONS: { offset: 0x080ac, bytes: 4 },
  S_EVENTQ_IRQ_CFG0: { offset: 0x080b0, bytes: 8 },
  S_EVENTQ_IRQ_CFG1: { offset: 0x080b8, bytes: 4 },
  S_EVENTQ_IRQ_CFG2: { offset: 0x080bc, bytes: 4 },
  S_GATOS_CTRL: { offset: 0x08100, bytes: 4 },
  S_GATOS_SID: { offset: 0x08108, bytes: 8 },
  S_GATOS_ADDR: { offset: 0x08110, bytes: 8 },
  S_GATOS_PAR: { offset: 0x08118, bytes: 8 },
  S_MPAMIDR: { offset: 0x08130, bytes: 4 },
  S_GMPAM: { offset: 0x08138, bytes: 4 },
  S_GBPMPAM: { offset: 0x0813c, bytes: 4 },
  S_VATOS_SEL: { offset: 0x08180, bytes: 4 },
  S_IDR6: { offset: 0x08190, bytes: 4 },
} as const satisfies Record<string, RegisterPlace>;

export type RegisterName = keyof typeof REGISTERS;
export const REGISTER_NAMES = Object.keys(REGISTERS) as RegisterName[];

const NAME_BY_OFFSET = new Map(REGISTER_NAMES.map((name) => [REGISTERS[name].offset as number, name]));

/** The register that starts at an offset. */
export function registerAt(offset: number): RegisterName | undefined {
  return NAME_BY_OFFSET.get(offset);
}
