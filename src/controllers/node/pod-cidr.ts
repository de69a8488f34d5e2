import { nodes } from '../../api/generated/resources.ts';
import { type ControllerDefinition, defineController, done, watch } from '../runtime.ts';

/** Gives each node a /24 of the cluster's pod network in `spec.podCIDR`. */
export const nodePodCidr = (clusterCidr: string): ControllerDefinition =>
  defineController({
    name: 'node.pod-cidr',
    serviceAccount: 'node-controller',
    eventSource: 'cidrAllocator',
    // One at a time: two nodes must not get the same network.
    workers: 1,
    setup(context) {
      const all = context.informer(nodes);
      const networks = networksOf(clusterCidr);
      /** Given away in this life and perhaps not in the cache yet, by node uid. */
      const given = new Map<string, string>();
      return {
        watches: [watch(all, (node) => [node.metadata.name])],
        async reconcile(key, client) {
          const node = all.get(key);
          const present = all.list();
          const uids = new Set(present.map((n) => n.metadata.uid ?? ''));
          for (const uid of given.keys()) if (!uids.has(uid)) given.delete(uid);
          if (!node || node.spec?.podCIDR || node.metadata.deletionTimestamp) return done;
          const used = new Set([...given.values(), ...present.map((n) => n.spec?.podCIDR)]);
          const uid = node.metadata.uid ?? '';
          const podCIDR = given.get(uid) ?? networks.find((network) => !used.has(network));
          if (!podCIDR) {
            const about = { kind: 'Node', apiVersion: 'v1', name: key, uid: key };
            const message = `Node ${key} status is now: CIDRNotAvailable`;
            context.recorder.event(about, 'Normal', 'CIDRNotAvailable', message);
            throw new Error(`no network of ${clusterCidr} is free for node ${key}`);
          }
          given.set(uid, podCIDR);
          const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR, podCIDRs: [podCIDR] } };
          await client.patch(nodes, { name: key }, { type: 'merge', body });
          return done;
        },
      };
    },
  });

/** The /24 networks of an IPv4 network, in order; at most 65,536. */
export function networksOf(cidr: string): string[] {
  const [address = '', prefix = ''] = cidr.split('/');
  const bits = Number(prefix);
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || !(bits >= 8 && bits <= 24)) throw new Error(`${cidr} is no IPv4 network from /8 to /24`);
  const [a = 0, b = 0, c = 0] = parts;
  const first = (a << 16) | (b << 8) | c;
  return Array.from({ length: 2 ** (24 - bits) }, (_, i) => {
    const n = first + i;
    return `${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}.0/24`;
  });
}
