/**
 * Profiles for a subject that can be built to one: what the implementation of a scenario has (6.3.1-6.3.6).
 *
 * Most scenarios get a profile of their own, since what is absent has rules as much as what is there. The rest run on the
 * subject as it is.
 */
import type { Profile } from '../../scenario/features.ts';
import type { IdRegisters } from '../../scenario/trace.ts';
import type { Configured, Described } from '../../subjects/subject.ts';
import type { Draw } from './draw.ts';

type Drawn = { -readonly [Name in keyof Profile]: Profile[Name] };

/** A profile, and the ID registers that say so. A subject that cannot be configured is as it is. */
export function drawBuild(draw: Draw, subject: Described): Partial<Configured> & Pick<Configured, 'idRegisters'> {
  if (subject.configure === undefined) return { idRegisters: subject.idRegisters };
  const profile = draw.chance(15) ? {} : drawProfile(draw);
  // What is pinned may not go with what was drawn.
  const built = subject.configure({ ...profile, ...subject.pinned }) ?? subject.configure({});
  if (built === undefined) return { idRegisters: subject.idRegisters };
  return Object.keys(built.features).length === 0 ? { idRegisters: built.idRegisters } : built;
}

function drawProfile(draw: Draw): Profile {
  const profile: Drawn = {};
  const [S1P, S2P] = draw.weighted([
    [30, [1, 0]],
    [15, [0, 1]],
    [55, [1, 1]],
  ] as const);
  profile.S1P = S1P;
  profile.S2P = S2P;
  const [GRAN4K, GRAN16K, GRAN64K] = draw.weighted([
    [30, [1, 0, 0]],
    [50, [1, 1, 1]],
    [10, [1, 0, 1]],
    [5, [0, 1, 0]],
    [5, [0, 0, 1]],
  ] as const);
  profile.GRAN4K = GRAN4K;
  profile.GRAN16K = GRAN16K;
  profile.GRAN64K = GRAN64K;
  if (draw.chance(50)) profile.OAS = draw.pick([32, 36, 40, 42, 44, 48]);
  if (draw.chance(50)) {
    profile.ST_LEVEL = 1;
    profile.SIDSIZE = draw.pick([3, 6, 7, 8, 11, 16, 32]);
  } else if (draw.chance(20)) profile.SIDSIZE = draw.between(0, 6);
  if (draw.chance(50)) {
    profile.SSIDSIZE = draw.pick([1, 2, 3, 5, 8, 12, 20]);
    if (draw.chance(60)) profile.CD2L = 1;
  }
  if (draw.chance(30)) profile.ASID16 = draw.between(0, 1);
  if (draw.chance(30)) profile.VMID16 = draw.between(0, 1);
  if (draw.chance(20)) profile.TTENDIAN = draw.pick([0, 2, 3]);
  if (draw.chance(20)) profile.TERM_MODEL = 1;
  if (draw.chance(20)) profile.ATTR_PERMS_OVR = 0;
  if (draw.chance(30)) profile.BBML = draw.between(1, 2);
  if (draw.chance(40)) profile.XNX = 1;
  if (draw.chance(30)) profile.STT = 1;
  if (draw.chance(15)) profile.CMDQS = draw.between(0, 8);
  if (draw.chance(15)) profile.EVENTQS = draw.between(0, 7);
  if (draw.chance(25)) return olderVersion(draw, profile);
  return profile;
}

/** SMMUv3.1: what later versions made mandatory may be absent. With both stages Hyp is there in SMMUv3.2 anyway. */
function olderVersion(draw: Draw, profile: Drawn): Profile {
  profile.ArchMinorRev = 1;
  profile.FWB = 0;
  profile.BBML = 0;
  profile.RIL = 0;
  if (profile.S1P === 1 && profile.S2P === 1 && draw.chance(35)) profile.Hyp = 1;
  profile.STT = draw.chance(30) ? (profile.STT ?? 0) : 0;
  return profile;
}

/** Profiles that between them have, and lack, each feature: a rule that applies to none of them applies to no build. */
const BUILDS: readonly Profile[] = [
  {},
  {
    S1P: 1,
    S2P: 1,
    GRAN16K: 1,
    GRAN64K: 1,
    ST_LEVEL: 1,
    SIDSIZE: 16,
    SSIDSIZE: 20,
    CD2L: 1,
    VMID16: 1,
    XNX: 1,
    STT: 1,
  },
  { S1P: 0, S2P: 1, ASID16: 0, OAS: 32, SIDSIZE: 0, CMDQS: 0, EVENTQS: 0 },
  { S1P: 1, S2P: 1, OAS: 48, SSIDSIZE: 8, CD2L: 0, TTENDIAN: 2, TERM_MODEL: 1, ATTR_PERMS_OVR: 0, BBML: 2 },
  { S1P: 1, S2P: 0, TTENDIAN: 3, ASID16: 0, GRAN4K: 0, GRAN64K: 1, OAS: 40 },
  { S1P: 1, S2P: 1, GRAN4K: 0, GRAN16K: 1, OAS: 36 },
  { S1P: 1, S2P: 1, ArchMinorRev: 1, FWB: 0, RIL: 0, BBML: 0, STT: 0, SSIDSIZE: 4, GRAN16K: 1, GRAN64K: 1 },
  { S1P: 1, S2P: 1, ArchMinorRev: 1, FWB: 0, RIL: 0, BBML: 0, STT: 0, ST_LEVEL: 1, SIDSIZE: 8, OAS: 42, Hyp: 1 },
];

/** The ID registers of the builds that coverage counts rules for. */
export function buildsOf(subject: Described): readonly IdRegisters[] {
  if (subject.configure === undefined) return [subject.idRegisters];
  const builds = BUILDS.flatMap((profile) => subject.configure?.({ ...profile, ...subject.pinned })?.idRegisters ?? []);
  return builds.length === 0 ? [subject.idRegisters] : builds;
}
