import { readFileSync } from 'node:fs';
import type { AuthenticationOptions } from '../../apiserver/authn/authentication.ts';
import { jwtOfFlags, type OidcFlags, parseAuthenticationConfig } from '../../apiserver/authn/authentication-config.ts';
import { JwtAuthenticator } from '../../apiserver/authn/jwt.ts';
import { TokenFileAuthenticator } from '../../apiserver/authn/token-file.ts';
import { WebhookTokenAuthenticator } from '../../apiserver/authn/token-webhook.ts';
import { parseWebhookServer } from '../../apiserver/webhook/kubeconfig.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { ClusterLayout } from '../layout.ts';
import { followConfiguration } from './follow-files.ts';
import { fromServerFile, placeOf, type ServerFileFlags } from './server-files.ts';

/** kube-apiserver's flags of the same names. */
export interface AuthenticationFlags extends ServerFileFlags, OidcFlags {
  oidcCaFile?: string;
  /** `--no-anonymous-auth`: false. */
  anonymousAuth?: boolean;
}

const text = (path: string): string => readFileSync(path, 'utf8');

/**
 * Reads the files anew when they change, and hands over whom to believe from then on. A configuration that is wrong changes
 * nothing. The result ends it.
 */
export function followAuthentication(
  deps: { clock: Clock; log: Logger; metrics: Metrics },
  { layout, flags }: { layout: ClusterLayout; flags: AuthenticationFlags },
  configure: (options: AuthenticationOptions) => void,
): () => void {
  const paths = files.map((file) => placeOf(layout, flags, file));
  const read = async () => configure(await authenticationOptions(deps, layout, flags));
  return followConfiguration(deps, { what: 'authentication', stability: 'BETA' }, { paths, configure: read });
}

const files = ['authenticationConfig', 'authenticationTokenWebhookConfigFile', 'tokenAuthFile'] as const;

/** Whom a server believes besides those whom the cluster makes: by files and flags. */
export async function authenticationOptions(
  deps: { clock: Clock; log: Logger },
  layout: ClusterLayout,
  flags: AuthenticationFlags,
): Promise<AuthenticationOptions> {
  const at = { layout, flags };
  const tokens = await fromServerFile({ ...at, file: 'tokenAuthFile' }, (csv) => new TokenFileAuthenticator(csv));
  const config = await fromServerFile({ ...at, file: 'authenticationConfig' }, parseAuthenticationConfig);
  const server = await fromServerFile({ ...at, file: 'authenticationTokenWebhookConfigFile' }, (yaml) =>
    parseWebhookServer(yaml, text),
  );
  const single = jwtOfFlags(flags, flags.oidcCaFile ? text(flags.oidcCaFile) : undefined);
  if (single && config?.jwt.length)
    throw new Error('--oidc-issuer-url and issuers of an AuthenticationConfiguration exclude each other');
  if (config?.anonymous && flags.anonymousAuth === false)
    throw new Error(
      'anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
    );
  const issuers = [...(config?.jwt ?? []), ...(single ? [single] : [])];
  return {
    before: tokens ? [tokens] : [],
    after: [
      ...issuers.map((issuer) => new JwtAuthenticator(issuer, deps.clock)),
      ...(server ? [new WebhookTokenAuthenticator(deps, server)] : []),
    ],
    anonymous: config?.anonymous ?? { enabled: flags.anonymousAuth ?? true },
  };
}
