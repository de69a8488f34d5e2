import type { Strategy } from '../strategy.ts';
import { validateClaim, validateClaimUpdate } from './claim.ts';
import { validatePod, validatePodCreate, validatePodStatusUpdate, validatePodUpdate } from './pod.ts';
import { validateService, validateServiceUpdate } from './service.ts';
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
  'statefulsets.apps': { validate: validateStatefulSet, validateUpdate: validateStatefulSetUpdate },
};

/** Rules by `resource.group`. */
export const validationRules: Record<string, ValidationRules> = table as Record<string, ValidationRules>;
