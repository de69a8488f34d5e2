import type { FlowSchema, PolicyRulesWithSubjects, ResourcePolicyRule } from '../../api/generated/types.ts';
import { type Attributes, isResource, type ResourceAttributes } from '../authz/attributes.ts';
import { parseServiceAccountUser, type UserInfo } from '../authn/user-info.ts';

type Subject = PolicyRulesWithSubjects['subjects'][number];

/** Undefined: any. */
type Values = ReadonlySet<string> | undefined;

const all = '*';
const valuesOf = (values: readonly string[] | null | undefined): Values =>
  values?.includes(all) ? undefined : new Set(values);

/**
 * One rule of a schema (flowcontrol.apiserver.k8s.io/v1 PolicyRulesWithSubjects): a request is one of the schema's when a
 * rule is about its user and covers what it asks.
 */
export interface Matcher {
  isOf(user: UserInfo): boolean;
  covers(attributes: Attributes): boolean;
}

/** Compiled once per schema: every request is held against many of them. */
export const matchersOf = ({ spec }: FlowSchema): readonly Matcher[] =>
  (spec.rules ?? []).map((rule) => ({ isOf: subjectsOf(rule.subjects), covers: coverageOf(rule) }));

function subjectsOf(subjects: readonly Subject[]): Matcher['isOf'] {
  const users = valuesOf(subjects.flatMap(({ user }) => user?.name ?? []));
  const groups = valuesOf(subjects.flatMap(({ group }) => group?.name ?? []));
  const accounts = subjects.flatMap(({ serviceAccount }) => serviceAccount ?? []);
  if (!users || !groups) return () => true;
  return (user) => {
    if (users.has(user.name)) return true;
    for (const group of user.groups) if (groups.has(group)) return true;
    const account = accounts.length > 0 ? parseServiceAccountUser(user.name) : undefined;
    return (
      account !== undefined &&
      accounts.some(({ namespace, name }) => namespace === account.namespace && (name === all || name === account.name))
    );
  };
}

function coverageOf({ resourceRules, nonResourceRules }: PolicyRulesWithSubjects): Matcher['covers'] {
  const resources = (resourceRules ?? []).map(resourceCoverage);
  const others = (nonResourceRules ?? []).map((rule) => ({ verbs: valuesOf(rule.verbs), paths: rule.nonResourceURLs }));
  return (attributes) => {
    if (!isResource(attributes)) {
      const { verb, path } = attributes;
      return others.some(({ verbs, paths }) => has(verbs, verb) && paths.some((pattern) => isBelow(pattern, path)));
    }
    for (const covers of resources) if (covers(attributes)) return true;
    return false;
  };
}

function resourceCoverage(rule: ResourcePolicyRule): (attributes: ResourceAttributes) => boolean {
  const verbs = valuesOf(rule.verbs);
  const groups = valuesOf(rule.apiGroups);
  const resources = valuesOf(rule.resources);
  const namespaces = valuesOf(rule.namespaces);
  return ({ verb, group, resource, subresource, namespace }) =>
    has(verbs, verb) &&
    has(groups, group) &&
    (!resources || resources.has(subresource ? `${resource}/${subresource}` : resource)) &&
    (namespace ? has(namespaces, namespace) : rule.clusterScope === true);
}

const has = (values: Values, value: string): boolean => values === undefined || values.has(value);

const isBelow = (pattern: string, path: string): boolean =>
  pattern === all || pattern === path || (pattern.endsWith('/*') && path.startsWith(pattern.slice(0, -1)));

/** First the lower precedence, then the name. */
export const inOrderOfPrecedence = (schemas: readonly FlowSchema[]): FlowSchema[] =>
  [...schemas].sort(
    (a, b) =>
      (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );

/** What tells the flows of a schema apart. */
export function flowOf({ metadata, spec }: FlowSchema, user: UserInfo, attributes: Attributes): string {
  const by = spec.distinguisherMethod?.type;
  if (by === 'ByUser') return `${metadata.name}/${user.name}`;
  if (by === 'ByNamespace' && isResource(attributes)) return `${metadata.name}/${attributes.namespace ?? ''}`;
  return metadata.name;
}
