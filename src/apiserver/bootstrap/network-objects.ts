import { clusterrolebindings, clusterroles, configmaps, rolebindings, roles } from '../../api/generated/resources.ts';
import { type BootstrapObject, bootstrapObject } from './bootstrap-object.ts';

/** What a joining node has to know of the cluster's network, besides the server's address. */
export interface NetworkFacts {
  podCidr: string;
  serviceCidr: string;
  dnsAddress: string;
  clusterDomain: string;
  /** The network of the nodes on the server's machine, inside of it. Absent: other machines do not join. */
  nodeCidr?: string;
  /** Addresses of load balancers, which nodes in `nodeCidr` answer for. Absent: nobody does. */
  loadBalancerCidr?: string;
  /** An address of the server's machine; its neighbours reach `nodeCidr` through it. */
  serverMachine?: string;
  /** `host:port` at which nodes find the cluster's registry, if there is one. */
  registry?: string;
}

export const networkConfigName = 'knarr-network';
const namespace = 'kube-system';
const policyRole = 'knarr:network-policies';
const rbac = 'rbac.authorization.k8s.io';
const nodesGroup = { kind: 'Group', name: 'system:nodes', apiGroup: rbac };

/** The network's facts as a ConfigMap that nodes may read, and their right to follow services as a proxy does. */
export const networkObjects = ({
  podCidr,
  serviceCidr,
  dnsAddress,
  clusterDomain,
  nodeCidr = '',
  loadBalancerCidr = '',
  serverMachine = '',
  registry = '',
}: NetworkFacts): BootstrapObject[] => [
  bootstrapObject(configmaps, 'own', {
    metadata: { namespace, name: networkConfigName },
    // Named one by one: callers hand in more facts than these, and not all of them are text.
    data: { podCidr, serviceCidr, dnsAddress, clusterDomain, nodeCidr, loadBalancerCidr, serverMachine, registry },
  }),
  bootstrapObject(roles, 'role', {
    metadata: { namespace, name: 'knarr:network' },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [networkConfigName], verbs: ['get'] }],
  }),
  bootstrapObject(rolebindings, 'binding', {
    metadata: { namespace, name: 'knarr:network' },
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'knarr:network' },
    subjects: [nodesGroup],
  }),
  // The proxy and the DNS of a node are parts of its agent and use its identity.
  bootstrapObject(clusterrolebindings, 'binding', {
    metadata: { name: 'knarr:node-proxier' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'system:node-proxier' },
    subjects: [nodesGroup],
  }),
  // Whom a policy lets in or out is told by labels and addresses of pods on all nodes: every node that enforces policies
  // has to know them. A node follows pods of others only while there is a policy.
  bootstrapObject(clusterroles, 'role', {
    metadata: { name: policyRole },
    rules: [
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['list', 'watch'] },
    ],
  }),
  bootstrapObject(clusterrolebindings, 'binding', {
    metadata: { name: policyRole },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: policyRole },
    subjects: [nodesGroup],
  }),
];
