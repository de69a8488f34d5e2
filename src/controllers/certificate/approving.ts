import { certificatesigningrequests, nodes, subjectaccessreviews } from '../../api/generated/resources.ts';
import type { CertificateSigningRequest, SubjectAccessReview } from '../../api/generated/types.ts';
import type { Client } from '../../client/client.ts';
import { parseCertificateRequest } from '../../pki/certificate-request.ts';
import { defineController, done, requeueAfter, type Result, watch } from '../runtime.ts';
import {
  isApproved,
  isRefused,
  recognizeClient,
  recognizeServing,
  type Recognition,
  requestPem,
  signers,
} from './request-rules.ts';

/** How soon a request is looked at again whose sender was not allowed: his roles may change without an event for us. */
const askAgainMs = 60_000;

/** Approves the certificates that nodes ask for themselves. All others wait for a person (`kubectl certificate approve`). */
export const certificateApproving = defineController({
  name: 'certificate.approving',
  serviceAccount: 'certificate-controller',
  workers: 1,
  setup(context) {
    const requests = context.informer(certificatesigningrequests);
    const allNodes = context.informer(nodes);
    const waiting = (node: string) =>
      requests
        .list()
        .filter((r) => r.spec.signerName === signers.kubeletServing && r.spec.username === `system:node:${node}`)
        .map((r) => r.metadata.name);

    async function recognize(request: CertificateSigningRequest): Promise<Recognition> {
      const info = await parseCertificateRequest(requestPem(request));
      if (request.spec.signerName === signers.kubeletClient) return recognizeClient(request, info);
      return recognizeServing(request, info, allNodes.list());
    }

    return {
      watches: [
        watch(requests, (request) => [request.metadata.name]),
        watch(
          allNodes,
          (node) => waiting(node.metadata.name),
          (old, node) => JSON.stringify(old.status?.addresses) !== JSON.stringify(node.status?.addresses),
        ),
      ],
      async reconcile(key, client): Promise<Result> {
        const request = requests.get(key);
        if (!request || isApproved(request) || isRefused(request)) return done;
        const { signerName } = request.spec;
        if (signerName !== signers.kubeletClient && signerName !== signers.kubeletServing) return done;
        const found = await recognize(request).catch(
          (error: Error): Recognition => ({ type: 'leave', why: error.message }),
        );
        if (found.type === 'leave') {
          context.log.info({ request: key, why: found.why }, 'left a certificate request to a person');
          return done;
        }
        if (found.type === 'ask' && !(await isAllowed(client, request, found.subresource)))
          return requeueAfter(askAgainMs);
        await approve(client, request, found.message);
        return done;
      },
    };
  },
});

async function isAllowed(client: Client, request: CertificateSigningRequest, subresource: string): Promise<boolean> {
  const { username, uid, groups, extra } = request.spec;
  const resourceAttributes = {
    group: certificatesigningrequests.group,
    resource: certificatesigningrequests.resource,
    verb: 'create',
    subresource,
  };
  const answer: SubjectAccessReview = await client.create(subjectaccessreviews, {
    metadata: {},
    spec: { user: username, uid, groups, extra, resourceAttributes },
  });
  return answer.status.allowed;
}

async function approve(client: Client, request: CertificateSigningRequest, message: string): Promise<void> {
  const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
  const conditions = [...(request.status?.conditions ?? []), condition];
  const approved = { ...request, status: { ...request.status, conditions } };
  await client.update(certificatesigningrequests, approved, { subresource: 'approval' });
}
