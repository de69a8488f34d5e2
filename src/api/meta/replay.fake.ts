import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagedFieldsEntry } from '../generated/types.ts';
import type { KubeObject } from '../resource.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { schema } from '../schema/schema.ts';
import { applyPatch } from './apply.ts';
import { applyJsonPatch } from './json-patch.ts';
import { updateManagers } from './managed-fields.ts';
import { difference, type FieldSet } from './field-set.ts';
import { atSchema } from './fields/members.ts';
import { fieldModel } from './fields/model.ts';
import { shapeOf } from './fields/shape.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

/** One recorded request and the answer of a real API server (1.20). Times are all the same. */
export interface Exchange {
  name: string;
  method: string;
  path: string;
  contentType?: string;
  userAgent?: string;
  body?: unknown;
  status: number;
  response: KubeObject & Record<string, unknown>;
}

export const recordedTime = '2024-05-06T07:08:09Z';

export const recorded = (file: string): Exchange[] =>
  readFileSync(join(import.meta.dirname, 'testdata', file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exchange);

const types: Record<string, string> = {
  configmaps: 'io.k8s.api.core.v1.ConfigMap',
  services: 'io.k8s.api.core.v1.Service',
  pods: 'io.k8s.api.core.v1.Pod',
  deployments: 'io.k8s.api.apps.v1.Deployment',
};

/** What the request is about. */
export function targetOf(exchange: Exchange): { key: string; type: string; apiVersion: string; subresource: string } {
  const path = exchange.path.split('?')[0] as string;
  const [, before, rest] = /^(.*)\/namespaces\/(?:[^/]+)\/(.*)$/.exec(path) ?? ['', '', ''];
  const [resource = '', name = '', subresource = ''] = (rest as string).split('/');
  const body = exchange.body as { metadata?: { name?: string } } | undefined;
  return {
    key: `${resource}/${name || body?.metadata?.name}`,
    type: types[resource] ?? '',
    apiVersion: (before as string).replace(/^\/apis?\//, ''),
    subresource,
  };
}

export const query = (exchange: Exchange, name: string): string =>
  new URLSearchParams(exchange.path.split('?')[1]).get(name) ?? '';

export const completed = (type: string, object: unknown): KubeObject =>
  applyDefaults(type, schema.codecFor(type).decode(object).object) as KubeObject;

/** What the server does with the request, as far as this folder goes. */
export function replay(exchange: Exchange, live: KubeObject | undefined): KubeObject {
  const { type, apiVersion, subresource } = targetOf(exchange);
  const manager = query(exchange, 'fieldManager') || exchange.userAgent?.split('/')[0] || 'unknown';
  const model = fieldModel(schema, type);
  const common = { manager, subresource, time: recordedTime, reset: [] };
  if (exchange.contentType?.includes('apply')) {
    const config = exchange.body as KubeObject;
    const force = query(exchange, 'force') === 'true';
    return completed(type, applyPatch(model, { ...common, live, config, force }));
  }
  const object = completed(type, changed(exchange, type, live as KubeObject));
  if (exchange.method === 'PUT') object.metadata = { ...live?.metadata, ...object.metadata };
  const managedFields = updateManagers(model, { ...common, apiVersion, old: live, object });
  return { ...object, metadata: { ...object.metadata, managedFields } } as KubeObject;
}

function changed(exchange: Exchange, type: string, live: KubeObject): unknown {
  const { contentType = '', body } = exchange;
  if (exchange.method !== 'PATCH') return body;
  if (contentType.includes('json-patch')) return applyJsonPatch(live, body);
  if (contentType.includes('strategic')) {
    return applyStrategicMerge({ schema, type }, live, body as Record<string, unknown>);
  }
  return applyMergePatch(live, body);
}

/** Where the exchanges with patches begin. */
export const startOfPatches: KubeObject = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: {
    name: 'c',
    namespace: 'pat',
    labels: { a: 'b' },
    annotations: { 'n/x': 'y' },
    managedFields: [
      {
        manager: 'unknown',
        operation: 'Update',
        apiVersion: 'v1',
        time: recordedTime,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:data': { '.': {}, 'f:k': {}, 'f:k2': {} },
          'f:metadata': { 'f:annotations': { '.': {}, 'f:n/x': {} }, 'f:labels': { '.': {}, 'f:a': {} } },
        },
      },
    ],
  },
  data: { k: 'v', k2: 'v2' },
} as unknown as KubeObject;

/** The object without what the server and other programs write, owners as this release would have recorded them. */
export function comparable(type: string, object: KubeObject): { object: unknown; owners: ManagedFieldsEntry[] } {
  const { metadata, status: _, ...rest } = completed(type, object) as KubeObject & { status?: unknown };
  const { managedFields = [], labels, annotations = {}, finalizers, ownerReferences } = metadata;
  const { 'deployment.kubernetes.io/revision': _r, ...others } = annotations;
  const { clusterIP: _ip, clusterIPs: _ips, ...spec } = ((rest as Json).spec ?? {}) as Json;
  const shape = shapeOf(schema, type);
  const owners = managedFields.flatMap(({ fieldsV1, subresource: _s, ...entry }) => {
    const since = entry.operation === 'Apply' ? ownedEmpty : laterDefaults;
    const set = difference(atSchema(shape, fieldsV1 as FieldSet), since);
    return set && !entry.manager?.startsWith('kube-') ? [{ ...entry, fieldsV1: set }] : [];
  });
  return { object: { ...rest, spec, metadata: { labels, annotations: others, finalizers, ownerReferences } }, owners };
}

type Json = Record<string, unknown>;

/** What this release records and 1.20 did not: what is applied as empty, a default of services. */
const ownedEmpty: FieldSet = { 'f:data': {}, 'f:spec': {} };
const laterDefaults: FieldSet = { 'f:spec': { 'f:internalTrafficPolicy': {} } };
