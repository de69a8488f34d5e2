import { StatusError } from '../../api/meta/status-error.ts';
import { groupResource } from '../../api/resource.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { type Attributes, isResource, type ResourceAttributes, resourceText } from './attributes.ts';

/** 403 in the API's words for a request that no authorizer allowed. */
export function forbidden(user: UserInfo, attributes: Attributes, reason = ''): StatusError {
  const why = reason ? `${refusal(user, attributes)}: ${reason}` : refusal(user, attributes);
  if (!isResource(attributes)) return StatusError.of('Forbidden', `forbidden: ${why}`, {});
  return forbiddenObject(attributes, attributes.name ?? '', why);
}

/** 403 for an object or collection, with a reason of the caller's own. */
export function forbiddenObject(r: { group: string; resource: string }, name: string, why: string): StatusError {
  const qualified = groupResource(r);
  return StatusError.of('Forbidden', `${qualified}${name ? ` ${JSON.stringify(name)}` : ''} is forbidden: ${why}`, {
    ...(name ? { name } : {}),
    ...(r.group ? { group: r.group } : {}),
    kind: r.resource,
  });
}

function refusal(user: UserInfo, attributes: Attributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  if (!isResource(attributes)) return `${who} path ${JSON.stringify(attributes.path)}`;
  return `${who} resource ${JSON.stringify(resourceText(attributes))} in API group ${JSON.stringify(attributes.group)} ${scope(attributes)}`;
}

const scope = ({ namespace }: ResourceAttributes): string =>
  namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
