import { persistentvolumeclaims, pods } from '../../api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '../../api/generated/types.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import { keyOf, keyText, type Manifest } from '../../api/resource.ts';
import { controllerOf, controllerReference, controllerKeys } from '../ownership.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { ephemeralClaimName } from '../../placement/volumes/claim-names.ts';
import { defineController, done, watch } from '../runtime.ts';

/** Makes the claims of a pod's ephemeral volumes; the garbage collector takes them with the pod (KEP-1698). */
export const podEphemeralVolumes = defineController({
  name: 'pod.ephemeral-volumes',
  serviceAccount: 'ephemeral-volume-controller',
  eventSource: 'ephemeral_volume',
  setup(context) {
    const allPods = context.informer(pods);
    const claims = context.informer(persistentvolumeclaims);
    const hasEphemeral = (pod: Pod) => pod.spec.volumes?.some((v) => v.ephemeral) === true;
    return {
      watches: [
        watch(allPods, (pod) => (hasEphemeral(pod) ? [keyText(keyOf(pod))] : [])),
        watch(claims, controllerKeys(pods)),
      ],
      async reconcile(key, client) {
        const pod = allPods.get(key);
        if (!pod || pod.metadata.deletionTimestamp) return done;
        for (const volume of pod.spec.volumes ?? []) {
          if (!volume.ephemeral) continue;
          const manifest = claimOf(pod, volume);
          const known = claims.get({ namespace: pod.metadata.namespace, name: manifest.metadata.name ?? '' });
          if (known && controllerOf(known)?.uid !== pod.metadata.uid) throw refuse(pod, volume, known);
          if (known) continue;
          try {
            await client.create(persistentvolumeclaims, manifest);
          } catch (error) {
            if (!isAlreadyExists(error) && !isNamespaceGoing(error)) throw error;
          }
        }
        return done;
      },
    };

    function refuse(pod: Pod, volume: Volume, known: PersistentVolumeClaim): Error {
      const name = keyText(keyOf(known));
      const why = `PVC "${name}" was not created for pod "${keyText(keyOf(pod))}" (pod is not owner)`;
      const about = { ...pod, kind: 'Pod', apiVersion: 'v1' };
      context.recorder.event(about, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${why}`);
      return new Error(why);
    }
  },
});

function claimOf(pod: Pod, { name, ephemeral }: Volume): Manifest<PersistentVolumeClaim> {
  const template = ephemeral?.volumeClaimTemplate;
  return {
    metadata: {
      name: ephemeralClaimName(pod, name),
      namespace: pod.metadata.namespace,
      labels: template?.metadata?.labels,
      annotations: template?.metadata?.annotations,
      ownerReferences: [controllerReference(pods, pod)],
    },
    spec: template?.spec,
  } as Manifest<PersistentVolumeClaim>;
}
