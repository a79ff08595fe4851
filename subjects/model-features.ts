/** A scenario's profile in the names of the model's features (model/smmu/features.ts). */
import type { FeatureName, Profile } from '../scenario/features.ts';
import type { SystemOptions } from '../model/system.ts';

type ModelFeatures = NonNullable<SystemOptions['features']>;

/** The model's name of each feature, and whether it is a yes or no there. */
const NAMES: Readonly<Record<FeatureName, readonly [name: keyof ModelFeatures | GrowingName, flag: boolean]>> = {
  S1P: ['s1p', true],
  S2P: ['s2p', true],
  GRAN4K: ['gran4k', true],
  GRAN16K: ['gran16k', true],
  GRAN64K: ['gran64k', true],
  OAS: ['oas', false],
  SIDSIZE: ['sidsize', false],
  SSIDSIZE: ['ssidsize', false],
  ST_LEVEL: ['stLevel', false],
  CD2L: ['cd2l', true],
  ASID16: ['asid16', true],
  VMID16: ['vmid16', true],
  Hyp: ['hyp', true],
  TTENDIAN: ['ttendian', false],
  TERM_MODEL: ['termModel', true],
  ATTR_PERMS_OVR: ['attrPermsOvr', true],
  CMDQS: ['cmdqs', false],
  EVENTQS: ['eventqs', false],
  HAD: ['had', true],
  XNX: ['xnx', true],
  FWB: ['fwb', true],
  STT: ['stt', true],
  RIL: ['ril', true],
  BBML: ['bbml', false],
  ArchMinorRev: ['archMinorRev', false],
};
type GrowingName = 'gran16k' | 'gran64k' | 'xnx';

export function modelFeatures(profile: Profile): ModelFeatures {
  const features: Record<string, number | boolean> = {};
  for (const [name, value] of Object.entries(profile) as [FeatureName, number][]) {
    const [own, flag] = NAMES[name];
    features[own] = flag ? value !== 0 : value;
  }
  return features;
}
