import { durationMs } from '../../base/duration.ts';
import type { HeaderChanges, PathChange, Redirect, RequestMatch, Rewrite, Target, ValuePattern } from '../model.ts';
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

/** The matches of a rule; without any it takes every path. Throws `UnsupportedRule`. */
export const matchesOf = ({ matches = [] }: HTTPRouteRule): RequestMatch[] =>
  matches.length === 0 ? [{}] : matches.map(matchOf);

const pathTypes = { Exact: 'Exact', PathPrefix: 'Prefix', RegularExpression: 'RegularExpression' } as const;

function matchOf({ path, method, headers = [], queryParams = [] }: HTTPRouteMatch): RequestMatch {
  const { type: pathType = 'PathPrefix', value = '/' } = path ?? {};
  const type = pathTypes[pathType as keyof typeof pathTypes];
  if (!type) throw new UnsupportedRule(`a path of type ${pathType} is not supported`);
  if (type === 'RegularExpression') checkRegex(value);
  return {
    path: { type, value },
    ...(method ? { method } : {}),
    headers: firstOfEach(headers, (name) => name.toLowerCase()).map(valueOf),
    queries: firstOfEach(queryParams, (name) => name).map(valueOf),
  };
}

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

function checkRegex(expression: string): void {
  const problem = regexProblem(expression);
  if (problem) throw new UnsupportedRule(`regular expression ${expression}: ${problem}`);
}

/** What a rule does to a request, apart from who answers it. `match`: whose prefix is replaced. Throws `UnsupportedRule`. */
export function changesOf({ filters = [], timeouts }: HTTPRouteRule, match: RequestMatch): Target {
  const target: Target = {};
  for (const filter of filters) addFilter(target, filter, match);
  if (target.redirect && target.rewrite)
    throw new UnsupportedRule('RequestRedirect and URLRewrite cannot be in one rule', 'IncompatibleFilters');
  const limits = [timeouts?.request, timeouts?.backendRequest].flatMap((text) => (text ? [durationMs(text)] : []));
  // 0 is none at all.
  const shortest = Math.min(...limits.filter((ms) => ms > 0));
  if (limits.length > 0) target.timeoutMs = Number.isFinite(shortest) ? shortest : 0;
  return target;
}

function addFilter(target: Target, filter: HTTPRouteFilter, match: RequestMatch): void {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter;
  switch (filter.type) {
    case 'RequestHeaderModifier':
      (target.requestHeaders ??= []).push(headersOf(requestHeaderModifier));
      return;
    case 'ResponseHeaderModifier':
      (target.responseHeaders ??= []).push(headersOf(responseHeaderModifier));
      return;
    case 'RequestRedirect':
      target.redirect = redirectOf(requestRedirect ?? {}, match);
      return;
    case 'URLRewrite':
      target.rewrite = rewriteOf(urlRewrite ?? {}, match);
      return;
    default:
      throw new UnsupportedRule(`filter ${filter.type} is not supported`);
  }
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
