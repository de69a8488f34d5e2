import { configmaps } from '../../api/generated/resources.ts';
import type { DeleteOptions, Job, Pod, ReplicaSet } from '../../api/generated/types.ts';
import { groupResource, type KubeObject } from '../../api/resource.ts';
import { allAuthenticated, mastersGroup } from '../../apiserver/authn/user-info.ts';
import { every } from '../../base/clock.ts';
import type { ApiCall, Transport } from '../../client/transport.ts';
import { createClient } from '../../client/typed-client.ts';
import { defaultPlugins } from '../../scheduler/plugins.ts';
import type { World } from '../world.ts';
import type { SearchOptions } from './search.ts';

export interface PlantedBug {
  /** What is wrong with the world. */
  name: string;
  /** The invariant that must notice. */
  breaks: string;
  /** A script that provokes it. */
  script: readonly string[];
  planted: NonNullable<SearchOptions['planted']>;
}

/** Changes what one client does: answers in the server's stead, or with another call. */
const lies = (
  who: (client: string) => boolean,
  lie: (call: ApiCall, transport: Transport) => Promise<unknown> | undefined,
) => ({
  wrap: (transport: Transport, client: string): Transport =>
    who(client) ? { ...transport, call: (call) => lie(call, transport) ?? transport.call(call) } : transport,
});

const is = (name: string) => (client: string) => client === name;
const isNode = (client: string) => client.startsWith('node-');
const success = () => Promise.resolve({ kind: 'Status', status: 'Success', metadata: {} });
const isCall = (call: ApiCall, verb: ApiCall['verb'], resource: string) =>
  call.verb === verb && groupResource(call.resource) === resource;

/** Bugs that each break one invariant: what is never seen failing proves nothing. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'the scheduler forgets to look at resources, and kubelets at what they are given',
    breaks: 'no node is given more than it offers',
    script: ['nodes 1 cpu=2', 'deploy a replicas=3 cpu=1', 'advance 1s'],
    planted: {
      schedulerPlugins: defaultPlugins.filter(({ name }) => name !== 'NodeResourcesFit'),
      ...lies(isNode, (call) => {
        const { phase } = ((call.body ?? {}) as Partial<Pod>).status ?? {};
        return call.verb === 'patch' && phase === 'Failed' ? Promise.resolve(call.body) : undefined;
      }),
    },
  },
  {
    name: 'all nodes give their pods one address',
    breaks: 'no two pods have the same address',
    script: ['nodes 1', 'deploy a replicas=2'],
    planted: lies(isNode, (call, transport) => {
      const { status, ...rest } = (call.body ?? {}) as Partial<Pod>;
      if (!isCall(call, 'patch', 'pods') || !status?.podIP) return undefined;
      const body = { ...rest, status: { ...status, podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] } };
      return transport.call({ ...call, body });
    }),
  },
  {
    name: 'kubelets forget at the end how often they restarted a container',
    breaks: 'a pod does not move, does not rise from the dead, and forgets no restart',
    script: ['nodes 1', 'deploy a behaviour=crash-once', 'advance 10s', 'delete pod all'],
    planted: lies(isNode, (call, transport) => {
      const { status, ...rest } = (call.body ?? {}) as Partial<Pod>;
      if (!isCall(call, 'patch', 'pods') || !status?.containerStatuses) return undefined;
      const containerStatuses = status.containerStatuses.map((each) =>
        each.state?.terminated ? { ...each, restartCount: 0 } : each,
      );
      return transport.call({ ...call, body: { ...rest, status: { ...status, containerStatuses } } });
    }),
  },
  {
    name: 'the ReplicaSet controller never deletes a pod',
    breaks: 'every Deployment and ReplicaSet has the pods it wants, and says so',
    script: ['nodes 1', 'deploy a replicas=2', 'scale a 1'],
    planted: lies(is('replicaset-controller'), (call) => (isCall(call, 'delete', 'pods') ? success() : undefined)),
  },
  {
    name: 'the garbage collector only says that it deletes',
    breaks: 'nothing is left of what is gone',
    script: ['nodes 1', 'deploy a', 'delete deployment a'],
    planted: lies(is('generic-garbage-collector'), (call) => (call.verb === 'delete' ? success() : undefined)),
  },
  {
    name: 'kubelets never let go of a pod',
    breaks: 'what was deleted goes',
    script: ['nodes 1', 'deploy a', 'delete pod all grace=5'],
    planted: lies(isNode, (call) => {
      const isLast = isCall(call, 'delete', 'pods') && (call.body as DeleteOptions).gracePeriodSeconds === 0;
      return isLast ? success() : undefined;
    }),
  },
  {
    name: 'EndpointSlices are made and never changed',
    breaks: 'a Service leads to its ready pods and to no others',
    script: ['nodes 1', 'deploy a', 'service a', 'scale a 3'],
    planted: lies(is('endpointslice-controller'), (call) =>
      call.verb === 'update' || call.verb === 'patch' ? Promise.resolve(call.body) : undefined,
    ),
  },
  {
    name: 'the Job controller never says that a Job is through',
    breaks: 'every Job comes to an end, and its pods with it',
    script: ['nodes 1', 'job a'],
    planted: lies(is('job-controller'), (call, transport) => {
      const { status, ...rest } = (call.body ?? {}) as KubeObject & { status?: { conditions?: unknown } };
      if (call.subresource !== 'status' || !status?.conditions) return undefined;
      return transport.call({ ...call, body: { ...rest, status: { ...status, conditions: undefined } } });
    }),
  },
  {
    name: 'the scheduler binds nothing',
    breaks: 'no pod waits while a node has room for it',
    script: ['nodes 1', 'deploy a'],
    planted: lies(is('kube-scheduler'), (call) =>
      call.subresource === 'binding' ? Promise.resolve(call.body) : undefined,
    ),
  },
  {
    name: 'pods are never said to be ready',
    breaks: 'every pod that has a node comes to be ready',
    script: ['nodes 1', 'deploy a'],
    planted: lies(isNode, (call, transport) => {
      const { status, ...rest } = (call.body ?? {}) as Partial<Pod>;
      if (!isCall(call, 'patch', 'pods') || !status?.conditions) return undefined;
      const conditions = status.conditions.map((each) =>
        each.type === 'Ready' ? { ...each, status: 'False' as const } : each,
      );
      return transport.call({ ...call, body: { ...rest, status: { ...status, conditions } } });
    }),
  },
  {
    name: 'the Deployment controller grows sets by too many',
    breaks: 'a Deployment never wants more pods than its replicas and surge, nor fewer than must be available',
    script: ['nodes 1', 'deploy a replicas=2', 'advance 1m', 'image a app:2', 'advance 1m'],
    planted: lies(is('deployment-controller'), (call, transport) => {
      const { spec, ...rest } = (call.body ?? {}) as Partial<ReplicaSet>;
      if (!isCall(call, 'create', 'replicasets.apps') || !spec?.replicas) return undefined;
      return transport.call({ ...call, body: { ...rest, spec: { ...spec, replicas: spec.replicas + 2 } } });
    }),
  },
  {
    name: 'the Deployment controller takes all old pods away at once',
    breaks: 'a Deployment never wants more pods than its replicas and surge, nor fewer than must be available',
    script: ['nodes 1', 'deploy a replicas=4 behaviour=slow-ready', 'advance 1m', 'image a app:2', 'advance 1m'],
    planted: lies(is('deployment-controller'), (call, transport) => {
      const { spec, ...rest } = (call.body ?? {}) as Partial<ReplicaSet>;
      if (!isCall(call, 'update', 'replicasets.apps') || spec?.replicas !== 3) return undefined;
      return transport.call({ ...call, body: { ...rest, spec: { ...spec, replicas: 0 } } });
    }),
  },
  {
    name: 'the ReplicaSet controller says that all its pods are available',
    breaks: 'while nobody takes pods away, as many of a Deployment stay ready as it promises',
    script: ['nodes 1', 'deploy a replicas=4 behaviour=slow-ready', 'advance 1m', 'image a app:2', 'advance 1m'],
    planted: lies(is('replicaset-controller'), (call, transport) => {
      const { status, ...rest } = (call.body ?? {}) as Partial<ReplicaSet>;
      if (call.subresource !== 'status' || !status?.replicas) return undefined;
      const { replicas } = status;
      const body = { ...rest, status: { ...status, readyReplicas: replicas, availableReplicas: replicas } };
      return transport.call({ ...call, body });
    }),
  },
  {
    name: 'the Job controller forgets what it has counted',
    breaks: 'no index of a Job succeeds twice',
    script: ['nodes 1', 'job a completions=2 parallelism=1 mode=Indexed', 'advance 1m'],
    planted: lies(is('job-controller'), (call, transport) => {
      const { status, ...rest } = (call.body ?? {}) as Partial<Job>;
      if (call.subresource !== 'status' || status?.completedIndexes !== '0,1') return undefined;
      return transport.call({ ...call, body: { ...rest, status: { ...status, completedIndexes: '1' } } });
    }),
  },
  {
    name: 'the books of quotas are not kept',
    breaks: 'no pod is let in beyond a quota',
    script: ['nodes 1', 'quota q pods=2', 'advance 1s', 'deploy a replicas=4'],
    planted: {
      sabotage({ plane }: World) {
        plane.api.context.quotas.claim = () => [];
      },
    },
  },
  {
    name: 'somebody counts the minutes in an object',
    breaks: 'nobody writes when there is nothing to do: controllers do not fight',
    script: ['nodes 1', 'deploy a'],
    planted: {
      sabotage({ plane, clock }: World) {
        const user = { name: 'counter', groups: [mastersGroup, allAuthenticated] };
        const client = createClient(plane.switchboard.transportFor(user, 'counter'));
        const key = { namespace: 'kube-public', name: 'cluster-info' };
        every(clock, 60_000, () => {
          const body = { metadata: { annotations: { minutes: String(clock.now()) } } };
          void client.patch(configmaps, key, { type: 'merge', body }).catch(() => {});
        });
      },
    },
  },
  {
    name: 'a part of the program throws',
    breaks: 'nothing fails unexpectedly',
    script: ['nodes 1', 'node stop node-1'],
    planted: {
      sabotage(world: World) {
        world.nodes.stop = () => {
          throw new TypeError('planted');
        };
      },
    },
  },
];
