import { notFound } from '../../api/meta/status-error.ts';
import type { Version } from '../../store/version.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { reached } from './reached.ts';
import { parseResourceVersion } from './request-body.ts';
import { served } from './stored.ts';

/** GET of one object: its bytes as they are. */
export function get(context: ApiContext, request: ApiRequest): Answer | Promise<Answer> {
  const text = request.query.get('resourceVersion');
  const waiting = text ? reached(context, parseResourceVersion(text)) : undefined;
  return waiting ? waiting.then(() => getNow(context, request)) : getNow(context, request);
}

function getNow(context: ApiContext, request: ApiRequest): Answer | Promise<Answer> {
  const version = context.store.get(request.endpoint.resource, storeKey(request));
  if (!version) throw notFound(request.endpoint.kind, request.name);
  const view = served(request.endpoint, version);
  return view instanceof Promise ? view.then(answerOf) : answerOf(view);
}

const answerOf = (version: Version): Answer => ({ type: 'version', code: 200, version });
