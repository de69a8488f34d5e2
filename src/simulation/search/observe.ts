import type { KubeObject } from '../../api/resource.ts';
import type { ApiServer } from '../../apiserver/api-server.ts';
import type { StoreEvent } from '../../store/version.ts';
import type { Invariant, Observation } from './invariant.ts';

/** Everything that is stored, save events. */
export function observe({ context: { store, objects } }: ApiServer): Observation {
  const of = <T extends KubeObject>(resource: string): T[] =>
    Array.from(store.all(resource), (version) => objects.read<T>(version));
  return {
    pods: of('pods'),
    nodes: of('nodes'),
    deployments: of('deployments.apps'),
    replicaSets: of('replicasets.apps'),
    jobs: of('jobs.batch'),
    services: of('services'),
    endpointSlices: of('endpointslices.discovery.k8s.io'),
    all: Array.from(store.resources())
      .filter((resource) => resource !== 'events')
      .flatMap(of),
  };
}

/** Checks every change of these resources as it happens. The returned function ends it and answers with what was wrong. */
export function watchChanges({ context }: ApiServer, invariants: readonly Invariant[]): () => Violation[] {
  const violations: Violation[] = [];
  const { store, objects } = context;
  const stop = store.watch({ resource: 'pods' }, store.revision, (events: readonly StoreEvent[]) => {
    for (const { version, previous } of events) {
      if (!previous || previous.uid !== version.uid) continue;
      const [old, now] = [objects.read<KubeObject>(previous), objects.read<KubeObject>(version)];
      for (const { name, change } of invariants) {
        for (const what of change?.(old, now, version.resource) ?? []) violations.push({ invariant: name, what });
      }
    }
  });
  return () => {
    stop();
    return violations.splice(0);
  };
}

/** An invariant that did not hold. */
export interface Violation {
  invariant: string;
  what: string;
}
