import { formatLabelSelector } from '../../api/meta/label-selector.ts';
import { badRequest, invalid, notFound } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { schema } from '../../api/schema/schema.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { patched } from './patch.ts';
import { modify } from './update.ts';

interface Scalable extends KubeObject {
  spec: { replicas?: number; selector?: object };
  status: { replicas?: number };
}

interface Scale {
  metadata: { name?: string; resourceVersion?: string };
  spec: { replicas?: number };
}

const scaleCodec = schema.codecFor('io.k8s.api.autoscaling.v1.Scale');
const scaleType = 'io.k8s.api.autoscaling.v1.Scale';

/** The `scale` subresource: a Scale (autoscaling/v1) as a view of an object with `spec.replicas`. */
export async function scale(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { endpoint } = request;
  const resource = { group: endpoint.kind.group, resource: `${endpoint.kind.resource}/scale` };
  const version = context.store.head(endpoint.resource, storeKey(request));
  if (!version) throw notFound(resource, request.name);
  if (request.verb === 'get') return answer(200, context.objects.read(version));
  let scaled: Scalable | undefined;
  const written = await modify(context, { ...request, body: undefined }, ({ object }) => {
    const wanted = wantedScale(request, object as Scalable);
    checkScale(request, wanted);
    const { resourceVersion } = wanted.metadata;
    scaled = structuredClone(object) as Scalable;
    scaled.metadata.resourceVersion = resourceVersion ?? '';
    scaled.spec.replicas = wanted.spec.replicas ?? 0;
    return scaled;
  });
  return answer(200, written.type === 'version' ? context.objects.read(written.version) : (scaled as Scalable));
}

function wantedScale(request: ApiRequest, object: Scalable): Scale {
  if (request.verb !== 'patch') {
    checkKind(request);
    return scaleCodec.decode(request.body).object as Scale;
  }
  const asScale = {
    ...request,
    endpoint: { ...request.endpoint, kind: { ...request.endpoint.kind, type: scaleType } },
  };
  return scaleCodec.decode(patched(asScale as ApiRequest, scaleOf(object))).object as Scale;
}

function checkKind(request: ApiRequest): void {
  const { kind, apiVersion } = (request.body ?? {}) as KubeObject;
  if (kind === undefined || kind === 'Scale') return;
  const shown = String(apiVersion ?? 'v1')
    .split('/')
    .at(-1);
  throw badRequest(
    `${kind} in version "${shown}" cannot be handled as a Scale: converting (${shown}.${kind}) to (autoscaling.Scale): unknown conversion`,
  );
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

function scaleOf(object: Scalable): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { selector } = object.spec;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: object.spec.replicas ? { replicas: object.spec.replicas } : {},
    status: {
      replicas: object.status.replicas ?? 0,
      ...(selector ? { selector: formatLabelSelector(selectorOf(selector)) } : {}),
    },
  };
}

/** ReplicationControllers select by a plain map of labels. */
const selectorOf = (selector: object): object =>
  'matchLabels' in selector || 'matchExpressions' in selector ? selector : { matchLabels: selector };

const answer = (code: number, object: Scalable): Answer => ({ type: 'object', code, object: scaleOf(object) });
