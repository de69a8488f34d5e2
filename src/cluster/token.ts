import { secrets } from '../api/generated/resources.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { generateJoinToken, joinTokenSecret, joinTokenText } from '../pki/join-token.ts';
import type { RunCommand } from '../host/command.ts';
import { adminClient } from './admin-client.ts';
import { EtcdMembers } from './etcd/etcd-members.ts';
import type { EtcdLayout } from './etcd/etcd-service.ts';
import type { ClusterLayout } from './layout.ts';
import { publishServerKeys, seal, serverKeysOf } from './server-keys.ts';
import { clusterCaHash } from './services.ts';

const hourMs = 3_600_000;

export interface CreatedToken {
  token: string;
  /** By which machines know the cluster. */
  caHash: string;
  expires: string;
  /** With it a machine becomes a server, too: whoever has it and the token has the keys of the cluster. */
  serverKey?: string;
}

interface TokenOptions {
  hours: number;
  /** The layout of a cluster of which machines may become servers. */
  servers?: EtcdLayout | undefined;
}

/** A token that lets machines join for some hours. */
export async function createToken(
  deps: { clock: Clock; rng: Rng; log: Logger; run: RunCommand },
  layout: ClusterLayout,
  { hours, servers }: TokenOptions,
): Promise<CreatedToken> {
  const token = generateJoinToken(deps.rng);
  const expiresAtMs = deps.clock.now() + hours * hourMs;
  const made = { token: joinTokenText(token), caHash: await clusterCaHash(layout), expires: isoTime(expiresAtMs) };
  const admin = await adminClient(layout, deps);
  try {
    const wanted = joinTokenSecret(token, { expiresAtMs, description: 'knarr token create' });
    const secret = await admin.client.create(secrets, wanted);
    if (!servers) return made;
    const members = await new EtcdMembers(deps, servers, [servers.etcd.localUrl]).list();
    const keys = await serverKeysOf(
      servers,
      members.flatMap(({ clientUrls }) => clientUrls),
    );
    const key = deps.rng.bytes(32);
    await publishServerKeys(admin.client, secret, seal(keys, key, deps.rng));
    return { ...made, serverKey: Buffer.from(key).toString('base64url') };
  } finally {
    admin.close();
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
