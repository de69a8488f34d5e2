import type { PriorityClass, RuntimeClass, Scheduling } from '../generated/types.ts';
import { dns1123Label } from '../meta/name-format.ts';
import { validateLabels } from '../meta/object-meta.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  immutable,
  oneOf,
  requiredFormatted,
  same,
} from './check.ts';
import { validateToleration } from './placement.ts';
import { validateResources } from './resources.ts';

export const validatePriorityClass = (object: PriorityClass): FieldError[] => [
  ...classValue(object),
  ...oneOf('preemptionPolicy', object.preemptionPolicy, ['Never', 'PreemptLowerPriority']),
];

function classValue({ metadata, value }: PriorityClass): FieldError[] {
  const system: Record<string, number> = {
    'system-node-critical': 2_000_001_000,
    'system-cluster-critical': 2_000_000_000,
  };
  const { name } = metadata;
  if (name.startsWith('system-')) {
    const wanted = system[name];
    const text = "priority class names with 'system-' prefix are reserved for system use only.";
    if (wanted === undefined)
      return [forbidden('metadata.name', `${text} error: ${name} is not a known system priority class`)];
    return wanted === value
      ? []
      : [forbidden('metadata.name', `${text} error: value of ${name} PriorityClass must be ${wanted}`)];
  }
  if ((value ?? 0) <= 1_000_000_000) return [];
  return [forbidden('value', 'maximum allowed value of a user defined priority is 1000000000')];
}

export const validatePriorityClassUpdate = (object: PriorityClass, old: Readonly<PriorityClass>): FieldError[] => [
  ...(object.value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
  ...immutable('preemptionPolicy', object.preemptionPolicy, old.preemptionPolicy),
];

export const validateRuntimeClass = ({ handler, overhead, scheduling }: RuntimeClass): FieldError[] => [
  ...requiredFormatted('handler', handler, dns1123Label),
  ...(overhead ? validateResources({ limits: overhead.podFixed ?? {} }, 'overhead.podFixed') : []),
  ...(scheduling ? placement(scheduling, 'scheduling') : []),
];

function placement({ nodeSelector, tolerations = [] }: Scheduling, path: string): FieldError[] {
  const at = child(path, 'tolerations');
  return [
    ...validateLabels(nodeSelector, child(path, 'nodeSelector')),
    ...each(tolerations, at, validateToleration),
    ...each(tolerations, at, (one, p, i) =>
      tolerations.findIndex((other) => same(other, one)) < i
        ? [duplicate(p, goForm('io.k8s.api.core.v1.Toleration', one))]
        : [],
    ),
  ];
}

export const validateRuntimeClassUpdate = (object: RuntimeClass, old: Readonly<RuntimeClass>): FieldError[] =>
  immutable('handler', object.handler, old.handler);
