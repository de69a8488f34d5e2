import type { HorizontalPodAutoscalerBehavior } from '../generated/types.ts';

export type Json = Record<string, unknown>;

/** Whether a metric says what is wanted or what is. */
type Half = 'target' | 'current';

/** In autoscaling/v1 a metric is flat; these are the parts it can have. */
const parts = ['object', 'pods', 'resource', 'containerResource', 'external'] as const;
type Part = (typeof parts)[number];

/** What autoscaling/v1 calls the amounts of a part. */
function amountNames(part: Part, half: Half): Record<'value' | 'averageUtilization' | 'averageValue', string> {
  return {
    value: `${half}Value`,
    averageUtilization: `${half}AverageUtilization`,
    averageValue: part === 'object' ? 'averageValue' : `${half}AverageValue`,
  };
}

const selectorName = (part: Part): string => (part === 'external' ? 'metricSelector' : 'selector');

const present = (entries: Json): Json =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined && value !== null));

/** A list that was put into an annotation; undefined where there is none, or something that is none. */
export function parsed(text: string | undefined): Json[] | undefined {
  const value = json(text);
  return Array.isArray(value) ? (value as Json[]) : undefined;
}

function json(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Anybody can write annotations; one that is no JSON says nothing.
    return undefined;
  }
}

/** A metric of autoscaling/v1 in the words of v2. */
export function nestedMetric(metric: Json, half: Half): Json {
  const nested: Json = { type: metric.type };
  for (const part of parts) {
    const flat = metric[part] as Json | undefined;
    if (flat) nested[part] = nestedPart(part, flat, half);
  }
  return nested;
}

function nestedPart(part: Part, flat: Json, half: Half): Json {
  const names = amountNames(part, half);
  const amounts = present({
    value: flat[names.value],
    averageUtilization: flat[names.averageUtilization],
    averageValue: flat[names.averageValue],
  });
  // An object's value is always written; beside an average it says nothing.
  if (half === 'target' && amounts.averageValue !== undefined) delete amounts.value;
  const type = 'averageUtilization' in amounts ? 'Utilization' : 'value' in amounts ? 'Value' : 'AverageValue';
  const about =
    part === 'resource' || part === 'containerResource'
      ? present({ name: flat.name, container: flat.container })
      : present({
          describedObject: part === 'object' ? flat.target : undefined,
          metric: present({ name: flat.metricName, selector: flat[selectorName(part)] }),
        });
  return { ...about, [half]: half === 'target' ? { type, ...amounts } : amounts };
}

/** A metric of v2 in the words of autoscaling/v1. */
export function flatMetric(metric: object, half: Half): Json {
  const nested = metric as Json;
  const flat: Json = { type: nested.type };
  for (const part of parts) {
    const own = nested[part] as Json | undefined;
    if (own) flat[part] = flatPart(part, own, half);
  }
  return flat;
}

/** Amounts that are no pointers in Go: written in any case. */
const always: Record<Part, Record<Half, string[]>> = {
  object: { target: ['targetValue'], current: ['currentValue'] },
  pods: { target: ['targetAverageValue'], current: ['currentAverageValue'] },
  resource: { target: [], current: ['currentAverageValue'] },
  containerResource: { target: [], current: ['currentAverageValue'] },
  external: { target: [], current: ['currentValue'] },
};

function flatPart(part: Part, nested: Json, half: Half): Json {
  const names = amountNames(part, half);
  const amounts = (nested[half] ?? {}) as Json;
  const about = (nested.metric ?? {}) as Json;
  const said = present({
    target: nested.describedObject,
    name: nested.name,
    metricName: about.name,
    [selectorName(part)]: about.selector,
    ...Object.fromEntries(Object.entries(names).map(([name, flat]) => [flat, amounts[name as keyof typeof names]])),
    container: nested.container,
  });
  for (const name of always[part][half]) said[name] ??= '0';
  return said;
}

const upper = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
const lower = (name: string): string => name.slice(0, 1).toLowerCase() + name.slice(1);

const renamed = (value: unknown, rename: (name: string) => string): unknown => {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [rename(name), renamed(member, rename)]));
};

/** Behaviour is kept as Go's internal type prints itself: with capitals, and null for what is not set. */
export function behaviorText({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): string {
  const rules = (own: HorizontalPodAutoscalerBehavior['scaleUp']) =>
    own && {
      stabilizationWindowSeconds: own.stabilizationWindowSeconds ?? null,
      selectPolicy: own.selectPolicy ?? null,
      policies: own.policies ?? null,
      tolerance: own.tolerance ?? null,
    };
  return JSON.stringify(renamed({ scaleUp: rules(scaleUp) ?? null, scaleDown: rules(scaleDown) ?? null }, upper));
}

export function parsedBehavior(text: string | undefined): object | undefined {
  const value = json(text);
  return typeof value === 'object' && value !== null ? (renamed(value, lower) as object) : undefined;
}
