import type { CustomResourceSubresourceScale } from '../generated/types.ts';
import { invalidValue } from '../meta/field-error.ts';
import { goText, isJsonObject, type JsonObject, ownMember, setMember } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import type { KubeObject } from '../resource.ts';

/** `.spec.replicas` → its members. */
export const pathSteps = (path: string): string[] => path.split('.').filter((step) => step !== '');

function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const step of pathSteps(path)) value = isJsonObject(value) ? ownMember(value, step) : undefined;
  return value;
}

const numberAt = (object: unknown, path: string): number => {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : 0;
};

/** What the `scale` subresource of a custom resource shows and changes. */
export const customScale = (scale: CustomResourceSubresourceScale | undefined) => ({
  replicas: (object: KubeObject) => numberAt(object, scale?.specReplicasPath ?? ''),
  statusReplicas: (object: KubeObject) => numberAt(object, scale?.statusReplicasPath ?? ''),
  selector: (object: KubeObject) => {
    const value = scale?.labelSelectorPath ? valueAt(object, scale.labelSelectorPath) : undefined;
    return typeof value === 'string' ? value : '';
  },
  setReplicas(object: KubeObject, replicas: number) {
    const steps = pathSteps(scale?.specReplicasPath ?? '');
    let target = object as unknown as JsonObject;
    for (const step of steps.slice(0, -1)) {
      const next = ownMember(target, step);
      if (!isJsonObject(next)) setMember(target, step, {});
      target = ownMember(target, step) as JsonObject;
    }
    setMember(target, steps.at(-1) ?? 'replicas', replicas);
  },
});

const maxReplicas = 2 ** 31 - 1;

/** The values that `scale` shows are numbers of replicas, wherever they are kept. */
export function validateScale(scale: CustomResourceSubresourceScale | undefined, object: unknown): FieldError[] {
  if (!scale) return [];
  return [...replicas(scale.specReplicasPath, object), ...replicas(scale.statusReplicasPath, object)];
}

function replicas(path: string, object: unknown): FieldError[] {
  let value = object;
  for (const step of pathSteps(path)) {
    if (value === undefined) return [];
    if (!isJsonObject(value)) return [accessor(path, value, 'map[string]interface{}')];
    value = ownMember(value, step);
  }
  if (value === undefined) return [];
  if (typeof value !== 'number' || !Number.isInteger(value)) return [accessor(path, value, 'int64')];
  if (value < 0) return [invalidValue(path, value, 'should be a non-negative integer')];
  if (value > maxReplicas) return [invalidValue(path, value, `should be less than or equal to ${maxReplicas}`)];
  return [];
}

function accessor(path: string, value: unknown, expected: string): FieldError {
  const text = `${path} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${expected}`;
  return invalidValue(path, 0, text);
}

function goType(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'map[string]interface {}';
}
