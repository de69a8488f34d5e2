import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Informers } from '../client/informers.ts';
import { outputOf, type RunCommand } from '../host/command.ts';
import { Forwarder } from './forwarder.ts';
import { informerRecords } from './informer-records.ts';
import { listen } from './listener.ts';
import { Resolver } from './resolver.ts';

export interface DnsDeps {
  informers: Informers;
  /** Runs programs in the network namespace that this process listens in. */
  run: RunCommand;
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface DnsOptions {
  /** `cluster.local`. */
  clusterDomain: string;
  /** The cluster DNS address; it is added to `lo` while the server runs. */
  address: string;
  /** Addresses of the servers for all other names, now; see `followResolvConf`. */
  upstreams: () => Promise<readonly string[]>;
  /** 53 unless told; 0 takes a free one. */
  port?: number;
  /** 5 unless told. */
  ttlSeconds?: number;
  /** Pod and service blocks: nobody else knows their reverse names. */
  ownBlocks?: readonly string[];
}

export interface DnsServer {
  port: number;
  /** Stops listening and takes the address away. */
  stop(): Promise<void>;
}

/**
 * The cluster's name server on this node, at the cluster DNS address on `lo`: pods reach it without any translation, and
 * a node whose link to the server is cut still answers. Asks for its informers, does not start them; until they have their
 * first list, cluster names are answered with SERVFAIL. Rejects when the address cannot be added or listened on.
 */
export async function startDns(deps: DnsDeps, options: DnsOptions): Promise<DnsServer> {
  const { informers, run, clock, rng, log } = deps;
  const { clusterDomain: domain, address, port = 53, ttlSeconds = 5, ownBlocks = [] } = options;
  const upstreams = async () => (await options.upstreams()).map((upstream) => ({ address: upstream, port: 53 }));
  const forwarder = new Forwarder({ clock, rng, log }, { upstreams });
  const records = informerRecords(informers);
  const zone = { domain, address, ttlSeconds, ownBlocks };
  const resolver = new Resolver({ records, forwarder, rng, log }, zone);
  const onLo = (verb: string) =>
    outputOf(run, { program: 'ip', args: ['addr', verb, `${address}/32`, 'dev', 'lo'] }).then(() => {});
  await onLo('replace');
  try {
    const listener = await listen({ resolver, clock }, { address, port });
    log.info({ address, port: listener.port, upstreams: await options.upstreams() }, 'cluster DNS listens');
    return {
      port: listener.port,
      async stop() {
        await listener.close();
        await onLo('del');
      },
    };
  } catch (error) {
    await onLo('del');
    throw error;
  }
}
