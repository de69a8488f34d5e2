import type { KubeObject } from '../../api/resource.ts';
import { nodeNameOf, nodesGroup, nodeUserPrefix } from '../authn/user-info.ts';
import { restrictCertificateRequest, restrictLease, restrictNamed, restrictNode } from './node-restriction-nodes.ts';
import { restrictClaim, restrictEviction, restrictPod, restrictPodStatus } from './node-restriction-pods.ts';
import { restrictToken } from './node-restriction-tokens.ts';
import { restrictVolume } from './node-restriction-volumes.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

export type NodeRule = (node: string, context: AdmissionContext<KubeObject>) => void | Promise<void>;

/** What a node may write, by resource; the Node authorizer has already said which objects. */
const rules: Record<string, NodeRule> = {
  pods: restrictPod,
  'pods/status': restrictPodStatus,
  'pods/eviction': restrictEviction,
  nodes: restrictNode,
  'nodes/status': restrictNode,
  persistentvolumeclaims: restrictClaim,
  'persistentvolumeclaims/status': restrictClaim,
  persistentvolumes: restrictVolume,
  'serviceaccounts/token': restrictToken,
  'leases.coordination.k8s.io': restrictLease,
  'csinodes.storage.k8s.io': restrictNamed,
  'certificatesigningrequests.certificates.k8s.io': restrictCertificateRequest,
};

/** Keeps a node's credential to its own objects: a broken node cannot relabel itself or touch its neighbours (KEP-279). */
export const nodeRestriction = definePlugin({
  name: 'NodeRestriction',
  verbs: ['create', 'update', 'delete'],
  resources: Object.keys(rules),
  validate(context) {
    const { user, group, resource, subresource } = context;
    if (!user.groups.includes(nodesGroup) || !user.name.startsWith(nodeUserPrefix)) return;
    const node = nodeNameOf(user);
    if (!node) throw refused(context, `could not determine node from user ${JSON.stringify(user.name)}`);
    const qualified = group ? `${resource}.${group}` : resource;
    return rules[subresource ? `${qualified}/${subresource}` : qualified]?.(node, context);
  },
});
