/** Where the SMMU is on the `virt` board, and the registers the adapter itself has to do with (offsets in Page 0 unless they say more). */

export const SMMU_BASE = 0x0905_0000n;
export const SMMU_BYTES = 0x2_0000;

export const ID_OFFSETS = {
  IDR0: 0x00n,
  IDR1: 0x04n,
  IDR2: 0x08n,
  IDR3: 0x0cn,
  IDR4: 0x10n,
  IDR5: 0x14n,
  IIDR: 0x18n,
  AIDR: 0x1cn,
};

export const CR0 = 0x20n;
export const CR0_SMMUEN = 1n;
export const CR0_EVENTQEN = 4n;
export const GBPA = 0x44n;
/** UPDATE, and what QEMU has after reset: no abort. */
export const GBPA_UPDATE_AND_RESET_VALUE = 0x8000_1000n;
export const STRTAB_BASE = 0x80n;
export const STRTAB_BASE_CFG = 0x88n;
export const EVENTQ_BASE = 0xa0n;
/** In Page 1. */
export const EVENTQ_PROD = 0x100a8n;

/** Registers that QEMU's system reset leaves as they are: CR1, CR2, the IRQ configurations, table and queue bases. */
export const KEPT_OVER_RESET_4 = [0x28n, 0x2cn, 0x70n, 0x74n, STRTAB_BASE_CFG, 0xb8n, 0xbcn];
export const KEPT_OVER_RESET_8 = [0x68n, STRTAB_BASE, 0x90n, EVENTQ_BASE, 0xb0n];
