import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceSubresources,
} from '../generated/types.ts';
import { forbidden, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { dns1035Label, dns1123Subdomain } from '../meta/name-format.ts';
import type { FieldError } from '../meta/status-error.ts';
import { immutable } from '../validation/check.ts';
import { validateWebhookClient } from '../validation/webhook-client.ts';
import { locate } from './locations.ts';
import { validateSchemaOf } from './schema-rules.ts';
import { validateSelectableFields } from './selectable-fields.ts';

/** The rules of a CustomResourceDefinition, in Kubernetes' order and words. */
export function validateDefinition(definition: CustomResourceDefinition): FieldError[] {
  const { metadata } = definition;
  const spec = { ...definition.spec, versions: definition.spec.versions ?? [] };
  const name = `${spec.names?.plural ?? ''}.${spec.group}`;
  const misnamed =
    metadata.name === name
      ? []
      : [invalidValue('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group')];
  return [
    ...misnamed,
    ...validateSpec(spec),
    ...validateDefinitionStatus(definition),
    ...validateApproval(definition),
    ...(spec.preserveUnknownFields ? preserving(spec) : []),
  ];
}

function preserving({ conversion }: CustomResourceDefinition['spec']): FieldError[] {
  const text =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  const { strategy = 'None' } = conversion ?? {};
  const only = 'must be None if spec.preserveUnknownFields is true';
  return [
    invalidValue('spec.preserveUnknownFields', true, text),
    ...(strategy === 'None' ? [] : [invalidValue('spec.conversion.strategy', strategy, only)]),
  ];
}

/** Also the status follows rules: it is what the server relies on. */
export const validateDefinitionStatus = (definition: CustomResourceDefinition): FieldError[] => [
  ...validateNames(definition.status.acceptedNames, 'status.acceptedNames'),
  ...validateStoredVersions(definition),
];

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: Readonly<CustomResourceDefinition>,
): FieldError[] {
  const { spec } = definition;
  const established = old.status.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  return [
    ...(established
      ? [
          ...immutable('spec.scope', spec.scope, old.spec.scope),
          ...immutable('spec.names.kind', spec.names.kind, old.spec.names.kind),
        ]
      : []),
    ...immutable('spec.group', spec.group, old.spec.group),
    ...immutable('spec.names.plural', spec.names.plural, old.spec.names.plural),
  ];
}

function validateSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  return [
    ...validateGroup(spec.group),
    ...closedSet('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
    ...validateVersions(spec),
    ...(['plural', 'singular', 'kind', 'listKind'] as const).flatMap((member) =>
      spec.names?.[member] ? [] : [required(`spec.names.${member}`)],
    ),
    ...validateNames(spec.names, 'spec.names'),
    ...locate(spec, 'schema').flatMap((part) => validateSchemaOf(spec, part)),
    ...locate(spec, 'subresources').flatMap(({ value, path }) => validateSubresources(value, path)),
    ...locate(spec, 'additionalPrinterColumns').flatMap(({ value, path }) =>
      value.flatMap((column, i) => validateColumn(column, `${path}[${i}]`)),
    ),
    ...locate(spec, 'selectableFields').flatMap((part) => validateSelectableFields(spec, part)),
    ...validateConversion(spec.conversion, 'spec.conversion'),
  ];
}

function validateGroup(group: string): FieldError[] {
  if (!group) return [required('spec.group')];
  const wrong = dns1123Subdomain(group);
  if (wrong.length > 0) return [invalidValue('spec.group', group, wrong.join(','))];
  return group.includes('.') ? [] : [invalidValue('spec.group', group, 'should be a domain with at least one dot')];
}

const closedSet = (path: string, value: string | undefined, allowed: string[]): FieldError[] =>
  !value ? [required(path)] : allowed.includes(value) ? [] : [notSupported(path, value, allowed)];

function validateVersions(spec: CustomResourceDefinitionSpec): FieldError[] {
  const { versions } = spec;
  const errors = versions.flatMap((version, i) =>
    version.schema?.openAPIV3Schema
      ? []
      : [required(`spec.versions[${i}].schema.openAPIV3Schema`, 'schemas are required')],
  );
  versions.forEach((version, i) => {
    const wrong = dns1035Label(version.name);
    if (wrong.length > 0) errors.push(invalidValue(`spec.versions[${i}].name`, version.name, wrong.join(',')));
    const path = `spec.versions[${i}].deprecationWarning`;
    if (version.deprecationWarning === undefined) return;
    if (!version.deprecated)
      errors.push(invalidValue(path, version.deprecationWarning, 'can only be set for deprecated versions'));
    else errors.push(...validateDeprecationWarning(version.deprecationWarning, path));
  });
  if (new Set(versions.map((version) => version.name)).size < versions.length)
    errors.push(invalidValue('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter((version) => version.storage).length !== 1)
    errors.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  const [first] = versions;
  const wrong = first ? dns1035Label(first.name) : [];
  // The first version is kept in a place of its own, too.
  if (first && wrong.length > 0) errors.push(invalidValue('spec.version', first.name, wrong.join(',')));
  return errors;
}

function validateDeprecationWarning(text: string, path: string): FieldError[] {
  const bytes = Buffer.byteLength(text);
  if (bytes === 0) return [invalidValue(path, text, 'must not be an empty string')];
  if (bytes > 256)
    return [{ type: 'FieldValueTooLong', field: path, message: 'Too long: may not be more than 256 bytes' }];
  const unprintable = [...text].findIndex((c) => /[\p{C}]/u.test(c));
  return unprintable < 0
    ? []
    : [
        invalidValue(
          path,
          text,
          `must only contain printable UTF-8 characters; non-printable character found at index ${unprintable}`,
        ),
      ];
}

function validateNames(names: CustomResourceDefinitionNames | undefined, path: string): FieldError[] {
  if (!names) return [];
  const label = (member: string, value: string | undefined): FieldError[] => {
    const wrong = value ? dns1035Label(value) : [];
    return wrong.length > 0 ? [invalidValue(`${path}.${member}`, value, wrong.join(','))] : [];
  };
  const kind = (member: 'kind' | 'listKind'): FieldError[] => {
    const value = names[member];
    const wrong = value ? dns1035Label(value.toLowerCase()) : [];
    const text = `may have mixed case, but should otherwise match: ${wrong.join(',')}`;
    return wrong.length > 0 ? [invalidValue(`${path}.${member}`, value, text)] : [];
  };
  return [
    ...label('plural', names.plural),
    ...label('singular', names.singular),
    ...kind('kind'),
    ...kind('listKind'),
    ...(names.shortNames ?? []).flatMap((value, i) => label(`shortNames[${i}]`, value)),
    ...(names.kind && names.kind === names.listKind
      ? [invalidValue(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same')]
      : []),
    ...(names.categories ?? []).flatMap((value, i) => label(`categories[${i}]`, value)),
  ];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const path = 'status.storedVersions';
  const stored = status.storedVersions ?? [];
  const known = new Set((spec.versions ?? []).map((version) => version.name));
  const storage = (spec.versions ?? []).find((version) => version.storage);
  return [
    ...(stored.length === 0 ? [invalidValue(path, null, 'must have at least one stored version')] : []),
    ...(storage && stored.length > 0 && !stored.includes(storage.name)
      ? [invalidValue(path, stored, `must have the storage version ${storage.name}`)]
      : []),
    ...stored.flatMap((name, i) =>
      known.has(name) ? [] : [invalidValue(`${path}[${i}]`, name, 'must appear in spec.versions')],
    ),
  ];
}

const approval = 'api-approved.kubernetes.io';
const enhancement = 'https://github.com/kubernetes/enhancements/pull/1111';

/** Groups of the Kubernetes community are not for everybody. */
function validateApproval({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group)) return [];
  const path = `metadata.annotations[${approval}]`;
  const value = metadata.annotations?.[approval];
  const must = `protected groups must have approval annotation "${approval}"`;
  if (!value) return [required(path, `${must}, see ${enhancement}`)];
  if (value.startsWith('unapproved') || (URL.canParse(value) && new URL(value).host !== '')) return [];
  return [
    invalidValue(path, value, `${must} with either a URL or a reason starting with "unapproved", see ${enhancement}`),
  ];
}

/** The start of a path into an object, as scale and columns have it. */
export function simplePath(path: string, at: string): FieldError[] {
  if (path === '') return [invalidValue(at, path, 'must not be empty')];
  return path.startsWith('.') ? [] : [invalidValue(at, path, 'must be a simple json path starting with .')];
}

function validateSubresources({ scale }: CustomResourceSubresources, path: string): FieldError[] {
  if (!scale) return [];
  const under = (member: keyof typeof scale, roots: string[], text: string): FieldError[] => {
    const value = scale[member];
    const at = `${path}.scale.${member}`;
    if (!value) return member === 'labelSelectorPath' ? [] : [required(at)];
    const wrong = simplePath(value, at);
    if (wrong.length > 0 || roots.some((root) => value.startsWith(root))) return wrong;
    return [invalidValue(at, value, `should be a json path under ${text}`)];
  };
  return [
    ...under('specReplicasPath', ['.spec.'], '.spec'),
    ...under('statusReplicasPath', ['.status.'], '.status'),
    ...under('labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status'),
  ];
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function validateColumn({ name, type, format, jsonPath }: CustomResourceColumnDefinition, path: string): FieldError[] {
  const oneOf = (allowed: string[]): string => `must be one of ${allowed.join(',')}`;
  return [
    ...(name ? [] : [required(`${path}.name`)]),
    ...(!type
      ? [required(`${path}.type`, oneOf(columnTypes))]
      : columnTypes.includes(type)
        ? []
        : [invalidValue(`${path}.type`, type, oneOf(columnTypes))]),
    ...(format && !columnFormats.includes(format)
      ? [invalidValue(`${path}.format`, format, oneOf(columnFormats))]
      : []),
    ...(jsonPath ? simplePath(jsonPath, `${path}.JSONPath`) : [required(`${path}.JSONPath`)]),
  ];
}

function validateConversion(conversion: CustomResourceConversion | undefined, path: string): FieldError[] {
  if (!conversion) return [];
  const errors = closedSet(`${path}.strategy`, conversion.strategy, ['None', 'Webhook']);
  const { webhook } = conversion;
  if (conversion.strategy !== 'Webhook') {
    const text = 'should not be set when strategy is not set to Webhook';
    if (webhook?.clientConfig) errors.push(forbidden(`${path}.webhookClientConfig`, text));
    if (webhook?.conversionReviewVersions?.length) errors.push(forbidden(`${path}.conversionReviewVersions`, text));
    return errors;
  }
  const at = `${path}.webhookClientConfig`;
  if (webhook?.clientConfig) errors.push(...validateWebhookClient(webhook.clientConfig, at));
  else errors.push(required(at, 'required when strategy is set to Webhook'));
  return [...errors, ...validateReviewVersions(webhook?.conversionReviewVersions ?? [], path)];
}

function validateReviewVersions(versions: string[], path: string): FieldError[] {
  const at = `${path}.conversionReviewVersions`;
  if (versions.length === 0) return [required(at)];
  const errors = versions.flatMap((version, i) => {
    const wrong = dns1035Label(version);
    const again = versions.indexOf(version) < i;
    return [
      ...(again ? [invalidValue(`${at}[${i}]`, version, 'duplicate version')] : []),
      ...(wrong.length > 0 ? [invalidValue(`${at}[${i}]`, version, wrong.join(','))] : []),
    ];
  });
  if (errors.length > 0 || versions.some((version) => version === 'v1' || version === 'v1beta1')) return errors;
  return [invalidValue(at, versions, 'must include at least one of v1, v1beta1')];
}
