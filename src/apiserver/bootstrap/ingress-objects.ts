import {
  clusterrolebindings,
  clusterroles,
  ingressclasses,
  rolebindings,
  roles,
} from '../../api/generated/resources.ts';
import { ingressControllerName } from '../../api/networking/ingress-controller.ts';
import { type BootstrapObject, bootstrapObject } from './bootstrap-object.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const name = 'knarr:ingress-controller';
const namespace = 'kube-system';
const subjects = [{ kind: 'ServiceAccount', name: 'ingress-controller', namespace }];

const may = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });

/** The default one until somebody says otherwise. Without addresses for their proxies Ingresses are left to others. */
const ingressClass = bootstrapObject(ingressclasses, 'create', {
  metadata: { name: 'knarr', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
  spec: { controller: ingressControllerName },
});

/** What serves Ingresses and Gateways: it writes their statuses, and its proxies in its own namespace, nothing else. */
export const ingressObjects = ({ loadBalancerCidr }: { loadBalancerCidr?: string }): BootstrapObject[] => [
  ...(loadBalancerCidr ? [ingressClass] : []),
  bootstrapObject(clusterroles, 'role', {
    metadata: { name },
    rules: [
      may(['networking.k8s.io'], ['ingresses/status'], ['update']),
      may(
        ['gateway.networking.k8s.io'],
        ['gatewayclasses/status', 'gateways/status', 'httproutes/status', 'grpcroutes/status'],
        ['update'],
      ),
      // The definitions of Gateway API, and the class that is served.
      may(['gateway.networking.k8s.io'], ['gatewayclasses'], ['create']),
      may(['apiextensions.k8s.io'], ['customresourcedefinitions'], ['create', 'update']),
      may(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']),
    ],
  }),
  bootstrapObject(clusterrolebindings, 'binding', {
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects,
  }),
  bootstrapObject(roles, 'role', {
    metadata: { namespace, name },
    rules: [
      may([''], ['secrets', 'services'], ['create', 'update', 'delete']),
      may(['apps'], ['deployments'], ['create', 'update', 'delete']),
    ],
  }),
  bootstrapObject(rolebindings, 'binding', {
    metadata: { namespace, name },
    roleRef: { apiGroup, kind: 'Role', name },
    subjects,
  }),
];
