import type { KubeObject } from '../api/resource.ts';

/** Equality selectors (`a=b,c!=d`, `e`, `!f`, fields `spec.nodeName=x`): what the fake's tests need, and no more. */
export function selectorOf(labels = '', fields = ''): (object: KubeObject) => boolean {
  const rules = [
    ...terms(labels).map((term) => rule(term, (o, key) => o.metadata.labels?.[key])),
    ...terms(fields).map((term) => rule(term, (o, path) => String(at(o, path) ?? ''))),
  ];
  return (object) => rules.every((matches) => matches(object));
}

const terms = (text: string): string[] => (text === '' ? [] : text.split(','));

function rule(term: string, read: (o: KubeObject, key: string) => string | undefined): (o: KubeObject) => boolean {
  const parsed = /^(!?)([^=!]+)(?:(!=|==?)(.*))?$/.exec(term.trim());
  if (!parsed) throw new Error(`the fake cannot read the selector ${term}`);
  const [, not, key = '', operator, value] = parsed;
  if (operator === undefined) return (o) => (read(o, key) !== undefined) === (not === '');
  return (o) => (read(o, key) === value) === (operator !== '!=');
}

const at = (object: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
