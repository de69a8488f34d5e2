import { builtInType } from '../api/built-in-type.ts';
import { sameWords } from '../api/conversion.ts';
import { conversionOf, inVersion } from '../api/conversions.ts';
import { servedKinds } from '../api/generated/kinds.ts';
import type { LabelSelector } from '../api/generated/types.ts';
import type { Kind } from '../api/kind.ts';
import { strategies } from '../api/kinds.ts';
import { formatLabelSelector } from '../api/meta/label-selector.ts';
import { badRequest, StatusError } from '../api/meta/status-error.ts';
import { isReached, lifeOf } from '../api/version-life.ts';
import type { ObjectType } from '../api/object-type.ts';
import { groupResource, groupVersion, type KubeObject } from '../api/resource.ts';
import { storedName } from '../api/served-versions.ts';
import type { Strategy } from '../api/strategy.ts';
import { validationRules } from '../api/validation/rules.ts';
import { versionedStrategy } from '../api/versioned-strategy.ts';
import type { Endpoint, FieldPath, ScaleFields } from './endpoint.ts';
import type { ObjectCodec } from './object-codec.ts';
import { asStored, type Representation } from './representation.ts';
import { VersionedRepresentation } from './versioned-representation.ts';

const returnsDeleted = new Set([
  'pods',
  'serviceaccounts',
  'persistentvolumes',
  'persistentvolumeclaims',
  'podtemplates',
  'resourcequotas',
  'storageclasses.storage.k8s.io',
  'csidrivers.storage.k8s.io',
  'volumeattributesclasses.storage.k8s.io',
]);

const booleanFields = new Set(['spec.unschedulable', 'spec.hostNetwork']);

/** Field labels whose value is not where their name says. */
const movedFields: Record<string, string> = { source: 'source.component' };

/** `label` or `label=other`: another name for the same. Paths are those of the stored version. */
function fieldPath(entry: string): FieldPath | undefined {
  const [label = '', key = label] = entry.split('=');
  if (label === 'metadata.name' || label === 'metadata.namespace') return undefined;
  return { label, key, path: (movedFields[key] ?? key).split('.'), boolean: booleanFields.has(key) };
}

const fieldPathsOf = (kind: Kind): FieldPath[] => (kind.fieldLabels ?? []).flatMap((entry) => fieldPath(entry) ?? []);

interface Scalable extends KubeObject {
  spec: { replicas?: number; selector?: object };
  status: { replicas?: number };
}

const scale: ScaleFields = {
  replicas: (object) => (object as Scalable).spec.replicas ?? 0,
  setReplicas: (object, replicas) => {
    (object as Scalable).spec.replicas = replicas;
  },
  statusReplicas: (object) => (object as Scalable).status.replicas ?? 0,
  selector: (object) => {
    const { selector } = (object as Scalable).spec;
    if (!selector) return '';
    // ReplicationControllers select by a plain map of labels.
    const isMap = !('matchLabels' in selector) && !('matchExpressions' in selector);
    return formatLabelSelector((isMap ? { matchLabels: selector } : selector) as LabelSelector);
  },
};

export const noSuchResource = (): StatusError =>
  StatusError.of('NotFound', 'the server could not find the requested resource', {});

/** What every request for a deprecated kind or version is told. */
function deprecation(kind: Kind, strategy: Strategy): { warning?: string } {
  const { deprecated, removed, replacement } = strategy.deprecated
    ? { deprecated: strategy.deprecated.since, removed: undefined, replacement: strategy.deprecated.replacement }
    : lifeOf(kind);
  if (deprecated === undefined || !isReached(deprecated)) return {};
  const gone = removed ? `, unavailable in v${removed}+` : '';
  const instead = replacement ? `; use ${replacement}` : '';
  return { warning: `${groupVersion(kind)} ${kind.kind} is deprecated in v${deprecated}+${gone}${instead}` };
}

/** The endpoint of a kind that the fact tables have. */
function endpointOf(kind: Kind, objects: ObjectCodec): Endpoint {
  const resource = storedName(kind);
  const main = storedKind(kind);
  const own = { ...strategies[resource], ...validationRules[resource] };
  // Events of events.k8s.io have rules of their own, though they are stored as the others.
  const rules = groupResource(kind) === resource ? {} : validationRules[groupResource(kind)];
  const strategy = { ...versionedStrategy(own, conversionOf(kind) ?? sameWords, kind.type), ...rules };
  const mainType = builtInType(main, own);
  const type = main === kind ? mainType : typeInVersion(kind, main, { type: builtInType(kind, strategy), mainType });
  const fieldPaths = fieldPathsOf(kind);
  return {
    kind,
    resource,
    type,
    strategy,
    subresources: new Map((kind.subresources ?? []).map((s) => [s.name, s])),
    representation: main === kind ? asStored : versionOf(kind, main, { type, mainType, objects }),
    fieldPaths,
    storedFields: main === kind ? fieldPaths : fieldPathsOf(main),
    fieldsIndexed: true,
    scale,
    returnsDeleted: returnsDeleted.has(resource),
    itemsAreTyped: false,
    ...deprecation(kind, own),
    unknownField: (label) =>
      badRequest(
        fieldPaths.length > 0
          ? `field label not supported: ${label}`
          : `${JSON.stringify(label)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
      ),
    unknownSubresource: noSuchResource,
  };
}

const byResource = new Map(servedKinds.map((kind) => [groupResource(kind), kind]));

const storedKind = (kind: Kind): Kind => (kind.storedAs && byResource.get(kind.storedAs)) || kind;

/** A decoded object is what it comes to as a stored one: what that fills in, its writer has written. */
function typeInVersion(
  kind: Kind,
  main: Kind,
  { type, mainType }: Record<'type' | 'mainType', ObjectType>,
): ObjectType {
  if ((conversionOf(kind) ?? sameWords) === sameWords) return type;
  return {
    ...type,
    defaults(object, now) {
      const stored = mainType.decode(inVersion(type.defaults(object, now), kind, main)).object;
      return type.decode(inVersion(mainType.defaults(stored, now), main, kind)).object;
    },
  };
}

/** Objects in a version that is not the stored one. */
function versionOf(
  kind: Kind,
  main: Kind,
  { type, mainType, objects }: { type: ObjectType; mainType: ObjectType; objects: ObjectCodec },
): Representation {
  const [served, storage] = [groupVersion(kind), groupVersion(main)];
  const convert = (object: KubeObject, version: string): KubeObject =>
    version === served
      ? inVersion(object, main, kind)
      : mainType.defaults(mainType.decode(inVersion(object, kind, main)).object);
  const conversion = { convert: (list: KubeObject[], version: string) => list.map((one) => convert(one, version)) };
  return new VersionedRepresentation({ objects, conversion, types: new Map([[served, type]]), storage }, served);
}

/** The endpoints of kinds, each in its version. */
export const builtInEndpoints = (objects: ObjectCodec, kinds: readonly Kind[]): Endpoint[] =>
  kinds.map((kind) => endpointOf(kind, objects));
