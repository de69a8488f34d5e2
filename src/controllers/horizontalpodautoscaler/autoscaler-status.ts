import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../api/generated/types.ts';
import { timeText } from '../time-text.ts';

export interface ConditionText {
  type: 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';
  isTrue: boolean;
  reason: string;
  message: string;
}

export interface Findings {
  conditions: ConditionText[];
  currentReplicas?: number;
  desiredReplicas?: number;
  metrics?: MetricStatus[];
  isRescaled?: boolean;
}

export function statusAfter(
  { metadata, status }: HorizontalPodAutoscaler,
  f: Findings,
  nowMs: number,
): HorizontalPodAutoscalerStatus {
  return {
    observedGeneration: metadata.generation,
    lastScaleTime: f.isRescaled ? timeText(nowMs) : status?.lastScaleTime,
    currentReplicas: (f.currentReplicas ?? status?.currentReplicas) || undefined,
    desiredReplicas: f.desiredReplicas ?? status?.desiredReplicas ?? 0,
    currentMetrics: f.metrics ?? status?.currentMetrics,
    conditions: f.conditions.reduce((list, text) => withCondition(list, text, nowMs), status?.conditions ?? []),
  };
}

function withCondition(
  list: HorizontalPodAutoscalerCondition[],
  { type, isTrue, reason, message }: ConditionText,
  nowMs: number,
): HorizontalPodAutoscalerCondition[] {
  const status = isTrue ? 'True' : 'False';
  const known = list.find((c) => c.type === type);
  const lastTransitionTime = known?.status === status ? known.lastTransitionTime : timeText(nowMs);
  const condition = { type, status, lastTransitionTime, reason, message };
  return known ? list.map((c) => (c === known ? condition : c)) : [...list, condition];
}
