import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { canonicalIp } from './certificate.ts';
import { readText, writePublic, writeSecret } from './files.ts';
import type { KeyPair } from './issue.ts';
import { ensureAuthority, ensureLeaf, type Leaf } from './kept-certificate.ts';
import { generateKeyPem, publicKeyPem } from './key.ts';

/** All certificates and keys of a control plane, PEM. */
export interface ClusterPki {
  ca: KeyPair;
  /** Serves HTTPS. */
  apiserver: KeyPair;
  /** The first administrator: user kubernetes-admin, group system:masters. */
  admin: KeyPair;
  /** The API server towards the nodes' HTTPS. */
  kubeletClient: KeyPair;
  /** Vouches for who asks, towards aggregated API servers: an authority of its own, so that no user's certificate does. */
  frontProxy: { ca: KeyPair; client: KeyPair };
  /** Signs service account tokens (ES256). */
  serviceAccount: { key: string; publicKey: string };
}

export interface ClusterPkiOptions {
  clock: Clock;
  /** The cluster's name: part of the CA's common name. */
  clusterName?: string;
  /** More DNS names and addresses that the API server is reached by. */
  names?: string[];
  addresses?: string[];
  /** The ClusterIP of the `kubernetes` service. */
  serviceAddress?: string;
}

/** The only name for which aggregated servers, and this one, take another's word on who asks. */
export const frontProxyName = 'front-proxy-client';

/**
 * Makes what is missing in `dir` and renews what is near its end, was signed by another CA or lacks a name. A folder that is
 * complete and valid is only read. A CA is made once and never replaced: throws when its key is lost or it has expired.
 */
export async function ensureClusterPki(dir: string, options: ClusterPkiOptions): Promise<ClusterPki> {
  const name = options.clusterName ? `kubernetes-${options.clusterName}` : 'kubernetes';
  const ca = await ensureAuthority(dir, 'ca', { name, clock: options.clock });
  const proxyCa = await ensureAuthority(dir, 'front-proxy-ca', { name: 'front-proxy-ca', clock: options.clock });
  const leaf = (wanted: Leaf, by = ca) => ensureLeaf(dir, { ca: by, wanted, clock: options.clock });
  return {
    ca,
    apiserver: await leaf({
      file: 'apiserver',
      commonName: 'kube-apiserver',
      hosts: serverHosts(options),
      usages: ['server auth'],
    }),
    admin: await leaf({
      file: 'admin',
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      usages: ['client auth'],
    }),
    kubeletClient: await leaf({
      file: 'apiserver-kubelet-client',
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
      usages: ['client auth'],
    }),
    frontProxy: {
      ca: proxyCa,
      client: await leaf({ file: 'front-proxy-client', commonName: frontProxyName, usages: ['client auth'] }, proxyCa),
    },
    serviceAccount: await ensureServiceAccountKey(dir),
  };
}

function serverHosts(options: ClusterPkiOptions): string[] {
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const hosts = [...service, 'localhost', ...(options.names ?? []), '127.0.0.1', options.serviceAddress ?? '10.96.0.1'];
  return [...new Set([...hosts, ...(options.addresses ?? []).map(canonicalIp)])];
}

/** Tokens outlive restarts, so this key is made once. */
async function ensureServiceAccountKey(dir: string): Promise<ClusterPki['serviceAccount']> {
  const path = join(dir, 'sa.key');
  let key = await readText(path);
  if (!key) {
    key = generateKeyPem();
    await writeSecret(path, key);
    await writePublic(join(dir, 'sa.pub'), publicKeyPem(key));
  }
  return { key, publicKey: publicKeyPem(key) };
}
