/** certificates.k8s.io: columns. */
import type { CertificateSigningRequest, PodCertificateRequest } from '../generated/types.ts';
import { type CellRule, age, columns, field, labelsAt, name } from '../meta/columns.ts';
import { humanDuration } from '../meta/human-duration.ts';
import { defineStrategy } from '../strategy.ts';

const condition: CellRule<CertificateSigningRequest> = ({ status }) => {
  const has = (type: string) => status.conditions?.some((c) => c.type === type) ?? false;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${decision}${has('Failed') ? ',Failed' : ''}${status.certificate ? ',Issued' : ''}`;
};

export const certificateSigningRequest = defineStrategy<CertificateSigningRequest>({
  cells: columns<CertificateSigningRequest>({
    Name: name,
    Age: age,
    SignerName: field('spec.signerName', '<none>'),
    Requestor: field('spec.username'),
    RequestedDuration: ({ spec }) =>
      spec.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    Condition: condition,
  }),
});

export const clusterTrustBundle = defineStrategy({
  cells: columns({ Name: name, SignerName: field('spec.signerName', '<none>') }),
});

export const podCertificateRequest = defineStrategy<PodCertificateRequest>({
  cells: columns<PodCertificateRequest>({
    Name: name,
    PodName: field('spec.podName'),
    ServiceAccountName: field('spec.serviceAccountName'),
    NodeName: field('spec.nodeName'),
    SignerName: field('spec.signerName', '<none>'),
    State: ({ status }) =>
      ['Issued', 'Denied', 'Failed'].find((type) => status.conditions?.some((c) => c.type === type)) ?? 'Pending',
    UnverifiedUserAnnotations: labelsAt('spec.unverifiedUserAnnotations'),
  }),
});
