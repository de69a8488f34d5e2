import type { CertificateSigningRequest, Node } from '../../api/generated/types.ts';
import { nodeUserPrefix } from '../authn/user-info.ts';
import { parseCertificateRequest } from '../../pki/certificate-request.ts';
import type { NodeRule } from './node-restriction.ts';
import { refused } from './plugin.ts';

const quoted = JSON.stringify;
const nodeSigners = ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'];

/** Labels in Kubernetes' own domains that a node may set on itself. */
const ownLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const ownLabelDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const restrictedDomain = 'node-restriction.kubernetes.io';

const inDomain = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

/** Labels that say where a pod may run must not be the node's own word. */
function isForbiddenLabel(key: string): boolean {
  const host = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  if (inDomain(host, restrictedDomain)) return true;
  if (!inDomain(host, 'kubernetes.io') && !inDomain(host, 'k8s.io')) return false;
  return !ownLabels.has(key) && !ownLabelDomains.some((domain) => inDomain(host, domain));
}

export const restrictNode: NodeRule = (node, context) => {
  const [object, old] = [context.object as Node | undefined, context.old as Node | undefined];
  if (context.name !== node)
    throw refused(context, `node ${quoted(node)} is not allowed to modify node ${quoted(context.name)}`);
  if (context.verb === 'delete') throw refused(context, `node ${quoted(node)} is not allowed to delete itself`);
  if (object?.spec?.configSource) throw refused(context, `node ${quoted(node)} is not allowed to set configSource`);
  const before = old?.metadata.labels ?? {};
  const after = object?.metadata.labels ?? {};
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((k) => before[k] !== after[k]);
  const forbidden = changed.filter(isForbiddenLabel).sort();
  if (forbidden.length)
    throw refused(context, `is not allowed to ${old ? 'modify' : 'set the following'} labels: ${forbidden.join(', ')}`);
  if (old && JSON.stringify(object?.spec?.taints ?? []) !== JSON.stringify(old.spec?.taints ?? [])) {
    throw refused(context, `node ${quoted(node)} is not allowed to modify taints`);
  }
  if (
    old &&
    JSON.stringify(object?.metadata.ownerReferences ?? []) !== JSON.stringify(old.metadata.ownerReferences ?? [])
  ) {
    throw refused(context, `node ${quoted(node)} is not allowed to modify ownerReferences`);
  }
};

export const restrictLease: NodeRule = (node, context) => {
  if (context.namespace !== 'kube-node-lease') {
    throw refused(context, 'can only access leases in the "kube-node-lease" system namespace');
  }
  return restrictNamed(node, context);
};

/** Objects that have the node's name. */
export const restrictNamed: NodeRule = (node, context) => {
  if (context.name !== node) {
    throw refused(context, `can only access ${context.resource} with the same name as the requesting node`);
  }
};

/** A node asks only for certificates in its own name. */
export const restrictCertificateRequest: NodeRule = async (node, context) => {
  const request = context.object as CertificateSigningRequest | undefined;
  if (context.verb !== 'create' || !request || !nodeSigners.includes(request.spec.signerName)) return;
  const pem = Buffer.from(request.spec.request, 'base64').toString();
  const { commonName } = await parseCertificateRequest(pem).catch((error: Error) => {
    throw refused(context, `unable to parse csr: ${error.message}`);
  });
  if (commonName !== nodeUserPrefix + node) {
    throw refused(context, `can only create a node CSR with CN=${nodeUserPrefix}${node}`);
  }
};
