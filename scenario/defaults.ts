/**
 * What a step writes when its `set` says nothing: an STE, a CD, descriptors and register values that are valid on any SMMU with
 * stage 1, VMSAv8-64 with the 4 KiB granule and a 44-bit output size (a smaller OAS caps CD.IPS, 5.4), QEMU 7.2's among them.
 */
import type { CdFields } from './encode/cd.ts';
import type { DescriptorFields } from './encode/descriptor.ts';
import type { SteFields } from './encode/ste.ts';
import { cdAddress, tableBase } from './layout.ts';

export const BOOT_DEFAULTS = {
  strtabLog2Size: 5,
  cmdqLog2Size: 6,
  eventqLog2Size: 5,
  /** SMMUEN, EVENTQEN, CMDQEN. */
  cr0: 0xd,
  /** RECINVSID. */
  cr2: 0x2,
  /** EVENTQ_IRQEN, GERROR_IRQEN. */
  irqCtrl: 0x5,
} as const;

/** Tables and queues Inner Shareable, Write-Back, inner and outer (6.3.11). */
export const CR1_VALUE = 0xd75n;
export const CR0_CMDQEN = 0x8n;

/** First 4 bytes of what a DMA writes; the k-th 4 bytes are this plus k, little-endian. */
export const DMA_FILL_DEFAULT = 0xa5a5_a5a5;

/** The CD number whose half-0 tables a stage 2 STE uses unless S2TTB says otherwise. */
export const STAGE2_TABLES_CD = 7;

/**
 * Stage 1 through CD number `cd`, one CD, Write-Back Inner Shareable fetches, incoming attributes kept. When `set.Config` turns
 * stage 2 on, also a stage 2 of 39-bit IPAs from level 1 through the half-0 tables of CD number 7, recording its faults;
 * `map` that CD with `set: { MemAttr, S2AP }`. Otherwise every S2 field is zero, as an SMMU without stage 2 wants.
 */
export function defaultSte(cd: number, set: SteFields | undefined): SteFields {
  const stage1: SteFields = {
    V: 1n,
    Config: 0b101n,
    S1ContextPtr: cdAddress(cd),
    S1CIR: 1n,
    S1COR: 1n,
    S1CSH: 3n,
    SHCFG: 1n,
  };
  if (((set?.Config ?? 0n) & 0b010n) === 0n) return stage1;
  const S2T0SZ = 25n;
  return {
    ...stage1,
    S2T0SZ,
    S2SL0: 1n,
    S2IR0: 1n,
    S2OR0: 1n,
    S2SH0: 3n,
    S2PS: 4n,
    S2AA64: 1n,
    S2R: 1n,
    S2TTB: tableBase(STAGE2_TABLES_CD, 0, Number(S2T0SZ)),
  };
}

/**
 * VMSAv8-64, both halves on, 39 bits each, 4 KiB granule, Write-Back Inner Shareable walks, 44-bit output, ASID = cd + 1,
 * faults abort and are recorded. TTB0 and TTB1 are the CD's own nodes for the T0SZ and T1SZ of `set`.
 * MAIR: 0 Normal Write-Back, 1 Normal Non-cacheable, 2 Device-nGnRE, 3 Device-nGnRnE.
 */
export function defaultCd(cd: number, set: CdFields | undefined): CdFields {
  const T0SZ = set?.T0SZ ?? 25n;
  const T1SZ = set?.T1SZ ?? 25n;
  return {
    T0SZ,
    TG0: 0b00n,
    IR0: 1n,
    OR0: 1n,
    SH0: 3n,
    T1SZ,
    TG1: 0b10n,
    IR1: 1n,
    OR1: 1n,
    SH1: 3n,
    V: 1n,
    IPS: 4n,
    AA64: 1n,
    R: 1n,
    A: 1n,
    ASID: BigInt(cd + 1),
    TTB0: tableBase(cd, 0, Number(T0SZ & 63n)),
    TTB1: tableBase(cd, 1, Number(T1SZ & 63n)),
    MAIR0: 0x0004_44ffn,
  };
}

/** Read/write at both privileges, executable, non-global, accessed, Inner Shareable, AttrIndx 0. */
export function defaultLeaf(pa: bigint): DescriptorFields {
  return { OA: pa, AttrIndx: 0n, AP: 0b01n, SH: 3n, AF: 1n, nG: 1n };
}
