import type { LabelSelector } from '../api/generated/types.ts';
import { matchesLabelSelector } from '../api/meta/label-selector.ts';

type Labels = Record<string, string> | undefined;

/** An empty selector matches everything, an absent one nothing. */
export const matchesSelector = (selector: LabelSelector | undefined, labels: Labels): boolean =>
  matchesLabelSelector(selector, labels ?? {});

export function matchesLabels(wanted: Record<string, string>, labels: Labels): boolean {
  for (const key in wanted) if (labels?.[key] !== wanted[key]) return false;
  return true;
}

export const isEmptySelector = (s: LabelSelector | undefined): boolean =>
  Object.keys(s?.matchLabels ?? {}).length === 0 && (s?.matchExpressions ?? []).length === 0;
