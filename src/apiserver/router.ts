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
  const parts = partsOf(path);
  const [root] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  let at = 1;
  const group = root === 'api' ? '' : (parts[at++] ?? '');
  const version = parts[at++] ?? '';
  const watch = parts[at] === 'watch' && parts.length > at + 1;
  if (watch) at++;
  if (parts.length <= at) return undefined;
  let namespace = '';
  if (parts[at] === 'namespaces' && parts.length > at + 2 && !namespaceSubresources.has(parts[at + 2] as string)) {
    namespace = parts[at + 1] as string;
    at += 2;
  }
  const [resource = '', name = '', subresource = ''] = [parts[at], parts[at + 1], parts[at + 2]];
  const rest = parts.length > at + 3 ? parts.slice(at + 3).join('/') : '';
  const found = registry.find(group, version, resource);
  // A namespaced path of a cluster-wide resource, or an object of a namespaced one without its namespace, is nothing.
  const misplaced = found && (namespace ? !found.kind.namespaced : found.kind.namespaced && name !== '');
  const endpoint = misplaced ? undefined : found;
  return { group, version, resource, namespace, name, subresource, rest, watch, endpoint };
}

/** What stands between the slashes, decoded. */
function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) if (part !== '') parts.push(part.includes('%') ? decode(part) : part);
  return parts;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
