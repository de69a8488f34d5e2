import {
  validateDefinition,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from '../apiextensions/validate-definition.ts';
import type { PodTemplate } from '../generated/types.ts';
import type { FieldError } from '../meta/status-error.ts';
import type { Strategy } from '../strategy.ts';
import {
  validateAdmissionPolicy,
  validateAdmissionPolicyStatus,
  validateMutatingBinding,
  validateMutatingPolicy,
  validatePolicyBinding,
} from './admission-policies.ts';
import { validateWebhookConfiguration } from './admission-webhooks.ts';
import { validateApiService, validateApiServiceStatus } from './api-service.ts';
import { validateAutoscaler } from './autoscaling.ts';
import { validateClaim, validateClaimStatus, validateClaimUpdate } from './claim.ts';
import {
  validatePriorityClass,
  validatePriorityClassUpdate,
  validateRuntimeClass,
  validateRuntimeClassUpdate,
} from './cluster.ts';
import { validateFlowSchema, validateFlowStatus, validatePriorityLevel } from './flow-control.ts';
import { validateLease, validateLeaseCandidate, validateLeaseCandidateUpdate } from './lease.ts';
import { validateVolume, validateVolumeUpdate } from './persistent-volume.ts';
import {
  validatePodCertificate,
  validatePodCertificateStatus,
  validatePodCertificateUpdate,
} from './pod-certificate.ts';
import {
  validateSigningRequest,
  validateSigningRequestStatus,
  validateSigningRequestUpdate,
} from './signing-request.ts';
import { validateTrustBundle, validateTrustBundleCreate, validateTrustBundleUpdate } from './trust-bundle.ts';
import { validateConfigMap, validateConfigMapUpdate, validateSecret, validateSecretUpdate } from './config.ts';
import { validateDeviceClaimStatus, validateTaintRule, validateTaintRuleStatus } from './device-allocation.ts';
import {
  validateClaimTemplate,
  validateClaimTemplateUpdate,
  validateDeviceClaim,
  validateDeviceClaimUpdate,
  validateDeviceClass,
} from './device-claim.ts';
import { validateSlice, validateSliceUpdate } from './resource-slice.ts';
import { validateEvent, validateNewEvent, validateNewEventCreate, validateNewEventUpdate } from './event.ts';
import { validateEndpointSlice, validateEndpointSliceCreate, validateEndpointSliceUpdate } from './endpoint-slice.ts';
import { validateEndpoints } from './endpoints.ts';
import { validateCronJob, validateCronJobCreate, validateJob, validateJobUpdate } from './job.ts';
import { validateJobStatus } from './job-status.ts';
import {
  validateIngress,
  validateIngressClass,
  validateIngressClassUpdate,
  validateIngressCreate,
  validateIngressStatus,
} from './ingress.ts';
import {
  validateIpAddress,
  validateIpAddressUpdate,
  validateNetworkPolicy,
  validateServiceCidr,
  validateServiceCidrUpdate,
} from './networking.ts';
import { validateFinalize, validateNamespace, validateNamespaceStatus } from './namespace.ts';
import { validateNode, validateNodeStatus, validateNodeUpdate } from './node.ts';
import { validatePod, validatePodCreate, validatePodUpdate } from './pod.ts';
import { validateEphemeralContainers, validatePodResize } from './pod-resize.ts';
import { validatePodTemplate } from './pod-spec.ts';
import { validatePodStatusUpdate } from './pod-status.ts';
import {
  validateDisruptionBudget,
  validateDisruptionStatus,
  validateLimitRange,
  validateQuota,
  validateQuotaStatus,
  validateQuotaUpdate,
} from './quota.ts';
import { validateCounters } from './replicas.ts';
import {
  validateBindingUpdate,
  validateClusterRole,
  validateClusterRoleBinding,
  validateRole,
  validateRoleBinding,
} from './rbac.ts';
import { validateService, validateServiceStatus, validateServiceUpdate } from './service.ts';
import {
  validateMigration,
  validateMigrationStatus,
  validateMigrationUpdate,
  validateStorageVersion,
} from './storage-versions.ts';
import {
  validateAttributesClass,
  validateAttributesClassUpdate,
  validateCsiDriver,
  validateCsiDriverUpdate,
  validateCsiNode,
  validateCsiNodeUpdate,
  validateStorageCapacity,
  validateStorageCapacityUpdate,
  validateStorageClass,
  validateStorageClassUpdate,
  validateVolumeAttachment,
  validateVolumeAttachmentStatus,
  validateVolumeAttachmentUpdate,
} from './storage.ts';
import {
  validateDaemonSet,
  validateDeployment,
  validateReplicaSet,
  validateReplicationController,
  validateRevision,
  validateRevisionUpdate,
  validateSelectorUpdate,
  validateStatefulSet,
  validateStatefulSetUpdate,
} from './workload.ts';

/** The part of a strategy that says what an object must be like. */
export type ValidationRules = Pick<
  Strategy,
  'validate' | 'validateCreate' | 'validateUpdate' | 'validateStatusUpdate' | 'validateThrough' | 'validateFinalize'
>;

// biome-ignore lint/suspicious/noExplicitAny: each kind's rules name their own type
type Rule = (object: any, old?: any) => FieldError[];
type RulesOf = {
  [K in keyof ValidationRules]: K extends 'validateThrough' ? Record<string, Rule> : Rule;
};

/** They see decoded objects with defaults; metadata is checked elsewhere, for all kinds alike. */
const table: Record<string, RulesOf> = {
  pods: {
    validate: validatePod,
    validateCreate: validatePodCreate,
    validateUpdate: validatePodUpdate,
    validateStatusUpdate: validatePodStatusUpdate,
    validateThrough: { resize: validatePodResize, ephemeralcontainers: validateEphemeralContainers },
  },
  services: {
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    validateStatusUpdate: validateServiceStatus,
  },
  replicationcontrollers: {
    validate: validateReplicationController,
    validateStatusUpdate: validateCounters('replicas'),
  },
  podtemplates: { validate: ({ template }: PodTemplate) => validatePodTemplate(template ?? {}, 'template') },
  persistentvolumeclaims: {
    validate: validateClaim,
    validateUpdate: validateClaimUpdate,
    validateStatusUpdate: validateClaimStatus,
  },
  'deployments.apps': {
    validate: validateDeployment,
    validateUpdate: validateSelectorUpdate,
    validateStatusUpdate: validateCounters('deployment'),
  },
  'replicasets.apps': {
    validate: validateReplicaSet,
    validateUpdate: validateSelectorUpdate,
    validateStatusUpdate: validateCounters('replicas'),
  },
  'daemonsets.apps': {
    validate: validateDaemonSet,
    validateUpdate: validateSelectorUpdate,
    validateStatusUpdate: validateCounters('daemonSet'),
  },
  'controllerrevisions.apps': { validate: validateRevision, validateUpdate: validateRevisionUpdate },
  configmaps: { validate: validateConfigMap, validateUpdate: validateConfigMapUpdate },
  endpoints: { validate: validateEndpoints },
  events: { validate: validateEvent },
  'events.events.k8s.io': {
    validate: validateNewEvent,
    validateCreate: validateNewEventCreate,
    validateUpdate: validateNewEventUpdate,
  },
  limitranges: { validate: validateLimitRange },
  namespaces: {
    validateCreate: validateNamespace,
    validateStatusUpdate: validateNamespaceStatus,
    validateFinalize,
  },
  nodes: { validate: validateNode, validateUpdate: validateNodeUpdate, validateStatusUpdate: validateNodeStatus },
  persistentvolumes: { validate: validateVolume, validateUpdate: validateVolumeUpdate },
  resourcequotas: {
    validate: validateQuota,
    validateUpdate: validateQuotaUpdate,
    validateStatusUpdate: validateQuotaStatus,
  },
  secrets: { validate: validateSecret, validateUpdate: validateSecretUpdate },
  'mutatingadmissionpolicies.admissionregistration.k8s.io': { validate: validateMutatingPolicy },
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': { validate: validateMutatingBinding },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': { validate: validateWebhookConfiguration },
  'validatingwebhookconfigurations.admissionregistration.k8s.io': { validate: validateWebhookConfiguration },
  'validatingadmissionpolicies.admissionregistration.k8s.io': {
    validate: validateAdmissionPolicy,
    validateStatusUpdate: validateAdmissionPolicyStatus,
  },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': { validate: validatePolicyBinding },
  'apiservices.apiregistration.k8s.io': {
    validate: validateApiService,
    validateStatusUpdate: validateApiServiceStatus,
  },
  'certificatesigningrequests.certificates.k8s.io': {
    validate: validateSigningRequest,
    validateUpdate: validateSigningRequestUpdate,
    validateStatusUpdate: validateSigningRequestStatus,
  },
  'clusterrolebindings.rbac.authorization.k8s.io': {
    validate: validateClusterRoleBinding,
    validateUpdate: validateBindingUpdate,
  },
  'clusterroles.rbac.authorization.k8s.io': { validate: validateClusterRole },
  'cronjobs.batch': { validate: validateCronJob, validateCreate: validateCronJobCreate },
  'csidrivers.storage.k8s.io': { validate: validateCsiDriver, validateUpdate: validateCsiDriverUpdate },
  'csinodes.storage.k8s.io': { validate: validateCsiNode, validateUpdate: validateCsiNodeUpdate },
  'csistoragecapacities.storage.k8s.io': {
    validate: validateStorageCapacity,
    validateUpdate: validateStorageCapacityUpdate,
  },
  'volumeattributesclasses.storage.k8s.io': {
    validate: validateAttributesClass,
    validateUpdate: validateAttributesClassUpdate,
  },
  'clustertrustbundles.certificates.k8s.io': {
    validate: validateTrustBundle,
    validateCreate: validateTrustBundleCreate,
    validateUpdate: validateTrustBundleUpdate,
  },
  'podcertificaterequests.certificates.k8s.io': {
    validateCreate: validatePodCertificate,
    validateUpdate: validatePodCertificateUpdate,
    validateStatusUpdate: validatePodCertificateStatus,
  },
  'flowschemas.flowcontrol.apiserver.k8s.io': {
    validate: validateFlowSchema,
    validateStatusUpdate: validateFlowStatus,
  },
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': {
    validate: validatePriorityLevel,
    validateStatusUpdate: validateFlowStatus,
  },
  'leasecandidates.coordination.k8s.io': {
    validate: validateLeaseCandidate,
    validateUpdate: validateLeaseCandidateUpdate,
  },
  'customresourcedefinitions.apiextensions.k8s.io': {
    validate: validateDefinition,
    validateUpdate: validateDefinitionUpdate,
    validateStatusUpdate: validateDefinitionStatus,
  },
  'endpointslices.discovery.k8s.io': {
    validate: validateEndpointSlice,
    validateCreate: validateEndpointSliceCreate,
    validateUpdate: validateEndpointSliceUpdate,
  },
  'horizontalpodautoscalers.autoscaling': {
    validate: validateAutoscaler,
    validateStatusUpdate: validateCounters('autoscaler'),
  },
  'ingressclasses.networking.k8s.io': { validate: validateIngressClass, validateUpdate: validateIngressClassUpdate },
  'ingresses.networking.k8s.io': {
    validate: validateIngress,
    validateCreate: validateIngressCreate,
    validateStatusUpdate: validateIngressStatus,
  },
  'ipaddresses.networking.k8s.io': { validate: validateIpAddress, validateUpdate: validateIpAddressUpdate },
  'servicecidrs.networking.k8s.io': { validate: validateServiceCidr, validateUpdate: validateServiceCidrUpdate },
  'jobs.batch': {
    validate: validateJob,
    validateUpdate: validateJobUpdate,
    validateStatusUpdate: validateJobStatus,
  },
  'leases.coordination.k8s.io': { validate: validateLease },
  'networkpolicies.networking.k8s.io': { validate: validateNetworkPolicy },
  'poddisruptionbudgets.policy': {
    validate: validateDisruptionBudget,
    validateStatusUpdate: validateDisruptionStatus,
  },
  'deviceclasses.resource.k8s.io': { validate: validateDeviceClass },
  'devicetaintrules.resource.k8s.io': { validate: validateTaintRule, validateStatusUpdate: validateTaintRuleStatus },
  'resourceclaims.resource.k8s.io': {
    validateCreate: validateDeviceClaim,
    validateUpdate: validateDeviceClaimUpdate,
    validateStatusUpdate: validateDeviceClaimStatus,
  },
  'resourceclaimtemplates.resource.k8s.io': {
    validateCreate: validateClaimTemplate,
    validateUpdate: validateClaimTemplateUpdate,
  },
  'resourceslices.resource.k8s.io': { validateCreate: validateSlice, validateUpdate: validateSliceUpdate },
  'priorityclasses.scheduling.k8s.io': { validate: validatePriorityClass, validateUpdate: validatePriorityClassUpdate },
  'rolebindings.rbac.authorization.k8s.io': { validate: validateRoleBinding, validateUpdate: validateBindingUpdate },
  'roles.rbac.authorization.k8s.io': { validate: validateRole },
  'runtimeclasses.node.k8s.io': { validate: validateRuntimeClass, validateUpdate: validateRuntimeClassUpdate },
  'storageclasses.storage.k8s.io': { validate: validateStorageClass, validateUpdate: validateStorageClassUpdate },
  'storageversionmigrations.storagemigration.k8s.io': {
    validate: validateMigration,
    validateUpdate: validateMigrationUpdate,
    validateStatusUpdate: validateMigrationStatus,
  },
  'storageversions.internal.apiserver.k8s.io': {
    validateCreate: validateStorageVersion,
    validateStatusUpdate: validateStorageVersion,
  },
  'volumeattachments.storage.k8s.io': {
    validate: validateVolumeAttachment,
    validateUpdate: validateVolumeAttachmentUpdate,
    validateStatusUpdate: validateVolumeAttachmentStatus,
  },
  'statefulsets.apps': {
    validate: validateStatefulSet,
    validateUpdate: validateStatefulSetUpdate,
    validateStatusUpdate: validateCounters('statefulSet'),
  },
};

/** Rules by `resource.group`. */
export const validationRules: Record<string, ValidationRules> = table as Record<string, ValidationRules>;
