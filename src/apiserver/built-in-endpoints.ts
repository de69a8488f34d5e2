import { builtInType } from '../api/built-in-type.ts';
import { servedKinds } from '../api/generated/kinds.ts';
import type { LabelSelector } from '../api/generated/types.ts';
import type { Kind } from '../api/kind.ts';
import { strategies } from '../api/kinds.ts';
import { formatLabelSelector } from '../api/meta/label-selector.ts';
import { badRequest, StatusError } from '../api/meta/status-error.ts';
import { groupResource, groupVersion, type KubeObject } from '../api/resource.ts';
import type { Strategy } from '../api/strategy.ts';
import { validationRules } from '../api/validation/rules.ts';
import type { Endpoint, FieldPath, ScaleFields } from './endpoint.ts';
import { asStored } from './representation.ts';

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
const movedFields: Record<string, string> = { source: 'source.component', reportingController: 'reportingController' };

/** `label` or `label=other`: an alias. The stored field of `regarding.*` (events.k8s.io) keeps its own name. */
function fieldPath(entry: string): FieldPath | undefined {
  const [label = '', alias = label] = entry.split('=');
  if (label === 'metadata.name' || label === 'metadata.namespace') return undefined;
  const path = movedFields[label] ?? (label.startsWith('regarding.') ? label : alias);
  return { label, path: path.split('.'), boolean: booleanFields.has(label) };
}

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

/** What every request for a deprecated kind is told. */
function deprecation(kind: Kind, { deprecated }: Strategy): { warning?: string } {
  if (!deprecated) return {};
  const instead = deprecated.replacement ? `; use ${deprecated.replacement}` : '';
  return { warning: `${groupVersion(kind)} ${kind.kind} is deprecated in v${deprecated.since}+${instead}` };
}

/** The endpoint of a kind that the fact tables have. */
function endpointOf(kind: Kind): Endpoint {
  const resource = groupResource(kind);
  const strategy = { ...strategies[resource], ...validationRules[resource] };
  const fieldPaths = (kind.fieldLabels ?? []).flatMap((entry) => fieldPath(entry) ?? []);
  return {
    kind,
    resource,
    type: builtInType(kind, strategy),
    strategy,
    subresources: new Map((kind.subresources ?? []).map((s) => [s.name, s])),
    representation: asStored,
    fieldPaths,
    fieldsIndexed: true,
    scale,
    returnsDeleted: returnsDeleted.has(resource),
    itemsAreTyped: false,
    ...deprecation(kind, strategy),
    unknownField: (label) =>
      badRequest(
        fieldPaths.length > 0
          ? `field label not supported: ${label}`
          : `${JSON.stringify(label)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
      ),
    unknownSubresource: noSuchResource,
  };
}

export const builtInEndpoints = (): Endpoint[] => servedKinds.map(endpointOf);
