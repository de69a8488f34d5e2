import { certificatesigningrequests } from '../../api/generated/resources.ts';
import type { CertificateSigningRequest } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { inspectCertificate } from '../../pki/certificate.ts';
import { defineController, done, requeueAfter, type Result, watch } from '../runtime.ts';

const hourMs = 3_600_000;
const decidedLifeMs = hourMs;
const pendingLifeMs = 24 * hourMs;

/** Requests that are over are removed: an hour after their decision, a day after nobody decided. */
export const certificateCleanup = defineController({
  name: 'certificate.cleanup',
  serviceAccount: 'certificate-controller',
  workers: 1,
  setup(context) {
    const requests = context.informer(certificatesigningrequests);
    return {
      watches: [watch(requests, (request) => [request.metadata.name])],
      async reconcile(key, client): Promise<Result> {
        const request = requests.get(key);
        if (!request) return done;
        const leftMs = endMs(request) - context.clock.now();
        if (leftMs > 0) return requeueAfter(leftMs);
        const { uid, resourceVersion } = request.metadata;
        await client
          .delete(certificatesigningrequests, { name: key }, { preconditions: { uid, resourceVersion } })
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
        return done;
      },
    };
  },
});

/** When the request has no more use, in epoch milliseconds. */
export function endMs(request: CertificateSigningRequest): number {
  const { certificate, conditions = [] } = request.status ?? {};
  const created = Date.parse(request.metadata.creationTimestamp ?? '');
  const decided = conditions.map((c) => Date.parse(c.lastUpdateTime ?? '') || created);
  const end = decided.length ? Math.max(...decided) + decidedLifeMs : created + pendingLifeMs;
  return certificate ? Math.min(end, expiry(certificate)) : end;
}

/** A certificate of a foreign signer may be anything; it does not shorten the request's life. */
function expiry(certificate: string): number {
  try {
    return inspectCertificate(Buffer.from(certificate, 'base64')).notAfterMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
