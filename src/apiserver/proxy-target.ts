import { nodes, pods, services } from '../api/generated/resources.ts';
import type { Node, Pod, Service } from '../api/generated/types.ts';
import { badRequest, notFound } from '../api/meta/status-error.ts';
import type { Rng } from '../base/rng.ts';
import type { ObjectReader } from './object-reader.ts';
import { type HostPort, oneOf, readyEndpoints, unavailable } from './service-endpoint.ts';

/** Where a request behind the proxy goes. */
export interface ProxyTarget extends HostPort {
  scheme: 'http' | 'https';
  /** The node's own server: it knows this one by its certificate. */
  isNode: boolean;
}

interface ProxyName {
  scheme: 'http' | 'https' | '';
  name: string;
  port: string;
}

/** Takes `name`, `name:port` and `scheme:name:port` apart: how the path names what is behind the proxy. */
export function parseProxyName(kind: 'pod' | 'service' | 'node', text: string): ProxyName {
  const parts = text.split(':');
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  const known = scheme === '' || scheme === 'http' || scheme === 'https';
  if (parts.length > 3 || !known || !name) throw badRequest(`invalid ${kind} request ${JSON.stringify(text)}`);
  return { scheme, name, port };
}

/** Of a resource with a `proxy` subresource. Throws what there is to say when nobody is there. */
export function proxyTarget(
  at: { resource: string; namespace: string; name: string },
  deps: { read: ObjectReader; rng: Rng },
): ProxyTarget {
  if (at.resource === 'services') return serviceTarget(at, deps);
  return at.resource === 'pods' ? podTarget(at, deps) : nodeTarget(at, deps);
}

type Place = { namespace: string; name: string };

function podTarget({ namespace, name: text }: Place, { read }: { read: ObjectReader }): ProxyTarget {
  const { scheme, name, port } = parseProxyName('pod', text);
  const pod = read.get<Pod>(pods, namespace, name);
  if (!pod) throw notFound(pods, name);
  const host = pod.status.podIP;
  if (!host) throw badRequest('address not allowed');
  const declared = pod.spec.containers.find(({ ports }) => ports?.length)?.ports?.[0]?.containerPort;
  return { scheme: scheme || 'http', host, port: Number(port) || (declared ?? 80), isNode: false };
}

function nodeTarget({ name: text }: Place, { read }: { read: ObjectReader }): ProxyTarget {
  const { scheme, name, port } = parseProxyName('node', text);
  const node = read.get<Node>(nodes, '', name);
  if (!node) throw notFound(nodes, name);
  const host = node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const own = node.status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!host || !own) throw unavailable(`node ${name} has no address yet`);
  const isNode = port === '' || Number(port) === own;
  return { scheme: isNode ? 'https' : scheme || 'http', host, port: Number(port) || own, isNode };
}

function serviceTarget({ namespace, name: text }: Place, deps: { read: ObjectReader; rng: Rng }): ProxyTarget {
  const { scheme, name, port } = parseProxyName('service', text);
  const service = deps.read.get<Service>(services, namespace, name);
  if (!service) throw notFound(services, name);
  const found = readyEndpoints(deps.read, { namespace, name }, portNameOf(service, port));
  const chosen = oneOf(found, deps.rng);
  if (!chosen) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return { scheme: scheme || 'http', ...chosen, isNode: false };
}

/** The service's port by its name or number; a single one needs neither. */
function portNameOf({ metadata, spec }: Service, wanted: string): string {
  const ports = spec.ports ?? [];
  if (wanted === '') return ports.length === 1 ? (ports[0]?.name ?? '') : '';
  // A name that no port has is a name behind which there is nothing.
  if (!/^\d+$/.test(wanted)) return wanted;
  const found = ports.find(({ port, name }) => port === Number(wanted) || name === wanted);
  if (found) return found.name ?? '';
  throw unavailable(`no service port ${wanted} found for service ${JSON.stringify(metadata.name)}`);
}
