import type { LimitRangeItem } from '../../api/generated/types.ts';
import { canonicalQuantity, parseQuantity } from '../../api/meta/quantity.ts';

export type Amounts = Record<string, string> | undefined;

const nanos = (amount: string | undefined): bigint => parseQuantity(amount ?? '0').nanos;

/** How requests and limits break one item of a LimitRange, in the API's words. */
export function limitErrors(item: LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  const each = (bounds: Amounts, check: (resource: string, bound: string) => string | undefined): string[] =>
    Object.entries(bounds ?? {}).flatMap(([resource, bound]) => check(resource, bound) ?? []);
  return [
    ...each(item.min, (r, bound) => below({ type: item.type, resource: r, bound }, requests?.[r], limits?.[r])),
    ...each(item.max, (r, bound) => above({ type: item.type, resource: r, bound }, requests?.[r], limits?.[r])),
    ...each(item.maxLimitRequestRatio, (r, bound) =>
      ratio({ type: item.type, resource: r, bound }, requests?.[r], limits?.[r]),
    ),
  ];
}

interface Bound {
  type: string;
  resource: string;
  bound: string;
}

type Amount = string | undefined;

function below({ type, resource, bound }: Bound, request: Amount, limit: Amount): string | undefined {
  const rule = `minimum ${resource} usage per ${type} is ${canonicalQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (nanos(request) < nanos(bound)) return `${rule}, but request is ${canonicalQuantity(request)}`;
  if (limit !== undefined && nanos(limit) < nanos(bound)) return `${rule}, but limit is ${canonicalQuantity(limit)}`;
  return undefined;
}

function above({ type, resource, bound }: Bound, request: Amount, limit: Amount): string | undefined {
  const rule = `maximum ${resource} usage per ${type} is ${canonicalQuantity(bound)}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  const which = type === 'PersistentVolumeClaim' ? 'request' : 'limit';
  if (nanos(limit) > nanos(bound)) return `${rule}, but ${which} is ${canonicalQuantity(limit)}`;
  if (request !== undefined && nanos(request) > nanos(bound))
    return `${rule}, but request is ${canonicalQuantity(request)}`;
  return undefined;
}

function ratio({ type, resource, bound }: Bound, request: Amount, limit: Amount): string | undefined {
  const rule = `${resource} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}`;
  if (!nanos(request)) return `${rule}, but no request is specified or request is 0`;
  if (!nanos(limit)) return `${rule}, but no limit is specified or limit is 0`;
  const given = Number(nanos(limit)) / Number(nanos(request));
  return given > Number(nanos(bound)) / 1e9 ? `${rule}, but provided ratio is ${given.toFixed(6)}` : undefined;
}
