import { parseIPv4 } from '../base/ipv4.ts';

/** As many as a resolver would ask. */
const maxServers = 3;

/**
 * The name servers of a resolv.conf that this node can ask: IPv4, not on its own loopback (a stub resolver of the machine
 * does not listen in another network namespace), not the cluster DNS itself.
 */
export function upstreamsOf(resolvConf: string, ownAddress: string): string[] {
  const servers = resolvConf.split('\n').flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
  const usable = servers.filter((server) => {
    const value = parseIPv4(server);
    return value !== undefined && value >>> 24 !== 127 && server !== ownAddress;
  });
  return [...new Set(usable)].slice(0, maxServers);
}
