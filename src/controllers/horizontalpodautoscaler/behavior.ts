import type { HorizontalPodAutoscalerSpec, HPAScalingPolicy, HPAScalingRules } from '../../api/generated/types.ts';

/** What was wanted and done lately. */
export interface History {
  recommendations: { replicas: number; atMs: number }[];
  /** Changes that were made, as numbers of pods. */
  changes: { added: number; atMs: number }[];
}

export interface Wish {
  current: number;
  desired: number;
  nowMs: number;
}

export interface Said {
  reason: string;
  message: string;
}

export interface Verdict {
  replicas: number;
  /** Set when recent recommendations held the wish back. */
  stabilized: Said | undefined;
  limit: Said & { isLimited: boolean };
}

const defaultDownWindowSeconds = 300;

const said = {
  up: {
    reason: 'ScaleUpStabilized',
    message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
  },
  down: {
    reason: 'ScaleDownStabilized',
    message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
  },
  upLimit: {
    reason: 'ScaleUpLimit',
    message: 'the desired replica count is increasing faster than the maximum scale rate',
  },
  downLimit: {
    reason: 'ScaleDownLimit',
    message: 'the desired replica count is decreasing faster than the maximum scale rate',
  },
  tooMany: { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' },
  tooFew: { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' },
  within: { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' },
};

/** From what the metrics ask for to what is done now: windows, rates and bounds (KEP-853). */
export function bounded(spec: HorizontalPodAutoscalerSpec, wish: Wish, history: History): Verdict {
  const steady = stabilize(spec, wish, history);
  const { replicas, ...limit } = limited(spec, { ...wish, desired: steady }, history);
  const direction = wish.desired >= wish.current && spec.behavior ? said.up : said.down;
  return {
    replicas,
    stabilized: steady === wish.desired ? undefined : direction,
    limit: { ...limit, isLimited: replicas !== steady },
  };
}

/** Up only as far as every recommendation of the window went, down only as far as all of them did. */
function stabilize(
  { behavior }: HorizontalPodAutoscalerSpec,
  { current, desired, nowMs }: Wish,
  { recommendations }: History,
): number {
  const upSeconds = behavior?.scaleUp?.stabilizationWindowSeconds ?? 0;
  const downSeconds = behavior?.scaleDown?.stabilizationWindowSeconds ?? defaultDownWindowSeconds;
  const within = (seconds: number) =>
    recommendations.filter((r) => r.atMs > nowMs - seconds * 1000).map((r) => r.replicas);
  const lowest = Math.min(desired, ...within(upSeconds));
  const highest = Math.max(desired, ...within(downSeconds));
  // Without a behaviour only what goes down waits.
  return behavior ? Math.min(Math.max(current, lowest), highest) : highest;
}

function limited(spec: HorizontalPodAutoscalerSpec, wish: Wish, history: History): Said & { replicas: number } {
  const { current, desired } = wish;
  const { minReplicas = 1, maxReplicas, behavior } = spec;
  if (!behavior || desired > current) {
    // Without a behaviour: twice as many at once, or 4.
    const rate = behavior ? Math.max(current, upLimit(behavior.scaleUp, wish, history)) : Math.max(2 * current, 4);
    const most = Math.min(maxReplicas, rate);
    if (desired > most) return { replicas: most, ...(rate < maxReplicas ? said.upLimit : said.tooMany) };
  }
  if (!behavior || desired < current) {
    const rate = behavior ? Math.min(current, downLimit(behavior.scaleDown, wish, history)) : 0;
    const least = Math.max(minReplicas, rate);
    if (desired < least) return { replicas: least, ...(rate > minReplicas ? said.downLimit : said.tooFew) };
  }
  return { replicas: desired, ...said.within };
}

/** How many there were when the policy's period began. */
function atStart({ periodSeconds }: HPAScalingPolicy, { current, nowMs }: Wish, { changes }: History): number {
  const recent = changes.filter((c) => c.atMs > nowMs - periodSeconds * 1000);
  return current - recent.reduce((total, c) => total + c.added, 0);
}

function upLimit(rules: HPAScalingRules | undefined, wish: Wish, history: History): number {
  if (rules?.selectPolicy === 'Disabled') return wish.current;
  const limits = (rules?.policies ?? []).map((policy) => {
    const start = atStart(policy, wish, history);
    return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100) - 1e-9);
  });
  return rules?.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(rules: HPAScalingRules | undefined, wish: Wish, history: History): number {
  if (rules?.selectPolicy === 'Disabled') return wish.current;
  const limits = (rules?.policies ?? []).map((policy) => {
    const start = atStart(policy, wish, history);
    return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100) + 1e-9);
  });
  // The smallest change leaves most.
  return rules?.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}

/** What is remembered: nothing older than any window or period. */
export function remember(history: History, { nowMs }: { nowMs: number }): History {
  const longestMs = 3600_000;
  return {
    recommendations: history.recommendations.filter((r) => r.atMs > nowMs - longestMs),
    changes: history.changes.filter((c) => c.atMs > nowMs - longestMs),
  };
}
