import type { APIService } from '../../api/generated/types.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import { remoteHeaders } from '../authn/request-header.ts';
import { mastersGroup } from '../authn/user-info.ts';
import { callHttp, type HttpAnswer } from '../http-call.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { Backend } from '../pass-on.ts';
import { serviceEndpoint } from '../service-endpoint.ts';

/** As long as upstream waits for a discovery document. */
const answerTimeoutMs = 5_000;
/** A document that is larger is not read: the largest real ones have 5 MB. */
const maxDocumentBytes = 16 * 2 ** 20;

/** How this server shows aggregated ones that it may tell who asks. PEM. */
export interface FrontProxyCertificate {
  cert: string;
  key: string;
}

/** Where the server behind an APIService is now, and by what it is known. Throws ServiceUnavailable. */
export function backendOf(
  { spec }: APIService,
  deps: { read: ObjectReader; rng: Rng },
  own: FrontProxyCertificate | undefined,
): Backend {
  const { namespace = '', name = '', port = 443 } = spec.service ?? {};
  const servername = `${name}.${namespace}.svc`;
  const ca = spec.caBundle ? { ca: Buffer.from(spec.caBundle, 'base64').toString() } : {};
  const rejectUnauthorized = !spec.insecureSkipTLSVerify;
  const tls = { servername, rejectUnauthorized, ...ca, cert: own?.cert, key: own?.key };
  return { scheme: 'https', ...serviceEndpoint(deps, { namespace, name, port }), tls };
}

/** Asks a server for a document about itself, under the aggregator's own name. Rejects with why there is none. */
export function fetchDocument(
  { host, port, tls }: Backend,
  path: string,
  { clock, etag }: { clock: Clock; etag?: string | undefined },
): Promise<HttpAnswer> {
  const identity = remoteHeaders({ name: 'system:kube-aggregator', groups: [mastersGroup] });
  const headers = { ...identity, accept: 'application/json', ...(etag ? { 'if-none-match': etag } : {}) };
  const limits = { clock, timeoutMs: answerTimeoutMs, maxBytes: maxDocumentBytes };
  return callHttp({ host, port, path, headers, ...tls }, limits);
}

/** What stands in a condition about a failed attempt. */
export const reasonText = (error: unknown): string =>
  error instanceof StatusError ? (error.status.message ?? '') : (error as Error).message;
