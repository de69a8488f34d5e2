import { validatingwebhookconfigurations } from '../../api/generated/resources.ts';
import type { ValidatingWebhook } from '../../api/generated/types.ts';
import type { AdmissionContext, AdmissionPlugin } from './plugin.ts';
import type { Target } from './rule-matching.ts';
import { ask, isExempt, wantedBy, type WebhookDeps } from './webhook-dispatch.ts';

/** Webhooks that only refuse: all are asked at once, the first refusal in their order is the answer. */
export const validatingWebhooks = (deps: WebhookDeps): AdmissionPlugin => ({
  name: 'ValidatingAdmissionWebhook',
  verbs: ['create', 'update', 'delete', 'connect'],
  resources: ['*'],
  validate(context) {
    if (isExempt(context)) return undefined;
    const webhooks = context.read.list(validatingwebhookconfigurations).flatMap((one) => one.webhooks ?? []);
    return webhooks.length > 0 ? run(deps, context, webhooks) : undefined;
  },
});

async function run(deps: WebhookDeps, context: AdmissionContext, webhooks: ValidatingWebhook[]): Promise<void> {
  const wanted: { webhook: ValidatingWebhook; target: Target }[] = [];
  for (const webhook of webhooks) {
    const target = await wantedBy(deps, webhook, context);
    if (target) wanted.push({ webhook, target });
  }
  const outcomes = await Promise.allSettled(
    wanted.map(({ webhook, target }) => ask(deps, webhook, { context, target })),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
