import type { Condition } from '../../api/generated/types.ts';
import { conditionsOf, type TimelessCondition } from './condition.ts';
import type { GatewayPlan } from './gateway-plan.ts';
import type { Gateway, GatewayStatus, KindedRoute, ParentReference, RouteParentStatus } from './types.ts';

/** What a GatewayClass names to be served by knarr itself. */
export const gatewayControllerName = 'knarr.dev/gateway';

/** The conditions with the time since when each is so; `now` for those that have changed, RFC 3339. */
export function timed(
  before: readonly Condition[] = [],
  conditions: readonly TimelessCondition[],
  now: string,
): Condition[] {
  return conditions.map((condition) => {
    const old = before.find(({ type, status }) => type === condition.type && status === condition.status);
    return { ...condition, lastTransitionTime: old?.lastTransitionTime ?? now };
  });
}

/** An address that a Gateway asks for, or why it cannot be given. */
export function requestedAddress({ spec }: Gateway): { address?: string | undefined; problem?: string } {
  const asked = (spec.addresses ?? []).filter(({ value }) => value);
  const odd = asked.find(({ type = 'IPAddress' }) => type !== 'IPAddress');
  if (odd) return { problem: `addresses of type ${odd.type} are not supported` };
  return asked.length > 1 ? { problem: 'a Gateway has one address' } : { address: asked[0]?.value };
}

/** The status of a Gateway that is reached by these addresses; `isTooLarge`: its files are more than a proxy can have. */
export function gatewayStatus(
  gateway: Gateway,
  { listeners }: GatewayPlan,
  { addresses, now, isTooLarge }: { addresses: readonly string[]; now: string; isTooLarge: boolean },
): GatewayStatus {
  const condition = conditionsOf(gateway.metadata.generation);
  const { problem } = requestedAddress(gateway);
  const served = listeners.filter(({ isServed }) => isServed).length;
  const isAccepted = !problem && served > 0;
  const accepted = problem ? 'UnsupportedAddress' : served < listeners.length ? 'ListenersNotValid' : 'Accepted';
  const isProgrammed = isAccepted && addresses.length > 0 && !isTooLarge;
  const isWaiting = isAccepted && !isTooLarge;
  const programmed = isProgrammed ? 'Programmed' : isWaiting ? 'AddressNotAssigned' : 'Invalid';
  const overflow = isTooLarge ? 'all routes and certificates together are more than a Secret holds' : undefined;
  const before = gateway.status;
  return {
    addresses: addresses.map((value) => ({ type: 'IPAddress', value })),
    conditions: timed(
      before?.conditions,
      [
        condition('Accepted', isAccepted, accepted, problem),
        condition('Programmed', isProgrammed, programmed, overflow),
      ],
      now,
    ),
    listeners: listeners.map(({ name, isServed, supportedKinds, attachedRoutes, conditions }) => {
      const isUp = isServed && isProgrammed;
      const reason = isUp ? 'Programmed' : isServed ? 'Pending' : 'Invalid';
      const old = before?.listeners?.find((listener) => listener.name === name)?.conditions;
      const all = [...conditions, condition('Programmed', isUp, reason)];
      return { name, supportedKinds, attachedRoutes, conditions: timed(old, all, now) };
    }),
  };
}

/** What a route's parents say of it: ours anew, those of other controllers as they are. */
export function routeParents(
  { status }: KindedRoute['route'],
  ours: readonly { parentRef: ParentReference; conditions: TimelessCondition[] }[],
  now: string,
): RouteParentStatus[] {
  const before = status?.parents ?? [];
  const others = before.filter(({ controllerName }) => controllerName !== gatewayControllerName);
  return [
    ...others,
    ...ours.map(({ parentRef, conditions }) => {
      const old = before.find(
        (parent) => parent.controllerName === gatewayControllerName && isSameRef(parent.parentRef, parentRef),
      );
      const controllerName = gatewayControllerName;
      return { parentRef, controllerName, conditions: timed(old?.conditions, conditions, now) };
    }),
  ];
}

const isSameRef = (a: ParentReference, b: ParentReference): boolean =>
  a.name === b.name && a.namespace === b.namespace && a.sectionName === b.sectionName && a.port === b.port;
