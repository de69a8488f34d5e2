import { isJsonObject, type JsonObject, ownMember, setMember } from '../json.ts';
import { elementOf, isListShape, isObjectShape, type ListShape, memberOf, stepOf } from './members.ts';
import type { Shape } from './shape.ts';

/**
 * A live value with a configuration laid over it: objects by member, associative lists by element, everything else as a
 * whole. Neither is changed; the result shares what is the same. `undefined`: nothing is left to write.
 */
export function mergeConfig(shape: Shape, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  if (isObjectShape(shape, config) && isJsonObject(live)) return mergeObjects(shape, live, config);
  if (isListShape(shape) && Array.isArray(config) && Array.isArray(live)) return mergeLists(shape, live, config);
  if (config === null && hasContent(shape, live)) return live;
  return config;
}

/** Null says nothing about members and elements: they stay with those who own them. */
const hasContent = (shape: Shape, live: unknown): boolean =>
  (isObjectShape(shape, live) && Object.keys(live).length > 0) ||
  (isListShape(shape) && Array.isArray(live) && live.length > 0);

function mergeObjects(shape: Shape, live: JsonObject, config: JsonObject): JsonObject {
  const merged = { ...live };
  for (const name of Object.keys(config)) {
    const value = mergeConfig(memberOf(shape, name).shape, ownMember(live, name), config[name]);
    if (value !== undefined) setMember(merged, name, value);
  }
  return merged;
}

/**
 * The configuration's elements in its order. Elements that only the live list has stay where they are in relation to
 * the ones that both have; before a place where both could go on, the live ones come first.
 */
function mergeLists(shape: ListShape, live: unknown[], config: unknown[]): unknown[] {
  const liveSteps = live.map((item) => stepOf(shape, item));
  const configSteps = config.map((item) => stepOf(shape, item));
  const wanted = new Set(configSteps);
  const byStep = indexed(liveSteps, live);
  const shared = configSteps.filter((step) => byStep.has(step));
  const merged: unknown[] = [];
  let at = 0;
  let next = 0;
  configSteps.forEach((step, i) => {
    for (; at < live.length && liveSteps[at] !== step; at++) {
      const other = liveSteps[at] as string;
      if (!wanted.has(other)) merged.push(live[at]);
      else if (other === shared[next]) break;
    }
    merged.push(mergeConfig(elementOf(shape), byStep.get(step), config[i]));
    if (liveSteps[at] === step) at++;
    if (shared[next] === step) next++;
  });
  for (; at < live.length; at++) if (!wanted.has(liveSteps[at] as string)) merged.push(live[at]);
  return merged;
}

/** Elements by step. Of those with the same keys none is merged: the configuration's replaces them. */
function indexed(steps: string[], items: unknown[]): Map<string, unknown> {
  const map = new Map<string, unknown>();
  steps.forEach((step, i) => map.set(step, map.has(step) ? undefined : items[i]));
  return map;
}
