import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/generated/types.ts';
import { reasonCodes, type StatusError, type StatusReason } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { Evaluation, type Expressions, type Outcome } from './expressions.ts';
import { type AdmissionContext, refused } from './plugin.ts';
import { type ParamReader, paramsFor } from './policy-params.ts';
import { type Criteria, matchRequest, type Target } from './rule-matching.ts';

export interface PolicyDeps {
  expressions: Expressions;
  params: ParamReader;
}

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

/** A policy with one of its bindings, where both want the request. */
export interface Bound<P extends Policy, B extends Binding> {
  policy: P;
  binding: B;
  target: Target;
}

/** The bindings of policies that want a request, in the order of the policies' names. */
export function* boundPolicies<P extends Policy, B extends Binding>(
  context: AdmissionContext,
  { policies, bindings }: { policies: readonly P[]; bindings: readonly B[] },
): Generator<Bound<P, B>> {
  for (const policy of policies) {
    const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name);
    const target = own.length > 0 ? matchRequest(context, criteria(policy.spec.matchConstraints)) : undefined;
    if (!target) continue;
    for (const binding of own) {
      const { matchResources } = binding.spec;
      if (!matchResources || matchRequest(context, bindingCriteria(matchResources))) yield { policy, binding, target };
    }
  }
}

const criteria = (match: MatchResources | undefined): Criteria => ({
  rules: match?.resourceRules ?? [],
  excluded: match?.excludeResourceRules ?? [],
  matchPolicy: match?.matchPolicy ?? 'Equivalent',
  namespaceSelector: match?.namespaceSelector,
  objectSelector: match?.objectSelector,
});

/** A binding without rules takes all that its policy takes. */
const bindingCriteria = (match: MatchResources): Criteria => {
  const own = criteria(match);
  const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
  return own.rules.length > 0 ? own : { ...own, rules: [everything] };
};

/** A parameter for which a policy is about a request. */
export interface PolicyCase {
  /** The one that has said so. */
  evaluation: Evaluation;
  /** One over the request as it is by now, with a budget of its own. */
  again(): Evaluation;
}

/** The parameters for which the policy is about the request; a text where that cannot be said. */
export async function casesOf(
  deps: PolicyDeps,
  context: AdmissionContext,
  { policy, binding, target }: Bound<Policy, Binding>,
): Promise<PolicyCase[] | string> {
  const { paramKind, variables: definitions = [] } = policy.spec;
  const params: (KubeObject | null)[] | string = paramKind
    ? await paramsFor(deps.params, context, { paramKind, paramRef: binding.spec.paramRef })
    : [null];
  if (typeof params === 'string') return `failed to configure binding: ${params}`;
  const wanted: PolicyCase[] = [];
  for (const param of params) {
    const again = () => new Evaluation(deps.expressions, context, { target, params: param, definitions });
    const evaluation = again();
    const met = await conditionsMet(policy, evaluation);
    if (typeof met === 'string') return met;
    if (met) wanted.push({ evaluation, again });
  }
  return wanted;
}

/** Whether the policy is about the request at all; a text where that cannot be said. */
async function conditionsMet({ spec }: Policy, evaluation: Evaluation): Promise<boolean | string> {
  const outcomes: Outcome[] = [];
  for (const { expression } of spec.matchConditions ?? []) outcomes.push(await evaluation.run(expression));
  if (outcomes.some((outcome) => 'value' in outcome && outcome.value === false)) return false;
  const broken = outcomes.find((outcome) => 'error' in outcome);
  return broken && 'error' in broken ? broken.error : true;
}

/** A refusal by a policy, under the reason that it gives. */
export function refusedByPolicy(context: AdmissionContext, text: string, reason: StatusReason): StatusError {
  const error = refused(context, text);
  error.status.reason = reason;
  error.status.code = reasonCodes[reason as keyof typeof reasonCodes] ?? 422;
  error.status.details = { ...error.status.details, causes: [{ message: text }] };
  return error;
}
