import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  RbacSubject,
} from '../generated/types.ts';
import { dns1123Subdomain, pathSegment } from '../meta/name-format.ts';
import {
  child,
  each,
  type FieldError,
  formatted,
  invalidValue,
  notSupported,
  required,
  requiredFormatted,
  same,
  validateLabelSelector,
} from './check.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

function policyRule(rule: PolicyRule, path: string, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.verbs?.length) errors.push(required(child(path, 'verbs'), 'verbs must contain at least one value'));
  const urls = rule.nonResourceURLs;
  if (urls?.length) {
    const at = child(path, 'nonResourceURLs');
    if (namespaced) errors.push(invalidValue(at, urls, 'namespaced rules cannot apply to non-resource URLs'));
    if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length)
      errors.push(invalidValue(at, urls, 'rules cannot apply to both regular resources and non-resource URLs'));
    return errors;
  }
  if (!rule.apiGroups?.length)
    errors.push(required(child(path, 'apiGroups'), 'resource rules must supply at least one api group'));
  if (!rule.resources?.length)
    errors.push(required(child(path, 'resources'), 'resource rules must supply at least one resource'));
  return errors;
}

export const validateRole = (role: Role): FieldError[] =>
  each(role.rules, 'rules', (rule, p) => policyRule(rule, p, true));

export function validateClusterRole(role: ClusterRole): FieldError[] {
  const errors = each(role.rules, 'rules', (rule, p) => policyRule(rule, p, false));
  const path = 'aggregationRule.clusterRoleSelectors';
  if (!role.aggregationRule) return errors;
  if (!role.aggregationRule.clusterRoleSelectors?.length)
    return [...errors, required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return [
    ...errors,
    ...each(role.aggregationRule.clusterRoleSelectors, path, (selector, p) => {
      const wrong = validateLabelSelector(selector, p);
      return wrong.length > 0 ? [...wrong, invalidValue(p, null, 'invalid label selector.')] : [];
    }),
  ];
}

function roleRef(ref: RoleRef, kinds: string[]): FieldError[] {
  const errors: FieldError[] = [];
  if (ref.apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', ref.apiGroup, [rbacGroup]));
  if (!kinds.includes(ref.kind)) errors.push(notSupported('roleRef.kind', ref.kind, kinds));
  return [...errors, ...requiredFormatted('roleRef.name', ref.name, pathSegment)];
}

function subject(who: RbacSubject, path: string, namespaced: boolean): FieldError[] {
  const errors = who.name ? [] : [required(child(path, 'name'))];
  switch (who.kind) {
    case 'ServiceAccount':
      errors.push(...formatted(child(path, 'name'), who.name, dns1123Subdomain));
      if (who.apiGroup) errors.push(notSupported(child(path, 'apiGroup'), who.apiGroup, ['']));
      if (!namespaced && !who.namespace) errors.push(required(child(path, 'namespace')));
      return errors;
    case 'User':
    case 'Group':
      if (who.apiGroup !== rbacGroup)
        errors.push(notSupported(child(path, 'apiGroup'), who.apiGroup ?? '', [rbacGroup]));
      return errors;
    default:
      return [...errors, notSupported(child(path, 'kind'), who.kind, ['ServiceAccount', 'User', 'Group'])];
  }
}

export const validateRoleBinding = (binding: RoleBinding): FieldError[] => [
  ...roleRef(binding.roleRef, ['Role', 'ClusterRole']),
  ...each(binding.subjects, 'subjects', (who, p) => subject(who, p, true)),
];

export const validateClusterRoleBinding = (binding: ClusterRoleBinding): FieldError[] => [
  ...roleRef(binding.roleRef, ['ClusterRole']),
  ...each(binding.subjects, 'subjects', (who, p) => subject(who, p, false)),
];

/** A binding keeps its role: what it grants cannot change under its subjects. */
export function validateBindingUpdate(binding: { roleRef: RoleRef }, old: { roleRef: RoleRef }): FieldError[] {
  if (same(binding.roleRef, old.roleRef)) return [];
  const { apiGroup, kind, name } = binding.roleRef;
  return [invalidValue('roleRef', { APIGroup: apiGroup, Kind: kind, Name: name }, 'cannot change roleRef')];
}
