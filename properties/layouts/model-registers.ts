/** The model asked about registers: what its ID registers say of features, the register map, what addresses come to. */
import { ADDRESS_SIZES, aidr, idr0, idr1, idr3, idr5 } from '../../model/smmu/features.ts';
import type { Features } from '../../model/smmu/features.ts';
import { Interrupts } from '../../model/smmu/interrupts.ts';
import { maskIn } from '../../model/smmu/layout.ts';
import * as map from '../../model/smmu/register-map.ts';
import { Registers } from '../../model/smmu/registers.ts';
import { ones } from './facts.ts';
import { FEATURES } from './model-structures.ts';
import { constant, effect, mask, unused, value, writes } from './side.ts';
import type { ProbeOf } from './side.ts';

/** ID register fields, by the feature that each shows. */
const ID_FIELDS: Readonly<Record<string, readonly [(f: Features) => number, keyof Features]>> = {
  'IDR0.S2P': [idr0, 's2p'],
  'IDR0.S1P': [idr0, 's1p'],
  'IDR0.TTF': [idr0, 'ttf'],
  'IDR0.COHACC': [idr0, 'cohacc'],
  'IDR0.BTM': [idr0, 'btm'],
  'IDR0.HTTU': [idr0, 'httu'],
  'IDR0.DORMHINT': [idr0, 'dormhint'],
  'IDR0.Hyp': [idr0, 'hyp'],
  'IDR0.ATS': [idr0, 'ats'],
  'IDR0.ASID16': [idr0, 'asid16'],
  'IDR0.MSI': [idr0, 'msi'],
  'IDR0.SEV': [idr0, 'sev'],
  'IDR0.ATOS': [idr0, 'atos'],
  'IDR0.PRI': [idr0, 'pri'],
  'IDR0.VMID16': [idr0, 'vmid16'],
  'IDR0.CD2L': [idr0, 'cd2l'],
  'IDR0.TTENDIAN': [idr0, 'ttendian'],
  'IDR0.STALL_MODEL': [idr0, 'stallModel'],
  'IDR0.TERM_MODEL': [idr0, 'termModel'],
  'IDR0.ST_LEVEL': [idr0, 'stLevel'],
  'IDR1.SIDSIZE': [idr1, 'sidsize'],
  'IDR1.SSIDSIZE': [idr1, 'ssidsize'],
  'IDR1.EVENTQS': [idr1, 'eventqs'],
  'IDR1.CMDQS': [idr1, 'cmdqs'],
  'IDR1.ATTR_PERMS_OVR': [idr1, 'attrPermsOvr'],
  'IDR1.ATTR_TYPES_OVR': [idr1, 'attrTypesOvr'],
  'IDR3.HAD': [idr3, 'had'],
  'IDR3.XNX': [idr3, 'xnx'],
  'IDR3.FWB': [idr3, 'fwb'],
  'IDR3.STT': [idr3, 'stt'],
  'IDR3.RIL': [idr3, 'ril'],
  'IDR3.BBML': [idr3, 'bbml'],
  'IDR5.GRAN4K': [idr5, 'gran4k'],
  'IDR5.GRAN16K': [idr5, 'gran16k'],
  'IDR5.GRAN64K': [idr5, 'gran64k'],
  'AIDR.ArchMinorRev': [aidr, 'archMinorRev'],
};

const ID_PROBES: Record<string, ProbeOf> = Object.fromEntries(
  Object.entries(ID_FIELDS).map(([key, [register, name]]) => [
    key,
    writes((v) => {
      const is = typeof FEATURES[name] === 'boolean' ? v !== 0n : Number(v);
      return BigInt(register({ ...FEATURES, [name]: is }) >>> 0);
    }),
  ]),
);

/** The register file after a write of a 64-bit register. */
function after(offset: number, structure: bigint): Registers {
  const registers = new Registers(FEATURES, new Interrupts(), { considerCommandQueue: () => undefined });
  registers.write32(offset, Number(structure & ones(32)));
  registers.write32(offset + 4, Number((structure >> 32n) & ones(32)));
  return registers;
}

const ABOVE_OAS = 'address bits above IDR5.OAS are RES0';
const hint = mask(BigInt(map.BASE_HINT_HIGH) << 32n);
const NOT_STORED = 'RES0 without its feature, or fixed';

export const REGISTER_PROBES: Record<string, ProbeOf> = {
  ...ID_PROBES,
  'IDR5.OAS': writes((v) => BigInt(idr5({ ...FEATURES, oas: ADDRESS_SIZES[Number(v)] ?? 0 })), [1n, 2n, 3n, 4n, 5n]),
  'CR0.SMMUEN': mask(map.CR0_SMMUEN),
  'CR0.EVENTQEN': mask(map.CR0_EVENTQEN),
  'CR0.CMDQEN': mask(map.CR0_CMDQEN),
  'CR2.RECINVSID': mask(map.CR2_RECINVSID),
  'CR2.E2H': mask(map.CR2_E2H),
  'GBPA.Update': mask(map.GBPA_UPDATE),
  'GBPA.ABORT': mask(map.GBPA_ABORT),
  'GBPA.INSTCFG': mask(maskIn(map.GBPA_INSTCFG)),
  'GBPA.PRIVCFG': mask(maskIn(map.GBPA_PRIVCFG)),
  'IRQ_CTRL.GERROR_IRQEN': mask(map.IRQ_GERROR_IRQEN),
  'IRQ_CTRL.EVENTQ_IRQEN': mask(map.IRQ_EVENTQ_IRQEN),
  '*.CMDQ_ERR': mask(map.GERROR_CMDQ_ERR),
  '*.EVENTQ_ABT_ERR': mask(map.GERROR_EVENTQ_ABT_ERR),
  '*.SFM_ERR': mask(map.GERROR_SFM_ERR),
  'STRTAB_BASE.RA': hint,
  'STRTAB_BASE.ADDR': value((s) => BigInt(after(map.STRTAB_BASE, s).strtabBase) >> 6n, {
    only: { bits: 42, why: ABOVE_OAS },
  }),
  'STRTAB_BASE_CFG.LOG2SIZE': mask(maskIn(map.STRTAB_LOG2SIZE)),
  'STRTAB_BASE_CFG.SPLIT': mask(maskIn(map.STRTAB_SPLIT)),
  'STRTAB_BASE_CFG.FMT': mask(maskIn(map.STRTAB_FMT)),
  'CMDQ_BASE.RA': hint,
  'CMDQ_BASE.ADDR': effect((s) => BigInt(after(map.CMDQ_BASE, s).cmdqBase) >> 5n, {
    only: { bits: 43, why: ABOVE_OAS },
  }),
  'CMDQ_BASE.LOG2SIZE': mask(maskIn(map.QUEUE_LOG2SIZE)),
  'CMDQ_PROD.WR': mask(map.INDEX_BITS),
  'CMDQ_CONS.RD': mask(map.INDEX_BITS),
  'CMDQ_CONS.ERR': mask(maskIn(map.CMDQ_CONS_ERR)),
  'EVENTQ_BASE.WA': hint,
  'EVENTQ_BASE.ADDR': effect((s) => BigInt(after(map.EVENTQ_BASE, s).eventqBase) >> 5n, {
    only: { bits: 43, why: ABOVE_OAS },
  }),
  'EVENTQ_BASE.LOG2SIZE': mask(maskIn(map.QUEUE_LOG2SIZE)),
  'EVENTQ_PROD.WR': mask(map.INDEX_BITS),
  'EVENTQ_PROD.OVFLG': mask(map.OVERFLOW_FLAG),
  'EVENTQ_CONS.RD': mask(map.INDEX_BITS),
  'EVENTQ_CONS.OVACKFLG': mask(map.OVERFLOW_FLAG),
  'IDR0.offset': constant(map.IDR0),
  'IDR1.offset': constant(map.IDR1),
  'IDR2.offset': constant(map.IDR2),
  'IDR3.offset': constant(map.IDR3),
  'IDR5.offset': constant(map.IDR5),
  'IIDR.offset': constant(map.IIDR_OFFSET),
  'AIDR.offset': constant(map.AIDR),
  'CR0.offset': constant(map.CR0),
  'CR0ACK.offset': constant(map.CR0ACK),
  'CR1.offset': constant(map.CR1),
  'CR2.offset': constant(map.CR2),
  'STATUSR.offset': constant(map.STATUSR),
  'GBPA.offset': constant(map.GBPA),
  'IRQ_CTRL.offset': constant(map.IRQ_CTRL),
  'IRQ_CTRLACK.offset': constant(map.IRQ_CTRLACK),
  'GERROR.offset': constant(map.GERROR),
  'GERRORN.offset': constant(map.GERRORN),
  'STRTAB_BASE.offset': constant(map.STRTAB_BASE),
  'STRTAB_BASE_CFG.offset': constant(map.STRTAB_BASE_CFG),
  'CMDQ_BASE.offset': constant(map.CMDQ_BASE),
  'CMDQ_PROD.offset': constant(map.CMDQ_PROD),
  'CMDQ_CONS.offset': constant(map.CMDQ_CONS),
  'EVENTQ_BASE.offset': constant(map.EVENTQ_BASE),
  'EVENTQ_PROD.offset': constant(map.EVENTQ_PROD),
  'EVENTQ_CONS.offset': constant(map.EVENTQ_CONS),
  ...unused('IDR0', 'always 0 here', 'RME_IMPL ATSRECERR VATOS VMW NS1ATS'),
  ...unused('IDR1', 'always 0 here', 'ECMDQ TABLES_PRESET QUEUES_PRESET REL PRIQS'),
  ...unused('IDR2', 'always 0 here', 'BA_VATOS'),
  ...unused('IDR3', 'always 0 here', 'AIE MTEPERM THE S2PO S2PI S1PI EPAN PASIDTT DPT PTWNNC E0PD MPAM PPS PBHA'),
  ...unused('IDR5', 'always 0 here', 'STALL_MAX VAX D128 DS'),
  ...unused('IIDR', 'one constant for the whole register', 'ProductID Variant Revision Implementer'),
  ...unused('AIDR', 'always 0 here', 'ArchMajorRev'),
  ...unused('CR0', NOT_STORED, 'DPT_WALK_EN VMW ATSCHK PRIQEN'),
  ...unused('CR0ACK', 'reads as CR0', 'DPT_WALK_EN VMW ATSCHK CMDQEN EVENTQEN PRIQEN SMMUEN'),
  ...unused('CR1', 'stored; attributes are not modelled', 'TABLE_SH TABLE_OC TABLE_IC QUEUE_SH QUEUE_OC QUEUE_IC'),
  ...unused('CR2', NOT_STORED, 'REC_CFG_ATS PTM'),
  ...unused('STATUSR', 'no Dormant state', 'DORMANT'),
  ...unused('GBPA', NOT_STORED, 'SHCFG ALLOCCFG MTCFG MemAttr'),
  ...unused('IRQ_CTRL', NOT_STORED, 'PRIQ_IRQEN'),
  ...unused('IRQ_CTRLACK', 'reads as IRQ_CTRL', 'EVENTQ_IRQEN PRIQ_IRQEN GERROR_IRQEN'),
  ...Object.fromEntries(
    ['GERROR', 'GERRORN'].flatMap((name) =>
      Object.entries(
        unused(name, NOT_STORED, 'DPT_ERR CMDQP_ERR MSI_GERROR_ABT_ERR MSI_PRIQ_ABT_ERR MSI_EVENTQ_ABT_ERR'),
      ),
    ),
  ),
  ...unused('GERROR', NOT_STORED, 'MSI_CMDQ_ABT_ERR PRIQ_ABT_ERR'),
  ...unused('GERRORN', NOT_STORED, 'MSI_CMDQ_ABT_ERR PRIQ_ABT_ERR'),
  ...Object.fromEntries(
    ['GERROR_IRQ_CFG', 'EVENTQ_IRQ_CFG'].flatMap((name) => [
      ...Object.entries(unused(`${name}0`, 'MSIs are not implemented', 'offset ADDR')),
      ...Object.entries(unused(`${name}1`, 'MSIs are not implemented', 'offset DATA')),
      ...Object.entries(unused(`${name}2`, 'MSIs are not implemented', 'offset SH MemAttr')),
    ]),
  ),
};

/** What a register of the model holds after all ones are written to it; queues and translation are off. */
export function storedByModel(offset: number): number {
  const registers = new Registers(FEATURES, new Interrupts(), { considerCommandQueue: () => undefined });
  registers.write32(offset, 0xffff_ffff);
  return registers.read32(offset) >>> 0;
}
