import type { Pieces } from '../../base/pieces.ts';
import type { RequestMatch, Route, Server, Target } from '../model.ts';
import { type BackendDeps, type RefProblem, type RouteBackends, serversOf } from './backend-refs.ts';
import { grpcMatchesOf } from './grpc.ts';
import { changesOf, matchesOf, timeoutOf, UnsupportedRule } from './rule.ts';
import type { HTTPBackendRef, HTTPRouteFilter, KindedRoute } from './types.ts';

/** What a route does, wherever it comes in; `problem`: the first of its references that leads nowhere. */
export type CompiledRoute = ({ rules: Omit<Route, 'host'>[] } | { refusal: UnsupportedRule }) & {
  problem?: RefProblem | undefined;
};

/** A rule of any kind of route. */
interface Rule {
  /** Each throws `UnsupportedRule` when it asks for something unknown. */
  matches: (() => RequestMatch)[];
  filters: readonly HTTPRouteFilter[];
  backendRefs: readonly HTTPBackendRef[];
  limits: Pick<Target, 'timeoutMs'>;
}

/** A stream of gRPC may be silent for long. */
const streamMs = 3_600_000;

function rulesOf(kinded: KindedRoute): Rule[] {
  if (kinded.kind === 'HTTPRoute')
    return (kinded.route.spec.rules ?? [{}]).map((rule) => ({
      matches: matchesOf(rule),
      filters: rule.filters ?? [],
      backendRefs: rule.backendRefs ?? [],
      limits: timeoutOf(rule),
    }));
  return (kinded.route.spec.rules ?? []).map((rule) => ({
    matches: grpcMatchesOf(rule),
    filters: rule.filters ?? [],
    backendRefs: rule.backendRefs ?? [],
    limits: { timeoutMs: streamMs },
  }));
}

/** A route that asks for something unknown is refused whole: a part of it could do what nobody meant. */
export function* compileRoute(kinded: KindedRoute, view: BackendDeps): Pieces<CompiledRoute> {
  const { kind, route } = kinded;
  const deps: RouteBackends = { ...view, kind, namespace: route.metadata.namespace ?? '' };
  const problems: RefProblem[] = [];
  const rules: Omit<Route, 'host'>[] = [];
  let refusal: UnsupportedRule | undefined;
  for (const rule of rulesOf(kinded)) {
    const shares = sharesOf(rule.backendRefs, deps, problems);
    try {
      for (const one of rule.matches) {
        yield;
        rules.push(...routesOf(rule, one(), { shares, deps, problems }));
      }
    } catch (error) {
      if (!(error instanceof UnsupportedRule)) throw error;
      refusal ??= error;
    }
  }
  const [problem] = problems;
  return refusal ? { refusal, problem } : { rules, problem };
}

/** Requests that have the same filters and servers. */
interface Share {
  weight: number;
  filters: readonly HTTPRouteFilter[];
  servers: Pick<Target, 'servers' | 'failing'>;
}

/** One for all backends, unless some have filters of their own: then each is asked for its share. */
function sharesOf(refs: readonly HTTPBackendRef[], deps: RouteBackends, problems: RefProblem[]): Share[] {
  const { problems: found, ...servers } = serversOf(refs, deps);
  problems.push(...found);
  const used = refs.filter(({ weight = 1 }) => weight > 0);
  if (!used.some(({ filters = [] }) => filters.length > 0)) return [{ weight: 1, filters: [], servers }];
  return used.map((ref) => {
    const { problems: _, ...own } = serversOf([{ ...ref, weight: 1 }], deps);
    return { weight: ref.weight ?? 1, filters: ref.filters ?? [], servers: own };
  });
}

interface RuleDeps {
  shares: readonly Share[];
  deps: RouteBackends;
  problems: RefProblem[];
}

/** The routes of one match: each takes its share of what those before have left. */
function routesOf(rule: Rule, match: RequestMatch, { shares, deps, problems }: RuleDeps): Omit<Route, 'host'>[] {
  const mirrored = (ref: HTTPBackendRef): Server[] => {
    const { servers = [], problems: found } = serversOf([ref], deps);
    problems.push(...found);
    return servers;
  };
  let left = shares.reduce((sum, { weight }) => sum + weight, 0);
  return shares.map(({ weight, filters, servers }) => {
    const share = weight < left ? { share: { weight, of: left } } : {};
    left -= weight;
    const changes = changesOf([...rule.filters, ...filters], { match, serversOf: mirrored });
    return { match, ...share, target: { ...changes, ...rule.limits, ...servers } };
  });
}
