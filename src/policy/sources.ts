import { createHash } from 'node:crypto';
import type { LabelSelector, NetworkPolicyPeer } from '../api/generated/types.ts';
import { type LabelMatcher, labelSelectorMatcher } from '../api/meta/label-selector.ts';
import { parseBlock } from '../base/ipv4.ts';
import { mergeRanges, type Range, withoutHoles } from '../base/ranges.ts';
import type { Labels, PolicyPod } from './policy-pod.ts';

/** A name that says what it stands for: the same content has the same name, so nothing is ever changed in place. */
export const contentName = (prefix: string, content: unknown): string =>
  `${prefix}-${createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 20)}`;

/** A set of the table that follows pods: which elements a pod puts into it. */
export interface PodSource {
  set: string;
  /** What an element is made of, as nft names the types. */
  key: readonly string[];
  /** The only namespace whose pods count; all of them when absent. */
  namespace?: string;
  /** Of a pod with its namespace's labels. */
  elementsOf(pod: PolicyPod, namespaceLabels: Labels): string[];
}

/** Addresses of the pods that a peer of a policy in `namespace` means; undefined for a peer that is a block. */
export function peerSource(peer: NetworkPolicyPeer, namespace: string): PodSource | undefined {
  if (peer.ipBlock) return undefined;
  const { podSelector, namespaceSelector } = peer;
  // No pod selector beside a namespace selector: every pod in there.
  const inPods = labelSelectorMatcher(podSelector ?? {});
  const inNamespaces: LabelMatcher = namespaceSelector ? labelSelectorMatcher(namespaceSelector) : () => true;
  const scope = namespaceSelector ? { selector: canonical(namespaceSelector) } : { namespace };
  return {
    set: contentName('peers', [scope, canonical(podSelector)]),
    key: ['ipv4_addr'],
    ...(namespaceSelector ? {} : { namespace }),
    elementsOf: (pod, labels) => (inNamespaces(labels) && inPods(pod.labels) ? [pod.address] : []),
  };
}

/** Where pods have a port of this name. */
export const portSource = (name: string, protocol: string): PodSource => ({
  set: contentName('ports', [name, protocol]),
  key: ['ipv4_addr', 'inet_proto', 'inet_service'],
  elementsOf: (pod) => [
    ...new Set(
      pod.ports
        .filter((port) => port.name === name && port.protocol === protocol)
        .map(({ port }) => `${pod.address} . ${protocol} . ${port}`),
    ),
  ],
});

/** The addresses of all blocks of the peers, without their exceptions. IPv6 blocks have none. */
export function blockRanges(peers: readonly NetworkPolicyPeer[]): Range[] {
  return mergeRanges(
    peers.flatMap(({ ipBlock }) => {
      const range = rangeOf(ipBlock?.cidr);
      const holes = (ipBlock?.except ?? []).map(rangeOf).filter((hole) => hole !== undefined);
      return range ? withoutHoles(range, holes) : [];
    }),
  );
}

function rangeOf(cidr: string | undefined): Range | undefined {
  const block = parseBlock(cidr ?? '');
  return block && [block.first, block.first + block.size - 1];
}

/** Selectors that say the same in the same words are one. */
function canonical(selector: LabelSelector | undefined): unknown {
  const labels = Object.entries(selector?.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values }) => [
    key,
    operator,
    [...(values ?? [])].sort(),
  ]);
  return [labels, expressions];
}
