import { certificatesigningrequests } from '../../api/generated/resources.ts';
import type { CertificateSigningRequest } from '../../api/generated/types.ts';
import { inspectCertificate } from '../../pki/certificate.ts';
import { parseCertificateRequest, signCertificateRequest } from '../../pki/certificate-request.ts';
import { backdateMs } from '../../pki/kept-certificate.ts';
import type { KeyPair, Validity } from '../../pki/issue.ts';
import { type ControllerDefinition, defineController, done, type Result, watch } from '../runtime.ts';
import { isApproved, isRefused, requestPem, signerProblem, signers } from './request-rules.ts';

const defaultLifeMs = 365 * 86_400_000;
const minLifeMs = 10 * 60_000;

/** Signs approved requests of Kubernetes' own signers with the cluster's CA. Other signers belong to other programs. */
export const certificateSigning = (ca: KeyPair): ControllerDefinition =>
  defineController({
    name: 'certificate.signing',
    serviceAccount: 'certificate-controller',
    workers: 1,
    setup(context) {
      const requests = context.informer(certificatesigningrequests);
      return {
        watches: [watch(requests, (request) => [request.metadata.name])],
        async reconcile(key, client): Promise<Result> {
          const request = requests.get(key);
          if (!request || !isWaiting(request)) return done;
          const validity = validityOf(request, ca, context.clock.now());
          const status = await signedStatus(request, ca, validity);
          await client.update(certificatesigningrequests, { ...request, status }, { subresource: 'status' });
          return done;
        },
      };
    },
  });

const isWaiting = (request: CertificateSigningRequest): boolean =>
  (Object.values(signers) as string[]).includes(request.spec.signerName) &&
  isApproved(request) &&
  !isRefused(request) &&
  !request.status?.certificate;

/** As long as asked for, at most a year, at least ten minutes, never longer than the CA itself. */
export function validityOf(request: CertificateSigningRequest, ca: KeyPair, nowMs: number): Validity {
  const asked = request.spec.expirationSeconds;
  const lifeMs = asked ? Math.min(Math.max(asked * 1000, minLifeMs), defaultLifeMs) : defaultLifeMs;
  const authority = inspectCertificate(ca.cert);
  return {
    notBeforeMs: Math.max(nowMs - backdateMs, authority.notBeforeMs),
    notAfterMs: Math.min(nowMs + lifeMs, authority.notAfterMs),
  };
}

/** The status with the certificate, or with the condition `Failed` when the request breaks its signer's rules. */
async function signedStatus(
  request: CertificateSigningRequest,
  ca: KeyPair,
  validity: Validity,
): Promise<CertificateSigningRequest['status']> {
  const pem = requestPem(request);
  const problem = await parseCertificateRequest(pem).then(
    (info) => signerProblem(request, info),
    (error: Error) => `unable to parse CSR ${JSON.stringify(request.metadata.name)}: ${error.message}`,
  );
  if (problem) {
    const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: problem };
    return { ...request.status, conditions: [...(request.status?.conditions ?? []), failed] };
  }
  const certificate = await signCertificateRequest(ca, { pem, usages: request.spec.usages ?? [], ...validity });
  return { ...request.status, certificate: Buffer.from(certificate).toString('base64') };
}
