import { createHash } from 'node:crypto';
import type { Container, ContainerRestartRule, EphemeralContainer, Pod } from '../../api/generated/types.ts';
import type { ContainerRole } from './state.ts';

/** A container of any role; ephemeral ones lack a few fields only. */
export type AnyContainer = Container | EphemeralContainer;

export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** Every container of the spec with its role, in the order they start. */
export function containersOf(pod: Pod): { container: AnyContainer; role: ContainerRole }[] {
  return [
    ...(pod.spec.initContainers ?? []).map((container) => ({
      container,
      role: isSidecar(container) ? ('sidecar' as const) : ('init' as const),
    })),
    ...pod.spec.containers.map((container) => ({ container, role: 'app' as const })),
    ...(pod.spec.ephemeralContainers ?? []).map((container) => ({ container, role: 'ephemeral' as const })),
  ];
}

export const containerOf = (pod: Pod, name: string): AnyContainer | undefined =>
  containersOf(pod).find(({ container }) => container.name === name)?.container;

/** Only what makes a running container wrong when it changes: the image is the one field that may change in place. */
export const specHash = (container: AnyContainer): string =>
  createHash('sha256')
    .update(JSON.stringify([container.name, container.image]))
    .digest('hex')
    .slice(0, 16);

/** How Kubernetes names a pod in messages. */
export const podText = (pod: Pod): string => `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;

/** The field path that events about one container carry. */
export function fieldPathOf(pod: Pod, name: string): string {
  const has = (list?: { name: string }[]) => list?.some((c) => c.name === name);
  if (has(pod.spec.initContainers)) return `spec.initContainers{${name}}`;
  if (has(pod.spec.ephemeralContainers)) return `spec.ephemeralContainers{${name}}`;
  return `spec.containers{${name}}`;
}

export const isTerminalPhase = (phase?: string): boolean => phase === 'Succeeded' || phase === 'Failed';

/** The rule that the container's end meets: the first one counts (KEP-5307). */
export const ruleOf = (container: Container | undefined, exitCode: number): ContainerRestartRule | undefined =>
  container?.restartPolicyRules?.find(({ exitCodes }) => {
    const isListed = exitCodes?.values?.includes(exitCode) ?? false;
    return exitCodes?.operator === 'NotIn' ? !isListed : isListed;
  });

/** Whether a container that ended with `exitCode` is to run again. */
export function shouldRestart(pod: Pod, role: ContainerRole, ended: { name: string; exitCode: number }): boolean {
  if (role === 'ephemeral') return false;
  if (role === 'sidecar') return true;
  const container = containerOf(pod, ended.name) as Container | undefined;
  // Alone or with all others: it runs again.
  if (ruleOf(container, ended.exitCode)) return true;
  const policy = container?.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  // An init container that succeeded is done, whatever the policy.
  if (role === 'init' && ended.exitCode === 0) return false;
  return policy === 'Always' || (policy === 'OnFailure' && ended.exitCode !== 0);
}
