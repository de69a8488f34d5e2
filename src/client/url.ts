import { groupVersion } from '../api/resource.ts';
import type { PatchType } from './client.ts';
import type { ApiCall, ApiVerb } from './transport.ts';

const methods: Record<ApiVerb, string> = {
  get: 'GET',
  list: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};

export const methodOf = (verb: ApiVerb): string => methods[verb];

export const patchContentTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** The path and query of a call, as the API concepts page lays them out. */
export function pathOf({ resource, key, subresource, query }: Omit<ApiCall, 'verb'>): string {
  const parts = [resource.group ? 'apis' : 'api', ...groupVersion(resource).split('/')];
  if (key.namespace && resource.namespaced) parts.push('namespaces', key.namespace);
  parts.push(resource.resource);
  if (key.name !== undefined) parts.push(key.name);
  if (subresource) parts.push(...subresource.split('/'));
  const search = new URLSearchParams(query).toString();
  return `/${parts.map(encodeURIComponent).join('/')}${search ? `?${search}` : ''}`;
}
