import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { equalJson } from '../../api/meta/json.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { type Rng, uuid } from '../../base/rng.ts';
import type { Conversion } from '../versioned-representation.ts';
import { type WebhookCaller, WebhookError } from './webhook-caller.ts';

const timeoutMs = 30_000;

interface ConversionReview {
  response?: {
    uid?: string;
    convertedObjects?: KubeObject[];
    result?: { status?: string; message?: string };
  };
}

/** Asks the webhook of a definition to convert objects; what only the server may change must come back as it was. */
export function webhookConversion(
  deps: { caller: WebhookCaller; rng: Rng },
  definition: CustomResourceDefinition,
): Conversion {
  const { webhook } = definition.spec.conversion ?? {};
  const { names, group } = definition.spec;
  const fail = (version: string, why: string): StatusError =>
    StatusError.of(
      'InternalError',
      `conversion webhook for ${group}/${version.split('/').at(-1)}, Kind=${names.kind} failed: ${why}`,
    );

  async function ask(objects: KubeObject[], version: string): Promise<KubeObject[]> {
    const uid = uuid(deps.rng);
    const request = { uid, desiredAPIVersion: version, objects };
    const review = { kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', request };
    const { response } = (await deps.caller.call(webhook?.clientConfig ?? {}, review, timeoutMs)) as ConversionReview;
    if (response?.uid !== uid)
      throw new WebhookError(
        `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response?.uid ?? '')}`,
      );
    if (response.result?.status !== 'Success') throw new WebhookError(response.result?.message ?? 'no message');
    const converted = response.convertedObjects ?? [];
    if (converted.length !== objects.length)
      throw new WebhookError(`webhook returned ${converted.length} objects, expected ${objects.length}`);
    return converted.map((object, i) => checked(object, objects[i] as KubeObject, version));
  }

  return {
    async convert(objects, version) {
      const known = objects.filter((object) => object.apiVersion !== version);
      try {
        const converted = known.length > 0 ? await ask(known, version) : [];
        let next = 0;
        return objects.map((object) => (object.apiVersion === version ? object : (converted[next++] as KubeObject)));
      } catch (error) {
        if (error instanceof WebhookError) throw fail(version, error.message);
        throw error;
      }
    },
  };
}

/** Of metadata only labels and annotations may change. */
function checked(object: KubeObject, original: KubeObject, version: string): KubeObject {
  if (object.apiVersion !== version)
    throw new WebhookError(`invalid groupVersion (expected ${version}, received ${object.apiVersion})`);
  if (object.kind !== original.kind)
    throw new WebhookError(`invalid kind (expected ${original.kind}, received ${object.kind})`);
  const { labels, annotations } = object.metadata ?? {};
  const { labels: _l, annotations: _a, ...kept } = original.metadata;
  for (const member of ['name', 'namespace', 'uid'] as const)
    if (!equalJson(object.metadata?.[member] ?? '', original.metadata[member] ?? ''))
      throw new WebhookError(`metadata.${member}: field is immutable`);
  return { ...object, metadata: { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) } };
}
