import { mutatingwebhookconfigurations } from '../../api/generated/resources.ts';
import type { MutatingWebhook } from '../../api/generated/types.ts';
import { applyJsonPatch } from '../../api/meta/json-patch.ts';
import { equalJson, type JsonObject } from '../../api/meta/json.ts';
import { internalError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { AdmissionContext, AdmissionPlugin } from './plugin.ts';
import { ask, isExempt, wantedBy, type WebhookDeps } from './webhook-dispatch.ts';

/**
 * Webhooks that change objects, in the order of their configurations' names. One that asks for it is asked again when
 * another has changed the object after it.
 */
export const mutatingWebhooks = (deps: WebhookDeps): AdmissionPlugin => ({
  name: 'MutatingAdmissionWebhook',
  verbs: ['create', 'update', 'delete', 'connect'],
  resources: ['*'],
  admit(context) {
    if (isExempt(context)) return undefined;
    const webhooks = context.read.list(mutatingwebhookconfigurations).flatMap((one) => one.webhooks ?? []);
    return webhooks.length > 0 ? run(deps, context, webhooks) : undefined;
  },
});

async function run(deps: WebhookDeps, context: AdmissionContext, webhooks: MutatingWebhook[]): Promise<void> {
  const asked = new Map<MutatingWebhook, number>();
  let changes = 0;
  for (const webhook of webhooks) {
    if (await invoke(deps, context, webhook)) changes++;
    asked.set(webhook, changes);
  }
  for (const [webhook, seen] of asked)
    if (webhook.reinvocationPolicy === 'IfNeeded' && changes > seen && (await invoke(deps, context, webhook)))
      changes++;
}

/** Whether the webhook changed the object. */
async function invoke(deps: WebhookDeps, context: AdmissionContext, webhook: MutatingWebhook): Promise<boolean> {
  const target = wantedBy(deps, webhook, context);
  if (!target) return false;
  const answer = await ask(deps, webhook, { context, target });
  if (!answer?.patch || !context.object) return false;
  return patchObject(context, answer.patch);
}

function patchObject({ endpoint, object }: AdmissionContext, patch: unknown): boolean {
  const { group, version, kind } = endpoint.kind;
  const typed = { ...object, kind, apiVersion: group ? `${group}/${version}` : version };
  try {
    const patched = endpoint.type.decode(applyJsonPatch(typed, patch)).object;
    return replaceContent(object as KubeObject, endpoint.type.defaults(patched));
  } catch (error) {
    throw internalError(error);
  }
}

/** The object stays the same for all who hold it; answers whether anything in it changed. */
function replaceContent(object: KubeObject, content: KubeObject): boolean {
  if (equalJson(object, content)) return false;
  const target = object as unknown as JsonObject;
  for (const name of Object.keys(target)) delete target[name];
  Object.assign(target, content);
  return true;
}
