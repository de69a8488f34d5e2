import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { qualifiedName } from '../../api/meta/name-format.ts';
import { durationMs } from '../../base/duration.ts';

/** Where a provider wants to know for whom an image is (KEP-4412). */
export interface TokenAttributes {
  serviceAccountTokenAudience: string;
  /** Whose credentials are kept: for all pods of a service account, or for one token. */
  cacheType: 'ServiceAccount' | 'Token';
  requireServiceAccount: boolean;
  requiredServiceAccountAnnotationKeys?: string[];
  optionalServiceAccountAnnotationKeys?: string[];
}

/** A provider of a CredentialProviderConfig of kubelet.config.k8s.io (KEP-2133). */
export interface ProviderConfig {
  name: string;
  matchImages: string[];
  /** Milliseconds; 0: nothing is kept that does not say for how long. */
  defaultCacheDuration: number;
  /** Of what it is told and answers. */
  apiVersion: string;
  args?: string[];
  env?: { name: string; value: string }[];
  tokenAttributes?: TokenAttributes;
}

export interface InstalledProvider extends ProviderConfig {
  program: string;
}

type Written = Partial<Omit<ProviderConfig, 'defaultCacheDuration' | 'tokenAttributes'>> & {
  defaultCacheDuration?: string;
  tokenAttributes?: Partial<TokenAttributes>;
};

const configVersions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `kubelet.config.k8s.io/${version}`);
const stableVersion = 'credentialprovider.kubelet.k8s.io/v1';
const providerVersions = [stableVersion, `${stableVersion}alpha1`, `${stableVersion}beta1`];
const cacheTypes = ['ServiceAccount', 'Token'];

/** A CredentialProviderConfig as it is written. Throws with all that is wrong, in upstream's words. */
export function providersOf(document: { kind?: string; apiVersion?: string; providers?: Written[] }): ProviderConfig[] {
  const { kind, apiVersion = '', providers } = document ?? {};
  if (kind !== 'CredentialProviderConfig' || !configVersions.includes(apiVersion))
    throw new Error('it must be a CredentialProviderConfig of kubelet.config.k8s.io/v1');
  const all = Array.isArray(providers) ? providers : [];
  const wrong = all.length === 0 ? ['providers: Required value: at least 1 item in plugins is required'] : [];
  all.forEach((provider, at) => {
    wrong.push(...nameComplaints(provider.name), ...complaints(provider));
    if (all.findIndex(({ name }) => name === provider.name) < at)
      wrong.push(`providers.name: Duplicate value: ${JSON.stringify(provider.name)}`);
  });
  if (wrong.length > 0) throw new Error(`failed to validate credential provider config: [${wrong.join(', ')}]`);
  return all.map(({ defaultCacheDuration = '', ...provider }) => ({
    ...(provider as Omit<ProviderConfig, 'defaultCacheDuration'>),
    defaultCacheDuration: durationMs(defaultCacheDuration),
  }));
}

function nameComplaints(name: unknown): string[] {
  const invalid = (why: string) => [`providers.name: Invalid value: ${JSON.stringify(name)}: provider name ${why}`];
  if (typeof name !== 'string' || name === '') return ['providers.name: Required value'];
  if (name.includes('/')) return invalid("cannot contain '/'");
  if (name.includes(' ')) return invalid('cannot contain spaces');
  return name === '.' || name === '..' ? invalid(`cannot be '${name}'`) : [];
}

function complaints({ apiVersion, matchImages, defaultCacheDuration, tokenAttributes, ...program }: Written): string[] {
  const wrong = programComplaints(program);
  if (!apiVersion) wrong.push('providers.apiVersion: Required value');
  else if (!providerVersions.includes(apiVersion))
    wrong.push(unsupported('providers.apiVersion', apiVersion, providerVersions));
  if (!isTexts(matchImages) || matchImages.length === 0)
    wrong.push('providers.matchImages: Required value: at least 1 item in matchImages is required');
  if (defaultCacheDuration === undefined) wrong.push('providers.defaultCacheDuration: Required value');
  else if (!isDuration(defaultCacheDuration))
    wrong.push(`providers.defaultCacheDuration: Invalid value: ${JSON.stringify(defaultCacheDuration)}`);
  if (tokenAttributes) {
    if (apiVersion !== stableVersion)
      wrong.push(
        `providers.tokenAttributes: Forbidden: tokenAttributes is only supported for ${stableVersion} API version`,
      );
    wrong.push(...tokenComplaints(tokenAttributes).map((one) => `providers.tokenAttributes${one}`));
  }
  return wrong;
}

function programComplaints({ args = [], env = [] }: Written): string[] {
  const wrong: string[] = [];
  if (!isTexts(args)) wrong.push('providers.args: Invalid value: it must be a list of strings');
  if (!Array.isArray(env) || !env.every(({ name, value }) => isTexts([name, value])))
    wrong.push('providers.env: Invalid value: each must have a name and a value');
  return wrong;
}

function tokenComplaints(attributes: Partial<TokenAttributes>): string[] {
  const { serviceAccountTokenAudience, requireServiceAccount, cacheType } = attributes;
  const { requiredServiceAccountAnnotationKeys: required = [] } = attributes;
  const { optionalServiceAccountAnnotationKeys: optional = [] } = attributes;
  const wrong: string[] = [];
  if (!serviceAccountTokenAudience) wrong.push('.serviceAccountTokenAudience: Required value');
  if (requireServiceAccount === undefined) wrong.push('.requireServiceAccount: Required value');
  if (requireServiceAccount === false && required.length > 0)
    wrong.push(
      '.requiredServiceAccountAnnotationKeys: Forbidden: requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set',
    );
  for (const key of [...required, ...optional])
    for (const why of qualifiedName(key.toLowerCase())) wrong.push(`: Invalid value: ${JSON.stringify(key)}: ${why}`);
  const both = required.filter((key) => optional.includes(key));
  if (both.length > 0)
    wrong.push(`: Invalid value: ${JSON.stringify(both)}: annotation keys cannot be both required and optional`);
  if (!cacheType)
    wrong.push(
      `.cacheType: Required value: cacheType is required to be set when tokenAttributes is specified. Supported values are: ${cacheTypes.join(', ')}`,
    );
  else if (!cacheTypes.includes(cacheType)) wrong.push(unsupported('.cacheType', cacheType, cacheTypes));
  return wrong;
}

const unsupported = (field: string, value: string, supported: readonly string[]): string =>
  `${field}: Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((one) => `"${one}"`).join(', ')}`;

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

function isDuration(text: string): boolean {
  try {
    return durationMs(String(text)) >= 0;
  } catch {
    return false;
  }
}

/**
 * Reads `config.yaml` of a folder that has the programs of its providers, too; a folder that is not there has none. Rejects
 * with the file's name and what is wrong.
 */
export async function readCredentialProviders(folder: string): Promise<InstalledProvider[]> {
  const file = join(folder, 'config.yaml');
  const found = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return [];
  try {
    const { parse } = await import('yaml');
    const providers = providersOf(parse(found)).map((one) => ({ ...one, program: join(folder, one.name) }));
    for (const { program } of providers) {
      await access(program, constants.X_OK).catch(() => {
        throw new Error(`plugin binary executable ${program} did not exist`);
      });
    }
    return providers;
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
