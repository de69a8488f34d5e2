import type { CustomResourceDefinition } from '../generated/types.ts';
import { defineStrategy } from '../strategy.ts';

/** Holds a definition back until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** A custom resource definition: which versions are stored is kept by the server, its end waits for its objects. */
export const customResourceDefinition = defineStrategy<CustomResourceDefinition>({
  prepareForCreate(definition) {
    const { storedVersions } = definition.status;
    const status = {
      conditions: null,
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storedVersions ?? null,
    };
    definition.status = { ...status, storedVersions: storageVersions(definition, []) };
  },
  prepareForUpdate(definition, old) {
    definition.status = {
      ...definition.status,
      storedVersions: storageVersions(definition, old.status.storedVersions ?? []),
    };
  },
  markDeleted(definition, now) {
    const { metadata, status } = definition;
    metadata.deletionTimestamp = now;
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), cleanupFinalizer])];
    const conditions = (status.conditions ?? []).filter(({ type }) => type !== 'Terminating');
    definition.status = {
      ...status,
      conditions: [
        ...conditions,
        {
          type: 'Terminating',
          status: 'True',
          lastTransitionTime: now,
          reason: 'InstanceDeletionPending',
          message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
        },
      ],
    };
  },
});

/** The versions in which objects may be stored: those of before and the one that is written now. */
function storageVersions({ spec }: CustomResourceDefinition, before: readonly string[]): string[] {
  const now = (spec.versions ?? []).filter((version) => version.storage).map((version) => version.name);
  return [...new Set([...before, ...now.slice(0, 1)])];
}
