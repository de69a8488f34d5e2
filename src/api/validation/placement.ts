import type {
  Affinity,
  LabelSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName, rangeText } from '../meta/name-format.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  keyFormatted,
  notSupported,
  oneOf,
  required,
  validateLabelSelector,
} from './check.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateToleration(toleration: Toleration, path: string): FieldError[] {
  const { key, operator = '', value = '', effect, tolerationSeconds } = toleration;
  const errors = key ? keyFormatted(child(path, 'key'), key, qualifiedName) : [];
  if (!key && operator !== 'Exists')
    errors.push(
      invalidValue(
        child(path, 'operator'),
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(
      invalidValue(child(path, 'effect'), effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  if (operator === 'Equal' || operator === '') {
    const wrong = labelValue(value);
    if (wrong.length > 0) errors.push(invalidValue(child(path, 'operator'), value, wrong.join(';')));
  } else if (operator === 'Exists') {
    if (value)
      errors.push(invalidValue(child(path, 'operator'), value, "value must be empty when `operator` is 'Exists'"));
  } else errors.push(notSupported(child(path, 'operator'), operator, ['Equal', 'Exists']));
  if (effect) errors.push(...oneOf(child(path, 'effect'), effect, effects));
  return errors;
}

/** Preferences may name values that no label can have: they only never match. */
const nodeRequirement =
  (strict: boolean) =>
  ({ key, operator, values }: NodeSelectorRequirement, path: string): FieldError[] => {
    const errors: FieldError[] = [];
    const count = values?.length ?? 0;
    if (operator === 'In' || operator === 'NotIn') {
      if (count === 0)
        errors.push(required(child(path, 'values'), "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (count > 0)
        errors.push(
          forbidden(child(path, 'values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
    } else if (operator === 'Gt' || operator === 'Lt') {
      if (count !== 1)
        errors.push(required(child(path, 'values'), "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    } else errors.push(invalidValue(child(path, 'operator'), operator, 'not a valid selector operator'));
    errors.push(...keyFormatted(child(path, 'key'), key, qualifiedName));
    if (strict) errors.push(...each(values, child(path, 'values'), (value, p) => keyFormatted(p, value, labelValue)));
    return errors;
  };

function nodeField({ key, operator, values }: NodeSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalidValue(child(path, 'operator'), operator, 'not a valid selector operator'));
  else if (values?.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(child(path, 'values'), detail));
  }
  if (key !== 'metadata.name')
    return [...errors, invalidValue(child(path, 'key'), key, 'not a valid field selector key')];
  return [...errors, ...each(values, child(path, 'values'), (value, p) => keyFormatted(p, value, dns1123Subdomain))];
}

const nodeTerm =
  (strict: boolean) =>
  (term: NodeSelectorTerm, path: string): FieldError[] => [
    ...each(term.matchExpressions, child(path, 'matchExpressions'), nodeRequirement(strict)),
    ...each(term.matchFields, child(path, 'matchFields'), nodeField),
  ];

/** A selector of nodes: pods' affinity, volumes' nodes, devices' nodes. */
export function validateNodeSelector(selector: { nodeSelectorTerms?: NodeSelectorTerm[] }, path: string): FieldError[] {
  const at = child(path, 'nodeSelectorTerms');
  if (!selector.nodeSelectorTerms?.length) return [required(at, 'must have at least one node selector term')];
  return each(selector.nodeSelectorTerms, at, nodeTerm(true));
}

const weighted = (path: string, weight: number): FieldError[] =>
  weight >= 1 && weight <= 100 ? [] : [invalidValue(child(path, 'weight'), weight, 'must be in the range 1-100')];

function podTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const errors = [
    ...validateLabelSelector(term.labelSelector, child(path, 'labelSelector')),
    ...validateLabelSelector(term.namespaceSelector, child(path, 'namespaceSelector')),
    ...each(term.namespaces, child(path, 'namespaces'), (name) =>
      dns1123Label(name).map((text) => invalidValue(child(path, 'namespace'), name, text)),
    ),
    ...labelKeys(term.matchLabelKeys, term.labelSelector, child(path, 'matchLabelKeys')),
    ...labelKeys(term.mismatchLabelKeys, term.labelSelector, child(path, 'mismatchLabelKeys')),
    ...overlappingKeys(term, path),
  ];
  if (!term.topologyKey) errors.push(required(child(path, 'topologyKey'), 'can not be empty'));
  return [...errors, ...keyFormatted(child(path, 'topologyKey'), term.topologyKey ?? '', qualifiedName)];
}

function labelKeys(keys: string[] | undefined, selector: LabelSelector | undefined, path: string): FieldError[] {
  if (!keys?.length) return [];
  if (!selector) return [forbidden(path, 'must not be specified when labelSelector is not set')];
  return each(keys, path, (key, p) => keyFormatted(p, key, qualifiedName));
}

/**
 * A key stands in one place only. The selector already contains what was made of `matchLabelKeys`: a key that is in it
 * twice was the writer's, too.
 */
function overlappingKeys(
  { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector }: PodAffinityTerm,
  path: string,
) {
  const errors: FieldError[] = [];
  const seen = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const i = matchLabelKeys.lastIndexOf(key);
    if (i >= 0 && seen.has(key))
      errors.push(invalidValue(`${path}[${i}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    seen.add(key);
  }
  for (const [i, key] of matchLabelKeys.entries())
    if (mismatchLabelKeys.includes(key))
      errors.push(
        invalidValue(
          `${child(path, 'matchLabelKeys')}[${i}]`,
          key,
          'exists in both matchLabelKeys and mismatchLabelKeys',
        ),
      );
  return errors;
}

function podAffinity(affinity: PodAffinity | undefined, path: string): FieldError[] {
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  const needed = 'requiredDuringSchedulingIgnoredDuringExecution';
  return [
    ...each(affinity?.[needed], child(path, needed), podTerm),
    ...each(affinity?.[preferred], child(path, preferred), ({ weight, podAffinityTerm }, p) => [
      ...weighted(p, weight),
      ...podTerm(podAffinityTerm, child(p, 'podAffinityTerm')),
    ]),
  ];
}

export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  if (!affinity) return [];
  const node = child(path, 'nodeAffinity');
  const needed = affinity.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = affinity.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  return [
    ...(needed ? validateNodeSelector(needed, child(node, 'requiredDuringSchedulingIgnoredDuringExecution')) : []),
    ...each(preferred, child(node, 'preferredDuringSchedulingIgnoredDuringExecution'), ({ weight, preference }, p) => [
      ...weighted(p, weight),
      ...nodeTerm(false)(preference, child(p, 'preference')),
    ]),
    ...podAffinity(affinity.podAffinity, child(path, 'podAffinity')),
    ...podAffinity(affinity.podAntiAffinity, child(path, 'podAntiAffinity')),
  ];
}

export function validateSpread(constraints: TopologySpreadConstraint[] | undefined, path: string): FieldError[] {
  return each(constraints, path, (constraint, p, i) => {
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = constraint;
    const errors: FieldError[] = [];
    if (maxSkew <= 0) errors.push(invalidValue(child(p, 'maxSkew'), maxSkew, 'must be greater than zero'));
    if (!topologyKey) errors.push(required(child(p, 'topologyKey'), 'can not be empty'));
    errors.push(...oneOf(child(p, 'whenUnsatisfiable'), whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']));
    const isSame = (other: TopologySpreadConstraint) =>
      other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable;
    if (constraints?.slice(i + 1).some(isSame))
      errors.push(duplicate(child(p, '{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`));
    if (minDomains !== undefined) errors.push(...domains(minDomains, whenUnsatisfiable, child(p, 'minDomains')));
    for (const policy of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const)
      errors.push(...oneOf(child(p, policy), constraint[policy], ['Honor', 'Ignore']));
    errors.push(...labelKeys(constraint.matchLabelKeys, constraint.labelSelector, child(p, 'matchLabelKeys')));
    return [...errors, ...validateLabelSelector(constraint.labelSelector, child(p, 'labelSelector'))];
  });
}

function domains(count: number, whenUnsatisfiable: string, path: string): FieldError[] {
  const errors = count > 0 ? [] : [invalidValue(path, count, 'must be greater than zero')];
  const text = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
  return whenUnsatisfiable === 'DoNotSchedule' ? errors : [...errors, invalidValue(path, count, text)];
}

export const inclusive = (path: string, value: number, range: { min: number; max: number }): FieldError[] =>
  value >= range.min && value <= range.max ? [] : [invalidValue(path, value, rangeText(range.min, range.max))];
