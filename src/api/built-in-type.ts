import type { Kind } from './kind.ts';
import { otherVersions } from './other-version.ts';
import { fieldModel } from './meta/fields/model.ts';
import { applyStrategicMerge } from './meta/strategic-merge.ts';
import type { ObjectType } from './object-type.ts';
import { groupVersion, type KubeObject } from './resource.ts';
import { applyDefaults } from './schema/defaults.ts';
import { jsonKind } from './schema/cursor.ts';
import { DecodeError } from './schema/decode-error.ts';
import { isRegistered, schema } from './schema/schema.ts';
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
    defaults(object, now) {
      const filled = applyDefaults(kind.type, object, now) as KubeObject;
      strategy.setDefaults?.(filled);
      return filled;
    },
    fields: { ...fieldModel(schema, kind.type), inVersion: otherVersions(kind) },
    mergeStrategically: (old, patch) => applyStrategicMerge({ schema, type: kind.type }, old, patch),
  };
}

/** Go's package of a group's internal types, as conversion errors name it. */
const goPackage = (group: string): string => group.split('.')[0] || 'core';

const scheme = 'k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30';

/** A body may leave kind and apiVersion out; if it has them, they must be the kind's. */
function checkKind(wanted: Kind, body: unknown): void {
  const kind = typeMember(wanted, body, 'kind') ?? wanted.kind;
  const apiVersion = typeMember(wanted, body, 'apiVersion') ?? groupVersion(wanted);
  if (kind === wanted.kind && apiVersion === groupVersion(wanted)) return;
  throw unconvertible(wanted, { kind, apiVersion });
}

/** What a body says of its kind; undefined when it says nothing. Throws `DecodeError` when that is no text. */
function typeMember(wanted: Kind, body: unknown, member: 'kind' | 'apiVersion'): string | undefined {
  const value = (body as Record<string, unknown> | null | undefined)?.[member];
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return undefined;
  const why = `json: cannot unmarshal ${jsonKind(value)} into Go struct field .${member} of type string`;
  throw new DecodeError(
    `the object provided is unrecognized (must be of type ${wanted.kind})`,
    `couldn't get version/kind; json parse error: ${why}`,
  );
}

/** The refusal of a body that is of another kind, known or not. */
export function unconvertible(
  wanted: { group: string; kind: string },
  { kind, apiVersion }: { kind: string; apiVersion: string },
): DecodeError {
  const version = String(apiVersion).split('/').at(-1);
  const why = isRegistered(apiVersion, kind)
    ? `converting (${version}.${kind}) to (${goPackage(wanted.group)}.${wanted.kind}): unknown conversion`
    : `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${scheme}"`;
  return new DecodeError(`${kind} in version "${version}" cannot be handled as a ${wanted.kind}`, why);
}
