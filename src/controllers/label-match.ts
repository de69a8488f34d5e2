import type { LabelSelector, LabelSelectorRequirement } from '../api/generated/types.ts';

type Labels = Record<string, string> | undefined;

/** metav1.LabelSelector semantics: an empty selector matches everything, an absent one nothing. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (!selector) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return matchesLabels(matchLabels, labels) && matchExpressions.every((e) => matchesExpression(e, labels));
}

export const matchesLabels = (wanted: Record<string, string>, labels: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labels?.[key] === value);

export const isEmptySelector = (s: LabelSelector | undefined): boolean =>
  Object.keys(s?.matchLabels ?? {}).length === 0 && (s?.matchExpressions ?? []).length === 0;

function matchesExpression({ key, operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
  const value = labels?.[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
