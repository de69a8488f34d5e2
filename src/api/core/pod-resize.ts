import type { Container, Pod, PodSpec } from '../generated/types.ts';
import { child, forbidden, invalidValue } from '../meta/field-error.ts';
import { equalJson } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import { mirrorKey } from '../validation/pod-annotations.ts';
import { qosClassOf } from './qos.ts';

const lists = ['containers', 'initContainers'] as const;
const resizable = ['cpu', 'memory'];

const namesOf = (containers: readonly Container[] | undefined): string[] => (containers ?? []).map(({ name }) => name);

const sameContainers = (spec: PodSpec, old: Readonly<PodSpec>): boolean =>
  lists.every((list) => equalJson(namesOf(spec[list]), namesOf(old[list])));

/** Through the subresource `resize` only the resources of containers change: everything else stays as it was (KEP-1287). */
export function keepAllButResources(pod: Pod, old: Readonly<Pod>): void {
  const { managedFields } = pod.metadata;
  pod.metadata = { ...old.metadata, ...(managedFields ? { managedFields } : {}) };
  pod.status = old.status;
  // What else is wrong, validation says.
  if (!sameContainers(pod.spec, old.spec)) return;
  const wanted = pod.spec;
  pod.spec = { ...old.spec };
  for (const list of lists) {
    if (!old.spec[list]) continue;
    pod.spec[list] = old.spec[list].map((container, i) => withResources(container, wanted[list]?.[i]));
  }
}

function withResources(container: Container, wanted: Container | undefined): Container {
  const { resources: _, ...rest } = container;
  return { ...rest, ...(wanted?.resources ? { resources: wanted.resources } : {}) };
}

/** The rules of the subresource; those of any pod are checked besides. */
export function validateResize(pod: Pod, old: Readonly<Pod>): FieldError[] {
  if (pod.metadata.annotations?.[mirrorKey] !== undefined) return [forbidden('', 'static pods cannot be resized')];
  if (pod.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')];
  if (!sameContainers(pod.spec, old.spec))
    return [forbidden('spec.containers', 'containers may not be renamed, reordered, added or removed')];
  const errors: FieldError[] = [];
  const [before, after] = [old.status?.qosClass ?? qosClassOf(old.spec), qosClassOf(pod.spec)];
  if (before !== after)
    errors.push(invalidValue('spec', after, `Pod QOS Class may not change as a result of resizing; it is ${before}`));
  for (const list of lists) {
    for (const [i, container] of (pod.spec[list] ?? []).entries()) {
      const path = `spec.${list}[${i}].resources`;
      const earlier = old.spec[list]?.[i] as Container;
      if (list === 'initContainers' && container.restartPolicy !== 'Always') {
        if (!equalJson(container.resources ?? {}, earlier.resources ?? {}))
          errors.push(forbidden(path, 'resources of non-sidecar init containers are immutable'));
        continue;
      }
      errors.push(...changes(path, container, earlier));
    }
  }
  return errors;
}

function changes(path: string, container: Container, old: Readonly<Container>): FieldError[] {
  const errors: FieldError[] = [];
  for (const part of ['limits', 'requests'] as const) {
    const [now, before] = [container.resources?.[part] ?? {}, old.resources?.[part] ?? {}];
    for (const name of new Set([...Object.keys(now), ...Object.keys(before)])) {
      if (now[name] === before[name]) continue;
      if (!resizable.includes(name))
        errors.push(forbidden(child(path, part), 'only cpu and memory resources are mutable'));
      else if (now[name] === undefined) errors.push(forbidden(child(path, part), `resource ${part} cannot be removed`));
    }
  }
  return errors;
}
