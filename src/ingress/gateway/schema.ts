import type { JSONSchemaProps } from '../../api/generated/types.ts';

/** Short forms for the schemas of Gateway API. */
export type Schema = JSONSchemaProps;

export const object = (properties: Record<string, Schema>, required: string[] = [], more: Schema = {}): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 ? { required } : {}),
  ...more,
});
export const text = (more: Schema = {}): Schema => ({ type: 'string', ...more });
export const name = (maxLength = 253): Schema => text({ minLength: 1, maxLength });
export const oneOf = (values: string[], more: Schema = {}): Schema => text({ enum: values, ...more });
export const port: Schema = { type: 'integer', format: 'int32', minimum: 1, maximum: 65_535 };
export const list = (items: Schema, maxItems: number, more: Schema = {}): Schema => ({
  type: 'array',
  items: items,
  maxItems,
  ...more,
});
/** A list whose items are told apart by a field. */
export const listBy = (key: string, items: Schema, maxItems: number, more: Schema = {}): Schema =>
  list(items, maxItems, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key], ...more } as Schema);
export const rule = (expression: string, message: string) => ({ rule: expression, message });
export const rules = (...all: ReturnType<typeof rule>[]): Schema => ({ 'x-kubernetes-validations': all });

const dnsLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
export const hostname = text({
  minLength: 1,
  maxLength: 253,
  pattern: `^(\\*\\.)?${dnsLabel}(\\.${dnsLabel})*$`,
});
export const preciseHostname = text({ minLength: 1, maxLength: 253, pattern: `^${dnsLabel}(\\.${dnsLabel})*$` });
export const group = text({ maxLength: 253, pattern: `^$|^${dnsLabel}(\\.${dnsLabel})*$` });
export const kind = text({ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' });
export const namespace = text({ minLength: 1, maxLength: 63, pattern: `^${dnsLabel}$` });
export const sectionName = text({ minLength: 1, maxLength: 253, pattern: `^${dnsLabel}(\\.${dnsLabel})*$` });
export const token = text({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" });
export const duration = text({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' });
export const controllerName = text({
  minLength: 1,
  maxLength: 253,
  pattern: `^${dnsLabel}(\\.${dnsLabel})*/[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+$`,
});

export const condition = object(
  {
    type: text({ maxLength: 316 }),
    status: oneOf(['True', 'False', 'Unknown']),
    observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
    lastTransitionTime: text({ format: 'date-time' }),
    reason: text({ minLength: 1, maxLength: 1024, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' }),
    message: text({ maxLength: 32_768 }),
  },
  ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
);
export const conditions = listBy('type', condition, 8);

export const parentRef = object(
  {
    group: { ...group, default: 'gateway.networking.k8s.io' },
    kind: { ...kind, default: 'Gateway' },
    namespace,
    name: name(),
    sectionName,
    port,
  },
  ['name'],
);
