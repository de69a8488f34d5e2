import type { ContainerConfig, Mount } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import type { ContainerExtras } from '../hooks/hook.ts';
import { type AnyContainer, specHash } from '../worker/pod-spec.ts';
import { expand } from './expansion.ts';
import {
  containerNameLabel,
  hashAnnotation,
  imageAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  restartCountAnnotation,
  roundAnnotation,
  terminationPathAnnotation,
  terminationPolicyAnnotation,
} from './labels.ts';
import { containerResources } from './resources.ts';
import { containerSecurityContext, type ImageUser } from './security-context.ts';

export interface ContainerSurroundings {
  attempt: number;
  /** The pod's round. */
  round: number;
  /** The image's id, as the runtime knows it: what was checked is what runs. */
  imageId: string;
  image: ImageUser;
  env: Map<string, string>;
  mounts: Mount[];
  extras: readonly Pick<ContainerExtras, 'devices' | 'annotations' | 'cdiDevices'>[];
  memoryCapacityBytes: number;
  /** The container whose processes an ephemeral one may see. */
  targetId?: string;
}

/** The container as the runtime wants it. Throws `ConfigError` for what the spec forbids. */
export function containerConfig(pod: Pod, container: AnyContainer, around: ContainerSurroundings): ContainerConfig {
  const { name, namespace = '', uid = '' } = pod.metadata;
  const expandAll = (words: string[] | undefined) => (words ?? []).map((word) => expand(word, around.env));
  return {
    metadata: { name: container.name, attempt: around.attempt },
    image: { image: around.imageId, userSpecifiedImage: container.image ?? '' },
    command: expandAll(container.command),
    args: expandAll(container.args),
    workingDir: container.workingDir ?? '',
    envs: [...around.env].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: around.mounts,
    devices: around.extras.flatMap(({ devices }) => devices),
    CDIDevices: around.extras.flatMap(({ cdiDevices }) => cdiDevices),
    labels: {
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
      [containerNameLabel]: container.name,
    },
    annotations: {
      ...Object.assign({}, ...around.extras.map(({ annotations }) => annotations)),
      [hashAnnotation]: specHash(container),
      [imageAnnotation]: container.image ?? '',
      [restartCountAnnotation]: String(around.attempt),
      [roundAnnotation]: String(around.round),
      [terminationPathAnnotation]: container.terminationMessagePath ?? '/dev/termination-log',
      [terminationPolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
    },
    logPath: `${container.name}/${around.attempt}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: containerResources(pod, container, around.memoryCapacityBytes),
      securityContext: containerSecurityContext(pod, container, { image: around.image, targetId: around.targetId }),
    },
  };
}
