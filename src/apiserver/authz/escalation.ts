import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../api/generated/types.ts';
import { notFound } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { mastersGroup, type UserInfo } from '../authn/user-info.ts';
import { whenDecided } from './attributes.ts';
import type { Authorizer } from './authorizer.ts';
import { forbiddenObject } from './forbidden.ts';
import { compact, quotedList, ruleText, uncovered } from './rules.ts';

const group = 'rbac.authorization.k8s.io';
const fullAuthority: PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

export interface RbacWrite {
  user: UserInfo;
  /** `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`. */
  resource: string;
  /** Empty for the cluster-wide kinds. */
  namespace: string;
  object: KubeObject;
  old: KubeObject | undefined;
}

/**
 * Nobody hands out more than he has: a role may only hold rules that its writer holds (or he has the verb `escalate`), a
 * binding may only name a role whose rules its writer holds (or he has the verb `bind`). Throws `StatusError` Forbidden;
 * NotFound for a binding of a role that does not exist.
 */
export function checkEscalation(authorizer: Authorizer, write: RbacWrite): void | Promise<void> {
  if (write.user.groups.includes(mastersGroup)) return undefined;
  if (write.resource === 'roles' || write.resource === 'clusterroles') return checkRole(authorizer, write);
  return checkBinding(authorizer, write);
}

function checkRole(authorizer: Authorizer, write: RbacWrite): void | Promise<void> {
  const { user, resource, namespace } = write;
  const role = write.object as Role | ClusterRole;
  const escalate = { verb: 'escalate', group, version: 'v1', resource, namespace, name: role.metadata.name };
  return whenDecided(authorizer.authorize(user, escalate), ({ allowed }) => {
    if (!allowed) checkRules(authorizer, write);
  });
}

function checkRules(authorizer: Authorizer, write: RbacWrite): void {
  const { resource } = write;
  const role = write.object as Role | ClusterRole;
  const old = write.old as Role | ClusterRole | undefined;
  const aggregation = (of: KubeObject | undefined) => JSON.stringify((of as ClusterRole | undefined)?.aggregationRule);
  if (resource === 'clusterroles' && aggregation(role) && aggregation(role) !== aggregation(old)) {
    const missing = escalation(authorizer, write, fullAuthority);
    if (missing) throw refused(write, `must have cluster-admin privileges to use an aggregationRule: ${missing}`);
  }
  if (old && same(old.rules ?? [], role.rules ?? [])) return;
  const missing = escalation(authorizer, write, role.rules ?? []);
  if (missing) throw refused(write, missing);
}

function checkBinding(authorizer: Authorizer, write: RbacWrite): void | Promise<void> {
  const { user, namespace } = write;
  const binding = write.object as RoleBinding | ClusterRoleBinding;
  const old = write.old as RoleBinding | ClusterRoleBinding | undefined;
  const { roleRef } = binding;
  if (old && same(old.subjects ?? [], binding.subjects ?? []) && same(old.roleRef, roleRef)) return undefined;
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  const bind = { verb: 'bind', group, version: 'v1', resource, namespace, name: roleRef.name };
  return whenDecided(authorizer.authorize(user, bind), ({ allowed }) => {
    if (allowed) return;
    const rules = authorizer.rulesOfRole(roleRef, namespace);
    if (!rules) throw notFound({ group, resource }, roleRef.name);
    const missing = escalation(authorizer, write, rules);
    if (missing) throw refused(write, missing);
  });
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What the writer lacks, in the API's words; undefined when he holds all of it. */
function escalation(authorizer: Authorizer, write: RbacWrite, wanted: readonly PolicyRule[]): string | undefined {
  const { rules, evaluationError } = authorizer.rulesFor(write.user, write.namespace);
  const missing = uncovered(rules, wanted);
  if (missing.length === 0) return undefined;
  const who = `user ${JSON.stringify(write.user.name)} (groups=${quotedList(write.user.groups)})`;
  const texts = [...new Set(compact(missing).map(ruleText))].sort();
  const unresolved = evaluationError ? `; resolution errors: [${evaluationError}]` : '';
  return `${who} is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}${unresolved}`;
}

const refused = (write: RbacWrite, why: string) =>
  forbiddenObject({ group, resource: write.resource }, write.object.metadata.name, why);
