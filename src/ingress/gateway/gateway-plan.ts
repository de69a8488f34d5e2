import type { Pieces } from '../../base/pieces.ts';
import type { CertificateView } from '../certificates.ts';
import type { HostPattern, ProxyModel, ProxyPort, Route } from '../model.ts';
import { byPrecedence } from '../precedence.ts';
import { attach, type Attachment, type AttachmentProblem, isParent, type NamespaceLabels } from './attachment.ts';
import type { BackendDeps } from './backend-refs.ts';
import { type CompiledRoute, compileRoute } from './compile.ts';
import { conditionsOf, type TimelessCondition } from './condition.ts';
import { covers, intersection, isSameHost, patternOf } from './hostnames.ts';
import { type ListenerPlan, planListeners } from './listeners.ts';
import type { Gateway, KindedRoute, ParentReference, RouteKind } from './types.ts';

export interface GatewayView extends BackendDeps, CertificateView {
  labelsOf: NamespaceLabels;
}

/** What one Gateway does, and what is to be said of it and of the routes that name it. */
export interface GatewayPlan {
  model: ProxyModel;
  listeners: PlannedListener[];
  parents: PlannedParent[];
}
export interface PlannedListener {
  name: string;
  isServed: boolean;
  supportedKinds: RouteKind[];
  attachedRoutes: number;
  conditions: TimelessCondition[];
}
export interface PlannedParent {
  route: KindedRoute['route'];
  parentRef: ParentReference;
  conditions: TimelessCondition[];
}

/** Plans a Gateway from its listeners and all routes there are. The oldest route comes first: of equals it is asked first. */
export function* planGateway(gateway: Gateway, routes: readonly KindedRoute[], view: GatewayView): Pieces<GatewayPlan> {
  const listeners = planListeners(gateway, view).map((plan) => new ListenerRoutes(plan));
  const plans = listeners.map(({ plan }) => plan);
  const parents: PlannedParent[] = [];
  for (const kinded of oldestFirst(routes)) {
    yield;
    const { route } = kinded;
    const refs = route.spec.parentRefs?.filter((ref) => isParent(ref, route, gateway)) ?? [];
    if (refs.length === 0) continue;
    const compiled = yield* compileRoute(kinded, view);
    for (const parentRef of refs) {
      const found = besideOthers(
        kinded,
        attach(kinded, parentRef, { gateway, plans, labelsOf: view.labelsOf }),
        listeners,
      );
      parents.push({ route, parentRef, conditions: conditionsOfParent(kinded, found, compiled) });
      if ('reason' in found || 'refusal' in compiled) continue;
      for (const { plan, hosts } of found) {
        listeners.find((listener) => listener.plan === plan)?.add(kinded, { hosts, rules: compiled.rules });
      }
    }
  }
  return {
    model: { ports: yield* portsOf(listeners) },
    listeners: listeners.map(({ plan, attached }) => ({
      name: plan.listener.name,
      isServed: plan.isServed,
      supportedKinds: plan.supportedKinds,
      attachedRoutes: attached.size,
      conditions: plan.conditions,
    })),
    parents,
  };
}

type Hosts = Attachment['hosts'];

/** What comes in at one listener. */
class ListenerRoutes {
  readonly plan: ListenerPlan;
  readonly attached = new Set<KindedRoute>();
  readonly routes: Route[] = [];
  /** By the kind of their routes. */
  readonly #hosts = { HTTPRoute: [] as Hosts, GRPCRoute: [] as Hosts };

  constructor(plan: ListenerPlan) {
    this.plan = plan;
  }

  add(kinded: KindedRoute, { hosts, rules }: { hosts: Hosts; rules: readonly Omit<Route, 'host'>[] }): void {
    if (this.attached.has(kinded)) return;
    this.attached.add(kinded);
    this.#hosts[kinded.kind].push(...hosts);
    for (const host of hosts) for (const rule of rules) this.routes.push({ ...rule, host });
  }

  /** Whether a route of another kind has one of the hosts already. */
  isTaken(kind: KindedRoute['kind'], hosts: Hosts): boolean {
    const others = this.#hosts[kind === 'HTTPRoute' ? 'GRPCRoute' : 'HTTPRoute'];
    return others.some((other) => hosts.some((host) => intersection(other, host) !== 'none'));
  }
}

/** A host of a listener is either HTTPRoutes' or GRPCRoutes': the older ones' (GRPCRouteSpec). */
function besideOthers(
  { kind }: KindedRoute,
  found: Attachment[] | AttachmentProblem,
  listeners: readonly ListenerRoutes[],
): Attachment[] | AttachmentProblem {
  if ('reason' in found) return found;
  const free = found.filter(
    ({ plan, hosts }) => !listeners.some((listener) => listener.plan === plan && listener.isTaken(kind, hosts)),
  );
  if (free.length > 0) return free;
  return { reason: 'NotAllowedByListeners', message: 'an older route of another kind has one of the hosts' };
}

function oldestFirst(routes: readonly KindedRoute[]): KindedRoute[] {
  const aged = routes.map((kinded) => ({ kinded, age: ageOf(kinded) }));
  return aged.sort((a, b) => (a.age < b.age ? -1 : 1)).map(({ kinded }) => kinded);
}

const ageOf = ({ route: { metadata } }: KindedRoute): string =>
  `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;

function conditionsOfParent(
  { route: { metadata } }: KindedRoute,
  found: Attachment[] | AttachmentProblem,
  compiled: CompiledRoute,
): TimelessCondition[] {
  const condition = conditionsOf(metadata.generation);
  const refusal = 'reason' in found ? found : 'refusal' in compiled ? compiled.refusal : undefined;
  const { problem } = compiled;
  return [
    condition('Accepted', !refusal, refusal?.reason ?? 'Accepted', refusal?.message),
    condition('ResolvedRefs', !problem, problem?.reason ?? 'ResolvedRefs', problem?.message),
  ];
}

function* portsOf(listeners: readonly ListenerRoutes[]): Pieces<ProxyPort[]> {
  const served = listeners.filter(({ plan }) => plan.isServed);
  const numbers = [...new Set(served.map(({ plan }) => plan.listener.port))].sort((a, b) => a - b);
  const ports: ProxyPort[] = [];
  for (const port of numbers) {
    yield;
    const here = served.filter(({ plan }) => plan.listener.port === port);
    const routes = here.flatMap(({ plan, routes: own }) => {
      const except = exceptions(plan, here);
      return except.length > 0 ? own.map((route) => ({ ...route, exceptHosts: except })) : own;
    });
    const certificates = here.flatMap(({ plan }) => plan.certificates);
    ports.push({ port, routes: byPrecedence(routes), ...(certificates.length > 0 ? { certificates } : {}) });
  }
  return ports;
}

/** Hosts of listeners that are more exact than this one: their requests are theirs, also when they have no route for them. */
function exceptions({ listener }: ListenerPlan, all: readonly ListenerRoutes[]): HostPattern[] {
  const own = patternOf(listener.hostname);
  return all
    .map(({ plan }) => patternOf(plan.listener.hostname))
    .filter((host) => host !== undefined && !isSameHost(host, own) && covers(own, host)) as HostPattern[];
}
