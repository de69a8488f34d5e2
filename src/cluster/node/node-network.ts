import { configmaps } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import type { Client } from '../../client/client.ts';
import type { Informers } from '../../client/informers.ts';
import type { ContainerdPaths } from '../../cri/containerd-config.ts';
import { type DnsServer, startDns } from '../../dns/dns.ts';
import { followResolvConf } from '../../dns/resolv-conf.ts';
import type { RunCommand } from '../../host/command.ts';
import { execNft } from '../../nft/exec.ts';
import { Overlay } from '../../overlay/overlay.ts';
import { execRoutes } from '../../overlay/routes.ts';
import { tunnelId } from '../../overlay/tunnel-plan.ts';
import { NetworkPolicies } from '../../policy/network-policies.ts';
import type { PolicyPod } from '../../policy/policy-pod.ts';
import { execAnnounce } from '../../proxy/announcer.ts';
import { Balancing } from '../../proxy/balancing.ts';
import { execRemoveFlows } from '../../proxy/flows.ts';
import { HealthCheckServers } from '../../proxy/health-checks.ts';
import { ServiceProxy } from '../../proxy/proxy.ts';

interface NetworkDeps {
  informers: Informers;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Runs programs in this process's network namespace. */
  run: RunCommand;
}

interface NetworkOptions {
  cluster: string;
  /** Of the node. */
  name: string;
  address: string;
  facts: NetworkFacts;
  containerd: Pick<ContainerdPaths, 'cniConfDir' | 'cniDataDir'>;
}

export interface NetworkFacts {
  podCidr: string;
  serviceCidr: string;
  dnsAddress: string;
  clusterDomain: string;
  nodeCidr: string;
  /** Empty or absent: nobody answers for addresses of load balancers. */
  loadBalancerCidr?: string;
  /** Empty: the server's machine is reached by nobody else. */
  serverMachine: string;
  /** `host:port` of the cluster's registry, if it has one. */
  registry: string;
}

/** What the cluster says of its network; a node is told nothing but URL and token. */
export async function networkFacts(client: Client): Promise<NetworkFacts> {
  const { data } = await client.get(configmaps, { namespace: 'kube-system', name: 'knarr-network' });
  return data as unknown as NetworkFacts;
}

export interface NodeNetwork {
  /** Resolves when all that restricts a pod with these addresses is in force. */
  admit(pod: Pod, addresses: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts overlay, service proxy, network policies and DNS of a node: all that its pods need to reach others, and what keeps
 * them from it. Does not start the informers.
 */
export async function startNodeNetwork(deps: NetworkDeps, options: NetworkOptions): Promise<NodeNetwork> {
  const overlay = nodeOverlay(deps, options);
  const proxy = nodeProxy(deps, options);
  const balancing = nodeBalancing(deps, options);
  const policies = nodePolicies(deps, options);
  const dns = await nodeDns(deps, options.facts);
  overlay.start();
  proxy.start();
  balancing.start();
  policies.start();
  return {
    admit: (pod, addresses) => policies.admit(pod, addresses),
    async stop() {
      policies.stop();
      balancing.stop();
      proxy.stop();
      overlay.stop();
      await dns.stop();
    },
  };
}

/** The end of the tunnel to nodes of other links. As long as the name of a link can be for the longest name of a cluster. */
export const tunnelDeviceOf = (cluster: string): string => `kn-${cluster}`;

const serviceTableOf = (cluster: string): string => `knarr-${cluster}`;
const policyTableOf = (cluster: string): string => `knarr-${cluster}.policy`;
/** The nftables tables, of family ip, that a node has. No name of a cluster has a dot. */
export const nodeTablesOf = (cluster: string): string[] => [serviceTableOf(cluster), policyTableOf(cluster)];

function nodeOverlay({ informers, run, clock, log }: NetworkDeps, options: NetworkOptions): Overlay {
  const { podCidr, nodeCidr, serverMachine } = options.facts;
  return new Overlay(
    { informers, routes: execRoutes({ run }), clock, log: log.child({ component: 'overlay' }) },
    {
      nodeName: options.name,
      networkName: `knarr-${options.cluster}-${options.name}`,
      cniConfDir: options.containerd.cniConfDir,
      cniDataDir: options.containerd.cniDataDir,
      tunnel: { device: tunnelDeviceOf(options.cluster), id: tunnelId(podCidr) },
      serverMachine: serverMachine ? { block: nodeCidr, address: serverMachine } : undefined,
    },
  );
}

function nodeProxy({ informers, run, clock, log }: NetworkDeps, options: NetworkOptions): ServiceProxy {
  const nft = execNft({ run }, { table: serviceTableOf(options.cluster) });
  const { podCidr, serviceCidr, dnsAddress } = options.facts;
  return new ServiceProxy(
    { informers, nft, removeFlows: execRemoveFlows({ run }), clock, log: log.child({ component: 'proxy' }) },
    {
      node: {
        name: options.name,
        addresses: [options.address],
        podCIDR: podCidr,
        serviceCIDR: serviceCidr,
        ownAddresses: [dnsAddress],
      },
    },
  );
}

function nodeBalancing({ informers, run, clock, log: parent }: NetworkDeps, options: NetworkOptions): Balancing {
  const log = parent.child({ component: 'balancing' });
  const { loadBalancerCidr: pool = '', nodeCidr } = options.facts;
  const announce = execAnnounce({ run }, { nodeAddress: options.address, pool });
  return new Balancing(
    { informers, healthChecks: new HealthCheckServers({ log }), announce, clock, log },
    { name: options.name, pool, linkCIDR: nodeCidr },
  );
}

function nodePolicies({ informers, run, clock, log }: NetworkDeps, options: NetworkOptions): NetworkPolicies {
  const nft = execNft({ run }, { table: policyTableOf(options.cluster) });
  return new NetworkPolicies(
    { informers, nft, clock, log: log.child({ component: 'policy' }) },
    { nodeName: options.name, nodePrograms: [dnsAsPod(options.facts.dnsAddress)] },
  );
}

/** Policies that let pods ask for names say so by the labels that the field's name servers have. */
const dnsAsPod = (address: string): PolicyPod => ({
  uid: 'cluster-dns',
  namespace: 'kube-system',
  labels: { 'k8s-app': 'kube-dns' },
  address,
  nodeName: '',
  ports: [
    { name: 'dns', protocol: 'udp', port: 53 },
    { name: 'dns-tcp', protocol: 'tcp', port: 53 },
  ],
});

async function nodeDns({ informers, run, clock, rng, log }: NetworkDeps, facts: NetworkFacts): Promise<DnsServer> {
  return startDns(
    { informers, run, clock, rng, log: log.child({ component: 'dns' }) },
    {
      clusterDomain: facts.clusterDomain,
      address: facts.dnsAddress,
      upstreams: followResolvConf({ clock }, { ownAddress: facts.dnsAddress }),
      ownBlocks: [facts.podCidr, facts.serviceCidr],
    },
  );
}
