/** What a story says in terms of one CD and stage 1 alone, in the terms of the world's shape (shape.ts). */
import type { CommandFields, CommandName } from '../../scenario/encode/commands.ts';
import type { DescriptorFields } from '../../scenario/encode/descriptor.ts';
import type { SteFields } from '../../scenario/encode/ste.ts';
import type { Shape } from './shape.ts';
import type { Target } from './target.ts';

const STAGE1 = 0b101n;
const STAGE2 = 0b110n;
const NESTED = 0b111n;

/** What of the world dressing looks at. */
interface Shaped {
  readonly shape: Shape;
  readonly target: Target;
  /** The SubstreamID that leads to the CD of a stream. */
  substreamOf(stream: number): number | undefined;
}

export interface DressedSte {
  readonly set?: SteFields;
  /** The SubstreamID that leads to the CD; undefined: none. */
  readonly substream?: number;
}

/** The fields of an STE that a story gives `set` of. */
export function dressSte(world: Shaped, cd: number, set: SteFields | undefined): DressedSte {
  const { shape } = world;
  const told = set?.Config ?? STAGE1;
  const Config = told !== STAGE1 ? told : shape.only ? STAGE2 : shape.stage2 === undefined ? STAGE1 : NESTED;
  const dressed: Record<string, bigint | undefined> = {};
  if (Config !== STAGE1) dressed['Config'] = Config;
  const stage1 = (Config & STAGE1) === STAGE1;
  if (stage1 && shape.vmid !== 0n && shape.stage2 === undefined) dressed['S2VMID'] = shape.vmid;
  if (shape.stage2 !== undefined && (Config & STAGE2) === STAGE2) {
    Object.assign(dressed, shape.stage2.set);
    if (shape.bigEndian) dressed['S2ENDI'] = 1n;
  }
  const { substreams } = shape;
  // A CD table is at its place in memory: one that a story points elsewhere stays a single CD.
  const table = substreams !== undefined && stage1 && cd < 2 ** substreams.S1CDMax && set?.S1CDMax === undefined;
  if (table && set?.S1ContextPtr === undefined) {
    dressed['S1CDMax'] = BigInt(substreams.S1CDMax);
    if (substreams.S1Fmt !== 0) dressed['S1Fmt'] = BigInt(substreams.S1Fmt);
    if (substreams.S1DSS !== 0) dressed['S1DSS'] = BigInt(substreams.S1DSS);
  }
  Object.assign(dressed, set);
  const all: SteFields = dressed;
  return {
    ...(Object.keys(dressed).length === 0 ? {} : { set: all }),
    ...(dressed['S1CDMax'] !== undefined && set?.S1CDMax === undefined ? substreamFor(world, cd) : {}),
  };
}

function substreamFor(world: Shaped, cd: number): Pick<DressedSte, 'substream'> {
  const { substreams } = world.shape;
  if (substreams === undefined) return {};
  const substream = substreams.above + cd;
  // S1DSS 2 sends transactions without a SubstreamID to CD 0, and ends those with SubstreamID 0.
  return substreams.S1DSS === 2 && substream === 0 ? {} : { substream };
}

export interface DressedCommand {
  readonly name: CommandName;
  readonly set?: CommandFields;
}

/** A command that reaches in the shape what it would reach in a world of stage 1 alone. */
export function dressCommand(world: Shaped, name: CommandName, set: CommandFields | undefined): DressedCommand {
  const { shape, target } = world;
  switch (name) {
    case 'CMD_TLBI_NH_ALL':
    case 'CMD_TLBI_NH_ASID':
    case 'CMD_TLBI_NH_VA':
    case 'CMD_TLBI_NH_VAA':
      return shape.only ? stage2Tlbi(world, name, set) : tagged(name, set, vmidOf(world));
    case 'CMD_CFGI_CD':
      return target.s1p ? cfgiCd(world, set) : plain('CMD_CFGI_STE', steFields(set));
    case 'CMD_CFGI_CD_ALL':
      return target.s1p ? plain(name, set) : plain('CMD_CFGI_STE', steFields(set));
    case 'CMD_PREFETCH_CONFIG':
    case 'CMD_PREFETCH_ADDR':
      return prefetch(world, name, set);
    default:
      return plain(name, set);
  }
}

function steFields(set: CommandFields | undefined): CommandFields {
  return { StreamID: set?.StreamID ?? 0n, Leaf: set?.Leaf ?? 1n };
}

function plain(name: CommandName, set: CommandFields | undefined): DressedCommand {
  return set === undefined ? { name } : { name, set };
}

/** The VMID of the usual streams of the world. */
export function vmidOf(world: Shaped): bigint {
  const { stage2, vmid } = world.shape;
  return stage2 === undefined ? vmid : BigInt(stage2.vm + 1);
}

function tagged(name: CommandName, set: CommandFields | undefined, VMID: bigint): DressedCommand {
  return VMID === 0n ? plain(name, set) : { name, set: { VMID, ...set } };
}

/** By IPA what was by VA, by VMID what was by ASID. */
function stage2Tlbi(world: Shaped, name: CommandName, set: CommandFields | undefined): DressedCommand {
  const VMID = set?.VMID ?? vmidOf(world);
  if (name === 'CMD_TLBI_NH_ALL' || name === 'CMD_TLBI_NH_ASID') return { name: 'CMD_TLBI_S12_VMALL', set: { VMID } };
  const { ASID: _, ...rest } = set ?? {};
  const Address = BigInt.asUintN(world.target.ias, set?.Address ?? 0n);
  return { name: 'CMD_TLBI_S2_IPA', set: { ...rest, VMID, Address } };
}

/** SubstreamID 0, which stories say for the CD of a stream, is in a CD table the one that its DMA has. */
function cfgiCd(world: Shaped, set: CommandFields | undefined): DressedCommand {
  const substream = world.substreamOf(Number(set?.StreamID ?? 0n));
  if (substream === undefined || (set?.SubstreamID ?? 0n) !== 0n) return plain('CMD_CFGI_CD', set);
  return { name: 'CMD_CFGI_CD', set: { ...set, SubstreamID: BigInt(substream) } };
}

function prefetch(world: Shaped, name: CommandName, set: CommandFields | undefined): DressedCommand {
  const substream = world.substreamOf(Number(set?.StreamID ?? 0n));
  if (substream === undefined || set?.SSV !== undefined) return plain(name, set);
  return { name, set: { ...set, SSV: 1n, SubstreamID: BigInt(substream) } };
}

/** MAIR attributes of the usual CD as a stage 2 MemAttr: Write-Back, Non-cacheable, Device-nGnRE, Device-nGnRnE. */
const MEM_ATTR = [0b1111n, 0b0101n, 0b0001n, 0b0000n] as const;
/** Stage 1 AP as stage 2 access: none for what only privileged software may do. */
const S2AP = [0n, 3n, 0n, 1n] as const;

/** Leaf fields of stage 1 as the nearest of stage 2. */
export function stage2LeafOf(set: DescriptorFields | undefined): DescriptorFields | undefined {
  if (set === undefined || set.raw !== undefined) return set;
  const { AP, AttrIndx, nG: _nG, NS: _NS, nT: _nT, GP: _GP, UXN, PXN, ...rest } = set;
  return {
    ...rest,
    ...(AP === undefined ? {} : { S2AP: S2AP[Number(AP & 3n)] ?? 3n }),
    ...(AttrIndx === undefined ? {} : { MemAttr: MEM_ATTR[Number(AttrIndx & 3n)] ?? 0b1111n }),
    ...(UXN === undefined && PXN === undefined ? {} : { XN: ((UXN ?? 0n) << 1n) | (PXN ?? 0n) }),
  };
}
