import type { Container, PodSpec } from '../generated/types.ts';

/** A pod, or a template of pods: what warnings look at. */
interface PodLike {
  spec?: PodSpec;
}

const deprecatedNodeLabels: Record<string, string> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

function* nodeSelectorWarnings(spec: PodSpec, path: string): Generator<string> {
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const text = deprecatedNodeLabels[key];
    if (text) yield `${path}.nodeSelector[${key}]: ${text}`;
  }
}

function* duplicateEnv(container: Container, path: string): Generator<string> {
  const seen = new Set<string>();
  for (const [index, { name }] of (container.env ?? []).entries()) {
    if (seen.has(name))
      yield `${path}.env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`;
    seen.add(name);
  }
}

function* duplicatePorts(container: Container, path: string): Generator<string> {
  const first = new Map<string, number>();
  for (const [index, port] of (container.ports ?? []).entries()) {
    const id = `${port.containerPort}/${port.protocol ?? 'TCP'}/${port.hostIP ?? ''}/${port.hostPort ?? 0}`;
    const before = first.get(id);
    if (before === undefined) first.set(id, index);
    else yield `${path}.ports[${index}]: duplicate port definition with ${path}.ports[${before}]`;
  }
}

function* fractionalBytes(container: Container, path: string): Generator<string> {
  for (const list of ['limits', 'requests'] as const)
    for (const resource of ['memory', 'ephemeral-storage']) {
      const text = container.resources?.[list]?.[resource];
      if (text?.endsWith('m'))
        yield `${path}.resources.${list}[${resource}]: fractional byte value "${text}" is invalid, must be an integer`;
    }
}

/** Things about a pod (or a template at `path`) that are accepted but will not do what the writer expects. */
export function podWarnings({ spec }: PodLike, path = 'spec'): string[] {
  if (!spec) return [];
  const warnings = [...nodeSelectorWarnings(spec, path)];
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const at = `${path}.${list}[${index}]`;
      warnings.push(
        ...fractionalBytes(container, at),
        ...duplicateEnv(container, at),
        ...duplicatePorts(container, at),
      );
    }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  return warnings;
}

/** The same for the template of a controller. */
export const templateWarnings = (template: PodLike | undefined, path = 'spec.template.spec'): string[] =>
  template ? podWarnings(template, path) : [];
