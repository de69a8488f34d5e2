import { parseFieldSelector } from '../../api/meta/field-selector.ts';
import { parseLabelSelector } from '../../api/meta/label-selector.ts';
import { nameOf, namespaceOf, type Version } from '../../store/version.ts';
import type { ApiContext } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';
import { type ObjectCodec, selectableValue } from '../object-codec.ts';
import type { ApiRequest } from '../request.ts';

/** What a list or watch asks for, as the store takes it. */
export interface Selection {
  namespace?: string;
  /** Of what is stored. Absent: everything matches. */
  matches?: (version: Version) => boolean;
  /** Of what is served, besides: the fields of custom resources are those of the version that is asked for. */
  matchesServed?: (view: Version) => boolean;
  /** An equality that must hold, to find watchers by. */
  index?: { field: string; value: string };
  /** Selectors hide how many objects there are, so `remainingItemCount` is left out. */
  selective: boolean;
}

const noLabels: Readonly<Record<string, string>> = {};

/** Reads `labelSelector`, `fieldSelector` and the name in the path. */
export function selectionOf({ objects }: Pick<ApiContext, 'objects'>, request: ApiRequest): Selection {
  const { endpoint, namespace, name, query } = request;
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const fields = fieldRequirements(endpoint, fieldText);
  if (name) fields.push({ field: 'metadata.name', value: name, negated: false });
  const labels = labelText ? parseLabelSelector(labelText) : undefined;
  const selection: Selection = { selective: labels !== undefined || fields.length > 0 };
  if (namespace) selection.namespace = namespace;
  if (!selection.selective) return selection;
  const isOfMeta = (field: string) => field === 'metadata.name' || field === 'metadata.namespace';
  const stored = fields.filter(({ field }) => endpoint.fieldsIndexed || isOfMeta(field));
  selection.matches = (version) =>
    stored.every(({ field, value, negated }) => (storedValue(version, field) === value) !== negated) &&
    (labels === undefined || labels(version.labels ?? noLabels));
  const served = fields.filter((requirement) => !stored.includes(requirement));
  if (served.length > 0) selection.matchesServed = servedMatch(endpoint, objects, served);
  const isIndexed = (field: string) =>
    field === 'metadata.name' || (endpoint.fieldsIndexed && field !== 'metadata.namespace');
  const equality = fields.find(({ negated, field }) => !negated && isIndexed(field));
  if (equality) selection.index = { field: equality.field, value: equality.value };
  return selection;
}

interface FieldRequirement {
  field: string;
  value: string;
  negated: boolean;
}

function fieldRequirements(endpoint: Endpoint, text: string): FieldRequirement[] {
  if (!text) return [];
  const requirements = parseFieldSelector(text);
  return requirements.map(({ field, value, negated }) => {
    if (field === 'metadata.name' || field === 'metadata.namespace') return { field, value, negated };
    const known = endpoint.fieldPaths.find(({ label }) => label === field);
    if (!known) throw endpoint.unknownField(field);
    return { field: known.key, value, negated };
  });
}

function storedValue(version: Version, field: string): string {
  if (field === 'metadata.name') return nameOf(version.key);
  if (field === 'metadata.namespace') return namespaceOf(version.key);
  return version.fields?.[field] ?? '';
}

function servedMatch({ fieldPaths }: Endpoint, objects: ObjectCodec, requirements: FieldRequirement[]) {
  const paths = new Map(fieldPaths.map((path) => [path.key, path]));
  return (view: Version): boolean => {
    const object = objects.read(view);
    return requirements.every(({ field, value, negated }) => {
      const path = paths.get(field);
      return ((path ? selectableValue(path, object) : '') === value) !== negated;
    });
  };
}
