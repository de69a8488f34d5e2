import { parseJson, toJson } from '../../../base/lossless-json.ts';
import { isJsonObject, ownMember } from '../json.ts';
import type { ListKey } from './shape.ts';

/** The step to an element of an associative list: its keys as canonical JSON. */
export function keyStep(keys: readonly ListKey[], item: unknown): string {
  if (!isJsonObject(item)) return `v:${toJson(item)}`;
  let text = '';
  for (const { name, absent } of keys) {
    const value = ownMember(item, name) ?? absent;
    if (value !== undefined) text += `${text ? ',' : ''}${JSON.stringify(name)}:${toJson(value)}`;
  }
  return `k:{${text}}`;
}

/** The step to an element of a set. */
export const valueStep = (item: unknown): string => `v:${toJson(item)}`;

/** A path as messages show it: `.spec.ports[port=80,protocol="TCP"].name`. */
export function pathText(steps: readonly string[]): string {
  return steps
    .map((step) => {
      const text = step.slice(2);
      if (step.startsWith('f:')) return `.${text}`;
      if (step.startsWith('i:')) return `[${text}]`;
      if (step.startsWith('v:')) return `[=${text}]`;
      const keys = Object.entries(parseJson(text) as object);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
