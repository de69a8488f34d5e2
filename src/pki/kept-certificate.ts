import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import {
  belongsTogether,
  expiresSoon,
  type ExtendedUsage,
  extendedUsageOids,
  inspectCertificate,
  isSignedBy,
} from './certificate.ts';
import { readText, writePublic, writeSecret } from './files.ts';
import { type CertificateSubject, createAuthority, issueCertificate, type KeyPair } from './issue.ts';

const dayMs = 86_400_000;
export const caLifeMs = 3650 * dayMs;
const leafLifeMs = 365 * dayMs;
/** Backdating lets a machine whose clock is a little behind accept a fresh certificate. */
export const backdateMs = 5 * 60_000;

/** A certificate that a folder is to have. */
export interface Leaf extends CertificateSubject {
  /** Without an ending: `.crt` and `.key` are added. */
  file: string;
  usages: ExtendedUsage[];
  /** A year unless told. */
  lifeMs?: number;
}

/** The CA `file` of a folder, made once and never replaced. Throws when its key is lost or it has expired. */
export async function ensureAuthority(
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

/** The certificate of a folder, made when it is missing, and again when it is near its end, of another CA or lacks a name. */
export async function ensureLeaf(dir: string, args: { ca: KeyPair; wanted: Leaf; clock: Clock }): Promise<KeyPair> {
  const { ca, wanted, clock } = args;
  const [certPath, keyPath] = [join(dir, `${wanted.file}.crt`), join(dir, `${wanted.file}.key`)];
  const [cert, key] = await Promise.all([readText(certPath), readText(keyPath)]);
  if (cert && key && belongsTogether(cert, key) && isAsWanted(cert, args)) return { cert, key };
  const notBeforeMs = clock.now() - backdateMs;
  // No leaf outlives its CA.
  const notAfterMs = Math.min(notBeforeMs + (wanted.lifeMs ?? leafLifeMs), inspectCertificate(ca.cert).notAfterMs);
  const pair = await issueCertificate(ca, { ...wanted, notBeforeMs, notAfterMs });
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
    wanted.usages.every((usage) => info.extendedUsages.includes(extendedUsageOids[usage])) &&
    (wanted.hosts ?? []).every((host) => hosts.has(host))
  );
}
