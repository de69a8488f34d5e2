import { servedKinds } from './generated/kinds.ts';
import type { Kind } from './kind.ts';
import type { Strategy } from './strategy.ts';

/** The behaviour of built-in kinds, by `resource.group`. A new kind is one file and one line here. */
export const strategies: Record<string, Strategy> = {};

const byResource = new Map(servedKinds.map((kind) => [`${kind.group}/${kind.resource}`, kind]));

/** The built-in kind behind a group and resource name; undefined when there is none. */
export const kindOf = (group: string, resource: string): Kind | undefined => byResource.get(`${group}/${resource}`);
