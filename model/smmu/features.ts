/**
 * What an implementation has, and the ID registers that say so (6.3.1-6.3.8, 6.3.170).
 * Field names and encodings are those of SMMU_IDR0-5; `oas` is in bits. Not here: S_IDR*, IDR6, MPAMIDR (absent: zero).
 */

export interface Features {
  /** IDR0 */
  readonly s1p: boolean;
  readonly s2p: boolean;
  /** 0b10: VMSAv8-64 only. */
  readonly ttf: number;
  readonly cohacc: boolean;
  readonly btm: boolean;
  readonly httu: number;
  readonly dormhint: boolean;
  readonly hyp: boolean;
  readonly ats: boolean;
  readonly asid16: boolean;
  readonly msi: boolean;
  readonly sev: boolean;
  readonly atos: boolean;
  readonly pri: boolean;
  readonly vmid16: boolean;
  readonly cd2l: boolean;
  /** 0b00 mixed, 0b10 little-endian only, 0b11 big-endian only. */
  readonly ttendian: number;
  /** 0b01: terminate only. */
  readonly stallModel: number;
  /** true: CD.A must be 1. */
  readonly termModel: boolean;
  readonly stLevel: number;
  /** IDR1, all log2 but the overrides. */
  readonly sidsize: number;
  readonly ssidsize: number;
  readonly cmdqs: number;
  readonly eventqs: number;
  readonly attrTypesOvr: boolean;
  readonly attrPermsOvr: boolean;
  /** IDR3 */
  readonly had: boolean;
  readonly xnx: boolean;
  readonly fwb: boolean;
  readonly stt: boolean;
  readonly ril: boolean;
  readonly bbml: number;
  /** IDR5: output address size in bits: 32, 36, 40, 42, 44 or 48. */
  readonly oas: number;
  readonly gran4k: boolean;
  readonly gran16k: boolean;
  readonly gran64k: boolean;
  /** AIDR: 1 is SMMUv3.1, 2 is SMMUv3.2. */
  readonly archMinorRev: number;
  /** GBPA.ABORT after reset (IMPLEMENTATION DEFINED). */
  readonly gbpaAbort: boolean;
}

/** SMMUv3.2, stage 1 only, so without Hyp, linear Stream table, VMSAv8-64 with the 4 KiB granule, wired interrupts. */
export const defaultFeatures: Features = {
  s1p: true,
  s2p: false,
  ttf: 0b10,
  cohacc: true,
  btm: false,
  httu: 0b00,
  dormhint: false,
  hyp: false,
  ats: false,
  asid16: true,
  msi: false,
  sev: false,
  atos: false,
  pri: false,
  vmid16: false,
  cd2l: false,
  ttendian: 0b00,
  stallModel: 0b01,
  termModel: false,
  stLevel: 0,
  sidsize: 6,
  ssidsize: 0,
  cmdqs: 8,
  eventqs: 7,
  attrTypesOvr: false,
  attrPermsOvr: true,
  had: true,
  xnx: false,
  fwb: true,
  stt: false,
  ril: true,
  bbml: 0b01,
  oas: 44,
  gran4k: true,
  gran16k: false,
  gran64k: false,
  archMinorRev: 2,
  gbpaAbort: false,
};

/** Address sizes in bits, by the encoding of IDR5.OAS and CD.IPS; 0b111 behaves as 0b110 before SMMUv3.4. */
export const ADDRESS_SIZES: readonly number[] = [32, 36, 40, 42, 44, 48, 52, 52];

/**
 * The features given, defaults for the rest; HAD, XNX and Hyp are there when S1P, S2P and the version make them mandatory, unless they are
 * given. Throws when the combination is not architected or not implemented here.
 */
export function resolveFeatures(partial: Partial<Features> = {}): Features {
  const { s1p, s2p, archMinorRev } = { ...defaultFeatures, ...partial };
  const hyp = s1p && s2p && archMinorRev >= 2;
  const features = { ...defaultFeatures, had: s1p, xnx: s2p, hyp, ...partial };
  const problems = problemsOf(features);
  if (problems.length > 0) throw new RangeError(`these features cannot be combined: ${problems.join('; ')}`);
  return features;
}

const ABSENT = ['btm', 'dormhint', 'ats', 'msi', 'sev', 'atos', 'pri', 'attrTypesOvr'] as const;

function problemsOf(f: Features): string[] {
  const problems: string[] = [];
  const require = (holds: boolean, what: string) => {
    if (!holds) problems.push(what);
  };
  const within = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;
  // What is not implemented here.
  require(f.ttf === 0b10, 'TTF must be 0b10: only VMSAv8-64 is implemented');
  for (const name of ABSENT) require(!f[name], `${name.toUpperCase()} is not implemented`);
  require(f.httu === 0, 'HTTU is not implemented');
  require(f.stallModel === 0b01, 'STALL_MODEL must be 0b01: stalls are not implemented');
  require(f.archMinorRev === 1 || f.archMinorRev === 2, 'only SMMUv3.1 and SMMUv3.2 are implemented');
  // What the architecture asks (6.3.1-6.3.6).
  require(f.s1p || f.s2p, 'at least one of S1P and S2P must be 1');
  require(f.gran4k || f.gran16k || f.gran64k, 'at least one granule must be supported');
  require([0b00, 0b10, 0b11].includes(f.ttendian), 'TTENDIAN 0b01 is Reserved');
  require(within(f.stLevel, 0, 1), 'ST_LEVEL is 0 or 1');
  require(within(f.sidsize, 0, 32), 'SIDSIZE is at most 32');
  require(f.sidsize <= 6 || f.stLevel === 1, 'SIDSIZE above 6 needs a 2-level Stream table');
  require(within(f.ssidsize, 0, 20), 'SSIDSIZE is at most 20');
  require(within(f.cmdqs, 0, 19), 'CMDQS is at most 19');
  require(within(f.eventqs, 0, 19), 'EVENTQS is at most 19');
  require([32, 36, 40, 42, 44, 48].includes(f.oas), 'OAS must be 32, 36, 40, 42, 44 or 48 bits');
  require(f.had === f.s1p, 'HAD is mandatory from SMMUv3.1 with stage 1, and 0 without it');
  require(f.xnx || !f.s2p, 'XNX is mandatory from SMMUv3.1 with stage 2');
  require(!f.hyp || (f.s1p && f.s2p), 'Hyp is 0 without both stages');
  require(within(f.bbml, 0, 2), 'BBML is 0, 1 or 2');
  if (f.archMinorRev < 2) return problems;
  // An SMMUv3.1 may have any of these (2.9).
  require(f.fwb && f.ril, 'FWB and RIL are mandatory from SMMUv3.2');
  require(f.bbml !== 0, 'BBML is 1 or 2 from SMMUv3.2');
  require(f.hyp || !f.s1p || !f.s2p, 'Hyp is mandatory from SMMUv3.2 with both stages');
  return problems;
}

const bit = (set: boolean, position: number): number => (set ? 2 ** position : 0);

/** SMMU_IDR0 (6.3.1). RME_IMPL, ATSRECERR, VATOS, VMW and NS1ATS are zero. */
export function idr0(f: Features): number {
  return (
    bit(f.s2p, 0) +
    bit(f.s1p, 1) +
    f.ttf * 2 ** 2 +
    bit(f.cohacc, 4) +
    bit(f.btm, 5) +
    f.httu * 2 ** 6 +
    bit(f.dormhint, 8) +
    bit(f.hyp, 9) +
    bit(f.ats, 10) +
    bit(f.asid16, 12) +
    bit(f.msi, 13) +
    bit(f.sev, 14) +
    bit(f.atos, 15) +
    bit(f.pri, 16) +
    bit(f.vmid16, 18) +
    bit(f.cd2l, 19) +
    f.ttendian * 2 ** 21 +
    f.stallModel * 2 ** 24 +
    bit(f.termModel, 26) +
    f.stLevel * 2 ** 27
  );
}

/** SMMU_IDR1 (6.3.2). ECMDQ, TABLES_PRESET, QUEUES_PRESET, REL and PRIQS are zero. */
export function idr1(f: Features): number {
  return (
    f.sidsize +
    f.ssidsize * 2 ** 6 +
    f.eventqs * 2 ** 16 +
    f.cmdqs * 2 ** 21 +
    bit(f.attrPermsOvr, 26) +
    bit(f.attrTypesOvr, 27)
  );
}

/** SMMU_IDR3 (6.3.4). */
export function idr3(f: Features): number {
  return bit(f.had, 2) + bit(f.xnx, 4) + bit(f.fwb, 8) + bit(f.stt, 9) + bit(f.ril, 10) + f.bbml * 2 ** 11;
}

/** SMMU_IDR5 (6.3.6). STALL_MAX, VAX, D128 and DS are zero. */
export function idr5(f: Features): number {
  return ADDRESS_SIZES.indexOf(f.oas) + bit(f.gran4k, 4) + bit(f.gran16k, 5) + bit(f.gran64k, 6);
}

/** SMMU_AIDR (6.3.8). */
export function aidr(f: Features): number {
  return f.archMinorRev;
}

/** SMMU_IIDR (6.3.7): ProductID 0x5CC, Variant 0, Revision 0, no JEP106 code. */
export const IIDR = 0x5cc0_0000;

/** CoreSight identification (6.3.170) from offset 0xFD0: PIDR4-7, PIDR0-3, CIDR0-3, in agreement with IIDR. */
export const ID_REGS: readonly number[] = [0x00, 0, 0, 0, 0xcc, 0x05, 0x08, 0x00, 0x0d, 0xf0, 0x05, 0xb1];
