import { isImageName, repositoryOf } from './image-name.ts';
import { type Credential, credentialHash } from './keyring.ts';
import type { Coordinates, PullCredentials, PulledRecord, PullSecret } from './pulled-record.ts';

/** Which images of the node a pod may use only with credentials that have fetched them (KEP-2535). */
export const verificationPolicies = [
  'NeverVerify',
  'NeverVerifyPreloadedImages',
  'NeverVerifyAllowlistedImages',
  'AlwaysVerify',
] as const;

export interface AccessRule {
  policy: (typeof verificationPolicies)[number];
  /** Repositories, or their beginning with `/*`; means something for `NeverVerifyAllowlistedImages` alone. */
  allowlist: readonly string[];
}

export const defaultRule: AccessRule = { policy: 'NeverVerifyPreloadedImages', allowlist: [] };

/** What the node has written down of an image. */
export interface KnownOfImage {
  record?: PulledRecord | undefined;
  /** A pull has been begun of which nobody knows the end. */
  isBeingPulled: boolean;
}

/** `free`: all pods may use it. `closed`: none that does not fetch it itself. Else who has one of these credentials. */
export type Standing = 'free' | 'closed' | PullCredentials;

/** What is to be said of an image that is on the node before a pod's credentials are looked at. */
export function standingOf(image: string, { record, isBeingPulled }: KnownOfImage, rule: AccessRule): Standing {
  const isPreloaded = !record && !isBeingPulled;
  if (!mustVerify(image, isPreloaded, rule)) return 'free';
  const recorded = record?.credentialMapping[repositoryOf(image)];
  if (!recorded) return 'closed';
  return recorded.nodePodsAccessible ? 'free' : recorded;
}

function mustVerify(image: string, isPreloaded: boolean, { policy, allowlist }: AccessRule): boolean {
  if (policy === 'NeverVerify') return false;
  if (policy === 'NeverVerifyPreloadedImages') return !isPreloaded;
  if (policy === 'AlwaysVerify') return true;
  const repository = repositoryOf(image);
  return !allowlist.some((one) => (one.endsWith('/*') ? repository.startsWith(one.slice(0, -1)) : repository === one));
}

/** What an entry of the allowlist must be. Throws in words that say what is wrong with it. */
export function checkAllowlistEntry(entry: string): void {
  if (entry !== entry.trim()) throw new Error(`leading/trailing spaces are not allowed: ${entry}`);
  const name = entry.endsWith('/*') ? entry.slice(0, -1) : entry;
  if (name === '') throw new Error(`the supplied pattern is too short: ${entry}`);
  if (name.includes('*'))
    throw new Error(`not a valid wildcard pattern, only patterns ending with '/*' are allowed: ${entry}`);
  if (name === '/') throw new Error('at least registry hostname is required');
  if (name !== entry) return;
  if (!isImageName(entry)) throw new Error(`failed to parse as an image name: ${entry}`);
  if (repositoryOf(entry) !== entry)
    throw new Error(`neither tag nor digest is accepted in an image reference: ${entry}`);
}

/** As many secrets of one image are written down that were only compared: namespaces come and go. */
const learnedLimit = 100;

/**
 * Whether a pod has what fetched an image: the same credentials, or the same secret or service account. `learned` is a
 * secret that is to be written down: it goes on counting when the other one, or what is in it, is gone.
 */
export function matchOf(
  { kubernetesSecrets: recorded = [], kubernetesServiceAccounts: accounts = [] }: PullCredentials,
  own: readonly Credential[],
): { matches: boolean; learned?: PullSecret } {
  const mayLearn = recorded.length < learnedLimit;
  for (const secret of own.flatMap(secretOf)) {
    for (const one of recorded) {
      const hasHash = one.credentialHash !== '' && one.credentialHash === secret.credentialHash;
      const isSame = isSameObject(one, secret);
      if (!hasHash && !(isSame && mayLearn)) continue;
      return { matches: true, ...(mayLearn && hasHash !== isSame ? { learned: secret } : {}) };
    }
  }
  // A pod speaks for one service account only.
  const account = own.flatMap(({ source }) => (source && 'serviceAccount' in source ? source.serviceAccount : []))[0];
  return { matches: account !== undefined && accounts.some((one) => isSameObject(one, account)) };
}

/** What a pull shows that succeeded with a credential, or without any. */
export function shownBy(credential: Credential | undefined): PullCredentials {
  const { source } = credential ?? {};
  if (!credential || !source) return { nodePodsAccessible: true };
  return 'secret' in source
    ? { kubernetesSecrets: secretOf(credential) }
    : { kubernetesServiceAccounts: [source.serviceAccount] };
}

const secretOf = ({ auth, source }: Credential): PullSecret[] =>
  source && 'secret' in source ? [{ ...source.secret, credentialHash: credentialHash(auth) }] : [];

const isSameObject = (a: Coordinates, b: Coordinates): boolean =>
  a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;
