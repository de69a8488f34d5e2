import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../base/clock.ts';
import { HttpsTransport } from '../../client/https.ts';
import { ServerList } from '../../client/server-list.ts';
import { createClient } from '../../client/typed-client.ts';
import { readText, writePublic } from '../../pki/files.ts';
import type { KeyPair } from '../../pki/issue.ts';
import { NodeCertificates } from '../../pki/node-bootstrap.ts';
import { discoverCa } from './discover-ca.ts';
import { rememberedServers } from './follow-servers.ts';
import type { NodeDeps, NodeOptions } from './node-process.ts';

/** Who a node is to the server, and how it reaches it. */
export interface NodeIdentity {
  ca: string;
  /** Speaks as the node itself, also after its certificate was renewed. */
  transport: HttpsTransport;
  certificates: NodeCertificates;
  /** Those that it has been told of; `follow-servers.ts` keeps them. */
  servers: ServerList;
}

/** The server may start later than the node: it is asked again this often, at first. */
const firstPauseMs = 50;
const maxPauseMs = 5000;

/**
 * From a URL, a token and the hash of a CA to a client with the node's own certificate; the token is needed once, and again
 * only by a node that has slept until its certificate ran out. `onServing` is called with each renewed serving certificate.
 */
export async function obtainIdentity(
  deps: NodeDeps,
  options: NodeOptions,
  onServing: (pair: KeyPair) => void,
): Promise<NodeIdentity> {
  const { clock, rng, log } = deps;
  const dir = join(options.dir, 'pki');
  const ca = await knownCa(deps, options, join(dir, 'ca.crt'));
  const token = options.token ?? (options.tokenFile ? (await readFile(options.tokenFile, 'utf8')).trim() : undefined);
  const servers = new ServerList(await rememberedServers(options));
  const base = { server: servers, ca, userAgent: 'knarr-node' };
  let transport: HttpsTransport | undefined;
  const certificates = new NodeCertificates(
    {
      clock,
      rng,
      log,
      clientFor(current) {
        const helper = new HttpsTransport(deps, { ...base, credentials: current ?? { token } });
        return { client: createClient(helper), close: () => helper.close() };
      },
      onRenewed(purpose: 'client' | 'serving', pair: KeyPair) {
        if (purpose === 'client') transport?.useCredentials(pair);
        else onServing(pair);
      },
    },
    { nodeName: options.name, dir },
  );
  const own = await certificates.client();
  transport = new HttpsTransport(deps, { ...base, credentials: own });
  return { ca, transport, certificates, servers };
}

/** The CA that this node has met before, else the one that the server shows and the hash confirms. */
async function knownCa({ clock, log }: NodeDeps, options: NodeOptions, file: string): Promise<string> {
  const known = await readText(file);
  if (known) return known;
  return persistently({ clock, log }, async () => {
    const ca = await discoverCa(options.server, options.caHash);
    await writePublic(file, ca);
    return ca;
  });
}

/** Asks until the server answers: both may start at the same time, or the server may be down when a node is restarted. */
export async function persistently<T>(
  { clock, log }: Pick<NodeDeps, 'clock' | 'log'>,
  ask: () => Promise<T>,
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    try {
      return await ask();
    } catch (error) {
      log.info({ why: String(error) }, 'the server does not answer yet');
      await sleep(clock, pauseMs);
    }
  }
}
