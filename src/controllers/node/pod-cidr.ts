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
      all.addIndex('podCIDR', ({ spec }) => (spec?.podCIDR ? [spec.podCIDR] : []));
      const networks = networksOf(clusterCidr);
      /** Given away in this life and perhaps not in the cache yet, by node name. */
      const given = new Map<string, { uid: string; podCIDR: string }>();
      const taken = new Set<string>();
      /** All networks before this one are in use. */
      let first = 0;
      const firstFree = (): string | undefined => {
        const isUsed = (network: string) => taken.has(network) || all.index('podCIDR', network).length > 0;
        while (first < networks.count && isUsed(networks.at(first))) first++;
        return first < networks.count ? networks.at(first) : undefined;
      };
      const forget = (key: string): void => {
        taken.delete(given.get(key)?.podCIDR ?? '');
        given.delete(key);
        first = 0;
      };
      return {
        watches: [watch(all, (node) => [node.metadata.name])],
        async reconcile(key, client) {
          const node = all.get(key);
          const uid = node?.metadata.uid ?? '';
          if (!node || (given.has(key) && given.get(key)?.uid !== uid)) forget(key);
          if (!node || node.spec?.podCIDR || node.metadata.deletionTimestamp) return done;
          const podCIDR = given.get(key)?.podCIDR ?? firstFree();
          if (!podCIDR) {
            const about = { kind: 'Node', apiVersion: 'v1', name: key, uid: key };
            const message = `Node ${key} status is now: CIDRNotAvailable`;
            context.recorder.event(about, 'Normal', 'CIDRNotAvailable', message);
            throw new Error(`no network of ${clusterCidr} is free for node ${key}`);
          }
          given.set(key, { uid, podCIDR });
          taken.add(podCIDR);
          const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR, podCIDRs: [podCIDR] } };
          await client.patch(nodes, { name: key }, { type: 'merge', body });
          return done;
        },
      };
    },
  });

/** The /24 networks of an IPv4 network, in order; at most 65,536. */
export function networksOf(cidr: string): { count: number; at(i: number): string } {
  const [address = '', prefix = ''] = cidr.split('/');
  const bits = Number(prefix);
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || !(bits >= 8 && bits <= 24)) throw new Error(`${cidr} is no IPv4 network from /8 to /24`);
  const [a = 0, b = 0, c = 0] = parts;
  const first = (a << 16) | (b << 8) | c;
  const at = (i: number) => `${((first + i) >> 16) & 255}.${((first + i) >> 8) & 255}.${(first + i) & 255}.0/24`;
  return { count: 2 ** (24 - bits), at };
}
