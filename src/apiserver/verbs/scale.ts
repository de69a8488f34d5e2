import { badRequest, invalid, notFound } from '../../api/meta/status-error.ts';
import { applyStrategicMerge } from '../../api/meta/strategic-merge.ts';
import type { KubeObject } from '../../api/resource.ts';
import { schema } from '../../api/schema/schema.ts';
import type { ApiContext } from '../context.ts';
import type { ScaleFields } from '../endpoint.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { patched } from './patch.ts';
import { validateFields } from './field-validation.ts';
import { decodeAs } from './request-body.ts';
import { served } from './stored.ts';
import { modify } from './update.ts';
import { cloneJson } from '../../api/meta/json.ts';

interface Scale {
  metadata: { name?: string; resourceVersion?: string };
  spec: { replicas?: number };
}

const scaleType = 'io.k8s.api.autoscaling.v1.Scale';
const scaleCodec = schema.codecFor(scaleType);
const merging = {
  mergeStrategically: (old: object, patch: Record<string, unknown>) =>
    applyStrategicMerge({ schema, type: scaleType }, old, patch),
};

/** The `scale` subresource: a Scale (autoscaling/v1) as a view of an object that has replicas. */
export async function scale(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { endpoint } = request;
  const answer = (code: number, object: KubeObject): Answer => ({
    type: 'object',
    code,
    object: scaleOf(endpoint.scale, object),
  });
  const resource = { group: endpoint.kind.group, resource: `${endpoint.kind.resource}/scale` };
  const version = context.store.head(endpoint.resource, storeKey(request));
  if (!version) throw notFound(resource, request.name);
  if (request.verb === 'get') return answer(200, context.objects.read(await served(endpoint, version)));
  let scaled: KubeObject | undefined;
  const written = await modify(context, { ...request, body: undefined }, ({ object }) => {
    const wanted = wantedScale(request, object);
    checkScale(request, wanted);
    scaled = cloneJson(object);
    scaled.metadata.resourceVersion = wanted.metadata.resourceVersion ?? '';
    endpoint.scale.setReplicas(scaled, wanted.spec.replicas ?? 0);
    return scaled;
  });
  return answer(200, written.type === 'version' ? context.objects.read(written.version) : (scaled as KubeObject));
}

function wantedScale(request: ApiRequest, object: KubeObject): Scale {
  const wanted = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  if (request.verb !== 'patch') return decodeAs<Scale>(request, scaleCodec, wanted);
  const made = scaleCodec.decode(patched(request, scaleOf(request.endpoint.scale, object), merging));
  validateFields(request, made.unknown, { ...wanted, isCustom: false });
  return made.object as Scale;
}

function checkScale(request: ApiRequest, wanted: Scale): void {
  if (wanted.metadata.name && wanted.metadata.name !== request.name) {
    throw badRequest(
      `the name of the object (${wanted.metadata.name}) does not match the name on the URL (${request.name})`,
    );
  }
  const replicas = wanted.spec.replicas ?? 0;
  if (replicas >= 0) return;
  throw invalid({ group: 'autoscaling', kind: 'Scale' }, request.name, [
    {
      type: 'FieldValueInvalid',
      field: 'spec.replicas',
      message: `Invalid value: ${replicas}: must be greater than or equal to 0`,
    },
  ]);
}

function scaleOf(fields: ScaleFields, object: KubeObject): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = fields.replicas(object);
  const selector = fields.selector(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas ? { replicas } : {},
    status: { replicas: fields.statusReplicas(object), ...(selector ? { selector } : {}) },
  };
}
