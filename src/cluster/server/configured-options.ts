import { readFileSync } from 'node:fs';
import { parseAdmissionConfig } from '../../apiserver/admission/admission-config.ts';
import { type PluginOptions, pluginsWith } from '../../apiserver/admission/plugins.ts';
import type { ApiServer, ApiServerOptions } from '../../apiserver/api-server.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ClusterLayout } from '../layout.ts';
import { type AuditFlags, auditConfig } from './audit-config.ts';
import { type AuthenticationFlags, authenticationOptions, followAuthentication } from './authentication-options.ts';
import { checkAuthorization, followAuthorization } from './authorization-options.ts';
import { fromServerFile } from './server-files.ts';

/**
 * What of a person's files is read again while the server runs: whom it believes, and whom it asks what they may do. The result ends
 * it. To be called before the server listens.
 */
export async function followConfiguration(
  { clock, log, api }: { clock: Clock; log: Logger; api: ApiServer },
  layout: ClusterLayout,
  flags: ConfigurationFlags,
): Promise<() => void> {
  const { authorizer, authentication, metrics } = api.context;
  const deps = { clock, log, metrics: metrics.metrics };
  const stops = [
    await followAuthorization({ ...deps, authorizer }, { layout, flags }),
    followAuthentication(deps, { layout, flags }, (options) => authentication.configure(options)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Flags of `knarr server` that are kube-apiserver's. */
export type ConfigurationFlags = AuditFlags & AuthenticationFlags & AdmissionFlags;

interface AdmissionFlags {
  /** Names with commas between. */
  enableAdmissionPlugins?: string;
  disableAdmissionPlugins?: string;
}

/** What a person has said of a server, by files and flags. */
export async function configuredOptions(
  deps: { clock: Clock; log: Logger },
  layout: ClusterLayout,
  flags: ConfigurationFlags,
): Promise<Pick<ApiServerOptions, 'audit' | 'admission' | 'authentication' | 'program'>> {
  await checkAuthorization({ layout, flags });
  const audit = await auditConfig(deps, layout, flags);
  const admission = await admissionOptions(layout, flags);
  return {
    authentication: await authenticationOptions(deps, layout, flags),
    ...(audit ? { audit } : {}),
    admission,
    program: { flags: shownFlags(flags), runtime: `node ${process.version}` },
  };
}

/** Flags as they were written, without those that were not: `--audit-log-maxsize 5` is `audit-log-maxsize`, `5`. */
export const shownFlags = (flags: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) =>
      value === undefined ? [] : [[written(name), Array.isArray(value) ? `[${value.join(',')}]` : String(value)]],
    ),
  );

const written = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const readText = (path: string): string => readFileSync(path, 'utf8');
const listed = (names: string | undefined): string[] => (names ?? '').split(',').filter((name) => name !== '');

/** Rejects with an Error that says what is wrong, before anything is started. */
async function admissionOptions(layout: ClusterLayout, flags: ConfigurationFlags): Promise<PluginOptions> {
  const at = { layout, flags, file: 'admissionControlConfigFile' } as const;
  const options: PluginOptions = {
    enabled: listed(flags.enableAdmissionPlugins),
    disabled: listed(flags.disableAdmissionPlugins),
    configurations: await fromServerFile(at, (text) => parseAdmissionConfig(text, readText)),
  };
  pluginsWith(options, { resourceOf: () => undefined, readFile: readText });
  return options;
}
