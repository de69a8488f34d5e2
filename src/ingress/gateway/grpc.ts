import type { RequestMatch } from '../model.ts';
import { checkRegex, headersMatchOf, UnsupportedRule } from './rule.ts';
import type { GRPCRouteMatch, GRPCRouteRule } from './types.ts';

/** One element of a path: any service, or any method. */
const any = '[^/]+';

/**
 * The matches of a rule as those of HTTP, to be read one by one: a call is a request for `/service/method`. Without any it takes
 * every call. Each may throw `UnsupportedRule`.
 */
export const grpcMatchesOf = ({ matches = [] }: GRPCRouteRule): (() => RequestMatch)[] =>
  matches.length === 0 ? [() => callOf({})] : matches.map((match) => () => callOf(match));

/** The order is by the lengths of the service and of the method (GRPCRouteRule.matches). */
function callOf({ method: call = {}, headers = [] }: GRPCRouteMatch): RequestMatch {
  const { type = 'Exact', service, method } = call;
  return {
    path: pathOf(type, service, method),
    pathRank: [service?.length ?? 0, method?.length ?? 0],
    headers: headersMatchOf(headers),
  };
}

function pathOf(type: string, service: string | undefined, method: string | undefined): RequestMatch['path'] {
  if (type !== 'Exact' && type !== 'RegularExpression')
    throw new UnsupportedRule(`a method of type ${type} is not supported`);
  if (!service && !method) return { type: 'Prefix', value: '/' };
  if (type === 'Exact' && service)
    return method ? { type: 'Exact', value: `/${service}/${method}` } : { type: 'Prefix', value: `/${service}` };
  const part = type === 'Exact' ? quoted : group;
  return { type: 'RegularExpression', value: `/${service ? part(service) : any}/${method ? part(method) : any}` };
}

const quoted = (text: string): string => text.replace(/[^\w]/g, '\\$&');

function group(expression: string): string {
  checkRegex(expression);
  return `(?:${expression})`;
}
