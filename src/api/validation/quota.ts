import type { LimitRange, LimitRangeItem, PodDisruptionBudget, ResourceQuota } from '../generated/types.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { compareQuantity, parseQuantity } from '../meta/quantity.ts';
import {
  atMostAll,
  child,
  countOrPercent,
  duplicate,
  each,
  type FieldError,
  forbidden,
  immutable,
  invalidValue,
  keyed,
  keyFormatted,
  oneOf,
  required,
  validateLabelSelector,
} from './check.ts';

const quotaNames = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);
/** Counted in whole numbers. */
const counted = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);
const scopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
];
const nano = 1_000_000_000n;

function quotaName(name: string, path: string): FieldError[] {
  const errors = keyFormatted(path, name, qualifiedName);
  if (errors.length > 0 || name.includes('/') || quotaNames.has(name) || /^(requests\.)?hugepages-/.test(name))
    return errors;
  return [
    invalidValue(path, name, 'must be a standard resource type or fully qualified'),
    invalidValue(path, name, 'must be a standard resource for quota'),
  ];
}

function amounts(list: Record<string, string> | undefined, path: string): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, amount]) => {
    const at = keyed(path, name);
    const errors = quotaName(name, at);
    const { nanos } = parseQuantity(amount);
    if (nanos < 0n) errors.push(invalidValue(at, amount, 'must be greater than or equal to 0'));
    if ((counted.has(name) || name.startsWith('count/')) && nanos % nano !== 0n)
      errors.push(invalidValue(at, amount, 'must be an integer'));
    return errors;
  });
}

export function validateQuota({ spec }: ResourceQuota): FieldError[] {
  const errors = amounts(spec.hard, 'spec.hard');
  const given = spec.scopes ?? [];
  for (const scope of given)
    if (!scopes.includes(scope)) errors.push(invalidValue('spec.scopes', given, 'unsupported scope'));
  for (const pair of [
    ['Terminating', 'NotTerminating'],
    ['BestEffort', 'NotBestEffort'],
  ])
    if (pair.every((scope) => given.includes(scope as (typeof given)[number])))
      errors.push(invalidValue('spec.scopes', given, 'conflicting scopes'));
  return [
    ...errors,
    ...each(
      spec.scopeSelector?.matchExpressions,
      'spec.scopeSelector.matchExpressions',
      ({ scopeName, operator, values }, p) => {
        const own = scopes.includes(scopeName)
          ? []
          : [invalidValue(child(p, 'scopeName'), scopeName, 'unsupported scope')];
        const set = operator === 'In' || operator === 'NotIn';
        if (set && !values?.length)
          own.push(
            required(
              child(p, 'values'),
              "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            ),
          );
        if (!set && values?.length)
          own.push(
            invalidValue(
              child(p, 'values'),
              values,
              "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
            ),
          );
        return own;
      },
    ),
  ];
}

export const validateQuotaUpdate = (quota: ResourceQuota, old: Readonly<ResourceQuota>): FieldError[] =>
  immutable('spec.scopes', quota.spec.scopes, old.spec.scopes);

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const types = new Set<string>();
  return each(spec.limits, 'spec.limits', (item, p) => {
    const errors = keyFormatted(child(p, 'type'), item.type, qualifiedName);
    if (types.has(item.type)) return [...errors, duplicate(child(p, 'type'), item.type)];
    types.add(item.type);
    if (item.type === 'Pod') {
      if (item.default) errors.push(forbidden(child(p, 'default'), "may not be specified when `type` is 'Pod'"));
      if (item.defaultRequest)
        errors.push(forbidden(child(p, 'defaultRequest'), "may not be specified when `type` is 'Pod'"));
    }
    if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage)
      errors.push(
        required(child(p, 'limits'), 'either minimum or maximum storage value is required, but neither was provided'),
      );
    const names = Object.keys({
      ...item.max,
      ...item.min,
      ...item.default,
      ...item.defaultRequest,
      ...item.maxLimitRequestRatio,
    });
    return [...errors, ...names.sort().flatMap((name) => ordered(item, name, p))];
  });
}

const names = { min: 'min', max: 'max', default: 'default', defaultRequest: 'default request' } as const;

/** min ≤ defaultRequest ≤ default ≤ max, for one resource. */
function ordered(item: LimitRangeItem, name: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (low: keyof typeof names, high: keyof typeof names, blamed: keyof typeof names): void => {
    const a = item[low]?.[name];
    const b = item[high]?.[name];
    if (a === undefined || b === undefined || compareQuantity(parseQuantity(a), parseQuantity(b)) <= 0) return;
    const text = `${names[low]} value ${a} is greater than ${names[high]} value ${b}`;
    // For this one pair the API server shows the other value.
    const value = low === 'min' && high === 'default' ? a : item[blamed]?.[name];
    errors.push(invalidValue(keyed(child(path, blamed), name), value, text));
  };
  check('min', 'max', 'min');
  check('min', 'defaultRequest', 'defaultRequest');
  check('defaultRequest', 'max', 'defaultRequest');
  check('defaultRequest', 'default', 'defaultRequest');
  check('min', 'default', 'default');
  check('default', 'max', 'default');
  return errors;
}

export function validateDisruptionBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    errors.push(
      invalidValue(
        'spec',
        {
          MinAvailable: minAvailable,
          Selector: selector ?? null,
          MaxUnavailable: maxUnavailable,
          UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
        },
        'minAvailable and maxUnavailable cannot be both set',
      ),
    );
  for (const member of ['minAvailable', 'maxUnavailable'] as const)
    errors.push(...countOrPercent(`spec.${member}`, spec[member]), ...atMostAll(`spec.${member}`, spec[member]));
  errors.push(...validateLabelSelector(selector, 'spec.selector'));
  return [
    ...errors,
    ...oneOf('spec.unhealthyPodEvictionPolicy', spec.unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget']),
  ];
}
