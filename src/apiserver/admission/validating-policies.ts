import { validatingadmissionpolicies, validatingadmissionpolicybindings } from '../../api/generated/resources.ts';
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../api/generated/types.ts';
import type { StatusReason } from '../../api/meta/status-error.ts';
import type { Evaluation } from './expressions.ts';
import type { AdmissionContext, AdmissionPlugin } from './plugin.ts';
import { type Bound, boundPolicies, casesOf, type PolicyDeps, refusedByPolicy } from './policy-cases.ts';
import { isExempt } from './webhook-dispatch.ts';

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
    return run(deps, context, [...boundPolicies(context, { policies, bindings })]);
  },
});

type Case = Bound<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>;

/** A failed validation, or a policy that could not be evaluated. */
interface Finding {
  policy: string;
  binding: string;
  message: string;
  reason: StatusReason;
  actions: readonly string[];
  /** Which of the policy's validations it was. */
  index: number;
}

async function run(deps: PolicyDeps, context: AdmissionContext, cases: readonly Case[]): Promise<void> {
  const findings: Finding[] = [];
  const annotations = new Map<string, Set<string>>();
  for (const one of cases) findings.push(...(await evaluate(deps, context, { one, annotations })));
  for (const [key, values] of annotations) context.annotate(key, [...values].join(', '));
  report(context, findings);
}

async function evaluate(
  deps: PolicyDeps,
  context: AdmissionContext,
  { one, annotations }: { one: Case; annotations: Map<string, Set<string>> },
): Promise<Finding[]> {
  const { failurePolicy } = one.policy.spec;
  const fail = (message: string): Finding[] =>
    failurePolicy === 'Ignore' ? [] : [finding(one, { message, actions: ['Deny'] })];
  const cases = await casesOf(deps, context, one);
  if (typeof cases === 'string') return fail(cases);
  return cases.flatMap(({ evaluation }) => {
    const failed = annotate(one.policy, evaluation, annotations);
    return [...validate(one, evaluation), ...failed.flatMap(fail)];
  });
}

/** Collects what the policy has to say about the request for the audit log; answers with what could not be said. */
function annotate(
  { metadata, spec }: ValidatingAdmissionPolicy,
  evaluation: Evaluation,
  annotations: Map<string, Set<string>>,
): string[] {
  return (spec.auditAnnotations ?? []).flatMap(({ key, valueExpression }) => {
    const outcome = evaluation.run(valueExpression);
    if ('error' in outcome) return [`valueExpression '${valueExpression}' resulted in error: ${outcome.error}`];
    const text = typeof outcome.value === 'string' ? outcome.value.trim().slice(0, maxAnnotation) : '';
    if (text === '') return [];
    const full = `${metadata.name}/${key}`;
    annotations.set(full, (annotations.get(full) ?? new Set()).add(text));
    return [];
  });
}

const maxAnnotation = 10 * 1024;

function validate(one: Case, evaluation: Evaluation): Finding[] {
  const { validations = [], failurePolicy } = one.policy.spec;
  const actions = one.binding.spec.validationActions;
  return validations.flatMap((validation, index) => {
    const outcome = evaluation.run(validation.expression);
    if ('value' in outcome) {
      if (outcome.value === true) return [];
      const reason = (validation.reason || 'Invalid') as StatusReason;
      return [finding(one, { message: messageOf(validation, evaluation), reason, actions, index })];
    }
    if (failurePolicy === 'Ignore') return [];
    const message = `expression '${validation.expression}' resulted in error: ${outcome.error}`;
    return [finding(one, { message, actions, index })];
  });
}

function messageOf({ expression, message, messageExpression }: Validation, evaluation: Evaluation): string {
  const fixed = message?.trim() || `failed expression: ${expression.trim()}`;
  const outcome = messageExpression ? evaluation.run(messageExpression) : undefined;
  if (!outcome || 'error' in outcome || typeof outcome.value !== 'string') return fixed;
  const text = outcome.value.trim();
  return text === '' || text.includes('\n') || text.length > 5120 ? fixed : text;
}

const finding = (
  { policy, binding }: Case,
  what: Partial<Finding> & Pick<Finding, 'message' | 'actions'>,
): Finding => ({
  policy: policy.metadata.name,
  binding: binding.metadata.name,
  reason: 'Invalid',
  index: 0,
  ...what,
});

const failureKey = 'validation.policy.admission.k8s.io/validation_failure';

function report(context: AdmissionContext, findings: Finding[]): void {
  for (const { policy, binding, message, actions } of findings)
    if (actions.includes('Warn'))
      context.warn(`Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${binding}': ${message}`);
  const audited = findings.filter(({ actions }) => actions.includes('Audit'));
  if (audited.length > 0) context.annotate(failureKey, JSON.stringify(audited.map(auditEntry)));
  const denied = findings.find(({ actions }) => actions.includes('Deny'));
  if (!denied) return;
  const { policy, binding, message, reason } = denied;
  const text = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${message}`;
  throw refusedByPolicy(context, text, reason);
}

const auditEntry = ({ message, policy, binding, index, actions }: Finding) => ({
  message,
  policy,
  binding,
  expressionIndex: index,
  validationActions: actions,
});
