import type { LabelSelector, RbacSubject as Subject } from '../generated/types.ts';
import type { KubeObject } from '../resource.ts';
import type { Cell } from '../strategy.ts';
import { humanDuration } from './human-duration.ts';

/** How one printer cell follows from an object. */
export type CellRule<T extends KubeObject = KubeObject> = (object: Readonly<T>, nowMs: number) => Cell;

/** The `cells` of a strategy from one rule per column, written in the order of the kind's columns. */
export function columns<T extends KubeObject>(
  rules: Record<string, CellRule<T>>,
): (object: Readonly<T>, nowMs: number) => Cell[] {
  const list = Object.values(rules);
  return (object, nowMs) => {
    // A stored object may lack a status nobody has written yet: rules need not ask for it.
    const whole = { spec: {}, status: {}, ...object } as Readonly<T>;
    return list.map((rule) => rule(whole, nowMs));
  };
}

function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split('.')) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The time since `timestamp` (RFC 3339) as an age; `<unknown>` when there is none. */
export function since(timestamp: string | undefined | null, nowMs: number): string {
  const atMs = timestamp ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(atMs) ? '<unknown>' : humanDuration(nowMs - atMs);
}

/** A scalar at a path (`spec.nodeName`), `fallback` when it is missing or empty. */
export const field =
  (path: string, fallback: Cell = ''): CellRule =>
  (object) => {
    const value = valueAt(object, path);
    return value === undefined || value === null || value === '' ? fallback : (value as Cell);
  };

/** How many items the lists or maps at the paths have together. */
export const count =
  (...paths: string[]): CellRule =>
  (object) =>
    paths.reduce((sum, path) => sum + Object.keys(valueAt(object, path) ?? {}).length, 0);

/** The age of a timestamp at a path. */
export const ageOf =
  (path: string, missing = '<unknown>'): CellRule =>
  (object, nowMs) => {
    const value = valueAt(object, path) as string | undefined;
    return value ? since(value, nowMs) : missing;
  };

/** The strings of a list at a path, joined. */
export const joined =
  (path: string, fallback: Cell = '', separator = ','): CellRule =>
  (object) =>
    ((valueAt(object, path) as string[] | undefined) ?? []).join(separator) || fallback;

export const name = field('metadata.name');
export const age = ageOf('metadata.creationTimestamp');
export const createdAt = field('metadata.creationTimestamp', null);

/** Labels as `a=b,c=d` in order of their keys; `<none>` for none. */
export const formatLabels = (labels: Record<string, string> | undefined): string =>
  Object.keys(labels ?? {})
    .sort()
    .map((key) => `${key}=${labels?.[key]}`)
    .join(',') || '<none>';

/** Labels at a path. */
export const labelsAt =
  (path: string): CellRule =>
  (object) =>
    formatLabels(valueAt(object, path) as Record<string, string> | undefined);

const expressionText: Record<string, (key: string, values: string) => string> = {
  In: (key, values) => `${key} in (${values})`,
  NotIn: (key, values) => `${key} notin (${values})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
};

/** A selector in the query syntax (`app=a,tier in (b,c)`), ordered by key; empty for none, undefined for a bad one. */
export function selectorText(selector: LabelSelector | undefined): string | undefined {
  const parts: [key: string, text: string][] = Object.entries(selector?.matchLabels ?? {}).map(([k, v]) => [
    k,
    `${k}=${v}`,
  ]);
  for (const { key, operator, values } of selector?.matchExpressions ?? []) {
    const text = expressionText[operator];
    if (!text) return undefined;
    parts.push([key, text(key, [...(values ?? [])].sort().join(','))]);
  }
  return parts
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, text]) => text)
    .join(',');
}

/** A label selector at a path; `<none>` for an empty one. */
export const selectorAt =
  (path: string): CellRule =>
  (object) => {
    const text = selectorText(valueAt(object, path) as LabelSelector | undefined);
    return text === undefined ? '<error>' : text || '<none>';
  };

/** The containers' names or images of a pod spec at a path. */
export const containersAt =
  (path: string, part: 'name' | 'image'): CellRule =>
  (object) =>
    ((valueAt(object, path) as { name: string; image?: string }[] | undefined) ?? [])
      .map((c) => c[part] ?? '')
      .join(',');

/** The first `limit` texts, then how many more there are: `a,b,c + 2 more...`. */
export function firstOf(texts: string[], limit: number, separator = ','): string {
  const shown = texts.slice(0, limit).join(separator);
  return texts.length > limit ? `${shown} + ${texts.length - limit} more...` : shown;
}

/** `True`, `False`, `<unset>` for a boolean at a path. */
export const booleanText =
  (path: string): CellRule =>
  (object) => {
    const value = valueAt(object, path);
    return value === true ? 'True' : value === false ? 'False' : '<unset>';
  };

/** The names of a binding's subjects of one kind. */
export const subjectNames =
  (kind: 'User' | 'Group' | 'ServiceAccount'): CellRule<KubeObject & { subjects?: Subject[] }> =>
  (object) =>
    (object.subjects ?? [])
      .filter((s) => s.kind === kind)
      .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
      .join(', ');

/** The addresses or host names a load balancer got, without repetition, in order. */
export const ingressAddresses = (ingress: { ip?: string; hostname?: string }[] | undefined): string =>
  [...new Set((ingress ?? []).map((i) => i.ip || i.hostname || '').filter(Boolean))].sort().join(',');
