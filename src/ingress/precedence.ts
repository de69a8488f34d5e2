import type { HostPattern, PathPattern, Route } from './model.ts';

const hostRank = { nothing: 2, label: 1, labels: 1 };
const pathRank = { Exact: 2, RegularExpression: 1, Prefix: 0 };

const rankOf = (host: HostPattern | undefined): number => (host ? hostRank[host.before] : 0);
const anyPath: PathPattern = { type: 'Prefix', value: '/' };

/**
 * The order in which routes are asked, the same for Ingress and Gateway API (HTTPRouteRule.matches): the more exact host, an
 * exact path, the longer path, a method, more headers, more query parameters. Of equals the one that was there first.
 */
export const byPrecedence = (routes: readonly Route[]): Route[] =>
  routes
    .map((route) => ({ route, rank: ranks(route) }))
    .sort((a, b) => compare(b.rank, a.rank))
    .map(({ route }) => route);

function ranks({ host, match }: Route): number[] {
  const path = match.path ?? anyPath;
  return [
    rankOf(host),
    host?.name.length ?? 0,
    ...(match.pathRank ?? [pathRank[path.type], path.value.length]),
    match.method ? 1 : 0,
    match.headers?.length ?? 0,
    match.queries?.length ?? 0,
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const i = a.findIndex((value, at) => value !== b[at]);
  return i < 0 ? 0 : (a[i] as number) - (b[i] as number);
}
