import type { NetworkPolicySpec, RbacSubject } from '../generated/types.ts';
import type { DefaultsTable } from './defaults.ts';

const networking = 'io.k8s.api.networking.v1.';
const rbac = 'io.k8s.api.rbac.v1.';
const storage = 'io.k8s.api.storage.v1.';
const rbacGroup = 'rbac.authorization.k8s.io';

const roleRef = { unset: { apiGroup: rbacGroup } };

/** Networking, rbac, scheduling, storage, discovery, coordination. */
export const policyDefaults: DefaultsTable = {
  [`${networking}NetworkPolicyPort`]: { unset: { protocol: 'TCP' } },
  [`${networking}NetworkPolicySpec`]: {
    unset: {
      policyTypes: (spec: NetworkPolicySpec) => (spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']),
    },
  },
  'io.k8s.api.networking.v1beta1.HTTPIngressPath': { unset: { pathType: 'ImplementationSpecific' } },
  'io.k8s.api.extensions.v1beta1.HTTPIngressPath': { unset: { pathType: 'ImplementationSpecific' } },
  [`${networking}IngressClassParametersReference`]: { unset: { scope: 'Cluster' } },
  [`${rbac}RoleRef`]: roleRef,
  [`${rbac}Subject`]: {
    unset: {
      apiGroup: (subject: RbacSubject) => (subject.kind === 'User' || subject.kind === 'Group' ? rbacGroup : undefined),
    },
  },
  'io.k8s.api.scheduling.v1.PriorityClass': { unset: { preemptionPolicy: 'PreemptLowerPriority' } },
  [`${storage}StorageClass`]: { unset: { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' } },
  [`${storage}CSIDriverSpec`]: {
    unset: {
      attachRequired: true,
      podInfoOnMount: false,
      volumeLifecycleModes: () => ['Persistent'],
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      requiresRepublish: false,
      seLinuxMount: false,
    },
  },
  'io.k8s.api.discovery.v1.EndpointPort': { unset: { name: '', protocol: 'TCP' } },
};
