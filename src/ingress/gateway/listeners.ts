import type { CertificateView } from '../certificates.ts';
import { isOwnPort } from '../haproxy.ts';
import type { ServedCertificate } from '../model.ts';
import { conditionsOf, type TimelessCondition } from './condition.ts';
import { isGranted } from './grants.ts';
import { isSameHost, patternOf } from './hostnames.ts';
import { type Gateway, gatewayGroup, type Listener, type ReferenceGrant, type RouteKind, routeKinds } from './types.ts';

/** What becomes of a listener before any route is looked at. */
export interface ListenerPlan {
  listener: Listener;
  /** A socket is opened for it. */
  isServed: boolean;
  certificates: ServedCertificate[];
  supportedKinds: RouteKind[];
  /** Accepted, Conflicted and ResolvedRefs; who knows the address adds Programmed. */
  conditions: TimelessCondition[];
}

export interface ListenerDeps extends CertificateView {
  grants: readonly ReferenceGrant[];
}

interface Verdict {
  reason: string;
  message: string;
}

/** Listeners of one Gateway: those that contradict each other are left out, all of them. */
export function planListeners(gateway: Gateway, deps: ListenerDeps): ListenerPlan[] {
  const condition = conditionsOf(gateway.metadata.generation);
  const { listeners } = gateway.spec;
  return listeners.map((listener) => {
    const conflict = conflictOf(listener, listeners);
    const refusal = refusalOf(listener) ?? conflict;
    const { supportedKinds, kindProblem } = kindsOf(listener);
    const { certificates, problem } = certificatesOf(listener, gateway, deps);
    const reference = problem ?? kindProblem;
    const isWithoutRoutes = supportedKinds.length === 0;
    const isWithoutCertificates = listener.protocol === 'HTTPS' && certificates.length === 0;
    return {
      listener,
      isServed: !refusal && !isWithoutRoutes && !isWithoutCertificates,
      certificates,
      supportedKinds,
      conditions: [
        condition('Accepted', !refusal, refusal?.reason ?? 'Accepted', refusal?.message),
        condition('Conflicted', conflict !== undefined, conflict?.reason ?? 'NoConflicts', conflict?.message),
        condition('ResolvedRefs', !reference, reference?.reason ?? 'ResolvedRefs', reference?.message),
      ],
    };
  });
}

function refusalOf({ port, protocol, tls }: Listener): Verdict | undefined {
  if (protocol !== 'HTTP' && protocol !== 'HTTPS')
    return { reason: 'UnsupportedProtocol', message: `${protocol} is not supported, only HTTP and HTTPS are` };
  if (protocol === 'HTTPS' && (tls?.mode ?? 'Terminate') !== 'Terminate')
    return { reason: 'UnsupportedProtocol', message: `TLS of mode ${tls?.mode} is not supported, only Terminate is` };
  return isOwnPort(port) ? { reason: 'PortUnavailable', message: `port ${port} is the proxy's own` } : undefined;
}

function conflictOf(listener: Listener, all: readonly Listener[]): Verdict | undefined {
  const others = all.filter((other) => other !== listener && other.port === listener.port);
  const another = others.find(({ protocol }) => protocol !== listener.protocol);
  if (another)
    return { reason: 'ProtocolConflict', message: `listener ${another.name} has another protocol on the same port` };
  const same = others.find(({ hostname }) => isSameHost(patternOf(hostname), patternOf(listener.hostname)));
  return same && { reason: 'HostnameConflict', message: `listener ${same.name} has the same host on the same port` };
}

function kindsOf({ allowedRoutes }: Listener): { supportedKinds: RouteKind[]; kindProblem?: Verdict } {
  const asked = allowedRoutes?.kinds ?? [];
  const isAsked = (kind: string) =>
    asked.length === 0 ||
    asked.some(({ group = gatewayGroup, kind: other }) => group === gatewayGroup && other === kind);
  const supportedKinds = routeKinds.filter(isAsked).map((kind) => ({ group: gatewayGroup, kind }));
  const unknown = asked.find(({ group = gatewayGroup, kind }) => group !== gatewayGroup || !isRouteKind(kind));
  if (!unknown) return { supportedKinds };
  const kindProblem = { reason: 'InvalidRouteKinds', message: `routes of kind ${unknown.kind} are not supported` };
  return { supportedKinds, kindProblem };
}

const isRouteKind = (kind: string): boolean => routeKinds.some((known) => known === kind);

function certificatesOf(
  { protocol, hostname, tls }: Listener,
  gateway: Gateway,
  { certificate, grants }: ListenerDeps,
): { certificates: ServedCertificate[]; problem?: Verdict | undefined } {
  if (protocol !== 'HTTPS') return { certificates: [] };
  const certificates: ServedCertificate[] = [];
  let problem: Verdict | undefined;
  const { namespace: own = '' } = gateway.metadata;
  const refs = tls?.certificateRefs ?? [];
  if (refs.length === 0) problem = { reason: 'InvalidCertificateRef', message: 'there is no certificateRef' };
  for (const { group = '', kind = 'Secret', namespace = own, name } of refs) {
    const at = `${kind} "${namespace}/${name}"`;
    if (group !== '' || kind !== 'Secret')
      problem ??= { reason: 'InvalidCertificateRef', message: `${at} is no Secret` };
    else if (
      !isGranted({ group: gatewayGroup, kind: 'Gateway', namespace: own }, { group, kind, namespace, name }, grants)
    )
      problem ??= { reason: 'RefNotPermitted', message: `no ReferenceGrant of namespace ${namespace} allows ${at}` };
    else {
      const pair = certificate({ namespace, name });
      if ('pem' in pair) certificates.push({ names: hostname ? [hostname.toLowerCase()] : [], pem: pair.pem });
      else problem ??= { reason: 'InvalidCertificateRef', message: pair.problem };
    }
  }
  return { certificates, problem };
}
