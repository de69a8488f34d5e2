import { compileMutation } from '../../api/cel/mutation-language.ts';
import type { Rng } from '../../base/rng.ts';
import type { AdmissionMetrics } from '../metrics/admission.ts';
import type { WebhookCaller } from '../webhook/webhook-caller.ts';
import { Expressions } from './expressions.ts';
import { mutatingPolicies } from './mutating-policies.ts';
import { mutatingWebhooks } from './mutating-webhooks.ts';
import { mutators } from './mutators.ts';
import type { AdmissionPlugin } from './plugin.ts';
import type { ParamReader } from './policy-params.ts';
import { validatingPolicies } from './validating-policies.ts';
import { validatingWebhooks } from './validating-webhooks.ts';

/** What configurations in the cluster add to admission, after all other plugins and in Kubernetes' order. */
export function extensionPlugins(deps: {
  caller: WebhookCaller;
  params: ParamReader;
  rng: Rng;
  metrics?: AdmissionMetrics;
  /** Which of them are on. */
  runs(name: string): boolean;
}): AdmissionPlugin[] {
  const { caller, params, rng, metrics, runs } = deps;
  const expressions = new Expressions();
  const mutations = new Expressions(compileMutation);
  const webhooks = { caller, expressions, rng, metrics };
  const sources = [
    ...(runs('MutatingAdmissionPolicy') ? [mutatingPolicies({ expressions: mutations, params })] : []),
    ...(runs('MutatingAdmissionWebhook') ? [mutatingWebhooks(webhooks)] : []),
  ];
  const validating = [validatingPolicies({ expressions, params }), validatingWebhooks(webhooks)];
  return [...(sources.length > 0 ? [mutators(sources)] : []), ...validating.filter(({ name }) => runs(name))];
}
