import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Node, Pod, Service } from '../../src/api/generated/types.ts';
import { listOf, service } from '../e2e/manifests.ts';
import type { RealCluster } from '../lifecycle/real-cluster.ts';

export const nodePort = 30_790;
export const hostPort = 30_791;
const labels = { app: 'web' };

const manifest = listOf([
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'c',
              image: 'knarr.local/demo:1',
              ports: [{ name: 'http', containerPort: 8080, hostPort }],
              readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
  service('web', { type: 'NodePort', selector: labels, ports: [{ port: 80, targetPort: 'http', nodePort }] }),
]);

/** A pod of the DaemonSet, and where it is. */
export interface WebPod {
  name: string;
  node: string;
  podIp: string;
  /** Of its node. */
  address: string;
}

/** Runs a web server on every node (its answer is its pod's name), behind a Service, a port of all nodes and one of its own. */
export async function runOnEveryNode(cluster: RealCluster): Promise<void> {
  const file = join(cluster.userHome, 'web.json');
  writeFileSync(file, manifest);
  await cluster.kubectl('apply', '-f', file);
  await cluster.kubectl('rollout', 'status', 'daemonset', 'web', '--timeout=240s');
}

export async function webPods(cluster: RealCluster): Promise<WebPod[]> {
  const { items } = await cluster.object<{ items: Pod[] }>('pods', '-l', 'app=web');
  return items
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec?.nodeName ?? '',
      podIp: status.podIP ?? '',
      address: status.hostIP ?? '',
    }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

export const clusterIp = async (cluster: RealCluster): Promise<string> =>
  (await cluster.object<Service>('service', 'web')).spec.clusterIP ?? '';

/** By name: the address, and the block of its pods. */
export async function nodePlaces(cluster: RealCluster): Promise<Record<string, string>> {
  const { items } = await cluster.object<{ items: Node[] }>('nodes');
  return Object.fromEntries(
    items.map(({ metadata, spec, status }) => {
      const address = status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
      return [metadata.name, `${address} ${spec.podCIDR}`];
    }),
  );
}

/** From a container of every pod: to every pod by its address, to the Service by its name, again and again. */
export async function expectAllReachAll(cluster: RealCluster): Promise<void> {
  const pods = await webPods(cluster);
  const names = pods.map(({ name }) => name).sort();
  for (const { name } of pods) {
    const direct = pods.map(({ podIp }) => `timeout 30 wget -qO- http://${podIp}:8080/`).join(' && ');
    expect((await inPod(cluster, name, direct)).trim().split('\n').sort()).toEqual(names);
    const byName = await inPod(cluster, name, 'for i in $(seq 40); do timeout 30 wget -qO- http://web.default/; done');
    expect([...new Set(byName.trim().split('\n'))].sort()).toEqual(names);
  }
}

export const inPod = (cluster: RealCluster, pod: string, script: string): Promise<string> =>
  cluster.kubectl('exec', pod, '--', 'sh', '-c', script);
