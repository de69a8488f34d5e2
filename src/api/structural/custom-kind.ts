import { createHash } from 'node:crypto';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from '../generated/types.ts';
import type { Column, Kind, Subresource } from '../kind.ts';

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const subresourceVerbs = ['get', 'patch', 'update'];

/** What is known of a custom resource in one version, in the form in which it is known of built-in ones. */
export function customKind(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): Kind {
  const { group, scope } = definition.spec;
  const names = definition.status.acceptedNames as CustomResourceDefinitionNames;
  const { kind, plural } = names;
  const hasStatus = version.subresources?.status !== undefined;
  return {
    group,
    version: version.name,
    kind,
    listKind: names.listKind ?? `${kind}List`,
    resource: plural,
    singular: names.singular ?? '',
    ...(names.shortNames ? { shortNames: names.shortNames } : {}),
    ...(names.categories ? { categories: names.categories } : {}),
    namespaced: scope === 'Namespaced',
    verbs,
    subresources: subresourcesOf(kind, version),
    type: `${group.split('.').reverse().join('.')}.${version.name}.${kind}`,
    statusField: hasStatus,
    statusSubresource: hasStatus,
    specField: true,
    generation: true,
    ...(hasStatus ? { resetFields: ['status'], resetFieldsOther: { status: ['metadata', 'spec'] } } : {}),
    storageVersionHash: storageVersionHash(definition),
    columns: columnsOf(version),
    stability: 'custom',
  };
}

function subresourcesOf(kind: string, { subresources }: CustomResourceDefinitionVersion): Subresource[] {
  const status: Subresource = { name: 'status', kind, verbs: subresourceVerbs };
  const scale: Subresource = {
    name: 'scale',
    kind: 'Scale',
    group: 'autoscaling',
    version: 'v1',
    verbs: subresourceVerbs,
  };
  return [...(subresources?.status ? [status] : []), ...(subresources?.scale ? [scale] : [])];
}

/** The version that is written to disk, told so that clients notice when it changes. */
function storageVersionHash({ spec }: CustomResourceDefinition): string {
  const stored = spec.versions.find((version) => version.storage)?.name ?? '';
  const hash = createHash('sha256').update(`${spec.group}/${stored}/${spec.names.kind}`);
  return hash.digest().subarray(0, 8).toString('base64');
}

const name: Column = { name: 'Name', type: 'string', format: 'name' };

function columnsOf({ additionalPrinterColumns }: CustomResourceDefinitionVersion): Column[] {
  if (!additionalPrinterColumns?.length) return [name, { name: 'Age', type: 'date' }];
  const own = additionalPrinterColumns.map((column) => ({
    name: column.name,
    type: column.type,
    ...(column.format ? { format: column.format } : {}),
    ...(column.priority ? { priority: column.priority } : {}),
    description: column.description || `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
  }));
  return [name, ...own];
}
