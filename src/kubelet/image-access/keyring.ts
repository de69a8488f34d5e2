import { createHash } from 'node:crypto';
import type { AuthConfig } from '../../api/generated/cri.ts';
import type { Secret } from '../../api/generated/types.ts';
import { ConfigError } from '../config/config-error.ts';
import { defaultRegistry, repositoryOf } from './image-name.ts';
import type { Coordinates } from './pulled-record.ts';

/** What a registry may be shown for a pod. */
export interface Credential {
  auth: AuthConfig;
  /** Whose it is; absent: the node's own, good for all its pods. */
  source?: { secret: Coordinates } | { serviceAccount: Coordinates };
}

interface DockerAuth {
  username?: string;
  password?: string;
  auth?: string;
}

/** A credential, and what it is for: a registry, or the beginning of a path there, as docker writes it. */
export interface LocatedCredential {
  location: string;
  credential: Credential;
}

/** What tells credentials apart in records, without telling them. */
export const credentialHash = ({ username, password }: AuthConfig): string =>
  createHash('sha256').update(JSON.stringify({ username, password })).digest('hex');

/**
 * Those that are for an image, in the order of upstream's keyring: by registry and the beginning of the path, `*` for a part
 * of the registry's name, the longer path first.
 */
export function credentialsFor(image: string, located: readonly LocatedCredential[]): Credential[] {
  const repository = repositoryOf(image);
  const entries = located
    .map(({ location, credential }) => ({ key: keyOf(location), credential }))
    .toSorted((a, b) => Number(a.key < b.key) - Number(a.key > b.key));
  const found = entries.filter(({ key }) => matchesImage(key, repository));
  // What docker writes for its own registry is named otherwise than its images.
  const isDefault = found.length === 0 && repository.startsWith(`${defaultRegistry}/`);
  const chosen = isDefault ? entries.filter(({ key }) => key === 'index.docker.io') : found;
  return chosen.map(({ credential }) => credential);
}

/** Whether a pattern such as `*.registry.io:5000/team` is for a repository. */
export function matchesImage(pattern: string, repository: string): boolean {
  const [wanted, is] = [partsOf(pattern), partsOf(repository)];
  return (
    wanted.port === is.port &&
    wanted.labels.length === is.labels.length &&
    is.path.startsWith(wanted.path) &&
    wanted.labels.every((label, at) => matchesLabel(label, is.labels[at] ?? ''))
  );
}

function partsOf(url: string): { labels: string[]; port: string; path: string } {
  const [, host = '', port = '', path = ''] = /^([^/:]*)(?::([^/]*))?(\/.*)?$/.exec(url) ?? [];
  return { labels: host.split('.'), port, path };
}

const matchesLabel = (pattern: string, label: string): boolean =>
  new RegExp(`^${pattern.replace(/[^\w*]/g, '\\$&').replaceAll('*', '.*')}$`).test(label);

/** `https://registry/v1/team` as `registry/team`. */
function keyOf(location: string): string {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(\/.*)?$/.exec(location) ?? [];
  const own = path.replace(/^\/v[12]\//, '/');
  return own === '/' ? host : `${host}${own}`;
}

/** The credentials in a pod's secret. Throws `ConfigError` for what is malformed. */
export function locatedIn(secret: Secret): LocatedCredential[] {
  const { uid = '', namespace = '', name } = secret.metadata;
  return Object.entries(authsOf(secret)).map(([location, auth]) => ({
    location,
    credential: { auth: authConfigOf(auth), source: { secret: { uid, namespace, name } } },
  }));
}

/** What a secret of type kubernetes.io/dockerconfigjson, or the older dockercfg, has; other secrets have nothing. */
function authsOf(secret: Secret): Record<string, DockerAuth> {
  const { type, data } = secret;
  const object = (key: string) => JSON.parse(Buffer.from(data?.[key] ?? '', 'base64').toString() || '{}');
  try {
    if (type === 'kubernetes.io/dockerconfigjson') return object('.dockerconfigjson').auths ?? {};
    return type === 'kubernetes.io/dockercfg' ? object('.dockercfg') : {};
  } catch (error) {
    throw new ConfigError(`secret "${secret.metadata.name}" is not a docker configuration: ${String(error)}`);
  }
}

function authConfigOf({ username = '', password = '', auth }: DockerAuth): AuthConfig {
  if (!auth) return { username, password };
  const [user = '', ...words] = Buffer.from(auth, 'base64').toString().split(':');
  return { username: user, password: words.join(':') };
}
