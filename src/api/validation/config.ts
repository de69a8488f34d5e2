import type { ConfigMap, Secret } from '../generated/types.ts';
import { configMapKey } from '../meta/name-format.ts';
import {
  child,
  type FieldError,
  forbidden,
  immutable,
  invalidValue,
  keyed,
  keyFormatted,
  required,
  same,
  tooLong,
} from './check.ts';

const maxBytes = 1_048_576;
/** Null is what nothing decodes to, under a key that is there. */
const decodedBytes = (base64: string | null): number => Buffer.byteLength(base64 ?? '', 'base64');

export function validateConfigMap({ data, binaryData }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data ?? {})) {
    errors.push(...keyFormatted(keyed('data', key), key, configMapKey));
    if (Object.hasOwn(binaryData ?? {}, key))
      errors.push(invalidValue(keyed('data', key), key, 'duplicate of key present in binaryData'));
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData ?? {})) {
    errors.push(...keyFormatted(keyed('binaryData', key), key, configMapKey));
    bytes += decodedBytes(value);
  }
  if (bytes > maxBytes) errors.push(tooLong('[]', maxBytes));
  return errors;
}

const sealed = (path: string): FieldError => forbidden(path, 'field is immutable when `immutable` is set');

/** Once immutable, always so, and with it the data. */
function sealedUpdate<T extends { immutable?: boolean }>(
  object: T,
  old: Readonly<T>,
  members: (keyof T & string)[],
): FieldError[] {
  if (!old.immutable) return [];
  const errors = object.immutable ? [] : [sealed('immutable')];
  for (const member of members) if (!same(object[member], old[member])) errors.push(sealed(member));
  return errors;
}

export const validateConfigMapUpdate = (object: ConfigMap, old: Readonly<ConfigMap>): FieldError[] =>
  sealedUpdate(object, old, ['data', 'binaryData']);

export function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    errors.push(...keyFormatted(keyed('data', key), key, configMapKey));
    bytes += decodedBytes(value);
  }
  if (bytes > maxBytes) errors.push(tooLong('data', maxBytes));
  return [...errors, ...(secretTypes.get(secret.type ?? '')?.(secret) ?? [])];
}

const has = (secret: Secret, key: string): boolean => Object.hasOwn(secret.data ?? {}, key);
const needs = (secret: Secret, ...keys: string[]): FieldError[] =>
  keys.filter((key) => !has(secret, key)).map((key) => required(keyed('data', key)));

/** What each of the known types of secrets must contain. */
const secretTypes = new Map<string, (secret: Secret) => FieldError[]>(
  Object.entries({
    'kubernetes.io/service-account-token': ({ metadata }: Secret) => {
      const name = 'kubernetes.io/service-account.name';
      return metadata.annotations?.[name] ? [] : [required(keyed(child('metadata', 'annotations'), name))];
    },
    'kubernetes.io/dockercfg': (secret: Secret) => dockerConfig(secret, '.dockercfg'),
    'kubernetes.io/dockerconfigjson': (secret: Secret) => dockerConfig(secret, '.dockerconfigjson'),
    'kubernetes.io/basic-auth': (secret: Secret) =>
      has(secret, 'username') || has(secret, 'password') ? [] : needs(secret, 'username', 'password'),
    'kubernetes.io/ssh-auth': (secret: Secret) =>
      secret.data?.['ssh-privatekey'] ? [] : [required(keyed('data', 'ssh-privatekey'))],
    'kubernetes.io/tls': (secret: Secret) => needs(secret, 'tls.crt', 'tls.key'),
  }),
);

function dockerConfig(secret: Secret, key: string): FieldError[] {
  if (!has(secret, key)) return [required(keyed('data', key))];
  const encoded = secret.data?.[key] ?? '';
  const problem = jsonProblem(Buffer.from(encoded, 'base64').toString('utf8'));
  return problem ? [invalidValue(keyed('data', key), '<secret contents redacted>', problem)] : [];
}

function jsonProblem(text: string): string | undefined {
  const first = text.trimStart()[0];
  if (first === undefined) return 'unexpected end of JSON input';
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object') return undefined;
    return `json: cannot unmarshal ${typeof value} into Go value of type map[string]interface {}`;
  } catch {
    return /[{["\dtfn-]/.test(first)
      ? 'invalid character in JSON'
      : `invalid character '${first}' looking for beginning of value`;
  }
}

export const validateSecretUpdate = (secret: Secret, old: Readonly<Secret>): FieldError[] => [
  ...immutable('type', secret.type, old.type),
  ...sealedUpdate(secret, old, ['data']),
];
