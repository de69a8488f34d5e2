import type { PolicyRule } from '../../api/generated/types.ts';
import {
  type Attributes,
  isResource,
  type NonResourceAttributes,
  type ResourceAttributes,
  resourceText,
} from './attributes.ts';

const has = (list: readonly string[] | undefined, value: string): boolean => list?.includes(value) ?? false;
const hasOrAll = (list: readonly string[] | undefined, value: string): boolean => has(list, '*') || has(list, value);

/** Whether a rule allows a request (RBAC, rbac.authorization.k8s.io/v1 PolicyRule). */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!hasOrAll(rule.verbs, attributes.verb)) return false;
  return isResource(attributes) ? resourceMatches(rule, attributes) : pathMatches(rule, attributes);
}

function resourceMatches(rule: PolicyRule, attributes: ResourceAttributes): boolean {
  if (!hasOrAll(rule.apiGroups, attributes.group)) return false;
  const { subresource } = attributes;
  if (
    !hasOrAll(rule.resources, resourceText(attributes)) &&
    !(subresource && has(rule.resources, `*/${subresource}`))
  ) {
    return false;
  }
  return !rule.resourceNames?.length || rule.resourceNames.includes(attributes.name ?? '');
}

function pathMatches(rule: PolicyRule, { path }: NonResourceAttributes): boolean {
  return (rule.nonResourceURLs ?? []).some((url) => pathCovers(url, path));
}

const pathCovers = (url: string, path: string): boolean =>
  url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));

/** The rules of `requested`, in their smallest parts, that `owned` does not grant in full. */
export function uncovered(owned: readonly PolicyRule[], requested: readonly PolicyRule[]): PolicyRule[] {
  return requested.flatMap(parts).filter((part) => !owned.some((rule) => covers(rule, part)));
}

/** A rule for each combination of one group, resource, name (or path) and verb. */
function parts(rule: PolicyRule): PolicyRule[] {
  const split: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) split.push({ nonResourceURLs: [url], verbs: [verb] });
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const part = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (!rule.resourceNames?.length) split.push(part);
        for (const name of rule.resourceNames ?? []) split.push({ ...part, resourceNames: [name] });
      }
    }
  }
  return split;
}

function covers(owned: PolicyRule, part: PolicyRule): boolean {
  const verb = part.verbs[0] ?? '';
  if (!hasOrAll(owned.verbs, verb)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) return (owned.nonResourceURLs ?? []).some((ownedUrl) => pathCovers(ownedUrl, url));
  const [group = '', resource = ''] = [part.apiGroups?.[0], part.resources?.[0]];
  if (!hasOrAll(owned.apiGroups, group) || !coversResource(owned, resource)) return false;
  const name = part.resourceNames?.[0];
  return !owned.resourceNames?.length || (name !== undefined && owned.resourceNames.includes(name));
}

function coversResource(owned: PolicyRule, resource: string): boolean {
  if (hasOrAll(owned.resources, resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && has(owned.resources, `*/${resource.slice(slash + 1)}`);
}

/** Rules about the same one resource (and name) become one rule with all their verbs. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  const rest: PolicyRule[] = [];
  for (const rule of rules) {
    const simple = rule.apiGroups?.length === 1 && rule.resources?.length === 1 && !rule.nonResourceURLs?.length;
    if (!simple || (rule.resourceNames?.length ?? 0) > 1) {
      rest.push(rule);
      continue;
    }
    const key = [rule.apiGroups?.[0], rule.resources?.[0], rule.resourceNames?.[0] ?? ''].join(' ');
    const known = merged.get(key);
    if (known) known.verbs.push(...rule.verbs);
    else merged.set(key, { ...rule, verbs: [...rule.verbs] });
  }
  return [...merged.values(), ...rest];
}

/** A rule as error messages show it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function ruleText(rule: PolicyRule): string {
  const members: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  return `{${members
    .filter(([, list]) => list?.length)
    .map(([name, list]) => `${name}:${quotedList(list as string[])}`)
    .join(', ')}}`;
}

/** A list as Go prints it with %q. */
export const quotedList = (list: readonly string[]): string =>
  `[${list.map((text) => JSON.stringify(text)).join(' ')}]`;
