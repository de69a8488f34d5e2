import { clusterrolebindings, clusterroles, csidrivers, storageclasses } from '../../api/generated/resources.ts';
import { localPathDriver } from '../../api/storage/local-path.ts';
import { type BootstrapObject, bootstrapObject } from './bootstrap-object.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const provisioner = { kind: 'ServiceAccount', name: 'local-path-provisioner', namespace: 'kube-system' };
const everyNode = { kind: 'Group', name: 'system:nodes', apiGroup };

const may = (resources: string[], verbs: string[], group = '') => ({ apiGroups: [group], resources, verbs });

const grant = (name: string, rules: object[], subject: object): BootstrapObject[] => [
  bootstrapObject(clusterroles, 'role', { metadata: { name }, rules }),
  bootstrapObject(clusterrolebindings, 'binding', {
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [subject],
  }),
];

/** The built-in storage: its class, the default one until somebody says otherwise, and who may do what for it. */
export const storageObjects = (): BootstrapObject[] => [
  bootstrapObject(csidrivers, 'create', {
    metadata: { name: localPathDriver },
    spec: { attachRequired: false, podInfoOnMount: false, fsGroupPolicy: 'File', volumeLifecycleModes: ['Persistent'] },
  }),
  bootstrapObject(storageclasses, 'create', {
    metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: localPathDriver,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  }),
  ...grant(
    'knarr:local-path-provisioner',
    [
      may(['persistentvolumes'], ['get', 'list', 'watch', 'create', 'update', 'delete']),
      may(['persistentvolumeclaims'], ['get', 'list', 'watch', 'update']),
      may(['persistentvolumeclaims/status'], ['update']),
      may(['nodes'], ['get', 'list', 'watch']),
      may(['storageclasses'], ['get', 'list', 'watch'], 'storage.k8s.io'),
      may(['events'], ['create', 'patch', 'update']),
    ],
    provisioner,
  ),
  // Which volumes, and what of them, is a matter of the NodeRestriction admission plugin.
  ...grant('knarr:local-path-node', [may(['persistentvolumes'], ['list', 'watch', 'update'])], everyNode),
];
