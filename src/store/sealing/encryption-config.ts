import { parse } from 'yaml';
import { durationMs } from '../../base/duration.ts';
import type { KmsConfig } from './kms/kms-provider.ts';
import { aesCbc, aesGcm, identity, type Provider, secretbox } from './providers.ts';
import { secretboxKeyBytes } from './secretbox.ts';

/** How objects of some resources are kept: the first provider seals, all of them open. */
export interface SealingRule {
  /** `secrets`, `widgets.example.com`, `*.apps`, `*.` (the core group's), `*.*`. */
  resources: string[];
  providers: Provider[];
}

interface KeyList {
  keys?: { name?: string; secret?: string }[];
}
interface WrittenKms {
  apiVersion?: string;
  name?: string;
  endpoint?: string;
  timeout?: string;
  cachesize?: number;
}
type ProviderConfig = Partial<Record<string, (KeyList & WrittenKms) | null>>;

/** Makes a provider that asks a plugin. */
export type MakeKms = (config: KmsConfig) => Provider;

const keyed: Record<string, { make: (name: string, key: Buffer) => Provider; sizes: number[] }> = {
  aescbc: { make: aesCbc, sizes: [16, 24, 32] },
  aesgcm: { make: aesGcm, sizes: [16, 24, 32] },
  secretbox: { make: secretbox, sizes: [secretboxKeyBytes] },
};

/** Reads apiserver.config.k8s.io/v1 EncryptionConfiguration. Throws an Error that says what is wrong with it. */
export function parseEncryptionConfig(text: string, makeKms?: MakeKms): SealingRule[] {
  const config = parse(text) as {
    apiVersion?: string;
    kind?: string;
    resources?: { resources?: string[]; providers?: ProviderConfig[] }[];
  } | null;
  if (config?.apiVersion !== 'apiserver.config.k8s.io/v1' || config.kind !== 'EncryptionConfiguration')
    throw new Error('it is no EncryptionConfiguration of apiserver.config.k8s.io/v1');
  if (!config.resources?.length) throw new Error('resources: Required value: at least one resource must be configured');
  const kmsNames = new Set<string>();
  const kms = (written: WrittenKms, path: string): Provider => {
    const checked = kmsConfig(written, path, kmsNames);
    if (!makeKms) throw new Error(`${path}: Forbidden: nobody can be asked here`);
    return makeKms(checked);
  };
  return config.resources.map(({ resources = [], providers = [] }, i) => {
    const path = `resources[${i}]`;
    if (resources.length === 0)
      throw new Error(`${path}.resources: Required value: at least one resource must be listed`);
    if (providers.length === 0)
      throw new Error(`${path}.providers: Required value: at least one provider must be listed`);
    return { resources, providers: providers.flatMap((one, j) => providersOf(one, `${path}.providers[${j}]`, kms)) };
  });
}

/** A provider with several keys is one for each key: the first of them seals. */
function providersOf(
  config: ProviderConfig,
  path: string,
  kms: (written: WrittenKms, path: string) => Provider,
): Provider[] {
  const [name = '', ...more] = Object.keys(config);
  if (!name || more.length > 0) throw new Error(`${path}: Invalid value: exactly one provider must be set`);
  if (name === 'identity') return [identity];
  if (name === 'kms') return [kms(config.kms ?? {}, `${path}.kms`)];
  const kind = keyed[name];
  if (!kind)
    throw new Error(`${path}.${name}: Unsupported value: supported values: aescbc, aesgcm, identity, kms, secretbox`);
  const keys = config[name]?.keys ?? [];
  if (keys.length === 0) throw new Error(`${path}.${name}.keys: Required value: at least one key must be listed`);
  const names = keys.map((key) => key.name);
  return keys.map(({ name: keyName, secret }, i) => {
    const at = `${path}.${name}.keys[${i}]`;
    if (!keyName || keyName.includes(':'))
      throw new Error(`${at}.name: Invalid value: a name without colons is needed`);
    if (names.indexOf(keyName) < i) throw new Error(`${at}.name: Duplicate value: ${JSON.stringify(keyName)}`);
    const bytes = Buffer.from(secret ?? '', 'base64');
    // Secrets are not shown.
    if (!kind.sizes.includes(bytes.length))
      throw new Error(
        `${at}.secret: Invalid value: "REDACTED": secret is not of the expected length, got ${bytes.length}, expected one of ${kind.sizes.join(', ')}`,
      );
    return kind.make(keyName, bytes);
  });
}

const defaultTimeout = '3s';

function kmsConfig(
  { apiVersion = 'v1', name, endpoint, timeout = defaultTimeout, cachesize }: WrittenKms,
  path: string,
  taken: Set<string>,
): KmsConfig {
  if (apiVersion !== 'v2')
    throw new Error(`${path}.apiVersion: Unsupported value: ${JSON.stringify(apiVersion)}: supported values: "v2"`);
  if (!name) throw new Error(`${path}.name: Required value: mandatory field name is missing`);
  if (name.includes(':'))
    throw new Error(
      `${path}.name: Invalid value: ${JSON.stringify(name)}: invalid KMS provider name ${name}, must not contain ':'`,
    );
  if (taken.has(name))
    throw new Error(
      `${path}.name: Invalid value: ${JSON.stringify(name)}: duplicate KMS provider name ${name}, names must be unique`,
    );
  taken.add(name);
  if (cachesize !== undefined)
    throw new Error(`${path}.cachesize: Invalid value: ${cachesize}: cachesize is not supported in v2`);
  if (!endpoint) throw new Error(`${path}.endpoint: Required value: endpoint is a required field`);
  if (!endpoint.startsWith('unix:///')) {
    const scheme = /^([a-z0-9+.-]*):/i.exec(endpoint)?.[1] ?? '';
    throw new Error(
      `${path}.endpoint: Invalid value: ${JSON.stringify(endpoint)}: unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`,
    );
  }
  return { name, endpoint, timeoutMs: timeoutOf(timeout, `${path}.timeout`) };
}

function timeoutOf(text: string, path: string): number {
  const wrong = (why: string) => new Error(`${path}: Invalid value: ${JSON.stringify(text)}: ${why}`);
  let ms: number;
  try {
    ms = durationMs(text);
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  if (!(ms > 0)) throw wrong('timeout should be a positive value');
  return ms;
}

/** The rule for a resource of the store (`secrets`, `deployments.apps`): the first that names it. */
export const ruleFor = (rules: readonly SealingRule[], resource: string): SealingRule | undefined =>
  rules.find(({ resources }) => resources.some((pattern) => names(pattern, resource)));

function names(pattern: string, resource: string): boolean {
  if (pattern === resource || pattern === '*.*') return true;
  if (!pattern.startsWith('*.')) return false;
  const dot = resource.indexOf('.');
  return (dot < 0 ? '' : resource.slice(dot + 1)) === pattern.slice('*.'.length);
}
