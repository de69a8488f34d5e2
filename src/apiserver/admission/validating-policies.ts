import { validatingadmissionpolicies, validatingadmissionpolicybindings } from '../../api/generated/resources.ts';
import type {
  MatchResources,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../api/generated/types.ts';
import { reasonCodes, type StatusError, type StatusReason } from '../../api/meta/status-error.ts';
import { Evaluation, type Expressions } from './expressions.ts';
import { type AdmissionContext, type AdmissionPlugin, refused } from './plugin.ts';
import { type ParamReader, paramsFor } from './policy-params.ts';
import { type Criteria, matchRequest, type Target } from './rule-matching.ts';
import { isExempt } from './webhook-dispatch.ts';

export interface PolicyDeps {
  expressions: Expressions;
  params: ParamReader;
}

/** ValidatingAdmissionPolicy (KEP-3488): expressions that a request must meet, for each binding of the policy. */
export const validatingPolicies = (deps: PolicyDeps): AdmissionPlugin => ({
  name: 'ValidatingAdmissionPolicy',
  verbs: ['create', 'update', 'delete', 'connect'],
  resources: ['*'],
  validate(context) {
    if (isExempt(context)) return undefined;
    const policies = context.read.list(validatingadmissionpolicies);
    if (policies.length === 0) return undefined;
    const bindings = context.read.list(validatingadmissionpolicybindings);
    return run(deps, context, { policies, bindings });
  },
});

/** A failed validation, or a policy that could not be evaluated. */
interface Finding {
  policy: string;
  binding: string;
  message: string;
  reason: StatusReason;
  actions: readonly string[];
}

async function run(
  deps: PolicyDeps,
  context: AdmissionContext,
  { policies, bindings }: { policies: ValidatingAdmissionPolicy[]; bindings: ValidatingAdmissionPolicyBinding[] },
): Promise<void> {
  const findings: Finding[] = [];
  for (const policy of policies) {
    const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name);
    const target = own.length > 0 ? matchRequest(context, criteria(policy.spec.matchConstraints)) : undefined;
    if (!target) continue;
    for (const binding of own) {
      const { matchResources } = binding.spec;
      if (matchResources && !matchRequest(context, bindingCriteria(matchResources))) continue;
      findings.push(...(await evaluate(deps, context, { policy, binding, target })));
    }
  }
  report(context, findings);
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

interface Case {
  policy: ValidatingAdmissionPolicy;
  binding: ValidatingAdmissionPolicyBinding;
  target: Target;
}

async function evaluate(deps: PolicyDeps, context: AdmissionContext, one: Case): Promise<Finding[]> {
  const { policy, binding } = one;
  const { paramKind, failurePolicy } = policy.spec;
  const fail = (message: string): Finding[] =>
    failurePolicy === 'Ignore' ? [] : [finding(one, message, 'Invalid', ['Deny'])];
  const params = paramKind
    ? await paramsFor(deps.params, context, { paramKind, paramRef: binding.spec.paramRef })
    : [null];
  if (typeof params === 'string') return fail(`failed to configure binding: ${params}`);
  return params.flatMap((param) => {
    const definitions = policy.spec.variables ?? [];
    const evaluation = new Evaluation(deps.expressions, context, { target: one.target, params: param, definitions });
    const met = conditionsMet(policy, evaluation);
    if (typeof met === 'string') return fail(met);
    return met ? validate(one, evaluation) : [];
  });
}

/** Whether the policy is about the request at all; a text where that cannot be said. */
function conditionsMet({ spec }: ValidatingAdmissionPolicy, evaluation: Evaluation): boolean | string {
  const outcomes = (spec.matchConditions ?? []).map(({ expression }) => evaluation.run(expression));
  if (outcomes.some((outcome) => 'value' in outcome && outcome.value === false)) return false;
  const broken = outcomes.find((outcome) => 'error' in outcome);
  return broken && 'error' in broken ? broken.error : true;
}

function validate(one: Case, evaluation: Evaluation): Finding[] {
  const { validations = [], failurePolicy } = one.policy.spec;
  return validations.flatMap((validation) => {
    const outcome = evaluation.run(validation.expression);
    if ('value' in outcome) {
      if (outcome.value === true) return [];
      const reason = (validation.reason || 'Invalid') as StatusReason;
      return [finding(one, messageOf(validation, evaluation), reason, one.binding.spec.validationActions)];
    }
    if (failurePolicy === 'Ignore') return [];
    const message = `expression '${validation.expression}' resulted in error: ${outcome.error}`;
    return [finding(one, message, 'Invalid', one.binding.spec.validationActions)];
  });
}

function messageOf({ expression, message, messageExpression }: Validation, evaluation: Evaluation): string {
  const fixed = message?.trim() || `failed expression: ${expression.trim()}`;
  const outcome = messageExpression ? evaluation.run(messageExpression) : undefined;
  if (!outcome || 'error' in outcome || typeof outcome.value !== 'string') return fixed;
  const text = outcome.value.trim();
  return text === '' || text.includes('\n') || text.length > 5120 ? fixed : text;
}

function finding(
  { policy, binding }: Case,
  message: string,
  reason: StatusReason,
  actions: readonly string[],
): Finding {
  return { policy: policy.metadata.name, binding: binding.metadata.name, message, reason, actions };
}

function report(context: AdmissionContext, findings: Finding[]): void {
  for (const { policy, binding, message, actions } of findings)
    if (actions.includes('Warn'))
      context.warn(`Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${binding}': ${message}`);
  const denied = findings.find(({ actions }) => actions.includes('Deny'));
  if (denied) throw refusal(context, denied);
}

function refusal(context: AdmissionContext, { policy, binding, message, reason }: Finding): StatusError {
  const text = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${message}`;
  const error = refused(context, text);
  error.status.reason = reason;
  error.status.code = reasonCodes[reason as keyof typeof reasonCodes] ?? 422;
  error.status.details = { ...error.status.details, causes: [{ message: text }] };
  return error;
}
