import { parseAdmissionConfig } from '../../apiserver/admission/pod-security/pod-security-config.ts';
import type { ApiServer, ApiServerOptions } from '../../apiserver/api-server.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ClusterLayout } from '../layout.ts';
import { type AuditFlags, auditConfig } from './audit-config.ts';
import { type AuthenticationFlags, authenticationOptions, followAuthentication } from './authentication-options.ts';
import { fromServerFile } from './server-files.ts';

/** What of a person's files is read again while the server runs: whom it believes. The result ends it. */
export const followConfiguration = (
  { clock, log, api }: { clock: Clock; log: Logger; api: ApiServer },
  layout: ClusterLayout,
  flags: ConfigurationFlags,
): (() => void) =>
  followAuthentication({ clock, log, metrics: api.context.metrics.metrics }, { layout, flags }, (options) =>
    api.context.authentication.configure(options),
  );

/** Flags of `knarr server` that are kube-apiserver's. */
export type ConfigurationFlags = AuditFlags & AuthenticationFlags;

/** What a person has said of a server, by files and flags. */
export async function configuredOptions(
  deps: { clock: Clock; log: Logger },
  layout: ClusterLayout,
  flags: ConfigurationFlags,
): Promise<Pick<ApiServerOptions, 'audit' | 'podSecurity' | 'authentication'>> {
  const audit = await auditConfig(deps, layout, flags);
  const podSecurity = await fromServerFile({ layout, flags, file: 'admissionControlConfigFile' }, parseAdmissionConfig);
  return {
    authentication: await authenticationOptions(deps, layout, flags),
    ...(audit ? { audit } : {}),
    ...(podSecurity ? { podSecurity } : {}),
  };
}
