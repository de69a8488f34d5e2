import type { BootstrapBinding, BootstrapRole } from '../../api/bootstrap-policy.ts';
import { bootstrapPolicy } from '../../api/generated/rbac.ts';
import { clusterrolebindings, clusterroles, rolebindings, roles } from '../../api/generated/resources.ts';
import type { ClusterRole, RbacSubject } from '../../api/generated/types.ts';
import { aggregatedRules } from '../../api/rbac/aggregation.ts';
import type { Resource } from '../../api/resource.ts';
import { type BootstrapObject, bootstrapObject } from './bootstrap-object.ts';

const apiGroup = 'rbac.authorization.k8s.io';
export const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';

/** The group that a join token of `knarr` (and of kubeadm) is in. */
export const joinGroup = 'system:bootstrappers:kubeadm:default-node-token';

/** What kubeadm adds for joining nodes, and the right to approve their serving certificates. */
const joinBindings: BootstrapBinding[] = [
  groupBinding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', joinGroup),
  groupBinding(
    'kubeadm:node-autoapprove-bootstrap',
    'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    joinGroup,
  ),
  groupBinding(
    'kubeadm:node-autoapprove-certificate-rotation',
    'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    'system:nodes',
  ),
  {
    // Kubernetes leaves serving certificates of nodes to an administrator; knarr's approver checks them against the Node.
    name: 'knarr:kubelet-serving-approver',
    roleRef: { kind: 'ClusterRole', name: 'system:certificates.k8s.io:kubelet-serving-approver' },
    subjects: [{ kind: 'ServiceAccount', name: 'certificate-controller', namespace: 'kube-system' } as never],
  },
];

/** What metrics-server brings with it: who may see pods may see what they use. */
const metricsReader: BootstrapRole = {
  name: 'system:aggregated-metrics-reader',
  labels: {
    'rbac.authorization.k8s.io/aggregate-to-admin': 'true',
    'rbac.authorization.k8s.io/aggregate-to-edit': 'true',
    'rbac.authorization.k8s.io/aggregate-to-view': 'true',
  },
  rules: [{ apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
};

/** PodGroups are served here by themselves, so their controller has its role, too. */
const podGroupProtection = 'podgroup-protection-controller';
const podGroupRole: BootstrapRole = {
  name: `system:controller:${podGroupProtection}`,
  rules: [
    { apiGroups: ['scheduling.k8s.io'], resources: ['podgroups'], verbs: ['get', 'list', 'update', 'watch'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  ],
};
const podGroupBinding: BootstrapBinding = {
  name: podGroupRole.name,
  roleRef: { kind: 'ClusterRole', name: podGroupRole.name },
  subjects: [{ kind: 'ServiceAccount', name: podGroupProtection, namespace: 'kube-system' } as never],
};

/** Anybody may read the cluster's CA: a joining node checks it against the hash it was given. */
const clusterInfoRole: BootstrapRole = {
  name: 'kubeadm:bootstrap-signer-clusterinfo',
  namespace: 'kube-public',
  rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['cluster-info'], verbs: ['get'] }],
};
const clusterInfoBinding: BootstrapBinding = {
  name: 'kubeadm:bootstrap-signer-clusterinfo',
  namespace: 'kube-public',
  roleRef: { kind: 'Role', name: 'kubeadm:bootstrap-signer-clusterinfo' },
  subjects: [{ kind: 'User', name: 'system:anonymous' } as never],
};

function groupBinding(name: string, role: string, group: string): BootstrapBinding {
  return { name, roleRef: { kind: 'ClusterRole', name: role }, subjects: [{ kind: 'Group', name: group } as never] };
}

/** All roles and bindings of a fresh cluster; aggregated roles have their rules already. */
export function rbacObjects(): BootstrapObject[] {
  const { clusterRoles, controllerRoles, clusterRoleBindings, controllerRoleBindings } = bootstrapPolicy;
  const { namespaceRoles, namespaceRoleBindings } = bootstrapPolicy;
  const ofCluster = [...clusterRoles, ...controllerRoles, podGroupRole, metricsReader];
  const cluster = ofCluster.map((role) => roleObject(clusterroles, role));
  const all = cluster.map(({ object }) => object as ClusterRole);
  // Three times: `admin` gathers `edit`, which gathers `view`, which gathers plain roles.
  for (let pass = 0; pass < 3; pass++) {
    for (const role of all) if (role.aggregationRule) role.rules = aggregatedRules(role, all);
  }
  return [
    ...cluster,
    ...[...clusterRoleBindings, ...controllerRoleBindings, podGroupBinding].map((b) =>
      bindingObject(clusterrolebindings, b),
    ),
    ...namespaceRoles.map((role) => roleObject(roles, role)),
    ...namespaceRoleBindings.map((binding) => bindingObject(rolebindings, binding)),
    ...joinBindings.map((b) =>
      bindingObject(clusterrolebindings, { ...b, noBootstrapLabel: true, noAutoupdate: true }),
    ),
    roleObject(roles, { ...clusterInfoRole, noBootstrapLabel: true, noAutoupdate: true }),
    bindingObject(rolebindings, { ...clusterInfoBinding, noBootstrapLabel: true, noAutoupdate: true }),
  ];
}

function roleObject(resource: Resource, role: BootstrapRole): BootstrapObject {
  return bootstrapObject(resource, 'role', {
    metadata: metadataOf(role),
    ...(role.aggregationRule ? { aggregationRule: role.aggregationRule } : {}),
    rules: role.rules ?? [],
  });
}

function bindingObject(resource: Resource, binding: BootstrapBinding): BootstrapObject {
  const subjects = ((binding.subjects ?? []) as unknown as RbacSubject[]).map((subject) =>
    subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup },
  );
  return bootstrapObject(resource, 'binding', {
    metadata: metadataOf(binding),
    roleRef: { ...binding.roleRef, apiGroup },
    ...(subjects.length ? { subjects } : {}),
  });
}

function metadataOf(item: BootstrapRole | BootstrapBinding): { name: string } {
  const labels = {
    ...('labels' in item ? item.labels : {}),
    ...(item.noBootstrapLabel ? {} : { 'kubernetes.io/bootstrapping': 'rbac-defaults' }),
  };
  const annotations = {
    ...('annotations' in item ? item.annotations : {}),
    ...(item.noAutoupdate ? {} : { [autoupdate]: 'true' }),
  };
  return {
    name: item.name,
    ...(item.namespace ? { namespace: item.namespace } : {}),
    ...(Object.keys(labels).length ? { labels } : {}),
    ...(Object.keys(annotations).length ? { annotations } : {}),
  };
}
