import type { Endpoint } from './endpoint.ts';
import type { Registry } from './registry.ts';

/** A path under /api or /apis, taken apart; `endpoint` is missing when nothing of that name is served. */
export interface ResourcePath {
  group: string;
  version: string;
  resource: string;
  namespace: string;
  name: string;
  subresource: string;
  /** What follows the subresource: the target of a proxy request. */
  rest: string;
  /** The deprecated `/watch/` prefix. */
  watch: boolean;
  endpoint: Endpoint | undefined;
}

/** Subresources of namespaces; any other word there is a resource inside the namespace. */
const namespaceSubresources = new Set(['status', 'finalize']);

/** Undefined: not the path of a resource (discovery, health, …). See the API concepts page, "Resource URIs". */
export function parseResourcePath(registry: Registry, path: string): ResourcePath | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const [root, ...below] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : (below.shift() ?? '');
  const version = below.shift() ?? '';
  const watch = below[0] === 'watch' && below.length > 1;
  if (watch) below.shift();
  if (below.length === 0) return undefined;
  let namespace = '';
  let inside = below;
  if (below[0] === 'namespaces' && below.length > 2 && !namespaceSubresources.has(below[2] as string)) {
    namespace = below[1] as string;
    inside = below.slice(2);
  }
  const [resource = '', name = '', subresource = '', ...rest] = inside;
  const found = registry.find(group, version, resource);
  // A namespaced path of a cluster-wide resource, or an object of a namespaced one without its namespace, is nothing.
  const misplaced = found && (namespace ? !found.kind.namespaced : found.kind.namespaced && name !== '');
  const endpoint = misplaced ? undefined : found;
  return { group, version, resource, namespace, name, subresource, rest: rest.join('/'), watch, endpoint };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
