import { leases, nodes, pods } from '../../api/generated/resources.ts';
import type { Lease, Node, NodeCondition, Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { isPodReady } from '../pod-state.ts';
import { defineController, done, guardAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { timeText } from '../time-text.ts';
import { DisruptionZones } from './disruption-zones.ts';
import { SignsOfLife } from './signs-of-life.ts';
import { isEvicted, taintsFor } from './taints.ts';

/**
 * A node not heard of for this long counts as lost (Kubernetes has waited 50 s since 1.32); a young one that never spoke gets
 * more time.
 */
const graceMs = 50_000;
const startupGraceMs = 60_000;
const leaseNamespace = 'kube-node-lease';

/** Says which nodes are lost: conditions, taints, and the pods on them not ready. */
export const nodeLifecycle = defineController({
  name: 'node.lifecycle',
  serviceAccount: 'node-controller',
  eventSource: 'node-controller',
  setup(context) {
    const { clock, recorder } = context;
    const all = context.informer(nodes);
    const allLeases = context.informer(leases, { namespace: leaseNamespace });
    const allPods = context.informer(pods);
    allPods.addIndex('node', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    const signs = new SignsOfLife(clock);
    const registered = new Set<string>();
    /** Nodes as they were found in order: while they are heard of, there is nothing to look at again. */
    const inOrder = new Map<string, Node>();
    const zones = new DisruptionZones((name, afterMs) => context.enqueue(name, afterMs));

    const say = (name: string, reason: string, message: string) =>
      recorder.event(aboutNode(name), 'Normal', reason, message);

    /** Takes down a renewal. Of a node that is not missed nothing follows from it, and there are many. */
    const isMissed = (lease: Lease): boolean => {
      const node = all.get(lease.metadata.name);
      if (!node) return true;
      signs.silentMs(node, lease);
      return conditionOf(node, 'Ready')?.status !== 'True';
    };

    return {
      watches: [
        watch(all, (node) => [node.metadata.name]),
        watch(
          allLeases,
          (lease) => [lease.metadata.name],
          (_, lease) => isMissed(lease),
        ),
        watch(allPods, (pod) => (pod.spec?.nodeName && isPodReady(pod) ? [pod.spec.nodeName] : [])),
      ],
      async reconcile(key, client) {
        const node = all.get(key);
        if (!node) {
          signs.forget(key);
          inOrder.delete(key);
          zones.remove(key, clock.now());
          if (registered.delete(key))
            say(key, 'RemovingNode', `Node ${key} event: Removing Node ${key} from Controller`);
          return done;
        }
        if (!registered.has(key)) {
          registered.add(key);
          say(key, 'RegisteredNode', `Node ${key} event: Registered Node ${key} in Controller`);
        }
        const ready = conditionOf(node, 'Ready');
        const lease = allLeases.get({ namespace: leaseNamespace, name: key });
        const leftMs = (ready ? graceMs : startupGraceMs) - signs.silentMs(node, lease);
        if (leftMs > 0 && inOrder.get(key) === node) return guardAfter(leftMs);
        const isWell = leftMs > 0 && ready?.status === 'True';
        zones.set(node, isWell, clock.now());
        const judged = leftMs > 0 ? node : await markUnknown(client, node, clock.now());
        const now = conditionOf(judged, 'Ready');
        if (ready?.status === 'True' && now?.status !== 'True') {
          say(key, 'NodeNotReady', `Node ${key} status is now: NodeNotReady`);
        }
        const isLost = now !== undefined && now.status !== 'True';
        const isGivenUp = isLost && zones.isGivenUp(key, isEvicted(judged), clock.now());
        await writeTaints(client, judged, { isGivenUp, nowMs: clock.now() });
        if (isLost) await markAllNotReady(client, allPods.index('node', key).filter(isPodReady), clock.now());
        if (isWell) inOrder.set(key, node);
        else inOrder.delete(key);
        return leftMs > 0 ? guardAfter(leftMs) : done;
      },
    };
  },
});

// Node events carry the name as uid, as the kubelet's do: `describe` finds both.
const aboutNode = (name: string) => ({ kind: 'Node', apiVersion: 'v1', name, uid: name });

const conditionOf = (node: Node, type: string): NodeCondition | undefined =>
  node.status?.conditions?.find((c) => c.type === type);

const watched = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

async function markUnknown(client: Client, node: Node, nowMs: number): Promise<Node> {
  const known = node.status?.conditions ?? [];
  const missing = watched.filter((type) => !conditionOf(node, type)).map((type) => neverUpdated(node, type, nowMs));
  const conditions = [...known.map((c) => (watched.includes(c.type) ? unknown(c, nowMs) : c)), ...missing];
  if (sameJson(conditions, known)) return node;
  return client.patch(
    nodes,
    keyOf(node),
    { type: 'merge', body: { status: { conditions } } },
    { subresource: 'status' },
  );
}

function unknown(c: NodeCondition, nowMs: number): NodeCondition {
  if (c.status === 'Unknown') return c;
  const said = { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
  return { ...c, status: 'Unknown', ...said, lastTransitionTime: timeText(nowMs) };
}

const neverUpdated = (node: Node, type: string, nowMs: number): NodeCondition => ({
  type,
  status: 'Unknown',
  reason: 'NodeStatusNeverUpdated',
  message: 'Kubelet never posted node status.',
  lastHeartbeatTime: node.metadata.creationTimestamp,
  lastTransitionTime: timeText(nowMs),
});

async function writeTaints(
  client: Client,
  node: Node,
  { isGivenUp, nowMs }: { isGivenUp: boolean; nowMs: number },
): Promise<void> {
  const taints = taintsFor(node, isGivenUp, nowMs);
  if (sameJson(taints, node.spec?.taints ?? [])) return;
  const { uid, resourceVersion } = node.metadata;
  const body = { metadata: { uid, resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
  await client.patch(nodes, keyOf(node), { type: 'merge', body });
}

const markAllNotReady = (client: Client, ready: readonly Pod[], nowMs: number) =>
  Promise.all(ready.map((pod) => markNotReady(client, pod, nowMs)));

async function markNotReady(client: Client, pod: Pod, nowMs: number): Promise<void> {
  const conditions = pod.status?.conditions?.map((c) =>
    c.type === 'Ready' ? { ...c, status: 'False', lastTransitionTime: timeText(nowMs) } : c,
  );
  // The list is written as a whole: it must be the one that was read.
  const { uid, resourceVersion } = pod.metadata;
  const body = { metadata: { uid, resourceVersion }, status: { conditions } };
  try {
    await client.patch(pods, keyOf(pod), { type: 'merge', body }, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
