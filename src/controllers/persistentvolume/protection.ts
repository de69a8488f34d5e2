import { persistentvolumes } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../finalizers.ts';
import { defineController, done, watch } from '../runtime.ts';

const finalizer = 'kubernetes.io/pv-protection';

/** A volume that is deleted while it is bound goes when its claim does. */
export const persistentVolumeProtection = defineController({
  name: 'persistentvolume.protection',
  serviceAccount: 'pv-protection-controller',
  setup(context) {
    const all = context.informer(persistentvolumes);
    return {
      watches: [watch(all, (volume) => [volume.metadata.name])],
      async reconcile(key, client) {
        const volume = all.get(key);
        if (!volume) return done;
        const isGuarded = hasFinalizer(volume, finalizer);
        const isGoing = volume.metadata.deletionTimestamp !== undefined;
        if (!isGoing && !isGuarded) await client.update(persistentvolumes, withFinalizer(volume, finalizer));
        if (!isGoing || !isGuarded || volume.status?.phase === 'Bound') return done;
        try {
          await client.update(persistentvolumes, withoutFinalizer(volume, finalizer));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});
