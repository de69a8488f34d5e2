import type { ConfigMap, EnvVar, FileKeySelector, Pod, Secret, Service } from '../../api/generated/types.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';
import { ConfigError } from './config-error.ts';
import { variableIn } from './env-file.ts';
import { expand } from './expansion.ts';
import { type FieldContext, fieldValue, resourceValue } from './field-ref.ts';
import { serviceEnv, visibleServices } from './service-env.ts';

/** Where env gets objects from; undefined when there is none of that name. */
export interface ReferencedObjects {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}

/** Files that init containers have left in a volume of the pod. */
export interface EnvFiles {
  /** Where the volume is on this machine; undefined: the pod has none of the name here. */
  volumePath(podUid: string, volumeName: string): string | undefined;
  /** The text; undefined when there is no such file. Rejects for what cannot be read, or not within the volume. */
  read(volumePath: string, path: string): Promise<string | undefined>;
}

export interface EnvSources extends FieldContext {
  objects: ReferencedObjects;
  files: EnvFiles;
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
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom ?? {};
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
  if (fileKeyRef) return fileValue(pod, fileKeyRef, sources.files);
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

/**
 * A variable of a file in a volume (KEP-3721). One without a value counts as missing, as in Kubernetes. What is wrong with a file
 * is for the node's log: the pod's status is read by more people than may know what its volumes have.
 */
async function fileValue(
  pod: Pod,
  { volumeName, path, key, optional }: FileKeySelector,
  files: EnvFiles,
): Promise<string | undefined> {
  const volumePath = files.volumePath(pod.metadata.uid ?? '', volumeName);
  if (volumePath === undefined)
    throw new ConfigError(`cannot find the volume ${JSON.stringify(volumeName)} referenced by FileKeyRef`);
  let value: string | undefined;
  try {
    const text = await files.read(volumePath, path);
    if (text === undefined && !optional) throw new Error(`${path} is not there`);
    value = text && variableIn(text, key);
  } catch (cause) {
    throw new ConfigError("couldn't parse env file", undefined, { cause });
  }
  if (value) return value;
  if (optional) return undefined;
  const file = JSON.stringify(`${volumePath}/${path}`);
  throw new ConfigError(`environment variable key ${JSON.stringify(key)} not found in file ${file}`);
}
