import type { Pod } from '../../api/generated/types.ts';
import { isCritical } from '../eviction/rank.ts';

export interface ShutdownPeriods {
  /** How long all pods have together, milliseconds. */
  totalMs: number;
  /** How much of that is for critical pods alone, after the others. */
  criticalMs: number;
}

/** Pods that end together, and how long they have. */
export interface ShutdownStep {
  pods: Pod[];
  periodMs: number;
}

/** Ordinary pods first, then those that the cluster itself needs: they serve the others until the end (KEP-2000). */
export function shutdownSteps(pods: readonly Pod[], { totalMs, criticalMs }: ShutdownPeriods): ShutdownStep[] {
  const critical = Math.min(criticalMs, totalMs);
  return [
    { pods: pods.filter((pod) => !isCritical(pod)), periodMs: totalMs - critical },
    { pods: pods.filter(isCritical), periodMs: critical },
  ];
}

/** A pod's own grace, as far as there is time. */
export const graceSecondsOf = ({ spec }: Pod, periodMs: number): number =>
  Math.max(Math.min(spec.terminationGracePeriodSeconds ?? 30, Math.floor(periodMs / 1000)), 1);
