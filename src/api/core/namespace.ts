import type { Namespace } from '../generated/types.ts';
import { age, columns, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

/** Holds the namespace until everything in it is gone; only `/finalize` takes it away. */
const contentFinalizer = 'kubernetes';

export const namespace = defineStrategy<Namespace>({
  prepareForCreate(namespace) {
    namespace.status = { phase: 'Active' };
    const finalizers = namespace.spec?.finalizers ?? [];
    if (!finalizers.includes(contentFinalizer))
      namespace.spec = { ...namespace.spec, finalizers: [...finalizers, contentFinalizer] };
  },
  prepareForUpdate(namespace, old) {
    namespace.spec = { ...namespace.spec, finalizers: old.spec.finalizers };
  },
  cells: columns<Namespace>({ Name: name, Status: field('status.phase'), Age: age }),
});
