import { createHmac } from 'node:crypto';
import type { Secret } from '../../api/generated/types.ts';
import { joinTokenPattern, joinTokenSecretName } from '../../pki/join-token.ts';

const prefix = 'jws-kubeconfig-';

/** When a token ends, in epoch milliseconds; undefined: never. A text that is no time ends it at once. */
export function expiryOf(secret: Secret): number | undefined {
  const text = field(secret, 'expiration');
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? 0 : ms;
}

/** What the cluster's public facts should be: the kubeconfig, and its signature by every token that signs. */
export function signedData(
  data: Readonly<Record<string, string>>,
  tokens: readonly Secret[],
  nowMs: number,
): Record<string, string> {
  const unsigned = Object.entries(data).filter(([name]) => !name.startsWith(prefix));
  const { kubeconfig } = data;
  const signatures = tokens.flatMap((secret) => {
    const token = signingToken(secret, nowMs);
    return token && kubeconfig !== undefined ? [[prefix + token.id, signature(kubeconfig, token)] as const] : [];
  });
  return Object.fromEntries([...unsigned, ...signatures]);
}

function signingToken(secret: Secret, nowMs: number): { id: string; key: string } | undefined {
  const [id = '', key = ''] = [field(secret, 'token-id'), field(secret, 'token-secret')];
  const isValid = joinTokenPattern.test(`${id}.${key}`) && secret.metadata.name === joinTokenSecretName(id);
  const signs = field(secret, 'usage-bootstrap-signing') === 'true' && !secret.metadata.deletionTimestamp;
  const ends = expiryOf(secret) ?? Number.POSITIVE_INFINITY;
  return isValid && signs && ends > nowMs ? { id, key } : undefined;
}

/** A JSON web signature without its content (RFC 7515, appendix F), HMAC with SHA-256: who holds the token can check it. */
function signature(content: string, { id, key }: { id: string; key: string }): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64url');
  const header = base64(JSON.stringify({ alg: 'HS256', kid: id }));
  const mac = createHmac('sha256', key)
    .update(`${header}.${base64(content)}`)
    .digest('base64url');
  return `${header}..${mac}`;
}

const field = ({ data }: Secret, name: string): string | undefined => {
  const value = data?.[name];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
};
