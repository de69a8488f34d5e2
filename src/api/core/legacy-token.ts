import type { Secret, ServiceAccount } from '../generated/types.ts';

/**
 * Tokens of service accounts that live in Secrets: they are made for whoever creates the Secret, name no audience and never
 * end, but with the Secret. Kubernetes has made none by itself since 1.24.
 */
export const tokenSecretType = 'kubernetes.io/service-account-token';
export const accountNameKey = 'kubernetes.io/service-account.name';
export const accountUidKey = 'kubernetes.io/service-account.uid';
/** A label: the day on which the token was used last. */
export const lastUsedKey = 'kubernetes.io/legacy-token-last-used';
/** A label: since when the token is no longer taken, because nobody used it. */
export const invalidSinceKey = 'kubernetes.io/legacy-token-invalid-since';
export const legacyIssuer = 'kubernetes/serviceaccount';

const claim = (name: string): string => `${legacyIssuer}/${name}`;

/** What the token of a Secret says (pkg/serviceaccount/legacy.go). */
export const legacyClaims = ({ metadata: account }: ServiceAccount, { metadata: secret }: Secret): object => ({
  iss: legacyIssuer,
  [claim('namespace')]: account.namespace,
  [claim('secret.name')]: secret.name,
  [claim('service-account.name')]: account.name,
  [claim('service-account.uid')]: account.uid,
  sub: `system:serviceaccount:${account.namespace}:${account.name}`,
});

export interface LegacyToken {
  namespace: string;
  secret: string;
  account: { name: string; uid: string };
}

/** The claims of such a token; undefined for those of another kind. */
export function legacyTokenOf(claims: Record<string, unknown>): LegacyToken | undefined {
  const text = (name: string): string => String(claims[claim(name)] ?? '');
  const token = {
    namespace: text('namespace'),
    secret: text('secret.name'),
    account: { name: text('service-account.name'), uid: text('service-account.uid') },
  };
  const subject = `system:serviceaccount:${token.namespace}:${token.account.name}`;
  return claims.iss === legacyIssuer && claims.sub === subject && token.secret ? token : undefined;
}

/** A ConfigMap in kube-system: since which day (`since`) the uses of these tokens are noted. */
export const trackingName = 'kube-apiserver-legacy-service-account-token-tracking';
