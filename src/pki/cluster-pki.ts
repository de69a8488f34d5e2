import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import {
  belongsTogether,
  canonicalIp,
  expiresSoon,
  extendedUsageOids,
  type ExtendedUsage,
  inspectCertificate,
  isSignedBy,
} from './certificate.ts';
import { readText, writePublic, writeSecret } from './files.ts';
import { type CertificateSubject, createAuthority, issueCertificate, type KeyPair } from './issue.ts';
import { generateKeyPem, publicKeyPem } from './key.ts';

const dayMs = 86_400_000;
const caLifeMs = 3650 * dayMs;
const leafLifeMs = 365 * dayMs;
/** Backdating lets a machine whose clock is a little behind accept a fresh certificate. */
export const backdateMs = 5 * 60_000;

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

interface Leaf extends CertificateSubject {
  file: string;
  usage: ExtendedUsage;
}

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
      usage: 'server auth',
    }),
    admin: await leaf({
      file: 'admin',
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      usage: 'client auth',
    }),
    kubeletClient: await leaf({
      file: 'apiserver-kubelet-client',
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
      usage: 'client auth',
    }),
    frontProxy: {
      ca: proxyCa,
      client: await leaf({ file: 'front-proxy-client', commonName: frontProxyName, usage: 'client auth' }, proxyCa),
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

async function ensureAuthority(
  dir: string,
  file: string,
  { name, clock }: { name: string; clock: Clock },
): Promise<KeyPair> {
  const [certPath, keyPath] = [join(dir, `${file}.crt`), join(dir, `${file}.key`)];
  const [cert, key] = await Promise.all([readText(certPath), readText(keyPath)]);
  if (cert) {
    if (!key || !belongsTogether(cert, key)) throw new Error(`${keyPath} is not the key of ${file}.crt`);
    if (inspectCertificate(cert).notAfterMs <= clock.now()) throw new Error(`${certPath} has expired`);
    return { cert, key };
  }
  // A key without a certificate has signed nothing yet: an interrupted first start.
  const notBeforeMs = clock.now() - backdateMs;
  const ca = await createAuthority(name, { notBeforeMs, notAfterMs: notBeforeMs + caLifeMs });
  await writeSecret(keyPath, ca.key);
  await writePublic(certPath, ca.cert);
  return ca;
}

async function ensureLeaf(dir: string, args: { ca: KeyPair; wanted: Leaf; clock: Clock }): Promise<KeyPair> {
  const { ca, wanted, clock } = args;
  const [certPath, keyPath] = [join(dir, `${wanted.file}.crt`), join(dir, `${wanted.file}.key`)];
  const [cert, key] = await Promise.all([readText(certPath), readText(keyPath)]);
  if (cert && key && belongsTogether(cert, key) && isAsWanted(cert, args)) return { cert, key };
  const notBeforeMs = clock.now() - backdateMs;
  // No leaf outlives its CA.
  const notAfterMs = Math.min(notBeforeMs + leafLifeMs, inspectCertificate(ca.cert).notAfterMs);
  const pair = await issueCertificate(ca, { ...wanted, usages: [wanted.usage], notBeforeMs, notAfterMs });
  await writeSecret(keyPath, pair.key);
  await writePublic(certPath, pair.cert);
  return pair;
}

function isAsWanted(cert: string, { ca, wanted, clock }: { ca: KeyPair; wanted: Leaf; clock: Clock }): boolean {
  const info = inspectCertificate(cert);
  const hosts = new Set([...info.dnsNames, ...info.ipAddresses]);
  return (
    !expiresSoon(cert, clock) &&
    isSignedBy(new X509Certificate(cert), new X509Certificate(ca.cert)) &&
    info.commonName === wanted.commonName &&
    info.organizations.join() === (wanted.organizations ?? []).join() &&
    info.extendedUsages.includes(extendedUsageOids[wanted.usage]) &&
    (wanted.hosts ?? []).every((host) => hosts.has(host))
  );
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
