import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import type { HostPattern } from '../model.ts';
import { intersection, patternOf } from './hostnames.ts';
import type { ListenerPlan } from './listeners.ts';
import { type Gateway, gatewayGroup, type KindedRoute, type Listener, type ParentReference } from './types.ts';

/** Where a route comes in: a listener, and the hosts that are both its own and the route's; undefined is every host. */
export interface Attachment {
  plan: ListenerPlan;
  hosts: (HostPattern | undefined)[];
}

/** Why a route cannot come in: reason and message of the condition Accepted. */
export interface AttachmentProblem {
  reason: 'NoMatchingParent' | 'NotAllowedByListeners' | 'NoMatchingListenerHostname';
  message: string;
}

type AnyRoute = KindedRoute['route'];

export type NamespaceLabels = (namespace: string) => Record<string, string> | undefined;

/** The listeners of a Gateway that a route is attached to by one of its parent references. */
export function attach(
  { kind: ownKind, route }: KindedRoute,
  ref: ParentReference,
  { gateway, plans, labelsOf }: { gateway: Gateway; plans: readonly ListenerPlan[]; labelsOf: NamespaceLabels },
): Attachment[] | AttachmentProblem {
  const named = plans.filter(
    ({ listener }) =>
      (!ref.sectionName || ref.sectionName === listener.name) && (!ref.port || ref.port === listener.port),
  );
  if (named.length === 0) return { reason: 'NoMatchingParent', message: 'the Gateway has no such listener' };
  const allowed = named.filter(
    ({ listener, supportedKinds }) =>
      supportedKinds.some(({ kind }) => kind === ownKind) && isAllowed(listener, { route, gateway, labelsOf }),
  );
  if (allowed.length === 0) return { reason: 'NotAllowedByListeners', message: 'no listener allows the route' };
  const attachments = allowed.flatMap((plan) => {
    const hosts = hostsOf(route, plan.listener);
    return hosts.length > 0 ? [{ plan, hosts }] : [];
  });
  if (attachments.length > 0) return attachments;
  return { reason: 'NoMatchingListenerHostname', message: 'no listener has one of the hosts of the route' };
}

/** Whether the reference is to a Gateway of this name. */
export function isParent(ref: ParentReference, route: AnyRoute, gateway: Gateway): boolean {
  const { group = gatewayGroup, kind = 'Gateway', namespace = route.metadata.namespace, name } = ref;
  if (group !== gatewayGroup || kind !== 'Gateway') return false;
  return namespace === gateway.metadata.namespace && name === gateway.metadata.name;
}

function isAllowed(
  { allowedRoutes }: Listener,
  { route, gateway, labelsOf }: { route: AnyRoute; gateway: Gateway; labelsOf: NamespaceLabels },
): boolean {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  const { namespace = '' } = route.metadata;
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.metadata.namespace;
  const labels = labelsOf(namespace);
  return from === 'Selector' && labels !== undefined && matchesLabelSelector(selector, labels);
}

function hostsOf({ spec }: AnyRoute, listener: Listener): (HostPattern | undefined)[] {
  const own = patternOf(listener.hostname);
  const asked = spec.hostnames?.length ? spec.hostnames.map(patternOf) : [undefined];
  return asked.map((host) => intersection(own, host)).filter((host) => host !== 'none');
}
