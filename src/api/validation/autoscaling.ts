import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from '../generated/types.ts';
import { pathSegment } from '../meta/name-format.ts';
import { parseQuantity } from '../meta/quantity.ts';
import {
  child,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  notSupported,
  oneOf,
  positive,
  required,
  requiredOneOf,
} from './check.ts';
import { members, named } from './members.ts';

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas, maxReplicas } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas === 0) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  if (maxReplicas < 0) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  errors.push(...objectReference(spec.scaleTargetRef, 'spec.scaleTargetRef'));
  errors.push(...each(spec.metrics, 'spec.metrics', metric));
  const scalesToZero = spec.metrics?.some(({ type }) => type === 'Object' || type === 'External');
  if (minReplicas === 0 && !scalesToZero) {
    const text = 'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.push(forbidden('spec.metrics', text));
  }
  return [
    ...errors,
    ...scalingRules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...scalingRules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

const sources: Record<string, 'containerResource' | 'external' | 'object' | 'pods' | 'resource'> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};

/** A reference to an object of any kind. */
const objectReference = members<CrossVersionObjectReference>({
  apiVersion: (path, version) =>
    (version ?? '').split('/').length > 2
      ? [invalidValue(path, version, `unexpected GroupVersion string: ${version}`)]
      : [],
  kind: named(pathSegment),
  name: named(pathSegment),
});

function metric(spec: MetricSpec, path: string): FieldError[] {
  const types = Object.keys(sources);
  const given = types.map((type) => sources[type] as 'pods').filter((member) => spec[member]);
  const source = sources[spec.type];
  const errors = spec.type ? [] : [required(child(path, 'type'), 'must specify a metric source type')];
  // Told twice, as by the API server: once by the list of types, once by the choice of the member.
  if (!source) errors.push(...Array(2).fill(notSupported(child(path, 'type'), spec.type, types)));
  const [first] = given;
  if (first) errors.push(...metricSource(spec, first, child(path, first)));
  if (source && !spec[source])
    errors.push(required(child(path, source), 'must populate information for the given metric source'));
  if (given.length === 1) return errors;
  return [
    ...errors,
    ...given
      .filter((member) => member !== source)
      .map((member) => forbidden(child(path, member), 'must populate the given metric source only')),
  ];
}

const metricName = (path: string, name: string | undefined): FieldError[] =>
  name
    ? pathSegment(name).map((text) => invalidValue(path, name, text))
    : [required(path, 'must specify a metric name')];

function metricSource(spec: MetricSpec, source: (typeof sources)[string], path: string): FieldError[] {
  const at = child(path, 'target');
  if (source === 'resource' || source === 'containerResource') {
    const member = spec[source] as { name: string; container?: string; target: MetricTarget };
    const inContainer = source === 'containerResource' && !member.container;
    return [
      ...(member.name ? [] : [required(child(path, 'name'), 'must specify a resource name')]),
      ...(inContainer ? [required(child(path, 'container'), 'must specify a container')] : []),
      ...target(member.target, at),
      ...utilization(member.target, at),
    ];
  }
  const member = spec[source] as { metric: { name: string }; target: MetricTarget };
  const errors =
    spec.object && source === 'object'
      ? objectReference(spec.object.describedObject, child(path, 'describedObject'))
      : [];
  errors.push(...metricName(child(path, 'metric.name'), member.metric.name), ...target(member.target, at));
  const { value, averageValue } = member.target;
  if (source === 'pods' && (averageValue === undefined || parseQuantity(averageValue).nanos <= 0n))
    errors.push(required(child(at, 'averageValue'), 'must specify a positive target averageValue'));
  if (source !== 'pods' && value === undefined && averageValue === undefined)
    errors.push(required(child(at, 'averageValue'), 'must set either a target value for metric or a per-pod target'));
  if (source === 'external' && value !== undefined && averageValue !== undefined)
    errors.push(forbidden(child(at, 'value'), 'may not set both a target value for metric and a per-pod target'));
  return errors;
}

function target(spec: MetricTarget, path: string): FieldError[] {
  return members<MetricTarget>({
    type: (at, type) => {
      if (!type) return [required(at, 'must specify a metric target type')];
      return ['Utilization', 'Value', 'AverageValue'].includes(type)
        ? []
        : [invalidValue(at, type, 'must be either Utilization, Value, or AverageValue')];
    },
    value: positiveAmount,
    averageValue: positiveAmount,
    averageUtilization: positive,
  })(spec, path);
}

const positiveAmount = (path: string, amount: string | undefined): FieldError[] =>
  amount !== undefined && parseQuantity(amount).nanos <= 0n ? [invalidValue(path, amount, 'must be positive')] : [];

function utilization({ averageUtilization, averageValue }: MetricTarget, path: string): FieldError[] {
  if (averageUtilization === undefined && averageValue === undefined)
    return [required(child(path, 'averageUtilization'), 'must set either a target raw value or a target utilization')];
  if (averageUtilization !== undefined && averageValue !== undefined)
    return [forbidden(child(path, 'averageValue'), 'may not set both a target raw value and a target utilization')];
  return [];
}

function scalingRules(rules: HPAScalingRules | undefined, path: string): FieldError[] {
  if (!rules) return [];
  const seconds = rules.stabilizationWindowSeconds;
  const errors: FieldError[] = [];
  const window = child(path, 'stabilizationWindowSeconds');
  if (seconds !== undefined && seconds < 0)
    errors.push(invalidValue(window, seconds, 'must be greater than or equal to zero'));
  if (seconds !== undefined && seconds > 3600)
    errors.push(invalidValue(window, seconds, 'must be less than or equal to 3600'));
  errors.push(...oneOf(child(path, 'selectPolicy'), rules.selectPolicy, ['Disabled', 'Max', 'Min']));
  const policies = child(path, 'policies');
  const tolerance = notNegative(child(path, 'tolerance'), rules.tolerance);
  if (!rules.policies?.length) return [...errors, required(policies, 'must specify at least one Policy'), ...tolerance];
  return [
    ...errors,
    ...each(rules.policies, policies, ({ type, value, periodSeconds }, p) => {
      const own = [...requiredOneOf(child(p, 'type'), type, ['Percent', 'Pods'])];
      if (value <= 0) own.push(invalidValue(child(p, 'value'), value, 'must be greater than zero'));
      if (periodSeconds <= 0)
        own.push(invalidValue(child(p, 'periodSeconds'), periodSeconds, 'must be greater than zero'));
      if (periodSeconds > 1800)
        own.push(invalidValue(child(p, 'periodSeconds'), periodSeconds, 'must be less than or equal to 1800'));
      return own;
    }),
    ...tolerance,
  ];
}

/** Null: said of what an old version carries in an annotation. */
const notNegative = (path: string, amount: string | null | undefined): FieldError[] =>
  amount && parseQuantity(amount).nanos < 0n ? [invalidValue(path, amount, 'must be greater than or equal to 0')] : [];
