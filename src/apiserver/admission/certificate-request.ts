import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../api/generated/types.ts';
import { definePlugin } from './plugin.ts';

const resource = 'certificatesigningrequests.certificates.k8s.io';
const decisions = ['Approved', 'Denied'];

/**
 * Who asks for a certificate is what the signer trusts: the server writes it, whatever the request says, and nothing changes
 * it later. Approval is given through `/approval` alone. Kubernetes does this in the registry of the kind.
 */
export const certificateRequestOwner = definePlugin<CertificateSigningRequest>({
  name: 'CertificateRequestOwner',
  verbs: ['create', 'update'],
  resources: [resource, `${resource}/status`, `${resource}/approval`],
  admit({ verb, subresource, object, old, user, clock }) {
    const request = object as CertificateSigningRequest;
    if (verb === 'create') {
      const { name: username, uid, groups, extra } = user;
      request.spec = { ...request.spec, username, uid, groups: [...groups], extra: copied(extra) };
      request.status = {};
      return;
    }
    request.spec = (old as CertificateSigningRequest).spec;
    if (subresource === 'status') keepDecisions(request, old as CertificateSigningRequest);
    for (const condition of request.status?.conditions ?? []) stamp(condition, old?.status?.conditions, clock.now());
  },
});

const copied = (extra: Readonly<Record<string, readonly string[]>> | undefined): Record<string, string[]> | undefined =>
  extra && Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));

function keepDecisions(request: CertificateSigningRequest, old: CertificateSigningRequest): void {
  const isDecision = (condition: CertificateSigningRequestCondition) => decisions.includes(condition.type);
  const kept = (old.status?.conditions ?? []).filter(isDecision);
  const others = (request.status?.conditions ?? []).filter((condition) => !isDecision(condition));
  if (kept.length + others.length > 0) {
    request.status = { ...request.status, conditions: [...kept.map((c) => ({ ...c })), ...others] };
  } else if (request.status) delete request.status.conditions;
}

/** Times of a condition that its writer left out. */
function stamp(
  condition: CertificateSigningRequestCondition,
  before: readonly CertificateSigningRequestCondition[] | undefined,
  nowMs: number,
): void {
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const earlier = before?.find((c) => c.type === condition.type);
  condition.lastUpdateTime ||= now;
  condition.lastTransitionTime ||= (earlier?.status === condition.status && earlier.lastTransitionTime) || now;
}
