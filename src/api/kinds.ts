import * as admissionregistration from './admissionregistration/columns.ts';
import { customResourceDefinition } from './apiextensions/definition.ts';
import { apiService } from './apiregistration/api-service.ts';
import { storageVersion } from './apiserverinternal/columns.ts';
import { controllerRevision, deployment, replicaSet, statefulSet } from './apps/columns.ts';
import { daemonSet } from './apps/daemon-set.ts';
import { horizontalPodAutoscaler } from './autoscaling/horizontal-pod-autoscaler.ts';
import { cronJob } from './batch/cron-job.ts';
import { job } from './batch/job.ts';
import { certificateSigningRequest, clusterTrustBundle, podCertificateRequest } from './certificates/columns.ts';
import { lease, leaseCandidate } from './coordination/columns.ts';
import * as core from './core/columns.ts';
import { endpoints } from './core/endpoints.ts';
import { event } from './core/event.ts';
import { namespace } from './core/namespace.ts';
import { node } from './core/node.ts';
import { persistentVolume } from './core/persistent-volume.ts';
import { persistentVolumeClaim } from './core/persistent-volume-claim.ts';
import { pod } from './core/pod.ts';
import { resourceQuota } from './core/resource-quota.ts';
import { service } from './core/service.ts';
import { endpointSlice } from './discovery/columns.ts';
import { flowSchema, priorityLevelConfiguration } from './flowcontrol/columns.ts';
import { servedKinds } from './generated/kinds.ts';
import type { Kind } from './kind.ts';
import * as networking from './networking/columns.ts';
import { runtimeClass } from './node/columns.ts';
import { podDisruptionBudget } from './policy/columns.ts';
import { clusterRoleBinding, roleBinding } from './rbac/columns.ts';
import * as dra from './resource/columns.ts';
import { podGroup, priorityClass } from './scheduling/columns.ts';
import * as storage from './storage/columns.ts';
import { storageVersionMigration } from './storagemigration/columns.ts';
import type { Strategy } from './strategy.ts';

/** The behaviour of built-in kinds, by `resource.group`. A new kind is one file and one line here. */
export const strategies: Record<string, Strategy> = {
  componentstatuses: core.componentStatus,
  configmaps: core.configMap,
  endpoints,
  events: event,
  namespaces: namespace,
  nodes: node,
  persistentvolumeclaims: persistentVolumeClaim,
  persistentvolumes: persistentVolume,
  pods: pod,
  podtemplates: core.podTemplate,
  replicationcontrollers: core.replicationController,
  resourcequotas: resourceQuota,
  secrets: core.secret,
  serviceaccounts: core.serviceAccount,
  services: service,
  'apiservices.apiregistration.k8s.io': apiService,
  'customresourcedefinitions.apiextensions.k8s.io': customResourceDefinition,
  'controllerrevisions.apps': controllerRevision,
  'daemonsets.apps': daemonSet,
  'deployments.apps': deployment,
  'replicasets.apps': replicaSet,
  'statefulsets.apps': statefulSet,
  'horizontalpodautoscalers.autoscaling': horizontalPodAutoscaler,
  'cronjobs.batch': cronJob,
  'jobs.batch': job,
  'certificatesigningrequests.certificates.k8s.io': certificateSigningRequest,
  'clustertrustbundles.certificates.k8s.io': clusterTrustBundle,
  'podcertificaterequests.certificates.k8s.io': podCertificateRequest,
  'ingressclasses.networking.k8s.io': networking.ingressClass,
  'ingresses.networking.k8s.io': networking.ingress,
  'ipaddresses.networking.k8s.io': networking.ipAddress,
  'networkpolicies.networking.k8s.io': networking.networkPolicy,
  'servicecidrs.networking.k8s.io': networking.serviceCidr,
  'poddisruptionbudgets.policy': podDisruptionBudget,
  'clusterrolebindings.rbac.authorization.k8s.io': clusterRoleBinding,
  'rolebindings.rbac.authorization.k8s.io': roleBinding,
  'csidrivers.storage.k8s.io': storage.csiDriver,
  'csinodes.storage.k8s.io': storage.csiNode,
  'csistoragecapacities.storage.k8s.io': storage.csiStorageCapacity,
  'storageclasses.storage.k8s.io': storage.storageClass,
  'volumeattachments.storage.k8s.io': storage.volumeAttachment,
  'volumeattributesclasses.storage.k8s.io': storage.volumeAttributesClass,
  'mutatingadmissionpolicies.admissionregistration.k8s.io': admissionregistration.mutatingAdmissionPolicy,
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': admissionregistration.mutatingAdmissionPolicyBinding,
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': admissionregistration.mutatingWebhookConfiguration,
  'validatingadmissionpolicies.admissionregistration.k8s.io': admissionregistration.validatingAdmissionPolicy,
  'validatingadmissionpolicybindings.admissionregistration.k8s.io':
    admissionregistration.validatingAdmissionPolicyBinding,
  'validatingwebhookconfigurations.admissionregistration.k8s.io': admissionregistration.validatingWebhookConfiguration,
  'podgroups.scheduling.k8s.io': podGroup,
  'priorityclasses.scheduling.k8s.io': priorityClass,
  'leasecandidates.coordination.k8s.io': leaseCandidate,
  'leases.coordination.k8s.io': lease,
  'runtimeclasses.node.k8s.io': runtimeClass,
  'endpointslices.discovery.k8s.io': endpointSlice,
  'devicetaintrules.resource.k8s.io': dra.deviceTaintRule,
  'resourceclaims.resource.k8s.io': dra.resourceClaim,
  'resourcepoolstatusrequests.resource.k8s.io': dra.resourcePoolStatusRequest,
  'resourceslices.resource.k8s.io': dra.resourceSlice,
  'flowschemas.flowcontrol.apiserver.k8s.io': flowSchema,
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': priorityLevelConfiguration,
  'storageversions.internal.apiserver.k8s.io': storageVersion,
  'storageversionmigrations.storagemigration.k8s.io': storageVersionMigration,
};

const byResource = new Map(servedKinds.map((kind) => [`${kind.group}/${kind.resource}`, kind]));

/** The built-in kind behind a group and resource name; undefined when there is none. */
export const kindOf = (group: string, resource: string): Kind | undefined => byResource.get(`${group}/${resource}`);
