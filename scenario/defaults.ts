/**
 * What a step writes when its `set` says nothing: an STE, a CD, descriptors and register values that are valid on any SMMU with
 * stage 1, VMSAv8-64 with the 4 KiB granule and a 44-bit output size (a smaller OAS caps CD.IPS, 5.4), QEMU 7.2's among them.
 */
import type { CdFields } from './encode/cd.ts';
import type { DescriptorFields } from './encode/descriptor.ts';
import type { SteFields } from './encode/ste.ts';
import type { L1cdFields } from './encode/l1cd.ts';
import type { L1stdFields } from './encode/l1std.ts';
import { cdAddress, stage2TableBase, strtabL2Address, tableBase } from './layout.ts';
import type { Granule, Split } from './layout.ts';
import { CD_BASE, L1CD_BASE } from './memory-map.ts';

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

/** TG0 and S2TG encode the granule alike; TG1 does not (5.2, 5.4). A Reserved encoding: some granule. */
const TG: readonly Granule[] = ['4K', '64K', '16K', '4K'];
const TG1: readonly Granule[] = ['4K', '16K', '4K', '64K'];

/**
 * Stage 1 through CD number `cd`, one CD, Write-Back Inner Shareable fetches, incoming attributes kept. With `set.S1CDMax` it
 * has all CDs, in their order, for a linear CD table; with `set.S1Fmt` too the level 1 CD table. When `set.Config` turns
 * stage 2 on, also a stage 2 of 39-bit IPAs from level 1 through the tables of VM number `vm`, for the S2TG, S2T0SZ and S2SL0 of
 * `set`, recording its faults. Otherwise every S2 field is zero, as an SMMU without stage 2 wants.
 */
export function defaultSte(cd: number, vm: number, set: SteFields | undefined): SteFields {
  const stage1: SteFields = {
    V: 1n,
    Config: 0b101n,
    S1ContextPtr: contextPointer(cd, set),
    S1CIR: 1n,
    S1COR: 1n,
    S1CSH: 3n,
    SHCFG: 1n,
  };
  if (((set?.Config ?? 0n) & 0b010n) === 0n) return stage1;
  const granule = TG[Number((set?.S2TG ?? 0n) & 3n)] ?? '4K';
  const S2SL0 = set?.S2SL0 ?? 1n;
  return {
    ...stage1,
    S2VMID: BigInt(vm + 1),
    S2T0SZ: 25n,
    S2SL0,
    S2IR0: 1n,
    S2OR0: 1n,
    S2SH0: 3n,
    S2PS: 4n,
    S2AA64: 1n,
    S2R: 1n,
    S2TTB: stage2TableBase(vm, Number(S2SL0 & 3n), granule),
  };
}

function contextPointer(cd: number, set: SteFields | undefined): bigint {
  if ((set?.S1CDMax ?? 0n) === 0n) return cdAddress(cd);
  return (set?.S1Fmt ?? 0n) === 0n ? CD_BASE : L1CD_BASE;
}

/** A descriptor of the stream's usual second-level table, whole. */
export function defaultL1std(stream: number, split: Split): L1stdFields {
  return { Span: BigInt(split + 1), L2Ptr: strtabL2Address(stream, split) };
}

/** Valid, pointing at all CDs. */
export const DEFAULT_L1CD: L1cdFields = { V: 1n, L2Ptr: CD_BASE };

/**
 * VMSAv8-64, both halves on, 39 bits each, 4 KiB granule, Write-Back Inner Shareable walks, 44-bit output, ASID = cd + 1,
 * faults abort and are recorded. TTB0 and TTB1 are the CD's own nodes for the T0SZ, T1SZ, TG0 and TG1 of `set`.
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
    TTB0: tableBase(cd, 0, Number(T0SZ & 63n), TG[Number((set?.TG0 ?? 0n) & 3n)]),
    TTB1: tableBase(cd, 1, Number(T1SZ & 63n), TG1[Number((set?.TG1 ?? 2n) & 3n)]),
    MAIR0: 0x0004_44ffn,
  };
}

/** Stage 2: read/write, executable, accessed, Normal Write-Back, Inner Shareable. */
export function defaultStage2Leaf(pa: bigint): DescriptorFields {
  return { OA: pa, MemAttr: 0b1111n, S2AP: 0b11n, SH: 3n, AF: 1n };
}

/** Read/write at both privileges, executable, non-global, accessed, Inner Shareable, AttrIndx 0. */
export function defaultLeaf(pa: bigint): DescriptorFields {
  return { OA: pa, AttrIndx: 0n, AP: 0b01n, SH: 3n, AF: 1n, nG: 1n };
}
