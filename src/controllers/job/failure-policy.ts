import type {
  ContainerStatus,
  Pod,
  PodFailurePolicy,
  PodFailurePolicyAction,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '../../api/generated/types.ts';

export interface FailureVerdict {
  /** Undefined: no rule matched, the failure counts. */
  action: PodFailurePolicyAction | undefined;
  /** Why the whole job fails; only with FailJob. */
  message?: string;
}

/** What the first rule that matches says of a failed pod (KEP-3329). */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const match = matchOf(rule, pod);
    if (match) return { action: rule.action, message: `${match} matching ${rule.action} rule at index ${index}` };
  }
  return { action: undefined };
}

/** Whether a failure counts towards the limits. */
export const isCounted = ({ action }: FailureVerdict): boolean => action !== 'Ignore';

/** What a rule matches in a pod, in the API's words. */
function matchOf({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (onExitCodes) {
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
    const container = [...containerStatuses, ...initContainerStatuses].find((c) => hasExitCode(onExitCodes, c));
    if (!container) return undefined;
    const code = container.state?.terminated?.exitCode;
    return `Container ${container.name} for pod ${name} failed with exit code ${code}`;
  }
  const condition = pod.status?.conditions?.find((c) =>
    onPodConditions?.some((pattern) => pattern.type === c.type && (pattern.status ?? 'True') === c.status),
  );
  return condition && `Pod ${name} has condition ${condition.type}`;
}

/** 0 is no failure: it matches nothing, NotIn neither. */
function hasExitCode(
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
  container: ContainerStatus,
): boolean {
  const code = container.state?.terminated?.exitCode;
  if (!code || (containerName && containerName !== container.name)) return false;
  return values.includes(code) === (operator === 'In');
}
