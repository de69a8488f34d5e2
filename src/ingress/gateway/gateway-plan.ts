import type { CertificateView } from '../certificates.ts';
import type { HostPattern, ProxyModel, ProxyPort, Route } from '../model.ts';
import { byPrecedence } from '../precedence.ts';
import { attach, isParent, type NamespaceLabels } from './attachment.ts';
import { type BackendDeps, type RefProblem, serversOf } from './backend-refs.ts';
import { conditionsOf, type TimelessCondition } from './condition.ts';
import { covers, isSameHost, patternOf } from './hostnames.ts';
import { type ListenerPlan, planListeners } from './listeners.ts';
import { changesOf, matchesOf, UnsupportedRule } from './rule.ts';
import type { Gateway, HTTPRoute, ParentReference, RouteKind } from './types.ts';

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
  route: HTTPRoute;
  parentRef: ParentReference;
  conditions: TimelessCondition[];
}

/** A route at one listener: its rules with the hosts under which they are reached. */
interface PlacedRoutes {
  plan: ListenerPlan;
  routes: Route[];
}

/** Plans a Gateway from its listeners and all routes there are. The oldest route comes first: of equals it is asked first. */
export function planGateway(gateway: Gateway, routes: readonly HTTPRoute[], view: GatewayView): GatewayPlan {
  const plans = planListeners(gateway, view);
  const attached = new Map(plans.map((plan) => [plan, new Set<HTTPRoute>()]));
  const placed: PlacedRoutes[] = [];
  const parents: PlannedParent[] = [];
  for (const route of [...routes].sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1))) {
    const refs = route.spec.parentRefs?.filter((ref) => isParent(ref, route, gateway)) ?? [];
    if (refs.length === 0) continue;
    const compiled = compile(route, view);
    for (const parentRef of refs) {
      const found = attach(route, parentRef, { gateway, plans, labelsOf: view.labelsOf });
      parents.push({ route, parentRef, conditions: conditionsOfParent(route, found, compiled) });
      if ('reason' in found || 'refusal' in compiled) continue;
      for (const { plan, hosts } of found) {
        if (attached.get(plan)?.has(route)) continue;
        attached.get(plan)?.add(route);
        placed.push({ plan, routes: hosts.flatMap((host) => compiled.rules.map((rule) => ({ ...rule, host }))) });
      }
    }
  }
  return {
    model: { ports: portsOf(plans, placed) },
    listeners: plans.map((plan) => ({
      name: plan.listener.name,
      isServed: plan.isServed,
      supportedKinds: plan.supportedKinds,
      attachedRoutes: attached.get(plan)?.size ?? 0,
      conditions: plan.conditions,
    })),
    parents,
  };
}

const ageOf = ({ metadata }: HTTPRoute): string =>
  `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;

type Compiled = ({ rules: Omit<Route, 'host'>[] } | { refusal: UnsupportedRule }) & {
  problem?: RefProblem | undefined;
};

/** A route that asks for something unknown is refused whole: a part of it could do what nobody meant. */
function compile({ spec, metadata }: HTTPRoute, view: GatewayView): Compiled {
  let problem: RefProblem | undefined;
  const rules: Omit<Route, 'host'>[] = [];
  let refusal: UnsupportedRule | undefined;
  for (const rule of spec.rules ?? [{}]) {
    const { problems, ...servers } = serversOf(rule.backendRefs ?? [], metadata.namespace ?? '', view);
    problem ??= problems[0];
    try {
      if (rule.backendRefs?.some(({ filters = [] }) => filters.length > 0))
        throw new UnsupportedRule('filters of a backendRef are not supported');
      for (const match of matchesOf(rule)) rules.push({ match, target: { ...changesOf(rule, match), ...servers } });
    } catch (error) {
      if (!(error instanceof UnsupportedRule)) throw error;
      refusal ??= error;
    }
  }
  return refusal ? { refusal, problem } : { rules, problem };
}

function conditionsOfParent(
  { metadata }: HTTPRoute,
  found: ReturnType<typeof attach>,
  compiled: Compiled,
): TimelessCondition[] {
  const condition = conditionsOf(metadata.generation);
  const refusal = 'reason' in found ? found : 'refusal' in compiled ? compiled.refusal : undefined;
  const { problem } = compiled;
  return [
    condition('Accepted', !refusal, refusal?.reason ?? 'Accepted', refusal?.message),
    condition('ResolvedRefs', !problem, problem?.reason ?? 'ResolvedRefs', problem?.message),
  ];
}

function portsOf(plans: readonly ListenerPlan[], placed: readonly PlacedRoutes[]): ProxyPort[] {
  const served = plans.filter(({ isServed }) => isServed);
  const numbers = [...new Set(served.map(({ listener }) => listener.port))].sort((a, b) => a - b);
  return numbers.map((port) => {
    const here = served.filter(({ listener }) => listener.port === port);
    const routes = placed
      .filter(({ plan }) => here.includes(plan))
      .flatMap((one) => one.routes.map((route) => ({ ...route, ...exceptions(one.plan, here) })));
    const certificates = here.flatMap((plan) => plan.certificates);
    return { port, routes: byPrecedence(routes), ...(certificates.length > 0 ? { certificates } : {}) };
  });
}

/** Hosts of listeners that are more exact than this one: their requests are theirs, also when they have no route for them. */
function exceptions({ listener }: ListenerPlan, all: readonly ListenerPlan[]): { exceptHosts?: HostPattern[] } {
  const own = patternOf(listener.hostname);
  const exceptHosts = all
    .map((other) => patternOf(other.listener.hostname))
    .filter((host) => host !== undefined && !isSameHost(host, own) && covers(own, host)) as HostPattern[];
  return exceptHosts.length > 0 ? { exceptHosts } : {};
}
