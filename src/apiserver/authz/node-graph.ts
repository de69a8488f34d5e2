import type { PersistentVolume, Pod, PodSpec, VolumeAttachment } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';

/** Resources whose objects a node may only see when one of its pods refers to them. */
export type GraphResource = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts' | 'resourceclaims';

/** The resources whose objects are taken in whole; pods come as `SeenPod`. */
export const graphResources = ['persistentvolumes', 'volumeattachments.storage.k8s.io'];

/** What a pod's header says of it. */
export interface SeenPod {
  /** `namespace/name`. */
  key: string;
  /** Empty while it is bound to none. */
  node: string;
}

/**
 * Which node may see which object: an edge from every object that a pod names to the node it is bound to. What a pod names is
 * looked up when a question comes to it for the first time: no pod is decoded because a server starts, nor for a node that
 * never asks.
 */
export class NodeGraph {
  readonly #podOf: (key: string) => Pod | undefined;
  readonly #nodeOf = new Map<string, string>();
  /** Node → its pods → what they name; undefined: nobody has asked since the pod changed. */
  readonly #pods = new Map<string, Map<string, readonly string[] | undefined>>();
  /** Volume → the claim bound to it, and the Secrets its driver names. */
  readonly #volumes = new Map<string, { claim: string; secrets: string[] }>();
  /** Secret → volumes that name it. */
  readonly #volumesOfSecret = new Map<string, Set<string>>();
  readonly #attachments = new Map<string, string>();

  /** `podOf` gives the newest of a pod that was seen. */
  constructor(podOf: (key: string) => Pod | undefined) {
    this.#podOf = podOf;
  }

  setPod({ key, node }: SeenPod): void {
    if (this.#nodeOf.get(key) !== node) this.removePod(key);
    if (!node) return;
    this.#nodeOf.set(key, node);
    const pods = this.#pods.get(node) ?? new Map<string, undefined>();
    this.#pods.set(node, pods.set(key, undefined));
  }

  removePod(key: string): void {
    const node = this.#nodeOf.get(key);
    if (node === undefined) return;
    this.#nodeOf.delete(key);
    const pods = this.#pods.get(node);
    pods?.delete(key);
    if (pods?.size === 0) this.#pods.delete(node);
  }

  set(resource: string, object: KubeObject): void {
    this.remove(resource, object);
    if (resource === 'persistentvolumes') this.#setVolume(object as PersistentVolume);
    else this.#attachments.set(object.metadata.name, (object as VolumeAttachment).spec.nodeName);
  }

  remove(resource: string, object: KubeObject): void {
    if (resource === 'persistentvolumes') this.#removeVolume(object.metadata.name);
    else this.#attachments.delete(object.metadata.name);
  }

  /** True when a pod on the node refers to the object, directly or through a volume. */
  refersTo(node: string, resource: GraphResource, key: { namespace: string; name: string }): boolean {
    const reference = referenceText(resource, key.namespace, key.name);
    if (this.#isNamed(node, reference)) return true;
    if (resource !== 'secrets') return false;
    return [...(this.#volumesOfSecret.get(reference) ?? [])].some((volume) => this.usesVolume(node, volume));
  }

  usesVolume(node: string, volume: string): boolean {
    const claim = this.#volumes.get(volume)?.claim;
    return claim !== undefined && this.#isNamed(node, claim);
  }

  hasPod(node: string, namespace: string, name: string): boolean {
    return this.#nodeOf.get(`${namespace}/${name}`) === node;
  }

  hasAttachment(node: string, name: string): boolean {
    return this.#attachments.get(name) === node;
  }

  /** True when a pod on the node names it; costs a look at the node's pods. */
  #isNamed(node: string, reference: string): boolean {
    const pods = this.#pods.get(node) ?? [];
    for (const [key, known] of pods) {
      const references = known ?? this.#look(node, key);
      if (references.includes(reference)) return true;
    }
    return false;
  }

  #look(node: string, key: string): readonly string[] {
    const pod = this.#podOf(key);
    // A mirror pod is the node's own claim: it may not open anything.
    const isMirror = pod?.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
    const references = pod && !isMirror ? [...podReferences(pod)] : [];
    this.#pods.get(node)?.set(key, references);
    return references;
  }

  #setVolume(volume: PersistentVolume): void {
    const ref = volume.spec.claimRef;
    if (!ref) return;
    const claim = referenceText('persistentvolumeclaims', ref.namespace ?? '', ref.name ?? '');
    const secrets = volumeSecrets(volume).map((s) =>
      referenceText('secrets', s.namespace || (ref.namespace ?? ''), s.name),
    );
    this.#volumes.set(volume.metadata.name, { claim, secrets });
    for (const secret of secrets) {
      const volumes = this.#volumesOfSecret.get(secret) ?? new Set<string>();
      this.#volumesOfSecret.set(secret, volumes.add(volume.metadata.name));
    }
  }

  #removeVolume(name: string): void {
    for (const secret of this.#volumes.get(name)?.secrets ?? []) {
      const volumes = this.#volumesOfSecret.get(secret);
      volumes?.delete(name);
      if (volumes?.size === 0) this.#volumesOfSecret.delete(secret);
    }
    this.#volumes.delete(name);
  }
}

const referenceText = (resource: GraphResource, namespace: string, name: string): string =>
  `${resource} ${namespace}/${name}`;

/** Everything that a pod's spec names and its node needs to read. */
function podReferences(pod: Pod): Set<string> {
  const references = new Set<string>();
  const add = (resource: GraphResource, name: string | undefined): void => {
    if (name) references.add(referenceText(resource, pod.metadata.namespace ?? '', name));
  };
  const { spec } = pod;
  add('serviceaccounts', spec.serviceAccountName);
  for (const pull of spec.imagePullSecrets ?? []) add('secrets', pull.name);
  addVolumes(pod, add);
  addEnvironment(spec, add);
  for (const status of pod.status?.resourceClaimStatuses ?? []) add('resourceclaims', status.resourceClaimName);
  for (const claim of spec.resourceClaims ?? []) add('resourceclaims', claim.resourceClaimName);
  return references;
}

type Add = (resource: GraphResource, name: string | undefined) => void;

function addEnvironment(spec: PodSpec, add: Add): void {
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  for (const container of containers) {
    for (const from of container.envFrom ?? []) {
      add('secrets', from.secretRef?.name);
      add('configmaps', from.configMapRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add('secrets', valueFrom?.secretKeyRef?.name);
      add('configmaps', valueFrom?.configMapKeyRef?.name);
    }
  }
}

function addVolumes(pod: Pod, add: Add): void {
  for (const volume of pod.spec.volumes ?? []) {
    add('secrets', volume.secret?.secretName);
    add('configmaps', volume.configMap?.name);
    add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
    if (volume.ephemeral) add('persistentvolumeclaims', `${pod.metadata.name}-${volume.name}`);
    for (const source of volume.projected?.sources ?? []) {
      add('secrets', source.secret?.name);
      add('configmaps', source.configMap?.name);
    }
    for (const ref of [
      volume.csi?.nodePublishSecretRef,
      volume.flexVolume?.secretRef,
      volume.cephfs?.secretRef,
      volume.iscsi?.secretRef,
      volume.rbd?.secretRef,
      volume.scaleIO?.secretRef,
      volume.storageos?.secretRef,
    ]) {
      add('secrets', ref?.name);
    }
    add('secrets', volume.azureFile?.secretName);
  }
}

/** The Secrets that a driver's node side reads; those of the controller side are not the node's business. */
function volumeSecrets(volume: PersistentVolume): { name: string; namespace?: string }[] {
  const { flexVolume, cephfs, iscsi, rbd } = volume.spec;
  const csi = csiSourceOf(volume);
  const refs = [
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    flexVolume?.secretRef,
    cephfs?.secretRef,
    iscsi?.secretRef,
    rbd?.secretRef,
  ];
  return refs.flatMap((ref) => (ref?.name ? [{ name: ref.name, namespace: ref.namespace }] : []));
}
