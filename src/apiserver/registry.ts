import { servedKinds } from '../api/generated/kinds.ts';
import type { Kind, Subresource } from '../api/kind.ts';
import { strategies } from '../api/kinds.ts';
import { groupResource } from '../api/resource.ts';
import type { Codec } from '../api/schema/codec.ts';
import { schema } from '../api/schema/schema.ts';
import type { Strategy } from '../api/strategy.ts';
import { validationRules } from '../api/validation/rules.ts';

export interface FieldPath {
  label: string;
  path: string[];
  boolean: boolean;
}

/** Everything the verbs need to know of a served resource. */
export interface Endpoint {
  kind: Kind;
  /** `pods`, `deployments.apps`: its name in the store, in RBAC and in errors. */
  resource: string;
  codec: Codec;
  strategy: Strategy;
  subresources: Map<string, Subresource>;
  /** What `fieldSelector` may ask for, besides name and namespace. */
  fieldPaths: FieldPath[];
  /** `true`: answers deletions with the deleted object instead of a Status. */
  returnsDeleted: boolean;
}

/** Resources that are asked, not stored: their handlers are in `verbs/review.ts` and `verbs/binding.ts`. */
const unstored = new Set([
  'bindings',
  'componentstatuses',
  'selfsubjectreviews.authentication.k8s.io',
  'tokenreviews.authentication.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
]);

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

function endpointOf(kind: Kind): Endpoint {
  const resource = groupResource(kind);
  return {
    kind,
    resource,
    codec: schema.codecFor(kind.type),
    strategy: { ...strategies[resource], ...validationRules[resource] },
    subresources: new Map((kind.subresources ?? []).map((s) => [s.name, s])),
    fieldPaths: (kind.fieldLabels ?? []).flatMap((entry) => fieldPath(entry) ?? []),
    returnsDeleted: returnsDeleted.has(resource),
  };
}

/** The served resources by group, version and name. */
export class Registry {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #versions = new Set<string>();

  constructor(kinds: Kind[] = servedKinds) {
    for (const kind of kinds) {
      this.#endpoints.set(`${kind.group}/${kind.version}/${kind.resource}`, endpointOf(kind));
      this.#versions.add(`${kind.group}/${kind.version}`);
    }
  }

  find(group: string, version: string, resource: string): Endpoint | undefined {
    return this.#endpoints.get(`${group}/${version}/${resource}`);
  }

  servesVersion(group: string, version: string): boolean {
    return this.#versions.has(`${group}/${version}`);
  }

  all(): Iterable<Endpoint> {
    return this.#endpoints.values();
  }
}

export const isStored = (endpoint: Endpoint): boolean => !unstored.has(endpoint.resource);
