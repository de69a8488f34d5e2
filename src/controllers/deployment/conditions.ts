import type { DeploymentCondition, DeploymentStatus } from '../../api/generated/types.ts';
import { timeText } from '../time-text.ts';

export const conditionOf = (status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined =>
  status?.conditions?.find((c) => c.type === type);

export interface ConditionText {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** Sets a condition unless it says the same already; the transition time stands while the status does. */
export function withCondition(status: DeploymentStatus, text: ConditionText, nowMs: number): DeploymentStatus {
  const known = conditionOf(status, text.type);
  if (known?.status === text.status && known.reason === text.reason) return status;
  return replaced(status, text, nowMs);
}

/** As `withCondition`, but also a condition that says the same gets the message and the time of now. */
export function replaced(status: DeploymentStatus, text: ConditionText, nowMs: number): DeploymentStatus {
  const known = conditionOf(status, text.type);
  const now = timeText(nowMs);
  const lastTransitionTime = known?.status === text.status ? known.lastTransitionTime : now;
  const others = withoutCondition(status, text.type).conditions ?? [];
  return { ...status, conditions: [...others, { ...text, lastUpdateTime: now, lastTransitionTime }] };
}

export const withoutCondition = (status: DeploymentStatus, type: string): DeploymentStatus => ({
  ...status,
  conditions: status.conditions?.filter((c) => c.type !== type),
});
