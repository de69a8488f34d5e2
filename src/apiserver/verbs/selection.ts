import { parseFieldSelector } from '../../api/meta/field-selector.ts';
import { parseLabelSelector } from '../../api/meta/label-selector.ts';
import { badRequest } from '../../api/meta/status-error.ts';
import { nameOf, namespaceOf, type Version } from '../../store/version.ts';
import type { Endpoint } from '../registry.ts';
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
export function selectionOf(request: ApiRequest): Selection {
  const { endpoint, namespace, name, query } = request;
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const fields = fieldRequirements(endpoint, fieldText);
  if (name) fields.push({ field: 'metadata.name', value: name, negated: false });
  const labels = labelText ? parseLabelSelector(labelText) : undefined;
  const selection: Selection = { selective: labels !== undefined || fields.length > 0 };
  if (namespace) selection.namespace = namespace;
  if (!selection.selective) return selection;
  selection.matches = (version) =>
    fields.every(({ field, value, negated }) => (fieldValue(version, field) === value) !== negated) &&
    (labels === undefined || labels(version.labels ?? noLabels));
  const equality = fields.find(({ negated, field }) => !negated && field !== 'metadata.namespace');
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
  for (const { field } of requirements) {
    const known =
      field === 'metadata.name' ||
      field === 'metadata.namespace' ||
      endpoint.fieldPaths.some(({ label }) => label === field);
    if (known) continue;
    throw badRequest(
      endpoint.fieldPaths.length > 0
        ? `field label not supported: ${field}`
        : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
  return requirements.map(({ field, value, negated }) => ({ field, value, negated }));
}

function fieldValue(version: Version, field: string): string {
  if (field === 'metadata.name') return nameOf(version.key);
  if (field === 'metadata.namespace') return namespaceOf(version.key);
  return version.fields?.[field] ?? '';
}
