import type { CertificateSigningRequest, ClusterTrustBundle } from '../../api/generated/types.ts';
import { parseCertificateRequest } from '../../pki/certificate-request.ts';
import { mastersGroup } from '../authn/user-info.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

const group = 'certificates.k8s.io';
const resource = `certificatesigningrequests.${group}`;

/** Whether the user holds a verb on a signer, by its name or its whole domain (`example.com/*`). */
async function maySign(
  { authorizer, user }: AdmissionContext,
  verb: 'approve' | 'sign' | 'attest',
  signerName: string,
): Promise<boolean> {
  const domain = signerName.slice(0, signerName.indexOf('/'));
  for (const name of [signerName, `${domain}/*`]) {
    const { allowed } = await authorizer.authorize(user, { verb, group, version: '*', resource: 'signers', name });
    if (allowed) return true;
  }
  return false;
}

/** Who approves a request must be allowed to `approve` for its signer. */
export const certificateApproval = definePlugin<CertificateSigningRequest>({
  name: 'CertificateApproval',
  verbs: ['update'],
  resources: [`${resource}/approval`],
  async validate(context) {
    const { signerName } = (context.old as CertificateSigningRequest).spec;
    if (await maySign(context, 'approve', signerName)) return;
    throw refused(context, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
  },
});

/** Who puts a certificate or a condition into the status must be allowed to `sign` for the signer. */
export const certificateSigning = definePlugin<CertificateSigningRequest>({
  name: 'CertificateSigning',
  verbs: ['update'],
  resources: [`${resource}/status`],
  async validate(context) {
    const [request, old] = [context.object as CertificateSigningRequest, context.old as CertificateSigningRequest];
    const changed =
      request.status?.certificate !== old.status?.certificate ||
      JSON.stringify(request.status?.conditions ?? []) !== JSON.stringify(old.status?.conditions ?? []);
    const { signerName } = old.spec;
    if (!changed || (await maySign(context, 'sign', signerName))) return;
    throw refused(context, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
  },
});

/** Who vouches for a signer with a bundle of its certificates must be allowed to `attest` for it. */
export const clusterTrustBundleAttest = definePlugin<ClusterTrustBundle>({
  name: 'ClusterTrustBundleAttest',
  verbs: ['create', 'update'],
  resources: [`clustertrustbundles.${group}`],
  async validate(context) {
    const signerName = context.object?.spec.signerName;
    if (!signerName || (await maySign(context, 'attest', signerName))) return;
    throw refused(context, `user not permitted to attest for signerName ${JSON.stringify(signerName)}`);
  },
});

/** Nobody becomes `system:masters` by asking for a client certificate. */
export const certificateSubjectRestriction = definePlugin<CertificateSigningRequest>({
  name: 'CertificateSubjectRestriction',
  verbs: ['create'],
  resources: [resource],
  async validate(context) {
    const { spec } = context.object as CertificateSigningRequest;
    if (spec.signerName !== 'kubernetes.io/kube-apiserver-client') return;
    const pem = Buffer.from(spec.request, 'base64').toString();
    const { organizations } = await parseCertificateRequest(pem).catch((error: Error) => {
      throw refused(context, `failed to parse CSR: ${error.message}`);
    });
    if (organizations.includes(mastersGroup)) {
      throw refused(context, `use of ${spec.signerName} signer with ${mastersGroup} group is not allowed`);
    }
  },
});
