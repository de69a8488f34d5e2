/** rbac.authorization.k8s.io: columns. Roles have only a name and a creation time. */
import type { ClusterRoleBinding, RoleBinding } from '../generated/types.ts';
import { type CellRule, age, columns, name, subjectNames } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const role: CellRule<RoleBinding | ClusterRoleBinding> = ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`;

const bindingColumns = {
  Name: name,
  Role: role,
  Age: age,
  Users: subjectNames('User'),
  Groups: subjectNames('Group'),
  ServiceAccounts: subjectNames('ServiceAccount'),
};

export const roleBinding = defineStrategy<RoleBinding>({ cells: columns<RoleBinding>(bindingColumns) });
export const clusterRoleBinding = defineStrategy<ClusterRoleBinding>({
  cells: columns<ClusterRoleBinding>(bindingColumns),
});
