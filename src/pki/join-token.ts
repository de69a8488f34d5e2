import type { Secret } from '../api/generated/types.ts';
import type { Rng } from '../base/rng.ts';

/** A bootstrap token, `id.secret`: the id is public, the secret proves the right to join. */
export interface JoinToken {
  id: string;
  secret: string;
}

/** Six and sixteen lower-case letters or digits (Kubernetes bootstrap token format). */
export const joinTokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `rng` must be the machine's: the secret lets a node in. */
export function generateJoinToken(rng: Rng): JoinToken {
  return { id: randomText(rng, 6), secret: randomText(rng, 16) };
}

/** 252 is the largest multiple of 36 in a byte: above it a letter would be likelier than another. */
function randomText(rng: Rng, length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of rng.bytes(length - text.length)) if (byte < 252) text += alphabet[byte % 36];
  }
  return text;
}

export const joinTokenText = (token: JoinToken): string => `${token.id}.${token.secret}`;

export function parseJoinToken(text: string): JoinToken | undefined {
  const match = joinTokenPattern.exec(text);
  return match ? { id: match[1] as string, secret: match[2] as string } : undefined;
}

export const joinTokenSecretType = 'bootstrap.kubernetes.io/token';
export const joinTokenSecretName = (id: string): string => `bootstrap-token-${id}`;

/** The Secret in kube-system that makes a token valid, as kubeadm writes it. Without `expiresAtMs` it never ends. */
export function joinTokenSecret(
  token: JoinToken,
  options: { expiresAtMs?: number; description?: string } = {},
): Secret {
  const data: Record<string, string> = {
    'token-id': token.id,
    'token-secret': token.secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    ...(options.description ? { description: options.description } : {}),
    ...(options.expiresAtMs ? { expiration: new Date(options.expiresAtMs).toISOString().replace(/\.\d+Z$/, 'Z') } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: joinTokenSecretName(token.id), namespace: 'kube-system' },
    type: joinTokenSecretType,
    data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
  };
}
