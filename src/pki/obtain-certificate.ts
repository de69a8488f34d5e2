import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { certificatesigningrequests } from '../api/generated/resources.ts';
import type { CertificateSigningRequest } from '../api/generated/types.ts';
import { isAlreadyExists } from '../api/meta/status-error.ts';
import type { Manifest, ObjectKey, Resource } from '../api/resource.ts';
import { backoffMs } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { belongsTogether } from './certificate.ts';
import { createCertificateRequest } from './certificate-request.ts';
import { readText, writeSecret } from './files.ts';
import type { CertificateSubject, KeyPair } from './issue.ts';
import { generateKeyPem, publicKeyPem } from './key.ts';

/** The part of `Client` that is needed here: this room does not know how requests travel. */
export interface RequestClient {
  get(resource: Resource<CertificateSigningRequest>, key: ObjectKey): Promise<CertificateSigningRequest>;
  create(
    resource: Resource<CertificateSigningRequest>,
    object: Manifest<CertificateSigningRequest>,
  ): Promise<CertificateSigningRequest>;
  watch(
    resource: Resource<CertificateSigningRequest>,
    options: { fieldSelector?: string; resourceVersion?: string },
    sink: { events(batch: RequestEvent[]): void; end(error?: unknown): void },
  ): { stop(): void };
}

interface RequestEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: CertificateSigningRequest;
}

/** `client`: who the node is towards the API server. `serving`: its own HTTPS, valid for its addresses. */
export interface WantedCertificate {
  purpose: 'client' | 'serving';
  nodeName: string;
  /** DNS names and IP addresses (serving only). */
  addresses?: string[];
  /** Certificate and key in one file, so that the two always fit. Mode 0600. */
  file: string;
}

export interface ObtainDeps {
  /** With the join token for the first certificate, with the node's own for the next ones. */
  client: RequestClient;
  clock: Clock;
  signal?: AbortSignal;
}

/** The signer refused: asking again with the same key is useless. */
export class CertificateRefused extends Error {
  constructor(why: string) {
    super(`the certificate request was refused: ${why}`);
    this.name = 'CertificateRefused';
  }
}

const signerNames = {
  client: 'kubernetes.io/kube-apiserver-client-kubelet',
  serving: 'kubernetes.io/kubelet-serving',
} as const;
const usages = {
  client: ['digital signature', 'client auth'],
  serving: ['digital signature', 'server auth'],
} as const;

/**
 * Asks for a certificate by a CertificateSigningRequest, waits until it is signed, stores and returns it. The key is kept
 * beside the file while the request is open: a restart goes on with the same request. Waits as long as it takes (a person may
 * have to approve); rejects with `CertificateRefused`, with the API's errors for the first request, or when `signal` aborts.
 */
export async function obtainCertificate(deps: ObtainDeps, wanted: WantedCertificate): Promise<KeyPair> {
  const pendingFile = `${wanted.file}.pending-key`;
  let key = await readText(pendingFile);
  if (!key) {
    key = generateKeyPem();
    await writeSecret(pendingFile, key);
  }
  try {
    const name = await ensureRequest(deps, wanted, key);
    const cert = await signedCertificate(deps, name);
    if (!belongsTogether(cert, key)) throw new CertificateRefused('the certificate is for another key');
    await writeSecret(wanted.file, cert + key);
    await rm(pendingFile, { force: true });
    return { cert, key };
  } catch (error) {
    // A refused request stays refused: the next try needs another key, and so another name.
    if (error instanceof CertificateRefused) await rm(pendingFile, { force: true });
    throw error;
  }
}

function subjectOf({ nodeName, purpose, addresses }: WantedCertificate): CertificateSubject {
  const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
  return purpose === 'serving' ? { ...subject, hosts: addresses ?? [] } : subject;
}

/** The request's name follows from key and wish: asking twice is one request. */
async function ensureRequest(deps: ObtainDeps, wanted: WantedCertificate, key: string): Promise<string> {
  const subject = subjectOf(wanted);
  const identity = JSON.stringify([publicKeyPem(key), wanted.purpose, subject]);
  const name = `node-csr-${createHash('sha256').update(identity).digest('hex').slice(0, 43)}`;
  const pem = await createCertificateRequest(key, subject);
  const spec = {
    request: Buffer.from(pem).toString('base64'),
    signerName: signerNames[wanted.purpose],
    usages: [...usages[wanted.purpose]],
  };
  await deps.client.create(certificatesigningrequests, { metadata: { name }, spec }).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
  return name;
}

/** Reads, then watches; a watch that ends is started again from a fresh read. */
async function signedCertificate(deps: ObtainDeps, name: string): Promise<string> {
  for (let failures = 0; ; failures++) {
    deps.signal?.throwIfAborted();
    if (failures > 0) await sleep(deps.clock, backoffMs(failures, { baseMs: 200, maxMs: 10_000 }), deps.signal);
    const request = await deps.client.get(certificatesigningrequests, { name });
    const certificate = outcomeOf(request) ?? (await watchForCertificate(deps, request));
    if (certificate) return certificate;
  }
}

/** The signed certificate; undefined while the request is open. Throws when it was refused. */
function outcomeOf({ status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find((c) => (c.type === 'Denied' || c.type === 'Failed') && c.status === 'True');
  if (refusal) throw new CertificateRefused(refusal.message ?? refusal.reason ?? refusal.type);
  return status?.certificate ? Buffer.from(status.certificate, 'base64').toString() : undefined;
}

/** Undefined when the watch ended before the request was decided. */
function watchForCertificate(deps: ObtainDeps, request: CertificateSigningRequest): Promise<string | undefined> {
  const { name, resourceVersion } = request.metadata;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      handle?.stop();
      deps.signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => finish(() => reject(deps.signal?.reason));
    const options = { fieldSelector: `metadata.name=${name}`, resourceVersion };
    const handle = deps.client.watch(certificatesigningrequests, options, {
      events(batch) {
        for (const { type, object } of batch) {
          if (type === 'BOOKMARK') continue;
          try {
            if (type === 'DELETED') throw new CertificateRefused('the request was deleted');
            const certificate = outcomeOf(object);
            if (certificate) return finish(() => resolve(certificate));
          } catch (error) {
            return finish(() => reject(error));
          }
        }
      },
      end: () => finish(() => resolve(undefined)),
    });
    deps.signal?.addEventListener('abort', onAbort, { once: true });
  });
}
