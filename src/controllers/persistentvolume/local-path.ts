import { nodes, persistentvolumes } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { isDataFree, isLocalPath, localPathFinalizer, localPathNodeLabel } from '../../api/storage/local-path.ts';
import { withoutFinalizer } from '../finalizers.ts';
import { defineController, done, watch } from '../runtime.ts';

/**
 * Deletes volumes of the built-in storage when their claim is gone and the policy says so. The node that has the data removes
 * them and lets the object go; of a node that is no more, nothing is left to be removed.
 */
export const persistentVolumeLocalPath = defineController({
  name: 'persistentvolume.local-path',
  serviceAccount: 'local-path-provisioner',
  setup({ informer }) {
    const volumes = informer(persistentvolumes);
    const allNodes = informer(nodes);
    volumes.addIndex('localPathNode', ({ metadata }) => [metadata.labels?.[localPathNodeLabel] ?? '']);
    return {
      watches: [
        watch(volumes, (volume) => (isLocalPath(volume) ? [volume.metadata.name] : [])),
        watch(
          allNodes,
          (node) => volumes.index('localPathNode', node.metadata.name).map((volume) => volume.metadata.name),
          () => false,
        ),
      ],
      async reconcile(key, client) {
        const volume = volumes.get(key);
        if (!volume) return done;
        const { deletionTimestamp, labels, uid } = volume.metadata;
        const isReleased =
          volume.status?.phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
        try {
          if (isReleased && !deletionTimestamp)
            await client.delete(persistentvolumes, { name: key }, { preconditions: { uid } });
          else if (isDataFree(volume) && !allNodes.get(labels?.[localPathNodeLabel] ?? ''))
            await client.update(persistentvolumes, withoutFinalizer(volume, localPathFinalizer));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});
