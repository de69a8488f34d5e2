import type { DNSConfig } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';

export interface ClusterDns {
  servers: readonly string[];
  /** `cluster.local`. */
  domain: string;
}

/** The parts of a resolv.conf(5) that a pod can be given. */
export function parseResolvConf(text: string): Required<DNSConfig> {
  const config: Required<DNSConfig> = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === 'nameserver' && values[0]) config.servers.push(values[0]);
    // The last one counts, as for the resolver.
    if (word === 'search' || word === 'domain') config.searches = values.filter((value) => value !== '.');
    if (word === 'options') config.options.push(...values);
  }
  return config;
}

/** The resolver configuration of a pod by its dnsPolicy and dnsConfig. `host` is the node's own. */
export function dnsConfigOf(pod: Pod, dns: ClusterDns, host: Required<DNSConfig>): DNSConfig {
  const base = baseOf(pod, dns, host);
  const { nameservers = [], searches = [], options = [] } = pod.spec.dnsConfig ?? {};
  const own = options.map(({ name, value }) => (value === undefined ? `${name}` : `${name}:${value}`));
  const replaced = new Set(own.map((option) => option.split(':')[0]));
  return {
    servers: unique([...base.servers, ...nameservers]),
    searches: unique([...base.searches, ...searches]),
    options: [...base.options.filter((option) => !replaced.has(option.split(':')[0])), ...own],
  };
}

function baseOf(pod: Pod, dns: ClusterDns, host: Required<DNSConfig>): Required<DNSConfig> {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec;
  const wantsCluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  if (!wantsCluster || dns.servers.length === 0) return host;
  const { domain } = dns;
  const searches = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches];
  return { servers: [...dns.servers], searches: unique(searches), options: ['ndots:5'] };
}

const unique = (values: string[]): string[] => [...new Set(values)];
