import { schemaRules } from '../../api/cel/schema-rules.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../api/generated/types.ts';
import { badRequest, notFound, StatusError } from '../../api/meta/status-error.ts';
import { compareVersions } from '../../api/meta/version-order.ts';
import type { ObjectType } from '../../api/object-type.ts';
import type { Strategy } from '../../api/strategy.ts';
import { customKind } from '../../api/structural/custom-kind.ts';
import { customStrategy } from '../../api/structural/custom-strategy.ts';
import { customType } from '../../api/structural/custom-type.ts';
import { customScale, pathSteps } from '../../api/structural/scale.ts';
import type { Structural } from '../../api/structural/schema.ts';
import type { Endpoint, FieldPath } from '../endpoint.ts';
import type { ObjectCodec } from '../object-codec.ts';
import { type Conversion, VersionedRepresentation, type Versions } from '../versioned-representation.ts';

export interface CustomEndpointDeps {
  objects: ObjectCodec;
  conversionOf(definition: CustomResourceDefinition): Conversion;
}

const anything: Structural = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

const schemaOf = (version: CustomResourceDefinitionVersion): Structural => version.schema?.openAPIV3Schema ?? anything;

/** The endpoints of a definition, one for each version that it serves. `lifetime` ends their watches. */
export function customEndpoints(
  deps: CustomEndpointDeps,
  definition: CustomResourceDefinition,
  lifetime: AbortSignal,
): Endpoint[] {
  const { spec } = definition;
  const { kind } = spec.names;
  const stored = spec.versions.find((version) => version.storage);
  const types = new Map<string, ObjectType>();
  for (const version of spec.versions) {
    const gvk = { group: spec.group, version: version.name, kind };
    types.set(`${spec.group}/${version.name}`, customType(schemaOf(version), gvk));
  }
  const versions: Versions = {
    objects: deps.objects,
    conversion: deps.conversionOf(definition),
    types,
    storage: `${spec.group}/${stored?.name ?? ''}`,
  };
  return spec.versions
    .filter((version) => version.served)
    .map((version) => customEndpoint(deps, definition, { version, versions, lifetime }));
}

function customEndpoint(
  deps: CustomEndpointDeps,
  definition: CustomResourceDefinition,
  at: {
    version: CustomResourceDefinitionVersion;
    versions: Versions;
    lifetime: AbortSignal;
  },
): Endpoint {
  const { version, versions, lifetime } = at;
  const kind = customKind(definition, version);
  const groupVersion = `${kind.group}/${kind.version}`;
  const schema = schemaOf(version);
  const strategy = customStrategy(schema, version, schemaRules(schema));
  return {
    kind,
    resource: `${kind.resource}.${kind.group}`,
    type: versions.types.get(groupVersion) as ObjectType,
    strategy: definition.metadata.deletionTimestamp ? terminating(strategy, definition) : strategy,
    subresources: new Map((kind.subresources ?? []).map((subresource) => [subresource.name, subresource])),
    representation: new VersionedRepresentation(versions, groupVersion),
    fieldPaths: (version.selectableFields ?? []).map(({ jsonPath }) => fieldPath(jsonPath)),
    storedFields: [],
    fieldsIndexed: false,
    scale: customScale(version.subresources?.scale),
    returnsDeleted: false,
    itemsAreTyped: true,
    unknownField: (label) => badRequest(`field label not supported: ${label}`),
    unknownSubresource: (name) => notFound(kind, name),
    ...(version.deprecated ? { warning: deprecationOf(definition, version) } : {}),
    lifetime,
  };
}

const fieldPath = (jsonPath: string): FieldPath => ({
  label: jsonPath.replace(/^\./, ''),
  key: jsonPath.replace(/^\./, ''),
  path: pathSteps(jsonPath),
  boolean: false,
});

/** While its objects are being deleted, a definition takes no others. */
const terminating = (strategy: Strategy, { spec }: CustomResourceDefinition): Strategy => ({
  ...strategy,
  prepareForCreate() {
    const text = 'create not allowed while custom resource definition is terminating';
    throw StatusError.of('MethodNotAllowed', text, { group: spec.group, kind: spec.names.plural });
  },
});

function deprecationOf({ spec }: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string {
  if (version.deprecationWarning) return version.deprecationWarning;
  const text = `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
  const [best] = spec.versions
    .filter(({ served, deprecated }) => served && !deprecated)
    .map(({ name }) => name)
    .sort(compareVersions);
  if (best === undefined || compareVersions(best, version.name) >= 0) return text;
  return `${text}; use ${spec.group}/${best} ${spec.names.kind}`;
}
