import type { Container, Pod, ResourceFieldSelector } from '../../api/generated/types.ts';
import { parseQuantity } from '../../api/meta/quantity.ts';
import { containerOf } from '../worker/pod-spec.ts';
import { ConfigError } from './config-error.ts';

/** What the pod's own object does not say. */
export interface FieldContext {
  podIps: readonly string[];
  hostIps: readonly string[];
  /** Of the node: the limits of containers that have none. */
  allocatable: Readonly<Record<string, string>>;
}

const subscript = /^(metadata\.(?:labels|annotations))\['([^']*)'\]$/;

/** A field of the pod as text (downward API). Throws `ConfigError` for a path that is not offered. */
export function fieldValue(pod: Pod, path: string, context: FieldContext): string {
  const { metadata, spec } = pod;
  const match = subscript.exec(path);
  if (match) return (match[1] === 'metadata.labels' ? metadata.labels : metadata.annotations)?.[match[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return context.hostIps[0] ?? '';
    case 'status.hostIPs':
      return context.hostIps.join(',');
    case 'status.podIP':
      return context.podIps[0] ?? '';
    case 'status.podIPs':
      return context.podIps.join(',');
    default:
      throw new ConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** One `key="value"` a line, in order, the value escaped as Go's %q does for printable text. */
const mapText = (map: Record<string, string> = {}): string =>
  Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');

/** A container's request or limit, divided and rounded up. A missing limit counts as the node's allocatable. */
export function resourceValue(pod: Pod, ref: ResourceFieldSelector, context: FieldContext, ownName?: string): string {
  const container = containerOf(pod, ref.containerName ?? ownName ?? '') as Container | undefined;
  if (!container) throw new ConfigError(`container ${ref.containerName} not found`);
  const [list, ...rest] = ref.resource.split('.');
  const name = rest.join('.');
  if (list !== 'limits' && list !== 'requests')
    throw new ConfigError(`unsupported container resource : ${ref.resource}`);
  const { limits, requests } = container.resources ?? {};
  const quantity = list === 'limits' ? (limits?.[name] ?? context.allocatable[name]) : requests?.[name];
  const divisor = parseQuantity(ref.divisor && ref.divisor !== '0' ? ref.divisor : '1').nanos;
  const { nanos } = parseQuantity(quantity ?? '0');
  return String((nanos + divisor - 1n) / divisor);
}
