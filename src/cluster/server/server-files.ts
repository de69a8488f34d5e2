import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterLayout } from '../layout.ts';

/**
 * Files that say how a server is to behave. Each is named by a flag of `knarr server`; without the flag it is the file of its
 * name in the cluster's `config` folder, where there is one: that is how a cluster which `up` or systemd starts has them.
 */
export const serverFiles = {
  admissionControlConfigFile: 'admission.yaml',
  auditPolicyFile: 'audit-policy.yaml',
  auditWebhookConfigFile: 'audit-webhook.yaml',
  authenticationConfig: 'authentication.yaml',
  authorizationConfig: 'authorization.yaml',
  authenticationTokenWebhookConfigFile: 'token-webhook.yaml',
  encryptionProviderConfig: 'encryption.yaml',
  schedulerConfig: 'scheduler.yaml',
  tokenAuthFile: 'tokens.csv',
} as const;

export type ServerFile = keyof typeof serverFiles;
export type ServerFileFlags = Partial<Record<ServerFile, string>>;

/** Where a file is, or would be. */
export const placeOf = (layout: ClusterLayout, flags: ServerFileFlags, file: ServerFile): string =>
  flags[file] ?? join(layout.configDir, serverFiles[file]);

/** The path of a file that is to be read; undefined: there is none. */
export function serverFilePath(layout: ClusterLayout, flags: ServerFileFlags, file: ServerFile): string | undefined {
  const path = placeOf(layout, flags, file);
  return flags[file] !== undefined || existsSync(path) ? path : undefined;
}

/** Reads a file and makes something of its text; undefined where there is none. Rejects with an Error that names the file. */
export async function fromServerFile<T>(
  at: { layout: ClusterLayout; flags: ServerFileFlags; file: ServerFile },
  parse: (text: string) => T,
): Promise<T | undefined> {
  const path = serverFilePath(at.layout, at.flags, at.file);
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8');
  try {
    return parse(text);
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
