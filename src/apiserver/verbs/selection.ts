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
  /** Absent: everything matches. */
  matches?: (version: Version) => boolean;
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
  const fieldValue = fieldReader(endpoint, objects);
  selection.matches = (version) =>
    fields.every(({ field, value, negated }) => (fieldValue(version, field) === value) !== negated) &&
    (labels === undefined || labels(version.labels ?? noLabels));
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

/** A version that was stored before the field could be selected by is looked into. */
function fieldReader(endpoint: Endpoint, objects: ObjectCodec): (version: Version, field: string) => string {
  const late = new Map(endpoint.fieldsIndexed ? [] : endpoint.fieldPaths.map((path) => [path.key, path]));
  return (version, field) => {
    if (field === 'metadata.name') return nameOf(version.key);
    if (field === 'metadata.namespace') return namespaceOf(version.key);
    const known = version.fields?.[field];
    const path = known === undefined ? late.get(field) : undefined;
    return known ?? (path ? selectableValue(path, objects.read(version)) : '');
  };
}
