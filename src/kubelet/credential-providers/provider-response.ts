import { durationMs } from '../../base/duration.ts';

const keyTypes = ['Image', 'Registry', 'Global'] as const;

/** A CredentialProviderResponse of credentialprovider.kubelet.k8s.io. */
export interface ProviderResponse {
  /** For which images the answer holds. */
  cacheKeyType: (typeof keyTypes)[number];
  /** Milliseconds; absent: as long as the provider's configuration says. */
  cacheDuration?: number;
  /** By registry, or the beginning of a path there. */
  auth: Record<string, { username: string; password: string }>;
}

interface Written {
  kind?: string;
  apiVersion?: string;
  cacheKeyType?: string;
  cacheDuration?: string | null;
  auth?: Record<string, { username?: string; password?: string } | null> | null;
}

/** What a provider has said. Throws in words that have nothing of it: there may be passwords in it. */
export function responseOf(output: string, apiVersion: string): ProviderResponse {
  const written = parsed(output);
  if (written?.apiVersion !== apiVersion)
    throw new Error(
      `apiVersion from credential plugin response did not match expected apiVersion:${apiVersion}, actual apiVersion:${written?.apiVersion ?? ''}`,
    );
  if (written.kind !== 'CredentialProviderResponse') throw undecodable();
  const cacheKeyType = keyTypes.find((one) => one === written.cacheKeyType);
  if (!cacheKeyType)
    throw new Error(
      `credential provider plugin did not return a valid cacheKeyType: ${JSON.stringify(written.cacheKeyType ?? '')}`,
    );
  const auth: ProviderResponse['auth'] = {};
  for (const [location, one] of Object.entries(written.auth ?? {}))
    auth[location] = { username: one?.username ?? '', password: one?.password ?? '' };
  const { cacheDuration: duration } = written;
  return { cacheKeyType, auth, ...(duration ? { cacheDuration: milliseconds(duration) } : {}) };
}

const undecodable = () => new Error('error decoding credential provider plugin response from stdout');

function parsed(output: string): Written | undefined {
  try {
    return JSON.parse(output);
  } catch {
    throw undecodable();
  }
}

function milliseconds(duration: string): number {
  try {
    return durationMs(duration);
  } catch {
    throw undecodable();
  }
}
