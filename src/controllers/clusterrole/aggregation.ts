import { clusterroles } from '../../api/generated/resources.ts';
import { aggregatedRules } from '../../api/rbac/aggregation.ts';
import { defineController, done, type Result, watch } from '../runtime.ts';

/** Aggregated ClusterRoles (admin, edit, view and users' own) hold the rules of all roles that their selectors match. */
export const clusterRoleAggregation = defineController({
  name: 'clusterrole.aggregation',
  serviceAccount: 'clusterrole-aggregation-controller',
  workers: 1,
  setup(context) {
    const roles = context.informer(clusterroles);
    const aggregated = () =>
      roles
        .list()
        .filter((role) => role.aggregationRule)
        .map((role) => role.metadata.name);
    return {
      // Any role may belong to any aggregated one; there are few of these.
      watches: [watch(roles, aggregated)],
      async reconcile(key, client): Promise<Result> {
        const role = roles.get(key);
        if (!role?.aggregationRule || role.metadata.deletionTimestamp) return done;
        const rules = aggregatedRules(role, roles.list());
        if (JSON.stringify(rules) === JSON.stringify(role.rules ?? [])) return done;
        await client.update(clusterroles, { ...role, rules });
        return done;
      },
    };
  },
});
