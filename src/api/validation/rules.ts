import {
  validateDefinition,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from '../apiextensions/validate-definition.ts';
import type { Strategy } from '../strategy.ts';
import {
  validateAdmissionPolicy,
  validateMutatingBinding,
  validateMutatingPolicy,
  validatePolicyBinding,
  validateWebhookConfiguration,
} from './admission-rules.ts';
import { validateApiService } from './api-service.ts';
import { validateAutoscaler } from './autoscaling.ts';
import { validateClaim, validateClaimUpdate } from './claim.ts';
import {
  validateEvent,
  validateLease,
  validateNamespace,
  validateNode,
  validateNodeUpdate,
  validatePriorityClass,
  validatePriorityClassUpdate,
  validateRuntimeClass,
  validateRuntimeClassUpdate,
  validateSigningRequest,
  validateSigningRequestStatus,
  validateSigningRequestUpdate,
} from './cluster.ts';
import { validateConfigMap, validateConfigMapUpdate, validateSecret, validateSecretUpdate } from './config.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate, validateEndpoints } from './endpoints.ts';
import { validateCronJob, validateCronJobCreate, validateJob, validateJobUpdate } from './job.ts';
import {
  validateIngress,
  validateIngressClass,
  validateIngressClassUpdate,
  validateNetworkPolicy,
} from './networking.ts';
import { validatePod, validatePodCreate, validatePodStatusUpdate, validatePodUpdate } from './pod.ts';
import { validateDisruptionBudget, validateLimitRange, validateQuota, validateQuotaUpdate } from './quota.ts';
import {
  validateBindingUpdate,
  validateClusterRole,
  validateClusterRoleBinding,
  validateRole,
  validateRoleBinding,
} from './rbac.ts';
import { validateService, validateServiceUpdate } from './service.ts';
import {
  validateCsiDriver,
  validateCsiDriverUpdate,
  validateCsiNode,
  validateStorageClass,
  validateStorageClassUpdate,
  validateVolume,
  validateVolumeAttachment,
  validateVolumeAttachmentUpdate,
  validateVolumeUpdate,
} from './storage.ts';
import {
  validateDaemonSet,
  validateDeployment,
  validateReplicaSet,
  validateReplicationController,
  validateSelectorUpdate,
  validateStatefulSet,
  validateStatefulSetUpdate,
} from './workload.ts';

/** The part of a strategy that says what an object must be like. */
export type ValidationRules = Pick<Strategy, 'validate' | 'validateCreate' | 'validateUpdate' | 'validateStatusUpdate'>;

// biome-ignore lint/suspicious/noExplicitAny: each kind's rules name their own type
type RulesOf = {
  [K in keyof ValidationRules]: (object: any, old?: any) => ReturnType<NonNullable<ValidationRules[K]>>;
};

/** They see decoded objects with defaults; metadata is checked elsewhere, for all kinds alike. */
const table: Record<string, RulesOf> = {
  pods: {
    validate: validatePod,
    validateCreate: validatePodCreate,
    validateUpdate: validatePodUpdate,
    validateStatusUpdate: validatePodStatusUpdate,
  },
  services: { validate: validateService, validateUpdate: validateServiceUpdate },
  replicationcontrollers: { validate: validateReplicationController },
  persistentvolumeclaims: { validate: validateClaim, validateUpdate: validateClaimUpdate },
  'deployments.apps': { validate: validateDeployment, validateUpdate: validateSelectorUpdate },
  'replicasets.apps': { validate: validateReplicaSet, validateUpdate: validateSelectorUpdate },
  'daemonsets.apps': { validate: validateDaemonSet, validateUpdate: validateSelectorUpdate },
  configmaps: { validate: validateConfigMap, validateUpdate: validateConfigMapUpdate },
  endpoints: { validate: validateEndpoints },
  events: { validate: validateEvent },
  limitranges: { validate: validateLimitRange },
  namespaces: { validate: validateNamespace },
  nodes: { validate: validateNode, validateUpdate: validateNodeUpdate },
  persistentvolumes: { validate: validateVolume, validateUpdate: validateVolumeUpdate },
  resourcequotas: { validate: validateQuota, validateUpdate: validateQuotaUpdate },
  secrets: { validate: validateSecret, validateUpdate: validateSecretUpdate },
  'mutatingadmissionpolicies.admissionregistration.k8s.io': { validate: validateMutatingPolicy },
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': { validate: validateMutatingBinding },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': { validate: validateWebhookConfiguration },
  'validatingwebhookconfigurations.admissionregistration.k8s.io': { validate: validateWebhookConfiguration },
  'validatingadmissionpolicies.admissionregistration.k8s.io': { validate: validateAdmissionPolicy },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': { validate: validatePolicyBinding },
  'apiservices.apiregistration.k8s.io': { validate: validateApiService },
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
  'csinodes.storage.k8s.io': { validate: validateCsiNode },
  'customresourcedefinitions.apiextensions.k8s.io': {
    validate: validateDefinition,
    validateUpdate: validateDefinitionUpdate,
    validateStatusUpdate: validateDefinitionStatus,
  },
  'endpointslices.discovery.k8s.io': { validate: validateEndpointSlice, validateUpdate: validateEndpointSliceUpdate },
  'horizontalpodautoscalers.autoscaling': { validate: validateAutoscaler },
  'ingressclasses.networking.k8s.io': { validate: validateIngressClass, validateUpdate: validateIngressClassUpdate },
  'ingresses.networking.k8s.io': { validate: validateIngress },
  'jobs.batch': { validate: validateJob, validateUpdate: validateJobUpdate },
  'leases.coordination.k8s.io': { validate: validateLease },
  'networkpolicies.networking.k8s.io': { validate: validateNetworkPolicy },
  'poddisruptionbudgets.policy': { validate: validateDisruptionBudget },
  'priorityclasses.scheduling.k8s.io': { validate: validatePriorityClass, validateUpdate: validatePriorityClassUpdate },
  'rolebindings.rbac.authorization.k8s.io': { validate: validateRoleBinding, validateUpdate: validateBindingUpdate },
  'roles.rbac.authorization.k8s.io': { validate: validateRole },
  'runtimeclasses.node.k8s.io': { validate: validateRuntimeClass, validateUpdate: validateRuntimeClassUpdate },
  'storageclasses.storage.k8s.io': { validate: validateStorageClass, validateUpdate: validateStorageClassUpdate },
  'volumeattachments.storage.k8s.io': {
    validate: validateVolumeAttachment,
    validateUpdate: validateVolumeAttachmentUpdate,
  },
  'statefulsets.apps': { validate: validateStatefulSet, validateUpdate: validateStatefulSetUpdate },
};

/** Rules by `resource.group`. */
export const validationRules: Record<string, ValidationRules> = table as Record<string, ValidationRules>;
