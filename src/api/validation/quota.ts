import type {
  LimitRange,
  LimitRangeItem,
  PodDisruptionBudget,
  ResourceQuota,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
} from '../generated/types.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { compareQuantity, parseQuantity } from '../meta/quantity.ts';
import { goForm } from '../schema/go-form.ts';
import {
  atMostAll,
  child,
  countOrPercent,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  nonNegative,
  keyed,
  keyFormatted,
  oneOf,
  required,
  same,
  validateLabelSelector,
} from './check.ts';
import { validateConditions } from './conditions.ts';
import {
  amountOf,
  containerResourceName,
  isOvercommitted,
  quotaResources,
  resourceName,
  validateAmounts,
} from './resources.ts';

const scopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
];

/** What a quota can count: beyond what containers ask for, objects and whatever has a domain. */
function quotaName(name: string, path: string): FieldError[] {
  const errors = resourceName(name, path);
  if (name.includes('/') || quotaResources.has(name) || /^(requests\.)?hugepages-/.test(name)) return errors;
  return [...errors, invalidValue(path, name, 'must be a standard resource for quota')];
}

const podScopes = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'CrossNamespacePodAffinity'];
const ofPods =
  /^(pods|cpu|memory|(requests|limits)\.(cpu|memory)|ephemeral-storage|(requests|limits)\.ephemeral-storage)$/;
const ofComputing = /^(pods|(requests\.|limits\.)?(cpu|memory))$/;
const ofClaims = /^(persistentvolumeclaims|requests\.storage)$/;

/** Whether a scope says anything of a resource. */
function fits(scope: string, resource: string): boolean {
  switch (scope) {
    case 'Terminating':
    case 'NotTerminating':
    case 'NotBestEffort':
    case 'PriorityClass':
    case 'CrossNamespacePodAffinity':
      return ofPods.test(resource) || ofComputing.test(resource);
    case 'BestEffort':
      return resource === 'pods';
    case 'VolumeAttributesClass':
      return ofClaims.test(resource);
    default:
      return true;
  }
}

const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

const conflicting = (given: readonly string[], spec: ResourceQuotaSpec, path: string): FieldError[] =>
  opposites
    .filter((pair) => pair.every((scope) => given.includes(scope)))
    .map(() => invalidValue(path, spec.scopes ?? null, 'conflicting scopes'));

function misfits(scope: string, { hard }: ResourceQuotaSpec): number {
  return Object.keys(hard ?? {}).filter((name) => quotaResources.has(name) && !fits(scope, name)).length;
}

const unfit = 'unsupported scope applied to resource';

export function validateQuota({ spec }: ResourceQuota): FieldError[] {
  const errors = validateAmounts(spec.hard, 'spec.hard', quotaName);
  const given = spec.scopes ?? [];
  for (const scope of given) {
    if (!scopes.includes(scope)) errors.push(invalidValue('spec.scopes', given, 'unsupported scope'));
    for (let i = misfits(scope, spec); i > 0; i--) errors.push(invalidValue('spec.scopes', given, unfit));
  }
  return [...errors, ...conflicting(given, spec, 'spec.scopes'), ...scopeSelector(spec)];
}

/** Messages do not say which of the expressions they mean. */
function scopeSelector(spec: ResourceQuotaSpec): FieldError[] {
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  const path = 'spec.scopeSelector.matchExpressions';
  const shown = goForm('io.k8s.api.core.v1.ScopeSelector', spec.scopeSelector);
  const errors = expressions.flatMap((expression) => {
    const wrong = scopeExpression(expression, path);
    for (let i = misfits(expression.scopeName, spec); i > 0; i--) wrong.push(invalidValue(path, shown, unfit));
    return wrong;
  });
  const named = expressions.map(({ scopeName }) => scopeName);
  return [...errors, ...conflicting(named, spec, path)];
}

function scopeExpression(
  { scopeName, operator, values }: ScopedResourceSelectorRequirement,
  path: string,
): FieldError[] {
  const errors = scopes.includes(scopeName)
    ? []
    : [invalidValue(child(path, 'scopeName'), scopeName, 'unsupported scope')];
  if (podScopes.includes(scopeName) && operator !== 'Exists')
    errors.push(
      invalidValue(
        child(path, 'operator'),
        operator,
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ),
    );
  const at = child(path, 'values');
  if (operator === 'In' || operator === 'NotIn') {
    const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    if (!values?.length) errors.push(required(at, detail));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    if (values?.length) errors.push(invalidValue(at, values, detail));
  } else errors.push(invalidValue(child(path, 'operator'), operator, 'not a valid selector operator'));
  return errors;
}

export const validateQuotaStatus = ({ status }: ResourceQuota): FieldError[] => [
  ...validateAmounts(status?.hard, 'status.hard', quotaName),
  ...validateAmounts(status?.used, 'status.used', quotaName),
];

export const validateQuotaUpdate = (quota: ResourceQuota, old: Readonly<ResourceQuota>): FieldError[] =>
  same([...(quota.spec.scopes ?? [])].sort(), [...(old.spec.scopes ?? [])].sort())
    ? []
    : [invalidValue('spec.scopes', quota.spec.scopes ?? null, 'field is immutable')];

const limitTypes = ['Container', 'Pod', 'PersistentVolumeClaim'];
const limitLists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function limitType(path: string, type: string): FieldError[] {
  const errors = keyFormatted(path, type, qualifiedName);
  if (errors.length > 0 || type.includes('/') || limitTypes.includes(type)) return errors;
  return [invalidValue(path, type, 'must be a standard limit type or fully qualified')];
}

/** Other things than pods and containers can have limits of storage, too. */
function limitNames(item: LimitRangeItem, list: (typeof limitLists)[number], path: string): FieldError[] {
  const nameOf = item.type === 'Pod' || item.type === 'Container' ? containerResourceName : resourceName;
  return Object.keys(item[list] ?? {}).flatMap((name) => nameOf(name, keyed(path, name)));
}

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const types = new Set<string>();
  return each(spec.limits, 'spec.limits', (item, p) => {
    const errors = limitType(child(p, 'type'), item.type);
    if (types.has(item.type)) errors.push(duplicate(child(p, 'type'), item.type));
    types.add(item.type);
    for (const list of limitLists) {
      if (item.type !== 'Pod' || (list !== 'default' && list !== 'defaultRequest'))
        errors.push(...limitNames(item, list, child(p, list)));
      else if (item[list]) errors.push(forbidden(child(p, list), "may not be specified when `type` is 'Pod'"));
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
    const [a, b] = [amountOf(item[low], name), amountOf(item[high], name)];
    if (a === undefined || b === undefined || compareQuantity(parseQuantity(a), parseQuantity(b)) <= 0) return;
    const text = `${names[low]} value ${a} is greater than ${names[high]} value ${b}`;
    // For this one pair the API server shows the other value.
    const value = low === 'min' && high === 'default' ? a : amountOf(item[blamed], name);
    errors.push(invalidValue(keyed(child(path, blamed), name), value, text));
  };
  check('min', 'max', 'min');
  check('min', 'defaultRequest', 'defaultRequest');
  check('defaultRequest', 'max', 'defaultRequest');
  check('defaultRequest', 'default', 'defaultRequest');
  check('min', 'default', 'default');
  check('default', 'max', 'default');
  return [
    ...errors,
    ...ratio(item, name, keyed(child(path, 'maxLimitRequestRatio'), name)),
    ...fixed(item, name, path),
  ];
}

/** How far a limit may be above a request: by one at least, and no further than the ends of the range are apart. */
function ratio({ maxLimitRequestRatio, min, max }: LimitRangeItem, name: string, path: string): FieldError[] {
  const [most, least, top] = [maxLimitRequestRatio, min, max].map((amounts) => amountOf(amounts, name));
  if (most === undefined) return [];
  const errors: FieldError[] = [];
  const value = Number(parseQuantity(most).nanos) / 1e9;
  if (value < 1) errors.push(invalidValue(path, most, `ratio ${most} is less than 1`));
  if (least === undefined || top === undefined) return errors;
  const apart = Number(parseQuantity(top).nanos) / Number(parseQuantity(least).nanos);
  if (value > apart)
    errors.push(invalidValue(path, most, `ratio ${most} is greater than max/min = ${apart.toFixed(6)}`));
  return errors;
}

/** What cannot be overcommitted has one default for both. */
function fixed(item: LimitRangeItem, name: string, path: string): FieldError[] {
  const [limit, request] = [amountOf(item.default, name), amountOf(item.defaultRequest, name)];
  if (isOvercommitted(name) || limit === undefined || request === undefined) return [];
  if (compareQuantity(parseQuantity(limit), parseQuantity(request)) === 0) return [];
  const detail = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
  return [invalidValue(keyed(child(path, 'defaultRequest'), name), request, detail)];
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

const budgetCounts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;

export const validateDisruptionStatus = ({ status }: PodDisruptionBudget): FieldError[] => [
  ...validateConditions(status?.conditions, 'status.conditions'),
  ...budgetCounts.flatMap((member) => nonNegative(`status.${member}`, status?.[member])),
];
