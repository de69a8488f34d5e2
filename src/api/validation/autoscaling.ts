import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget } from '../generated/types.ts';
import { pathSegment } from '../meta/name-format.ts';
import { parseQuantity } from '../meta/quantity.ts';
import {
  child,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  oneOf,
  positive,
  required,
  requiredFormatted,
  requiredOneOf,
} from './check.ts';

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas, maxReplicas } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas < 1) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  const target = 'spec.scaleTargetRef';
  errors.push(...requiredFormatted(`${target}.kind`, spec.scaleTargetRef.kind, pathSegment));
  errors.push(...requiredFormatted(`${target}.name`, spec.scaleTargetRef.name, pathSegment));
  errors.push(...each(spec.metrics, 'spec.metrics', metric));
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

function metric(spec: MetricSpec, path: string): FieldError[] {
  const types = Object.keys(sources);
  if (!spec.type) return [required(child(path, 'type'), 'must specify a metric source type')];
  const source = sources[spec.type];
  const errors = oneOf(child(path, 'type'), spec.type, types);
  const given = types.map((type) => sources[type] as 'pods').filter((member) => spec[member]);
  if (source && !spec[source]) {
    const text = `must populate information for the given metric source`;
    return [...errors, required(child(path, source), text)];
  }
  for (const other of given)
    if (other !== source && source)
      errors.push(forbidden(child(path, other), 'must populate the given metric source only'));
  // Told twice, as by the API server: once by the list of types, once by the choice of the member.
  if (!source) return [...errors, ...errors];
  return [...errors, ...metricSource(spec, source, child(path, source))];
}

function metricSource(spec: MetricSpec, source: (typeof sources)[string], path: string): FieldError[] {
  const at = child(path, 'target');
  if (source === 'resource' || source === 'containerResource') {
    const member = spec[source] as { name: string; target: MetricTarget };
    return [
      ...(member.name ? [] : [required(child(path, 'name'), 'must specify a resource name')]),
      ...target(member.target, at),
      ...utilization(member.target, at),
    ];
  }
  const member = spec[source] as { metric: { name: string }; target: MetricTarget };
  const errors = requiredFormatted(child(path, 'metric.name'), member.metric.name, pathSegment);
  errors.push(...target(member.target, at));
  const { value, averageValue } = member.target;
  if (source === 'pods' && averageValue === undefined)
    errors.push(required(child(at, 'averageValue'), 'must specify a positive target averageValue'));
  if (source !== 'pods' && value === undefined && averageValue === undefined)
    errors.push(required(child(at, 'averageValue'), 'must set either a target value for metric or a per-pod target'));
  if (source === 'external' && value !== undefined && averageValue !== undefined)
    errors.push(forbidden(child(at, 'value'), 'may not set both a target value for metric and a per-pod target'));
  return errors;
}

function target(spec: MetricTarget, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.type) errors.push(required(child(path, 'type'), 'must specify a metric target type'));
  else if (!['Utilization', 'Value', 'AverageValue'].includes(spec.type))
    errors.push(invalidValue(child(path, 'type'), spec.type, 'must be either Utilization, Value, or AverageValue'));
  for (const member of ['value', 'averageValue'] as const) {
    const amount = spec[member];
    if (amount !== undefined && parseQuantity(amount).nanos <= 0n)
      errors.push(invalidValue(child(path, member), amount, 'must be positive'));
  }
  if ((spec.averageUtilization ?? 1) < 1)
    errors.push(invalidValue(child(path, 'averageUtilization'), spec.averageUtilization, 'must be greater than 0'));
  return errors;
}

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
  if (!rules.policies?.length) return [...errors, required(policies, 'must specify at least one Policy')];
  return [
    ...errors,
    ...each(rules.policies, policies, ({ type, value, periodSeconds }, p) => {
      const own = [
        ...requiredOneOf(child(p, 'type'), type, ['Percent', 'Pods']),
        ...positive(child(p, 'value'), value),
      ];
      if (periodSeconds <= 0)
        own.push(invalidValue(child(p, 'periodSeconds'), periodSeconds, 'must be greater than zero'));
      if (periodSeconds > 1800)
        own.push(invalidValue(child(p, 'periodSeconds'), periodSeconds, 'must be less than or equal to 1800'));
      return own;
    }),
  ];
}
