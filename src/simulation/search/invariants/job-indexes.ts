import type { Job, Pod } from '../../../api/generated/types.ts';
import { type Change, controllerUid, type Invariant } from '../invariant.ts';

const indexAnnotation = 'batch.kubernetes.io/job-completion-index';

/**
 * A pod that is on its way out has been replaced, and may succeed all the same: then two do of one index, and one is counted.
 * Whoever stays succeeds once, and what is counted is not started again. A call that a stopped controller sent may arrive late
 * and make one more pod, in Kubernetes, too: its successor takes that away before it runs.
 */
export const jobIndexes: Invariant = {
  name: 'no index of a Job succeeds twice',
  follow() {
    const succeeded = new Map<string, string>();
    const completed = new Map<string, Set<number>>();
    const late = new Set<string>();
    return ({ resource, before, now }: Change) => {
      if (resource === 'jobs.batch' && now) return ofJob(now as Job, completed);
      const pod = now as Pod | undefined;
      const index = pod?.metadata.annotations?.[indexAnnotation];
      if (resource !== 'pods' || !pod || index === undefined) return [];
      const job = controllerUid(pod) ?? '';
      const { name, deletionTimestamp } = pod.metadata;
      if (!before && completed.get(job)?.has(Number(index))) late.add(name);
      if (late.has(name) && pod.status?.phase === 'Running') return [`${name} is started, ${index} has succeeded`];
      if (pod.status?.phase !== 'Succeeded' || deletionTimestamp) return [];
      const key = `${job} ${index}`;
      const first = succeeded.get(key) ?? name;
      succeeded.set(key, first);
      return first === name ? [] : [`${first} and ${name} did`];
    };
  },
};

/** What is counted is remembered, and not counted twice. */
function ofJob({ metadata, spec, status }: Job, completed: Map<string, Set<number>>): string[] {
  if (spec?.completionMode !== 'Indexed') return [];
  const uid = metadata.uid as string;
  const now = indexesOf(status?.completedIndexes ?? '');
  const forgotten = [...(completed.get(uid) ?? [])].filter((index) => !now.has(index));
  completed.set(uid, now);
  if (forgotten.length > 0) return [`${metadata.name} forgot that ${forgotten} succeeded`];
  return now.size === (status?.succeeded ?? 0)
    ? []
    : [`${metadata.name} counts ${status?.succeeded} successes of ${now.size} indexes`];
}

/** `0,3-5` */
function indexesOf(text: string): Set<number> {
  const parts = text.split(',').filter(Boolean);
  return new Set(
    parts.flatMap((part) => {
      const [from = 0, to = from] = part.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    }),
  );
}
