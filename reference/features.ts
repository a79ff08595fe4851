/**
 * What the implementation has, as its ID registers say (6.3.1-6.3.8). The reference takes nothing else from the subject.
 */
import type { IdRegisters } from '../scenario/trace.ts';
import { bit, bits } from './bits.ts';

export interface Features {
  readonly s1p: boolean;
  readonly s2p: boolean;
  /** IDR0.TTF: bit 0 VMSAv8-32 LPAE, bit 1 VMSAv8-64. */
  readonly ttf: number;
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
  readonly vmw: boolean;
  readonly vmid16: boolean;
  readonly cd2l: boolean;
  readonly vatos: boolean;
  readonly ttendian: number;
  readonly stallModel: number;
  readonly termModel: number;
  readonly atsRecErr: boolean;
  readonly stLevel: number;
  readonly rme: boolean;
  readonly sidSize: number;
  readonly ssidSize: number;
  readonly cmdqs: number;
  readonly eventqs: number;
  readonly attrTypesOvr: boolean;
  readonly attrPermsOvr: boolean;
  readonly queuesPreset: boolean;
  readonly tablesPreset: boolean;
  readonly ecmdq: boolean;
  readonly had: boolean;
  readonly pbha: boolean;
  readonly xnx: boolean;
  readonly fwb: boolean;
  readonly ptwnnc: boolean;
  readonly stt: boolean;
  readonly ril: boolean;
  readonly bbml: number;
  readonly e0pd: boolean;
  readonly epan: boolean;
  readonly mpam: boolean;
  readonly dpt: boolean;
  readonly s1pi: boolean;
  readonly s2pi: boolean;
  readonly s2po: boolean;
  readonly the: boolean;
  /** Output address size in bits. */
  readonly oas: number;
  readonly gran4k: boolean;
  readonly gran16k: boolean;
  readonly gran64k: boolean;
  readonly vax: number;
  readonly ds: boolean;
  readonly d128: boolean;
  /** AIDR.ArchMinorRev: the x of SMMUv3.x. */
  readonly minor: number;
}

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

export function features(id: IdRegisters): Features {
  const { IDR0, IDR1, IDR3, IDR5, AIDR } = id;
  return {
    s2p: bit(IDR0, 0) === 1,
    s1p: bit(IDR0, 1) === 1,
    ttf: bits(IDR0, 3, 2),
    btm: bit(IDR0, 5) === 1,
    httu: bits(IDR0, 7, 6),
    dormhint: bit(IDR0, 8) === 1,
    hyp: bit(IDR0, 9) === 1,
    ats: bit(IDR0, 10) === 1,
    asid16: bit(IDR0, 12) === 1,
    msi: bit(IDR0, 13) === 1,
    sev: bit(IDR0, 14) === 1,
    atos: bit(IDR0, 15) === 1,
    pri: bit(IDR0, 16) === 1,
    vmw: bit(IDR0, 17) === 1,
    vmid16: bit(IDR0, 18) === 1,
    cd2l: bit(IDR0, 19) === 1,
    vatos: bit(IDR0, 20) === 1,
    ttendian: bits(IDR0, 22, 21),
    atsRecErr: bit(IDR0, 23) === 1,
    stallModel: bits(IDR0, 25, 24),
    termModel: bit(IDR0, 26),
    stLevel: bits(IDR0, 28, 27),
    rme: bit(IDR0, 30) === 1,
    sidSize: bits(IDR1, 5, 0),
    ssidSize: bits(IDR1, 10, 6),
    eventqs: bits(IDR1, 20, 16),
    cmdqs: bits(IDR1, 25, 21),
    attrPermsOvr: bit(IDR1, 26) === 1,
    attrTypesOvr: bit(IDR1, 27) === 1,
    queuesPreset: bit(IDR1, 29) === 1,
    tablesPreset: bit(IDR1, 30) === 1,
    ecmdq: bit(IDR1, 31) === 1,
    had: bit(IDR3, 2) === 1,
    pbha: bit(IDR3, 3) === 1,
    xnx: bit(IDR3, 4) === 1,
    fwb: bit(IDR3, 8) === 1,
    ptwnnc: bit(IDR3, 14) === 1,
    stt: bit(IDR3, 9) === 1,
    mpam: bit(IDR3, 7) === 1,
    ril: bit(IDR3, 10) === 1,
    bbml: bits(IDR3, 12, 11),
    e0pd: bit(IDR3, 13) === 1,
    dpt: bit(IDR3, 15) === 1,
    epan: bit(IDR3, 17) === 1,
    s1pi: bit(IDR3, 18) === 1,
    s2pi: bit(IDR3, 19) === 1,
    s2po: bit(IDR3, 20) === 1,
    the: bit(IDR3, 21) === 1,
    oas: OAS_BITS[bits(IDR5, 2, 0)] ?? 0,
    gran4k: bit(IDR5, 4) === 1,
    gran16k: bit(IDR5, 5) === 1,
    gran64k: bit(IDR5, 6) === 1,
    ds: bit(IDR5, 7) === 1,
    d128: bit(IDR5, 8) === 1,
    vax: bits(IDR5, 11, 10),
    minor: bits(AIDR, 3, 0),
  };
}
