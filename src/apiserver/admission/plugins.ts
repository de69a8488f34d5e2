import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificate-signers.ts';
import { certificateRequestOwner } from './certificate-request.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import type { AdmissionPlugin } from './plugin.ts';
import { priority } from './priority.ts';
import { rbacEscalation } from './rbac-escalation.ts';
import { serviceAccount } from './service-account.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

/**
 * The plugins in the order in which they run: Kubernetes' order (facts, admissionPlugins), its default ones and
 * NodeRestriction, which every installer turns on. The first is knarr's own and comes before all that read what it writes.
 */
export const admissionPlugins: readonly AdmissionPlugin[] = [
  certificateRequestOwner,
  namespaceLifecycle,
  serviceAccount,
  nodeRestriction,
  taintNodesByCondition,
  priority,
  defaultTolerationSeconds,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  rbacEscalation,
];
