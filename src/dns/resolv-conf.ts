import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
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

/** The second one has the real servers where systemd-resolved puts itself, on the loopback, into the first. */
const resolvConfFiles = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** Go's resolver looks as often, and like it only when it is asked something. */
const freshMs = 5000;

export interface ResolvConfOptions {
  /** The cluster DNS itself is none of its upstreams. */
  ownAddress: string;
  /** The first that names a server counts. */
  files?: readonly string[];
}

/** The upstreams as the machine's resolver configuration has them now: it changes when a machine moves between networks. */
export function followResolvConf(
  { clock }: { clock: Clock },
  { ownAddress, files = resolvConfFiles }: ResolvConfOptions,
): () => Promise<readonly string[]> {
  let known: { servers: Promise<string[]>; untilMs: number } | undefined;
  return () => {
    if (!known || clock.now() >= known.untilMs || clock.now() < known.untilMs - freshMs) {
      known = { servers: read(files, ownAddress), untilMs: clock.now() + freshMs };
    }
    return known.servers;
  };
}

async function read(files: readonly string[], ownAddress: string): Promise<string[]> {
  for (const file of files) {
    const servers = upstreamsOf(await readFile(file, 'utf8').catch(() => ''), ownAddress);
    if (servers.length > 0) return servers;
  }
  return [];
}
