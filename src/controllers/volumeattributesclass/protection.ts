import { persistentvolumeclaims, persistentvolumes, volumeattributesclasses } from '../../api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../finalizers.ts';
import { defineController, done, watch } from '../runtime.ts';

const finalizer = 'kubernetes.io/vac-protection';

/** A class that is deleted while a claim or a volume names it goes when the last of them does (KEP-3751). */
export const volumeAttributesClassProtection = defineController({
  name: 'volumeattributesclass.protection',
  serviceAccount: 'volumeattributesclass-protection-controller',
  setup(context) {
    const classes = context.informer(volumeattributesclasses);
    const claims = context.informer(persistentvolumeclaims);
    const volumes = context.informer(persistentvolumes);
    claims.addIndex('volumeAttributesClass', classesOfClaim);
    volumes.addIndex('volumeAttributesClass', classesOfVolume);
    const isUsed = (name: string): boolean =>
      [claims, volumes].some((users) => users.index('volumeAttributesClass', name).length > 0);
    return {
      watches: [
        watch(classes, (c) => [c.metadata.name]),
        watch(claims, classesOfClaim),
        watch(volumes, classesOfVolume),
      ],
      async reconcile(key, client) {
        const found = classes.get(key);
        if (!found) return done;
        const isGuarded = hasFinalizer(found, finalizer);
        if (!found.metadata.deletionTimestamp) {
          if (!isGuarded) await client.update(volumeattributesclasses, withFinalizer(found, finalizer));
          return done;
        }
        if (!isGuarded || isUsed(key)) return done;
        try {
          await client.update(volumeattributesclasses, withoutFinalizer(found, finalizer));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});

const present = (names: (string | undefined)[]): string[] =>
  names.filter((name) => name !== undefined && name !== '') as string[];

/** What the claim asks for, what it has, and what it is on the way to. */
export const classesOfClaim = ({ spec, status }: PersistentVolumeClaim): string[] =>
  present([
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ]);

const classesOfVolume = ({ spec }: PersistentVolume): string[] => present([spec.volumeAttributesClassName]);
