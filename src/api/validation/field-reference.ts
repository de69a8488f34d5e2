import type { ObjectFieldSelector, ResourceFieldSelector } from '../generated/types.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { child, type FieldError, invalidValue, keyFormatted, notSupported, required } from './check.ts';

const subscript = /^(.*)\['(.*)'\]$/;

/** Members that references may name at all; which of them are allowed depends on the place. */
const known = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.host',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.phase',
  'status.podIP',
  'status.podIPs',
]);

/** Why a path names nothing. */
function unknownField(version: string, fieldPath: string, base: string | undefined): string | undefined {
  if (version !== 'v1') return `unsupported pod version: ${version}`;
  if (base === undefined) return known.has(fieldPath) ? undefined : `field label not supported: ${fieldPath}`;
  return base === 'metadata.annotations' || base === 'metadata.labels'
    ? undefined
    : `field label does not support subscript: ${fieldPath}`;
}

/** A reference to a member of the pod itself. */
export function fieldReference(
  reference: ObjectFieldSelector,
  path: string,
  allowed: { fields: readonly string[]; subscripts: boolean },
): FieldError[] {
  const { apiVersion, fieldPath } = reference;
  if (!apiVersion) return [required(child(path, 'apiVersion'))];
  const at = child(path, 'fieldPath');
  if (!fieldPath) return [required(at)];
  const [, base, key = ''] = subscript.exec(fieldPath) ?? [];
  const unknown = unknownField(apiVersion, fieldPath, base);
  if (unknown) return [invalidValue(at, fieldPath, `error converting fieldPath: ${unknown}`)];
  if (base && allowed.subscripts)
    return keyFormatted(path, base.endsWith('annotations') ? key.toLowerCase() : key, qualifiedName);
  return allowed.fields.includes(fieldPath) ? [] : [notSupported(at, fieldPath, allowed.fields)];
}

const resources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const cpuDivisors = ['1m', '1'];
const otherDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** How messages name the resource of a divisor. */
const shownResource: Record<string, string> = { 'ephemeral-storage': 'local ephemeral storage' };

/** A reference to a container's limit or request: its own, or that of a container that must be named. */
export function resourceReference(
  reference: ResourceFieldSelector,
  path: string,
  whose: 'own' | 'of a named container' = 'own',
): FieldError[] {
  const { resource, divisor, containerName } = reference;
  const errors: FieldError[] = [];
  if (whose !== 'own' && !containerName) errors.push(required(child(path, 'containerName')));
  else if (!resource) errors.push(required(child(path, 'resource')));
  else if (!resources.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource))
    errors.push(notSupported(child(path, 'resource'), resource, resources));
  return [...errors, ...divisorOf(resource ?? '', divisor, child(path, 'divisor'))];
}

function divisorOf(resource: string, divisor: string | undefined, path: string): FieldError[] {
  if (!divisor || parseQuantity(divisor).nanos === 0n) return [];
  const name = /^(?:limits|requests)\.(cpu|memory|ephemeral-storage|hugepages)/.exec(resource)?.[1];
  if (!name) return [];
  const allowed = name === 'cpu' ? cpuDivisors : otherDivisors;
  if (allowed.includes(divisor)) return [];
  const values = name === 'cpu' ? '1m and 1' : otherDivisors.join(', ');
  const text = `only divisor's values ${values} are supported with the ${shownResource[name] ?? name} resource`;
  return [invalidValue(path, resource, text)];
}
