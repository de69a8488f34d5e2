import { namespaces } from '../../api/generated/resources.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import { fnv1a } from '../../base/hash.ts';
import { givingWay } from '../../base/pieces.ts';
import type { Client } from '../../client/client.ts';
import { conditionsOf } from '../../ingress/gateway/condition.ts';
import { type GatewayPlan, type PlannedParent, planGateway } from '../../ingress/gateway/gateway-plan.ts';
import {
  gatewayControllerName,
  gatewayStatus,
  requestedAddress,
  routeParents,
  timed,
} from '../../ingress/gateway/status.ts';
import type { Gateway, GatewayClass } from '../../ingress/gateway/types.ts';
import { RoutedObjects } from '../ingress/objects.ts';
import { Proxies } from '../ingress/proxies.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { timeText } from '../time-text.ts';
import { GatewayObjects } from './gateway-objects.ts';

/** A route may name several Gateways, so all of them are one piece of work. */
const key = 'gateways';

/**
 * Serves Gateways of the classes that are this controller's, each by a proxy of its own, and says of classes, Gateways and
 * routes what has become of them. A Gateway of which nothing can be served has no proxy.
 */
export const gatewayProxy = defineController({
  name: 'gateway.proxy',
  serviceAccount: 'ingress-controller',
  workers: 1,
  setup(context) {
    const objects = new GatewayObjects(context, key);
    const routed = new RoutedObjects(context);
    const proxies = new Proxies(context, 'gateway');
    const allNamespaces = context.informer(namespaces);
    const isAwake = () => objects.gateways.length > 0;
    return {
      watches: [
        ...objects.watches,
        ...routed.watches(key, isAwake),
        ...proxies.watches(key),
        watch(
          allNamespaces,
          () => (isAwake() ? [key] : []),
          (old, namespace) => !sameJson(old.metadata.labels, namespace.metadata.labels),
        ),
      ],
      async reconcile(_, client) {
        if (!objects.follow()) return done;
        const { grants, routes } = objects;
        const labelsOf = (name: string) => {
          const found = allNamespaces.get({ name });
          return found && { ...found.metadata.labels };
        };
        const { service, certificate, slicesOf } = routed;
        const view = { service, certificate, slicesOf, grants, labelsOf };
        const classes = objects.classes.filter(({ spec }) => spec.controllerName === gatewayControllerName);
        const names = new Set(classes.map(({ metadata }) => metadata.name));
        const planned: Planned[] = [];
        for (const gateway of objects.gateways.filter(({ spec }) => names.has(spec.gatewayClassName)))
          planned.push({ gateway, plan: await givingWay(planGateway(gateway, routes, view), context.clock) });
        const tooLarge = await proxies.keep(planned.filter(isServed).map(proxyOf), client);
        const now = timeText(context.clock.now());
        const write = statusWriter(client);
        for (const one of classes) await write(objects.resource('gatewayclasses'), one, classStatus(one, now));
        for (const { gateway, plan } of planned) {
          const addresses = isServed({ gateway, plan }) ? proxies.addressesOf(nameOf(gateway)) : [];
          await write(
            objects.resource('gateways'),
            gateway,
            gatewayStatus(gateway, plan, { addresses, now, isTooLarge: tooLarge.has(nameOf(gateway)) }),
          );
        }
        const said = parentsByRoute(planned.flatMap(({ plan }) => plan.parents));
        for (const { kind, route } of routes) {
          await context.clock.giveWay?.();
          const parents = routeParents(route, said.get(route) ?? [], now);
          if (parents.length > 0 || route.status?.parents?.length)
            await write(objects.resource(resourceOf[kind]), route, { ...route.status, parents });
        }
        return done;
      },
    };
  },
});

const resourceOf = { HTTPRoute: 'httproutes', GRPCRoute: 'grpcroutes' } as const;

/** What Gateways say of each route. */
function parentsByRoute(parents: readonly PlannedParent[]): Map<PlannedParent['route'], PlannedParent[]> {
  const groups = new Map<PlannedParent['route'], PlannedParent[]>();
  for (const parent of parents) {
    const group = groups.get(parent.route);
    if (group) group.push(parent);
    else groups.set(parent.route, [parent]);
  }
  return groups;
}

interface Planned {
  gateway: Gateway;
  plan: GatewayPlan;
}

const isServed = ({ gateway, plan }: Planned): boolean =>
  plan.model.ports.length > 0 && !requestedAddress(gateway).problem;

const proxyOf = ({ gateway, plan }: Planned) => ({
  name: nameOf(gateway),
  model: plan.model,
  address: requestedAddress(gateway).address,
});

/** A Service's name: a part of the Gateway's for people, and a hash of all of it. */
function nameOf({ metadata }: Gateway): string {
  const full = `${metadata.namespace}/${metadata.name}`;
  const readable = `${metadata.namespace}-${metadata.name}`.replace(/[^a-z0-9-]/g, '-').slice(0, 40);
  return `gateway-${readable}-${fnv1a(full).toString(16).padStart(8, '0')}`;
}

const classStatus = ({ metadata, status }: GatewayClass, now: string): GatewayClass['status'] => {
  const accepted = conditionsOf(metadata.generation)('Accepted', true, 'Accepted');
  return { ...status, conditions: timed(status?.conditions, [accepted], now) };
};

/** Writes a status that says something else than the one there is. */
const statusWriter =
  (client: Client) =>
  async <T extends KubeObject & { status?: unknown }>(resource: Resource<T>, object: T, status: T['status']) => {
    if (sameJson(object.status, status)) return;
    await client.update(resource, { ...object, status }, { subresource: 'status' });
  };
