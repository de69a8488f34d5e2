import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rolebindings, roles, secrets } from '../api/generated/resources.ts';
import type { Secret } from '../api/generated/types.ts';
import type { ServingOptions } from '../api/served-versions.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { readText, writeSecret } from '../pki/files.ts';
import { type JoinToken, joinTokenSecretName } from '../pki/join-token.ts';
import { aesGcm } from '../store/sealing/providers.ts';
import type { EtcdLayout } from './etcd/etcd-service.ts';

/** What one more server of a cluster has to have in common with those that there are. */
export interface ServerKeys {
  index: number;
  /** The address of the machine on which the first nodes are. */
  machine: string;
  serving?: ServingOptions | undefined;
  /** Client URLs of the members of etcd. */
  members: string[];
  /** By path in the cluster's folder. */
  files: Record<string, string>;
}

/** Authorities, and what signs tokens: everything else each server makes itself. */
const sharedFiles = [
  ...['ca', 'front-proxy-ca', 'etcd-ca'].flatMap((name) => [`pki/${name}.crt`, `pki/${name}.key`]),
  'pki/sa.key',
  'pki/sa.pub',
];

/** The keys as they are in this cluster's folder, with the files that say how its servers are to behave. */
export async function serverKeysOf(layout: EtcdLayout, members: string[]): Promise<ServerKeys> {
  const { dir, configDir, index, serving, etcd, joined } = layout;
  const config = (await readdir(configDir).catch(() => [])).map((name) => `config/${name}`);
  const texts = await Promise.all(
    [...sharedFiles, ...config].map(async (path) => [path, await readText(join(dir, path))]),
  );
  const files = Object.fromEntries(texts.filter(([, text]) => text !== undefined)) as Record<string, string>;
  return { index, machine: joined?.machine ?? etcd.address, serving, members, files };
}

/** Paths are checked against what there may be: whoever can change the Secret must not choose where a machine writes. */
export async function writeServerKeys(dir: string, { files }: ServerKeys): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    if (!sharedFiles.includes(path) && !/^config\/[\w.-]+$/.test(path)) throw new Error(`unexpected file ${path}`);
    await writeSecret(join(dir, path), text);
  }
}

const providerOf = (key: Uint8Array) => aesGcm('server-keys', Buffer.from(key));
/** What is sealed stands for itself: there is nothing that it must not be put in the place of. */
const context = Buffer.alloc(0);

/** `key`: 32 bytes that never touch the API: a machine is told them beside its token. */
export const seal = (keys: ServerKeys, key: Uint8Array, rng: Rng): Buffer =>
  providerOf(key).seal(Buffer.from(JSON.stringify(keys)), context, rng);

/** Throws when `key` is another one, or the bytes were changed. */
export const unseal = (sealed: Uint8Array, key: Uint8Array): ServerKeys =>
  JSON.parse(providerOf(key).open(Buffer.from(sealed), context).toString('utf8')) as ServerKeys;

const namespace = 'kube-system';
const nameOf = (tokenId: string): string => `knarr-server-keys-${tokenId}`;

/** Puts sealed keys where only the bearer of this token finds them, for as long as there is the token (kubeadm's upload-certs). */
export async function publishServerKeys(client: Client, token: Secret, sealed: Uint8Array): Promise<void> {
  const id = token.metadata.name.slice(joinTokenSecretName('').length);
  const name = nameOf(id);
  const ownerReferences = [
    { apiVersion: 'v1', kind: 'Secret', name: token.metadata.name, uid: token.metadata.uid ?? '' },
  ];
  const metadata = { namespace, name, ownerReferences };
  await client.create(secrets, { metadata, type: 'Opaque', data: { sealed: Buffer.from(sealed).toString('base64') } });
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get'] }];
  await client.create(roles, { metadata, rules });
  const apiGroup = 'rbac.authorization.k8s.io';
  await client.create(rolebindings, {
    metadata,
    roleRef: { apiGroup, kind: 'Role', name },
    subjects: [{ apiGroup, kind: 'User', name: `system:bootstrap:${id}` }],
  });
}

/** `client`: of the bearer of the token. */
export async function fetchServerKeys(client: Client, { id }: JoinToken, key: Uint8Array): Promise<ServerKeys> {
  const { data } = await client.get(secrets, { namespace, name: nameOf(id) });
  return unseal(Buffer.from(data?.['sealed'] ?? '', 'base64'), key);
}
