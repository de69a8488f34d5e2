import { rbacResources } from '../authz/rbac.ts';
import { checkEscalation } from '../authz/escalation.ts';
import { definePlugin } from './plugin.ts';

/** Nobody grants more than he has. Kubernetes does this in the registry of roles and bindings. */
export const rbacEscalation = definePlugin({
  name: 'RbacEscalation',
  verbs: ['create', 'update'],
  resources: rbacResources,
  validate({ authorizer, user, resource, namespace, object, old }) {
    return object && checkEscalation(authorizer, { user, resource, namespace, object, old });
  },
});
