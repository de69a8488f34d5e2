import type { MatchCondition, MutatingWebhook, ValidatingWebhook } from '../../api/generated/types.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import { type Rng, uuid } from '../../base/rng.ts';
import type { AdmissionMetrics, WebhookCall } from '../metrics/admission.ts';
import { type WebhookCaller, WebhookError } from '../webhook/webhook-caller.ts';
import {
  type AdmissionAnswer,
  admissionRequest,
  callFailed,
  denied,
  noDryRun,
  readAnswer,
} from './admission-review.ts';
import { Evaluation, type Expressions, type Outcome } from './expressions.ts';
import { type AdmissionContext, refused } from './plugin.ts';
import { matchRequest, type Target } from './rule-matching.ts';

export interface WebhookDeps {
  caller: WebhookCaller;
  expressions: Expressions;
  rng: Rng;
  metrics?: AdmissionMetrics | undefined;
}

type Webhook = MutatingWebhook | ValidatingWebhook;

/** Configurations of webhooks and policies are not for webhooks and policies: nobody could repair them. */
export const isExempt = ({ endpoint }: AdmissionContext): boolean =>
  endpoint.kind.group === 'admissionregistration.k8s.io';

/** The version in which a webhook wants to see the request; undefined: it does not. */
export async function wantedBy(
  deps: WebhookDeps,
  webhook: Webhook,
  context: AdmissionContext,
): Promise<Target | undefined> {
  const target = matchRequest(context, {
    rules: webhook.rules ?? [],
    matchPolicy: webhook.matchPolicy ?? 'Equivalent',
    namespaceSelector: webhook.namespaceSelector,
    objectSelector: webhook.objectSelector,
  });
  if (!target || !(await meetsConditions(deps, webhook, { context, target }))) return undefined;
  return target;
}

/** All conditions hold; one that does not decides before one that fails. */
async function meetsConditions(
  { expressions }: WebhookDeps,
  { name, matchConditions = [], failurePolicy }: Webhook,
  { context, target }: { context: AdmissionContext; target: Target },
): Promise<boolean> {
  if (matchConditions.length === 0) return true;
  const evaluation = new Evaluation(expressions, context, { target });
  const outcomes: { condition: MatchCondition; outcome: Outcome }[] = [];
  for (const condition of matchConditions)
    outcomes.push({ condition, outcome: await evaluation.run(condition.expression) });
  if (outcomes.some(({ outcome }) => 'value' in outcome && outcome.value === false)) return false;
  const broken = outcomes.find(({ outcome }) => 'error' in outcome);
  if (!broken) return true;
  if (failurePolicy === 'Ignore') return false;
  const why = 'error' in broken.outcome ? broken.outcome.error : '';
  throw refused(
    context,
    `webhook ${JSON.stringify(name)} match condition ${JSON.stringify(broken.condition.name)} failed: ${why}`,
  );
}

/** Asks a webhook. Undefined: it could not be asked, and that does not matter to it. Throws `StatusError` for a refusal. */
export async function ask(
  { caller, rng, metrics }: WebhookDeps,
  webhook: Webhook,
  { context, target }: { context: AdmissionContext; target: Target },
): Promise<AdmissionAnswer | undefined> {
  const beganMs = context.clock.now();
  const told = (outcome: Pick<WebhookCall, 'isRejected' | 'code' | 'errorType' | 'isIgnored'>) =>
    metrics?.webhook({
      name: webhook.name,
      type: 'reinvocationPolicy' in webhook ? 'admit' : 'validating',
      operation: context.verb.toUpperCase(),
      seconds: (context.clock.now() - beganMs) / 1000,
      ...outcome,
    });
  const { name, sideEffects, failurePolicy, timeoutSeconds = 10, admissionReviewVersions } = webhook;
  if (context.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') throw noDryRun(name);
  const uid = uuid(rng);
  const version = admissionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
  const review = {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: admissionRequest(context, target, uid),
  };
  try {
    const answer = readAnswer(await caller.call(webhook.clientConfig, review, timeoutSeconds * 1000), uid);
    for (const text of answer.warnings) context.warn(text);
    for (const [key, value] of Object.entries(answer.auditAnnotations))
      context.annotate(`${name}/${key}`, String(value));
    const refusal = answer.allowed ? undefined : denied(name, answer.status);
    told({ isRejected: refusal !== undefined, code: refusal?.status.code ?? 200 });
    if (refusal) throw refusal;
    return answer;
  } catch (error) {
    if (error instanceof StatusError || !(error instanceof WebhookError)) throw error;
    const isIgnored = failurePolicy === 'Ignore';
    told({ isRejected: !isIgnored, code: 0, errorType: 'calling_webhook_error', isIgnored });
    if (isIgnored) return undefined;
    throw callFailed(name, error);
  }
}
