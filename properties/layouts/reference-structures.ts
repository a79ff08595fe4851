/** The reference asked about STE and CD, through its decoders and what it judges of them. */
import { cdReservedBits, decodeCd, judgeCd } from '../../reference/cd.ts';
import type { Cd, Half } from '../../reference/cd.ts';
import { features } from '../../reference/features.ts';
import type { Features } from '../../reference/features.ts';
import { decodeSte, judgeSte, steReservedBits } from '../../reference/ste.ts';
import type { Ste } from '../../reference/ste.ts';
import type { Stage2Config } from '../../reference/ste-stage2.ts';
import { openModel } from '../../subjects/model.ts';
import { readFacts, structureOf, wordsOf } from './facts.ts';
import { PROFILE } from './programs.ts';
import { effect, numbered, unused, value } from './side.ts';
import type { ProbeOf, Side } from './side.ts';

/** The ID registers of an implementation that has everything. */
export const ID = openModel({ features: PROFILE }).idRegisters;
export const FEATURES: Features = features(ID);
/** The same as SMMUv3.4. */
const V34: Features = { ...FEATURES, minor: 4 };

const STE_FACTS = readFacts('ste').filter(({ structure }) => structure === 'STE');
const CD_FACTS = readFacts('cd').filter(({ structure }) => structure === 'CD');

const ste = (structure: bigint): Ste => decodeSte(wordsOf(structure, 512, 64));
const cd = (structure: bigint): Cd => decodeCd(wordsOf(structure, 512, 64));

const NO_ATTRIBUTES = 'memory attributes are not judged';
const NO_SECURE = 'only the Non-secure state is judged';
const NAMED = 'only named by a rule that something is ignored or Reserved';

/** A legal stage 2: 4 KiB granule, 39 bits from level 1, everything that OAS has out. */
const LEGAL2 = { S2AA64: 1n, S2T0SZ: 25n, S2SL0: 1n, S2TG: 0n, S2PS: 5n, S2R: 1n };
const stage2Given = (fields: Readonly<Record<string, bigint>> = {}) => ({
  given: structureOf(STE_FACTS, { V: 1n, Config: 0b110n, ...LEGAL2, ...fields }),
});

/** A field of the stage 2 that an STE configures, or what is judged of it instead. */
function stage2(of: (stage2: Stage2Config) => unknown): (structure: bigint) => unknown {
  return (structure) => {
    const judged = judgeSte(ste(structure), FEATURES);
    if (judged === 'outside') return judged;
    return 'stage2' in judged ? of(judged.stage2) : judged.kind;
  };
}
/** The rule by which an STE is ILLEGAL. */
function illegalBy(structure: bigint): string {
  const judged = judgeSte(ste(structure), FEATURES);
  return judged === 'outside' || judged.kind !== 'illegal' ? '' : (judged.rules[0] ?? '');
}
const refusedBy = (rule: string): ProbeOf =>
  effect(illegalBy, { ...stage2Given(), expected: (v) => (v === 0n ? '' : rule) });

const SIZES = [32n, 36n, 40n, 42n, 44n, 48n, 48n, 48n];

const STAGE1 = structureOf(STE_FACTS, { V: 1n, Config: 0b101n });
const BYPASS = structureOf(STE_FACTS, { V: 1n, Config: 0b100n });

/** What is judged of an STE; the rules named on the way aside. */
function judgedOf(structure: bigint): unknown {
  const judged = judgeSte(ste(structure), FEATURES);
  return judged === 'outside' ? judged : { ...judged, rules: [] };
}

export const STE_PROBES: Record<string, ProbeOf> = {
  'STE.V': value((s) => ste(s).v),
  'STE.Config': value((s) => ste(s).config),
  'STE.S1Fmt': value((s) => ste(s).s1Fmt),
  'STE.S1ContextPtr': value((s) => ste(s).s1ContextPtr >> 6n),
  'STE.S1CDMax': value((s) => ste(s).s1CdMax),
  'STE.S1DSS': value((s) => ste(s).s1Dss),
  'STE.CONT': value((s) => ste(s).cont),
  'STE.MEV': value((s) => ste(s).mev),
  'STE.S1STALLD': value((s) => ste(s).s1Stalld),
  'STE.EATS': value((s) => ste(s).eats),
  'STE.STRW': value((s) => ste(s).strw),
  'STE.NSCFG': value((s) => ste(s).nscfg),
  'STE.S2FWB': effect(
    stage2(({ fwb }) => fwb),
    stage2Given(),
  ),
  'STE.S2VMID': effect(
    stage2(({ vmid }) => vmid),
    stage2Given(),
  ),
  'STE.S2T0SZ': effect(
    stage2(({ t0sz }) => t0sz),
    { ...stage2Given(), values: [21n, 22n, 25n, 26n, 33n] },
  ),
  'STE.S2SL0': effect(
    stage2(({ startLevel }) => startLevel),
    {
      ...stage2Given({ S2T0SZ: 22n }),
      values: [0n, 1n, 2n, 3n],
      expected: (sl0) => ['illegal', 1n, 0n, 'illegal'][Number(sl0)],
    },
  ),
  'STE.S2TG': effect(
    stage2(({ granule }) => granule),
    {
      ...stage2Given(),
      values: [0n, 1n, 2n, 3n],
      expected: (tg) => [12n, 16n, 14n, 'illegal'][Number(tg)],
    },
  ),
  'STE.S2PS': effect(
    stage2(({ ps }) => ps),
    { ...stage2Given(), expected: (ps) => SIZES[Number(ps)] },
  ),
  'STE.S2AA64': effect(illegalBy, { ...stage2Given(), expected: (v) => (v === 1n ? '' : 'STE-227') }),
  'STE.S2ENDI': effect(
    stage2(({ endi }) => endi),
    stage2Given(),
  ),
  'STE.S2AFFD': effect(
    stage2(({ affd }) => affd),
    stage2Given(),
  ),
  'STE.S2PTW': effect(
    stage2(({ ptw }) => ptw),
    stage2Given(),
  ),
  'STE.S2HD': refusedBy('STE-245'),
  'STE.S2HA': refusedBy('STE-244'),
  'STE.S2S': refusedBy('STE-253'),
  'STE.S2R': effect(
    stage2(({ r }) => r),
    stage2Given(),
  ),
  'STE.S2TTB': effect(
    stage2(({ ttb }) => ttb >> 4n),
    {
      ...stage2Given(),
      only: { bits: 44, why: 'a table above OAS is ILLEGAL' },
    },
  ),
  'STE.PRIVCFG': value((s) => ste(s).privcfg),
  'STE.INSTCFG': value((s) => ste(s).instcfg),
  ...unused('STE', NO_ATTRIBUTES, 'S1CIR S1COR S1CSH MemAttr MTCFG ALLOCCFG SHCFG S2IR0 S2OR0 S2SH0'),
  ...unused('STE', 'no directed prefetch or destructive read is made', 'DRE DCP'),
  ...unused('STE', 'PRI is outside', 'PPAR'),
  ...unused('STE', NAMED, 'SW_RESERVED S1PIE S1MPAM S2HAFT S2PIE S2POE DPT_VMATCH'),
  ...unused('STE', NAMED, numbered('S2POI', 16)),
  ...unused('STE', 'PBHA is outside', 'S2HWU59 S2HWU60 S2HWU61 S2HWU62'),
  ...unused('STE', 'no 52-bit addresses, no 128-bit descriptors', 'S2SL0_2 S2DS S2SKL'),
  ...unused('STE', 'MPAM and MEC are outside', 'PARTID MECID PMG MPAM_NS VMSPtr'),
  ...unused('STE', 'SMMUv3.3 and later', 'TL0 TL1 AssuredOnly'),
  ...unused('STE', NO_SECURE, 'S2NSW S2NSA S_S2T0SZ S_S2SL0 S_S2TG S2SW S2SA S_S2SL0_2 S_S2TTB S_S2SKL'),
};

const GIVEN = structureOf(CD_FACTS, {
  V: 1n,
  AA64: 1n,
  A: 1n,
  R: 1n,
  T0SZ: 16n,
  T1SZ: 16n,
  TG0: 0b00n,
  TG1: 0b10n,
  IPS: 0b101n,
});

/** Whether a field asks for something that SMMUv3.x of these features has and the reference does not cover. */
const asks = (f: Partial<Features>): ProbeOf =>
  effect((s) => judgeCd(cd(s), { ...FEATURES, ...f }, false) === 'outside', { given: GIVEN });
/** Whether a field is among those that a rule names. */
const names = (rule: string, f: Features = FEATURES): ProbeOf =>
  effect(
    (s) => {
      const judged = judgeCd(cd(s), f, false);
      return judged !== 'outside' && judged.rules.some((named) => named === rule);
    },
    { given: GIVEN },
  );

function half(at: 0 | 1): Record<string, ProbeOf> {
  const of = (s: bigint): Half => cd(s).halves[at];
  const granules = at === 0 ? [12, 16, 14, undefined] : [undefined, 14, 12, 16];
  return {
    [`CD.T${at}SZ`]: value((s) => of(s).txsz),
    [`CD.TG${at}`]: value((s) => of(s).granule ?? 0, {
      values: [0n, 1n, 2n, 3n],
      expected: (v) => BigInt(granules[Number(v)] ?? 0),
    }),
    [`CD.EPD${at}`]: value((s) => of(s).epd),
    [`CD.TBI${at}`]: value((s) => of(s).tbi),
    [`CD.HAD${at}`]: value((s) => of(s).had),
    [`CD.TTB${at}`]: value((s) => of(s).ttb >> 4n, {
      only: { bits: 48, why: 'TTB[55:52] are RES0 before SMMUv3.4' },
    }),
    [`CD.NSCFG${at}`]: names('CD-113'),
    [`CD.E0PD${at}`]: asks({ e0pd: true }),
  };
}

export const CD_PROBES: Record<string, ProbeOf> = {
  ...half(0),
  ...half(1),
  'CD.V': value((s) => cd(s).v),
  'CD.ENDI': value((s) => cd(s).endi),
  'CD.IPS': value((s) => cd(s).ips),
  'CD.AFFD': value((s) => cd(s).affd),
  'CD.WXN': value((s) => cd(s).wxn),
  'CD.UWXN': value((s) => cd(s).uwxn),
  'CD.PAN': value((s) => cd(s).pan),
  'CD.AA64': value((s) => cd(s).aa64),
  'CD.HD': value((s) => cd(s).hd),
  'CD.HA': value((s) => cd(s).ha),
  'CD.S': value((s) => cd(s).s),
  'CD.R': value((s) => cd(s).r),
  'CD.A': value((s) => cd(s).a),
  'CD.ASET': value((s) => cd(s).aset),
  'CD.ASID': value((s) => cd(s).asid),
  'CD.EPAN': value((s) => cd(s).epan),
  'CD.HAFT': asks(V34),
  'CD.PnCH': asks(V34),
  'CD.AIE': asks(V34),
  'CD.DS': asks({ ds: true }),
  'CD.PIE': asks({ s1pi: true }),
  ...unused('CD', NO_ATTRIBUTES, 'IR0 OR0 SH0 IR1 OR1 SH1 MAIR0 MAIR1 AMAIR0 AMAIR1'),
  ...unused('CD', NAMED, 'HWU059 HWU060 HWU061 HWU062 HWU159 HWU160 HWU161 HWU162 PARTID PMG'),
  ...unused('CD', NAMED, [numbered('PIIU', 16), numbered('PIIP', 16)].join(' ')),
  ...unused('CD', 'VMSAv9-128 is outside', 'DisCH0 DisCH1 SKL0 SKL1'),
};

/** Whether a structure has bits set that a rule calls Reserved, whatever the version and the features. */
export const RESERVED_IN: Readonly<Record<'STE' | 'CD', (structure: bigint) => boolean>> = {
  STE: (structure) => steReservedBits(ste(structure), FEATURES) === 'STRTAB-057',
  CD: (structure) => cdReservedBits(cd(structure), FEATURES) === 'CD-038',
};

export const STRUCTURE_VIEWS: Side['views'] = {
  STE: (s) => {
    const { words: _, ...fields } = ste(s);
    const { given } = stage2Given();
    return [fields, ...[BYPASS, STAGE1, given, STAGE1 | given].map((base) => judgedOf(base | s))];
  },
  CD: (s) => {
    const { words: _, ...fields } = cd(s);
    const judged = judgeCd(cd(GIVEN | s), FEATURES, false);
    return [fields, judged === 'outside' ? judged : judged.illegal];
  },
};
