import { mkdir } from 'node:fs/promises';
import { createClient } from '../client/typed-client.ts';
import { HttpsTransport } from '../client/https.ts';
import { ensureEtcdPki } from '../pki/etcd-pki.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { findCluster, placeJoined } from './cluster-identity.ts';
import { EtcdMembers } from './etcd/etcd-members.ts';
import { configureMember, type EtcdLayout, hasEtcd, isConfigured } from './etcd/etcd-service.ts';
import { startEtcd } from './etcd/start-etcd.ts';
import type { ClusterLayout } from './layout.ts';
import { discoverCa } from './node/discover-ca.ts';
import { fetchServerKeys, type ServerKeys, writeServerKeys } from './server-keys.ts';
import { etcdServiceName, type Program, serverServiceName, serverService } from './services.ts';
import { startServer } from './start-service.ts';
import { StepFailure } from './step-failure.ts';
import { supervisionOf } from './supervision.ts';
import type { UpDeps } from './up.ts';

export interface ServerJoin {
  home: string;
  cluster: string;
  program: Program;
  /** By which other machines reach this one. */
  address: string;
  /** A server that there is, the hash of its CA, a token and the key that it was made with: needed the first time. */
  server: string;
  caHash: string;
  token?: string | undefined;
  key?: string | undefined;
}

/**
 * Makes this machine one more server of a cluster: the keys of the others, a member of their etcd, an API server with
 * controllers and scheduler. Each step finds what an interrupted one has left. Again, it starts what does not run.
 */
export async function joinServers(deps: UpDeps, options: ServerJoin): Promise<EtcdLayout> {
  const { steps } = deps;
  const layout = await steps.run('keys of the other servers', () => placeOf(deps, options));
  const supervision = await supervisionOf(deps, layout);
  const members = await startEtcd(deps, { layout, supervision });
  const service = serverService(layout, options.program, members);
  await steps.run(`server ${layout.advertisedUrl}`, () => startServer(deps, { layout, supervision, service }));
  return layout;
}

/** The cluster's folder on this machine, with the keys and the place in etcd that make its server one of them. */
async function placeOf(deps: UpDeps, options: ServerJoin): Promise<EtcdLayout> {
  const known = await findCluster(options.home, options.cluster);
  if (known && hasEtcd(known) && isConfigured(known)) return known;
  const keys = await keysFor(deps, options);
  const { index, machine, serving, members } = keys;
  const { home, cluster: name, address: advertise } = options;
  const layout = await placeJoined({
    name,
    index,
    home,
    advertise,
    serving,
    hasEtcd: true,
    joined: { machine, members },
  });
  if (!hasEtcd(layout)) throw new Error('a server that joins has an address');
  await writeServerKeys(layout.dir, keys);
  await addMember(deps, layout, members);
  return layout;
}

async function keysFor(deps: UpDeps, { server, caHash, token: text = '', key = '' }: ServerJoin): Promise<ServerKeys> {
  const token = parseJoinToken(text);
  if (!token || !key) {
    throw new StepFailure('a server needs a token of its own kind, and its key', {
      next: "./knarr token create --server, on a server's machine, prints the command that does it",
    });
  }
  const ca = await discoverCa(server, caHash);
  const transport = new HttpsTransport(deps, { server, ca, credentials: { token: text } });
  try {
    return await fetchServerKeys(createClient(transport), token, Buffer.from(key, 'base64url'));
  } finally {
    transport.close();
  }
}

/** Tells the others of this machine's member, unless an interrupted join has, and the member of them. */
async function addMember(deps: UpDeps, layout: EtcdLayout, urls: readonly string[]): Promise<void> {
  const { etcd, pkiDir } = layout;
  await mkdir(etcd.dir, { recursive: true, mode: 0o700 });
  await ensureEtcdPki(pkiDir, { clock: deps.clock, address: etcd.address });
  const members = new EtcdMembers(deps, layout, urls);
  const present = await members.list();
  if (!present.some(({ peerUrl }) => peerUrl === etcd.peerUrl)) await members.addLearner(etcd);
  const others = present.filter(({ peerUrl }) => peerUrl !== etcd.peerUrl);
  await configureMember(deps, layout, Object.fromEntries(others.map(({ name, peerUrl }) => [name, peerUrl])));
}

/** Takes the server of this machine out of those of the cluster; its folder stays. Does nothing where there is none. */
export async function leaveServers(deps: UpDeps, layout: ClusterLayout): Promise<void> {
  const supervision = await supervisionOf(deps, layout);
  await deps.steps.run('server: stopped', () => supervision.stop(serverServiceName));
  if (!hasEtcd(layout)) return;
  await deps.steps.run('etcd: left', async () => {
    const { etcd } = layout;
    await new EtcdMembers(deps, layout, [etcd.localUrl]).remove(etcd.peerUrl).catch((error: unknown) => {
      const how = `etcdctl member remove, on another server's machine, takes it out`;
      deps.steps.note(`the others still count on the member ${etcd.peerUrl} (${how}): ${String(error)}`);
    });
    await supervision.stop(etcdServiceName);
  });
}
