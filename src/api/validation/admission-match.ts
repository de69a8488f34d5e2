import type { MatchCondition, MatchResources, NamedRuleWithOperations } from '../generated/types.ts';
import type { Program } from '../../cel/environment.ts';
import { CompileError, InstantiationError } from '../../cel/errors.ts';
import { typeName } from '../../cel/types.ts';
import { compilePolicy } from '../cel/policy-language.ts';
import { pathSegment, qualifiedName } from '../meta/name-format.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  internal,
  invalidValue,
  keyFormatted,
  oneOf,
  required,
  tooMany,
  validateLabelSelector,
} from './check.ts';

/** Which requests webhooks and policies want, and the expressions in them. */

export type Compile = (text: string, hidden: readonly string[]) => Program | CompileError;

/** What an expression may use, and must come to. */
export interface Wanted {
  compile?: Compile;
  /** Variables that it cannot use. */
  hidden?: readonly string[];
  /** Types by name; nothing is known of `dyn`, it passes. */
  types?: readonly string[];
}

/** What is wrong with an expression that is there. */
export function expressionErrors(
  text: string,
  path: string,
  { compile = compilePolicy, hidden = [], types }: Wanted,
): FieldError[] {
  const made = compile(text, hidden);
  if (made instanceof InstantiationError) return [internal(path, made.message)];
  if (made instanceof CompileError) return [invalidValue(path, text, `compilation failed: ${made.message}`)];
  const type = typeName(made.type);
  if (!types || type === 'dyn' || types.includes(type)) return [];
  const wanted =
    types.length === 1 ? types[0] : `one of [${types.map((one) => (one === 'null' ? 'null_type' : one)).join(' ')}]`;
  return [invalidValue(path, text, `must evaluate to ${wanted}`)];
}

const maxConditions = 64;

/** Conditions that a request must meet; each has a name of its own. */
export function matchConditions(
  list: readonly MatchCondition[] | undefined,
  path: string,
  hidden: readonly string[],
): FieldError[] {
  const count = list?.length ?? 0;
  const names = (list ?? []).map(({ name }) => name);
  return [
    ...(count > maxConditions ? [tooMany(path, count, maxConditions)] : []),
    ...each(list, path, ({ name, expression }, p, i) => [
      ...(expression.trim()
        ? expressionErrors(expression.trim(), child(p, 'expression'), { hidden, types: ['bool'] })
        : [required(child(p, 'expression'))]),
      ...(name ? keyFormatted(child(p, 'name'), name, qualifiedName) : [required(child(p, 'name'))]),
      ...(name && names.indexOf(name) < i ? [duplicate(child(p, 'name'), name)] : []),
    ]),
  ];
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const others = { operations: 'operations', apiGroups: 'API groups', apiVersions: 'API versions' };

/** A wildcard stands alone. */
const alone = (rule: NamedRuleWithOperations, name: keyof typeof others, path: string): FieldError[] => {
  const list = rule[name] ?? [];
  if (list.length === 0) return [required(child(path, name))];
  const text = `if '*' is present, must not specify other ${others[name]}`;
  return list.length > 1 && list.includes('*') ? [invalidValue(child(path, name), list, text)] : [];
};

export function validateRule(rule: NamedRuleWithOperations, path: string): FieldError[] {
  return [
    ...alone(rule, 'operations', path),
    ...each(rule.operations, child(path, 'operations'), (operation, p) => oneOf(p, operation, operations)),
    ...alone(rule, 'apiGroups', path),
    ...alone(rule, 'apiVersions', path),
    ...each(rule.apiVersions, child(path, 'apiVersions'), (version, p) => (version ? [] : [required(p)])),
    ...resources(rule.resources ?? [], child(path, 'resources')),
    ...oneOf(child(path, 'scope'), rule.scope, ['*', 'Cluster', 'Namespaced']),
  ];
}

/** A wildcard stands for everything that it covers. */
function resources(list: string[], path: string): FieldError[] {
  if (list.length === 0) return [required(path)];
  const wild = { resources: new Set<string>(), subresources: new Set<string>() };
  const errors = each(list, path, (one, p) => {
    if (!one) return [required(p)];
    const [resource, sub] = splitOnce(one);
    if (sub === undefined) return [];
    const covered = (by: string) => invalidValue(p, one, `if '${by}' is present, must not specify ${one}`);
    const found = [
      ...(wild.resources.has(resource) ? [covered(`${resource}/*`)] : []),
      ...(wild.subresources.has(sub) ? [covered(`*/${sub}`)] : []),
    ];
    if (sub === '*') wild.resources.add(resource);
    if (resource === '*') wild.subresources.add(sub);
    return found;
  });
  if (list.length > 1 && list.includes('*/*'))
    errors.push(invalidValue(path, list, "if '*/*' is present, must not specify other resources"));
  const last = list.filter((one) => one && !one.includes('/')).at(-1);
  if (list.includes('*') && last !== '*')
    errors.push(invalidValue(path, list, "if '*' is present, must not specify other resources without subresources"));
  return errors;
}

function splitOnce(text: string): [string, string?] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text] : [text.slice(0, slash), text.slice(slash + 1)];
}

function namedRule(rule: NamedRuleWithOperations, path: string): FieldError[] {
  const names = rule.resourceNames ?? [];
  const errors = each(names, child(path, 'resourceNames'), (name, p, i) => [
    ...keyFormatted(p, name, pathSegment),
    ...(names.indexOf(name) < i ? [duplicate(p, name)] : []),
  ]);
  return [...errors, ...validateRule(rule, path)];
}

export function matchResources(match: MatchResources, path: string): FieldError[] {
  return [
    ...oneOf(child(path, 'matchPolicy'), match.matchPolicy, ['Equivalent', 'Exact']),
    ...validateLabelSelector(match.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(match.objectSelector, child(path, 'objectSelector')),
    ...each(match.resourceRules, child(path, 'resourceRules'), namedRule),
    ...each(match.excludeResourceRules, child(path, 'excludeResourceRules'), namedRule),
  ];
}
