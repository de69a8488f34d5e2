import type { ClusterRole, LabelSelectorRequirement, PolicyRule } from '../generated/types.ts';

/** The rules of an aggregated ClusterRole: those of every role its selectors match, by name, each once (RBAC v1). */
export function aggregatedRules(role: ClusterRole, all: Iterable<ClusterRole>): PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  const sources = [...all]
    .filter((source) => source.metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((s) => matches(s, metadata.labels ?? {})))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const source of sources) for (const rule of source.rules ?? []) rules.set(JSON.stringify(rule), rule);
  return [...rules.values()];
}

type Selector = { matchLabels?: Record<string, string>; matchExpressions?: LabelSelectorRequirement[] };

function matches(selector: Selector, labels: Record<string, string>): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((requirement) => meets(requirement, labels))
  );
}

function meets({ key, operator, values = [] }: LabelSelectorRequirement, labels: Record<string, string>): boolean {
  const value = labels[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  if (operator === 'In') return value !== undefined && values.includes(value);
  return operator === 'NotIn' && (value === undefined || !values.includes(value));
}
