/**
 * The profile of an implementation that a scenario was made for: fields of the ID registers by name (6.3.1-6.3.8).
 *
 * A subject that can be configured is built from it. Another reports the features it has, and is judged by those.
 */

/** Greatest value of each; OAS is in bits, the others are as in their register. */
export const FEATURE_MAX = {
  S1P: 1,
  S2P: 1,
  GRAN4K: 1,
  GRAN16K: 1,
  GRAN64K: 1,
  OAS: 48,
  SIDSIZE: 32,
  SSIDSIZE: 20,
  ST_LEVEL: 1,
  CD2L: 1,
  ASID16: 1,
  VMID16: 1,
  Hyp: 1,
  TTENDIAN: 3,
  TERM_MODEL: 1,
  ATTR_PERMS_OVR: 1,
  CMDQS: 19,
  EVENTQS: 19,
  HAD: 1,
  XNX: 1,
  FWB: 1,
  STT: 1,
  RIL: 1,
  BBML: 2,
  ArchMinorRev: 2,
} as const satisfies Readonly<Record<string, number>>;

export type FeatureName = keyof typeof FEATURE_MAX;
export const FEATURE_NAMES = Object.keys(FEATURE_MAX) as FeatureName[];

/** What differs from the implementation's own defaults. */
export type Profile = Readonly<Partial<Record<FeatureName, number>>>;

/** Profiles with the same key are the same, in whatever order their fields stand. */
export function profileKey(profile: Profile): string {
  return FEATURE_NAMES.flatMap((name) => (profile[name] === undefined ? [] : [`${name}=${profile[name]}`])).join(' ');
}
