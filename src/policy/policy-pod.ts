import type { Pod } from '../api/generated/types.ts';
import { isIPv4 } from '../base/ipv4.ts';

export type Labels = Readonly<Record<string, string>>;

/** A pod, as far as policies are concerned. */
export interface PolicyPod {
  uid: string;
  namespace: string;
  labels: Labels;
  address: string;
  nodeName: string;
  /** Its ports that have names; protocols in lower case. */
  ports: readonly { name: string; protocol: string; port: number }[];
}

/**
 * Undefined for a pod that has no address of its own (yet, or any more: that of one that ended may be another's).
 * `address` is what the node itself knows before the API does.
 */
export function policyPodOf(pod: Pod, address = pod.status.podIP): PolicyPod | undefined {
  const { metadata, spec, status } = pod;
  const { namespace, uid } = metadata;
  if (!namespace || !uid || !address || !isIPv4(address) || spec.hostNetwork) return undefined;
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return undefined;
  return {
    uid,
    namespace,
    labels: metadata.labels ?? {},
    address,
    nodeName: spec.nodeName ?? '',
    ports: namedPorts(pod),
  };
}

const namedPorts = ({ spec }: Pod): PolicyPod['ports'] =>
  [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ ports = [] }) =>
    ports.flatMap(({ name, containerPort, protocol = 'TCP' }) =>
      name ? [{ name, port: containerPort, protocol: protocol.toLowerCase() }] : [],
    ),
  );
