import { pods } from '../../api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { isMirrorPod } from './mirror-pod.ts';
import type { NodeRule } from './node-restriction.ts';
import { type AdmissionContext, refused } from './plugin.ts';

const quoted = JSON.stringify;

/** Pods: a node creates only mirror pods of its own that reach for nothing, and deletes only what is bound to it. */
export const restrictPod: NodeRule = (node, context) => {
  if (context.verb === 'create') return restrictMirrorPod(node, context);
  if (context.verb === 'update') throw refused(context, `node ${quoted(node)} can only update pod status`);
  const pod = (context.old ?? context.read.get(pods, context.namespace, context.name)) as Pod | undefined;
  if (pod && pod.spec.nodeName !== node)
    throw refused(context, `node ${quoted(node)} can only delete pods with spec.nodeName set to itself`);
};

function restrictMirrorPod(node: string, context: AdmissionContext): void {
  const pod = context.object as Pod;
  const may = (what: string) => refused(context, `node ${quoted(node)} can only create pods with ${what}`);
  if (!isMirrorPod(pod)) {
    throw refused(
      context,
      `pod does not have "kubernetes.io/config.mirror" annotation, node ${quoted(node)} can only create mirror pods`,
    );
  }
  if (pod.spec.nodeName !== node) throw may('spec.nodeName set to itself');
  const owners = pod.metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (owners.length !== 1 || owner?.kind !== 'Node' || owner.apiVersion !== 'v1' || owner.name !== node) {
    throw may('an owner reference set to itself');
  }
  if (pod.spec.serviceAccountName)
    throw refused(context, `node ${quoted(node)} can not create pods that reference a service account`);
  const reaches = referenceOf(pod);
  if (reaches) throw refused(context, `node ${quoted(node)} can not create pods that reference ${reaches}`);
}

function referenceOf(pod: Pod): string | undefined {
  const containers = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])];
  const sources = containers.flatMap((c) => [...(c.envFrom ?? []), ...(c.env ?? []).map((e) => e.valueFrom)]);
  const volumes = pod.spec.volumes ?? [];
  const projected = volumes.flatMap((v) => v.projected?.sources ?? []);
  const has = (...members: string[]) =>
    [...sources, ...volumes, ...projected].some((part) =>
      members.some((m) => (part as Record<string, unknown> | undefined)?.[m]),
    );
  if (pod.spec.imagePullSecrets?.length || has('secret', 'secretRef', 'secretKeyRef')) return 'secrets';
  if (has('configMap', 'configMapRef', 'configMapKeyRef')) return 'configmaps';
  if (has('persistentVolumeClaim', 'ephemeral')) return 'persistentvolumeclaims';
  return has('serviceAccountToken') ? 'service account tokens' : undefined;
}

export const restrictPodStatus: NodeRule = (node, context) => {
  const [pod, old] = [context.object as Pod | undefined, context.old as Pod | undefined];
  if (old && old.spec.nodeName !== node) {
    throw refused(context, `node ${quoted(node)} can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (pod && old && labelsText(pod.metadata.labels) !== labelsText(old.metadata.labels)) {
    throw refused(context, `node ${quoted(node)} cannot update labels through pod status`);
  }
};

const labelsText = (labels: Record<string, string> | undefined): string =>
  JSON.stringify(Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));

export const restrictEviction: NodeRule = (node, context) => {
  const pod = context.read.get(pods, context.namespace, context.name);
  if (pod && pod.spec.nodeName !== node) {
    throw refused(context, `node ${quoted(node)} can only evict pods with spec.nodeName set to itself`);
  }
};

/** Claims: nodes report what a volume has grown to, and nothing else. */
export const restrictClaim: NodeRule = (node, context) => {
  if (context.verb !== 'update' || context.subresource !== 'status') {
    throw refused(context, `may only update PVC status`);
  }
  const specOf = (claim: unknown) => JSON.stringify((claim as PersistentVolumeClaim | undefined)?.spec);
  if (specOf(context.object) !== specOf(context.old)) {
    throw refused(context, `node ${quoted(node)} is not allowed to update fields other than status`);
  }
};
