import { inVersion } from '../../api/conversions.ts';
import { mutatingwebhookconfigurations } from '../../api/generated/resources.ts';
import type { MutatingWebhook } from '../../api/generated/types.ts';
import { applyJsonPatch } from '../../api/meta/json-patch.ts';
import type { KubeObject } from '../../api/resource.ts';
import { changeObject, type MutatorSource } from './mutators.ts';
import type { AdmissionContext } from './plugin.ts';
import { ask, wantedBy, type WebhookDeps } from './webhook-dispatch.ts';

/** Webhooks that change objects, in the order of their configurations' names. */
export const mutatingWebhooks =
  (deps: WebhookDeps): MutatorSource =>
  (context) =>
    context.read
      .list(mutatingwebhookconfigurations)
      .flatMap(({ webhooks }) => webhooks ?? [])
      .map((webhook) => ({
        reinvocation: webhook.reinvocationPolicy,
        invoke: () => invoke(deps, context, webhook),
      }));

async function invoke(deps: WebhookDeps, context: AdmissionContext, webhook: MutatingWebhook): Promise<boolean> {
  const target = await wantedBy(deps, webhook, context);
  if (!target) return false;
  const answer = await ask(deps, webhook, { context, target });
  // What a connection is to be like is its client's affair.
  if (!answer?.patch || !context.object || context.verb === 'connect') return false;
  const { endpoint, object } = context;
  const { patch } = answer;
  // The patch is meant for the object in the version in which the webhook has seen it.
  return changeObject(context, () => {
    const seen = inVersion(object as KubeObject, endpoint.kind, target);
    return inVersion(applyJsonPatch(seen, patch) as KubeObject, target, endpoint.kind);
  });
}
