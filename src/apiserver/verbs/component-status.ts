import { notFound } from '../../api/meta/status-error.ts';
import { toBytes, type Version } from '../../store/version.ts';
import type { ApiContext } from '../context.ts';
import { canonical } from '../object-codec.ts';
import type { Answer, ApiRequest } from '../request.ts';

/** What Kubernetes calls the parts of a control plane; the last is where the state is. */
const store = { name: 'etcd-0', message: '{"health":"true"}' };
const parts = ['controller-manager', 'scheduler'];

/** How the control plane is (deprecated since 1.19): asked anew each time, nothing of it is stored. */
export function componentStatus(context: ApiContext, request: ApiRequest): Answer {
  const working = context.components();
  const named = parts.map((name) => versionOf(request, name, working.includes(name) ? 'ok' : undefined));
  // Without its state the server would not be there.
  const versions = [...named, versionOf(request, store.name, store.message)];
  if (request.verb === 'list') return { type: 'list', revision: 0, versions };
  const found = versions.find(({ key }) => key === request.name);
  if (!found) throw notFound(request.endpoint.kind, request.name);
  return { type: 'version', code: 200, version: found };
}

/** `message`: what a healthy part says. */
function versionOf({ endpoint }: ApiRequest, name: string, message: string | undefined): Version {
  const health = message === undefined ? { status: 'False', error: 'it does not run' } : { status: 'True', message };
  const conditions = [{ type: 'Healthy', ...health }];
  const object = canonical(endpoint, { metadata: { name }, conditions } as never, undefined);
  const bytes = toBytes(JSON.stringify(object));
  return { resource: endpoint.resource, key: name, revision: 0, uid: '', labels: undefined, fields: undefined, bytes };
}
