import { isIP } from 'node:net';
import type { CertificateSigningRequest, Node } from '../../api/generated/types.ts';
import { canonicalIp } from '../../pki/certificate.ts';
import type { CertificateRequestInfo } from '../../pki/certificate-request.ts';

export const signers = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacy: 'kubernetes.io/legacy-unknown',
} as const;

const nodePrefix = 'system:node:';

const isDecided = (request: CertificateSigningRequest, type: string): boolean =>
  request.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

export const isApproved = (request: CertificateSigningRequest): boolean => isDecided(request, 'Approved');
export const isRefused = (request: CertificateSigningRequest): boolean =>
  isDecided(request, 'Denied') || isDecided(request, 'Failed');

export const requestPem = (request: CertificateSigningRequest): string =>
  Buffer.from(request.spec.request, 'base64').toString();

/** Why a request breaks the rules of its signer (Kubernetes: "Certificate Signing Requests", signers); undefined when not. */
export function signerProblem(request: CertificateSigningRequest, info: CertificateRequestInfo): string | undefined {
  const usages = request.spec.usages ?? [];
  switch (request.spec.signerName) {
    case signers.client:
      return clientUsageProblem(usages);
    case signers.kubeletClient:
      return kubeletProblem(info) ?? clientNamesProblem(info) ?? kubeletUsageProblem(usages, 'client auth');
    case signers.kubeletServing:
      return kubeletProblem(info) ?? servingNamesProblem(info) ?? kubeletUsageProblem(usages, 'server auth');
    default:
      return undefined;
  }
}

function kubeletProblem({ organizations, commonName }: CertificateRequestInfo): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== 'system:nodes')
    return 'subject organization is not system:nodes';
  if (!commonName.startsWith(nodePrefix) || commonName.length === nodePrefix.length) {
    return 'subject common name does not begin with system:node:';
  }
  return undefined;
}

function clientNamesProblem(info: CertificateRequestInfo): string | undefined {
  if (info.dnsNames.length) return 'DNS subjectAltNames are not allowed';
  if (info.emailAddresses.length) return 'Email subjectAltNames are not allowed';
  if (info.ipAddresses.length) return 'IP subjectAltNames are not allowed';
  return info.uris.length ? 'URI subjectAltNames are not allowed' : undefined;
}

function servingNamesProblem(info: CertificateRequestInfo): string | undefined {
  if (info.emailAddresses.length) return 'Email subjectAltNames are not allowed';
  if (info.uris.length) return 'URI subjectAltNames are not allowed';
  return info.dnsNames.length + info.ipAddresses.length === 0 ? 'DNS or IP subjectAltName is required' : undefined;
}

function clientUsageProblem(usages: readonly string[]): string | undefined {
  const extra = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
  if (extra) return `invalid usage for client certificate: ${extra}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

/** Keys that are not RSA's cannot encipher others: that usage may be left out. */
function kubeletUsageProblem(usages: readonly string[], purpose: string): string | undefined {
  const wanted = [purpose, 'digital signature', 'key encipherment'].sort();
  const given = [...new Set([...usages, 'key encipherment'])].sort();
  return given.join() === wanted.join() ? undefined : `usages did not match [${wanted.join(' ')}]`;
}

/** What an approver finds: who must be asked about the request, what it waits for, or that a person has to decide. */
export type Recognition =
  | { type: 'ask'; subresource: 'nodeclient' | 'selfnodeclient'; message: string }
  | { type: 'approve'; message: string }
  | { type: 'leave'; why: string };

/**
 * Client certificates of nodes: a joining machine (any user with `nodeclient`) and a node that renews its own
 * (`selfnodeclient`); whether the user may is asked by a SubjectAccessReview, as in Kubernetes.
 */
export function recognizeClient(request: CertificateSigningRequest, info: CertificateRequestInfo): Recognition {
  const why = signerProblem(request, info);
  if (why) return { type: 'leave', why };
  return request.spec.username === info.commonName
    ? {
        type: 'ask',
        subresource: 'selfnodeclient',
        message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
      }
    : {
        type: 'ask',
        subresource: 'nodeclient',
        message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
      };
}

/**
 * Serving certificates of nodes. Kubernetes approves none of these by itself; knarr does when the request was made with the
 * node's own client certificate and names nothing but that node: its name, and addresses that its Node reports and no other
 * Node does. A node that has not registered yet may name addresses that no Node reports: it writes its own status, so waiting
 * for that would prove nothing more.
 */
export function recognizeServing(
  request: CertificateSigningRequest,
  info: CertificateRequestInfo,
  nodes: readonly Node[],
): Recognition {
  const why = signerProblem(request, info);
  if (why) return { type: 'leave', why };
  const { username, groups } = request.spec;
  if (username !== info.commonName || !groups?.includes('system:nodes')) {
    return { type: 'leave', why: 'the request was not made by the node it names' };
  }
  const name = info.commonName.slice(nodePrefix.length);
  const node = nodes.find((n) => n.metadata.name === name);
  const reported = node?.status?.addresses?.length ? addressesOf(node) : undefined;
  const others = new Set(nodes.filter((n) => n !== node).flatMap((n) => [...addressesOf(n)]));
  const isOwn = (host: string) => (reported ? reported.has(host) : isIP(host) !== 0) && !others.has(host);
  const foreign = [...info.dnsNames, ...info.ipAddresses].find((host) => host !== name && !isOwn(host));
  if (foreign) return { type: 'leave', why: `${foreign} is not an address of node ${name} alone` };
  return {
    type: 'approve',
    message: "Auto approving kubelet serving certificate for the node's own name and addresses.",
  };
}

const addressesOf = (node: Node): Set<string> =>
  new Set([node.metadata.name, ...(node.status?.addresses ?? []).map(({ address }) => canonicalIp(address))]);
