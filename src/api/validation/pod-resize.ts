import type { Container, EphemeralContainer, Pod, PodSpec, ResourceRequirements } from '../generated/types.ts';
import { qosClassOf } from '../core/qos.ts';
import { mirrorKey } from './pod-annotations.ts';
import { goDiff } from '../schema/go-diff.ts';
import { child, defined, each, type FieldError, forbidden, invalidValue, same } from './check.ts';

/** What may be written through `pods/resize` (KEP-1287) and `pods/ephemeralcontainers` (KEP-277). */

type ContainerList = 'containers' | 'initContainers';
const lists: readonly ContainerList[] = ['containers', 'initContainers'];
const namesOf = (spec: Readonly<PodSpec>, list: ContainerList): string[] => (spec[list] ?? []).map(({ name }) => name);

/** Whether two specs have the same containers in the same order. */
export const sameContainers = (spec: Readonly<PodSpec>, old: Readonly<PodSpec>): boolean =>
  lists.every((list) => same(namesOf(spec, list), namesOf(old, list)));

export function validatePodResize(pod: Pod, old: Readonly<Pod>): FieldError[] {
  if (old.metadata.annotations?.[mirrorKey] !== undefined) return [forbidden('', 'static pods cannot be resized')];
  if (old.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')];
  const errors: FieldError[] = [];
  if ((old.status.qosClass ?? qosClassOf(old.spec)) !== qosClassOf(pod.spec))
    errors.push(
      invalidValue('spec', pod.status.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'),
    );
  if (!sameContainers(pod.spec, old.spec))
    return [...errors, ...lists.flatMap((list) => moved(pod.spec, old.spec, list))];
  for (const list of lists)
    errors.push(
      ...each(pod.spec[list], `spec.${list}`, ({ resources }, p, i) =>
        removed(resources, old.spec[list]?.[i]?.resources, child(p, 'resources')),
      ),
    );
  return [
    ...errors,
    ...removed(pod.spec.resources, old.spec.resources, 'spec.resources'),
    ...others(pod.spec, old.spec),
  ];
}

function moved(spec: PodSpec, old: Readonly<PodSpec>, list: ContainerList): FieldError[] {
  const [names, before] = [namesOf(spec, list), namesOf(old, list)];
  if (names.length !== before.length)
    return [forbidden(`spec.${list}`, `${list} may not be added or removed on resize`)];
  return same(names, before) ? [] : [forbidden(`spec.${list}`, `${list} may not be renamed or reordered on resize`)];
}

/** What was asked for is changed, and not taken back. */
function removed(
  now: ResourceRequirements | undefined,
  before: Readonly<ResourceRequirements> | undefined,
  path: string,
): FieldError[] {
  return (['requests', 'limits'] as const).flatMap((part) =>
    Object.keys(before?.[part] ?? {}).every((name) => now?.[part]?.[name] !== undefined)
      ? []
      : [forbidden(child(path, part), `resource ${part} cannot be removed`)],
  );
}

const resizable = ['cpu', 'memory'];

/** Resources with the processor and memory of the old ones. */
function restored(now: ResourceRequirements | undefined, before: Readonly<ResourceRequirements> | undefined) {
  const parts = (['requests', 'limits'] as const).map((part) => {
    const kept = Object.entries(now?.[part] ?? {}).filter(([name]) => !resizable.includes(name));
    const back = Object.entries(before?.[part] ?? {}).filter(([name]) => resizable.includes(name));
    const all = Object.fromEntries([...back, ...kept]);
    return [part, Object.keys(all).length > 0 ? all : undefined] as const;
  });
  return { ...now, ...Object.fromEntries(parts) };
}

/** Nothing else changes. */
function others(spec: PodSpec, old: Readonly<PodSpec>): FieldError[] {
  const fixed = { ...spec };
  for (const list of lists)
    if (spec[list])
      fixed[list] = spec[list].map((container: Container, i) => {
        const before = old[list]?.[i]?.resources;
        if (!container.resources && !before) return container;
        return { ...container, resources: restored(container.resources, before) };
      });
  // A pod that has none as a whole may get some (KEP-5419).
  const ofWhole = restored(spec.resources, old.resources);
  const isSome = old.resources ?? ofWhole.requests ?? ofWhole.limits;
  if (spec.resources ?? old.resources) fixed.resources = isSome ? ofWhole : undefined;
  if (same(defined(fixed), defined(old))) return [];
  const diff = goDiff('io.k8s.api.core.v1.PodSpec', old, defined(fixed));
  return [forbidden('spec', `only cpu and memory resources are mutable\n${diff}`)];
}

/** Containers for debugging are added, and stay as they are. */
export function validateEphemeralContainers(pod: Pod, old: Readonly<Pod>): FieldError[] {
  const path = 'spec.ephemeralContainers';
  if (old.metadata.annotations?.[mirrorKey] !== undefined)
    return [forbidden('', 'static pods do not support ephemeral containers')];
  const now = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  return (old.spec.ephemeralContainers ?? []).flatMap((before: EphemeralContainer) => {
    const container = now.get(before.name);
    const which = `existing ephemeral containers ${JSON.stringify(before.name)}`;
    if (!container) return [forbidden(path, `${which} may not be removed\n`)];
    if (same(defined(container), defined(before))) return [];
    const diff = goDiff('io.k8s.api.core.v1.EphemeralContainer', before, container);
    return [forbidden(path, `${which} may not be changed\n${diff}`)];
  });
}
