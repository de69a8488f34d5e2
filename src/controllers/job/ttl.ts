import { jobs } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';

/** Deletes finished jobs when their `ttlSecondsAfterFinished` is over. */
export const jobTtl = defineController({
  name: 'job.ttl',
  serviceAccount: 'ttl-after-finished-controller',
  setup(context) {
    const all = context.informer(jobs);
    return {
      watches: [watch(all, (job) => (job.spec.ttlSecondsAfterFinished === undefined ? [] : [keyText(keyOf(job))]))],
      async reconcile(key, client) {
        const job = all.get(key);
        const ttl = job?.spec.ttlSecondsAfterFinished;
        if (!job || ttl === undefined || job.metadata.deletionTimestamp) return done;
        const end = job.status?.conditions?.find((c) => ['Complete', 'Failed'].includes(c.type) && c.status === 'True');
        if (!end?.lastTransitionTime) return done;
        const leftMs = Date.parse(end.lastTransitionTime) + ttl * 1000 - context.clock.now();
        if (leftMs > 0) return requeueAfter(leftMs);
        // The version too: somebody may have given it more time.
        const { uid, resourceVersion } = job.metadata;
        const options = { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } };
        try {
          await client.delete(jobs, keyOf(job), options);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});
