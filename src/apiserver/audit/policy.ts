import { parse } from 'yaml';
import { type Attributes, isResource, type ResourceAttributes, resourceText } from '../authz/attributes.ts';
import type { UserInfo } from '../authn/user-info.ts';

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

interface GroupResources {
  group?: string;
  resources?: string[];
  resourceNames?: string[];
}

interface Rule {
  level: Level;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  resources?: GroupResources[];
  namespaces?: string[];
  nonResourceURLs?: string[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

/** audit.k8s.io/v1 Policy. */
export interface AuditPolicy {
  rules: Rule[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

/** How a request is audited. */
export interface AuditDecision {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

const nothing: AuditDecision = { level: 'None', omitStages: new Set(), omitManagedFields: false };

/** Reads a policy file (YAML or JSON). Throws an Error that says what is wrong with it. */
export function parseAuditPolicy(text: string): AuditPolicy {
  const document = parse(text) as (Partial<AuditPolicy> & { apiVersion?: string; kind?: string }) | null;
  if (document?.apiVersion !== 'audit.k8s.io/v1' || document.kind !== 'Policy')
    throw new Error('an audit policy is a Policy of audit.k8s.io/v1');
  const { rules } = document;
  if (!Array.isArray(rules) || rules.length === 0) throw new Error('loaded illegal policy with 0 rules');
  checkStages(document.omitStages, 'omitStages');
  rules.forEach((rule, i) => checkRule(rule, `rules[${i}]`));
  return document as AuditPolicy;
}

function checkRule(rule: Rule, path: string): void {
  if (!levels.includes(rule.level))
    throw new Error(
      `${path}.level: Unsupported value: ${JSON.stringify(rule.level)}: supported values: ${quoted(levels)}`,
    );
  checkStages(rule.omitStages, `${path}.omitStages`);
  if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length))
    throw new Error(
      `${path}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs`,
    );
  for (const url of rule.nonResourceURLs ?? [])
    if (url !== '*' && (!url.startsWith('/') || url.slice(0, -1).includes('*')))
      throw new Error(
        `${path}.nonResourceURLs: Invalid value: ${JSON.stringify(url)}: non-resource URL wildcards '*' must be the final character of the rule`,
      );
}

const quoted = (list: readonly string[]): string => list.map((one) => JSON.stringify(one)).join(', ');

function checkStages(list: readonly string[] | undefined, path: string): void {
  for (const stage of list ?? [])
    if (!(stages as readonly string[]).includes(stage))
      throw new Error(`${path}: Unsupported value: ${JSON.stringify(stage)}: supported values: ${quoted(stages)}`);
}

/** The first rule that matches decides; where none does, nothing is audited. */
export function auditDecision(policy: AuditPolicy, user: UserInfo, attributes: Attributes): AuditDecision {
  const rule = policy.rules.find((one) => matches(one, user, attributes));
  if (!rule || rule.level === 'None') return nothing;
  return {
    level: rule.level,
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule.omitStages ?? [])]),
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

const takes = (list: readonly string[] | undefined, value: string): boolean => !list?.length || list.includes(value);

function matches(rule: Rule, user: UserInfo, attributes: Attributes): boolean {
  if (!takes(rule.users, user.name) || !takes(rule.verbs, attributes.verb)) return false;
  if (rule.userGroups?.length && !user.groups.some((group) => rule.userGroups?.includes(group))) return false;
  if (rule.namespaces?.length || rule.resources?.length)
    return isResource(attributes) && matchesResource(rule, attributes);
  if (!rule.nonResourceURLs?.length) return true;
  return !isResource(attributes) && rule.nonResourceURLs.some((url) => matchesPath(url, attributes.path));
}

const matchesPath = (pattern: string, path: string): boolean =>
  pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;

function matchesResource({ namespaces, resources }: Rule, attributes: ResourceAttributes): boolean {
  if (!takes(namespaces, attributes.namespace ?? '')) return false;
  if (!resources?.length) return true;
  return resources.some((one) => {
    if ((one.group ?? '') !== attributes.group) return false;
    if (!one.resources?.length) return true;
    return takes(one.resourceNames, attributes.name ?? '') && one.resources.some((name) => isNamed(name, attributes));
  });
}

/** `*`, `pods`, `pods/log`, `*\/scale`, `pods/*`. */
function isNamed(pattern: string, attributes: ResourceAttributes): boolean {
  const { resource, subresource } = attributes;
  if (pattern === '*' || pattern === resourceText(attributes)) return true;
  if (subresource && pattern === `*/${subresource}`) return true;
  return pattern === `${resource}/*`;
}
