import { backendOf, type ServiceView } from '../backends.ts';
import type { Server, Target } from '../model.ts';
import { isGranted } from './grants.ts';
import { gatewayGroup, type HTTPBackendRef, type KindedRoute, type ReferenceGrant } from './types.ts';

export interface BackendDeps extends ServiceView {
  grants: readonly ReferenceGrant[];
}

/** Whose references are followed. */
export interface RouteBackends extends BackendDeps {
  kind: KindedRoute['kind'];
  namespace: string;
}

/** Why a reference leads nowhere: reason and message of the condition ResolvedRefs. */
export interface RefProblem {
  reason: 'RefNotPermitted' | 'InvalidKind' | 'BackendNotFound' | 'UnsupportedProtocol';
  message: string;
}

/** Who answers the requests of a rule, by weights; the share of references that lead nowhere is answered by the proxy. */
export function serversOf(
  refs: readonly HTTPBackendRef[],
  deps: RouteBackends,
): Pick<Target, 'servers' | 'failing'> & { problems: RefProblem[] } {
  const problems: RefProblem[] = [];
  const parts: { servers: Omit<Server, 'weight'>[]; weight: number }[] = [];
  for (const ref of refs) {
    const found = resolve(ref, deps);
    if ('reason' in found) problems.push(found);
    parts.push({ servers: 'reason' in found ? [] : found.servers, weight: ref.weight ?? 1 });
  }
  // Endpoints of a headless service share its weight: all weights grow until every share is a whole number.
  const scale = parts.reduce((product, part) => product * Math.max(1, part.servers.length), 1);
  const servers = parts.flatMap((part) =>
    part.servers.map((server) => ({ ...server, weight: (part.weight * scale) / part.servers.length })),
  );
  const failing = parts.reduce((sum, part) => sum + (part.servers.length === 0 ? part.weight : 0), 0);
  // A service that has nobody is there all the same. Clients of gRPC take 503 for UNAVAILABLE, which is right for both.
  const isThere = refs.length > 0 && problems.length === 0;
  const status = isThere || deps.kind === 'GRPCRoute' ? 503 : 500;
  return { servers, failing: { weight: failing * scale, status }, problems };
}

function resolve(
  { group = '', kind = 'Service', namespace: asked, name, port }: HTTPBackendRef,
  deps: RouteBackends,
): RefProblem | { servers: Omit<Server, 'weight'>[] } {
  const { namespace: own } = deps;
  const namespace = asked ?? own;
  if (group !== '' || kind !== 'Service')
    return { reason: 'InvalidKind', message: `a backend of kind ${kind} is not supported, only Service is` };
  const from = { group: gatewayGroup, kind: deps.kind, namespace: own };
  if (!isGranted(from, { group, kind, namespace, name }, deps.grants))
    return {
      reason: 'RefNotPermitted',
      message: `no ReferenceGrant of namespace ${namespace} allows Service "${namespace}/${name}"`,
    };
  const backend = backendOf(deps, { namespace, name }, port === undefined ? {} : { number: port });
  if ('problem' in backend) return { reason: 'BackendNotFound', message: backend.problem };
  // gRPC is HTTP/2, whether the service says so or not.
  return deps.kind === 'GRPCRoute' ? { servers: backend.servers.map((s) => ({ ...s, isH2c: true })) } : backend;
}
