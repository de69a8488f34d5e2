import { join } from 'node:path';
import { endpointslices } from '../../api/generated/resources.ts';
import type { EndpointSlice } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { TurnWriter } from '../../base/turn-writer.ts';
import type { Informers } from '../../client/informers.ts';
import type { ServerList } from '../../client/server-list.ts';
import { readText, writePublic } from '../../pki/files.ts';
import type { NodeOptions } from './node-process.ts';

type Place = Pick<NodeOptions, 'dir' | 'server'>;

const fileOf = ({ dir }: Place): string => join(dir, 'servers.json');

/** The server that the node was told of, and those that it has heard of since: it may have to start while the first is down. */
export async function rememberedServers(place: Place): Promise<string[]> {
  const text = await readText(fileOf(place));
  const known = text === undefined ? [] : (JSON.parse(text) as string[]);
  return [...new Set([place.server, ...known])];
}

/** URLs of the servers behind the `kubernetes` service, in order. */
export function serversOf(slices: readonly EndpointSlice[]): string[] {
  const urls = slices.flatMap(({ endpoints, ports }) =>
    (endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses)
      .map((address) => `https://${address}:${ports?.[0]?.port}`),
  );
  return [...new Set(urls)].sort();
}

const isOfServers = ({ metadata }: EndpointSlice): boolean =>
  metadata.namespace === 'default' && metadata.labels?.['kubernetes.io/service-name'] === 'kubernetes';

interface FollowDeps {
  clock: Clock;
  informers: Informers;
  log: Logger;
}

/** Keeps the list of servers to those that serve, and remembers it. The node's own stays: it may come back. */
export function followServers({ clock, informers, log }: FollowDeps, servers: ServerList, place: Place): void {
  const informer = informers.informer(endpointslices);
  let known: readonly string[] = [];
  const memory = new TurnWriter({
    clock,
    log,
    what: 'the list of servers',
    write: () => writePublic(fileOf(place), JSON.stringify(known)),
  });
  const look = (slice: EndpointSlice) => {
    if (!isOfServers(slice)) return;
    const urls = serversOf(informer.list('default').filter(isOfServers));
    if (urls.length === 0 || urls.join() === known.join()) return;
    known = urls;
    servers.use([...new Set([place.server, ...urls])]);
    memory.touch();
  };
  informer.addHandler({ added: look, updated: (_, slice) => look(slice), deleted: look });
}
