import type { Container, PodSpec } from '../generated/types.ts';
import { at, child } from './check.ts';

/** Every container of a pod, in the order in which Kubernetes goes through them. */
export function eachContainer(spec: PodSpec, path: string, visit: (container: Container, path: string) => void): void {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const)
    for (const [i, container] of (spec[list] ?? []).entries()) visit(container, at(child(path, list), i));
}
