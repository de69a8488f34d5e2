import type { ConfigMap, EnvVar, Pod, Secret, Service } from '../../api/generated/types.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';
import { ConfigError } from './config-error.ts';
import { expand } from './expansion.ts';
import { type FieldContext, fieldValue, resourceValue } from './field-ref.ts';
import { serviceEnv, visibleServices } from './service-env.ts';

/** Where env gets objects from; undefined when there is none of that name. */
export interface ReferencedObjects {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}

export interface EnvSources extends FieldContext {
  objects: ReferencedObjects;
  services: readonly Service[];
}

const isVariableName = (name: string): boolean => name !== '' && !name.includes('=') && /^[\x20-\x7e]+$/.test(name);

/**
 * The container's environment: service variables, then envFrom, then env; later ones win, `$(NAME)` sees all before.
 * Throws `ConfigError` in the kubelet's words when something referenced is missing and not optional.
 */
export async function containerEnv(
  pod: Pod,
  container: AnyContainer,
  sources: EnvSources,
): Promise<Map<string, string>> {
  const namespace = pod.metadata.namespace ?? '';
  const links = serviceEnv(visibleServices(sources.services, namespace, pod.spec.enableServiceLinks ?? true));
  const env = new Map<string, string>();
  for (const from of container.envFrom ?? []) {
    const data = from.configMapRef
      ? await configMapData(sources, namespace, from.configMapRef)
      : await secretData(sources, namespace, from.secretRef ?? {});
    for (const [key, value] of Object.entries(data)) {
      const name = `${from.prefix ?? ''}${key}`;
      if (isVariableName(name)) env.set(name, value);
    }
  }
  for (const variable of container.env ?? []) {
    const known = new Map([...links, ...env]);
    const value = await valueOf(pod, container, { variable, known, sources });
    if (value !== undefined) env.set(variable.name, value);
  }
  return new Map([...links, ...env]);
}

interface ValueInput {
  variable: EnvVar;
  known: ReadonlyMap<string, string>;
  sources: EnvSources;
}

async function valueOf(pod: Pod, container: AnyContainer, input: ValueInput): Promise<string | undefined> {
  const { variable, known, sources } = input;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = variable.valueFrom ?? {};
  const namespace = pod.metadata.namespace ?? '';
  if (fieldRef) return fieldValue(pod, fieldRef.fieldPath, sources);
  if (resourceFieldRef) return resourceValue(pod, resourceFieldRef, sources, container.name);
  if (configMapKeyRef) {
    const data = await configMapData(sources, namespace, configMapKeyRef);
    return picked(data, configMapKeyRef, `ConfigMap ${namespace}/${configMapKeyRef.name}`);
  }
  if (secretKeyRef) {
    const data = await secretData(sources, namespace, secretKeyRef);
    return picked(data, secretKeyRef, `Secret ${namespace}/${secretKeyRef.name}`);
  }
  if (variable.valueFrom) throw new ConfigError(`unsupported source of variable ${variable.name}`);
  return expand(variable.value ?? '', known);
}

function picked(
  data: Record<string, string>,
  ref: { key: string; optional?: boolean },
  where: string,
): string | undefined {
  const value = data[ref.key];
  if (value === undefined && !ref.optional) throw new ConfigError(`couldn't find key ${ref.key} in ${where}`);
  return value;
}

type Ref = { name?: string; optional?: boolean };

async function configMapData({ objects }: EnvSources, namespace: string, ref: Ref): Promise<Record<string, string>> {
  const found = await objects.configMap(namespace, ref.name ?? '');
  if (found) return found.data ?? {};
  if (ref.optional) return {};
  throw new ConfigError(`configmap "${ref.name}" not found`);
}

async function secretData({ objects }: EnvSources, namespace: string, ref: Ref): Promise<Record<string, string>> {
  const found = await objects.secret(namespace, ref.name ?? '');
  if (!found && !ref.optional) throw new ConfigError(`secret "${ref.name}" not found`);
  const entries = Object.entries(found?.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}
