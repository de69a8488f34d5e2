import { type NetworkLayout, type NodeLayout, ownerAlias } from './layout.ts';

/** A link as `ip -j link` shows it. */
export interface ObservedLink {
  alias?: string;
}

/** What is there now. */
export interface ObservedNetwork {
  namespaces: ReadonlySet<string>;
  /** Links by namespace; '' is the host. */
  links: ReadonlyMap<string, ReadonlyMap<string, ObservedLink>>;
}

/** One thing to do, in order. `namespace` is absent for the host's own. */
export type Step =
  | { do: 'addNamespace' | 'deleteNamespace'; namespace: string }
  /** Lines of `ip -batch`. */
  | { do: 'ip'; namespace?: string; lines: string[] }
  /** Keys that this kernel does not have are left out. */
  | { do: 'sysctl'; namespace?: string; values: Record<string, string> }
  | { do: 'nft'; script: string };

/** The address range belongs to another cluster of this machine. */
export class NetworkInUseError extends Error {
  constructor(link: string, owner: string) {
    super(`link ${link} belongs to ${owner}: choose another cluster index`);
    this.name = 'NetworkInUseError';
  }
}

const hasLink = (observed: ObservedNetwork, namespace: string, link: string): boolean =>
  observed.links.get(namespace)?.has(link) ?? false;

/** The steps from what is there to a whole network; on a whole one they change nothing. Throws `NetworkInUseError`. */
export function planUp(cluster: string, layout: NetworkLayout, observed: ObservedNetwork): Step[] {
  const host = observed.links.get('')?.get(layout.hostLink);
  if (host && host.alias !== ownerAlias(cluster)) throw new NetworkInUseError(layout.hostLink, host.alias ?? 'nobody');
  const namespaces = [layout.fabricNamespace, ...layout.nodes.map((node) => node.namespace)];
  return [
    ...namespaces
      .filter((namespace) => !observed.namespaces.has(namespace))
      .map((namespace) => ({ do: 'addNamespace', namespace }) as const),
    ...namespaces.map((namespace) => ({ do: 'sysctl', namespace, values: withoutIPv6 }) as const),
    { do: 'sysctl', namespace: layout.fabricNamespace, values: { 'net.bridge.bridge-nf-call-iptables': '0' } },
    fabricSteps(layout, observed),
    hostSteps(cluster, layout, observed),
    ...layout.nodes.flatMap((node) => nodeSteps(cluster, { layout, node, observed })),
    { do: 'ip', namespace: layout.fabricNamespace, lines: attachLines(layout) },
    { do: 'nft', script: masqueradeScript(layout) },
  ];
}

const withoutIPv6 = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' };

function fabricSteps(layout: NetworkLayout, observed: ObservedNetwork): Step {
  const add = hasLink(observed, layout.fabricNamespace, 'fab0') ? [] : ['link add fab0 type bridge'];
  const lines = ['link set lo up', ...add, `addr replace ${layout.bridgeAddress}/24 dev fab0`, 'link set fab0 up'];
  return { do: 'ip', namespace: layout.fabricNamespace, lines };
}

/** A pair of links that is not whole is made again. */
function pairLines(isThere: boolean, isLeftOver: boolean, add: string, link: string): string[] {
  if (isThere) return [];
  return [...(isLeftOver ? [`link del ${link}`] : []), add];
}

function hostSteps(cluster: string, layout: NetworkLayout, observed: ObservedNetwork): Step {
  const { hostLink, fabricNamespace, nodes } = layout;
  const isHere = hasLink(observed, '', hostLink);
  const isWhole = isHere && hasLink(observed, fabricNamespace, 'host');
  const add = `link add ${hostLink} type veth peer name host netns ${fabricNamespace}`;
  // Any node that can be reached knows the way to every service and pod.
  const gateway = nodes.find((node) => !node.isCutOff) ?? nodes[0];
  const routes = [layout.serviceCIDR, layout.podCIDR].map(
    (block) => `route replace ${block} via ${gateway?.address} dev ${hostLink}`,
  );
  const lines = [
    ...pairLines(isWhole, isHere, add, hostLink),
    `link set ${hostLink} alias ${ownerAlias(cluster)}`,
    `addr replace ${layout.hostAddress}/24 dev ${hostLink}`,
    `link set ${hostLink} up`,
    ...(gateway ? routes : []),
    `route replace ${layout.loadBalancerCIDR} dev ${hostLink} src ${layout.hostAddress}`,
  ];
  return { do: 'ip', lines };
}

interface NodePlanning {
  layout: NetworkLayout;
  node: NodeLayout;
  observed: ObservedNetwork;
}

function nodeSteps(cluster: string, { layout, node, observed }: NodePlanning): Step[] {
  const { namespace, port } = node;
  const isHere = hasLink(observed, namespace, 'eth0');
  const isWhole = isHere && hasLink(observed, layout.fabricNamespace, port);
  const add = `link add eth0 type veth peer name ${port} netns ${layout.fabricNamespace}`;
  const lines = [
    'link set lo up',
    ...pairLines(isWhole, isHere, add, 'eth0'),
    `link set eth0 alias ${ownerAlias(cluster)}`,
    `addr replace ${node.address}/24 dev eth0`,
    'link set eth0 up',
    `route replace default via ${layout.hostAddress}`,
  ];
  // Host to pod goes through one node: it must not tell the host of a shorter way that the host has no route for.
  const values = {
    'net.ipv4.conf.all.send_redirects': '0',
    'net.ipv4.conf.default.send_redirects': '0',
    // Neighbours hear of an address of a load balancer that moves here.
    'net.ipv4.conf.all.arp_notify': '1',
  };
  return [
    { do: 'sysctl', namespace, values },
    { do: 'ip', namespace, lines },
  ];
}

const attachLines = (layout: NetworkLayout): string[] =>
  [{ port: 'host', isCutOff: false }, ...layout.nodes].map(
    ({ port, isCutOff }) => `link set ${port} master fab0 ${isCutOff ? 'down' : 'up'}`,
  );

/** Nodes reach the world with the machine's address. */
function masqueradeScript({ table, fabricCIDR, hostLink }: NetworkLayout): string {
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr ${fabricCIDR} oifname != "${hostLink}" masquerade
  }
}
`;
}

/** The namespaces of nodes that are there: those we know of, and those that carry our mark. */
export function ownNodeNamespaces(cluster: string, known: readonly string[], observed: ObservedNetwork): string[] {
  const isOurs = (namespace: string) =>
    known.includes(namespace) || observed.links.get(namespace)?.get('eth0')?.alias === ownerAlias(cluster);
  return [...observed.namespaces].filter(isOurs);
}

/** Removes what is there of the cluster, nodes first. */
export function planDown(
  cluster: string,
  { fabricNamespace, table }: Pick<NetworkLayout, 'fabricNamespace' | 'table'>,
  { observed, known }: { observed: ObservedNetwork; known: readonly string[] },
): Step[] {
  const hostLinks = [...(observed.links.get('') ?? [])].filter(([, link]) => link.alias === ownerAlias(cluster));
  const namespaces = ownNodeNamespaces(cluster, known, observed);
  if (observed.namespaces.has(fabricNamespace)) namespaces.push(fabricNamespace);
  return [
    // Taken away by name: with its namespace it would only vanish some time later.
    ...(hostLinks.length > 0 ? [{ do: 'ip', lines: hostLinks.map(([name]) => `link del ${name}`) } as const] : []),
    ...namespaces.map((namespace) => ({ do: 'deleteNamespace', namespace }) as const),
    { do: 'nft', script: `table inet ${table}\ndelete table inet ${table}\n` },
  ];
}
