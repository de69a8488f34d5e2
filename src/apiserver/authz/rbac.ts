import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  RbacSubject,
  Role,
  RoleBinding,
  RoleRef,
} from '../../api/generated/types.ts';
import { type KubeObject, keyOf, keyText } from '../../api/resource.ts';
import { serviceAccountUserName, type UserInfo } from '../authn/user-info.ts';
import { type Attributes, type Decision, isResource } from './attributes.ts';
import { ruleAllows } from './rules.ts';

const rbacGroup = 'rbac.authorization.k8s.io';
export const rbacResources = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(
  (name) => `${name}.${rbacGroup}`,
);

/** One subject of one binding: what a request's user or group leads to. */
interface Grant {
  /** Of a RoleBinding; empty for a ClusterRoleBinding. */
  namespace: string;
  roleRef: RoleRef;
  /** Why a request is allowed by it. */
  reason: string;
}

/** Namespaces for which the grants of one user are remembered. */
const rememberedNamespaces = 1024;

/**
 * Roles and bindings, indexed by subject: a request looks only at bindings of its own user and groups. Kept by events.
 * What cannot be resolved grants nothing: a binding of a missing role waits until the role is there.
 */
export class RbacIndex {
  /** Rules by `namespace/name` (Role) or `name` (ClusterRole). */
  readonly #rules = new Map<string, readonly PolicyRule[]>();
  /** Grants by scope and subject, then by binding. */
  readonly #grants = new Map<string, Map<string, Grant[]>>();
  /** The index keys of a binding, to take it out again. */
  readonly #keysOfBinding = new Map<string, string[]>();
  /** What was gathered for a user, by namespace, until a binding changes: who has come once asks again. */
  #gathered = new WeakMap<UserInfo, Map<string, readonly Grant[]>>();

  /** Takes in a role or binding as it now is. */
  set(resource: string, object: KubeObject): void {
    if (resource.startsWith('roles.') || resource.startsWith('clusterroles.')) {
      this.#rules.set(keyText(keyOf(object)), (object as Role | ClusterRole).rules ?? []);
    } else this.#setBinding(resource, object as RoleBinding | ClusterRoleBinding);
  }

  remove(resource: string, object: KubeObject): void {
    const key = keyText(keyOf(object));
    if (resource.startsWith('roles.') || resource.startsWith('clusterroles.')) this.#rules.delete(key);
    else this.#removeBinding(bindingKey(resource, key));
  }

  /** The first grant that allows the request; cluster-wide ones are asked first. */
  authorize(user: UserInfo, attributes: Attributes): Decision {
    const missing: string[] = [];
    for (const grant of this.#grantsOf(user, namespaceOf(attributes))) {
      const rules = this.rulesOfRef(grant.roleRef, grant.namespace);
      if (!rules) missing.push(missingRole(grant.roleRef));
      else if (rules.some((rule) => ruleAllows(rule, attributes))) return { allowed: true, reason: grant.reason };
    }
    return { allowed: false, reason: missing.length ? `RBAC: ${listText([...new Set(missing)])}` : '' };
  }

  /** All rules that hold for the user in a namespace ('' for cluster scope). */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; missing: string[] } {
    const rules: PolicyRule[] = [];
    const missing: string[] = [];
    for (const grant of this.#grantsOf(user, namespace)) {
      const granted = this.rulesOfRef(grant.roleRef, grant.namespace);
      if (granted) rules.push(...granted);
      else missing.push(missingRole(grant.roleRef));
    }
    return { rules, missing };
  }

  /** The rules of the role a binding names; undefined when there is no such role. */
  rulesOfRef(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (ref.kind === 'ClusterRole') return this.#rules.get(ref.name);
    return namespace ? this.#rules.get(`${namespace}/${ref.name}`) : undefined;
  }

  #grantsOf(user: UserInfo, namespace: string): readonly Grant[] {
    const known = this.#gathered.get(user);
    const found = known?.get(namespace);
    if (found) return found;
    const grants = (namespace ? ['', namespace] : ['']).flatMap((scope) => [
      ...this.#grantsIn(scope, `User:${user.name}`),
      ...user.groups.flatMap((group) => this.#grantsIn(scope, `Group:${group}`)),
    ]);
    if (known && known.size < rememberedNamespaces) known.set(namespace, grants);
    else this.#gathered.set(user, new Map([[namespace, grants]]));
    return grants;
  }

  #grantsIn(scope: string, subject: string): Grant[] {
    return [...(this.#grants.get(`${scope}\0${subject}`)?.values() ?? [])].flat();
  }

  #setBinding(resource: string, object: RoleBinding | ClusterRoleBinding): void {
    const key = bindingKey(resource, keyText(keyOf(object)));
    this.#removeBinding(key);
    const namespace = resource.startsWith('rolebindings.') ? (object.metadata.namespace ?? '') : '';
    const keys = new Set<string>();
    for (const subject of object.subjects ?? []) {
      const indexKey = `${namespace}\0${subjectText(subject, namespace)}`;
      const byBinding = this.#grants.get(indexKey) ?? new Map<string, Grant[]>();
      const grants = byBinding.get(key) ?? [];
      grants.push(grantOf(object, subject, namespace));
      this.#grants.set(indexKey, byBinding.set(key, grants));
      keys.add(indexKey);
    }
    this.#keysOfBinding.set(key, [...keys]);
  }

  #removeBinding(key: string): void {
    this.#gathered = new WeakMap();
    for (const indexKey of this.#keysOfBinding.get(key) ?? []) {
      const byBinding = this.#grants.get(indexKey);
      byBinding?.delete(key);
      if (byBinding?.size === 0) this.#grants.delete(indexKey);
    }
    this.#keysOfBinding.delete(key);
  }
}

const bindingKey = (resource: string, key: string): string => `${resource} ${key}`;

const namespaceOf = (attributes: Attributes): string => (isResource(attributes) ? (attributes.namespace ?? '') : '');

/** Service accounts are users with a name of a fixed form; their namespace defaults to the binding's. */
function subjectText(subject: RbacSubject, bindingNamespace: string): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind}:${subject.name}`;
  return `User:${serviceAccountUserName(subject.namespace || bindingNamespace, subject.name)}`;
}

const grantOf = (object: RoleBinding | ClusterRoleBinding, subject: RbacSubject, namespace: string): Grant => ({
  namespace,
  roleRef: object.roleRef,
  reason: allowedBy(object, subject, namespace),
});

/** The name of a RoleBinding is printed as `name/namespace`. */
function allowedBy(
  { metadata, roleRef }: RoleBinding | ClusterRoleBinding,
  subject: RbacSubject,
  scope: string,
): string {
  const { kind, name, namespace } = subject;
  const who = kind === 'ServiceAccount' ? `${name}/${namespace || scope}` : name;
  const role = `${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
  const binding = scope
    ? `RoleBinding ${JSON.stringify(`${metadata.name}/${scope}`)}`
    : `ClusterRoleBinding ${JSON.stringify(metadata.name)}`;
  return `RBAC: allowed by ${binding} of ${role} to ${kind} ${JSON.stringify(who)}`;
}

const missingRole = (ref: RoleRef): string =>
  `${ref.kind.toLowerCase()}.${rbacGroup} ${JSON.stringify(ref.name)} not found`;

/** Several errors stand in brackets, one alone does not. */
export const listText = (errors: readonly string[]): string =>
  errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`;
