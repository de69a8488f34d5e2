import type { Deployment, EndpointSlice, Job, Node, Pod, ReplicaSet } from '../../api/generated/types.ts';
import { type KubeObject, keyOf, keyText } from '../../api/resource.ts';
import type { ApiServer } from '../../apiserver/api-server.ts';
import type { Clock } from '../../base/clock.ts';
import type { StoreEvent } from '../../store/version.ts';

type Describe = (object: never) => string;

const condition = (object: { status?: { conditions?: { type: string; status: string }[] } }, type: string) =>
  object.status?.conditions?.find((c) => c.type === type)?.status;

/** What a reader of a trace wants to know of an object. Two states that read alike are one. */
const descriptions: Record<string, Describe> = {
  pods: ({ metadata, spec, status }: Pod) => {
    const waiting = status?.containerStatuses?.flatMap(({ state }) => state?.waiting?.reason ?? []) ?? [];
    const restarts = status?.containerStatuses?.reduce((sum, { restartCount }) => sum + restartCount, 0) ?? 0;
    return [
      spec.nodeName ? `on ${spec.nodeName}` : '',
      status?.reason ?? status?.phase ?? '',
      ...waiting.filter((reason) => reason !== 'ContainerCreating' && reason !== 'PodInitializing'),
      condition({ status } as Pod, 'Ready') === 'True' ? 'ready' : '',
      restarts > 0 ? `restarts ${restarts}` : '',
      metadata.deletionTimestamp ? 'going' : '',
    ]
      .filter(Boolean)
      .join(', ');
  },
  nodes: (node: Node) => {
    const taints = (node.spec?.taints ?? []).map(({ key, effect }) => `${key.split('/').at(-1)}:${effect}`);
    const ready = condition(node, 'Ready');
    return [ready === 'True' ? 'Ready' : ready === 'Unknown' ? 'Unknown' : 'NotReady', ...taints].join(', ');
  },
  'deployments.apps': ({ spec, status, metadata }: Deployment) => {
    const { readyReplicas = 0, updatedReplicas = 0, replicas = 0 } = status ?? {};
    const going = metadata.deletionTimestamp ? ', going' : '';
    return `${readyReplicas}/${spec?.replicas} ready, ${updatedReplicas} of ${replicas} updated${going}`;
  },
  'replicasets.apps': ({ spec, status }: ReplicaSet) => `${status?.readyReplicas ?? 0}/${spec?.replicas} ready`,
  'jobs.batch': (job: Job) => {
    const { active = 0, succeeded = 0, failed = 0 } = job.status ?? {};
    const end = ['Complete', 'Failed', 'Suspended'].filter((type) => condition(job, type) === 'True');
    return [`${active} active, ${succeeded} succeeded, ${failed} failed`, ...end].join(', ');
  },
  'endpointslices.discovery.k8s.io': ({ endpoints }: EndpointSlice) => {
    const ready = endpoints?.filter(({ conditions }) => conditions?.ready).length ?? 0;
    return `${ready} of ${endpoints?.length ?? 0} endpoints ready`;
  },
};

/** Of these only that they come and go. Not heard of: leases (heartbeats), events (they have a command of their own). */
const plain = ['namespaces', 'configmaps', 'services'];
/** What every namespace has. */
const isCommon = ({ metadata }: KubeObject): boolean => metadata.name === 'kube-root-ca.crt';

/**
 * Writes down what changes in a cluster, one line for each change that reads differently. Ask again after the server was
 * restarted: it follows the store that was there when it was made.
 */
export class Trace {
  readonly #clock: Clock;
  readonly #lines: { atMs: number; text: string }[] = [];
  readonly #known = new Map<string, string>();
  #api: ApiServer | undefined;
  #unwatch: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Follows this server from now on; what happened between two servers shows as what is different. */
  follow(api: ApiServer): void {
    if (this.#api === api) return;
    for (const stop of this.#unwatch) stop();
    this.#api = api;
    const { store, objects } = api.context;
    const gone = new Set(this.#known.keys());
    this.#unwatch = traced.map((resource) => {
      for (const version of store.all(resource)) {
        const object = objects.read<KubeObject>(version);
        gone.delete(idOf(resource, object));
        this.#note(resource, object, false);
      }
      return store.watch({ resource }, store.revision, (events: readonly StoreEvent[]) => {
        for (const { type, version } of events) this.#note(resource, objects.read(version), type === 'DELETED');
      });
    });
    for (const key of gone) this.#say(key, 'gone');
  }

  stop(): void {
    for (const stop of this.#unwatch) stop();
  }

  /** The lines since the last call; times count from `fromMs`. */
  take(fromMs: number): string[] {
    return this.#lines.splice(0).map(({ atMs, text }) => `${((atMs - fromMs) / 1000).toFixed(1)}s ${text}`);
  }

  #note(resource: string, object: KubeObject, isGone: boolean): void {
    if (isCommon(object)) return;
    const key = idOf(resource, object);
    const describe = descriptions[resource];
    const text = describe?.(object as never) ?? '';
    const before = this.#known.get(key);
    if (!isGone) this.#known.set(key, text);
    if (before === text && !isGone) return;
    this.#say(key, isGone ? 'gone' : before === undefined ? `new${text ? `, ${text}` : ''}` : text);
  }

  #say(key: string, what: string): void {
    if (what === 'gone') this.#known.delete(key);
    this.#lines.push({ atMs: this.#clock.now(), text: `${key.replace(/\.[\w.]+ /, ' ')}: ${what}` });
  }
}

const traced = [...Object.keys(descriptions), ...plain];
const idOf = (resource: string, object: KubeObject): string =>
  `${resource} ${keyText(keyOf(object)).replace(/^default\//, '')}`;
