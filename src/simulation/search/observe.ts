import type { KubeObject } from '../../api/resource.ts';
import type { ApiServer } from '../../apiserver/api-server.ts';
import type { StoreEvent, Version } from '../../store/version.ts';
import type { Change, Invariant, Observation } from './invariant.ts';

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

const followed = ['deployments.apps', 'replicasets.apps', 'jobs.batch', 'pods', 'resourcequotas'];

/** Checks every change as it happens, also across restarts of the server. */
export class ChangeChecks {
  readonly #checks: { name: string; check: (change: Change) => string[] }[];
  #violations: Violation[] = [];
  #stop: () => void = () => {};
  isCalm = true;

  constructor(invariants: readonly Invariant[]) {
    this.#checks = invariants.flatMap(({ name, follow }) => (follow ? [{ name, check: follow() }] : []));
  }

  /** Goes on with the server as it is now; what happens from now on is seen. */
  attach({ context: { store, objects } }: ApiServer): void {
    this.#stop();
    const read = (version: Version | undefined) => version && objects.read<KubeObject>(version);
    const stops = followed.map((resource) =>
      store.watch({ resource }, store.revision, (events: readonly StoreEvent[]) => {
        for (const { type, version, previous } of events) {
          const now = type === 'DELETED' ? undefined : read(version);
          this.#see({ resource, before: read(previous), now, isCalm: this.isCalm });
        }
      }),
    );
    this.#stop = () => stops.forEach((stop) => stop());
  }

  /** What was wrong since the last call. */
  take(): Violation[] {
    return this.#violations.splice(0);
  }

  #see(change: Change): void {
    for (const { name, check } of this.#checks)
      for (const what of check(change)) this.#violations.push({ invariant: name, what });
  }
}

/** An invariant that did not hold. */
export interface Violation {
  invariant: string;
  what: string;
}
