import { notFound } from '../../api/meta/status-error.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { reached } from './reached.ts';
import { parseResourceVersion } from './request-body.ts';
import { served } from './stored.ts';

/** GET of one object: its bytes as they are. */
export async function get(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const text = request.query.get('resourceVersion');
  if (text) await reached(context, parseResourceVersion(text));
  const version = context.store.get(request.endpoint.resource, storeKey(request));
  if (!version) throw notFound(request.endpoint.kind, request.name);
  return { type: 'version', code: 200, version: await served(request.endpoint, version) };
}
