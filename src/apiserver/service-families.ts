import type { ServiceSpec } from '../api/generated/types.ts';
import { invalidValue } from '../api/meta/field-error.ts';
import type { FieldError } from '../api/meta/status-error.ts';

/** The families that addresses of services are given from, the usual one first. */
const families = ['IPv4'];

/**
 * Fills in which families a service is of, and says what is wrong with those that it asks for. A service without addresses and without
 * a selector may be of any: its endpoints are somebody else's.
 */
export function fillFamilies(spec: ServiceSpec, before: Readonly<ServiceSpec> | undefined): FieldError[] {
  const { clusterIPs = [] } = spec;
  const isHeadless = (spec.clusterIP || clusterIPs[0]) === 'None';
  const isFree = isHeadless && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before?.ipFamilyPolicy ?? (isFree ? 'RequireDualStack' : 'SingleStack');
  const isSingle = spec.ipFamilyPolicy === 'SingleStack';
  const errors = isSingle
    ? [...single(clusterIPs, 'cluster IPs'), ...single(spec.ipFamilies ?? [], 'IP families')]
    : [];
  if (!isFree && errors.length === 0) errors.push(...unknownFamilies(spec));
  if (errors.length > 0) return errors;
  spec.ipFamilies ??= families.slice(0, 1);
  const [first = ''] = spec.ipFamilies;
  if (isFree && !isSingle && spec.ipFamilies.length === 1)
    spec.ipFamilies = [first, first === 'IPv4' ? 'IPv6' : 'IPv4'];
  return [];
}

const policyPath = 'spec.ipFamilyPolicy';

const single = (list: readonly string[], what: string): FieldError[] =>
  list.length === 2
    ? [
        invalidValue(
          policyPath,
          'SingleStack',
          `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
        ),
      ]
    : [];

const unknownFamilies = ({ ipFamilyPolicy, ipFamilies }: ServiceSpec): FieldError[] => [
  ...(ipFamilyPolicy === 'RequireDualStack' && families.length < 2
    ? [invalidValue(policyPath, ipFamilyPolicy, 'this cluster is not configured for dual-stack services')]
    : []),
  ...(ipFamilies ?? []).flatMap((family, i) =>
    families.includes(family) ? [] : [invalidValue(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster')],
  ),
];
