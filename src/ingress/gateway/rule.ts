import { durationMs } from '../../base/duration.ts';
import type {
  HeaderChanges,
  Mirror,
  PathChange,
  Redirect,
  RequestMatch,
  Rewrite,
  Server,
  Target,
  ValuePattern,
} from '../model.ts';
import { regexProblem } from '../regex.ts';
import { isPlainName } from '../words.ts';
import type { HTTPPathModifier, HTTPRouteFilter, HTTPRouteMatch, HTTPRouteRule, ValueMatch } from './types.ts';

/** A rule asks for something that is not served here. `reason`: of the condition Accepted. */
export class UnsupportedRule extends Error {
  readonly reason: 'UnsupportedValue' | 'IncompatibleFilters';

  constructor(message: string, reason: UnsupportedRule['reason'] = 'UnsupportedValue') {
    super(message);
    this.name = 'UnsupportedRule';
    this.reason = reason;
  }
}

/** The matches of a rule, to be read one by one: each may throw `UnsupportedRule`. Without any it takes every path. */
export const matchesOf = ({ matches = [] }: HTTPRouteRule): (() => RequestMatch)[] =>
  matches.length === 0 ? [() => ({})] : matches.map((match) => () => matchOf(match));

const pathTypes = { Exact: 'Exact', PathPrefix: 'Prefix', RegularExpression: 'RegularExpression' } as const;

function matchOf({ path, method, headers = [], queryParams = [] }: HTTPRouteMatch): RequestMatch {
  const { type: pathType = 'PathPrefix', value = '/' } = path ?? {};
  const type = pathTypes[pathType as keyof typeof pathTypes];
  if (!type) throw new UnsupportedRule(`a path of type ${pathType} is not supported`);
  if (type === 'RegularExpression') checkRegex(value);
  return {
    path: { type, value },
    ...(method ? { method } : {}),
    headers: headersMatchOf(headers),
    queries: firstOfEach(queryParams, (name) => name).map(valueOf),
  };
}

export const headersMatchOf = (headers: readonly ValueMatch[]): ValuePattern[] =>
  firstOfEach(headers, (name) => name.toLowerCase()).map(valueOf);

/** Of entries with the same name only the first counts. */
function firstOfEach(matches: readonly ValueMatch[], same: (name: string) => string): ValueMatch[] {
  return matches.filter(({ name }, i) => matches.findIndex((other) => same(other.name) === same(name)) === i);
}

function valueOf({ name, type = 'Exact', value }: ValueMatch): ValuePattern {
  if (type !== 'Exact' && type !== 'RegularExpression')
    throw new UnsupportedRule(`a match of type ${type} is not supported`);
  if (!isPlainName(name)) throw new UnsupportedRule(`the name ${name} is not supported`);
  if (type === 'RegularExpression') checkRegex(value);
  return { name, type, value };
}

/** Throws `UnsupportedRule` for one that haproxy could not take. */
export function checkRegex(expression: string): void {
  const problem = regexProblem(expression);
  if (problem) throw new UnsupportedRule(`regular expression ${expression}: ${problem}`);
}

type MirrorRef = NonNullable<HTTPRouteFilter['requestMirror']>['backendRef'];

export interface FilterDeps {
  /** Whose prefix is replaced. */
  match: RequestMatch;
  /** Nobody when the reference leads nowhere. */
  serversOf(ref: MirrorRef): Server[];
}

/** What filters do to a request, in their order, apart from who answers it. Throws `UnsupportedRule`. */
export function changesOf(filters: readonly HTTPRouteFilter[], deps: FilterDeps): Target {
  const target: Target = {};
  for (const filter of filters) addFilter(target, filter, deps);
  if (target.redirect && target.rewrite)
    throw new UnsupportedRule('RequestRedirect and URLRewrite cannot be in one rule', 'IncompatibleFilters');
  return target;
}

/** For an answer to begin. */
export function timeoutOf({ timeouts }: HTTPRouteRule): Pick<Target, 'timeoutMs'> {
  const limits = [timeouts?.request, timeouts?.backendRequest].flatMap((text) => (text ? [durationMs(text)] : []));
  // 0 is none at all.
  const shortest = Math.min(...limits.filter((ms) => ms > 0));
  return limits.length > 0 ? { timeoutMs: Number.isFinite(shortest) ? shortest : 0 } : {};
}

function addFilter(target: Target, filter: HTTPRouteFilter, deps: FilterDeps): void {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite, requestMirror } = filter;
  switch (filter.type) {
    case 'RequestHeaderModifier':
      (target.requestHeaders ??= []).push(headersOf(requestHeaderModifier));
      return;
    case 'ResponseHeaderModifier':
      (target.responseHeaders ??= []).push(headersOf(responseHeaderModifier));
      return;
    case 'RequestRedirect':
      target.redirect = redirectOf(requestRedirect ?? {}, deps.match);
      return;
    case 'URLRewrite':
      // That of a backend changes what the rule's own has left.
      target.rewrite = { ...target.rewrite, ...rewriteOf(urlRewrite ?? {}, deps.match) };
      return;
    case 'RequestMirror':
      target.mirrors = [...(target.mirrors ?? []), ...mirrorsOf(requestMirror, deps)];
      return;
    default:
      throw new UnsupportedRule(`filter ${filter.type} is not supported`);
  }
}

function mirrorsOf(mirror: HTTPRouteFilter['requestMirror'], { serversOf }: FilterDeps): Mirror[] {
  if (!mirror) throw new UnsupportedRule('RequestMirror without a backendRef');
  const { backendRef, percent = 100, fraction } = mirror;
  const { numerator = percent, denominator = 100 } = fraction ?? {};
  if (denominator < 1 || numerator < 0) throw new UnsupportedRule(`a fraction of ${numerator}/${denominator}`);
  const servers = serversOf(backendRef);
  return servers.length > 0 && numerator > 0 ? [{ servers, numerator, denominator }] : [];
}

function headersOf({ set = [], add = [], remove = [] }: HeaderChanges = {}): HeaderChanges {
  const odd = [...set, ...add]
    .map(({ name }) => name)
    .concat(remove)
    .find((name) => !isPlainName(name));
  if (odd !== undefined) throw new UnsupportedRule(`the name ${odd} is not supported`);
  return { set, add, remove };
}

function redirectOf(
  { scheme, hostname, port, path, statusCode = 302 }: NonNullable<HTTPRouteFilter['requestRedirect']>,
  match: RequestMatch,
): Redirect {
  return {
    status: statusCode,
    ...(scheme ? { scheme } : {}),
    ...(hostname ? { host: hostname } : {}),
    ...(port ? { port } : {}),
    ...(path ? { path: pathChangeOf(path, match) } : {}),
  };
}

const rewriteOf = ({ hostname, path }: NonNullable<HTTPRouteFilter['urlRewrite']>, match: RequestMatch): Rewrite => ({
  ...(hostname ? { host: hostname } : {}),
  ...(path ? { path: pathChangeOf(path, match) } : {}),
});

function pathChangeOf(modifier: HTTPPathModifier, { path }: RequestMatch): PathChange {
  const { type, replaceFullPath, replacePrefixMatch } = modifier;
  if (type === 'ReplaceFullPath') return { full: replaceFullPath ?? '/' };
  if (type !== 'ReplacePrefixMatch') throw new UnsupportedRule(`path ${type} is not supported`);
  if (path && path.type !== 'Prefix') throw new UnsupportedRule('ReplacePrefixMatch needs a match by PathPrefix');
  return { prefix: path?.value ?? '/', replacement: replacePrefixMatch ?? '/' };
}
