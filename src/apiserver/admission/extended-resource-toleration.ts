import type { Pod, Toleration } from '../../api/generated/types.ts';
import { eachContainer } from '../../api/validation/each-container.ts';
import { isExtended } from '../../api/validation/resources.ts';
import { definePlugin } from './plugin.ts';

/** Nodes with special devices are often tainted by their names: pods that ask for such a device may go there. */
export const extendedResourceToleration = definePlugin<Pod>({
  name: 'ExtendedResourceToleration',
  verbs: ['create', 'update'],
  resources: ['pods'],
  admit({ object }) {
    const { spec } = object as Pod;
    const names = new Set<string>();
    eachContainer(spec, '', ({ resources }) => {
      for (const name of Object.keys(resources?.requests ?? {})) if (isExtended(name)) names.add(name);
    });
    const isMissing = (key: string) =>
      !spec.tolerations?.some((one) => one.key === key && one.operator === 'Exists' && !one.effect);
    const added = [...names]
      .toSorted()
      .filter(isMissing)
      .map((key): Toleration => ({ key, operator: 'Exists' }));
    if (added.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...added];
  },
});
