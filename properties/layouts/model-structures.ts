/** The model asked about STE and CD, through its decoders. */
import { decodeCd } from '../../model/smmu/cd.ts';
import type { Cd } from '../../model/smmu/cd.ts';
import { ADDRESS_SIZES, resolveFeatures } from '../../model/smmu/features.ts';
import { decodeSte, STE_ABORT, STE_ILLEGAL } from '../../model/smmu/ste.ts';
import type { Ste } from '../../model/smmu/ste.ts';
import type { Stage2Config } from '../../model/smmu/stage2-config.ts';
import { NS_EL2 } from '../../model/smmu/tlb-spaces.ts';
import { modelFeatures } from '../../subjects/model-features.ts';
import { readFacts, structureOf, wordsOf } from './facts.ts';
import { PROFILE } from './programs.ts';
import { effect, numbered, unused, value } from './side.ts';
import type { ProbeOf, Side } from './side.ts';

export const FEATURES = resolveFeatures(modelFeatures(PROFILE));

const STE_FACTS = readFacts('ste').filter(({ structure }) => structure === 'STE');
const CD_FACTS = readFacts('cd').filter(({ structure }) => structure === 'CD');

function words(structure: bigint, size: number): Uint32Array {
  return Uint32Array.from(wordsOf(structure, size, 32).map(Number));
}

const ste = (structure: bigint): Ste => decodeSte(words(structure, 512), FEATURES, false);
const cd = (structure: bigint): Cd => decodeCd(words(structure, 512), FEATURES, false);

const PASSES = structureOf(STE_FACTS, { V: 1n, Config: 0b100n });
const STAGE1 = structureOf(STE_FACTS, { V: 1n, Config: 0b101n });
/** A legal stage 2: 4 KiB granule, 39 bits from level 1, everything that OAS has out. */
const LEGAL2 = { S2AA64: 1n, S2T0SZ: 25n, S2SL0: 1n, S2TG: 0n, S2PS: 5n, S2R: 1n };
const stage2Given = (fields: Readonly<Record<string, bigint>> = {}) => ({
  given: structureOf(STE_FACTS, { V: 1n, Config: 0b110n, ...LEGAL2, ...fields }),
});
const stage2 = (structure: bigint): Stage2Config | undefined => ste(structure).stage2;
const illegal = (structure: bigint): boolean => ste(structure).kind === STE_ILLEGAL;

/** Config, as far as it matters: a stream that is disabled is disabled in any way. */
function configOf(structure: bigint): bigint | string {
  const { kind, stage1, stage2: second } = ste(structure);
  if (kind === STE_ILLEGAL) return 'ILLEGAL';
  return kind === STE_ABORT ? 0n : 0b100n + (stage1 ? 0b001n : 0n) + (second === undefined ? 0n : 0b010n);
}

const NO_HTTU = 'no hardware update of tables';
const NO_ATTRIBUTES = 'memory attributes are not modelled';
const NO_SECURE = 'only the Non-secure state is implemented';

export const STE_PROBES: Record<string, ProbeOf> = {
  'STE.V': effect((s) => !illegal(s), { given: PASSES }),
  'STE.Config': effect(configOf, {
    given: structureOf(STE_FACTS, { V: 1n, ...LEGAL2 }),
    values: [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n],
    expected: (config) => (config < 0b100n ? 0n : config),
  }),
  'STE.S1Fmt': value((s) => ste(s).s1Fmt),
  'STE.S1ContextPtr': value((s) => BigInt(ste(s).s1ContextPtr) >> 6n),
  'STE.S1CDMax': value((s) => ste(s).s1CdMax),
  'STE.S1DSS': value((s) => ste(s).s1Dss),
  'STE.S1STALLD': effect(illegal, { given: STAGE1 }),
  'STE.STRW': effect((s) => (illegal(s) ? 'ILLEGAL' : ste(s).world), {
    given: STAGE1,
    values: [0n, 1n, 2n, 3n],
    expected: (strw) => [0n, 'ILLEGAL', BigInt(NS_EL2), 'ILLEGAL'][Number(strw)],
  }),
  'STE.S2FWB': effect((s) => stage2(s)?.fwb, stage2Given()),
  'STE.S2VMID': value((s) => ste(s).world),
  'STE.S2T0SZ': effect((s) => 64 - Math.log2(stage2(s)?.ipaLimit ?? 1), {
    ...stage2Given(),
    values: [21n, 22n, 25n, 26n, 33n],
  }),
  'STE.S2SL0': effect((s) => stage2(s)?.start.startLevel ?? 'ILLEGAL', {
    ...stage2Given({ S2T0SZ: 22n }),
    values: [0n, 1n, 2n, 3n],
    expected: (sl0) => ['ILLEGAL', 1n, 0n, 'ILLEGAL'][Number(sl0)],
  }),
  'STE.S2TG': effect((s) => stage2(s)?.start.granule.bits ?? 'ILLEGAL', {
    ...stage2Given(),
    values: [0n, 1n, 2n, 3n],
    expected: (tg) => [12n, 16n, 14n, 'ILLEGAL'][Number(tg)],
  }),
  'STE.S2PS': effect((s) => stage2(s)?.psHighLimit, { ...stage2Given(), expected: outputLimit }),
  'STE.S2AA64': effect((s) => !illegal(s), stage2Given()),
  'STE.S2ENDI': effect((s) => stage2(s)?.bigEndian, stage2Given()),
  'STE.S2AFFD': effect((s) => stage2(s)?.affd, stage2Given()),
  'STE.S2PTW': effect((s) => stage2(s)?.ptw, stage2Given()),
  'STE.S2HD': effect(illegal, { ...stage2Given(), twins: ['S2HA'] }),
  'STE.S2HA': effect(illegal, { ...stage2Given(), twins: ['S2HD', 'S2S'] }),
  'STE.S2S': effect(illegal, { ...stage2Given(), twins: ['S2HA'] }),
  'STE.S2R': effect((s) => stage2(s)?.record, stage2Given()),
  // 31 input bits from level 1: a table of two entries, so that it is aligned to 16 bytes.
  'STE.S2TTB': effect((s) => BigInt(stage2(s)?.start.tableBase ?? -1) >> 4n, {
    ...stage2Given({ S2T0SZ: 33n }),
    only: { bits: 44, why: 'a table above OAS is ILLEGAL' },
  }),
  'STE.PRIVCFG': value((s) => ste(s).privcfg),
  'STE.INSTCFG': value((s) => ste(s).instcfg),
  ...unused('STE', NO_ATTRIBUTES, 'S1CIR S1COR S1CSH MemAttr MTCFG ALLOCCFG SHCFG S2IR0 S2OR0 S2SH0'),
  ...unused('STE', 'no caches with allocation hints, no prefetch by DCP, no destructive reads', 'DRE DCP'),
  ...unused('STE', 'a hint that is not taken', 'CONT'),
  ...unused('STE', 'events are not merged', 'MEV'),
  ...unused('STE', 'ATS and PRI are not implemented', 'PPAR EATS'),
  ...unused('STE', 'for software', 'SW_RESERVED'),
  ...unused('STE', 'PBHA is not implemented', 'S2HWU59 S2HWU60 S2HWU61 S2HWU62'),
  ...unused('STE', 'no 52-bit addresses, no 128-bit descriptors', 'S2SL0_2 S2DS S2SKL'),
  ...unused('STE', NO_HTTU, 'S2HAFT'),
  ...unused('STE', 'SMMUv3.3 and later', 'S1PIE S2PIE S2POE DPT_VMATCH TL0 TL1 AssuredOnly'),
  ...unused('STE', 'SMMUv3.4', numbered('S2POI', 16)),
  ...unused('STE', 'MPAM and MEC are not implemented', 'S1MPAM PARTID MECID PMG MPAM_NS VMSPtr'),
  ...unused('STE', NO_SECURE, 'NSCFG S2NSW S2NSA S_S2T0SZ S_S2SL0 S_S2TG S2SW S2SA S_S2SL0_2 S_S2TTB S_S2SKL'),
};

/** The high half of the first address that is too large for an encoded size, which OAS caps to 48 bits. */
function outputLimit(encoded: bigint): bigint {
  return BigInt(2 ** (Math.min(ADDRESS_SIZES[Number(encoded)] ?? 0, 48) - 32));
}

/** A legal CD: 4 KiB granules, both halves. */
const LEGAL = {
  V: 1n,
  AA64: 1n,
  A: 1n,
  R: 1n,
  T0SZ: 16n,
  T1SZ: 16n,
  TG0: 0b00n,
  TG1: 0b10n,
  IPS: 0b101n,
};
const GIVEN = structureOf(CD_FACTS, LEGAL);
const legal = (s: bigint): boolean => !cd(s).illegal;

/** Input bits that must equal VA[55]: 64 less the size of the range. */
function checkedBits(range: Cd['low']): number {
  const bits = (BigInt(range.signMaskHigh) << 32n) | BigInt(range.signMaskLow);
  return bits.toString(2).replaceAll('0', '').length;
}

function half(at: 0 | 1): Record<string, ProbeOf> {
  const range = (s: bigint): Cd['low'] => (at === 0 ? cd(s).low : cd(s).high);
  // 40 input bits: the table of level 0 has two entries, so that it is aligned to 16 bytes.
  const smallTable = structureOf(CD_FACTS, { [`T${at}SZ`]: 24n, [`TG${at}`]: at === 0 ? 0b00n : 0b10n });
  return {
    [`CD.T${at}SZ`]: effect((s) => checkedBits(range(s))),
    [`CD.TG${at}`]: effect((s) => (legal(s) ? range(s).start.granule.bits : 'ILLEGAL'), {
      given: GIVEN,
      values: [0n, 1n, 2n, 3n],
      expected: (tg) => (at === 0 ? [12n, 16n, 14n, 'ILLEGAL'] : ['ILLEGAL', 14n, 12n, 16n])[Number(tg)],
    }),
    [`CD.EPD${at}`]: value((s) => range(s).disabled),
    [`CD.TBI${at}`]: effect((s) => range(s).signMaskHigh >>> 24 === 0, { given: GIVEN }),
    [`CD.HAD${at}`]: value((s) => range(s).hierarchicalDisabled),
    [`CD.TTB${at}`]: effect((s) => BigInt(range(s).start.tableBase) >> 4n, {
      given: smallTable,
      only: { bits: 48, why: 'TTB[55:52] are RES0 before SMMUv3.4' },
    }),
  };
}

export const CD_PROBES: Record<string, ProbeOf> = {
  ...half(0),
  ...half(1),
  'CD.V': effect(legal, { given: GIVEN }),
  'CD.ENDI': value((s) => cd(s).bigEndian),
  'CD.IPS': value((s) => cd(s).ipsHighLimit, { expected: outputLimit }),
  'CD.AFFD': value((s) => cd(s).affd),
  'CD.WXN': value((s) => cd(s).wxn),
  'CD.PAN': value((s) => cd(s).pan),
  'CD.AA64': effect(legal, { given: GIVEN }),
  'CD.HD': effect((s) => !legal(s), { given: GIVEN, twins: ['HA'] }),
  'CD.HA': effect((s) => !legal(s), { given: GIVEN, twins: ['HD', 'S'] }),
  'CD.S': effect((s) => !legal(s), { given: GIVEN, twins: ['HA'] }),
  'CD.R': value((s) => cd(s).record),
  'CD.A': value((s) => cd(s).abort),
  'CD.ASET': value((s) => cd(s).aset),
  'CD.ASID': value((s) => cd(s).asid),
  ...unused('CD', NO_ATTRIBUTES, 'IR0 OR0 SH0 IR1 OR1 SH1 MAIR0 MAIR1 AMAIR0 AMAIR1'),
  ...unused('CD', 'VMSAv8-32 LPAE only', 'UWXN'),
  ...unused('CD', NO_SECURE, 'NSCFG0 NSCFG1'),
  ...unused('CD', 'PBHA is not implemented', 'HWU059 HWU060 HWU061 HWU062 HWU159 HWU160 HWU161 HWU162'),
  ...unused('CD', 'SMMUv3.3 and later', 'E0PD0 E0PD1 HAFT EPAN PnCH AIE PIE DS'),
  ...unused('CD', 'SMMUv3.4', [numbered('PIIU', 16), numbered('PIIP', 16)].join(' ')),
  ...unused('CD', 'VMSAv9-128 only', 'DisCH0 DisCH1 SKL0 SKL1'),
  ...unused('CD', 'MPAM is not implemented', 'PARTID PMG'),
};

export const STRUCTURE_VIEWS: Side['views'] = {
  STE: (s) => [PASSES, STAGE1, stage2Given().given, STAGE1 | stage2Given().given].map((given) => ste(given | s)),
  CD: (s) => cd(GIVEN | s),
};
