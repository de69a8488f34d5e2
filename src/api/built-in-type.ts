import type { Kind } from './kind.ts';
import { fieldModel } from './meta/fields/model.ts';
import { badRequest } from './meta/status-error.ts';
import { applyStrategicMerge } from './meta/strategic-merge.ts';
import type { ObjectType } from './object-type.ts';
import { groupVersion, type KubeObject } from './resource.ts';
import { applyDefaults } from './schema/defaults.ts';
import { schema } from './schema/schema.ts';
import type { Strategy } from './strategy.ts';

/** The type of a built-in kind: everything from the schema table. */
export function builtInType(kind: Kind, strategy: Strategy): ObjectType {
  const codec = schema.codecFor(kind.type);
  return {
    decode(body) {
      checkKind(kind, body);
      const { object, unknown } = codec.decode(body);
      return { object: object as KubeObject, unknown };
    },
    defaults(object) {
      const filled = applyDefaults(kind.type, object) as KubeObject;
      strategy.setDefaults?.(filled);
      return filled;
    },
    fields: fieldModel(schema, kind.type),
    mergeStrategically: (old, patch) => applyStrategicMerge({ schema, type: kind.type }, old, patch),
  };
}

/** A body may leave kind and apiVersion out; if it has them, they must be the kind's. */
function checkKind(expected: Kind, body: unknown): void {
  const { kind, apiVersion } = (body ?? {}) as KubeObject;
  const version = groupVersion(expected);
  if ((kind ?? expected.kind) === expected.kind && (apiVersion ?? version) === version) return;
  const shownVersion = String(apiVersion ?? version)
    .split('/')
    .at(-1);
  throw badRequest(
    kind !== expected.kind && kind
      ? `${kind} in version "${shownVersion}" cannot be handled as a ${expected.kind}: converting (${shownVersion}.${kind}) to (${expected.kind}): unknown conversion`
      : `${expected.kind} in version "${shownVersion}" cannot be handled as a ${expected.kind}: no kind "${expected.kind}" is registered for version "${apiVersion}"`,
  );
}
