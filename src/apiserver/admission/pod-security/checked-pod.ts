import type {
  Container,
  EphemeralContainer,
  ObjectMeta,
  PodSpec,
  SecurityContext,
} from '../../../api/generated/types.ts';

/** A pod, or the template of one, as controls see it. */
export interface CheckedPod {
  metadata: Pick<ObjectMeta, 'annotations'>;
  spec: PodSpec;
}

/** What a control forbids. `reason` names the control, `detail` where the pod breaks it. */
export interface Violation {
  reason: string;
  detail: string;
}

export type Check = (pod: CheckedPod) => Violation | undefined;

export type AnyContainer = Container | EphemeralContainer;

/** All containers, in the order in which they are named. */
export const containersOf = ({ spec }: CheckedPod): AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

export const securityOf = (container: AnyContainer): SecurityContext => container.securityContext ?? {};

export const isWindows = ({ spec }: CheckedPod): boolean => spec.os?.name === 'windows';
export const hasOwnUsers = ({ spec }: CheckedPod): boolean => spec.hostUsers === false;

export const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);
export const quotedList = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');

/** `container "a"`, `containers "a", "b"`. */
export const named = (containers: readonly { name: string }[]): string =>
  `${plural('container', 'containers', containers.length)} ${quotedList(containers.map(({ name }) => name))}`;

/** `pod`, `container "a"`, `pod and containers "a", "b"`. */
export const setters = (byPod: boolean, containers: readonly { name: string }[]): string =>
  [...(byPod ? ['pod'] : []), ...(containers.length > 0 ? [named(containers)] : [])].join(' and ');

/** Without what stands there already, sorted. */
export const distinct = (values: readonly string[]): string[] => [...new Set(values)].sort();
