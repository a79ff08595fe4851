/**
 * The ID registers (6.3.1-6.3.8): combinations of fields that no implementation may have.
 */
import type { Action } from '../scenario/steps.ts';
import type { IdRegisters, Observation } from '../scenario/trace.ts';
import { bit, bits } from './bits.ts';
import type { Features } from './features.ts';
import type { Comparison } from './comparison.ts';
import type { RuleId } from './rules/ids.ts';

interface IdRule {
  readonly rule: RuleId;
  /** Whether the rule says anything of these registers. */
  readonly applies: boolean;
  readonly holds: boolean;
  readonly demand: string;
}

/** What each ID register must satisfy, by offset. */
export function idRulesOf(offset: number, f: Features, id: IdRegisters): readonly IdRule[] {
  switch (offset) {
    case 0x00:
      return idr0(f, id.IDR0);
    case 0x04:
      return idr1(f, id.IDR1);
    case 0x08:
      return [demand('REG-062', !f.vatos, id.IDR2 === 0, 'IDR2 reads 0 without VATOS')];
    case 0x0c:
      return idr3(f, id.IDR3);
    case 0x14:
      return idr5(f, id.IDR5);
    case 0x18:
      return [demand('REG-089', true, bit(id.IIDR, 7) === 0, 'IIDR bit 7 is 0')];
    case 0x1c:
      return [
        demand('REG-090', true, bits(id.AIDR, 31, 4) === 0 && f.minor <= 4, 'AIDR names SMMUv3.0 to 3.4'),
        demand('REG-091', true, f.minor >= 2 || !f.dpt, 'no feature of a version two later'),
      ];
    default:
      return [];
  }
}

function idr0(f: Features, value: number): IdRule[] {
  return [
    demand('REG-024', true, f.stLevel <= 1, 'ST_LEVEL is 0b00 or 0b01'),
    demand('REG-027', true, f.stallModel !== 3, 'STALL_MODEL is not 0b11'),
    demand('REG-028', !f.ats, !f.atsRecErr, 'ATSRECERR is 0 without ATS'),
    demand('REG-029', true, f.ttendian !== 1, 'TTENDIAN is not 0b01'),
    demand('REG-033', !f.s2p, !f.vmw, 'VMW is 0 without stage 2'),
    demand('REG-034', !f.ats, !f.pri, 'PRI is 0 without ATS'),
    demand('REG-039', !f.ats || !f.s1p || !f.s2p, bit(value, 11) === 0, 'NS1ATS is 0 without ATS and both stages'),
    demand('REG-040', !f.s1p || !f.s2p, !f.hyp, 'Hyp is 0 without both stages'),
    demand('REG-041', f.s1p && f.s2p && f.minor >= 2, f.hyp, 'Hyp is 1 from SMMUv3.2 with both stages'),
    demand('REG-043', true, f.ttf !== 0, 'TTF is not 0b00'),
    demand('REG-047', true, f.s1p || f.s2p, 'at least one stage'),
  ];
}

function idr1(f: Features, value: number): IdRule[] {
  return [
    demand('REG-049', true, f.sidSize <= 32, 'SIDSIZE is at most 32'),
    demand('REG-051', f.sidSize >= 7, f.stLevel !== 0, 'SIDSIZE of 7 or more needs 2-level Stream tables'),
    demand('REG-052', true, f.ssidSize <= 20, 'SSIDSIZE is at most 20'),
    demand('REG-053', true, f.cmdqs <= 19, 'CMDQS is at most 19'),
    demand('REG-054', true, f.eventqs <= 19, 'EVENTQS is at most 19'),
    demand('REG-056', !f.tablesPreset && !f.queuesPreset, bit(value, 28) === 0, 'REL is 0 without presets'),
  ];
}

function idr3(f: Features, value: number): IdRule[] {
  const pbha = bit(value, 3) === 1;
  return [
    demand('REG-063', f.minor >= 2, bit(value, 8) === 1, 'FWB is 1 from SMMUv3.2'),
    demand('REG-064', f.minor >= 2, f.ril, 'RIL is 1 from SMMUv3.2'),
    demand('REG-065', f.minor >= 2, f.bbml === 1 || f.bbml === 2, 'BBML is 0b01 or 0b10 from SMMUv3.2'),
    demand(
      'REG-067',
      true,
      f.minor === 0 ? bit(value, 4) === 0 : !f.s2p || bit(value, 4) === 1,
      'XNX follows the version and S2P',
    ),
    demand(
      'REG-068',
      true,
      f.s1p ? (f.minor === 0 || f.had) && (!pbha || f.had) : !f.had,
      'HAD is 1 from SMMUv3.1 with stage 1, and 0 without',
    ),
    demand(
      'REG-070',
      f.minor >= 3 || !f.s2p,
      f.s2p ? bit(value, 14) === 1 : bit(value, 14) === 0,
      'PTWNNC follows S2P from SMMUv3.3',
    ),
    demand('REG-071', f.minor >= 3, f.e0pd, 'E0PD is 1 from SMMUv3.3'),
  ];
}

function idr5(f: Features, value: number): IdRule[] {
  const oas = bits(value, 2, 0);
  return [
    demand(
      'REG-079',
      true,
      oas <= 5 || (oas === 6 && f.minor >= 1) || (oas === 7 && f.d128 && f.minor >= 4),
      'OAS is one the version has',
    ),
    demand('REG-081', (f.ttf & 1) === 1, f.gran4k, 'GRAN4K is 1 with VMSAv8-32 LPAE'),
    demand('REG-082', true, f.gran4k || f.gran16k || f.gran64k, 'at least one granule'),
  ];
}

function demand(rule: RuleId, applies: boolean, holds: boolean, text: string): IdRule {
  return { rule, applies, holds, demand: text };
}

/** A read of an ID register whose contents no implementation may have; undefined when they are in order. */
export function checkIdRegister(
  action: Extract<Action, { op: 'read-register' }>,
  observation: Observation,
  f: Features,
  id: IdRegisters,
): Comparison | undefined {
  if (action.bytes !== 4 || observation.outcome.kind !== 'value') return undefined;
  const broken = idRulesOf(action.offset, f, id).find((rule) => rule.applies && !rule.holds);
  if (broken === undefined) return undefined;
  return {
    accepted: [],
    permitted: [{ outcome: broken.demand, rules: [broken.rule] }],
    difference: 'register-value',
    rule: broken.rule,
    pass: 'forced',
  };
}
