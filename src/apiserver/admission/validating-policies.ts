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
  const findings: Finding[] = [];
  for (const { evaluation } of cases) {
    const failed = await annotate(one.policy, evaluation, annotations);
    findings.push(...(await validate(one, evaluation)), ...failed.flatMap(fail));
  }
  return findings;
}

/** Collects what the policy has to say about the request for the audit log; answers with what could not be said. */
async function annotate(
  { metadata, spec }: ValidatingAdmissionPolicy,
  evaluation: Evaluation,
  annotations: Map<string, Set<string>>,
): Promise<string[]> {
  const failed: string[] = [];
  for (const { key, valueExpression } of spec.auditAnnotations ?? []) {
    const outcome = await evaluation.run(valueExpression);
    if ('error' in outcome) failed.push(`valueExpression '${valueExpression}' resulted in error: ${outcome.error}`);
    else if (typeof outcome.value === 'string' && outcome.value.trim() !== '') {
      const full = `${metadata.name}/${key}`;
      const text = outcome.value.trim().slice(0, maxAnnotation);
      annotations.set(full, (annotations.get(full) ?? new Set()).add(text));
    }
  }
  return failed;
}

const maxAnnotation = 10 * 1024;

async function validate(one: Case, evaluation: Evaluation): Promise<Finding[]> {
  const { validations = [], failurePolicy } = one.policy.spec;
  const actions = one.binding.spec.validationActions;
  const findings: Finding[] = [];
  for (const [index, validation] of validations.entries()) {
    const outcome = await evaluation.run(validation.expression);
    if ('value' in outcome) {
      if (outcome.value === true) continue;
      const reason = (validation.reason || 'Invalid') as StatusReason;
      findings.push(finding(one, { message: await messageOf(validation, evaluation), reason, actions, index }));
    } else if (failurePolicy !== 'Ignore') {
      const message = `expression '${validation.expression}' resulted in error: ${outcome.error}`;
      findings.push(finding(one, { message, actions, index }));
    }
  }
  return findings;
}

async function messageOf(
  { expression, message, messageExpression }: Validation,
  evaluation: Evaluation,
): Promise<string> {
  const fixed = message?.trim() || `failed expression: ${expression.trim()}`;
  const outcome = messageExpression ? await evaluation.run(messageExpression) : undefined;
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
