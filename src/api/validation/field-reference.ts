import type { ObjectFieldSelector, ResourceFieldSelector } from '../generated/types.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { child, type FieldError, invalidValue, keyFormatted, notSupported, required } from './check.ts';

const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/;

/** A reference to a member of the pod itself. */
export function fieldReference(
  reference: ObjectFieldSelector,
  path: string,
  allowed: { fields: readonly string[]; subscripts: boolean },
): FieldError[] {
  if (!reference.apiVersion) return [required(child(path, 'apiVersion'))];
  const { fieldPath } = reference;
  if (!fieldPath) return [required(child(path, 'fieldPath'))];
  const match = subscript.exec(fieldPath);
  if (match && allowed.subscripts) {
    const key = match[2] as string;
    return keyFormatted(
      child(path, 'fieldPath'),
      match[1]?.endsWith('annotations') ? key.toLowerCase() : key,
      qualifiedName,
    );
  }
  if (allowed.fields.includes(fieldPath)) return [];
  return [notSupported(child(path, 'fieldPath'), fieldPath, allowed.fields)];
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

/** A reference to a container's own limit or request. */
export function resourceReference(reference: ResourceFieldSelector, path: string): FieldError[] {
  const { resource, divisor } = reference;
  if (!resource) return [required(child(path, 'resource'))];
  if (!resources.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource))
    return [notSupported(child(path, 'resource'), resource, resources)];
  if (!divisor || parseQuantity(divisor).nanos === 0n) return [];
  const allowed = resource.endsWith('.cpu') ? cpuDivisors : otherDivisors;
  if (allowed.includes(divisor)) return [];
  const kind = resource.split('.')[1] ?? '';
  const shown = kind === 'cpu' ? '1m and 1' : '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei';
  return [
    invalidValue(
      child(path, 'divisor'),
      divisor,
      `only divisor's values ${shown} are supported with the ${kind} resource`,
    ),
  ];
}
