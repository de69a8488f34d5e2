/** Which cluster, and which nodes it has on this machine; ordinals count from 1. */
export interface VirtualCluster {
  name: string;
  /** Picks the address ranges: clusters on one machine have different ones. 0 to `maxIndex`. */
  index: number;
  nodes: readonly VirtualNode[];
}

export interface VirtualNode {
  name: string;
  ordinal: number;
  /** Its link is down: to all others it is as gone as a machine without its cable. */
  isCutOff?: boolean;
}

/** Where everything of a virtual cluster is: names and addresses, all from its name and index. */
export interface NetworkLayout {
  /** The network namespace with the bridge between the nodes. */
  fabricNamespace: string;
  fabricCIDR: string;
  /** The bridge itself. */
  bridgeAddress: string;
  /** This machine, as the nodes see it: the API server's address. */
  hostAddress: string;
  /** The host's end of the link to the fabric. */
  hostLink: string;
  /** The host's nftables table, family inet (the service proxy's table of the same name is family ip). */
  table: string;
  serviceCIDR: string;
  podCIDR: string;
  /** Addresses of load balancers: on the link between host and nodes, but of nobody there until a node says so. */
  loadBalancerCIDR: string;
  /** `kubernetes.default.svc`, and the cluster DNS. */
  kubernetesAddress: string;
  dnsAddress: string;
  nodes: readonly NodeLayout[];
}

export interface NodeLayout {
  name: string;
  ordinal: number;
  namespace: string;
  /** For `nsenter --net=`. */
  namespacePath: string;
  address: string;
  /** The bridge's port to the node, in the fabric. */
  port: string;
  isCutOff: boolean;
}

/** Beyond it, service and pod ranges (10.(96+i) and 10.(244-i)) would meet. */
export const maxIndex = 73;
/** Fabric addresses .11 to .250. */
export const maxNodes = 240;

/** Ends in `-fab`, so no node may have that name. */
export const fabricNamespaceOf = (cluster: string): string => `kn-${cluster}-fab`;
export const nodeNamespaceOf = (cluster: string, node: string): string => `kn-${cluster}-${node}`;
export const hostLinkOf = (index: number): string => `kn${index}-host`;
export const hostLinkPattern = /^kn(\d+)-host$/;
/** The alias of our links: it says whose they are, also when state files are gone. */
export const ownerAlias = (cluster: string): string => `knarr:${cluster}`;

/** Throws `RangeError` for an index, ordinal or name that cannot be laid out. */
export function layoutOf(cluster: VirtualCluster): NetworkLayout {
  const { name, index } = cluster;
  if (!Number.isInteger(index) || index < 0 || index > maxIndex) throw new RangeError(`cluster index ${index}`);
  const fabric = `172.30.${index}`;
  const services = `10.${96 + index}`;
  return {
    fabricNamespace: fabricNamespaceOf(name),
    fabricCIDR: `${fabric}.0/24`,
    bridgeAddress: `${fabric}.1`,
    hostAddress: `${fabric}.254`,
    hostLink: hostLinkOf(index),
    table: `knarr-${name}`,
    serviceCIDR: `${services}.0.0/16`,
    podCIDR: `10.${244 - index}.0.0/16`,
    loadBalancerCIDR: `172.29.${index}.0/24`,
    kubernetesAddress: `${services}.0.1`,
    dnsAddress: `${services}.0.10`,
    nodes: cluster.nodes.map((node) => nodeLayout(name, fabric, node)),
  };
}

function nodeLayout(cluster: string, fabric: string, { name, ordinal, isCutOff = false }: VirtualNode): NodeLayout {
  if (ordinal < 1 || ordinal > maxNodes) throw new RangeError(`node ordinal ${ordinal}: 1 to ${maxNodes}`);
  if (name === 'fab') throw new RangeError('a node cannot have the name fab');
  const namespace = nodeNamespaceOf(cluster, name);
  const namespacePath = `/run/netns/${namespace}`;
  const address = `${fabric}.${10 + ordinal}`;
  return { name, ordinal, namespace, namespacePath, address, port: `n${ordinal}`, isCutOff };
}
