import type { PolicyRule, RoleRef, Subject } from './generated/types.ts';

export interface BootstrapRole {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  rules?: PolicyRule[];
  aggregationRule?: { clusterRoleSelectors: { matchLabels: Record<string, string> }[] };
  noBootstrapLabel?: boolean;
  noAutoupdate?: boolean;
}

export interface BootstrapBinding {
  name: string;
  namespace?: string;
  roleRef: Omit<RoleRef, 'apiGroup'> & { apiGroup?: string };
  subjects: Subject[];
  noBootstrapLabel?: boolean;
  noAutoupdate?: boolean;
}

/** What a fresh cluster contains: roles, bindings and priority classes, as the facts list them. */
export interface BootstrapPolicy {
  clusterRoles: BootstrapRole[];
  controllerRoles: BootstrapRole[];
  clusterRoleBindings: BootstrapBinding[];
  controllerRoleBindings: BootstrapBinding[];
  namespaceRoles: BootstrapRole[];
  namespaceRoleBindings: BootstrapBinding[];
  priorityClasses: { name: string; value: number; globalDefault: boolean; description?: string }[];
}
