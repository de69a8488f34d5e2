import type { LabelSelector, NamedRuleWithOperations } from '../../api/generated/types.ts';
import { namespaces } from '../../api/generated/resources.ts';
import type { Kind } from '../../api/kind.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { AdmissionContext } from './plugin.ts';

/** What a request is about, in one version of its kind. */
export type Target = Kind;

/** Which requests a webhook or policy wants to see. */
export interface Criteria {
  rules: readonly NamedRuleWithOperations[];
  excluded?: readonly NamedRuleWithOperations[];
  matchPolicy: 'Exact' | 'Equivalent';
  namespaceSelector: LabelSelector | undefined;
  objectSelector: LabelSelector | undefined;
}

/** The version in which the request is wanted; undefined: it is not. */
export function matchRequest(context: AdmissionContext, criteria: Criteria): Target | undefined {
  const target = matchRules(context, criteria);
  if (!target || !matchesNamespace(context, criteria.namespaceSelector)) return undefined;
  return matchesObject(context, criteria.objectSelector) ? target : undefined;
}

/** The request as it is first, then in the other versions of its resource. */
function matchRules(context: AdmissionContext, { rules, excluded = [], matchPolicy }: Criteria): Target | undefined {
  const own = context.endpoint.kind;
  const others = (): Target[] => context.versionsOf(context.endpoint).map(({ kind }) => kind);
  const candidates = matchPolicy === 'Exact' ? [own] : [own, ...others()];
  if (candidates.some((target) => excluded.some((rule) => matchesRule(context, rule, target)))) return undefined;
  return candidates.find((target) => rules.some((rule) => matchesRule(context, rule, target)));
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list?.some((one) => one === '*' || one === value) ?? false;

function matchesRule(context: AdmissionContext, rule: NamedRuleWithOperations, target: Target): boolean {
  const names = rule.resourceNames ?? [];
  return (
    has(rule.operations, context.verb.toUpperCase()) &&
    has(rule.apiGroups, target.group) &&
    has(rule.apiVersions, target.version) &&
    matchesScope(context, rule.scope) &&
    (rule.resources ?? []).some((pattern) => matchesResource(pattern, target.resource, context.subresource)) &&
    (names.length === 0 || names.includes(context.name))
  );
}

/** Namespaces themselves belong to the cluster. */
function matchesScope({ namespace, resource }: AdmissionContext, scope: string | undefined): boolean {
  if (!scope || scope === '*') return true;
  const isNamespaced = namespace !== '' && resource !== 'namespaces';
  return isNamespaced === (scope === 'Namespaced');
}

/** `pods`, `pods/log`, `pods/*`, `*`, `*\/scale`, `*\/*`. */
function matchesResource(pattern: string, resource: string, subresource: string): boolean {
  const [wanted, sub = ''] = pattern.split('/');
  return (wanted === '*' || wanted === resource) && (sub === '*' || sub === subresource);
}

const isEmpty = (selector: LabelSelector | undefined): boolean =>
  !selector || (!selector.matchLabels && !selector.matchExpressions?.length);

/** The labels of the namespace that the request is in; of a namespace, its own. Cluster-wide objects always match. */
function matchesNamespace(context: AdmissionContext, selector: LabelSelector | undefined): boolean {
  if (isEmpty(selector)) return true;
  const isNamespace = context.resource === 'namespaces' && context.group === '';
  if (isNamespace) {
    const labels = (context.object ?? context.old)?.metadata.labels ?? {};
    return matchesLabelSelector(selector, labels);
  }
  if (!context.namespace) return true;
  const namespace = context.read.get(namespaces, '', context.namespace);
  return matchesLabelSelector(selector, namespace?.metadata.labels ?? {});
}

/** The object before or after. */
function matchesObject({ object, old }: AdmissionContext, selector: LabelSelector | undefined): boolean {
  if (isEmpty(selector)) return true;
  const matches = (one: Readonly<KubeObject> | undefined) =>
    // Options of a connection have no labels, whatever is asked of these.
    one?.metadata && matchesLabelSelector(selector, one.metadata.labels ?? {});
  return Boolean(matches(object) || matches(old));
}
