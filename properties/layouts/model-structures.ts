/** The model asked about STE and CD, through its decoders. */
import { decodeCd } from '../../model/smmu/cd.ts';
import type { Cd } from '../../model/smmu/cd.ts';
import { ADDRESS_SIZES, resolveFeatures } from '../../model/smmu/features.ts';
import { decodeSte, STE_ABORT, STE_BYPASS, STE_ILLEGAL, STE_STAGE1 } from '../../model/smmu/ste.ts';
import { readFacts, structureOf, wordsOf } from './facts.ts';
import { effect, numbered, unused, value } from './side.ts';
import type { ProbeOf, Side } from './side.ts';

/** The largest output, so that no address bit below 48 is out of range. */
const FEATURES = resolveFeatures({ oas: 48 });

const STE_FACTS = readFacts('ste').filter(({ structure }) => structure === 'STE');
const CD_FACTS = readFacts('cd').filter(({ structure }) => structure === 'CD');

function words(structure: bigint, size: number): Uint32Array {
  return Uint32Array.from(wordsOf(structure, size, 32).map(Number));
}

const ste = (structure: bigint) => decodeSte(words(structure, 512), FEATURES);
const cd = (structure: bigint): Cd => decodeCd(words(structure, 512), FEATURES);

const STAGE1 = structureOf(STE_FACTS, { V: 1n, Config: 0b101n });
const CONFIG_OF: Readonly<Record<number, bigint>> = {
  [STE_ABORT]: 0b000n,
  [STE_BYPASS]: 0b100n,
  [STE_STAGE1]: 0b101n,
  // Stage 2 is not implemented.
  [STE_ILLEGAL]: 0b110n,
};

const NO_STAGE2 = 'stage 2 is not implemented';
const NO_SUBSTREAMS = 'substreams are not implemented';
const NO_ATTRIBUTES = 'memory attributes are not modelled';
const NO_SECURE = 'only the Non-secure state is implemented';

export const STE_PROBES: Record<string, ProbeOf> = {
  'STE.V': effect((s) => ste(s).kind !== STE_ILLEGAL, { given: structureOf(STE_FACTS, { Config: 0b100n }) }),
  'STE.Config': effect((s) => CONFIG_OF[ste(s).kind], {
    given: structureOf(STE_FACTS, { V: 1n }),
    values: [0b000n, 0b100n, 0b101n, 0b110n],
  }),
  'STE.S1ContextPtr': value((s) => BigInt(ste(s).s1ContextPtr) >> 6n),
  'STE.S1STALLD': effect((s) => ste(s).kind === STE_ILLEGAL, { given: STAGE1 }),
  'STE.PRIVCFG': value((s) => ste(s).privcfg),
  'STE.INSTCFG': value((s) => ste(s).instcfg),
  ...unused('STE', NO_SUBSTREAMS, 'S1Fmt S1CDMax S1DSS'),
  ...unused('STE', NO_ATTRIBUTES, 'S1CIR S1COR S1CSH MemAttr MTCFG ALLOCCFG SHCFG'),
  ...unused('STE', 'no caches with allocation hints, no prefetch by DCP, no destructive reads', 'DRE DCP'),
  ...unused('STE', 'a hint that is not taken', 'CONT'),
  ...unused('STE', 'events are not merged', 'MEV'),
  ...unused('STE', 'ATS and PRI are not implemented', 'PPAR EATS'),
  ...unused('STE', 'for software', 'SW_RESERVED'),
  ...unused('STE', 'one StreamWorld only: IDR0.Hyp is 0', 'STRW'),
  ...unused('STE', NO_STAGE2, 'S2HWU59 S2HWU60 S2HWU61 S2HWU62 S2FWB S2VMID S2T0SZ S2SL0 S2IR0 S2OR0 S2SH0 S2TG S2PS'),
  ...unused('STE', NO_STAGE2, 'S2AA64 S2ENDI S2AFFD S2PTW S2HD S2HA S2S S2R S2TTB S2SL0_2 S2DS S2SKL'),
  ...unused('STE', 'SMMUv3.3 and later', 'S1PIE S2HAFT S2PIE S2POE DPT_VMATCH TL0 TL1 AssuredOnly'),
  ...unused('STE', 'SMMUv3.4', numbered('S2POI', 16)),
  ...unused('STE', 'MPAM and MEC are not implemented', 'S1MPAM PARTID MECID PMG MPAM_NS VMSPtr'),
  ...unused('STE', NO_SECURE, 'NSCFG S2NSW S2NSA S_S2T0SZ S_S2SL0 S_S2TG S2SW S2SA S_S2SL0_2 S_S2TTB S_S2SKL'),
  ...unused('L1STD', '2-level Stream tables are not implemented', 'Span L2Ptr'),
};

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
  const fourK = at === 0 ? 0b00n : 0b10n;
  // 40 input bits: the table of level 0 has two entries, so that it is aligned to 16 bytes.
  const smallTable = structureOf(CD_FACTS, { [`T${at}SZ`]: 24n });
  return {
    [`CD.T${at}SZ`]: effect((s) => checkedBits(range(s))),
    [`CD.TG${at}`]: effect(legal, {
      // A TxSZ that is legal only as it is.
      given: structureOf(CD_FACTS, { ...LEGAL, [`T${at}SZ`]: 37n }),
      values: [0n, 1n, 2n, 3n],
      expected: (v) => (v === fourK ? 1n : 0n),
    }),
    [`CD.EPD${at}`]: value((s) => range(s).disabled),
    [`CD.TBI${at}`]: effect((s) => range(s).signMaskHigh >>> 24 === 0, { given: GIVEN }),
    [`CD.HAD${at}`]: value((s) => range(s).hierarchicalDisabled),
    [`CD.TTB${at}`]: effect((s) => BigInt(range(s).tableBase) >> 4n, {
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
  'CD.IPS': value((s) => cd(s).ipsHighLimit, {
    expected: (v) => BigInt(2 ** (Math.min(ADDRESS_SIZES[Number(v)] ?? 0, 48) - 32)),
  }),
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
  ...unused('L1CD', NO_SUBSTREAMS, 'V L2Ptr'),
};

export const STRUCTURE_VIEWS: Side['views'] = {
  STE: (s) =>
    [STAGE1, structureOf(STE_FACTS, { V: 1n, Config: 0b100n }), structureOf(STE_FACTS, { V: 1n })].map((given) => {
      return ste(given | s);
    }),
  CD: (s) => cd(GIVEN | s),
};
