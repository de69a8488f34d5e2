import { customresourcedefinitions, validatingadmissionpolicies } from '../../api/generated/resources.ts';
import { defineController, done, type Result, watch } from '../runtime.ts';
import { typeWarnings } from './type-check.ts';

/** Tells authors of policies, in the status, where expressions ask for what the matched kinds do not have. Once a generation. */
export const validatingAdmissionPolicyStatus = defineController({
  name: 'validatingadmissionpolicy.status',
  serviceAccount: 'validatingadmissionpolicy-status-controller',
  workers: 1,
  setup(context) {
    const policies = context.informer(validatingadmissionpolicies);
    const definitions = context.informer(customresourcedefinitions);
    return {
      watches: [watch(policies, (policy) => [policy.metadata.name])],
      async reconcile(key, client): Promise<Result> {
        const policy = policies.get(key);
        const generation = policy?.metadata.generation ?? 0;
        if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return done;
        const expressionWarnings = typeWarnings(policy, definitions.list());
        const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {};
        const status = { ...policy.status, observedGeneration: generation, typeChecking };
        await client.update(validatingadmissionpolicies, { ...policy, status }, { subresource: 'status' });
        return done;
      },
    };
  },
});
